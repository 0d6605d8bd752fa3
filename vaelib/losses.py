"""Likelihoods, the Kullback–Leibler divergence and the ELBO, each one number per image, in nats.

Nothing here averages over images, pixels or latent dimensions. The derivation of the ELBO asks for a sum over pixels
and a sum over latent dimensions, and any other reduction changes the model (chapter 04). The caller takes the mean over
the batch.

Shapes: images x and x_hat are (B, 3, H, W) in [0, 1]; mu and logvar are (B, latent_dim); every result is (B,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from .support.errors import UserError, unknown

SMALLEST_SIGMA = 1e-3  # a quarter of a grey level: a density of 8-bit pixels with a smaller sigma is meaningless


class Likelihood(Protocol):
    """A density p(x | z) of images, given the decoder's output x_hat."""

    name: ClassVar[str]  # as in experiment files

    def nll(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """-log p(x | z) per image, (B,) nats."""
        ...


@dataclass(frozen=True)
class Bernoulli:
    """x_hat holds the probability that a pixel is 1; the nll is the binary cross-entropy between x and x_hat.

    For pixels strictly between 0 and 1 this is not a normalised density, so its nats cannot be compared with those
    of a Gaussian (Loaiza-Ganem & Cunningham 2019).
    """

    name: ClassVar[str] = "bernoulli"

    def nll(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """-log p(x | z) per image, (B,) nats, summed over pixels and channels."""
        # Not torch's binary_cross_entropy, which aborts at a NaN and fails under CUDA's autocast.
        smallest = torch.finfo(x_hat.dtype).eps
        p = x_hat.clamp(smallest, 1 - smallest)
        return -(x * p.log() + (1 - x) * (-p).log1p()).flatten(1).sum(1)


@dataclass(frozen=True)
class Gaussian:
    """Independent Gaussian pixels with one standard deviation `sigma`, in units of pixels in [0, 1].

    With sigma² = 1/2 the nll is the sum of squared errors plus a constant: the loss of most published code.
    """

    name: ClassVar[str] = "gaussian"
    sigma: float

    def __post_init__(self):
        if not self.sigma > 0:
            raise UserError(f"sigma is {self.sigma}: the standard deviation of a Gaussian must be above 0.")

    def nll(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """-log p(x | z) per image, (B,) nats, summed over pixels and channels."""
        sigma = torch.as_tensor(self.sigma, dtype=x_hat.dtype, device=x_hat.device)
        return gaussian_nll(squared_error(x, x_hat), sigma, _values(x))


@dataclass(frozen=True)
class OptimalGaussian:
    """Gaussian pixels with the sigma that fits the current batch best: its root-mean-square error.

    Setting the derivative of the batch's nll with respect to sigma to zero gives sigma² = mean((x - x_hat)²). A decoder
    that is calibrated in this way needs no weight between the two terms of the ELBO (Rybkin, Daniilidis & Levine 2021;
    chapter 04).
    """

    name: ClassVar[str] = "optimal-gaussian"

    def nll(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """-log p(x | z) per image, (B,) nats, summed over pixels and channels."""
        error = squared_error(x, x_hat)  # computed once, because on a CPU each pass over the pixels costs time
        return gaussian_nll(error, _root_mean(error, _values(x)), _values(x))

    def sigma(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """The root-mean-square error of the batch, a scalar in units of pixels in [0, 1]."""
        return _root_mean(squared_error(x, x_hat), _values(x))

    def fixed(self, x: Tensor, x_hat: Tensor) -> Gaussian:
        """A Gaussian with this batch's sigma, held fixed: the likelihood under which held-out images are evaluated."""
        return Gaussian(self.sigma(x, x_hat).item())


LIKELIHOODS = {likelihood.name: likelihood for likelihood in (Bernoulli, Gaussian, OptimalGaussian)}


def likelihood_named(name: str = OptimalGaussian.name, sigma: float | None = None) -> Likelihood:
    """The likelihood that an experiment file names. "gaussian" requires a `sigma`; the others take none."""
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)
    if (name == Gaussian.name) != (sigma is not None):
        raise UserError(f"The likelihood is {name} and sigma is {sigma}: set sigma for gaussian, and only for it.")
    if sigma is not None:
        return Gaussian(sigma)
    return Bernoulli() if name == Bernoulli.name else OptimalGaussian()


def nll(x: Tensor, x_hat: Tensor, likelihood: Likelihood) -> Tensor:
    """The reconstruction term -log p(x | z) per image, (B,) nats."""
    return likelihood.nll(x, x_hat)


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, diag(exp(logvar))) ‖ N(0, I)) per image, (B,) nats. Kingma & Welling 2014, appendix B; chapter 03."""
    return kl_per_dimension(mu, logvar).sum(1)


def kl_per_dimension(mu: Tensor, logvar: Tensor) -> Tensor:
    """The terms of `kl_divergence` before the sum over dimensions: (B, latent_dim) nats, each at least 0."""
    # expm1(l) is exp(l) - 1 without the rounding error that could make an unused dimension's divergence negative.
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar)


def elbo(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, likelihood: Likelihood, beta: float = 1.0) -> Tensor:
    """The evidence lower bound -nll - beta · kl per image, (B,) nats; x_hat is decoded from one draw of z.

    With beta = 1 its expectation over draws is a lower bound of log p(x) (Kingma & Welling 2014). beta multiplies only
    the KL (Higgins et al. 2017).
    """
    return -nll(x, x_hat, likelihood) - beta * kl_divergence(mu, logvar)


def warm_up(step: int, steps: int, beta: float = 1.0) -> float:
    """The weight of the KL at optimisation step `step`: a linear rise from 0 to `beta` over the first `steps` steps.

    Bowman et al. 2016, section 3.1. With `steps` = 0 the weight is `beta` from the start.
    """
    return beta if step >= steps else beta * step / steps


def squared_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """The squared error per image, (B,), summed over pixels and channels."""
    return (x - x_hat).square().flatten(1).sum(1)


def _root_mean(error: Tensor, values: int) -> Tensor:
    """The root-mean-square error, a scalar, from squared errors (B,) that are sums over `values` numbers each."""
    # Detached: at the optimum the derivative of the nll with respect to sigma is zero, so no gradient is lost.
    return (error.detach().mean() / values).sqrt().clamp(min=SMALLEST_SIGMA)


def gaussian_nll(error: Tensor, sigma: Tensor, values: int) -> Tensor:
    """-log N(x; x_hat, sigma² I), (B,) nats, from squared errors (B,), each a sum over `values` numbers."""
    return 0.5 * error / sigma**2 + values * (sigma.log() + 0.5 * math.log(2 * math.pi))


def _values(x: Tensor) -> int:
    """The number of values, pixels times channels, in one image of x (B, 3, H, W)."""
    return math.prod(x.shape[1:])
