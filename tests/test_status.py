"""What the chapters cost and claim: read from their outputs, recorded seed by seed, shown on the status page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "book"), str(ROOT / "notebooks")]

import measure  # noqa: E402
import status  # noqa: E402

PRINTED = """✓ N(0, I) is far (worse) off (17.3 ≥ 3)
some other line (1 ≤ 2)
✓ a drift (-0.002 ≤ 1e-05)
✓ two norms (8 and 7.97, tolerance 0.03)
"""


def notebook(*cells: tuple[str, str]) -> nbformat.NotebookNode:
    """A notebook of code cells: source and what it has printed."""
    new = nbformat.v4
    made = [new.new_code_cell(source, outputs=[new.new_output("stream", text=text)]) for source, text in cells]
    return new.new_notebook(cells=made)


def test_claims_are_read_from_what_the_cells_print() -> None:
    assert measure.claims_of(notebook(("claims", PRINTED), ("print(1)", "1\n"))) == [
        {"statement": "N(0, I) is far (worse) off", "sign": "≥", "value": 17.3, "reference": 3},
        {"statement": "a drift", "sign": "≤", "value": -0.002, "reference": 1e-5},
        {"statement": "two norms", "sign": "=", "tolerance": 0.03, "value": 8, "reference": 7.97},
    ]


def test_other_seeds_stop_at_the_last_claim() -> None:
    cells = notebook(("x = 1", ""), ("claims.at_most('a', x, 2)", ""), ("# claims of a solution", "")).cells
    assert [cell.source for cell in measure.up_to_the_last_claim(cells)] == ["x = 1", "claims.at_most('a', x, 2)"]


def test_a_chapter_is_run_with_its_seed_and_its_error_is_told(tmp_path: Path) -> None:
    path = tmp_path / "00-test.ipynb"
    claim = "SEED = 0\nfrom vaelib import claims\nclaims.at_most('the seed', SEED, 2)"
    nbformat.write(notebook((claim, ""), ("print('beyond')", "")), path)
    assert measure.run(path, 2)["claims"] == [{"statement": "the seed", "sign": "≤", "value": 2, "reference": 2}]
    assert "the seed: not on this run (3 > 2)" in measure.run(path, 3)["error"]


def test_seeds_are_recorded_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "RECORD", tmp_path / "chapters.json")
    claim = {"statement": "it holds", "sign": "≤", "value": 1.0, "reference": 2.0}
    for seed, value in ((1, 1.5), (0, 1.0)):
        outcome = {"seconds": 10 + seed, "peak_memory_mib": 100 + seed, "claims": [claim | {"value": value}]}
        measure.record("01-test", seed, outcome)
    recorded = json.loads(measure.RECORD.read_text())["chapters"]["01-test"]
    assert (recorded["seconds"], recorded["peak_memory_mib"]) == (10, 100)  # those of seed 0
    assert recorded["claims"][0]["values"] == {"0": 1.0, "1": 1.5}


def test_claims_that_are_no_longer_made_are_forgotten() -> None:
    old = [{"statement": "old", "sign": "≤", "values": {"0": 1.0}, "references": {"0": 2.0}}]
    new = [{"statement": "new", "sign": "≥", "value": 5.0, "reference": 4.0}]
    assert measure.merged(old, new, "3") == [
        {"statement": "new", "sign": "≥", "values": {"3": 5.0}, "references": {"3": 4.0}}
    ]


@pytest.mark.parametrize(
    ("claim", "room"),
    [
        ({"sign": "≥", "values": {"0": 6, "1": 4.5}, "references": {"0": 3, "1": 3}}, 0.5),
        ({"sign": "≤", "values": {"0": 6}, "references": {"0": 8}}, 0.25),
        ({"sign": "≤", "values": {"0": 9}, "references": {"0": 8}}, -0.125),
        ({"sign": "≤", "values": {"0": -3}, "references": {"0": -2}}, 0.5),
        ({"sign": "=", "tolerance": 0.4, "values": {"0": 1.1}, "references": {"0": 1.0}}, 0.75),
        ({"sign": "≤", "values": {"0": 0}, "references": {"0": 0}}, float("inf")),
    ],
)
def test_room_is_the_share_of_the_limit_that_the_worst_seed_leaves(claim: dict, room: float) -> None:
    assert status.room(claim) == pytest.approx(room)


def test_the_page_is_what_the_record_makes() -> None:
    assert status.PAGE.read_text() == status.text(json.loads(status.RECORD.read_text())), "run `make results`"
