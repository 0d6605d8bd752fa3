"""The densities that a decoder can be fed from: log_prob against closed forms, moments of samples, fits."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch.distributions import MultivariateNormal
from torch.utils._python_dispatch import TorchDispatchMode

from vaelib.priors import Gaussian, GaussianMixture, StandardNormal
from vaelib.support.errors import UserError

N = 50_000


def noise(seed=0):
    return torch.Generator().manual_seed(seed)


def posteriors(n=400, dim=5, seed=0):
    """Codes with correlated, unequal dimensions around a mean, and log-variances between -3 and 1."""
    mixing = torch.randn(dim, dim, generator=noise(seed + 1))
    mu = torch.randn(n, dim, generator=noise(seed)) @ mixing + torch.arange(dim)
    return mu, 4 * torch.rand(n, dim, generator=noise(seed + 2)) - 3


def clusters(n=900):
    """Three clusters of 1/2, 1/3 and 1/6 of the codes, 8 standard deviations apart, with their labels."""
    labels = torch.where(torch.arange(n) % 6 < 3, 0, torch.where(torch.arange(n) % 6 < 5, 1, 2))
    means = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    return means[labels] + torch.randn(n, 2, generator=noise(4)), means


def two_gaussians():
    """A mixture whose parts are known and differ in weight, place, spread and orientation."""
    covariances = torch.tensor([[[1.0, 0.6], [0.6, 2.0]], [[0.5, -0.3], [-0.3, 0.4]]])
    means = torch.tensor([[0.0, 1.0], [3.0, -2.0]])
    return {"weights": torch.tensor([0.3, 0.7]), "means": means, "covariances": covariances}


def fitted():
    mu, logvar = posteriors()
    return [StandardNormal(5), Gaussian().fit(mu, logvar), GaussianMixture(3).fit(mu, logvar)]


@pytest.mark.parametrize("prior", fitted(), ids=lambda prior: type(prior).__name__)
class TestEveryPrior:
    def test_shapes_and_types(self, prior):
        z = prior.sample(7)
        assert z.shape == (7, 5) and z.dtype == torch.float32
        assert prior.log_prob(z).shape == (7,) and prior.log_prob(z).dtype == torch.float32

    def test_samples_depend_on_the_generator_alone(self, prior):
        assert torch.equal(prior.sample(4, noise(1)), prior.sample(4, noise(1)))
        assert not torch.equal(prior.sample(4, noise(1)), prior.sample(4, noise(2)))

    def test_log_prob_is_the_density_of_the_samples(self, prior):
        # E_p[q(z)/p(z)] = 1 for every density q with lighter tails: here q is p's own Gaussian, shrunk.
        z = prior.sample(N, noise(3))
        shrunk = MultivariateNormal(z.mean(0), 0.5 * torch.cov(z.T))
        ratio = torch.exp(shrunk.log_prob(z) - prior.log_prob(z))
        assert abs(ratio.mean() - 1) < 5 * ratio.std() / N**0.5
        assert ratio.std() / N**0.5 < 0.05


def test_log_prob_of_the_standard_normal():
    z = torch.randn(6, 5, generator=noise())
    expected = stats.multivariate_normal(cov=torch.eye(5).numpy()).logpdf(z.numpy())
    torch.testing.assert_close(StandardNormal(5).log_prob(z), torch.from_numpy(expected).float())


def test_log_prob_of_the_gaussian():
    mu, logvar = posteriors()
    prior, z = Gaussian().fit(mu, logvar), mu[:6]
    expected = stats.multivariate_normal(prior.mean.numpy(), prior.covariance.numpy()).logpdf(z.numpy())
    # The grain on the diagonal, 1e-5 of the mean variance, moves the density by as little.
    torch.testing.assert_close(prior.log_prob(z), torch.from_numpy(expected).float(), rtol=1e-4, atol=1e-3)


def test_log_prob_of_the_mixture():
    parts, z = two_gaussians(), torch.tensor([[0.0, 0.0], [3.0, -2.0], [-4.0, 5.0]])
    density = sum(
        weight * torch.from_numpy(stats.multivariate_normal(mean.numpy(), covariance.numpy()).pdf(z.numpy()))
        for weight, mean, covariance in zip(*parts.values(), strict=True)
    )
    log_prob = GaussianMixture.from_tensors(parts).log_prob(z)
    torch.testing.assert_close(log_prob, density.log().float(), rtol=1e-4, atol=1e-3)


def assert_moments(z, mean, covariance):
    """Within five standard errors: √(c_ii / n) of a mean, √((c_ii c_jj + c_ij²) / n) of a Gaussian's covariance."""
    n, variance = len(z), covariance.diagonal()
    assert ((z.mean(0) - mean).abs() < 5 * (variance / n).sqrt()).all()
    bound = 5 * ((variance[:, None] * variance + covariance.square()) / n).sqrt()
    assert ((torch.cov(z.T) - covariance).abs() < bound).all()


