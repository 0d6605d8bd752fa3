"""How good a model is: bounds of the likelihood in nats, active units, distances between and within sets of images.

Every metric here has a case with a known closed form, and the tests check the metric against it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from .losses import Likelihood, OptimalGaussian, kl_per_dimension
from .models import VAE, reparameterize
from .support.errors import UserError

ACTIVE_KL = 0.1  # nats: a latent dimension that carries less information about the image than this is not in use
SPLITS = 10  # random halves in an estimate: its error is then known to about a quarter of itself


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in decibels of a mean squared error of pixels in [0, 1]."""
    return -10 * math.log10(mse) if mse > 0 else math.inf


def active_units(mu: Tensor, logvar: Tensor) -> int:
    """The number of latent dimensions whose KL is above 0.1 nat on average.

    mu and logvar are (N, latent_dim), of many images. This criterion is usually stricter than the variance of mu
    (Burda, Grosse & Salakhutdinov 2016): a mean that varies little under a wide posterior carries no information.
    """
    return int((kl_per_dimension(mu, logvar).mean(0) > ACTIVE_KL).sum())


@torch.no_grad()
def iwae_bound(
    model: VAE, x: Tensor, k: int, likelihood: Likelihood | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """The importance-weighted bound of log p(x) from k draws of z per image: (B,) nats.

    With k = 1 it is one draw of the ELBO; its expectation rises with k towards log p(x) (Burda, Grosse &
    Salakhutdinov 2016; chapter 03). An `OptimalGaussian`, the default `likelihood`, is held at the sigma that fits the
    batch's reconstructions, because all draws must be weighted by the same density. The model should be in evaluation
    mode.
    """
    if k < 1:
        raise UserError(f"The bound needs at least one draw, k is {k}: ask for k = 1 or more.")
    if likelihood is None or isinstance(likelihood, OptimalGaussian):
        likelihood = OptimalGaussian().fixed(x, model.reconstruct(x))
    posterior = model.encode(x)
    log_weights = [_log_weight(model, x, *posterior, likelihood, generator) for _ in range(k)]
    return torch.logsumexp(torch.stack(log_weights), 0) - math.log(k)


def _log_weight(model, x, mu, logvar, likelihood, generator) -> Tensor:
    """log p(x | z) + log p(z) - log q(z | x) at one draw of z per image: (B,) nats."""
    z = reparameterize(mu, logvar, generator)
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    log_posterior = -0.5 * ((z - mu).square() / logvar.exp() + logvar + math.log(2 * math.pi)).sum(1)
    return -likelihood.nll(x, model.decode(z)) + log_prior - log_posterior


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The squared Wasserstein distance between Gaussians fitted to two sets of features, (N, D) and (M, D).

    |m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½). In Inception features this is the FID (Heusel et al. 2017). Its scale
    depends on the features, so only values in the same features can be compared. It is biased: two sets from one
    distribution have a positive distance, which falls roughly as 1 / N. So compare only values with equal N and M.

    Raises `UserError` if a set has fewer than two examples.
    """
    if min(len(a), len(b)) < 2:
        raise UserError(f"A covariance needs at least 2 examples, these sets have {len(a)} and {len(b)}: give more.")
    root_a, root_b = _covariance_root(a), _covariance_root(b)
    # With C = root.T @ root, the eigenvalues of C_a C_b are the squared singular values of root_a @ root_b.T.
    overlap = torch.linalg.svdvals(root_a @ root_b.T).sum()
    between = (a.double().mean(0) - b.double().mean(0)).square().sum()
    return max((between + root_a.square().sum() + root_b.square().sum() - 2 * overlap).item(), 0.0)


def _covariance_root(a: Tensor) -> Tensor:
    """A matrix (min(N, D), D) whose product root.T @ root is the covariance (D, D) of features (N, D)."""
    deviations = (a.double() - a.double().mean(0)) / math.sqrt(len(a) - 1)
    return deviations if len(a) <= a.shape[1] else torch.linalg.qr(deviations, mode="r").R


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The kernel distance: the squared maximum mean discrepancy of two sets of features, (N, D) and (M, D).

    E k(x, x') + E k(y, y') - 2 E k(x, y) with k(x, y) = (x·y / D + 1)³, where x and x' are two different examples of a,
    and y and y' of b (Gretton et al. 2012). In Inception features this is the KID (Bińkowski et al. 2018).

    The kernel is a product of features, k(x, y) = f(x)·f(y), where f lists all monomials of the features up to degree
    3, suitably weighted. So the distance is |E f(x) - E f(y)|², and it is 0 if and only if all moments up to the third
    agree; the Fréchet distance compares the first two. Pairs of an example with itself are left out, because
    E |f(x)|² is larger than |E f(x)|² by the variance. This makes the estimate unbiased: unlike that of the Fréchet
    distance, its expectation does not depend on N and M, and for two equal distributions it is 0, so an estimate can be
    negative.

    Raises `UserError` if a set has fewer than two examples.
    """
    if min(len(a), len(b)) < 2:
        raise UserError(f"A pair needs at least 2 examples, these sets have {len(a)} and {len(b)}: give more.")
    return _mean_kernel(a, a) + _mean_kernel(b, b) - 2 * _mean_kernel(a, b)


