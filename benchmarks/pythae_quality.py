"""How good are the images of pythae's VAE, trained on the same images for as many epochs?

    python -m benchmarks.pythae_quality --epochs 3 --seed 0 --output benchmarks/recorded/pythae-quality.json

The script trains pythae's VAE by pythae's own trainer, with the layers of `celeba64`, on real CelebA under VAELIB_DATA:
once with pythae's defaults and once with the learning rate that throughput.py uses. Both are measured like the runs of
ablation.py, and sampled from the priors of vaelib, fitted to their codes. They are compared with the recipe of
`celeba64`, whose run is read from the record of the ablation. If that run is missing, it is made and added there.

Needs pythae: pip install pythae
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks import ablation
from benchmarks.contenders import LEARNING_RATE, Task
from vaelib import data
from vaelib.models import VAE
from vaelib.runs import evaluation, experiments
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import require_folder_of

RECORD = ablation.RECORD.with_name("pythae-quality.json")
# Changes to pythae's defaults, which are Adam at a constant rate of 1e-4, batches of 64 images and float32.
SETTINGS = {"pythae": {}, f"pythae, learning rate {LEARNING_RATE:g}": {"learning_rate": LEARNING_RATE}}


def main() -> None:
    """Make the runs that are missing and print what they measured."""
    run_program("pythae_quality", lambda: work(parse_arguments()))


def work(arguments: argparse.Namespace) -> None:
    """Check the arguments before any training, then compare."""
    require_folder_of(arguments.output)
    if find_spec("pythae") is None:
        raise UserError("pythae is not installed: pip install pythae")
    compare(arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the images of pythae's VAE with those of vaelib's.")
    parser.add_argument("--epochs", type=int, default=experiments.load(ablation.RECIPE).epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--ablation", type=Path, default=ablation.RECORD, help="the record of ablation.py")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def compare(arguments: argparse.Namespace) -> None:
    """Make the run of the recipe, then one with each of pythae's settings, unless the record has them."""
    recipe = ("recipe", arguments.epochs, arguments.seed, arguments.overrides)
    experiment = ablation.VARIANTS[recipe[0]].experiment(*recipe[1:])
    settings = ablation.settings_of(experiment)
    ours = ablation.recorded(
        arguments.output,
        {"variant": "vaelib", "seed": arguments.seed, "settings": settings},
        lambda: {key: ablation.recorded_run(arguments.ablation, *recipe)[key] for key in ("training", "quality")},
    )
    network = {key: settings[key] for key in ("dataset", "size", "latent_dim", "channels", "epochs")}
    for name, changed in SETTINGS.items():
        setting = {"variant": name, "seed": arguments.seed, "settings": network | changed}
        print_run(ablation.recorded(arguments.output, setting, partial(run_pythae, experiment, changed, ours)))


def run_pythae(experiment: experiments.Experiment, changed: dict, ours: dict) -> dict:
    """Train pythae's VAE with the network, the epochs and the seed of `experiment`.

    Returns its cost, its quality, and the ratio of the quality of `ours` to it.
    """
    train_set, held_out = (data.load(experiment.dataset, experiment.size, split) for split in ("train", "valid"))
    torch.manual_seed(experiment.seed)
    model, cost = train(Task(experiment, experiment.dataset, len(train_set), None, ()), changed)
    # pythae's loss has no sigma. Take the one that fits the training images, as a calibrated decoder would learn it.
    few = train_set.subset(evaluation.MOST_IMAGES)
    sigma = math.sqrt(ablation.validate(model, few, 1.0)["valid_mse"])
    quality = ablation.quality(model, train_set, held_out, sigma)
    run = {"training": {"train_images": len(train_set), **cost}, "quality": quality}
    return run | {"ratio": ratio(ours, run)}


def train(task: Task, changed: dict) -> tuple[VAE, dict]:
    """Train by pythae's trainer from start to end. Returns the layers as a VAE of vaelib, and the cost of training."""
    from pythae.trainers import BaseTrainer

    from benchmarks.pythae_contender import build_model, images_of

    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(task.experiment, folder, changed)
        trainer = BaseTrainer(build_model(task), images_of(task), training_config=config)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    model = task.experiment.build_model()
    model.encoder, model.decoder = trainer.model.encoder.layers, trainer.model.decoder.layers
    return model.eval(), {
        "epochs": config.num_epochs,
        "seed": config.seed,
        "seconds": seconds,
        "images_per_second": task.images * config.num_epochs / seconds,
        **{key: getattr(config, key) for key in ("optimizer_cls", "learning_rate", "per_device_train_batch_size")},
        "hardware": devices.hardware(),
        "versions": {name: version(name) for name in ("pythae", "torch")},
    }


def config_of(experiment: experiments.Experiment, folder: str, changed: dict):
    """pythae's defaults, except for the number of epochs, the seed, and the settings in `changed`."""
    from pythae.trainers import BaseTrainerConfig

    cuda = devices.accelerator().device.type == "cuda"
    return BaseTrainerConfig(
        output_dir=folder, num_epochs=experiment.epochs, seed=experiment.seed, no_cuda=not cuda, **changed
    )


def best(quality: dict) -> float:
    """The Fréchet distance of samples from the best prior."""
    return quality["frechet"][evaluation.samples_of(quality["best_prior"])]


def ratio(ours: dict, theirs: dict) -> dict:
    """Our Fréchet distances over theirs: of reconstructions, of samples from the best prior of each, and of the same
    samples with both sides sharpened.
    """
    title, ours, theirs = evaluation.RECONSTRUCTIONS, ours["quality"], theirs["quality"]
    return {
        title: ours["frechet"][title] / theirs["frechet"][title],
        "samples, best prior": best(ours) / best(theirs),
        "samples, both sharpened": best(ours["sharpened"]) / best(theirs["sharpened"]),
    }


def print_run(run: dict) -> None:
    """Print distances and ratios."""
    distances = ", ".join(f"{title} {value:.4g}" for title, value in run["quality"]["frechet"].items())
    ratios = ", ".join(f"{title} {value:.3g}" for title, value in run["ratio"].items())
    print(f"{run['variant']}: {distances}; vaelib's over these: {ratios}", flush=True)


if __name__ == "__main__":
    main()
