"""The exercises of chapter 09, *The bug museum*: four programs to tell apart, and broken code to repair and to name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ... import losses
from ...models import reparameterize
from . import exercise, given

Draw = Callable[[Tensor, Tensor], Tensor]  # mu, logvar to z, (B, latent_dim) each
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # x, x_hat, mu, logvar to (B,) nats

LIKELIHOOD = losses.Gaussian(0.1)  # as in the chapter
LOGS = {"W": "detached draw", "X": "kl averaged", "Y": "shared epsilon", "Z": "gradients not cleared"}
CULPRITS = {"P": "log sigma", "Q": "kl averaged", "R": "half missing"}
SUSPECTS = ("log sigma", "kl averaged", "kl flipped", "half missing", "nll averaged", "sigmoid twice")


def programs() -> dict[str, tuple[Draw, Loss]]:
    """The four programs that open the chapter, by letter: how each draws z, and its loss. One of them is right."""
    return {
        "A": (reparameterize, _averaged_kl),
        "B": (_uniform, _negative_elbo),
        "C": (reparameterize, _negative_elbo),
        "D": (_wide, _negative_elbo),
    }


def mystery(letter: str) -> Loss:
    """P, Q or R: a loss per image, (B,) nats, with a bug. It should be nll + kl with Gaussian pixels of sigma 0.1."""
    faulty = {"P": _log_sigma, "Q": _averaged_kl, "R": _half_missing}[letter]

    def loss(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:  # hides the name of `faulty`
        return faulty(x, x_hat, mu, logvar)

    return loss


def _negative_elbo(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return LIKELIHOOD.nll(x, x_hat) + losses.kl_divergence(mu, logvar)


def _averaged_kl(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return LIKELIHOOD.nll(x, x_hat) + losses.kl_per_dimension(mu, logvar).mean(1)


def _log_sigma(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """A bug: `logvar` is used as log sigma."""
    return LIKELIHOOD.nll(x, x_hat) + losses.kl_divergence(mu, 2 * logvar)


def _half_missing(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """A bug: the squared error over sigma² lacks the factor 1/2."""
    extra = 0.5 * losses.squared_error(x, x_hat) / LIKELIHOOD.sigma**2
    return LIKELIHOOD.nll(x, x_hat) + extra + losses.kl_divergence(mu, logvar)


def _uniform(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)


def _wide(mu: Tensor, logvar: Tensor) -> Tensor:
    """A bug: `logvar` is used as log sigma."""
    return mu + torch.exp(logvar) * torch.randn_like(mu)


@exercise
def diagnoses(answer: Mapping[str, str]) -> str | None:
    """The bugs behind the four logs W to Z, by letter."""
    hints = {
        "W": "W's kl is zero, so its encoder obeys the kl alone. What keeps it from hearing of the nll?",
        "X": "X reconstructs well, and its codes lie far out: its kl is large because it costs too little.",
        "Y": "Y is hardly worse than it should be, but its gradient is as noisy as that of a much smaller batch.",
        "Z": "Z moves on after the gradient has turned round: old gradients are still in the sum.",
    }
    return _first_mistake(answer, LOGS, sorted(LOGS.values()), hints)


@exercise
def repaired(draw: Draw) -> str | None:
    """A draw of z from N(mu, diag(exp(logvar))) with an independent epsilon for each number, and with a gradient."""
    mu = torch.tensor([[-1.0, 0.0, 3.0]]).repeat(20_000, 1).requires_grad_()
    logvar = torch.tensor([[-4.0, 0.0, 2.0]]).repeat(20_000, 1).requires_grad_()
    with torch.random.fork_rng():  # so that the reader's own random numbers do not change
        torch.manual_seed(0)
        z = given(draw(mu, logvar))
    if z.shape != mu.shape:
        return f"for mu of shape {tuple(mu.shape)}, z should have that shape; yours is {tuple(z.shape)}."
    epsilon = (z - mu).detach()
    return _no_gradient(z, mu, logvar) or _wrong_noise(epsilon, (0.5 * logvar.detach()).exp())


def _no_gradient(z: Tensor, mu: Tensor, logvar: Tensor) -> str | None:
    if not z.requires_grad:
        return (
            "z has no gradient: nothing that the decoder says will reach the encoder. Drop no_grad, detach or sample()."
        )
    by_mu, by_logvar = torch.autograd.grad(z.sum(), (mu, logvar), allow_unused=True)
    if by_mu is None:
        return "no gradient reaches mu: the encoder cannot learn where to put its codes."
    if by_logvar is None:
        return "no gradient reaches logvar: either there is no noise, or its size has been detached."
    return None


def _wrong_noise(noise: Tensor, sigma: Tensor) -> str | None:
    """The mistake in the noise z - mu (N, 3), whose columns should have the standard deviations sigma."""
    if (noise.std(0) < 1e-3 * sigma[0]).all():
        return "all rows got one epsilon: an image's noise has to be its own. Draw as many numbers as mu has."
    unit = noise / sigma
    if (unit.mean(0) > 0.4).all():
        return "epsilon is 0.5 on average, and never negative: rand is uniform on [0, 1), randn is the Gaussian."
    if torch.corrcoef(unit.T)[0, 1] > 0.9:
        return "the latent dimensions of an image share one epsilon: draw as many numbers as mu has."
    if torch.allclose(unit.std(0), sigma[0], rtol=0.05):
        return "the noise is as wide as the variance: sigma is exp(logvar / 2)."
    if torch.allclose(unit.std(0), 1 / sigma[0], rtol=0.05):
        return "the noise has width 1 whatever logvar is: multiply epsilon by sigma."
    if not torch.allclose(unit.std(0), torch.ones(3), rtol=0.05):
        return "divided by sigma = exp(logvar / 2), your noise should have standard deviation 1 in every dimension."
    if unit.mean(0).abs().max() > 0.05:
        return "the noise should be 0 on average."
    return None if _is_normal(unit) else "mean and width are right, but epsilon is not normal: use torch.randn_like."


def _is_normal(unit: Tensor) -> bool:
    """Whether the fourth moments are 3, as for N(0, 1); for a uniform density they are 1.8."""
    return bool(((unit**4).mean(0) - 3).abs().max() < 0.4)


@exercise
def culprits(answer: Mapping[str, str]) -> str | None:
    """The names of the bugs in the mysteries P, Q and R."""
    hints = {
        "P": "P: set x_hat = x and mu = 0, and vary logvar only. For which logvar would the kl have this value?",
        "Q": "Q: set mu = 1 in one dimension, then in two, with logvar = 0. By how much should the kl rise each time?",
        "R": "R: leave mu and logvar at 0, and move x_hat away from x. By how much does the nll rise?",
    }
    return _first_mistake(answer, CULPRITS, SUSPECTS, hints)


def _first_mistake(
    answer: Mapping[str, str], right: Mapping[str, str], names: Sequence[str], hints: Mapping[str, str]
) -> str | None:
    """The mistake in the names by letter: an unknown name, a missing letter, or the first wrong name."""
    unknown = set(map(given, answer.values())) - set(names)
    if unknown:
        return f"{sorted(unknown)[0]!r} is none of the names: {', '.join(names)}."
    if set(answer) != set(right):
        return f"give one name for each of {', '.join(right)}."
    return next((hints[letter] for letter in right if answer[letter] != right[letter]), None)
