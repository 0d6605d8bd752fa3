"""Write the page on reliability from its record: `python -m pages.reliability` writes book/reliability.md.

`python -m benchmarks.reliability` makes reliability.json, which holds what became of broken inputs and of kills.
"""

from __future__ import annotations

import json
from pathlib import Path

from pages.markdown import table
from vaelib.support.files import atomic_write

ROOT = Path(__file__).parents[1]
RECORD, PAGE = ROOT / "benchmarks" / "recorded" / "reliability.json", ROOT / "book" / "reliability.md"

HEAD = """% Written by pages/reliability.py from the recorded file. Do not edit: make reliability

# Reliability

What becomes of broken inputs, and of commands that are killed. Every number is from one run of
`{command}`
on {date}, seed {seed}, on {hardware},
with {versions}. Other work shared the machine, so the times are upper bounds. A run can only find what is not rare:
{inputs:,} inputs without a fault leave room for one fault in {room:,} (with 95 % confidence)."""

FUZZING = """## Broken inputs

Good files were changed at random: bytes flipped, removed, repeated, or replaced by numbers at the edge of their range.
The answer has to be a result or one sentence, never a traceback, and nothing may be written beside the input. An image
that cannot be decoded counts as a result, because it is left out and named. All inputs were read in one process, which
took at most {memory:,} MB."""

KILLS = """## Commands that are killed

`vaelib prepare` on 120 small pictures, and `vaelib train` for three epochs on them, were killed by SIGKILL at random
moments, and given again, the training with `--resume`. The prepared images, the weights, statistics and codes have to
be those of an undisturbed command, bit for bit."""

MISSING = """## What has not been measured

A full disk at random moments, one of several processes that is killed, and the notebooks' tests on a busy machine.
Single cases of the first are tests (`tests/data/test_cache.py`, `tests/support/test_files.py`)."""


def main() -> None:
    page = text(json.loads(RECORD.read_text(encoding="utf-8")))
    with atomic_write(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def text(record: dict) -> str:
    """The text of the page."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    inputs = min(found["inputs"] for found in record["fuzzing"].values())
    derived = {"versions": versions, "inputs": inputs, "room": round(inputs / 3)}  # the rule of three
    blocks = [HEAD.format(**record | derived)]
    blocks += [FUZZING.format(memory=record["most memory, MB"]), fuzzing(record["fuzzing"])]
    if record["kills"]:
        blocks += [KILLS, kills(record["kills"])]
    return "\n\n".join([*blocks, MISSING]) + "\n"


def fuzzing(kinds: dict[str, dict]) -> str:
    """The table of broken inputs."""
    rows = [
        [kind, *(f"{found[key]:,}" for key in ("inputs", "results", "sentences", "tracebacks")), _slowest(found)]
        for kind, found in kinds.items()
    ]
    header = ["inputs", "number", "results", "sentences", "tracebacks", "slowest, s"]
    return table("tab-reliability-fuzzing", "Files changed at random, and what reading them gave.", header, rows)


def _slowest(found: dict) -> str:
    return f"{found['slowest, s']:.2f}" if "slowest, s" in found else ""


def kills(verbs: dict[str, dict]) -> str:
    """The table of kills."""
    keys = ("runs", "killed in time", "different afterwards", "temporary files left")
    rows = [[f"`vaelib {verb}`", *(str(found[key]) for key in keys)] for verb, found in verbs.items()]
    return table(
        "tab-reliability-kills", "Commands killed at random moments, and given again.", ["command", *keys], rows
    )


if __name__ == "__main__":
    main()
