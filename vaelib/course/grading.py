"""Grade a folder of students' notebooks: which checks of the exercises pass, as a table with one row per notebook.

A notebook is code of somebody else. Each one runs in a process of its own (`running.py`), in a temporary copy of its
folder, with a time limit and without this process's environment. What it may still do, and how a container prevents
that, is said on the page *Teaching with this course*.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import pkgutil
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from .. import data
from ..support.errors import UserError
from ..support.files import atomic_write
from ..support.processes import run_untrusted
from . import exercises

COURSE = Path(__file__).parents[2]  # the checkout, or the folder of installed packages
RECORDS = Path("benchmarks/recorded")  # the chapters read it, at ../benchmarks/recorded
LARGEST = 100 * 2**20  # bytes of a notebook or of a report
IMPORT = re.compile(r"exercises import (chapter\d\d)")


class UnusableError(Exception):
    """A notebook that cannot be run. The message says why."""


@dataclass(frozen=True)
class Grade:
    """What became of a notebook, and for each exercise of its chapter whether a check of it has passed."""

    notebook: str
    outcome: str
    passed: dict[str, bool] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.notebook}: {sum(self.passed.values())} of {len(self.passed)} checks passed, {self.outcome}"


def grade_all(folder: Path, seconds: float) -> Iterator[Grade]:
    """The grades of all notebooks in a folder and below, in the order of their names. `seconds` is for each of them.

    Raises `UserError` if the folder has no notebook, and if IPython is not installed.
    """
    if os.name != "posix":
        raise UserError("Grading needs Linux or macOS: on Windows, use the Windows Subsystem for Linux.")
    if find_spec("IPython") is None:
        raise UserError("Grading runs notebooks and needs IPython: install it by pip install '.[course]'.")
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name the folder that holds the students' notebooks.")
    notebooks = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not notebooks:
        raise UserError(
            f"There is no notebook in {folder}: put the students' .ipynb files there, or into folders there."
        )
    return (grade(path, str(path.relative_to(folder)), seconds) for path in notebooks)


def grade(notebook: Path, name: str, seconds: float) -> Grade:
    """Run a notebook and collect the verdicts of its checks. `name` is its name in the table."""
    try:
        cells = cells_of(notebook)
    except UnusableError as error:
        return Grade(name, str(error))
    names = exercises_of(cells)
    with TemporaryDirectory(prefix="vaelib-grade-", ignore_cleanup_errors=True) as temporary:
        try:
            outcome, verdicts = _run(cells, notebook, Path(temporary), seconds)
        except (OSError, shutil.Error):
            return Grade(name, "its folder cannot be copied", dict.fromkeys(names, False))
    return Grade(name, outcome, {exercise: exercise in verdicts for exercise in names})


def write_table(grades: list[Grade], path: Path) -> None:
    """Write a CSV with a row for each notebook: the outcome, how many checks passed, and 1 or 0 for each check."""
    columns = sorted({name for grade in grades for name in grade.passed}, key=_position)
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["notebook", "outcome", "passed", "checks", *columns])
        for grade in grades:
            marks = [int(grade.passed[name]) if name in grade.passed else "" for name in columns]
            table.writerow([grade.notebook, grade.outcome, sum(grade.passed.values()), len(grade.passed), *marks])


# A notebook


def cells_of(notebook: Path) -> list[str]:
    """The sources of the code cells, without the course's own solutions, which would pass every check.

    Raises `UnusableError` if the file is no notebook of version 4.
    """
    try:
        if not notebook.is_file():
            raise UnusableError("not a file")
        if notebook.stat().st_size > LARGEST:
            raise UnusableError(f"larger than {LARGEST // 2**20} MiB")
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return [_source(cell) for cell in cells if cell["cell_type"] == "code" and not _is_solution(cell)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnusableError("not a notebook") from error


def _source(cell: dict) -> str:
    return "".join(cell["source"])  # of a string, or of a list of lines


def _is_solution(cell: dict) -> bool:
    return "solution" in cell.get("metadata", {}).get("tags", [])


def exercises_of(cells: list[str]) -> list[str]:
    """The names of all exercises of the chapter whose checks the cells import, in the chapter's order."""
    known = {module.name for module in pkgutil.iter_modules(exercises.__path__)}
    imported = dict.fromkeys(name for cell in cells for name in IMPORT.findall(cell))
    return [name for chapter in imported if chapter in known for name in _exercises(chapter)]


def _exercises(chapter: str) -> list[str]:
    module = importlib.import_module(f"{exercises.__name__}.{chapter}")
    public = (check for name, check in vars(module).items() if not name.startswith("_"))
    return [exercises.name_of(check) for check in public if hasattr(check, "__wrapped__")]


def _position(exercise: str) -> tuple[str, int]:
    """Where an exercise stands in the course."""
    chapter = exercise.partition(".")[0]
    return chapter, _exercises(chapter).index(exercise)


# Its process


def _run(cells: list[str], notebook: Path, temporary: Path, seconds: float) -> tuple[str, set[str]]:
    """Run the cells in a copy of the notebook's folder, below `temporary`: the outcome, and the exercises solved."""
    report, sources, home, work = (temporary / name for name in ("report", "cells", "home", "class/notebooks"))
    home.mkdir()
    sources.write_text(json.dumps(cells), encoding="utf-8")
    shutil.copytree(notebook.parent, work, ignore=_left_out)
    if (COURSE / RECORDS).is_dir():
        shutil.copytree(COURSE / RECORDS, work.parent / RECORDS)
    environment = {
        "HOME": str(home),
        "TMPDIR": str(home),
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(COURSE),
        "VAELIB_DATA": str(data.default_root().absolute()),
        exercises.REPORT: str(report),
    }
    command = [sys.executable, "-P", "-m", f"{__package__}.running", str(sources)]
    status = run_untrusted(command, work, environment, seconds)
    reported = _lines(report)
    verdicts = {str(line.get("exercise")) for line in reported if line.get("passed") is True}
    return _outcome(status, reported, seconds), verdicts


def _left_out(folder: str, names: list[str]) -> list[str]:
    """Of a student's folder: other notebooks, links that lead elsewhere, and what is neither a file nor a folder."""
    paths = [Path(folder, name) for name in names]
    return [
        path.name
        for path in paths
        if path.suffix == ".ipynb" or path.is_symlink() or not (path.is_file() or path.is_dir())
    ]


def _lines(report: Path) -> list[dict]:
    """The lines of a report that can be read. The notebook may have written into it, or deleted it."""
    if not report.is_file() or report.stat().st_size > LARGEST:
        return []
    lines = []
    for line in report.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in lines if isinstance(line, dict)]


def _outcome(status: int | None, reported: list[dict], seconds: float) -> str:
    if status is None:
        return f"stopped after {seconds:g} s"
    raised = next((line["raised"] for line in reported if isinstance(line.get("raised"), int)), None)
    if status != 0 or raised is None:
        return "ended before its last cell"
    return f"finished; cells that raised an error: {raised}" if raised else "finished"
