"""The recorded files that the pages are made from, read and checked.

A missing record becomes a line of the page. A record that cannot be read stops the script before anything is written.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pandas as pd

from vaelib import runs
from vaelib.runs import Run, evaluation, experiments
from vaelib.runs.experiments import Experiment
from vaelib.runs.statistics import Codes, read_codes
from vaelib.sharpening import Sharpener
from vaelib.support.errors import UserError

SHIPPED, RECORDED = runs.SHIPPED, Path(__file__).parents[1] / "benchmarks" / "recorded"
CLASSIFIER = "attributes64"
DATASETS = ("celeba", "cifar10", "faces", "objects")  # the order in which the pages show them
# The pictures of a run. Every run has the first three.
SAMPLES, FROM_NORMAL, RECONSTRUCTIONS = "samples.webp", "samples-normal.webp", "reconstructions.webp"
SHARPENED_SAMPLES, INTERPOLATIONS, ANIMATION = "samples-sharpened.webp", "interpolations.webp", "training.webp"
# The keys that the records must have.
TRAINING = ("train_images", "epochs", "seconds", "images_per_second", "hardware", "seed", "versions")
EVALUATION = (
    *("dataset", "split", "crop", "size", "images", "samples", "seed", "mse", "psnr"),
    *("features", "frechet", "best_prior", "precision_recall"),
)
SHARPENED = ("mse", "psnr", "frechet", "best_prior", "precision_recall")  # if an evaluation has this part
CURVES = ("epoch", "train_nll", "valid_nll", "train_kl", "valid_kl")
THROUGHPUT = ("experiment", "dataset", "rounds", "contenders", "hardware", "versions")
RUNS = ("runs",)
JUDGES = ("judges", "protocol", "hardware", "versions", "seconds", "seed")
ADVICE = "restore the file from git, or make it again"


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
    def sharpener(self) -> Sharpener | None:
        """Its sharpener; None if it has none, or no weights."""
        return self.run.statistics.sharpener if self.has(runs.MODEL) else None

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

    @property
    def sharpened(self) -> RunRecord | None:
        """The same run with the metrics of its sharpened images; None if these were not measured."""
        metrics = self.evaluation.get("sharpened")
        return replace(self, evaluation=self.evaluation | metrics) if metrics else None

    @property
    def main_features(self) -> str | None:
        """The first features in which it was measured, which are the most informative; None without an evaluation."""
        return next(iter(self.evaluation.get("frechet", {})), None)


@dataclass(frozen=True)
class Sources:
    """All records that the pages are made from: the runs, the classifier and the benchmarks."""

    runs: list[RunRecord]
    classifier: dict | None
    throughput: dict[str, dict]
    ablation: dict | None
    pythae: dict | None
    sharpening: dict | None

    def of(self, dataset: str) -> list[RunRecord]:
        """The runs on a dataset."""
        return [run for run in self.runs if run.experiment.dataset == dataset]

    def run(self, name: str) -> RunRecord | None:
        """The run of this name."""
        return next((run for run in self.runs if run.name == name), None)

    @property
    def missing(self) -> list[str]:
        """One sentence for each record that is missing."""
        recorded = {run.name for run in self.runs}
        others = {
            "The attribute network has no record.": self.classifier,
            "No throughput is recorded.": self.throughput,
            "No ablation is recorded.": self.ablation,
            "The quality of pythae's VAE is not recorded.": self.pythae,
            "No other judge than the attribute network is recorded.": self.sharpening,
        }
        return [
            *(
                f"The evaluation of `{run.name}` is not recorded: give `vaelib evaluate {run.name}`."
                for run in self.runs
                if not run.evaluation
            ),
            *(f"No run of `{name}` is recorded." for name in experiments.names() if name not in recorded),
            *not_computed(self.runs),
            *(sentence for sentence, record in others.items() if not record),
        ]


def not_computed(recorded: list[RunRecord]) -> list[str]:
    """What the evaluations left out, one sentence for each reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for run in recorded:
        for what, why in run.evaluation.get("not_computed", {}).items():
            names.setdefault((what, why), []).append(f"`{run.name}`")
    return [f"Not computed of {', '.join(of)}: {what} ({why})." for (what, why), of in names.items()]


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


def read_sources(shipped: Path, recorded: Path) -> Sources:
    """All records under these two folders. Raises `UserError` for a file that exists but is not a valid record."""
    found = [read_run(path.parent) for path in shipped.glob(f"*/{runs.CONFIG}")]
    return Sources(
        runs=sorted(found, key=lambda run: (DATASETS.index(run.experiment.dataset), run.experiment.size, run.name)),
        classifier=read_classifier(Run(shipped / CLASSIFIER)),
        throughput={path.stem: read_json(path, THROUGHPUT) for path in sorted(recorded.glob("throughput-*.json"))},
        ablation=read_optional(recorded / "ablation.json", RUNS),
        pythae=read_pythae(recorded / "pythae-quality.json"),
        sharpening=read_optional(recorded / "sharpening.json", JUDGES),
    )


def read_run(folder: Path) -> RunRecord:
    """The record in a folder; an evaluation in an old form is left out. Raises `UserError` if it is incomplete."""
    run = Run(folder)
    metrics = run.path(runs.METRICS)
    require(metrics, run.metrics, ["training"])
    require(metrics, run.metrics["training"], TRAINING)
    require(run.path(runs.HISTORY), run.history, CURVES)
    measured = run.metrics.get("evaluation", {})
    if not isinstance(measured.get("features"), dict):
        measured = {}  # an old form, in which features was a single name: such a run must be evaluated again
    else:
        require(metrics, measured, EVALUATION)
        if "sharpened" in measured:
            require(metrics, measured["sharpened"], SHARPENED)
    lost = [name for name in (SAMPLES, FROM_NORMAL, RECONSTRUCTIONS) if not run.has(name)]
    if lost:
        raise UserError(f"{folder} lacks {', '.join(lost)}: {ADVICE}.")
    return RunRecord(run, run.metrics["training"], measured)


def read_classifier(run: Run) -> dict | None:
    """The metrics of the attribute classifier; None if it has none. Raises `UserError` if they are incomplete."""
    if not run.has(runs.METRICS):
        return None
    require(run.path(runs.METRICS), run.metrics, ["training", "evaluation"])
    return run.metrics


def read_pythae(path: Path) -> dict | None:
    """The record of pythae's VAE, or None. Raises `UserError` if a run has no metrics of sharpened images."""
    record = read_optional(path, RUNS)
    for run in record["runs"] if record else ():
        require(path, run["quality"], ["sharpened"])
    return record


def read_optional(path: Path, needed: Sequence[str]) -> dict | None:
    """The content of a JSON file; None if there is no such file. Raises as `read_json` does."""
    return read_json(path, needed) if path.is_file() else None


def read_json(path: Path, needed: Sequence[str]) -> dict:
    """The content of a JSON file. Raises `UserError` if it is not valid or lacks a needed key."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): {ADVICE}.") from error
    require(path, record, needed)
    return record


def require(path: Path, record: Container[str], needed: Sequence[str]) -> None:
    """Raise `UserError` unless the record has all keys that the pages need."""
    lacking = [key for key in needed if key not in record]
    if lacking:
        raise UserError(f"{path} does not say {', '.join(lacking)}: {ADVICE}.")
