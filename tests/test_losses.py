"""Likelihoods, KL and ELBO against torch.distributions, Monte Carlo and calculus: per image, in nats."""

from __future__ import annotations

import math

import pytest
import torch
from torch import distributions

from vaelib import losses
from vaelib.support.errors import UserError

B, SHAPE = 4, (3, 8, 8)
PIXELS = math.prod(SHAPE)


def random(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture
def x():
    return random(B, *SHAPE, seed=1)


@pytest.fixture
def x_hat():
    return 0.05 + 0.9 * random(B, *SHAPE, seed=2)


@pytest.fixture
def posterior():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, B, 7, generator=generator).unbind()


def summed(log_prob):
    """Nats per image: over channels, rows and columns."""
    return log_prob.sum((1, 2, 3))


# Kullback–Leibler divergence


def test_kl_equals_torch_distributions(posterior):
    mu, logvar = posterior
    q, p = distributions.Normal(mu, torch.exp(logvar / 2)), distributions.Normal(0.0, 1.0)
    expected = distributions.kl_divergence(q, p)
    torch.testing.assert_close(losses.kl_per_dimension(mu, logvar), expected)
    torch.testing.assert_close(losses.kl_divergence(mu, logvar), expected.sum(1))


def test_kl_equals_monte_carlo(posterior):
    mu, logvar = posterior
    q, p = distributions.Normal(mu, torch.exp(logvar / 2)), distributions.Normal(0.0, 1.0)
    torch.manual_seed(0)
    z = q.sample((100_000,))
    draws = (q.log_prob(z) - p.log_prob(z)).sum(2)  # (100000, B)
    standard_error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - losses.kl_divergence(mu, logvar)).abs() < 5 * standard_error).all()
    assert (standard_error < 0.01 * draws.mean(0)).all()  # otherwise the line above would test little


def test_kl_is_zero_at_the_prior_and_never_below():
    assert torch.equal(losses.kl_divergence(torch.zeros(2, 5), torch.zeros(2, 5)), torch.zeros(2))
    nearly = torch.linspace(-1e-2, 1e-2, 100_001)[:, None]
    assert losses.kl_per_dimension(torch.zeros_like(nearly), nearly).min() >= 0


def test_gradients_of_kl(posterior):
    mu, logvar = (part.requires_grad_() for part in posterior)
    losses.kl_divergence(mu, logvar).sum().backward()
    torch.testing.assert_close(mu.grad, mu.detach())
    torch.testing.assert_close(logvar.grad, 0.5 * (logvar.detach().exp() - 1))


# Likelihoods


def test_bernoulli_equals_torch_distributions(x, x_hat):
    binary = x.round()
    expected = -summed(distributions.Bernoulli(probs=x_hat).log_prob(binary))
    torch.testing.assert_close(losses.Bernoulli().nll(binary, x_hat), expected)


def test_bernoulli_of_grey_pixels_is_the_cross_entropy(x, x_hat):
    expected = -summed(x * x_hat.log() + (1 - x) * (1 - x_hat).log())
    torch.testing.assert_close(losses.Bernoulli().nll(x, x_hat), expected)


def test_bernoulli_is_finite_with_finite_gradients_at_black_and_white():
    x = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5, 0.5]).reshape(1, 1, 1, 6)
    x_hat = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]).reshape(1, 1, 1, 6).requires_grad_()
    nll = losses.Bernoulli().nll(x, x_hat)
    nll.sum().backward()
    assert nll.isfinite().all() and x_hat.grad.isfinite().all()
    right = losses.Bernoulli().nll(x[..., [0, 3]], x_hat[..., [0, 3]]).item()
    wrong = losses.Bernoulli().nll(x[..., [1, 2]], x_hat[..., [1, 2]]).item()
    assert 0 <= right < 1e-6 and wrong > 30


@pytest.mark.parametrize("sigma", [0.03, 0.5**0.5, 1.0])
def test_gaussian_equals_torch_distributions(x, x_hat, sigma):
    expected = -summed(distributions.Normal(x_hat, sigma).log_prob(x))
    torch.testing.assert_close(losses.Gaussian(sigma).nll(x, x_hat), expected)


def test_with_variance_one_half_the_gaussian_is_the_sum_of_squared_errors(x, x_hat):
    constant = PIXELS * 0.5 * math.log(math.pi)
    torch.testing.assert_close(losses.Gaussian(0.5**0.5).nll(x, x_hat), (x - x_hat).square().sum((1, 2, 3)) + constant)


def test_optimal_gaussian_equals_torch_distributions_at_the_root_mean_square_error(x, x_hat):
    rmse = (x - x_hat).square().mean().sqrt()
    assert losses.OptimalGaussian().sigma(x, x_hat).item() == pytest.approx(rmse.item())
    expected = -summed(distributions.Normal(x_hat, rmse).log_prob(x))
    torch.testing.assert_close(losses.OptimalGaussian().nll(x, x_hat), expected)


