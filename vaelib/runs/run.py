"""The folder of a run: what lies in it, under which names, and the one class that reads and writes it."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..models import LatentModel
from ..support.errors import UserError, unknown
from ..support.files import atomic_write, disk_errors_as_user_error
from . import checkpoints

if TYPE_CHECKING:  # to draw from a model, nobody should wait for the import of what trains: see the methods
    import pandas as pd

    from .experiments import Experiment
    from .statistics import Codes, Statistics

CONFIG, HISTORY, METRICS = "config.toml", "history.csv", "metrics.json"  # settings; epochs; what was measured
MODEL, RESUME = "model.safetensors", "resume.safetensors"  # the weights; all that training needs to go on
STATISTICS, CODES = "statistics.safetensors", "codes.safetensors"  # see `vaelib.runs.statistics`
PICTURES, ANIMATION = "pictures", "training.gif"  # of every epoch, in a folder; all of them in one file
SHIPPED = Path(__file__).parents[1] / "shipped"  # one folder for each checkpoint that comes with the package


class Run:
    """The folder of a run. Each part is read when it is first asked for, and then kept.

    Whoever has a name that a person typed calls `load`. The folder of a run that is only beginning may be empty.
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
        """Where a part lies: one of the names above, or another file of the folder."""
        return self.folder / part

    def has(self, part: str) -> bool:
        """Whether that file is there."""
        return self.path(part).is_file()

    @cached_property
    def experiment(self) -> Experiment:
        """The settings that the run was started with. Raises `UserError` if they are missing or make no sense."""
        from . import experiments

        return experiments.read(self.path(CONFIG))

    @cached_property
    def model(self) -> LatentModel:
        """The trained model on the CPU, in evaluation mode.

        Raises `UserError` if the file is missing, is a pickle, is damaged, or describes another architecture than it
        holds.
        """
        return checkpoints.read_model(self.path(MODEL))

    @cached_property
    def statistics(self) -> Statistics:
        """What painting needs besides the model: priors, attribute directions, a sharpener. Raises as `model` does."""
        from .statistics import read_statistics

        return read_statistics(self.path(STATISTICS), self._architecture)

    @cached_property
    def codes(self) -> Codes:
        """The posteriors of some held-out images. Raises as `model` does."""
        from .statistics import read_codes

        return read_codes(self.path(CODES), self._architecture)

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
        """What the header of the weights says: the other files must agree with it."""
        return checkpoints.read_architecture(self.path(MODEL))

    def write_experiment(self, experiment: Experiment) -> None:
        """Write the settings to config.toml."""
        from . import experiments

        experiments.write(experiment, self.path(CONFIG))
        self.experiment = experiment

    def write_model(self, model: LatentModel) -> None:
        """Write the weights and the architecture, in float32 and so bit for bit.

        Statistics and codes that lie there are removed first: they describe the weights that are replaced.
        """
        with disk_errors_as_user_error(self.folder):
            for part in (STATISTICS, CODES):
                self.path(part).unlink(missing_ok=True)
        self._forget("model", "statistics", "codes")
        checkpoints.write_model(self.path(MODEL), model)

    def write_statistics(self, statistics: Statistics) -> None:
        """Write the statistics."""
        from .statistics import write_statistics

        write_statistics(self.path(STATISTICS), statistics)
        self._forget("statistics")

    def write_codes(self, codes: Codes) -> None:
        """Write the codes."""
        from .statistics import write_codes

        write_codes(self.path(CODES), codes)
        self._forget("codes")

    def write_history(self, history: pd.DataFrame) -> None:
        """Write the table of epochs."""
        with atomic_write(self.path(HISTORY)) as partial:
            history.to_csv(partial, index=False)
        self.history = history

    def write_metrics(self, metrics: dict[str, dict]) -> None:
        """Merge what was measured into metrics.json."""
        self._replace_metrics(self.metrics | metrics)

    def forget_old_evaluations(self) -> None:
        """Remove the evaluations from metrics.json if the weights were replaced, and with them the statistics."""
        if self.has(METRICS) and not self.has(STATISTICS):
            kept = {key: value for key, value in self.metrics.items() if not key.startswith("evaluation")}
            self._replace_metrics(kept)

    def _replace_metrics(self, metrics: dict[str, dict]) -> None:
        with atomic_write(self.path(METRICS)) as partial:
            partial.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        self.metrics = metrics

    def _forget(self, *parts: str) -> None:
        """Have these parts read again when they are next asked for."""
        for part in parts:
            self.__dict__.pop(part, None)


def load(name: str | Path) -> Run:
    """The run in a folder, or the shipped checkpoint of that name.

    Raises `UserError` if there is neither, or if it holds no weights.
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
    """The shipped record of an experiment: its settings, epochs, metrics and pictures, and weights where they are."""
    return Run(SHIPPED / name)


def shipped() -> list[str]:
    """The names of the checkpoints that come with the package; of other runs it holds the record alone."""
    found = (Run(path.parent) for path in SHIPPED.glob(f"*/{MODEL}"))
    return sorted(run.name for run in found if run.has(CONFIG))
