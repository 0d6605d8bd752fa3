"""The claims of a chapter: each is checked on the run at hand, and stops the notebook when it does not hold."""

from __future__ import annotations


class ClaimError(AssertionError):
    """A statement of the course that this run does not bear out."""


def at_most(statement: str, value: float, limit: float) -> None:
    """Claim that `value` is at most `limit`: say so, or raise `ClaimError`."""
    _report(statement, value <= limit, f"{value:.3g} ≤ {limit:.3g}", f"{value:.3g} > {limit:.3g}")


def at_least(statement: str, value: float, limit: float) -> None:
    """Claim that `value` is at least `limit`: say so, or raise `ClaimError`."""
    _report(statement, value >= limit, f"{value:.3g} ≥ {limit:.3g}", f"{value:.3g} < {limit:.3g}")


def equal(statement: str, value: float, expected: float, tolerance: float) -> None:
    """Claim that two numbers differ by at most `tolerance`: say so, or raise `ClaimError`."""
    figures = f"{value:.3g} and {expected:.3g}, tolerance {tolerance:.1g}"
    _report(statement, abs(value - expected) <= tolerance, figures, figures)


def _report(statement: str, holds: bool, figures: str, contradiction: str) -> None:
    if not holds:
        raise ClaimError(f"{statement}: not on this run ({contradiction}).")
    print(f"✓ {statement} ({figures})")
