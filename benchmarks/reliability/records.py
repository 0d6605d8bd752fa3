"""The record: rows of counted trials, written while they run and continued when they were stopped."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from vaelib.support.files import atomic_write

RECORD = Path(__file__).parents[1] / "recorded" / "reliability.json"
SEED = 0
MAXIMA = ("slowest", "most", "largest")  # what begins with these words is a maximum; other numbers are added
MOST_EXAMPLES = 10
EVERY = 10  # seconds between two writings of a row

Outcome = Mapping[str, int | float | str | list[str]]
Trial = Callable[[int], Outcome]


class Record:
    """The JSON file of a record. Several processes may write different rows of it."""

    def __init__(self, path: Path):
        self.path = path.absolute()

    def read(self) -> dict:
        """All stages, each with its rows."""
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}

    def forget(self, stage: str, name: str) -> None:
        """Remove a row."""
        self._replace(stage, name, None)

    def run(self, stage: str, name: str, number: int, start: Callable[[], Trial]) -> dict:
        """Run the trials of a row that are missing, up to `number`, and return the row."""
        row = self.read().get(stage, {}).get(name) or {"runs": 0, "seed": SEED, "minutes": 0.0}
        if row["runs"] >= number:
            return row
        about = {"date": date.today().isoformat(), "command": command(stage, name, number), "machine": machine()}
        row |= about | {"versions": {package: version(package) for package in ("torch", "pillow", "safetensors")}}
        trial, saved, before = start(), time.monotonic(), row["minutes"]
        started = saved
        while row["runs"] < number:
            merge(row, trial(row["runs"]))
            row["runs"] += 1
            now = time.monotonic()
            if now - saved > EVERY or row["runs"] == number:
                row["minutes"] = round(before + (now - started) / 60, 2)
                self._replace(stage, name, row)
                saved = now
        return row

    def _replace(self, stage: str, name: str, row: dict | None) -> None:
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            record = self.read()
            rows = record.setdefault(stage, {})
            if row is None:
                rows.pop(name, None)
            else:
                rows[name] = row
            with atomic_write(self.path) as partial:
                partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def machine() -> str:
    """The machine in words. It asks for no device, because processes are forked that ask for their own."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} on {platform.machine()}"


def command(stage: str, name: str, number: int) -> str:
    """The command that makes a row."""
    quoted = f"'{name}'" if " " in name else name
    return f"python -m benchmarks.reliability --stage {stage} --only {quoted} --trials {number}"


def merge(row: dict, outcome: Outcome) -> None:
    """Add the outcome of a trial to a row: numbers are added, maxima kept, and a few examples."""
    for key, value in outcome.items():
        if isinstance(value, list):
            row[key] = sorted({*row.get(key, []), *value})[:MOST_EXAMPLES]
        elif isinstance(value, str):
            row[key] = value
        elif key.startswith(MAXIMA):
            row[key] = max(row.get(key, 0), round(value, 7))
        else:
            row[key] = round(row.get(key, 0) + value, 3)