def test_moments_of_samples():
    assert_moments(StandardNormal(5).sample(N, noise()), torch.zeros(5), torch.eye(5))
    prior = Gaussian().fit(*posteriors())
    assert_moments(prior.sample(N, noise()), prior.mean, prior.covariance)


def test_samples_of_the_mixture_come_from_its_components():
    parts = two_gaussians()
    # Apart by so much that the nearest mean names the component.
    means = parts["means"] * 100
    z = GaussianMixture.from_tensors(parts | {"means": means}).sample(N, noise())
    chosen = torch.cdist(z, means).argmin(1)
    assert abs((chosen == 1).float().mean() - 0.7) < 5 * (0.7 * 0.3 / N) ** 0.5
    for k in (0, 1):
        assert_moments(z[chosen == k], means[k], parts["covariances"][k])


class LargestTensor(TorchDispatchMode):
    """Keeps the number of elements of the largest tensor that is made."""

    most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **kwargs or {})
        self.most = max(self.most, made.numel() if isinstance(made, torch.Tensor) else 0)
        return made


def test_samples_of_the_mixture_take_no_matrix_each():
    prior, n, d = GaussianMixture(2).fit(*posteriors(dim=16)), 500, 16
    with LargestTensor() as largest:
        z = prior.sample(n, noise(1))
    assert largest.most <= n * d
    generator = noise(1)
    chosen = torch.multinomial(prior.weights, n, replacement=True, generator=generator)
    draws = torch.randn(n, d, generator=generator)
    scale = torch.linalg.cholesky(prior.covariances)[chosen]
    torch.testing.assert_close(z, prior.means[chosen] + (scale @ draws[:, :, None])[:, :, 0], rtol=1e-3, atol=1e-3)


def test_the_gaussian_has_the_moments_of_the_aggregate_posterior():
    mu, logvar = posteriors()
    prior = Gaussian().fit(mu, logvar)
    torch.testing.assert_close(prior.mean, mu.mean(0))
    torch.testing.assert_close(prior.covariance, torch.cov(mu.T) + torch.diag(logvar.exp().mean(0)))
    draws = 500
    z = (mu + torch.exp(logvar / 2) * torch.randn(draws, *mu.shape, generator=noise(9))).flatten(0, 1)
    # The draws stand for q(z) itself, whose covariance divides by N and not by N - 1: a share of 1/400.
    torch.testing.assert_close(torch.cov(z.T), prior.covariance, rtol=0.02, atol=0.02)


def test_codes_without_variances():
    mu, _ = posteriors()
    torch.testing.assert_close(Gaussian().fit(mu).covariance, torch.cov(mu.T))
    codes, _ = clusters()
    assert GaussianMixture(3).fit(codes).covariances.diagonal(dim1=1, dim2=2).mean() < 1.2


def test_the_mixture_finds_planted_clusters():
    codes, means = clusters()
    prior = GaussianMixture(3, seed=0).fit(codes)
    order = torch.cdist(means, prior.means).argmin(1)
    assert sorted(order.tolist()) == [0, 1, 2]
    # Standard error of a mean of 150 unit variances: 0.08; of a weight, none: the shares are exact.
    assert (prior.means[order] - means).abs().max() < 5 * 0.08
    torch.testing.assert_close(prior.weights[order], torch.tensor([1 / 2, 1 / 3, 1 / 6]), atol=0.01, rtol=0)


