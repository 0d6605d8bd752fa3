"""Run the cells of one notebook in this process: `python -P -m vaelib.course.running CELLS`, for `vaelib grade`.

CELLS is a JSON list of the sources of code cells. A cell that raises does not stop those below it. The process ends as
soon as the last cell has, whatever threads it has left, and says how many cells raised in the file of reports.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from .exercises import REPORT

GIBIBYTE = 2**30
# The soft and the hard limit of what a process may take, so that a list without end fills neither memory nor disk.
LIMITS = {resource.RLIMIT_DATA: 16 * GIBIBYTE, resource.RLIMIT_FSIZE: 2 * GIBIBYTE, resource.RLIMIT_CORE: 0}


class Shell(InteractiveShell):
    """IPython without a terminal."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept the magic command `%matplotlib inline`, which needs no window."""


def main() -> None:
    """Run the cells and end the process."""
    cells = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    report = Path(os.environ[REPORT])
    for kind, most in LIMITS.items():
        resource.setrlimit(kind, (most, most))
    sys.path.append(str(Path.cwd()))  # last: a student's vaelib.py beside the notebook does not hide ours
    shell = Shell.instance()
    raised = sum(not shell.run_cell(cell, store_history=False).success for cell in cells)
    with report.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"raised": raised}) + "\n")
    os._exit(0)


if __name__ == "__main__":
    main()
