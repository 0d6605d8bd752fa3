"""Run the stages that are asked for: `python -m benchmarks.reliability --help`."""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from vaelib.support.errors import run_program, unknown

from . import bombs, disks, fuzzing, kills, notebooks, processes
from .commands import forked
from .records import RECORD, Record

STAGES = {
    "fuzzing": (fuzzing.ROWS, 10_000),
    "bombs": (bombs.ROWS, 1),
    "kills": (kills.ROWS, 50),
    "disks": (disks.ROWS, 20),
    "processes": (processes.ROWS, 5),
    "notebooks": (notebooks.ROWS, 10),
}
HEAVY = ("notebooks",)  # only if it is asked for


def main() -> None:
    run_program("reliability", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count what becomes of hostile inputs, kills and full disks.")
    parser.add_argument("--stage", choices=STAGES, help="one stage; all but the notebooks by default")
    parser.add_argument("--only", help="one row of the stage")
    parser.add_argument("--trials", type=int, help="trials of each row; by default as many as the page asks for")
    parser.add_argument("--again", action="store_true", help="forget what is recorded of these rows")
    parser.add_argument("--output", type=Path, default=RECORD, help="the record, which is continued if it exists")
    return parser.parse_args()


def work(options: argparse.Namespace) -> None:
    """Run every row in a process of its own, whose memory is then its own, too."""
    record = Record(options.output)
    for stage in [options.stage] if options.stage else [name for name in STAGES if name not in HEAVY]:
        rows, number = STAGES[stage]
        if options.only and options.only not in rows:
            raise unknown("row", options.only, rows)
        for name in [options.only] if options.only else rows:
            if options.again:
                record.forget(stage, name)
            print(stage, name, flush=True)
            forked(partial(_run, record, stage, name, options.trials or number))


def _run(record: Record, stage: str, name: str, number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="reliability-") as place:
        print(record.run(stage, name, number, lambda: STAGES[stage][0][name](Path(place))), flush=True)


if __name__ == "__main__":
    main()
