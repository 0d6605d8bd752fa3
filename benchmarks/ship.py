"""Make the small form of a run that can be shipped: what is needed to use the model, and how it came about.

    python benchmarks/ship.py runs/celeba64 shipped/celeba64

Weights become float16, which halves the file and moves no pixel by a visible amount; the optimiser's state and the
pictures of the epochs stay behind (`originals.png` shows images of the data set, which must not be passed on).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from vaelib import checkpoints, experiments, records, runs


def main() -> None:
    """Copy a run's folder to its small form."""
    parser = argparse.ArgumentParser(description="Make the small form of a run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    ship(arguments.run, arguments.folder)


def ship(run: Path, folder: Path) -> None:
    """Write RUN's model in float16, and copy its statistics, settings, history and metrics."""
    tensors, about = checkpoints.read_tensors(run / checkpoints.MODEL)
    halved = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    checkpoints.write_tensors(folder / checkpoints.MODEL, halved, about)
    for name in (checkpoints.STATISTICS, experiments.CONFIG, records.HISTORY, runs.METRICS):
        if (run / name).is_file():  # a run that was stopped has no statistics yet
            shutil.copy(run / name, folder / name)


if __name__ == "__main__":
    main()
