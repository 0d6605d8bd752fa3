"""The record of one run: its settings, what its training cost, and what was measured of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Container
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pandas as pd
from torch import Tensor

from vaelib import runs
from vaelib.runs import Run, evaluation, experiments
from vaelib.runs.experiments import Experiment
from vaelib.runs.statistics import Codes, read_codes


@dataclass(frozen=True)
class RunRecord:
    """A run with the metrics of its training and of its evaluation; the latter is {} if it was not evaluated."""

    run: Run
    training: dict
    evaluation: dict

    @property
    def name(self) -> str:
        """The name of the run, which is also the name of its experiment."""
        return self.run.name

    def path(self, part: str) -> Path:
        """The path of a file in its folder."""
        return self.run.path(part)

    def has(self, part: str) -> bool:
        """Whether its folder has that file."""
        return self.run.has(part)

    @property
    def experiment(self) -> Experiment:
        """The settings of its training."""
        return self.run.experiment

    @property
    def history(self) -> pd.DataFrame:
        """One row for each epoch."""
        return self.run.history

    @property
    def codes(self) -> Codes | None:
        """The codes of held-out images; None if they were not kept."""
        if not self.has(runs.CODES):
            return None
        # `Run.codes` would compare them with the weights, which a record without weights does not have.
        return read_codes(self.path(runs.CODES), {"latent_dim": self.experiment.latent_dim})

    @property
    def gains(self) -> Tensor | None:
        """The gains of its sharpener by spatial frequency; None if it has no sharpener, or no weights."""
        sharpener = self.run.statistics.sharpener if self.has(runs.MODEL) else None
        return sharpener.gains if sharpener else None

    @property
    def is_vae(self) -> bool:
        """Whether it is a VAE, which has a KL and a bound."""
        return self.experiment.model == "VAE"

    @property
    def slug(self) -> str:
        """The name in the form that labels and file names need."""
        return self.name.replace(".", "-")

    @property
    def place(self) -> str:
        """The argument by which `vaelib` finds the model: its name if its weights are shipped, or else runs/NAME."""
        return self.name if self.has(runs.MODEL) else f"runs/{self.name}"

    @property
    def command(self) -> str:
        """The command that repeats the training: the experiment, and the overrides that this run was given."""
        if self.name not in experiments.names():
            return f"(no experiment has this name: settings in {runs.CONFIG})"
        options = [("--set", override) for override in overrides_of(self.name, self.experiment.values())]
        return shlex.join(["vaelib", "train", self.name, *chain.from_iterable(options)])

    @property
    def cost(self) -> str:
        """Hardware, seed and wall-clock time, in words."""
        version = self.training["versions"]["torch"]
        return f"{self.training['hardware']}, torch {version}, seed {self.training['seed']}, {self.seconds}"

    @property
    def seconds(self) -> str:
        """The wall-clock time of the training, in words."""
        seconds = self.training["seconds"]
        return f"{seconds:.0f}\u00a0s" if seconds < 1000 else f"{seconds / 60:.0f}\u00a0min"

    def distance(self, features: str, images: str) -> float | None:
        """The Fréchet distance of a set of images to the held-out ones; None if it was not measured."""
        return self.evaluation.get("frechet", {}).get(features, {}).get(images)

    def fitted(self, features: str) -> str | None:
        """The fitted prior whose samples are nearest to the held-out images; None if none was measured."""
        distances = self.evaluation.get("frechet", {}).get(features, {})
        fitted = [prior for prior in priors_of(distances) if prior != "normal"]
        return min(fitted, key=lambda prior: distances[evaluation.samples_of(prior)], default=None)

    def estimate(self, metric: str, features: str, images: str) -> tuple[float | None, float | None]:
        """A distance ("frechet" or "kernel") of a set of images to the held-out ones, and its standard error."""
        values, errors = (self.evaluation.get(key, {}).get(features, {}) for key in (metric, f"{metric}_error"))
        return values.get(images), errors.get(images)

    @property
    def compared(self) -> bool:
        """Whether it was measured as all distances are now: on halves, with reconstructions of other images."""
        return "compared" in self.evaluation

    @property
    def sharpened(self) -> RunRecord | None:
        """The same run with the metrics of its sharpened images; None if these were not measured."""
        return self._finished("sharpened")

    @property
    def masked(self) -> RunRecord | None:
        """The same run with the metrics of its images after an unsharp mask; None if these were not measured."""
        return self._finished("unsharp_mask")

    @property
    def detailed(self) -> RunRecord | None:
        """The same run with the metrics of its images with detail; None if these were not measured."""
        return self._finished("detail")

    def _finished(self, part: str) -> RunRecord | None:
        metrics = self.evaluation.get(part)
        return replace(self, evaluation=self.evaluation | metrics) if metrics else None

    @property
    def main_features(self) -> str | None:
        """The first features in which it was measured, which are the most informative; None without an evaluation."""
        return next(iter(self.evaluation.get("frechet", {})), None)


def overrides_of(name: str, settings: dict, leave_out: Container[str] = ("about",)) -> list[str]:
    """The values of `--set` that give the experiment of that name these settings.

    `settings` come from `Experiment.values` or from a record in JSON.
    """
    usual = experiments.load(name).values()
    changed = {key: value for key, value in settings.items() if value != usual.get(key)}
    return [f"{key}={json.dumps(value)}" for key, value in changed.items() if key not in leave_out]


def priors_of(titles: dict) -> list[str]:
    """The priors that were sampled, according to the titles of the sets."""
    start = evaluation.samples_of("")
    return [title.removeprefix(start) for title in titles if title.startswith(start)]
