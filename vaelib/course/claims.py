"""The claims of a chapter: each is checked with the current numbers and stops the notebook if it does not hold.

Every claim is also stored in `made`, whether it holds or not; `notebooks/measure.py` reads it there.
"""

from __future__ import annotations

from dataclasses import dataclass

OPPOSITE = {"≤": ">", "≥": "<"}


class ClaimError(AssertionError):
    """A statement of the course that does not hold on this run."""


@dataclass(frozen=True)
class Claim:
    """The claim that `value` is at most ("≤"), at least ("≥") or within `tolerance` of ("=") `reference`.

    `held` says whether this is true. As a string the claim is the line in the notebook, or the message of `ClaimError`.
    """

    statement: str
    sign: str
    value: float
    reference: float
    held: bool
    tolerance: float | None = None  # for "=" only

    def __str__(self) -> str:
        if self.sign == "=":
            compared = f"{self.value:.3g} and {self.reference:.3g}, tolerance {self.tolerance:.1g}"
        else:
            sign = self.sign if self.held else OPPOSITE[self.sign]
            compared = f"{self.value:.3g} {sign} {self.reference:.3g}"
        return f"✓ {self.statement} ({compared})" if self.held else f"{self.statement}: not on this run ({compared})."


made: list[Claim] = []  # all claims of this session, in order


def at_most(statement: str, value: float, limit: float) -> None:
    """Claim that `value` is at most `limit`: print the claim, or raise `ClaimError`."""
    _make(Claim(statement, "≤", float(value), float(limit), bool(value <= limit)))


def at_least(statement: str, value: float, limit: float) -> None:
    """Claim that `value` is at least `limit`: print the claim, or raise `ClaimError`."""
    _make(Claim(statement, "≥", float(value), float(limit), bool(value >= limit)))


def equal(statement: str, value: float, expected: float, tolerance: float) -> None:
    """Claim that two numbers differ by at most `tolerance`: print the claim, or raise `ClaimError`."""
    held = bool(abs(value - expected) <= tolerance)
    _make(Claim(statement, "=", float(value), float(expected), held, tolerance))


def _make(claim: Claim) -> None:
    made.append(claim)
    if not claim.held:
        raise ClaimError(str(claim))
    print(claim)
