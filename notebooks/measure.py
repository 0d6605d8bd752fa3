"""Measure the cost of each chapter, and whether its claims hold on five seeds.

    python -m notebooks.measure                        all chapters on the seeds 0 to 4
    python -m notebooks.measure notebooks/05-*.ipynb   one of them
    python -m notebooks.measure --seeds 0              the costs, and the claims of this seed

Every run starts from scratch in its own process. The costs are the wall-clock time and the kernel's peak memory of the
run on seed 0, which is the only one that continues to the end of the chapter. The machine should do nothing else
meanwhile. The claims come as data from the kernel (`vaelib.course.claims.made`). All numbers are kept in
benchmarks/recorded/chapters.json, from which `make results` writes a page of the book. Notebooks are not changed. The
exit status is 1 if a cell raised. A claim that did not hold is recorded, too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from notebooks.execute import CHAPTERS, execute, replace_seed
from vaelib.course.claims import Claim
from vaelib.support import devices
from vaelib.support.files import atomic_write

RECORD = Path(__file__).parents[1] / "benchmarks" / "recorded" / "chapters.json"
SEEDS = (0, 1, 2, 3, 4)
os.environ.setdefault("GOMP_SPINCOUNT", "30000")  # as in the Makefile, for the kernels
PACKAGES = ("torch", "numpy", "scikit-learn", "matplotlib")
MEBIBYTE = 2**20
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # the unit of getrusage, in bytes

BY_SEED = {"values": "value", "references": "reference", "held": "held"}  # keys of the record: attributes of a `Claim`
CLAIMING = ("claims.at_most(", "claims.at_least(", "claims.equal(")
LAST_CELL = """\
import json
from dataclasses import asdict
from vaelib.course import claims
print(json.dumps([asdict(claim) for claim in claims.made]))
"""


@dataclass(frozen=True)
class Outcome:
    """One run of a chapter: its costs, its claims up to the first that did not hold, and the error, if any."""

    seconds: float
    peak_memory_mib: float
    claims: list[Claim]
    error: str | None


def main() -> int:
    """Measure the chapters and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the chapters' costs, and their claims on five seeds.")
    parser.add_argument("chapters", nargs="*", type=Path, default=CHAPTERS, help="notebooks (default: all, in order)")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="default: 0 1 2 3 4")
    arguments = parser.parse_args()
    succeeded = [measure(path, seed) for path in arguments.chapters for seed in arguments.seeds]
    return 0 if all(succeeded) else 1


def measure(path: Path, seed: int) -> bool:
    """Run a chapter on a seed and record its numbers. Returns False if a cell raised.

    Nothing is recorded if the cell raised for a reason other than a claim.
    """
    outcome = in_a_fresh_process(path, seed)
    if outcome.error is None or not all(claim.held for claim in outcome.claims):
        record(path.stem, seed, outcome)
    if outcome.error is not None:
        print(f"{path.stem}, seed {seed}: {outcome.error}", file=sys.stderr)
        return False
    print(f"{path.stem}, seed {seed}: {outcome.seconds:.0f} s, {outcome.peak_memory_mib:.0f} MiB", flush=True)
    return True


def in_a_fresh_process(path: Path, seed: int) -> Outcome:
    """The result of `run` in a new process without other children, so that the peak memory is that of this kernel."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, path, seed).result()


def run(path: Path, seed: int) -> Outcome:
    """Execute a chapter on a seed: seconds, peak memory, claims, and the error of the first cell that raised."""
    notebook = nbformat.read(path, as_version=4)
    replace_seed(notebook, seed, path)
    if seed != 0:
        notebook.cells = up_to_the_last_claim(notebook.cells)
    notebook.cells.append(new_code_cell(LAST_CELL))
    start = time.perf_counter()
    execute(notebook, path.parent, allow_errors=True)  # the last cell must run even if another raises
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * RSS_UNIT / MEBIBYTE
    return Outcome(seconds, peak, claims_of(notebook.cells[-1]), first_error(notebook.cells))


def up_to_the_last_claim(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells up to the last claim, which leaves out the solutions of the exercises."""
    claims = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and any(c in cell.source for c in CLAIMING)]
    return cells[: max(claims) + 1]


def claims_of(last_cell: NotebookNode) -> list[Claim]:
    """The claims of the cells in order, up to the first that did not hold, after which the others mean little."""
    printed = "".join(output.text for output in last_cell.outputs if output.output_type == "stream")
    claims = [Claim(**values) for values in json.loads(printed or "[]")]
    failed = [i for i, claim in enumerate(claims) if not claim.held]
    return claims[: failed[0] + 1] if failed else claims


def first_error(cells: list[NotebookNode]) -> str | None:
    """The first error of a cell that is not meant to raise; None if there is none."""
    strict = [cell for cell in cells if "raises-exception" not in cell.metadata.get("tags", [])]
    outputs = [output for cell in strict if cell.cell_type == "code" for output in cell.outputs]
    errors = (f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error")
    return next(errors, None)


def record(chapter: str, seed: int, outcome: Outcome) -> None:
    """Put the numbers of a run into the record. Costs are recorded only for a run to the end of the chapter."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {"chapters": {}}
    entry = known["chapters"].setdefault(chapter, {})
    entry["claims"] = merged(entry.get("claims", []), outcome.claims, str(seed))
    if seed == 0 and outcome.error is None:
        entry |= {"seconds": round(outcome.seconds, 1), "peak_memory_mib": round(outcome.peak_memory_mib)}
        known["hardware"] = devices.hardware()
        known["versions"] = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    known["chapters"] = dict(sorted(known["chapters"].items()))
    with atomic_write(RECORD) as partial:
        partial.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def merged(known: list[dict], made: list[Claim], seed: str) -> list[dict]:
    """The known claims with the numbers of one more seed; only the new claims if the chapter's claims have changed.

    A run that stopped at a claim has not made the later ones. They get no numbers of this seed, and are removed if they
    have no numbers of another seed.
    """
    ended_early = not all(claim.held for claim in made)
    compared = known[: len(made)] if ended_early else known
    if [claim["statement"] for claim in compared] != [claim.statement for claim in made]:
        known = [without_numbers(claim) for claim in made]
    changed = (with_seed(entry, claim, seed) for entry, claim in zip_longest(known, made))
    return [entry for entry in changed if entry["values"]]


def without_numbers(claim: Claim) -> dict:
    """The entry of a claim in the record, without the numbers of any seed."""
    tolerance = {} if claim.tolerance is None else {"tolerance": claim.tolerance}
    return {"statement": claim.statement, "sign": claim.sign, **tolerance, **{key: {} for key in BY_SEED}}


def with_seed(entry: dict, claim: Claim | None, seed: str) -> dict:
    """A recorded claim with the numbers of this seed, or without them if the run did not reach the claim."""
    changed = dict(entry)
    for key, attribute in BY_SEED.items():
        others = {other: number for other, number in entry[key].items() if other != seed}
        new = {seed: getattr(claim, attribute)} if claim else {}
        changed[key] = dict(sorted((others | new).items()))
    return changed


if __name__ == "__main__":
    sys.exit(main())
