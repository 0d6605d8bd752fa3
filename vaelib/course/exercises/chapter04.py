"""The exercises of chapter 04, *KL trade-offs*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ...losses import kl_divergence
from . import exercise, given

WEIGHT, SIDE = 1e-4, 128  # the repository of the first exercise
KNEE = (0.0035, 0.0055)  # around the β at which a linear VAE of 2,000 faces has the highest calibrated ELBO


@exercise
def implied_noise(sigma: float) -> str | None:
    """The implied σ, in units of [0, 1], of MSE(mean) + 0.0001 · KL on 3 · 128 · 128 values in [-1, 1]."""
    n = 3 * SIDE**2
    right = math.sqrt(WEIGHT * n / 2) / 2  # [-1, 1] is twice as long as [0, 1]
    mistakes = {
        2 * right: "that is σ in units of [-1, 1]. How long is that interval, compared with [0, 1]?",
        4 * right: "[-1, 1] is the longer interval: the same noise is a smaller number in units of [0, 1].",
        4 * right**2: "that is a variance, and in units of [-1, 1].",
        right**2: "that is σ², not σ.",
        right / math.sqrt(3): "an image has three colours, and the mean is over them, too.",
        2 * right / math.sqrt(3): "an image has three colours. Check the units of the pixels, too.",
        right * math.sqrt(2): "σ² is b / 2a: where is the 2?",
        2 * right * math.sqrt(2): "σ² is b / 2a: where is the 2? Check the units of the pixels, too.",
        math.sqrt(WEIGHT / 2): "`mse_loss` is a mean over pixels: a, per image, is not 1.",
    }
    if abs(sigma - right) < 0.01:
        return None
    nearest = min(mistakes, key=lambda wrong: abs(sigma - wrong))
    return mistakes[nearest] if abs(sigma - nearest) < 0.01 else "find a and b per image, then σ² = b / 2a."


@exercise
def loss_of_sigma(loss: Callable[..., Tensor]) -> str | None:
    """A loss with a given implied σ. The check finds its weights by changing one term at a time."""
    for shape, latent_dim, sigma in (((5, 3, 4, 4), 6, 0.3), ((2, 3, 8, 8), 9, 0.1)):
        hint = _wrong_loss(loss, shape, latent_dim, sigma)
        if hint:
            return hint
    return None


def _wrong_loss(loss: Callable[..., Tensor], shape: tuple[int, ...], d: int, sigma: float) -> str | None:
    generator = torch.Generator().manual_seed(0)
    x, x_hat = torch.rand(2, *shape, generator=generator).double()
    mu, logvar = torch.randn(2, shape[0], d, generator=generator).double()
    nothing = torch.zeros_like(mu)
    at_rest = torch.as_tensor(given(loss(sigma, x, x, nothing, nothing)))
    if at_rest.numel() != 1:
        return f"the loss should be one number, yours is {tuple(at_rest.shape)}."
    n, kl = x[0].numel(), kl_divergence(mu, logvar).mean()
    a = float((loss(sigma, x, x_hat, nothing, nothing) - at_rest) / (mse_loss(x_hat, x) * n))
    b = float((loss(sigma, x, x, mu, logvar) - at_rest) / kl)
    return _wrong_sign(a, b) or _wrong_weight(a * n, b / (2 * a * sigma**2), n, d, sigma)


def _wrong_sign(a: float, b: float) -> str | None:
    if not a > 0:
        return "the loss does not rise with the squared error, but it should be minimised."
    return None if b > 0 else "the loss does not rise with the KL: a loss is minus the ELBO, and the ELBO has -KL."


def _wrong_weight(of_error: float, ratio: float, n: int, d: int, sigma: float) -> str | None:
    """`of_error` is the weight of the mean squared error, `ratio` the implied σ² divided by the requested one."""
    mistakes = {
        1 / d: "the mean over the latent dimensions divides the KL by their number: correct for it.",
        d: "you have corrected for the mean over the latent dimensions twice, or summed over them.",
        n: "the mean over the pixels divides the squared error by their number, so the KL must be divided, too.",
        1 / n: "you have divided the KL by the number of pixels twice.",
        n / d: "that is the weight for sums. Here both terms are means: over n values, and over d dimensions.",
        2: "σ² is b / 2a: the weight is too large by a factor of 2.",
        0.5: "σ² is b / 2a: the weight is too small by a factor of 2.",
        1 / sigma: "the weight has σ where it needs σ².",
    }
    if math.isclose(ratio, 1, rel_tol=1e-3):
        right = math.isclose(of_error, 1, rel_tol=1e-3)
        return None if right else "the ratio of the terms is right, but the squared error should have no weight."
    hints = [hint for wrong, hint in mistakes.items() if math.isclose(ratio, wrong, rel_tol=1e-3)]
    return hints[0] if hints else f"the implied σ² of your loss is {ratio:.3g} times what was asked for."


@exercise
def knee_of_linear(beta: float) -> str | None:
    """The β at which the linear VAE's calibrated ELBO is highest."""
    low, high = KNEE
    if low <= beta <= high:
        return None
    if abs(beta - 10) < 0.1 or abs(beta - 1e-4) < 1e-5:
        return "that is the end of the range. Search for the lowest score, which is minus the ELBO."
    if math.sqrt(low / 2) <= beta <= math.sqrt(high / 2):
        return "that is σ at the knee. β is 2σ²."
    if low / 2 <= beta <= high / 2:
        return "that is σ² at the knee, or D/n. β is twice that."
    return "not the lowest score: use a finer grid, on a logarithmic scale, and `min` with a key."
