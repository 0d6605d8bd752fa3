"""The folder of a run: the names of its files, and the class that reads and writes them."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..models import LatentModel
from ..support.errors import UserError, unknown
from ..support.files import atomic_write
from . import checkpoints

if TYPE_CHECKING:  # the methods import these when needed, so that sampling does not wait for them
    import pandas as pd

    from ..detail import Detail
    from .experiments import Experiment
    from .statistics import Codes, Statistics

CONFIG, HISTORY, METRICS = "config.toml", "history.csv", "metrics.json"  # settings; one row per epoch; metrics
MODEL, RESUME = "model.safetensors", "resume.safetensors"  # the weights; the state to resume training from
STATISTICS, CODES = "statistics.safetensors", "codes.safetensors"  # see `vaelib.runs.statistics`
DETAIL, DETAIL_RESUME = "detail.safetensors", "detail-resume.safetensors"  # the pixel flow; to continue its fit
PICTURES, ANIMATION = "pictures", "training.gif"  # a folder with pictures of every epoch; all of them as an animation
SHIPPED = Path(__file__).parents[1] / "shipped"  # one folder for each checkpoint that comes with the package


class Run:
    """The folder of a run. Each part is read at its first use, and then kept.

    For a name that a user typed, call `load`. The folder of a run that is only beginning may be empty.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        """The last part of the folder's path: the name of a shipped checkpoint."""
        return self.folder.name

    def path(self, part: str) -> Path:
        """The path of a part: one of the names above, or another file in the folder."""
        return self.folder / part

    def has(self, part: str) -> bool:
        """Whether the folder has that file."""
        return self.path(part).is_file()

    @cached_property
    def experiment(self) -> Experiment:
        """The settings that the run was started with. Raises `UserError` if they are missing or invalid."""
        from . import experiments

        return experiments.read(self.path(CONFIG))

    @cached_property
    def model(self) -> LatentModel:
        """The trained model on the CPU, in evaluation mode.

        Raises `UserError` if the file is missing, is a pickle or is damaged, or if its header does not fit its weights.
        """
        return checkpoints.read_model(self.path(MODEL))

    @cached_property
    def statistics(self) -> Statistics:
        """What is fitted after training: priors, attribute directions, a sharpener. Raises as `model` does."""
        from .statistics import read_statistics

        return read_statistics(self.path(STATISTICS), self._architecture)

    @cached_property
    def codes(self) -> Codes:
        """The posteriors of some held-out images. Raises as `model` does."""
        from .statistics import read_codes

        return read_codes(self.path(CODES), self._architecture)

    @cached_property
    def detail(self) -> Detail:
        """The pixel flow that gives decoded images detail. Raises as `model` does."""
        return checkpoints.read_detail(self.path(DETAIL), self._architecture)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row for each epoch: see `vaelib.training.fit`."""
        import pandas as pd

        try:
            return pd.read_csv(self.path(HISTORY))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.path(HISTORY)} cannot be read ({error}): copy the whole folder of the run, or train it again."
            ) from error

    @cached_property
    def metrics(self) -> dict:
        """What was measured: `training` by `vaelib train`, `evaluation` by `vaelib evaluate`; {} before either."""
        if not self.has(METRICS):
            return {}
        try:
            return json.loads(self.path(METRICS).read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(
                f"{self.path(METRICS)} is not valid JSON ({error}): fix or remove the file, and give the command again."
            ) from error

    @property
    def _architecture(self) -> dict:
        """The arguments of the model, from the header of the weights; the other files must agree with them."""
        return checkpoints.read_architecture(self.path(MODEL))

    def write_experiment(self, experiment: Experiment) -> None:
        """Write the settings to config.toml."""
        from . import experiments

        experiments.write(experiment, self.path(CONFIG))
        self.experiment = experiment

    def write_model(self, model: LatentModel) -> None:
        """Write the weights, in float32 and so exactly, and the architecture.

        Existing statistics, codes and pixel flow are removed before the old weights are replaced, because they describe
        these, and after the new ones are on the disk: if it is full, the run stays as it was.
        """

        def remove_fitted() -> None:
            for part in (STATISTICS, CODES, DETAIL, DETAIL_RESUME):
                self.path(part).unlink(missing_ok=True)

        checkpoints.write_model(self.path(MODEL), model, remove_fitted)
        self._forget("model", "statistics", "codes", "detail")

    def write_statistics(self, statistics: Statistics) -> None:
        """Write the statistics to statistics.safetensors."""
        from .statistics import write_statistics

        write_statistics(self.path(STATISTICS), statistics)
        self._forget("statistics")

    def write_codes(self, codes: Codes) -> None:
        """Write the held-out codes to codes.safetensors."""
        from .statistics import write_codes

        write_codes(self.path(CODES), codes)
        self._forget("codes")

    def write_detail(self, detail: Detail) -> None:
        """Write the pixel flow to detail.safetensors."""
        checkpoints.write_detail(self.path(DETAIL), detail)
        self._forget("detail")

    def write_history(self, history: pd.DataFrame) -> None:
        """Write the table of epochs to history.csv."""
        with atomic_write(self.path(HISTORY)) as partial:
            history.to_csv(partial, index=False)
        self.history = history

    def write_metrics(self, metrics: dict[str, dict]) -> None:
        """Add metrics to metrics.json; those under the same key are replaced."""
        self._replace_metrics(self.metrics | metrics)

    def forget_old_evaluations(self) -> None:
        """Remove the evaluations from metrics.json if the weights were replaced, that is, if statistics are missing."""
        if self.has(METRICS) and not self.has(STATISTICS):
            kept = {key: value for key, value in self.metrics.items() if not key.startswith("evaluation")}
            self._replace_metrics(kept)

    def _replace_metrics(self, metrics: dict[str, dict]) -> None:
        with atomic_write(self.path(METRICS)) as partial:
            partial.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        self.metrics = metrics

    def _forget(self, *parts: str) -> None:
        """Read these parts again at their next use."""
        for part in parts:
            self.__dict__.pop(part, None)


def load(name: str | Path) -> Run:
    """The run in a folder, or the shipped checkpoint with that name.

    Raises `UserError` if there is neither, or if there are no weights.
    """
    folder = Run(name)
    if folder.folder.is_dir():
        if not folder.has(MODEL):
            raise UserError(f"{folder} holds no {MODEL}: name a folder that `vaelib train` has written.")
        return folder
    if str(name) in shipped():
        return Run(SHIPPED / name)
    if record(str(name)).has(CONFIG):
        raise UserError(
            f"Of {name} only the record is shipped, not the weights: `vaelib train {name}` makes them, in runs/{name}."
        )
    from . import experiments

    if str(name) in experiments.names():
        raise UserError(f"{name} is an experiment, and no run of it is shipped: `vaelib train {name}` makes one.")
    known = [*shipped(), *map(str, Path("runs").glob("*/"))]
    raise unknown("run or shipped checkpoint", str(name), known or ["runs/NAME"])


def record(name: str) -> Run:
    """The shipped record of an experiment: settings, history, metrics and pictures, and weights if they are shipped."""
    return Run(SHIPPED / name)


def shipped() -> list[str]:
    """The names of the checkpoints that come with the package. Other runs are shipped as records without weights."""
    found = (Run(path.parent) for path in SHIPPED.glob(f"*/{MODEL}"))
    return sorted(run.name for run in found if run.has(CONFIG))
