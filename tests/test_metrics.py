"""Fréchet distance, bounds of the likelihood, active units and pixel features against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import linalg
from torch.distributions import MultivariateNormal

from vaelib import losses, metrics
from vaelib.models import VAE
from vaelib.support.errors import UserError


def noise(seed=0):
    return torch.Generator().manual_seed(seed)


# Fréchet distance


def with_moments(mean, covariance, n=400, seed=0):
    """A set of n features whose sample mean and sample covariance are exactly these, in float64."""
    white = torch.randn(n, len(mean), generator=noise(seed), dtype=torch.float64)
    white -= white.mean(0)
    white = white @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(white.T))).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def random_covariance(dim, seed):
    root = torch.randn(dim, dim, generator=noise(seed), dtype=torch.float64)
    return root @ root.T + 0.1 * torch.eye(dim, dtype=torch.float64)


def test_frechet_distance_of_axis_aligned_gaussians():
    m_a, m_b = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, -2.0]], dtype=torch.float64)
    s_a, s_b = torch.tensor([[1.0, 2.0, 0.5], [2.0, 0.5, 0.5]], dtype=torch.float64)
    a, b = with_moments(m_a, torch.diag(s_a**2)), with_moments(m_b, torch.diag(s_b**2), n=300, seed=1)
    expected = (m_a - m_b).square().sum() + (s_a - s_b).square().sum()  # 25 + 3.25
    assert metrics.frechet_distance(a, b) == pytest.approx(expected.item())


def test_frechet_distance_of_gaussians_whose_covariances_commute():
    mean = torch.zeros(4, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=noise(), dtype=torch.float64))[0]
    s_a, s_b = torch.tensor([[1.0, 2.0, 3.0, 4.0], [4.0, 1.0, 3.0, 0.5]], dtype=torch.float64)
    a, b = (with_moments(mean, turn @ torch.diag(s**2) @ turn.T) for s in (s_a, s_b))
    assert metrics.frechet_distance(a, b) == pytest.approx((s_a - s_b).square().sum().item())


def test_frechet_distance_of_any_gaussians_equals_scipys_matrix_root():
    m_a, m_b = torch.randn(2, 6, generator=noise(2), dtype=torch.float64)
    c_a, c_b = random_covariance(6, 3), random_covariance(6, 4)
    assert not torch.allclose(c_a @ c_b, c_b @ c_a)
    root = linalg.sqrtm((c_a @ c_b).numpy()).real
    expected = (m_a - m_b).square().sum().item() + np.trace(c_a.numpy() + c_b.numpy() - 2 * root)
    a, b = with_moments(m_a, c_a), with_moments(m_b, c_b)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected)
    assert metrics.frechet_distance(b, a) == pytest.approx(expected)


def test_frechet_distance_of_a_set_to_itself_and_to_itself_moved():
    a = torch.randn(200, 5, generator=noise())
    assert 0 <= metrics.frechet_distance(a, a) < 1e-9
    assert metrics.frechet_distance(a, a + 2) == pytest.approx(5 * 4, rel=1e-5)


def test_frechet_distance_with_fewer_examples_than_features():
    a = torch.randn(10, 30, generator=noise())
    assert metrics.frechet_distance(a, a) < 1e-6
    assert metrics.frechet_distance(a, 3 * a) == pytest.approx(
        (4 * a.mean(0).square().sum() + 4 * a.var(0).sum()).item(), rel=1e-5
    )


def test_frechet_distance_of_one_feature():
    a = torch.tensor([[0.0], [2.0]])  # standard deviation √2
    assert metrics.frechet_distance(a, 3 * a) == pytest.approx(2**2 + (2 * 2**0.5) ** 2)


def test_frechet_distance_needs_two_examples():
    with pytest.raises(UserError, match="at least 2"):
        metrics.frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3))


# Kernel distance


def test_the_kernel_distance_agrees_with_the_definition_written_out():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(5, 3, generator=generator), 1 + torch.randn(4, 3, generator=generator)

    def mean(xs, ys):
        return np.mean(
            [(float(x @ y) / 3 + 1) ** 3 for i, x in enumerate(xs) for j, y in enumerate(ys) if xs is not ys or i != j]
        )

    assert metrics.kernel_distance(a, b) == pytest.approx(mean(a, a) + mean(b, b) - 2 * mean(a, b), rel=1e-5)


def test_the_kernel_distance_is_unbiased_and_the_frechet_distance_is_not():
    """Over many small sets of one distribution the first is 0 on average, within its standard error."""
    generator = torch.Generator().manual_seed(1)
    pairs = [torch.randn(2, 40, 8, generator=generator) for _ in range(300)]
    kernel = np.array([metrics.kernel_distance(a, b) for a, b in pairs])
    assert abs(kernel.mean()) < 3 * kernel.std() / len(kernel) ** 0.5
    assert (kernel < 0).any()
    assert np.mean([metrics.frechet_distance(a, b) for a, b in pairs]) > 1


def test_the_kernel_distance_of_many_examples_is_summed_in_parts():
    a, b = torch.randn(2, 600, 4, generator=torch.Generator().manual_seed(2))
    whole = [metrics._mean_kernel(*pair, rows=1000) for pair in ((a, a), (b, b), (a, b))]
    assert metrics.kernel_distance(a, b) == pytest.approx(whole[0] + whole[1] - 2 * whole[2], abs=1e-9)


def test_the_kernel_distance_needs_two_examples():
    with pytest.raises(UserError, match="at least 2 examples, these sets have 1 and 3"):
        metrics.kernel_distance(torch.zeros(1, 2), torch.zeros(3, 2))


def test_the_kernel_distance_sees_a_third_moment_that_the_frechet_distance_cannot_see():
    skewed = torch.distributions.Exponential(1.0)
    torch.manual_seed(0)
    a, b = skewed.sample((4000, 1)), 2 - skewed.sample((4000, 1))  # equal means and variances, opposite skewness
    assert metrics.frechet_distance(a, b) < 0.01
    assert metrics.kernel_distance(a, b) > 1  # |third moments' difference|² = (6 - 2)²


# Estimates


def test_halves_are_drawn_without_replacement_and_hold_half_of_the_smaller_set():
    a, b = torch.arange(21), torch.arange(100, 150)
    halves = metrics.on_halves(lambda *pair: pair, a, b, splits=5)
    assert len(halves) == 5 and len({tuple(of_a.tolist()) for of_a, _ in halves}) == 5
    for of_a, of_b in halves:
        assert len(of_a) == len(of_b) == len(set(of_a.tolist())) == len(set(of_b.tolist())) == 10
        assert of_a.max() < 21 and of_b.min() >= 100


@pytest.mark.parametrize("n", [20, 21])
def test_paired_halves_share_no_partner(n):
    rows = torch.arange(n)
    for of_a, of_b in metrics.on_halves(lambda *pair: pair, rows, rows, paired=True):
        assert not set(of_a.tolist()) & set(of_b.tolist()) and len(of_a) == len(of_b) == n // 2


def test_pairs_need_equal_sets():
    with pytest.raises(UserError, match="3 and 4 examples are no pairs"):
        metrics.on_halves(lambda *pair: pair, torch.zeros(3), torch.zeros(4), paired=True)


def test_the_error_of_an_estimate_is_how_much_it_varies_over_datasets():
    """Of the difference of two means, whose standard error is known, and of a Fréchet distance."""
    generator = torch.Generator().manual_seed(0)
    pairs = [torch.randn(2, 200, 4, generator=generator) for _ in range(150)]
    pairs = [(a, b + 1) for a, b in pairs]

    def means(a, b):
        return (b.mean() - a.mean()).item()

    errors = [metrics.estimate(means, *pair, seed=seed).error for seed, pair in enumerate(pairs)]
    assert np.mean(errors) == pytest.approx(math.sqrt(2 / (200 * 4)), rel=0.1)
    found = [metrics.estimate(metrics.frechet_distance, *pair, seed=seed) for seed, pair in enumerate(pairs)]
    whole = np.std([metrics.frechet_distance(*pair) for pair in pairs])
    assert np.mean([each.error for each in found]) == pytest.approx(whole, rel=0.25)


def test_a_bootstrap_would_raise_the_frechet_distance_and_halves_raise_it_as_smaller_sets_do():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 400, 60, generator=generator)
    halves = metrics.estimate(metrics.frechet_distance, a, b).value
    again = torch.randint(400, (2, 10, 400), generator=generator)
    resampled = np.mean([metrics.frechet_distance(a[i], b[j]) for i, j in zip(*again, strict=True)])
    other = np.mean([metrics.frechet_distance(*torch.randn(2, 200, 60, generator=generator)) for _ in range(10)])
    assert halves == pytest.approx(other, rel=0.1)  # an honest distance of 200 against 200
    assert resampled > 1.5 * metrics.frechet_distance(a, b)  # and no distance of 400 against 400


def test_paired_reconstructions_are_flattered_and_others_are_not():
    x = torch.randn(400, 30, generator=noise())
    rec = x + 0.1 * torch.randn(400, 30, generator=noise(1))
    others = metrics.estimate(metrics.frechet_distance, rec, x, paired=True).value
    fresh = torch.randn(200, 30, generator=noise(2)) * math.sqrt(1.01)
    assert metrics.frechet_distance(rec, x) < 0.2 * others
    assert others == pytest.approx(metrics.frechet_distance(fresh, x[:200]), rel=0.15)


def test_the_error_of_paired_sets_is_not_too_small():
    generator = torch.Generator().manual_seed(2)
    fades = torch.linspace(0.9, 0.1, 8)
    found = []
    for seed in range(80):
        x = torch.randn(200, 8, generator=generator)
        rec = x * fades + 0.1 * torch.randn(200, 8, generator=generator)
        found.append(metrics.estimate(metrics.frechet_distance, rec, x, paired=True, seed=seed))
    spread = np.std([each.value for each in found])
    assert spread < np.mean([each.error for each in found]) < 2.5 * spread


def test_the_mean_of_values_has_the_spread_of_such_means():
    draws = 3 + 2 * torch.randn(4000, 50, generator=torch.Generator().manual_seed(0))
    found = [metrics.Estimate.of_mean(row) for row in draws]
    spread = np.std([each.value for each in found])
    assert spread == pytest.approx(2 / 50**0.5, rel=0.05)
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.05)
    assert metrics.Estimate.of_mean(torch.tensor([True, True, False, False])).value == 0.5


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (183.2, 2.04, "183 ± 2"),
        (27.44, 0.12, "27.4 ± 0.1"),
        (0.0512, 0.0012, "0.0512 ± 0.0012"),
        (1234.5, 23.4, "1,230 ± 20"),
        (-0.0004, 0.01, "0.000 ± 0.010"),
        (5.0, 0.0999, "5.00 ± 0.10"),
        (0.984, 0.0, "0.984 ± 0"),
    ],
)
def test_an_estimate_is_written_with_the_digits_that_its_error_allows(value, error, text):
    assert str(metrics.Estimate(value, error)) == text


# Precision, recall, nearest neighbours


def line(*places):
    """Features of one dimension."""
    return torch.tensor(places, dtype=torch.float32)[:, None]


def test_precision_and_recall_on_a_line():
    real, fake = line(0, 1, 2, 3), line(3.5, 4.5, 10, 20)
    # k = 1, radii around real: 1 each, so 3.5 alone lies within; radii around fake: 1, 1, 5.5, 10, so 3 is covered.
    assert metrics.precision_recall(real, fake, k=1) == (1 / 4, 1 / 4)
    # k = 2, radii around real: 2, 1, 1, 2, so 3.5 and 4.5; around fake: 6.5, 5.5, 6.5, 15.5, so all four.
    assert metrics.precision_recall(real, fake, k=2) == (2 / 4, 1)


def test_precision_and_recall_change_places_with_the_sets():
    real, fake = torch.randn(80, 4, generator=noise()), 0.5 * torch.randn(60, 4, generator=noise(1))
    precision, recall = metrics.precision_recall(real, fake)
    assert metrics.precision_recall(fake, real) == (recall, precision)
    assert precision > recall + 0.1  # samples that vary too little: each looks real, and they cover little


def test_precision_and_recall_of_a_set_with_itself_and_with_one_far_away():
    a = torch.randn(300, 5, generator=noise())
    assert metrics.precision_recall(a, a) == (1, 1)
    assert metrics.precision_recall(a, a + 100) == (0, 0)


def test_a_sample_of_half_of_the_modes_has_half_of_the_recall():
    real = torch.cat([torch.randn(200, 2, generator=noise()) + centre for centre in (0, 1000)])
    precision, recall = metrics.precision_recall(real, real[:200])
    assert (precision, recall) == (1, 0.5)


def test_precision_and_recall_agree_with_the_definition_written_out():
    real, fake = (torch.randn(n, 3, generator=noise(n), dtype=torch.float64) for n in (40, 30))

    def share_within(queries, examples):
        radii = [sorted((one - other).norm() for other in examples)[3] for one in examples]  # [0] is `one` itself
        return np.mean([any((q - e).norm() <= r for e, r in zip(examples, radii, strict=True)) for q in queries])

    expected = share_within(fake, real), share_within(real, fake)
    assert 0 < min(expected) < max(expected) < 1
    assert metrics.precision_recall(real, fake, k=3) == pytest.approx(expected)


@pytest.mark.parametrize(("n", "k"), [(3, 3), (5, 0)])
def test_precision_and_recall_need_neighbours(n, k):
    with pytest.raises(UserError, match="neighbours cannot be found in sets of"):
        metrics.precision_recall(torch.zeros(n, 2), torch.zeros(9, 2), k)


def test_the_nearest_example_and_its_distance():
    distances, rows = metrics.nearest(line(0.1, 4, -7), line(0, 1, 5))
    torch.testing.assert_close(distances, torch.tensor([0.1, 1.0, 7.0]))
    assert rows.tolist() == [0, 2, 0]


def test_a_copy_is_found_at_distance_zero_among_many_rows():
    examples = 100 + torch.randn(1000, 64, generator=noise())
    distances, rows = metrics.nearest(examples.flip(0), examples)
    assert distances.max() < 1e-4 and distances.dtype == torch.float32
    assert torch.equal(rows, torch.arange(1000).flip(0))


def test_an_empty_set_has_no_nearest_example():
    with pytest.raises(UserError, match="at least one"):
        metrics.nearest(line(1), torch.empty(0, 1))


# Bounds of the likelihood

SIGMA = 0.4


class LinearVAE:
    """x = W z + b with Gaussian noise, which has a known p(x). W's columns are orthogonal: so the exact posterior has
    a diagonal covariance, and a Gaussian encoder can be exact. `shift` and `stretch` make it wrong."""

    def __init__(self, shift=0.0, stretch=1.0):
        columns = torch.linalg.qr(torch.randn(12, 3, generator=noise(1), dtype=torch.float64))[0]
        self.weight = columns * torch.tensor([1.0, 0.6, 0.3], dtype=torch.float64)
        self.bias = torch.rand(12, generator=noise(2), dtype=torch.float64)
        self.variance = 1 / (1 + self.weight.square().sum(0) / SIGMA**2)
        self.shift, self.stretch = shift, stretch

    def encode(self, x):
        exact = self.variance * ((x.flatten(1) - self.bias) @ self.weight) / SIGMA**2
        logvar = (self.variance * self.stretch**2).log().expand(len(x), 3)
        return exact + self.shift * self.variance.sqrt(), logvar

    def decode(self, z):
        return (z @ self.weight.T + self.bias).reshape(-1, 3, 2, 2)

    def reconstruct(self, x):
        return self.decode(self.encode(x)[0])

    def images(self, n):
        z, e = (torch.randn(n, k, generator=noise(3 + k), dtype=torch.float64) for k in (3, 12))
        return self.decode(z) + SIGMA * e.reshape(n, 3, 2, 2)

    def log_prob(self, x):
        covariance = self.weight @ self.weight.T + SIGMA**2 * torch.eye(12, dtype=torch.float64)
        return MultivariateNormal(self.bias, covariance).log_prob(x.flatten(1))


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_exact_posterior_every_bound_is_the_likelihood(k):
    model = LinearVAE()
    x = model.images(5)
    bound = metrics.iwae_bound(model, x, k, losses.Gaussian(SIGMA), noise())
    assert bound.shape == (5,)
    torch.testing.assert_close(bound, model.log_prob(x))


def test_the_elbo_misses_the_likelihood_by_the_divergence_from_the_exact_posterior():
    shift, stretch, draws = 0.5, 1.3, 20_000
    model = LinearVAE(shift, stretch)
    x = model.images(1)
    elbo = metrics.iwae_bound(model, x.expand(draws, 3, 2, 2), 1, losses.Gaussian(SIGMA), noise())
    gap = 3 * 0.5 * (shift**2 + stretch**2 - 1 - math.log(stretch**2))  # KL(q ‖ exact) of three dimensions
    assert abs(elbo.mean() - (model.log_prob(x).item() - gap)) < 5 * elbo.std() / draws**0.5


def test_the_bound_rises_with_k_to_the_likelihood():
    model = LinearVAE(shift=0.5, stretch=1.3)
    x, repeats = model.images(8), 250
    exact = model.log_prob(x).mean().item()
    many = x.repeat(repeats, 1, 1, 1)
    bounds = {k: metrics.iwae_bound(model, many, k, losses.Gaussian(SIGMA), noise()) for k in (1, 2, 10, 200)}
    means = [bound.mean().item() for bound in bounds.values()]
    errors = [bound.std().item() / len(many) ** 0.5 for bound in bounds.values()]  # of the draws and, in excess, of x
    rises = np.diff(means)
    assert (rises[:2] > 5 * np.hypot(errors[:2], errors[1:3]) * 0.2).all() and rises[2] > 0
    assert exact - 0.6 < means[0] < exact - 0.3
    torch.testing.assert_close(bounds[200].reshape(repeats, 8).mean(0), model.log_prob(x), atol=0.01, rtol=0)


@pytest.fixture(scope="module")
def trained():
    """A small VAE after some steps on soft blobs of random place and colour, with eight images of the kind."""
    torch.manual_seed(0)
    rows = torch.linspace(-1, 1, 32)
    places, colours = 2 * torch.rand(32, 2, 1, 1) - 1, torch.rand(32, 3, 1, 1)
    blobs = torch.exp(-4 * ((rows[:, None] - places[:, :1]) ** 2 + (rows - places[:, 1:]) ** 2))
    x, model = blobs * colours, VAE(32, 4, (8, 8))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        loss = -losses.elbo(x, *model(x), losses.OptimalGaussian()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), x[:8]


def test_of_a_trained_vae_the_elbo_is_below_the_bound_which_rises_with_k(trained):
    model, x = trained
    likelihood, repeats = losses.OptimalGaussian().fixed(x, model.reconstruct(x)), 40
    many = x.repeat(repeats, 1, 1, 1)  # (320, 3, 32, 32)
    with torch.no_grad():
        elbo = losses.elbo(many, *model(many, noise(1)), likelihood).reshape(repeats, 8)
    bounds = [metrics.iwae_bound(model, many, k, likelihood, noise(k)).reshape(repeats, 8) for k in (1, 5, 25)]

    def mean_and_error(bound):  # of the draws alone: the images are the same everywhere
        return bound.mean().item(), bound.mean(1).std().item() / repeats**0.5

    (elbo, elbo_error), *rest = map(mean_and_error, [elbo, *bounds])
    (one, one_error), (five, five_error), (most, most_error) = rest
    assert abs(one - elbo) < 5 * math.hypot(one_error, elbo_error)  # k = 1 is the ELBO
    assert five - elbo > 5 * math.hypot(five_error, elbo_error)
    assert most - five > 5 * math.hypot(most_error, five_error)


@pytest.mark.parametrize("likelihood", [None, losses.OptimalGaussian()])
def test_without_a_fixed_density_sigma_is_that_of_the_reconstructions(trained, likelihood):
    model, x = trained
    sigma = (x - model.reconstruct(x)).square().mean().sqrt().item()
    expected = metrics.iwae_bound(model, x, 3, losses.Gaussian(sigma), noise())
    torch.testing.assert_close(metrics.iwae_bound(model, x, 3, likelihood, noise()), expected)


def test_the_bound_needs_a_draw():
    with pytest.raises(UserError, match="k = 1 or more"):
        metrics.iwae_bound(LinearVAE(), torch.zeros(1, 3, 2, 2), 0)


# Active units, PSNR, pixel features


def test_active_units_counts_by_the_mean_divergence():
    # In nats: 0.5; 0.125; 0.08, too little; 0; and 0.5 · 0.1 = 0.05 of 0.5 in one image out of ten, too little.
    mu = torch.tensor([1.0, 0.5, 0.4, 0.0, 0.0]).repeat(10, 1)
    mu[0, 4] = 1.0
    assert metrics.active_units(mu, torch.zeros_like(mu)) == 2


def test_a_dimension_whose_mean_is_still_can_be_active_by_its_variance():
    logvar = torch.tensor([[-3.0, 0.0]]).repeat(4, 1)  # 0.5 (e⁻³ - 1 + 3) = 1.02 nats
    assert metrics.active_units(torch.zeros(4, 2), logvar) == 1


def test_psnr():
    assert metrics.psnr(1.0) == 0
    assert metrics.psnr(0.01) == pytest.approx(20)
    assert metrics.psnr(0.0) == math.inf


def test_pixel_features_find_a_planted_subspace():
    directions = torch.linalg.qr(torch.randn(3 * 64, 5, generator=noise()))[0]
    codes = torch.randn(300, 5, generator=noise(1)) * torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
    images = (0.5 + 0.01 * codes @ directions.T).reshape(300, 3, 8, 8)
    features = metrics.PixelFeatures(5).fit(images)(images)
    assert features.shape == (300, 5) and features.dtype == torch.float32
    # Orthonormal components of the whole subspace keep all distances between the images.
    distances = torch.pdist(images.flatten(1))
    torch.testing.assert_close(torch.pdist(features), distances, rtol=1e-4, atol=0)
    assert (features.var(0).diff() < 0).all() and features.mean(0).abs().max() < 1e-6


def test_pixel_features_are_the_same_in_every_fit():
    images = torch.rand(40, 3, 8, 8, generator=noise())
    assert torch.equal(metrics.PixelFeatures(4).fit(images)(images), metrics.PixelFeatures(4).fit(images)(images))


def test_pixel_features_need_as_many_images_as_components():
    with pytest.raises(UserError, match="give more images"):
        metrics.PixelFeatures(64).fit(torch.zeros(63, 3, 8, 8))
