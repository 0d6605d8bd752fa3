"""The recorded files that the pages are made from, read and checked.

A missing record becomes a line of the page. A record that cannot be read stops the script before anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from pages.run_record import RunRecord
from vaelib import runs
from vaelib.runs import Run, experiments
from vaelib.support.errors import UserError

SHIPPED, RECORDED = runs.SHIPPED, Path(__file__).parents[1] / "benchmarks" / "recorded"
CLASSIFIER = "attributes64"
DATASETS = ("celeba", "cifar10", "faces", "objects")  # the order in which the pages show them
# The pictures of a run. Every run has the first three.
SAMPLES, FROM_NORMAL, RECONSTRUCTIONS = "samples.webp", "samples-normal.webp", "reconstructions.webp"
SHARPENED_SAMPLES, DETAILED_SAMPLES = "samples-sharpened.webp", "samples-detail.webp"
INTERPOLATIONS, ANIMATION = "interpolations.webp", "training.webp"
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
NETWORKS = ("networks", "protocol", "hardware", "versions", "seconds", "seed")
OF_A_NETWORK = ("about", "distances", "errors")
OF_DETAIL = ("run", "prior", "features", "sets", "protocol")
CONTINUED = ("run", "fits")
BY_EYE = ("question", "verdicts", "seed", "images", "sets")
ADVICE = "restore the file from git, or make it again"


@dataclass(frozen=True)
class Sources:
    """All records that the pages are made from: the runs, the classifier and the benchmarks."""

    runs: list[RunRecord]
    classifier: dict | None
    throughput: dict[str, dict]
    ablation: dict | None
    pythae: dict | None
    sharpening: dict | None
    detail: dict | None
    by_eye: dict | None
    pixel_flow: dict | None
    continued: dict | None

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
            "No other network than those of `vaelib evaluate` is recorded.": self.sharpening,
            "Detail is not recorded by solver steps and temperature.": self.detail,
            "No count of broken faces is recorded.": self.by_eye,
            "The choices in the pixel flow are not recorded.": self.pixel_flow,
            "No longer fit of a pixel flow is recorded.": self.continued,
        }
        return [
            *(
                f"The evaluation of `{run.name}` is not recorded: give `vaelib evaluate {run.name}`."
                for run in self.runs
                if not run.evaluation
            ),
            *(earlier(run) for run in self.runs if run.evaluation and not run.compared),
            *(
                f"What the detail of `{run.name}` gains is not measured: give `vaelib evaluate {run.name}`."
                for run in self.runs
                if run.compared and run.has(runs.DETAIL) and not run.detailed
            ),
            *(f"No run of `{name}` is recorded." for name in experiments.names() if name not in recorded),
            *not_computed(self.runs),
            *(sentence for sentence, record in others.items() if not record),
        ]


def earlier(run: RunRecord) -> str:
    """What is missing of a run that was measured before sets were compared on halves, and whether it can be made up."""
    remedy = (
        f"`vaelib evaluate {run.name}` measures them"
        if run.has(runs.MODEL)
        else "its weights are not shipped, so only a new training run could be measured"
    )
    return (
        f"`{run.name}` has not been measured with errors, with reconstructions of other images, and with the ImageNet "
        f"network yet: {remedy}."
    )


def not_computed(recorded: list[RunRecord]) -> list[str]:
    """What the evaluations left out, one sentence for each reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for run in recorded:
        for what, why in run.evaluation.get("not_computed", {}).items():
            names.setdefault((what, why), []).append(f"`{run.name}`")
    return [f"Not computed of {', '.join(of)}: {what} ({why})." for (what, why), of in names.items()]


def read_sources(shipped: Path, recorded: Path) -> Sources:
    """All records under these two folders. Raises `UserError` for a file that exists but is not a valid record."""
    found = [read_run(path.parent) for path in shipped.glob(f"*/{runs.CONFIG}")]
    return Sources(
        runs=sorted(found, key=lambda run: (DATASETS.index(run.experiment.dataset), run.experiment.size, run.name)),
        classifier=read_classifier(Run(shipped / CLASSIFIER)),
        throughput={path.stem: read_json(path, THROUGHPUT) for path in sorted(recorded.glob("throughput-*.json"))},
        ablation=read_optional(recorded / "ablation.json", RUNS),
        pythae=read_pythae(recorded / "pythae-quality.json"),
        sharpening=read_sharpening(recorded / "sharpening.json"),
        detail=read_optional(recorded / "detail.json", OF_DETAIL),
        by_eye=read_optional(recorded / "by-eye.json", BY_EYE),
        pixel_flow=read_optional(recorded / "pixel-flow.json", RUNS),
        continued=read_optional(recorded / "continued.json", CONTINUED),
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


def read_sharpening(path: Path) -> dict | None:
    """The record of the networks that compare sharpened images, or None. Raises `UserError` if one is incomplete."""
    record = read_optional(path, NETWORKS)
    for network in record["networks"].values() if record else ():
        require(path, network, OF_A_NETWORK)
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
