"""Densities over latent vectors, from which a model can generate images.

A VAE is trained towards `StandardNormal`. The other densities are fitted after training to the codes that the encoder
really produces: ex-post density estimation (Ghosh et al. 2020, section 4; chapters 02 and 05). They are fitted to the
aggregate posterior q(z), the average over the data of N(mu, diag(exp(logvar))). An autoencoder has no variances, so
its logvar is None and q(z) is the distribution of its codes. `vaelib.flow.Flow` is one more density, a neural network.

Each has `sample(n, generator) -> (n, latent_dim)` and `log_prob(z) -> (n,)` in nats, all float32 on the CPU.
`tensors()` returns everything that `from_tensors` needs to restore the density.
"""

from __future__ import annotations

from typing import Self

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from .models import reparameterize
from .support.errors import UserError


class StandardNormal:
    """N(0, I) in `latent_dim` dimensions: the prior of the VAE."""

    def __init__(self, latent_dim: int):
        self.latent_dim = latent_dim

    def sample(self, n: int, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """n independent draws, (n, latent_dim); `temperature` multiplies their deviations from the mean."""
        return temperature * torch.randn(n, self.latent_dim, generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats."""
        return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)


class Gaussian:
    """One Gaussian with the mean and the full covariance of the aggregate posterior."""

    def fit(self, mu: Tensor, logvar: Tensor | None = None) -> Self:
        """Match the first two moments of q(z). Its covariance is Cov(mu) + E[diag(exp(logvar))], by total covariance.

        mu is (N, latent_dim), logvar the same or None. Returns the prior itself.
        """
        _require_codes(mu, at_least=mu.shape[1] + 1)
        self.mean = mu.mean(0)
        covariance = torch.cov(mu.double().T).float().reshape(len(self.mean), -1)  # in one dimension, cov is a scalar
        self.covariance = covariance if logvar is None else covariance + torch.diag(logvar.exp().mean(0))
        return self

    def sample(self, n: int, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """n independent draws, (n, latent_dim); `temperature` multiplies their deviations from the mean."""
        noise = temperature * torch.randn(n, len(self.mean), generator=generator)
        return self.mean + noise @ cholesky(self.covariance).T

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats."""
        return MultivariateNormal(self.mean, scale_tril=cholesky(self.covariance)).log_prob(z)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save: mean (latent_dim,) and covariance (latent_dim, latent_dim)."""
        return {"mean": self.mean, "covariance": self.covariance}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """Restore a prior from its `tensors()`."""
        prior = cls()
        prior.mean, prior.covariance = tensors["mean"], tensors["covariance"]
        return prior


class GaussianMixture:
    """A mixture of `components` Gaussians with full covariances, fitted by scikit-learn's expectation-maximisation."""

    def __init__(self, components: int = 10, seed: int = 0):
        self.components, self.seed = components, seed

    def fit(self, mu: Tensor, logvar: Tensor | None = None) -> Self:
        """Fit the mixture to one draw of z from each posterior (to the codes themselves where logvar is None).

        mu is (N, latent_dim), logvar the same or None. Returns the prior itself.
        """
        from sklearn import mixture  # here, because its import takes as long as torch's, and sampling does not need it

        _require_codes(mu, at_least=max(self.components, mu.shape[1] + 1))
        generator = torch.Generator().manual_seed(self.seed)
        z = mu if logvar is None else reparameterize(mu, logvar, generator)
        model = mixture.GaussianMixture(self.components, random_state=self.seed, reg_covar=1e-5, max_iter=500)
        with threadpool_limits(1):  # threads do not speed up matrices this small, and on a busy machine they wait
            fitted = model.fit(z.double().numpy())
        self.weights, self.means, self.covariances = (
            torch.from_numpy(array).float() for array in (fitted.weights_, fitted.means_, fitted.covariances_)
        )
        return self

    def sample(self, n: int, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """n independent draws, (n, latent_dim): for each a component is drawn, then a point from that component.

        `temperature` multiplies their deviations from the mean of the component.
        """
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = temperature * torch.randn(n, self.means.shape[1], generator=generator)
        z = self.means[chosen]
        for component, scale in enumerate(cholesky(self.covariances)):  # n matrices at once would fill the memory
            rows = chosen == component
            z[rows] += noise[rows] @ scale.T
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats."""
        components = MultivariateNormal(self.means, scale_tril=cholesky(self.covariances))
        return MixtureSameFamily(Categorical(self.weights), components).log_prob(z)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save: weights (k,), means (k, latent_dim) and covariances (k, latent_dim, latent_dim)."""
        return {"weights": self.weights, "means": self.means, "covariances": self.covariances}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """Restore a prior from its `tensors()`."""
        prior = cls(len(tensors["weights"]))
        prior.weights, prior.means, prior.covariances = (tensors[k] for k in ("weights", "means", "covariances"))
        return prior


def cholesky(covariance: Tensor) -> Tensor:
    """The factors L of covariances L Lᵀ, (..., d, d): L times noise of N(0, I) has that covariance."""
    # An autoencoder's codes may fill only a subspace. Their covariance is then singular up to float32 rounding, so a
    # small multiple of the identity is added.
    covariance = covariance.double()
    small = 1e-5 * covariance.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    identity = torch.eye(covariance.shape[-1], dtype=torch.float64)
    return torch.linalg.cholesky(covariance + small * identity).float()


def _require_codes(mu: Tensor, at_least: int) -> None:
    codes = len(mu)
    if codes < at_least:
        raise UserError(f"{codes} codes are too few for this density: encode at least {at_least} images.")
