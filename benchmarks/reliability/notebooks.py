"""The notebooks' tests again and again, on a quiet machine and beside processes that keep every core busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from .commands import Forked
from .records import Outcome, Trial

ROOT = Path(__file__).parents[2]
PARALLEL = ("-n", "auto", "--dist", "loadscope")  # as `make test` runs them
TESTS = ("-m", "pytest", *PARALLEL, "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider", "notebooks")


def runs(busy: bool) -> Callable[[Path], Trial]:
    """Trials that run the tests of all notebooks once."""

    def start(place: Path) -> Trial:
        def trial(number: int) -> Outcome:
            others = [Forked(_compute) for _ in range(os.cpu_count() or 1)] if busy else []
            report, started = place / "report.xml", time.monotonic()
            try:
                environment = os.environ | {"OMP_NUM_THREADS": "1"}
                command = [sys.executable, *TESTS, f"--junitxml={report}"]
                subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
            finally:
                for other in others:
                    other.kill()
            cases = list(ElementTree.parse(report).iter("testcase"))
            flakes = [f"{case.get('classname')} {case.get('name')}" for case in cases if _has_failed(case)]
            minutes = round((time.monotonic() - started) / 60, 1)
            return {"tests": len(cases), "flakes": len(flakes), "slowest run, minutes": minutes, "examples": flakes}

        return trial

    return start


ROWS = {"alone": runs(busy=False), "beside busy processes": runs(busy=True)}


def _compute() -> None:
    while True:
        sum(range(1_000_000))


def _has_failed(case: ElementTree.Element) -> bool:
    return any(case.find(kind) is not None for kind in ("failure", "error"))
