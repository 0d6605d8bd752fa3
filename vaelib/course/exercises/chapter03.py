"""The checks of chapter 03's exercises: the variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from . import exercise, given

LEAST_SPREAD = 30  # widths of a cloud; a few with the price 100, about 300 without a price


@exercise
def nats_per_halving(nats: float) -> str | None:
    """How much the KL rises when a narrow posterior's sigma is halved: log 2."""
    mistakes = {
        1.0: "this is one bit. In nats the number is smaller, because the KL has the natural logarithm.",
        2 * math.log(2): "σ² falls to a quarter, but its logarithm has a factor ½ in the KL.",
        math.log(2) / 2: "that is for half the variance; halving σ divides the variance by four.",
        -math.log(2): "the size is right and the sign is wrong: a narrower cloud costs more.",
    }
    return _nearest_mistake(nats, math.log(2), mistakes, "only the term -½ log σ² changes noticeably; by how much?")


@exercise
def step_gradients(means: tuple[float, float]) -> str | None:
    """The means of the pathwise and of the score-function estimates for a step at 0: 0 and the density there."""
    pathwise, score = (float(given(mean)) for mean in means)
    density = 1 / math.sqrt(2 * math.pi)
    if _close(pathwise, density) and _close(score, 0):
        return "these are the right two numbers in the wrong order: which estimator multiplies by f'(z)?"
    if not _close(pathwise, 0):
        return "the pathwise estimate multiplies by f'(z): what is the slope of a step at a draw?"
    if not _close(score, density):
        return "the score function's mean is the true derivative: differentiate E f = Φ(μ) at μ = 0."
    return None


@exercise
def kl_between_gaussians(function: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """KL(N(mu, exp(logvar)) ‖ N(prior_mu, exp(prior_logvar))) per image, (B,) nats."""
    generator = torch.Generator().manual_seed(0)
    parameters = torch.randn(4, 5, 3, generator=generator).unbind()  # 5 images, 3 dimensions
    answer, expected = given(function(*parameters)), _kl(*parameters)  # (5,) and (5, 3)
    if answer.shape == expected.shape:
        return "this is one number per dimension: sum over the dimensions, to one number per image."
    if answer.shape != (5,):
        return f"for 5 images in 3 dimensions the shape should be (5,), but it is {tuple(answer.shape)}."
    if torch.allclose(answer, expected.sum(1), atol=1e-4):
        return None
    mu, logvar, prior_mu, prior_logvar = parameters
    mistakes = {
        "the divergence of independent dimensions is a sum over them, not a mean.": expected.mean(1),
        "this is KL(p ‖ q): the expectation should be over the posterior.": _kl(prior_mu, prior_logvar, mu, logvar).sum(
            1
        ),
        "this is the divergence from N(0, I): the prior's mean and variance are not in it.": _kl(
            mu, logvar, torch.zeros_like(mu), torch.zeros_like(mu)
        ).sum(1),
        "exp(logvar) is the variance, not the standard deviation.": _kl(mu, 2 * logvar, prior_mu, 2 * prior_logvar).sum(
            1
        ),
    }
    hints = [hint for hint, value in mistakes.items() if torch.allclose(answer, value, atol=1e-4)]
    return (
        hints[0] if hints else "it differs from torch.distributions: insert the densities of the two Gaussians again."
    )


@exercise
def spread_without_a_price(spread: float) -> str | None:
    """The spread of the means, in widths of a posterior, after training without the KL."""
    if spread < 1:
        return "the means are spread wider than the clouds: divide mu.std(0) by sigma, and not sigma by mu.std(0)."
    if spread < LEAST_SPREAD:
        return f"{spread:.0f} widths is the spread with a price: is this price 0, and is sigma exp(0.5 * logvar)?"
    return None


def _kl(mu: Tensor, logvar: Tensor, prior_mu: Tensor, prior_logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(prior_mu, (0.5 * prior_logvar).exp()))


def _nearest_mistake(answer: float, right: float, mistakes: dict[float, str], otherwise: str) -> str | None:
    if _close(answer, right):
        return None
    return next((hint for value, hint in mistakes.items() if _close(answer, value)), otherwise)


def _close(answer: float, value: float) -> bool:
    return abs(answer - value) < 0.02
