"""Costs and claims of the chapters: taken from their kernels, recorded for each seed, shown on the status page."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from notebooks import measure
from notebooks.measure import Outcome
from pages import status
from vaelib.course.claims import Claim

HOLDS = Claim("it holds", "≤", 1.0, 2.0, held=True)


def notebook(*sources: str) -> nbformat.NotebookNode:
    """A notebook of code cells that have not been executed."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


CHAPTER = (
    "SEED = 0\nfrom vaelib.course import claims\nclaims.at_least('N(0, I) is far (worse) off', 17.3456, 3)",
    "print('✓ some other line (1 ≤ 2)')",
    "claims.at_most('the seed', SEED, 2)\nclaims.at_most('a drift', -0.002, 1e-5)",
    "claims.equal('two norms', 8, 7.97, tolerance=0.031)",
    "print('beyond')",
)


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    """The file of a small chapter."""
    path = tmp_path / "00-test.ipynb"
    nbformat.write(notebook(*CHAPTER), path)
    return path


def test_other_seeds_stop_at_the_last_claim() -> None:
    cells = notebook("x = 1", "claims.at_most('a', x, 2)", "# claims of a solution").cells
    assert [cell.source for cell in measure.up_to_the_last_claim(cells)] == ["x = 1", "claims.at_most('a', x, 2)"]


def test_a_chapter_is_run_with_its_seed_and_its_claims_are_data(chapter: Path) -> None:
    outcome = measure.run(chapter, 2)
    assert outcome.error is None
    assert outcome.claims == [
        Claim("N(0, I) is far (worse) off", "≥", 17.3456, 3, held=True),
        Claim("the seed", "≤", 2, 2, held=True),
        Claim("a drift", "≤", -0.002, 1e-5, held=True),
        Claim("two norms", "=", 8, 7.97, held=True, tolerance=0.031),
    ]


def test_a_claim_that_does_not_hold_is_the_last_one_and_is_reported(chapter: Path) -> None:
    outcome = measure.run(chapter, 3)
    assert outcome.error == "ClaimError: the seed: not on this run (3 > 2)."
    assert [(claim.statement, claim.held) for claim in outcome.claims] == [
        ("N(0, I) is far (worse) off", True),
        ("the seed", False),
    ]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Measure a made-up outcome and return the claims of the record; None if nothing was recorded."""
    monkeypatch.setattr(measure, "RECORD", tmp_path / "chapters.json")

    def measure_it(seed: int, claims: list[Claim], error: str | None = None) -> tuple[bool, dict | None]:
        outcome = Outcome(10.0 + seed, 100.0 + seed, claims, error)
        monkeypatch.setattr(measure, "in_a_fresh_process", lambda path, seed: outcome)
        succeeded = measure.measure(Path("01-test.ipynb"), seed)
        known = json.loads(measure.RECORD.read_text()) if measure.RECORD.is_file() else {"chapters": {}}
        return succeeded, known["chapters"].get("01-test")

    return measure_it


def test_seeds_are_recorded_one_by_one(measured) -> None:
    measured(1, [Claim("it holds", "≤", 1.5, 2.0, held=True)])
    succeeded, recorded = measured(0, [HOLDS])
    assert succeeded
    assert (recorded["seconds"], recorded["peak_memory_mib"]) == (10, 100)  # those of seed 0
    assert recorded["claims"] == [
        {
            "statement": "it holds",
            "sign": "≤",
            "values": {"0": 1.0, "1": 1.5},
            "references": {"0": 2.0, "1": 2.0},
            "held": {"0": True, "1": True},
        }
    ]


def test_a_claim_that_does_not_hold_is_recorded_and_its_run_has_no_costs(measured) -> None:
    later = Claim("so does this", "=", 5.0, 5.0, held=True, tolerance=0.1)
    measured(0, [HOLDS, later])
    succeeded, recorded = measured(1, [HOLDS, later])
    assert succeeded
    succeeded, recorded = measured(0, [Claim("it holds", "≤", 3.0, 2.0, held=False)], "ClaimError: it holds: not …")
    assert not succeeded
    assert recorded["seconds"] == 10
    assert [claim["held"] for claim in recorded["claims"]] == [{"0": False, "1": True}, {"1": True}]
    assert [claim["values"] for claim in recorded["claims"]] == [{"0": 3.0, "1": 1.0}, {"1": 5.0}]
    assert recorded["claims"][1]["tolerance"] == 0.1


def test_a_claim_that_no_seed_has_reached_is_removed(measured) -> None:
    measured(0, [HOLDS, Claim("so does this", "≥", 5.0, 4.0, held=True)])
    _, recorded = measured(0, [Claim("it holds", "≤", 3.0, 2.0, held=False)], "ClaimError: it holds: not …")
    assert [claim["statement"] for claim in recorded["claims"]] == ["it holds"]


def test_nothing_is_recorded_if_a_cell_raised_another_error(measured) -> None:
    assert measured(0, [HOLDS], "NameError: name 'x' is not defined") == (False, None)


def test_claims_that_are_no_longer_made_are_removed() -> None:
    numbers = {"values": {"0": 1.0}, "references": {"0": 2.0}, "held": {"0": True}}
    old = [{"statement": "old", "sign": "≤", **numbers}]
    assert measure.merged(old, [Claim("new", "≥", 5.0, 4.0, held=True)], "3") == [
        {"statement": "new", "sign": "≥", "values": {"3": 5.0}, "references": {"3": 4.0}, "held": {"3": True}}
    ]
    both = [*old, {"statement": "older", "sign": "≤", **numbers}]
    assert measure.merged(both, [Claim("old", "≤", 1.0, 2.0, held=True)], "0") == old  # a whole run, with fewer claims


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


def test_a_seed_on_which_a_claim_did_not_hold_is_marked() -> None:
    claim = {"values": {"0": 6, "1": 9}, "references": {"0": 8, "1": 8}, "held": {"0": True, "1": False}}
    assert [status.value_on(claim, seed) for seed in "012"] == ["6.00", "✗ 9.00", ""]


def test_the_page_is_what_the_record_makes() -> None:
    records = (json.loads(path.read_text()) for path in (status.RECORD, status.BROWSER))
    assert status.PAGE.read_text() == status.text(*records), "run `make results`"
