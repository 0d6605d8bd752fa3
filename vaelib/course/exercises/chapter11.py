"""The exercises of chapter 11, *The second stage, and blur*."""

from __future__ import annotations

import math

from . import exercise, given

STEPS = 16  # the smallest power of two of Euler's steps within 25 % of the library's distance


@exercise
def euler_steps(answer: int) -> str | None:
    """The smallest power of two of Euler's steps whose samples come within 25 % of the library's distance."""
    if answer == STEPS:
        return None
    if answer == 1:
        return "decode what a single step gives and look at it: how many different pictures are there?"
    if answer < STEPS:
        return "not yet within 25 %: Euler's error falls only in proportion to the step. Try more."
    return "that is enough, but is it the smallest power of two that is?"


@exercise
def gain_and_price(answer: tuple[float, float]) -> str | None:
    """The gain, and the growth of the squared error, if the error has three times the power of the decoded image."""
    gain, factor = (float(given(part)) for part in answer)
    gains = {
        4: "that is the power of images over what is painted. A gain multiplies coefficients: take the root.",
        3: "images have the power of what is painted and of the error. Then take the root of the ratio.",
        math.sqrt(3): "that is the root of e² / s². Images have the power s² + e².",
    }
    factors = {
        2: "that is the limit, not the value: it is nearly reached where next to nothing is painted.",
        4: "only what was painted is amplified, not the error: how far does that move it, in mean square?",
        7 / 3: "what is painted moves by (g - 1) ĉ, not by g ĉ.",
        1 / 3: "that is what comes on top of the error as it was.",
    }
    if not _near(gain, 2):
        return _hint(gain, gains) or "the gain is the root of (s² + e²) / s²."
    if not _near(factor, 4 / 3):
        return _hint(factor, factors) or "the squared error is e² + (g - 1)² s² now. How many times e² is that?"
    return None


def _hint(found: float, mistakes: dict[float, str]) -> str | None:
    return next((hint for wrong, hint in mistakes.items() if _near(found, wrong)), None)


def _near(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=0.03)
