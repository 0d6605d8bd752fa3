"""Densities over latent vectors that a decoder can be fed from.

`StandardNormal` is what a VAE is trained towards. The others are fitted afterwards to where the encoder really puts
the data: ex-post density estimation (Ghosh et al. 2020, section 4; chapters 02 and 05). They are fitted to the
aggregate posterior q(z), the average over the data of N(mu, diag(exp(logvar))); an autoencoder has no variances, so
its logvar is None and q(z) is the cloud of codes itself. One more, a network that is trained, is `vaelib.flow.Flow`.

Each has `sample(n, generator) -> (n, latent_dim)` and `log_prob(z) -> (n,)` in nats, all float32 on the CPU, and
`tensors()`, which is all that its `from_tensors` needs to make it again.
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

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent draws, (n, latent_dim)."""
        return torch.randn(n, self.latent_dim, generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats."""
        return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)


class Gaussian:
    """One Gaussian with the mean and the full covariance of the aggregate posterior."""

    def fit(self, mu: Tensor, logvar: Tensor | None = None) -> Self:
        """Match the first two moments of q(z), by the law of total covariance: Cov(mu) + E[diag(exp(logvar))].

        mu is (N, latent_dim), logvar the same or None. Returns the prior itself.
        """
        _require_codes(mu, at_least=mu.shape[1] + 1)
        self.mean = mu.mean(0)
        covariance = torch.cov(mu.double().T).float().reshape(len(self.mean), -1)  # of one dimension, cov is a scalar
        self.covariance = covariance if logvar is None else covariance + torch.diag(logvar.exp().mean(0))
        return self

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent draws, (n, latent_dim)."""
        noise = torch.randn(n, len(self.mean), generator=generator)
        return self.mean + noise @ _cholesky(self.covariance).T

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats."""
        return MultivariateNormal(self.mean, scale_tril=_cholesky(self.covariance)).log_prob(z)

    def tensors(self) -> dict[str, Tensor]:
        """What to save: mean (latent_dim,) and covariance (latent_dim, latent_dim)."""
        return {"mean": self.mean, "covariance": self.covariance}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """The prior that `tensors()` was taken from."""
        prior = cls()
        prior.mean, prior.covariance = tensors["mean"], tensors["covariance"]
        return prior


class GaussianMixture:
    """A mixture of `components` Gaussians of full covariance, fitted by expectation-maximisation (scikit-learn's)."""

    def __init__(self, components: int = 10, seed: int = 0):
        self.components, self.seed = components, seed

    def fit(self, mu: Tensor, logvar: Tensor | None = None) -> Self:
        """Fit the mixture to one draw of z from each posterior (to the codes themselves where logvar is None).

        mu is (N, latent_dim), logvar the same or None. Returns the prior itself.
        """
        from sklearn import mixture  # here, because its import takes as long as torch's, and sampling needs none of it

        _require_codes(mu, at_least=max(self.components, mu.shape[1] + 1))
        generator = torch.Generator().manual_seed(self.seed)
        z = mu if logvar is None else reparameterize(mu, logvar, generator)
        model = mixture.GaussianMixture(self.components, random_state=self.seed, reg_covar=1e-5, max_iter=500)
        with threadpool_limits(1):  # matrices this small gain nothing from threads, and wait for them on a busy machine
            fitted = model.fit(z.double().numpy())
        self.weights, self.means, self.covariances = (
            torch.from_numpy(array).float() for array in (fitted.weights_, fitted.means_, fitted.covariances_)
        )
        return self

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent draws, (n, latent_dim): a component for each, then a point of that component."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator)
        z = self.means[chosen]
        for component, scale in enumerate(_cholesky(self.covariances)):  # one by one: n matrices would fill the memory
            rows = chosen == component
            z[rows] += noise[rows] @ scale.T
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats."""
        components = MultivariateNormal(self.means, scale_tril=_cholesky(self.covariances))
        return MixtureSameFamily(Categorical(self.weights), components).log_prob(z)

    def tensors(self) -> dict[str, Tensor]:
        """What to save: weights (k,), means (k, latent_dim) and covariances (k, latent_dim, latent_dim)."""
        return {"weights": self.weights, "means": self.means, "covariances": self.covariances}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """The prior that `tensors()` was taken from."""
        prior = cls(len(tensors["weights"]))
        prior.weights, prior.means, prior.covariances = (tensors[k] for k in ("weights", "means", "covariances"))
        return prior


def _cholesky(covariance: Tensor) -> Tensor:
    # Codes of an autoencoder may fill a subspace only: there the covariance is singular but for its float32 rounding,
    # which a grain on the diagonal outweighs.
    covariance = covariance.double()
    grain = 1e-5 * covariance.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    identity = torch.eye(covariance.shape[-1], dtype=torch.float64)
    return torch.linalg.cholesky(covariance + grain * identity).float()


def _require_codes(mu: Tensor, at_least: int) -> None:
    codes = len(mu)
    if codes < at_least:
        raise UserError(f"{codes} codes are too few for this density: encode at least {at_least} images.")
