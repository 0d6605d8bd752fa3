"""Write the status page from benchmarks/recorded/chapters.json: `python -m pages.status` writes book/status.md.

`python -m notebooks.measure` makes the record, which holds the cost of each chapter and its claims on five seeds.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from pages.markdown import number, table
from vaelib.support.files import atomic_write

ROOT = Path(__file__).parents[1]
RECORD, PAGE = ROOT / "benchmarks" / "recorded" / "chapters.json", ROOT / "book" / "status.md"

HEAD = """% Written by pages/status.py from the recorded files. Do not edit: make results

# Status

What the chapters cost to run, and how firmly their claims stand. No number in the tables was typed by hand:
`notebooks/measure.py` executes every chapter from scratch, on five seeds, and records what it sees, and `make results`
writes this page from that record."""

COSTS = """## What the chapters cost

One pass over all chapters on seed 0, on {hardware}, with
{versions}:
no network, no data, no GPU, nothing else running. The machine is a shared one: in other passes an unchanged chapter
took up to a seventh more or less."""

CLAIMS = """## What the chapters claim

Each claim is a cell of its chapter that fails where the claim does not hold. Below are the numbers that it compared, on
each of five seeds. *Room* is how far the worst of them is from the limit, as a share of the limit (of the
tolerance, for two numbers that should be equal)."""


def main() -> None:
    page = text(json.loads(RECORD.read_text(encoding="utf-8")))
    with atomic_write(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def text(record: dict) -> str:
    """The text of the page."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    blocks = [HEAD, COSTS.format(hardware=record["hardware"], versions=versions), costs(record["chapters"])]
    blocks += [CLAIMS, *(claims(name, chapter["claims"]) for name, chapter in record["chapters"].items())]
    return "\n\n".join(blocks) + "\n"


def costs(chapters: dict[str, dict]) -> str:
    """The table of time and memory."""
    rows = [
        [
            f"{name[:2]} {{doc}}`../notebooks/{name}`",
            f"{chapter['seconds']:.0f}",
            f"{chapter['peak_memory_mib']:,}",
            str(len(chapter["claims"])),
            percent(min(map(room, chapter["claims"]))),
        ]
        for name, chapter in chapters.items()
    ]
    total = sum(chapter["seconds"] for chapter in chapters.values())
    most = max(chapter["peak_memory_mib"] for chapter in chapters.values())
    count = sum(len(chapter["claims"]) for chapter in chapters.values())
    rows.append(["all", f"{total:.0f}", f"{most:,}", str(count), ""])
    header = ["chapter", "seconds", "peak memory, MiB", "claims", "least room"]
    return table(
        "tab-status-costs",
        "Wall-clock and peak memory of a run from scratch, and the least room of a claim (see below).",
        header,
        rows,
    )


def claims(name: str, made: list[dict]) -> str:
    """The claims of a chapter with their values on all seeds, folded."""
    seeds = list(made[0]["values"])
    rows = [
        [claim["statement"], *(value_on(claim, seed) for seed in seeds), condition(claim), percent(room(claim))]
        for claim in made
    ]
    header = ["claim", *(f"seed {seed}" for seed in seeds), "compared with", "room"]
    caption = f"The claims of chapter {name[:2]}, seed by seed."
    return "\n".join(
        [
            f"### Chapter {name[:2]}",
            "",
            f"{{doc}}`../notebooks/{name}` claims {len(made)} things.",
            "",
            "::::{dropdown} Show them",
            table(f"tab-status-{name[:2]}", caption, header, rows),
            "::::",
        ]
    )


def value_on(claim: dict, seed: str) -> str:
    """The value on a seed, with a cross if the claim did not hold; an empty text if the run stopped before it."""
    value = number(claim["values"].get(seed))
    return value if claim["held"].get(seed, True) else f"✗ {value}"


def condition(claim: dict) -> str:
    """The sign and the reference: one number, or its range over the seeds."""
    low, high = min(claim["references"].values()), max(claim["references"].values())
    reference = number(low) if low == high else f"{number(low)} … {number(high)}"
    tolerance = f" ± {claim['tolerance']:g}" if "tolerance" in claim else ""
    return f"{claim['sign']} {reference}{tolerance}"


def room(claim: dict) -> float:
    """The distance of the worst seed from the limit, as a share of the limit: 0 at the limit, negative beyond it."""
    pairs = [(value, claim["references"][seed]) for seed, value in claim["values"].items()]
    if "tolerance" in claim:
        off = max(abs(value - reference) for value, reference in pairs)
        return 1 - off / claim["tolerance"] if claim["tolerance"] else math.inf
    sign = 1 if claim["sign"] == "≥" else -1
    return min(sign * (value - limit) / abs(limit) if limit else math.inf for value, limit in pairs)


def percent(share: float) -> str:
    """A share in whole per cent; an empty text if it is infinite because the limit is 0."""
    return "" if math.isinf(share) else f"{100 * share:,.0f} %".replace("-", "−")


if __name__ == "__main__":
    main()
