"""Write the status page from recorded files: `python -m pages.status` writes book/status.md.

`python -m notebooks.measure` makes chapters.json, which holds the cost of each chapter and its claims on five seeds.
`python -m benchmarks.browser` makes browser.json, which holds the speed and the sizes of the live figures.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from pages.markdown import number, table
from vaelib.support.files import atomic_write

ROOT = Path(__file__).parents[1]
RECORD, PAGE = ROOT / "benchmarks" / "recorded" / "chapters.json", ROOT / "book" / "status.md"
BROWSER = RECORD.with_name("browser.json")

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

LIVE = """## What the live figures cost

Measured in {browser} on {hardware}, by `python -m benchmarks.browser`. The times are those of the processor that the
page's one thread used, so other work on the machine does not count. While the mouse drags a slider, one core can show
{rate:.0f} faces a second. All live figures together add {megabytes:.1f} MB to the site. The explorer loads its weights
when it is on the screen. A chapter loads none before its figure is touched."""

DRAG = "show a face while the mouse drags a slider"

CLAIMS = """## What the chapters claim

Each claim is a cell of its chapter that fails where the claim does not hold. Below are the numbers that it compared, on
each of five seeds. *Room* is how far the worst of them is from the limit, as a share of the limit (of the
tolerance, for two numbers that should be equal)."""


def main() -> None:
    page = text(*(json.loads(path.read_text(encoding="utf-8")) for path in (RECORD, BROWSER)))
    with atomic_write(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def text(record: dict, browser: dict) -> str:
    """The text of the page."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    blocks = [HEAD, COSTS.format(hardware=record["hardware"], versions=versions), costs(record["chapters"])]
    derived = {"rate": 1000 / browser["milliseconds"][DRAG], "megabytes": browser["sizes"]["all"] / 1e6}
    blocks += [LIVE.format(**browser, **derived), live(browser), weights(browser["sizes"])]
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


def live(browser: dict) -> str:
    """The table of the explorer's times."""
    rows = [[name, f"{milliseconds:.1f}"] for name, milliseconds in browser["milliseconds"].items()]
    caption = "Processor time of one picture or draw of `celeba64`, 64 × 64 pixels."
    return table("tab-status-live", caption, ["what", "milliseconds"], rows)


def weights(sizes: dict[str, int]) -> str:
    """The table of the scripts with weights."""
    rows = [[f"`{name}`", f"{size / 1e6:.2f}"] for name, size in sizes.items() if name != "all"]
    return table(
        "tab-status-weights", "Scripts of weights, each loaded when it is first needed.", ["script", "MB"], rows
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
