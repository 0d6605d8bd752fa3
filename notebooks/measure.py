"""Measure the chapters: what each costs, and whether its claims hold on five seeds.

    python notebooks/measure.py                        all chapters on the seeds 0 to 4
    python notebooks/measure.py notebooks/05-*.ipynb   one of them
    python notebooks/measure.py --seeds 0              the costs, and the claims of this seed

Every run starts from scratch, in a process of its own. The costs, wall-clock and the kernel's peak memory, are those of
the run on seed 0, which alone goes on to the end of the chapter: let the machine do nothing else meanwhile.
benchmarks/recorded/chapters.json keeps the figures, from which `make results` writes a page of the book. Notebooks are
not changed. The exit status is 1 if a claim did not hold.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import re
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import nbformat
from execute import CHAPTERS, execute, replace_seed
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from vaelib import runs
from vaelib.files import atomic_write

RECORD = Path(__file__).parents[1] / "benchmarks" / "recorded" / "chapters.json"
SEEDS = (0, 1, 2, 3, 4)
os.environ.setdefault("GOMP_SPINCOUNT", "30000")  # as in the Makefile, for the kernels
PACKAGES = ("torch", "numpy", "scikit-learn", "matplotlib")
MEBIBYTE = 2**20
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that getrusage counts in

CLAIM = re.compile(r"^\s*claims\.(at_most|at_least|equal)\(", re.MULTILINE)
NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?|-?inf|nan"
BOUND = re.compile(rf"^✓ (?P<statement>.+) \((?P<value>{NUMBER}) (?P<sign>[≤≥]) (?P<limit>{NUMBER})\)$", re.MULTILINE)
EQUALITY = re.compile(
    rf"^✓ (?P<statement>.+) \((?P<value>{NUMBER}) and (?P<expected>{NUMBER}), tolerance (?P<tolerance>{NUMBER})\)$",
    re.MULTILINE,
)


def main() -> int:
    """Measure what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the chapters' costs, and their claims on five seeds.")
    parser.add_argument("chapters", nargs="*", type=Path, default=CHAPTERS, help="notebooks (default: all, in order)")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="default: 0 1 2 3 4")
    arguments = parser.parse_args()
    succeeded = [measure(path, seed) for path in arguments.chapters for seed in arguments.seeds]
    return 0 if all(succeeded) else 1


def measure(path: Path, seed: int) -> bool:
    """Run a chapter on a seed and record what was measured; False, and nothing recorded, if a cell failed."""
    outcome = in_a_fresh_process(path, seed)
    if "error" in outcome:
        print(f"{path.stem}, seed {seed}: {outcome['error']}", file=sys.stderr)
        return False
    print(f"{path.stem}, seed {seed}: {outcome['seconds']:.0f} s, {outcome['peak_memory_mib']:.0f} MiB", flush=True)
    record(path.stem, seed, outcome)
    return True


def in_a_fresh_process(path: Path, seed: int) -> dict:
    """What `run` returns, of a process that has had no other child: the peak memory of its kernel is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, path, seed).result()


def run(path: Path, seed: int) -> dict:
    """Execute a chapter on a seed: seconds, peak memory and claims, or the error of the cell that raised."""
    notebook = nbformat.read(path, as_version=4)
    replace_seed(notebook, seed, path)
    if seed != 0:
        notebook.cells = up_to_the_last_claim(notebook.cells)
    start = time.perf_counter()
    try:
        execute(notebook, path.parent)
    except CellExecutionError as error:
        return {"error": str(error)}
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * RSS_UNIT / MEBIBYTE
    return {"seconds": seconds, "peak_memory_mib": peak, "claims": claims_of(notebook)}


def up_to_the_last_claim(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells that the claims need: the solutions of the exercises come after them."""
    claiming = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and CLAIM.search(cell.source)]
    return cells[: max(claiming) + 1]


def claims_of(notebook: NotebookNode) -> list[dict]:
    """What the cells have claimed, in their order, as `vaelib.claims` printed it."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "\n".join(output.text for output in outputs if output.output_type == "stream")
    matches = [match for pattern in (BOUND, EQUALITY) for match in pattern.finditer(printed)]
    return [as_claim(match.groupdict()) for match in sorted(matches, key=lambda match: match.start())]


def as_claim(parts: dict[str, str]) -> dict:
    """One claim: what was measured, and what it was compared with; two equal numbers have a tolerance."""
    if "sign" in parts:
        sign, reference, tolerance = parts["sign"], parts["limit"], {}
    else:
        sign, reference, tolerance = "=", parts["expected"], {"tolerance": float(parts["tolerance"])}
    pair = {"value": float(parts["value"]), "reference": float(reference)}
    return {"statement": parts["statement"], "sign": sign, **tolerance, **pair}


def record(chapter: str, seed: int, outcome: dict) -> None:
    """Put the figures of a run into the record."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {"chapters": {}}
    entry = known["chapters"].setdefault(chapter, {})
    entry["claims"] = merged(entry.get("claims", []), outcome["claims"], str(seed))
    if seed == 0:
        entry |= {"seconds": round(outcome["seconds"], 1), "peak_memory_mib": round(outcome["peak_memory_mib"])}
        known["hardware"] = runs.hardware()
        known["versions"] = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    known["chapters"] = dict(sorted(known["chapters"].items()))
    with atomic_write(RECORD) as partial:
        partial.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def merged(known: list[dict], claims: list[dict], seed: str) -> list[dict]:
    """The known claims with the figures of one more seed; where the chapter claims other things now, these alone."""
    if [claim["statement"] for claim in known] != [claim["statement"] for claim in claims]:
        known = [{key: claim[key] for key in ("statement", "sign", "tolerance") if key in claim} for claim in claims]
    for old, new in zip(known, claims, strict=True):
        for key in ("value", "reference"):
            old[f"{key}s"] = dict(sorted((old.get(f"{key}s", {}) | {seed: new[key]}).items()))
    return known


if __name__ == "__main__":
    sys.exit(main())