def test_the_mixture_spreads_each_code_over_its_posterior():
    codes, _ = clusters()
    wide = GaussianMixture(3).fit(codes, torch.full_like(codes, 1.0))  # variance e in each dimension
    variance = wide.covariances.diagonal(dim1=1, dim2=2).mean(1) @ wide.weights
    assert variance.item() == pytest.approx(1 + 2.718, rel=0.1)


def test_the_mixture_is_the_same_for_the_same_seed():
    mu, logvar = posteriors()
    first, again, other = (GaussianMixture(3, seed=seed).fit(mu, logvar) for seed in (1, 1, 2))
    assert torch.equal(first.means, again.means) and torch.equal(first.covariances, again.covariances)
    assert not torch.equal(first.means, other.means)


def test_the_mixture_describes_clusters_better_than_one_gaussian():
    codes, _ = clusters()
    gain = GaussianMixture(3).fit(codes).log_prob(codes).mean() - Gaussian().fit(codes).log_prob(codes).mean()
    assert gain > 0.5


@pytest.mark.parametrize("prior", fitted()[1:], ids=lambda prior: type(prior).__name__)
def test_tensors_make_the_same_prior_again(prior):
    again = type(prior).from_tensors(prior.tensors())
    assert torch.equal(again.sample(5, noise()), prior.sample(5, noise()))
    z = torch.zeros(2, 5)
    assert torch.equal(again.log_prob(z), prior.log_prob(z))


@pytest.mark.parametrize(
    ("prior", "dim", "rank"),
    [(Gaussian(), 64, 4), (Gaussian(), 64, 1), (Gaussian(), 200, 3), (GaussianMixture(2), 64, 1)],
)
def test_codes_that_fill_a_subspace_only(prior, dim, rank):
    codes = torch.randn(300, rank, generator=noise()) @ torch.randn(rank, dim, generator=noise(1))
    z = prior.fit(codes).sample(2000, noise(2))
    assert z.isfinite().all() and prior.log_prob(z).isfinite().all()
    spread = torch.linalg.svdvals(z - z.mean(0))
    assert spread[rank] < 0.02 * spread[0]  # hardly anything outside of the subspace


@pytest.mark.parametrize("prior", [Gaussian(), GaussianMixture(2)], ids=lambda prior: type(prior).__name__)
@pytest.mark.parametrize("with_variances", [True, False])
def test_one_latent_dimension(prior, with_variances):
    mu, logvar = posteriors(dim=1)
    prior.fit(mu, logvar if with_variances else None)
    assert prior.sample(3).shape == (3, 1) and prior.log_prob(mu).shape == (400,)


@pytest.mark.parametrize("prior", [Gaussian(), GaussianMixture(2)], ids=lambda prior: type(prior).__name__)
def test_too_few_codes_are_refused(prior):
    with pytest.raises(UserError, match="at least 6 images"):
        prior.fit(torch.randn(5, 5, generator=noise()))


def test_a_mixture_needs_a_code_for_each_component():
    with pytest.raises(UserError, match="at least 10 images"):
        GaussianMixture(10).fit(torch.randn(9, 2, generator=noise()))


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_the_temperature_shrinks_the_deviations_from_the_mean(temperature):
    mu, _ = posteriors()
    for prior in (StandardNormal(5), Gaussian().fit(mu), GaussianMixture(1).fit(mu)):
        z, shrunk = (prior.sample(N, noise(), t) for t in (1.0, temperature))
        mean = z.mean(0)
        torch.testing.assert_close(shrunk - mean, temperature * (z - mean), atol=0.1, rtol=0)


def test_the_temperature_of_a_mixture_leaves_its_components_where_they_are():
    mixture = GaussianMixture(3).fit(clusters()[0])
    z = mixture.sample(1000, noise(), 0.0)
    exact = torch.cdist(z, mixture.means, compute_mode="donot_use_mm_for_euclid_dist")
    assert (exact.min(1).values < 1e-5).all() and len(z.unique(dim=0)) == 3