@pytest.mark.parametrize("likelihood", [losses.Bernoulli(), losses.Gaussian(0.1), losses.OptimalGaussian()])
def test_nll_is_one_number_per_image_and_twice_as_much_for_twice_the_pixels(x, x_hat, likelihood):
    nll = losses.nll(x, x_hat, likelihood)
    assert nll.shape == (B,)
    doubled = losses.nll(torch.cat([x, x], 3), torch.cat([x_hat, x_hat], 3), likelihood)
    torch.testing.assert_close(doubled, 2 * nll)


@pytest.mark.parametrize("likelihood", [losses.Bernoulli(), losses.Gaussian(0.1), losses.OptimalGaussian()])
def test_a_broken_reconstruction_gives_a_nan_for_the_trainer_to_find(x, likelihood):
    assert losses.nll(x, torch.full_like(x, math.nan), likelihood).isnan().all()


@pytest.mark.parametrize("likelihood", [losses.Bernoulli(), losses.Gaussian(0.1)])
def test_an_image_does_not_change_the_nll_of_another(x, x_hat, likelihood):
    torch.testing.assert_close(likelihood.nll(x[1:2], x_hat[1:2]), likelihood.nll(x, x_hat)[1:2])


def test_the_optimal_sigma_minimises_the_nll_on_a_grid(x, x_hat):
    best = losses.OptimalGaussian().fixed(x, x_hat)
    least = best.nll(x, x_hat).mean()
    for factor in (0.5, 0.9, 0.98, 1.02, 1.1, 2.0):
        assert losses.Gaussian(best.sigma * factor).nll(x, x_hat).mean() > least


def test_at_the_optimal_sigma_the_derivative_is_zero(x, x_hat):
    x, x_hat = x.double(), x_hat.double()
    sigma = losses.OptimalGaussian().sigma(x, x_hat).item()

    def slope(at, step=1e-5):
        above, below = (losses.Gaussian(s).nll(x, x_hat).mean().item() for s in (at + step, at - step))
        return (above - below) / (2 * step)

    # In units of its size elsewhere: at twice sigma it is (1 - 1/4) PIXELS / (2 sigma).
    assert abs(slope(sigma)) < 1e-6 * abs(slope(2 * sigma))


def test_no_gradient_is_lost_by_detaching_sigma(x, x_hat):
    x, x_hat = x.double(), x_hat.double().requires_grad_()
    (detached,) = torch.autograd.grad(losses.OptimalGaussian().nll(x, x_hat).mean(), x_hat)
    sigma = (x - x_hat).square().mean().sqrt()  # attached
    attached_nll = -summed(distributions.Normal(x_hat, sigma).log_prob(x)).mean()
    (attached,) = torch.autograd.grad(attached_nll, x_hat)
    torch.testing.assert_close(detached, attached)
    assert detached.abs().max() > 1e-3


def test_sigma_does_not_vanish_with_the_error(x):
    assert losses.OptimalGaussian().sigma(x, x).item() == pytest.approx(losses.SMALLEST_SIGMA)
    assert losses.OptimalGaussian().nll(x, x).isfinite().all()


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_a_gaussian_needs_a_positive_sigma(sigma):
    with pytest.raises(UserError, match="must be above 0"):
        losses.Gaussian(sigma)


def test_likelihoods_by_name():
    assert losses.likelihood_named("bernoulli") == losses.Bernoulli()
    assert losses.likelihood_named("gaussian", 0.2) == losses.Gaussian(0.2)
    assert losses.likelihood_named("optimal-gaussian") == losses.OptimalGaussian()
    with pytest.raises(UserError, match="did you mean gaussian or optimal-gaussian"):
        losses.likelihood_named("gausian")


@pytest.mark.parametrize(("name", "sigma"), [("gaussian", None), ("bernoulli", 0.1), ("optimal-gaussian", 0.1)])
def test_sigma_belongs_to_the_gaussian_alone(name, sigma):
    with pytest.raises(UserError, match="set sigma for gaussian, and only for it"):
        losses.likelihood_named(name, sigma)


# ELBO


@pytest.mark.parametrize("beta", [0.0, 1.0, 3.5])
def test_beta_multiplies_the_kl_and_nothing_else(x, x_hat, posterior, beta):
    likelihood = losses.Gaussian(0.3)
    elbo = losses.elbo(x, x_hat, *posterior, likelihood, beta)
    expected = summed(distributions.Normal(x_hat, 0.3).log_prob(x)) - beta * losses.kl_divergence(*posterior)
    assert elbo.shape == (B,)
    torch.testing.assert_close(elbo, expected)


def test_the_elbo_is_that_of_beta_one(x, x_hat, posterior):
    likelihood = losses.Bernoulli()
    assert torch.equal(
        losses.elbo(x, x_hat, *posterior, likelihood), losses.elbo(x, x_hat, *posterior, likelihood, beta=1.0)
    )


def test_warm_up_rises_in_a_straight_line_and_stays():
    assert [losses.warm_up(step, 4, 2.0) for step in range(6)] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert losses.warm_up(0, 0, 0.7) == 0.7
