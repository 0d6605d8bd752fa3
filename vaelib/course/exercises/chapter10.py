"""The exercises of chapter 10, *Evaluating, and beyond*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

REAL = 1000  # faces in the real set of the first exercise
STEPS = 16  # the smallest power of two of Euler's steps within 25 % of the library's distance


@exercise
def one_face(answer: tuple[float, float]) -> str | None:
    """Precision and recall of a thousand copies of one real face."""
    precision, recall = (float(given(share)) for share in answer)
    if recall > 0.5 >= precision:
        return "the right way to see it, the wrong way round: precision is the share of generated pictures."
    if not math.isclose(precision, 1, abs_tol=0.02):
        return "each copy is a real face, so it lies at the centre of a real face's ball."
    if recall > 0.5:
        return "recall asks how many real faces lie near generated ones. How far do the balls of copies reach?"
    if not math.isclose(recall, 0, abs_tol=2 / REAL):
        return (
            "the third neighbour of a copy is another copy, at distance 0. Which real faces lie in a ball of radius 0?"
        )
    return None


@exercise
def importance_bound(function: Callable[[Tensor], Tensor]) -> str | None:
    """The importance-weighted bound (B,) of log-weights (k, B)."""
    log_weights = 3800 + 5 * torch.randn(20, 6, generator=torch.Generator().manual_seed(0))  # those of faces
    k, images = log_weights.shape
    answer = given(function(log_weights))
    if answer.shape != (images,):
        return f"20 draws of 6 images should give one bound an image, (6,), yours is {tuple(answer.shape)}."
    total = torch.logsumexp(log_weights, 0)
    if torch.allclose(answer, total - math.log(k), atol=1e-2, rtol=0):
        return None
    if not answer.isfinite().all():
        return "e^3800 is no floating-point number. Take the largest log-weight out first, as torch.logsumexp does."
    mistakes = {
        "this is the logarithm of the sum of the weights. The bound takes their mean: what is missing?": total,
        "the mean of the logarithms is the ELBO: average the weights first, then take the logarithm.": log_weights.mean(
            0
        ),
        "this divides the logarithm by k. The logarithm of a sum divided by k is something else.": total / k,
        "you have added log k. A mean is smaller than a sum.": total + math.log(k),
        "the largest weight alone: the others count, too, and then comes the mean.": log_weights.amax(0),
    }
    hints = [hint for hint, value in mistakes.items() if torch.allclose(answer, value, atol=1e-2, rtol=0)]
    return hints[0] if hints else "it is log (1/k) Σ w, with log w given: which step is another?"


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
