"""How many images a second training takes in: vaelib's loop against the same network in plain float32 NCHW.

    python benchmarks/throughput.py                    the embedded faces: needs no data
    python benchmarks/throughput.py --dataset celeba   real CelebA, under VAELIB_DATA

Both train the network of an experiment (celeba64 unless another is named) on the same images, unflipped, in batches of
the same size, in turn, for several rounds: machines change their speed from minute to minute, so only the ratio within
a round means anything. The plain loop reads images of the prepared cache too; it lacks the memory format, the precision
and the fused optimiser that `training.fit` chooses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from vaelib import data, experiments, losses, training
from vaelib.files import atomic_write
from vaelib.runs import hardware


def main() -> None:
    """Measure, print a table, and write it as JSON if that was asked for."""
    arguments = parse_arguments()
    experiment = experiments.load(arguments.experiment)
    images = data.load(arguments.dataset, experiment.size).subset(arguments.batches * experiment.batch_size)
    contenders = {"plain float32 NCHW": PlainLoop(experiment, images), "vaelib": VaelibLoop(experiment, images)}
    for loop in contenders.values():
        loop.epoch()  # the first pass allocates memory and chooses kernels
    rounds = [{name: timed(loop, len(images)) for name, loop in contenders.items()} for _ in range(arguments.rounds)]
    result = summary(rounds) | {
        "experiment": arguments.experiment,
        "dataset": arguments.dataset,
        "hardware": hardware(),
    }
    print(json.dumps(result, indent=2))
    if arguments.output:
        with atomic_write(arguments.output) as partial:
            partial.write_text(json.dumps(result, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """What to train on, for how long."""
    parser = argparse.ArgumentParser(description="Compare the training throughput of vaelib and of a plain loop.")
    parser.add_argument("--experiment", default="celeba64")
    parser.add_argument("--dataset", default="faces")
    parser.add_argument("--batches", type=int, default=10, help="a round takes this many of each contender")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


class VaelibLoop:
    """`training.train_epoch` with the settings of the experiment."""

    def __init__(self, experiment: experiments.Experiment, images: data.Dataset):
        self.accelerator = Accelerator(mixed_precision="no")
        self.settings = training.Settings(**experiment.training_settings())
        device = self.accelerator.device
        self.model = experiment.build_model().to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.model.parameters(), fused=True)
        self.batches = data.loader(images, experiment.batch_size, shuffle=True, device=device, drop_last=True)

    def epoch(self) -> None:
        training.train_epoch(self.model, self.batches, self.optimizer, self.settings, self.accelerator, 0, False)


class PlainLoop:
    """The loop of a first tutorial: float32, NCHW, Adam as it comes, the loss read in every step."""

    def __init__(self, experiment: experiments.Experiment, images: data.Dataset):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = experiment.build_model().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.images, self.batch_size = images.images, experiment.batch_size

    def epoch(self) -> None:
        self.model.train()
        total = 0.0
        for rows in torch.randperm(len(self.images)).split(self.batch_size):
            x = torch.from_numpy(np.asarray(self.images[rows.numpy()])).to(self.device).float() / 255
            x_hat, mu, logvar = self.model(x)
            loss = -losses.elbo(x, x_hat, mu, logvar, losses.OptimalGaussian()).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()


def timed(loop: PlainLoop | VaelibLoop, images: int) -> float:
    """Images per second of one pass; both loops end by reading their loss, so the device has finished."""
    start = time.perf_counter()
    loop.epoch()
    return images / (time.perf_counter() - start)


def summary(rounds: list[dict[str, float]]) -> dict:
    """Medians over the rounds; the ratio is taken within each round first."""
    ratios = sorted(figures["vaelib"] / figures["plain float32 NCHW"] for figures in rounds)
    return {
        "images_per_second": {name: round(statistics.median(r[name] for r in rounds)) for name in rounds[0]},
        "ratio": {
            "min": round(ratios[0], 2),
            "median": round(statistics.median(ratios), 2),
            "max": round(ratios[-1], 2),
        },
        "rounds": len(rounds),
    }


if __name__ == "__main__":
    main()
