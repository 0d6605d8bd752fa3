"""The exercises of chapter 12, *Faces like photographs*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

FLICKER = (1.2, 30)  # how many times more neighbours in a walk differ if each has noise of its own


@exercise
def one_step(answer: tuple[float, float]) -> str | None:
    """The squared error after one step and after very many, divided by that of the mean."""
    one, many = (float(given(part)) for part in answer)
    if _near(one, 2) and _near(many, 1):
        return "the right numbers, the wrong way round: what can the velocity at t = 0 know about the photograph?"
    if _near(one, 0) or _near(many, 0):
        return "zero would be the photograph itself, and nobody knows that: the code does not contain it."
    if not _near(one, 1):
        return "at t = 0 a point is the mean plus noise. Where do the lines from there end, on average?"
    if _near(many, 1):
        return "then many steps would lead back to the mean. They lead to a draw: what does Eq. 12.4 say about it?"
    if not _near(many, 2):
        return "the photograph and the draw are two independent draws around the same mean: how far apart are they?"
    return None


@exercise
def filter_velocity(function: Callable[[Tensor, float, float, float], Tensor]) -> str | None:
    """The mean velocity of a Gaussian coefficient that sees only x_t, from y, t, s² and e²."""
    y, t, s2, e2 = torch.tensor([-2.0, 0.5, 3.0]), 0.4, 2.0, 3.0
    found = torch.as_tensor(given(function(y, t, s2, e2)))
    if found.shape != y.shape:
        return f"for y of shape {tuple(y.shape)} the velocity has the shape {tuple(found.shape)}: it needs y's own."
    variance = s2 + t**2 * e2
    gain = math.sqrt(variance / s2)
    mistakes = {
        "the covariance of e with y = ĉ + t e is t e², not e²: the factor t is missing.": e2 / variance * y,
        "the variance of y = ĉ + t e is s² + t² e²: e² enters it with t².": t * e2 / (s2 + t * e2) * y,
        "that is E[t e | y], the distance travelled so far. The velocity is E[e | y].": t**2 * e2 / variance * y,
        "that is E[ĉ | y]. The velocity of the line is c - ĉ = e: regress e on y.": s2 / variance * y,
        "with s² in the numerator this regresses ĉ, not e.": t * s2 / variance * y,
        "that is the gain at time t times y, where the points are. How fast do they move?": gain * y,
    }
    if torch.allclose(found, t * e2 / variance * y, rtol=1e-3):
        return None
    hints = (hint for hint, wrong in mistakes.items() if torch.allclose(found, wrong, rtol=1e-3))
    return next(hints, "E[e | y] of two Gaussian numbers with mean zero is Cov(e, y) / Var(y) times y.")


@exercise
def flicker(answer: float) -> str | None:
    """How many times more neighbouring pictures of a walk differ with noise of their own than with one for all."""
    low, high = FLICKER
    if answer < 1 / low:
        return "the right comparison, upside down: divide the change with new noise by the change with the same noise."
    if answer <= low:
        return "is the noise really new in every frame? A generator that is seeded again gives the same numbers again."
    if answer > high:
        return "compare mean absolute differences of neighbouring frames, both made from the same decoded frames."
    return None


def _near(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=0.03, abs_tol=0.03)
