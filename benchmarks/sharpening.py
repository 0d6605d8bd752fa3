"""Does sharpening bring images nearer to photographs, or does it only please one network?

    VAELIB_DATA=... python benchmarks/sharpening.py --epochs 5 --seed 1

Judges what the shipped models of CelebA paint, plain and sharpened, by several networks: the attribute network that
`vaelib evaluate` asks, one of other layers that is trained here from other random weights, and one that has not been
trained at all. White noise, which makes no picture better, is judged beside them, as much of it as costs the same
squared error: where a judge applauds that as well, its applause for sharp images says little.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from vaelib import attributes, checkpoints, comparison, data, evaluation, metrics, runs
from vaelib.errors import UserError
from vaelib.files import atomic_write, require_folder_of
from vaelib.sharpening import Sharpener

RECORD = Path(__file__).parent / "recorded" / "sharpening.json"
OTHER_CHANNELS = (24, 48, 96, 192, 384)  # of the judge that is trained here
MODELS = {"celeba64": "flow", "celeba64-common-recipe": "gmm"}  # and the prior that each is sampled from


def main() -> None:
    """Train the other judge, ask all of them, write the record."""
    arguments = parse_arguments()
    try:
        require_folder_of(arguments.output)
        if arguments.epochs < 1:
            raise UserError(f"epochs is {arguments.epochs}: the other judge needs at least 1 to learn anything.")
        record = judged(arguments.epochs, arguments.seed)
    except UserError as error:
        print(f"sharpening: {error}", file=sys.stderr)
        sys.exit(2)
    with atomic_write(arguments.output) as partial_file:
        partial_file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, judge in record["judges"].items():
        print(name, *(f"  {title}: {distance:.3g}" for title, distance in judge["distances"].items()), sep="\n")


def parse_arguments() -> argparse.Namespace:
    """For how long to train the other judge."""
    parser = argparse.ArgumentParser(description="Sharpened images before several judges.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the judges that are not shipped, and of the noise")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def judged(epochs: int, seed: int) -> dict:
    """The Fréchet distances of every set of images to the held-out ones, by every judge."""
    train, valid = (data.load("celeba", attributes.IMAGE_SIZE, split) for split in ("train", "valid"))
    held_out = valid.subset(evaluation.MOST_IMAGES)
    started = time.perf_counter()
    judges = judges_of(train, valid, epochs, seed)
    extractors = {name: partial(attributes.features, network) for name, (network, _) in judges.items()}
    noise: dict[str, float] = {}
    features = evaluation.features_of(extractors, image_sets(train, held_out, seed, noise))
    return {
        "setting": evaluation.setting(held_out),
        "seed": seed,
        "epochs": epochs,
        "noise": noise,
        "judges": {
            name: {"about": about, "distances": distances(features[name])} for name, (_, about) in judges.items()
        },
        "seconds": time.perf_counter() - started,
        "hardware": runs.hardware(),
        "versions": {"torch": version("torch")},
    }


def judges_of(
    train: data.Dataset, valid: data.Dataset, epochs: int, seed: int
) -> dict[str, tuple[attributes.AttributeNetwork, str]]:
    """The networks by name, each with what it is."""
    torch.manual_seed(seed)
    other = attributes.AttributeNetwork(train.attribute_names, OTHER_CHANNELS)
    history = attributes.fit(other, train, valid, epochs=epochs, seed=seed, progress=False)
    accuracy = history["valid_accuracy"].iloc[-1]
    untrained = attributes.AttributeNetwork(train.attribute_names).eval()
    return {
        attributes.SHIPPED.name: (attributes.load(), "the network that `vaelib evaluate` asks"),
        "another network": (
            other.eval(),
            f"trained on the same labels from other random weights, channels {', '.join(map(str, OTHER_CHANNELS))}, "
            f"{epochs} epochs, which agrees with {100 * accuracy:.3g} % of the labels",
        ),
        "an untrained network": (untrained, f"the layers of {attributes.SHIPPED.name} with random weights"),
    }


def image_sets(
    train: data.Dataset, held_out: data.Dataset, seed: int, noise: dict[str, float]
) -> Iterator[tuple[str, Tensor]]:
    """Real images; then of each model its reconstructions and samples, as they are, sharpened, and with noise.

    `noise` is told the standard deviation that was given to the images of each model.
    """
    x = evaluation.all_images(held_out)
    yield comparison.HELD_OUT, x
    yield comparison.TRAINING, evaluation.all_images(train.subset(len(x)))
    for name, prior in MODELS.items():
        model, statistics = checkpoints.load(name), checkpoints.load_statistics(name)
        x_hat = evaluation.reconstruct_all(model, held_out)
        noise[name] = noise_at_the_same_price(x, x_hat, statistics.sharpener)
        painted = {
            comparison.RECONSTRUCTIONS: x_hat,
            comparison.samples_of(prior): evaluation.sample_all(model, len(x), statistics.priors[prior]),
        }
        for title, images in painted.items():
            yield f"{name}: {title}", images
            yield f"{name}: {title}, sharpened", statistics.sharpener(images)
            yield f"{name}: {title}, noise at the same price", with_noise(images, noise[name], seed)


def noise_at_the_same_price(x: Tensor, x_hat: Tensor, sharpener: Sharpener) -> float:
    """The standard deviation of white noise that costs reconstructions as much squared error as sharpening does."""
    plain, sharpened = ((x - painted).square().mean() for painted in (x_hat, sharpener(x_hat)))
    return (sharpened - plain).clamp(min=0).sqrt().item()


def with_noise(images: Tensor, strength: float, seed: int) -> Tensor:
    """The images with white noise of that standard deviation, clipped to [0, 1]."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + strength * noise).clamp(0, 1)


def distances(features: dict[str, Tensor]) -> dict[str, float]:
    """The Fréchet distance of every set to the held-out images, by its name."""
    held_out = features[comparison.HELD_OUT]
    return {
        title: metrics.frechet_distance(seen, held_out)
        for title, seen in features.items()
        if title != comparison.HELD_OUT
    }


if __name__ == "__main__":
    main()
