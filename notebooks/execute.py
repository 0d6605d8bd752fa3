"""Execute the notebooks in reading order, in place: `make notebooks`.

    python -m notebooks.execute                        all chapters, and the page Further
    python -m notebooks.execute notebooks/02-*.ipynb   one of them
    python -m notebooks.execute --seed 2               check the claims on another seed, write nothing

Two runs on one machine give the same bytes, because cell ids stay, and times, widget states and the machine's versions
are not stored. With `--seed` the line `SEED = 0` of each chapter is replaced in memory. If a cell raises, the chapter
is not written, the error is printed, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from notebooks.storage import store_lighter
from vaelib.support.files import atomic_write

CHAPTERS = sorted(Path(__file__).parent.glob("[0-9]*.ipynb"))
NOTEBOOKS = [*CHAPTERS, Path(__file__).parent / "further.ipynb"]
# What a kernel reports, without the version of Python (`make lab` keeps the kernel from reporting that): JupyterLab
# would write anything else into a chapter as soon as it is opened.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
WIDGET = "application/vnd.jupyter.widget-view+json"  # dead without a kernel
NOT_STORED = ("collapsed", "execution", "scrolled", "trusted")
SEED_LINE = re.compile(r"^SEED = 0$", re.MULTILINE)


def main() -> int:
    """Execute the chapters and return the exit status."""
    arguments = parse_arguments()
    succeeded = [run(path, arguments.seed) for path in arguments.chapters]
    return 0 if all(succeeded) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Execute chapters in place, or with another seed without writing.")
    parser.add_argument("chapters", nargs="*", type=Path, default=NOTEBOOKS, help="notebooks (default: all, in order)")
    parser.add_argument("--seed", type=int, help="use this seed instead of 0, and write nothing")
    arguments = parser.parse_args()
    for path in arguments.chapters:
        if not path.is_file():
            parser.error(f"there is no notebook {path}: the chapters are {', '.join(p.name for p in NOTEBOOKS)}")
    return arguments


def run(path: Path, seed: int | None) -> bool:
    """Execute one chapter and print its time. Write it unless a seed was named. Returns False if a cell raised."""
    notebook = nbformat.read(path, as_version=4)
    if seed is not None:
        replace_seed(notebook, seed, path)
    start = time.perf_counter()
    try:
        execute(notebook, path.parent)
    except CellExecutionError as error:
        print(f"{path.name}: a cell raised, the file stays as it was\n{error}", file=sys.stderr)
        return False
    print(f"{path.name}  {time.perf_counter() - start:.1f} s", flush=True)
    if seed is None:
        write(notebook, path)
    return True


def replace_seed(notebook: NotebookNode, seed: int, path: Path) -> None:
    """Put `seed` into the first line of the notebook that says `SEED = 0`."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and SEED_LINE.search(cell.source):
            cell.source = SEED_LINE.sub(f"SEED = {seed}", cell.source, count=1)
            return
    sys.exit(f"{path} has no line SEED = 0 that --seed could replace: add one, or leave --seed out.")


def execute(notebook: NotebookNode, folder: Path, allow_errors: bool = False) -> None:
    """Run all cells in a fresh kernel that works in `folder`, as JupyterLab and nbval do.

    Raises `CellExecutionError` at the first cell that raises; with `allow_errors` the error is its output, and the next
    cell is run.
    """
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=None,
        allow_errors=allow_errors,
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # hides warnings about the kernel's transport
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook without anything that would differ between runs or machines, its pictures compressed."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        for key in NOT_STORED:
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
            for output in cell.outputs:
                store_lighter(output)
    with atomic_write(path) as partial:
        nbformat.write(notebook, partial)


if __name__ == "__main__":
    sys.exit(main())
