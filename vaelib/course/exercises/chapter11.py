"""The exercises of chapter 11, *The second stage, and blur*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

STEPS = 16  # the smallest power of two of Euler's steps within 10 % of the library's distance


@exercise
def euler_steps(answer: int) -> str | None:
    """The smallest power of two of Euler's steps whose samples come within 10 % of the library's distance."""
    if answer == STEPS:
        return None
    if answer == 1:
        return "decode what a single step gives and look at it: how many different pictures are there?"
    if answer < STEPS:
        return "not yet within 10 %: Euler's error falls only in proportion to the step. Try more."
    return "that is enough, but is it the smallest power of two that is?"


@exercise
def gain_and_price(answer: tuple[float, float]) -> str | None:
    """The gain, and the growth of the squared error, if the error has three times the power of the decoded image."""
    gain, factor = (float(given(part)) for part in answer)
    gains = {
        4: "that is the power of images over that of reconstructions. A gain multiplies coefficients: take the root.",
        3: "images have the power of reconstructions and of the error. Then take the root of the ratio.",
        math.sqrt(3): "that is the root of e² / s². Images have the power s² + e².",
    }
    factors = {
        2: "that is the limit, not the value: it is nearly reached where reconstructions have almost no power.",
        4: "only the reconstruction is amplified, not the error: how far does that move it, in mean square?",
        7 / 3: "the reconstruction moves by (g - 1) ĉ, not by g ĉ.",
        1 / 3: "that is what is added to the error as it was.",
    }
    if not _near(gain, 2):
        return _hint(gain, gains) or "the gain is the root of (s² + e²) / s²."
    if not _near(factor, 4 / 3):
        return _hint(factor, factors) or "the squared error is e² + (g - 1)² s² now. How many times e² is that?"
    return None


@exercise
def wiener_gain(function: Callable[[Tensor, Tensor], float]) -> str | None:
    """The gain g for which the mean square of c - g ĉ is least, from coefficients c and ĉ of equal shape."""
    generator = torch.Generator().manual_seed(0)
    c_hat, missing = 2 * torch.randn(2, 3, 1000, generator=generator)
    c = 0.4 * c_hat + missing  # far from a mean, so that every mistake gives another number
    answer = float(given(function(c, c_hat)))
    product, power_hat, power = (c * c_hat).mean(), c_hat.square().mean(), c.square().mean()
    mistakes = {
        (power / power_hat).sqrt().item(): "that gain restores the power of images. Which one makes the error least?",
        (product / power).item(): "this gain would multiply c. Here g multiplies ĉ: whose power is the denominator?",
        product.item(): "that is the numerator. Divide it by the power of ĉ.",
        (c.mean() / c_hat.mean()).item(): "a ratio of means need not make squares small. Set the derivative to zero.",
        (c / c_hat).mean().item(): "the mean of the ratios explodes where ĉ is near zero. Set the derivative to zero.",
    }
    if math.isclose(answer, (product / power_hat).item(), rel_tol=1e-3):
        return None
    return _hint(answer, mistakes) or "set the derivative of E (c - g ĉ)² with respect to g to zero."


def _hint(found: float, mistakes: dict[float, str]) -> str | None:
    return next((hint for wrong, hint in mistakes.items() if _near(found, wrong)), None)


def _near(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=0.03)
