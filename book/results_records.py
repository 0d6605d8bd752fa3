"""The recorded files that the results page is made from, read and checked.

A record that is not there is a line of the page; one that cannot be read ends the work before anything is written.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import pandas as pd

from vaelib import checkpoints, comparison, experiments
from vaelib.errors import UserError
from vaelib.experiments import Experiment
from vaelib.records import HISTORY

METRICS = "metrics.json"
JUDGE = "attributes64"
DATASETS = ("celeba", "cifar10", "faces", "objects")  # the order in which the page shows them
PICTURES = ("samples.webp", "samples-normal.webp", "reconstructions.webp")
# What the records must say.
TRAINING = ("train_images", "epochs", "seconds", "images_per_second", "hardware", "seed", "versions")
EVALUATION = (
    *("dataset", "split", "crop", "size", "images", "samples", "seed", "mse", "psnr"),
    *("features", "frechet", "best_prior", "precision_recall"),
)
SHARPENED = ("mse", "psnr", "frechet", "best_prior", "precision_recall")  # of an evaluation, if it has such a part
CURVES = ("epoch", "train_nll", "valid_nll", "train_kl", "valid_kl")
THROUGHPUT = ("experiment", "dataset", "rounds", "hardware")
RUNS = ("runs",)
JUDGES = ("judges", "setting", "hardware", "versions", "seconds", "seed")
ADVICE = "restore the file from git, or make it again"


@dataclass(frozen=True)
class Record:
    """A run: its settings, its cost, its epochs, and what was measured on held-out images, {} if nothing was."""

    name: str
    folder: Path
    experiment: Experiment
    training: dict
    history: pd.DataFrame
    evaluation: dict

    @property
    def is_vae(self) -> bool:
        """Whether it has a KL, a bound, an implied beta."""
        return self.experiment.model == "VAE"

    @property
    def slug(self) -> str:
        """The name as a part of references and files."""
        return self.name.replace(".", "-")

    @property
    def place(self) -> str:
        """What `vaelib` finds the model by: its name if its weights are shipped, else where training puts it."""
        return self.name if (self.folder / checkpoints.MODEL).is_file() else f"runs/{self.name}"

    @property
    def command(self) -> str:
        """What trains it again: its experiment, with all that this run was given on top of that."""
        if self.name not in experiments.names():
            return f"(no experiment has this name: settings in {experiments.CONFIG})"
        options = [("--set", override) for override in overrides_of(self.name, asdict(self.experiment))]
        return shlex.join(["vaelib", "train", self.name, *chain.from_iterable(options)])

    @property
    def cost(self) -> str:
        """Hardware, seed and wall-clock, in words."""
        version = self.training["versions"]["torch"]
        return f"{self.training['hardware']}, torch {version}, seed {self.training['seed']}, {self.seconds}"

    @property
    def seconds(self) -> str:
        """The wall-clock of the training, in words."""
        seconds = self.training["seconds"]
        return f"{seconds:.0f}\u00a0s" if seconds < 1000 else f"{seconds / 60:.0f}\u00a0min"

    def distance(self, features: str, images: str) -> float | None:
        """The Fréchet distance of a set of images to the held-out ones."""
        return self.evaluation.get("frechet", {}).get(features, {}).get(images)

    def fitted(self, features: str) -> str | None:
        """The fitted prior whose samples are nearest to the held-out images."""
        distances = self.evaluation.get("frechet", {}).get(features, {})
        fitted = [prior for prior in priors_of(distances) if prior != "normal"]
        return min(fitted, key=lambda prior: distances[comparison.samples_of(prior)], default=None)

    @property
    def sharpened(self) -> Record | None:
        """The same run with the figures of what it paints once it is sharpened; None if that was not measured."""
        figures = self.evaluation.get("sharpened")
        return replace(self, evaluation=self.evaluation | figures) if figures else None

    @property
    def main_features(self) -> str | None:
        """The most telling features that it was measured in."""
        return next(iter(self.evaluation.get("frechet", {})), None)


@dataclass(frozen=True)
class Sources:
    """All that the page is made from. `missing` says what is not there, one sentence each."""

    runs: list[Record]
    judge: dict | None
    throughput: dict[str, dict]
    ablation: dict | None
    pythae: dict | None
    sharpening: dict | None
    missing: list[str]

    def of(self, dataset: str) -> list[Record]:
        """The runs on a data set."""
        return [run for run in self.runs if run.experiment.dataset == dataset]

    def run(self, name: str) -> Record | None:
        """The run of this name."""
        return next((run for run in self.runs if run.name == name), None)


def overrides_of(name: str, settings: dict, leave_out: Container[str] = ("about",)) -> list[str]:
    """What `--set` must be given so that the experiment of that name has these settings."""
    usual = json.loads(json.dumps(asdict(experiments.load(name))))  # tuples become lists, as in a record
    changed = {key: value for key, value in json.loads(json.dumps(settings)).items() if value != usual.get(key)}
    return [f"{key}={json.dumps(value)}" for key, value in changed.items() if key not in leave_out]


def priors_of(titles: dict) -> list[str]:
    """The priors that were sampled, from the titles of the sets."""
    start = comparison.samples_of("")
    return [title.removeprefix(start) for title in titles if title.startswith(start)]


def read_sources(shipped: Path, recorded: Path) -> Sources:
    """Everything under these two folders. Raises `UserError` for a file that is there and makes no sense."""
    missing: list[str] = []
    runs = [read_run(path.parent, missing) for path in shipped.glob(f"*/{experiments.CONFIG}")]
    runs.sort(key=lambda run: (DATASETS.index(run.experiment.dataset), run.experiment.size, run.name))
    known = {run.name for run in runs}
    missing += [f"No run of `{name}` is recorded." for name in experiments.names() if name not in known]
    missing += not_computed(runs)
    judge = optional(
        shipped / JUDGE / METRICS, ["training", "evaluation"], "The attribute network has no record.", missing
    )
    throughput = {path.stem: read_json(path, THROUGHPUT) for path in sorted(recorded.glob("throughput-*.json"))}
    if not throughput:
        missing.append("No throughput is recorded.")
    ablation = optional(recorded / "ablation.json", RUNS, "No ablation is recorded.", missing)
    pythae = optional(recorded / "pythae-quality.json", RUNS, "The quality of pythae's VAE is not recorded.", missing)
    for run in pythae["runs"] if pythae else ():
        require(recorded / "pythae-quality.json", run["quality"], ["sharpened"])
    sharpening = optional(
        recorded / "sharpening.json", JUDGES, "No other judge than the attribute network is recorded.", missing
    )
    return Sources(runs, judge, throughput, ablation, pythae, sharpening, missing)


def read_run(folder: Path, missing: list[str]) -> Record:
    """The record in a folder; `missing` is told if its evaluation is not there in the form of today."""
    metrics = read_json(folder / METRICS, ["training"])
    require(folder / METRICS, metrics["training"], TRAINING)
    evaluation = metrics.get("evaluation", {})
    if not isinstance(evaluation.get("features"), dict):  # an earlier form named only one kind of features
        missing.append(f"The evaluation of `{folder.name}` is not recorded: give `vaelib evaluate {folder.name}`.")
        evaluation = {}
    else:
        require(folder / METRICS, evaluation, EVALUATION)
        if "sharpened" in evaluation:
            require(folder / METRICS, evaluation["sharpened"], SHARPENED)
    lost = [name for name in PICTURES if not (folder / name).is_file()]
    if lost:
        raise UserError(f"{folder} lacks {', '.join(lost)}: {ADVICE}.")
    settings = experiments.read(folder / experiments.CONFIG)
    return Record(folder.name, folder, settings, metrics["training"], read_history(folder / HISTORY), evaluation)


def read_history(path: Path) -> pd.DataFrame:
    """The epochs of a run. Raises `UserError` if they are not there or cannot be drawn."""
    try:
        history = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): {ADVICE}.") from error
    require(path, history, CURVES)
    return history


def not_computed(runs: list[Record]) -> Iterator[str]:
    """What the evaluations left out: one sentence for each reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for what, why in run.evaluation.get("not_computed", {}).items():
            reasons.setdefault((what, why), []).append(f"`{run.name}`")
    return (f"Not computed of {', '.join(names)}: {what} ({why})." for (what, why), names in reasons.items())


def optional(path: Path, needed: Sequence[str], otherwise: str, missing: list[str]) -> dict | None:
    """What a JSON file holds; None if there is no such file, of which `missing` is told."""
    if path.is_file():
        return read_json(path, needed)
    missing.append(otherwise)
    return None


def read_json(path: Path, needed: Sequence[str]) -> dict:
    """What a JSON file holds. Raises `UserError` if it is not there, not valid, or lacks what is needed."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): {ADVICE}.") from error
    require(path, record, needed)
    return record


def require(path: Path, record: Container[str], needed: Sequence[str]) -> None:
    """Raise `UserError` unless the record has all that the page is made from."""
    lacking = [key for key in needed if key not in record]
    if lacking:
        raise UserError(f"{path} does not say {', '.join(lacking)}: {ADVICE}.")
