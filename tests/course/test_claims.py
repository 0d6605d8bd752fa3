"""Claims: what a notebook prints, what stops it, and what is kept as data."""

from __future__ import annotations

import math

import pytest

from vaelib.course import claims
from vaelib.course.claims import Claim, ClaimError


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Claim]:
    """The claims of the test alone, without those of other tests."""
    monkeypatch.setattr(claims, "made", [])
    return claims.made


def test_claims_that_hold_are_printed_and_kept(made: list[Claim], capsys: pytest.CaptureFixture) -> None:
    claims.at_least("N(0, I) is far (worse) off", 17.3456, 3)
    claims.at_most("a drift", -0.002, 1e-5)
    claims.equal("two norms", 8, 7.97, tolerance=0.031)
    assert capsys.readouterr().out.splitlines() == [
        "✓ N(0, I) is far (worse) off (17.3 ≥ 3)",
        "✓ a drift (-0.002 ≤ 1e-05)",
        "✓ two norms (8 and 7.97, tolerance 0.03)",
    ]
    assert made == [
        Claim("N(0, I) is far (worse) off", "≥", 17.3456, 3, held=True),
        Claim("a drift", "≤", -0.002, 1e-5, held=True),
        Claim("two norms", "=", 8, 7.97, held=True, tolerance=0.031),
    ]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (lambda: claims.at_most("small", 3, 2), "small: not on this run (3 > 2)."),
        (lambda: claims.at_least("large", 1, 2), "large: not on this run (1 < 2)."),
        (lambda: claims.equal("same", 1, 2, 0.5), "same: not on this run (1 and 2, tolerance 0.5)."),
        (lambda: claims.at_least("a number", math.nan, 2), "a number: not on this run (nan < 2)."),
    ],
)
def test_a_claim_that_does_not_hold_is_kept_and_raises(claim, message: str, made: list[Claim]) -> None:
    with pytest.raises(ClaimError) as raised:
        claim()
    assert str(raised.value) == message
    assert [kept.held for kept in made] == [False]


def test_numbers_of_any_kind_are_kept_as_plain_ones(made: list[Claim]) -> None:
    import numpy as np
    import torch

    claims.at_most("a tensor", torch.tensor(1.5), np.float32(2))
    claims.equal("an array's", np.float64(2), torch.tensor(2), 0)
    kept = [(type(claim.value), type(claim.reference), type(claim.held)) for claim in made]
    assert kept == [(float, float, bool)] * 2