def _mean_kernel(a: Tensor, b: Tensor, rows: int = 256) -> float:
    """The mean of the kernel over all pairs of an example of a and another one of b."""
    kernels = ((part @ b.double().T / a.shape[1] + 1) ** 3 for part in a.double().split(rows))
    total = torch.stack([kernel.sum() for kernel in kernels]).sum()
    if a is not b:
        return (total / (len(a) * len(b))).item()
    with_itself = ((a.double().square().sum(1) / a.shape[1] + 1) ** 3).sum()
    return ((total - with_itself) / (len(a) * (len(a) - 1))).item()


class Estimate(NamedTuple):
    """A metric and its standard error, which is written as in "183 ± 2"."""

    value: float
    error: float

    def __str__(self) -> str:
        """At most three digits of the value, and no more than the error allows; two of an error that begins with 1."""
        if not math.isfinite(self.error) or self.error <= 0:
            return f"{_fixed(self.value, _places(self.value, 3))} ± {self.error:.0f}"
        one = _places(self.error, 1)
        allowed = min(one + (self.error * 10**one < 1.95), _places(self.value, 3))
        return f"{_fixed(self.value, allowed)} ± {_fixed(self.error, max(allowed, one))}"

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The mean of the values on several halves, and their standard deviation."""
        return cls(statistics.fmean(values), statistics.stdev(values))

    @classmethod
    def of_mean(cls, values: Tensor) -> Self:
        """The mean of independent values (N,), and its standard error."""
        values = values.double()
        return cls(values.mean().item(), (values.std() / math.sqrt(len(values))).item())


def _places(value: float, digits: int) -> int:
    """The number of decimal places at which `value` has that many significant digits; negative before the point."""
    return digits - 1 - (int(f"{value:.{digits - 1}e}".partition("e")[2]) if value else 0)


def _fixed(value: float, places: int) -> str:
    return f"{round(value, places) + 0.0:,.{max(places, 0)}f}"  # + 0.0, because -0.0 would keep its sign


def estimate(
    distance: Callable[[Tensor, Tensor], float], a: Tensor, b: Tensor, *, paired: bool = False, seed: int = 0
) -> Estimate:
    """A distance of two sets, (N, ...) and (M, ...), and its standard error: its mean and spread `on_halves`.

    The error says how much the distance would change with other images of the same kind. It does not say how much it
    would change with another training run.

    The usual bootstrap draws with replacement. It would mislead here: the copies of an example in a resampled set lower
    the rank of its covariance, which raises a Fréchet distance as if the set were smaller, and a copy paired with
    its original is no independent pair for a kernel distance. Halves are drawn without replacement. The values on
    halves of N examples vary by 1 / (N / 2) - 1 / N = 1 / N times the variance of an example: as much as the value on
    all N does, so their standard deviation needs no correction (the delete-half jackknife: Shao & Wu 1989). Of `paired`
    sets it is too large, up to a factor of two: an unusual image is in one half or in the other one, which moves the
    values of single draws more than their mean.
    """
    return Estimate.of(on_halves(distance, a, b, paired=paired, seed=seed))


def on_halves(
    score: Callable[[Tensor, Tensor], Any],
    a: Tensor,
    b: Tensor,
    *,
    paired: bool = False,
    splits: int = SPLITS,
    seed: int = 0,
) -> list[Any]:
    """What `score` returns for random halves of two sets, (N, ...) and (M, ...), once for each of `splits` draws.

    A half holds min(N, M) // 2 examples, drawn without replacement. With `paired`, row i of a belongs to row i of b, as
    a reconstruction belongs to its image. Then the half of a never holds a partner of the half of b: reconstructions
    are compared with other images than their own, to which they would be nearer than any sample can be.

    Raises `UserError` if `paired` sets differ in length.
    """
    if paired and len(a) != len(b):
        raise UserError(f"Sets of {len(a)} and {len(b)} examples are no pairs: give equally many, in the same order.")
    generator, n = torch.Generator().manual_seed(seed), min(len(a), len(b)) // 2
    scores = []
    for _ in range(splits):
        of_b = torch.randperm(len(b), generator=generator)
        of_a = of_b.flip(0) if paired else torch.randperm(len(a), generator=generator)
        scores.append(score(a[of_a[:n]], b[of_b[:n]]))
    return scores


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[float, float]:
    """Precision: the share of `fake` that looks real. Recall: the share of `real` that `fake` covers.

    Features (N, D) and (M, D). The support of a set is estimated by balls around its examples, each of which reaches to
    the k-th nearest neighbour in the set. Precision is the share of `fake` within the support of `real`, recall the
    reverse (Kynkäänniemi et al. 2019). Both depend on N, M and k, because the balls of larger sets are smaller: compare
    only values with equal N, M and k.

    Raises `UserError` if a set has fewer than k + 1 examples.
    """
    if k < 1 or min(len(real), len(fake)) <= k:
        raise UserError(
            f"{k} neighbours cannot be found in sets of {len(real)} and {len(fake)}: give more, or lower k."
        )
    return _share_within(fake, real, k), _share_within(real, fake, k)


def _share_within(queries: Tensor, examples: Tensor, k: int) -> float:
    """The share of queries that lie in the ball of at least one example."""
    # k + 1, because the nearest example to each example is itself, at distance 0.
    radii = torch.cat([own.kthvalue(k + 1).values for own in _distances(examples, examples)])
    return torch.cat([(away <= radii).any(1) for away in _distances(queries, examples)]).double().mean().item()


def nearest(queries: Tensor, examples: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest of `examples` (M, D) to each of `queries` (N, D): Euclidean distances (N,) and row numbers (N,)."""
    if not len(examples):
        raise UserError("There is no example that a query could be near to: give at least one.")
    found = [away.min(1) for away in _distances(queries, examples)]
    return torch.cat([part.values for part in found]).to(queries.dtype), torch.cat([part.indices for part in found])


