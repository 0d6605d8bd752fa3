"""The checks of chapter 05's exercises: the latent space of a VAE."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

CLOSE = 0.02
COOLEST, HOTTEST = 1.6, 2.5  # in this range the distance differs little


@exercise
def tiling_clouds(nats: float) -> str | None:
    """The information in nats that z conveys about which of 100 faces it came from, if their clouds do not overlap."""
    mistakes = {
        math.log2(100): "that is the number of bits. In nats, take the natural logarithm.",
        100.0: "that is the number of faces. How many nats does it take to name one of them?",
        0.0: "that is what clouds in one and the same place convey. These clouds do not overlap.",
        60 - math.log(100): "that is the mismatch, the rest of the 60 nats. The information is the other part.",
        math.log10(100): "that is the logarithm to the base 10. In nats, take the natural logarithm.",
    }
    if abs(nats - math.log(100)) < CLOSE:
        return None
    otherwise = "within a cloud, q(z) is a hundredth of q(z | x). What is the average of the logarithm of their ratio?"
    return next((hint for value, hint in mistakes.items() if abs(nats - value) < CLOSE), otherwise)


@exercise
def aggregate_std(function: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """The standard deviation of the aggregate posterior in each dimension, (d,) from mu and logvar (N, d)."""
    mu, logvar = _clouds(4000)
    answer, expected = given(function(mu, logvar)), (mu.var(0) + logvar.exp().mean(0)).sqrt()
    if answer.shape != expected.shape:
        return f"for 3 dimensions the shape should be (3,), it is {tuple(answer.shape)}."
    if _equal(answer, expected):
        return None
    variance, clouds = mu.var(0), logvar.exp().mean(0)
    mistakes = {
        "that is the variance: the exercise asks for its root.": expected.square(),
        "that is the spread of the means alone. Each cloud has a width of its own.": mu.std(0),
        "that is the width of a typical cloud. The clouds also lie in different places.": clouds.sqrt(),
        "standard deviations do not add up, variances do.": mu.std(0) + (0.5 * logvar).exp().mean(0),
        "you added a standard deviation to a variance: exp(0.5 * logvar) is σ, exp(logvar) is σ².": (
            variance + (0.5 * logvar).exp().mean(0)
        ).sqrt(),
        "logvar is the logarithm of the variance: take exp(logvar) before you average.": (
            variance + logvar.mean(0)
        ).sqrt(),
        "the exercise asks for the mean of the variances, not for the square of the mean σ.": (
            variance + (0.5 * logvar).exp().mean(0).square()
        ).sqrt(),
        "average over the images first and take the root last.": (variance + logvar.exp()).sqrt().mean(0),
    }
    hints = [hint for hint, value in mistakes.items() if _equal(answer, value)]
    return hints[0] if hints else "it is not the standard deviation of z. Which two variances add up?"


def _clouds(n: int) -> tuple[Tensor, Tensor]:
    """mu and logvar (n, 3): means with standard deviations 2, 1 and 0.1 about 1, and variances that differ by image."""
    generator = torch.Generator().manual_seed(0)
    mu = 1 + torch.tensor([2.0, 1.0, 0.1]) * torch.randn(n, 3, generator=generator)
    logvar = torch.tensor([-1.0, 0.5, 1.0]) + 0.8 * torch.randn(n, 3, generator=generator)
    return mu, logvar


@exercise
def best_temperature(temperature: float) -> str | None:
    """The temperature at which samples of N(0, temperature² I) are nearest to the validation faces: about 2."""
    if temperature < 1:
        return "such samples look calm because they are all alike. What does the distance say without variety?"
    if temperature == 1:
        return "that is what the nats prefer. Read off the smallest distance."
    if temperature < COOLEST:
        return "a temperature above 1 is right. A little more variety brings the samples still nearer."
    if temperature > HOTTEST:
        return "at this temperature the draws go too far even along the longest directions. Compare the distances."
    return None


def _equal(answer: Tensor, value: Tensor) -> bool:
    return torch.allclose(answer.float(), value, rtol=1e-3, atol=1e-4, equal_nan=True)
