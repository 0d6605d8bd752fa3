"""Does sharpening bring images nearer to photographs, or does it only lower the distance in one network's features?

    VAELIB_DATA=... python -m benchmarks.sharpening --epochs 5 --seed 1

The script measures the images of the shipped models of CelebA, plain and sharpened, in the features of three networks,
which the record calls judges: the attribute classifier that `vaelib evaluate` uses, one of other layers that is trained
here from other random weights, and one that is not trained at all. Images with white noise, which makes no picture
better, are measured as well. The noise costs the same squared error as sharpening. If noise also lowers the distances
in the features of a network, then its result on sharpened images says little.
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
from vaelib.runs import classifier, evaluation
from vaelib.sharpening import Sharpener
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write, require_folder_of

RECORD = Path(__file__).parent / "recorded" / "sharpening.json"
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
        raise UserError(f"epochs is {arguments.epochs}: the other judge needs at least 1 to learn anything.")
    record = measure(arguments.epochs, arguments.seed)
    with atomic_write(arguments.output) as unfinished:
        unfinished.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, judge in record["judges"].items():
        print(name, *(f"  {title}: {distance:.3g}" for title, distance in judge["distances"].items()), sep="\n")


def measure(epochs: int, seed: int) -> dict:
    """The record: Fréchet distances of every set of images to the held-out ones, for every network."""
    train, valid = (data.load("celeba", classifier.IMAGE_SIZE, split) for split in ("train", "valid"))
    held_out = valid.subset(evaluation.MOST_IMAGES)
    started = time.perf_counter()
    judges = judges_of(train, valid, epochs, seed)
    extractors = {name: partial(classifier.features, network) for name, (network, _) in judges.items()}
    features = evaluation.features_of(extractors, evaluation.real_sets(train, held_out))
    noise = {}
    for name in MODELS:
        noise[name], images = generated(name, held_out, seed)
        made = evaluation.features_of(extractors, images)
        features = {judge: features[judge] | made[judge] for judge in judges}
    return {
        "protocol": evaluation.protocol(held_out),
        "seed": seed,
        "epochs": epochs,
        "noise": noise,
        "judges": {
            name: {"about": about, "distances": distances(features[name])} for name, (_, about) in judges.items()
        },
        "seconds": time.perf_counter() - started,
        "hardware": devices.hardware(),
        "versions": {"torch": version("torch")},
    }


def judges_of(
    train: data.Dataset, valid: data.Dataset, epochs: int, seed: int
) -> dict[str, tuple[classifier.AttributeNetwork, str]]:
    """The networks by name, each with a description."""
    torch.manual_seed(seed)
    other = classifier.AttributeNetwork(train.attribute_names, OTHER_CHANNELS)
    history = train_classifier.fit(other, train, valid, epochs=epochs, seed=seed, progress=False)
    accuracy = history["valid_accuracy"].iloc[-1]
    untrained = classifier.AttributeNetwork(train.attribute_names).eval()
    return {
        classifier.SHIPPED.name: (classifier.load(), "the network that `vaelib evaluate` asks"),
        "another network": (
            other.eval(),
            f"trained on the same labels from other random weights, channels {', '.join(map(str, OTHER_CHANNELS))}, "
            f"{epochs} epochs, which agrees with {100 * accuracy:.3g} % of the labels",
        ),
        "an untrained network": (untrained, f"the layers of {classifier.SHIPPED.name} with random weights"),
    }


def generated(name: str, held_out: data.Dataset, seed: int) -> tuple[float, Iterator[tuple[str, Tensor]]]:
    """The standard deviation of the noise for a shipped model, and its sets of images by name.

    The sets are reconstructions and samples, each as decoded, sharpened, and with noise.
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


def distances(features: dict[str, Tensor]) -> dict[str, float]:
    """The Fréchet distance of every set to the held-out images, by its name."""
    held_out = features[evaluation.HELD_OUT]
    return {
        title: metrics.frechet_distance(seen, held_out)
        for title, seen in features.items()
        if title != evaluation.HELD_OUT
    }


if __name__ == "__main__":
    main()
