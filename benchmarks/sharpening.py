"""Does sharpening bring images nearer to photographs, or does it only lower the distance in one network's features?

    VAELIB_DATA=... python -m benchmarks.sharpening --epochs 5 --seed 1

The script measures the images of the shipped models of CelebA in the features of four networks: the attribute
classifier that `vaelib evaluate` uses, one of other layers that is trained here from other random weights, one that is
not trained at all, and EfficientNet-Lite0, which was trained on ImageNet by others and never saw CelebA. The images are
plain, sharpened by the model's filter, sharpened by an unsharp mask (the baseline), and plain with white noise (the
control). Noise makes no picture better, and this noise costs as much squared error as sharpening. If noise also lowers
the distances in the features of a network, then its result on sharpened images says little.

Needs the extra `evaluate`: pip install '.[evaluate]'
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from release import train_classifier
from vaelib import data, latent, metrics, runs
from vaelib.runs import classifier, evaluation, imagenet
from vaelib.runs.features import Extractor, features_of
from vaelib.sharpening import Sharpener, unsharp_mask
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write, require_folder_of

RECORD = Path(__file__).parent / "recorded" / "sharpening.json"
IMAGENET = "EfficientNet-Lite0"
OTHER_CHANNELS = (24, 48, 96, 192, 384)  # of the classifier that is trained here
MODELS = {"celeba64": "flow", "celeba64-common-recipe": "gmm"}  # and the prior that each is sampled from


def main() -> None:
    run_program("sharpening", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure sharpened images in the features of several networks.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the networks that are not shipped, and of the noise")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    """Train the other classifier, measure with all networks, write the record, print the distances."""
    require_folder_of(arguments.output)
    if arguments.epochs < 1:
        raise UserError(f"epochs is {arguments.epochs}: the other network needs at least 1 to learn anything.")
    if not imagenet.installed():
        raise UserError(f"{imagenet.MISSING}.")
    record = measure(arguments.epochs, arguments.seed)
    with atomic_write(arguments.output) as unfinished:
        unfinished.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, network in record["networks"].items():
        found = {
            title: metrics.Estimate(value, network["errors"][title]) for title, value in network["distances"].items()
        }
        print(name, *(f"  {title}: {distance}" for title, distance in found.items()), sep="\n")


def measure(epochs: int, seed: int) -> dict:
    """The record: Fréchet and kernel distances of every set of images to the held-out ones, for every network."""
    train, valid = (data.load("celeba", classifier.IMAGE_SIZE, split) for split in ("train", "valid"))
    held_out = valid.subset(evaluation.MOST_IMAGES)
    started = time.perf_counter()
    networks = networks_of(train, valid, epochs, seed)
    extractors = {name: extract for name, (extract, _) in networks.items()}
    features = features_of(extractors, evaluation.real_sets(train, held_out))
    noise = {}
    for name in MODELS:
        noise[name], images = generated(name, held_out, seed)
        made = features_of(extractors, images)
        features = {network: features[network] | made[network] for network in networks}
    return {
        "protocol": evaluation.protocol(held_out),
        "seed": seed,
        "epochs": epochs,
        "noise": noise,
        "networks": {name: {"about": about} | distances(features[name]) for name, (_, about) in networks.items()},
        "seconds": time.perf_counter() - started,
        "hardware": devices.hardware(),
        "versions": {"torch": version("torch")},
    }


def networks_of(train: data.Dataset, valid: data.Dataset, epochs: int, seed: int) -> dict[str, tuple[Extractor, str]]:
    """The networks by name, as functions from images to features, each with a description."""
    torch.manual_seed(seed)
    other = classifier.AttributeNetwork(train.attribute_names, OTHER_CHANNELS)
    history = train_classifier.fit(other, train, valid, epochs=epochs, seed=seed, progress=False)
    accuracy = history["valid_accuracy"].iloc[-1]
    untrained = classifier.AttributeNetwork(train.attribute_names).eval()
    return {
        classifier.SHIPPED.name: (partial(classifier.features, classifier.load()), "the attribute classifier"),
        "another network": (
            partial(classifier.features, other.eval()),
            f"trained on the same labels from other random weights, channels {', '.join(map(str, OTHER_CHANNELS))}, "
            f"{epochs} epochs, accuracy {100 * accuracy:.3g} %",
        ),
        "an untrained network": (
            partial(classifier.features, untrained),
            f"the layers of {classifier.SHIPPED.name} with random weights",
        ),
        IMAGENET: (imagenet.load(), "trained on ImageNet by others, without a face of CelebA"),
    }


def generated(name: str, held_out: data.Dataset, seed: int) -> tuple[float, Iterator[tuple[str, Tensor]]]:
    """The standard deviation of the noise for a shipped model, and its sets of images by name.

    The sets are reconstructions and samples, each as decoded, sharpened, after an unsharp mask, and with noise.
    """
    run, prior = runs.load(name), MODELS[name]
    x, x_hat = data.all_images(held_out), latent.reconstruct_all(run.model, held_out)
    sharpener = run.statistics.sharpener
    strength = noise_at_the_same_price(x, x_hat, sharpener)
    decoded = {
        evaluation.RECONSTRUCTIONS: x_hat,
        evaluation.samples_of(prior): latent.sample_all(run.model, len(x), run.statistics.prior(prior)),
    }

    def variants() -> Iterator[tuple[str, Tensor]]:
        for title, images in decoded.items():
            yield f"{name}: {title}", images
            yield f"{name}: {title}, sharpened", sharpener(images)
            yield f"{name}: {title}, unsharp mask", unsharp_mask(images)
            yield f"{name}: {title}, noise at the same price", with_noise(images, strength, seed)

    return strength, variants()


def noise_at_the_same_price(x: Tensor, x_hat: Tensor, sharpener: Sharpener) -> float:
    """The standard deviation of white noise that adds as much squared error to reconstructions as sharpening does."""
    plain, sharpened = ((x - decoded).square().mean() for decoded in (x_hat, sharpener(x_hat)))
    return (sharpened - plain).clamp(min=0).sqrt().item()


def with_noise(images: Tensor, strength: float, seed: int) -> Tensor:
    """The images with white noise of that standard deviation, clipped to [0, 1]."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + strength * noise).clamp(0, 1)


def distances(features: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    """The distances of every set to the held-out images with their standard errors, by its name.

    distances and errors are those of the Fréchet distance, kernel and kernel_errors those of the kernel distance.
    Reconstructions are compared with other images than their own.
    """
    results: dict[str, dict[str, float]] = {"distances": {}, "errors": {}, "kernel": {}, "kernel_errors": {}}
    for title, seen in features.items():
        if title == evaluation.HELD_OUT:
            continue
        paired, real = evaluation.RECONSTRUCTIONS in title, features[evaluation.HELD_OUT]
        results["distances"][title], results["errors"][title] = metrics.estimate(
            metrics.frechet_distance, seen, real, paired=paired
        )
        results["kernel"][title], results["kernel_errors"][title] = metrics.estimate(
            metrics.kernel_distance, seen, real, paired=paired
        )
    return results


if __name__ == "__main__":
    main()
