"""The exercises of chapter 02, *Why autoencoders cannot sample*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

LATENT_DIM = 64
CHOICES = (5, 10)  # on new codes within two nats of each other; the seed decides which is better
MEMORISING = 40


@exercise
def midpoint(answer: float) -> str | None:
    """The norm of the midpoint of two independent draws from N(0, I) in 64 dimensions."""
    hints = {
        math.sqrt(LATENT_DIM): "that is the norm of a draw. Is the midpoint distributed like a draw?",
        math.sqrt(LATENT_DIM) / 2: "halving a sum halves its standard deviation. What is that of the sum?",
        math.sqrt(2 * LATENT_DIM): "that is the distance between the two draws, or the norm of their sum.",
        LATENT_DIM / 2: "that is the squared norm.",
        0.0: "they would cancel if they pointed in opposite directions. What is their scalar product, about?",
    }
    if abs(answer - math.sqrt(LATENT_DIM / 2)) < 0.3:
        return None
    nearest = min(hints, key=lambda wrong: abs(answer - wrong))
    return hints[nearest] if abs(answer - nearest) < 0.3 else "what is the variance of one coordinate of the midpoint?"


@exercise
def diagonal(sample: Callable[[Tensor, int], Tensor]) -> str | None:
    """A sampler of the Gaussian with the codes' means and standard deviations and without their correlations."""
    with torch.random.fork_rng():  # so that the reader's own random numbers do not change
        torch.manual_seed(0)
        codes = _correlated_codes(5000)
        z = given(sample(codes, 4000))
    if z.shape != (4000, 3):
        return f"4000 draws of codes with 3 coordinates should be (4000, 3), yours are {tuple(z.shape)}."
    return _wrong_spread(z, codes) or _wrong_mean(z, codes) or _wrong_correlation(z)


def _correlated_codes(n: int) -> Tensor:
    """Codes (n, 3) with standard deviations 1, 0.3 and 4; the first two columns are correlated."""
    u = torch.randn(n, 3)
    together = 0.8 * u[:, 0] + 0.6 * u[:, 1]
    return torch.stack([u[:, 0] + 5, 0.3 * together, 4 * u[:, 2] - 2], dim=1)


def _wrong_spread(z: Tensor, codes: Tensor) -> str | None:
    spread, wanted = z.std(0), codes.std(0)
    if torch.allclose(spread, wanted, rtol=0.1):
        return None
    if torch.allclose(spread, wanted.square(), rtol=0.1):
        return "you scaled by the variance. A standard normal number times s has standard deviation s."
    if torch.allclose(spread, spread.mean(), rtol=0.1):
        return "all coordinates of your draws have the same scale. Give each its own standard deviation."
    return "the standard deviations of your draws are not those of the codes."


def _wrong_mean(z: Tensor, codes: Tensor) -> str | None:
    if ((z.mean(0) - codes.mean(0)).abs() < 0.1 * codes.std(0)).all():
        return None
    if (z.mean(0).abs() < 0.1 * codes.std(0)).all():
        return "your draws are centred on the origin, and the codes are not. Add their mean."
    return "the mean of your draws is not the mean of the codes, coordinate by coordinate."


def _wrong_correlation(z: Tensor) -> str | None:
    correlation = torch.corrcoef(z.T)[0, 1].item()
    if abs(correlation) < 0.1:
        return None
    if correlation > 0.99:
        return "all coordinates of a draw move together. Draw a random number for each of them."
    return "your draws have kept the correlations of the codes. Use the standard deviations only."


@exercise
def components(answer: int) -> str | None:
    """The number of components whose mixture gives new codes the highest density."""
    if answer in CHOICES:
        return None
    if answer < min(CHOICES):
        return "so few describe the codes less well than more would. Where is the density of new codes highest?"
    if answer == MEMORISING:
        return "that mixture gives the highest density to the codes it was fitted to. What about new codes?"
    return "choose one of the numbers that you have tried."