def _distances(a: Tensor, b: Tensor, rows: int = 256) -> Iterator[Tensor]:
    """Euclidean distances from a few rows of a at a time to all of b, because all pairs would not fit in memory."""
    b = b.double()  # float64, because the distance of neighbours is a small difference of large products
    return (torch.cdist(part, b) for part in a.double().split(rows))


class PixelFeatures:
    """Principal components of the pixels: a simple feature space that needs no trained network.

    A Fréchet distance in these features compares colours, lighting and coarse shapes, not fine detail.
    """

    def __init__(self, components: int = 64):
        self.components = components

    def fit(self, images: Tensor) -> Self:
        """Find the components of images (N, 3, H, W) in [0, 1]; N must be at least `components`."""
        from sklearn.decomposition import PCA  # here, because its import takes as long as torch's

        if len(images) < self.components:
            raise UserError(
                f"{self.components} principal components cannot be found in {len(images)} images: give more images."
            )
        self.pca = PCA(self.components, svd_solver="randomized", random_state=0).fit(_as_rows(images))
        return self

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [0, 1] to features (N, components)."""
        return torch.from_numpy(self.pca.transform(_as_rows(images)))


def _as_rows(images: Tensor):
    return images.detach().flatten(1).float().cpu().numpy()


def bits_per_dim(log_density: float, pixels: int) -> float:
    """Bits per dimension of 8-bit images, from a log-density in nats of pixels scaled to [0, 1].

    `pixels` counts pixels times channels. A grey level is a bin of width 1/256, which adds 8 bits (Theis, van den Oord
    & Bethge 2016). The loader's levels k / 255 are 1/255 apart: with log2(255) all values would be 0.006 lower.
    """
    return -log_density / pixels / math.log(2) + 8
