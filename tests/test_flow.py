"""The flow: its density and its samples against closed forms, and what it learns that no Gaussian can."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal

from vaelib import flow
from vaelib.flow import Flow, Velocity
from vaelib.priors import Gaussian
from vaelib.support.errors import UserError


def noise(seed=0):
    return torch.Generator().manual_seed(seed)


def posteriors():
    """Codes with correlated dimensions of unequal scale, and log-variances that differ between images."""
    mixing = torch.tensor([[2.0, 0.0], [0.9, 0.6]])
    mu = torch.randn(3000, 2, generator=noise()) @ mixing.T + torch.tensor([1.0, -3.0])
    return mu, torch.rand(3000, 2, generator=noise(1)) - 2


def ring():
    """Points around a circle of radius 3, with a spread of 0.3: no Gaussian has a hole."""
    angle = 2 * torch.pi * torch.rand(3000, generator=noise())
    radius = 3 + 0.3 * torch.randn(3000, generator=noise(1))
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


@pytest.fixture(scope="module")
def fitted():
    return Flow(600, width=64, blocks=1).fit(*posteriors())


@pytest.fixture(scope="module")
def of_the_ring():
    return Flow(800, width=64, blocks=2).fit(ring())


def test_samples_have_the_moments_of_the_aggregate_posterior(fitted):
    truth, z = Gaussian().fit(*posteriors()), fitted.sample(20_000, noise(2))
    std = truth.covariance.diagonal().sqrt()
    assert ((z.mean(0) - truth.mean).abs() < 0.05 * std).all()  # matched with 4,096 draws, looked at with 20,000
    assert ((z.std(0) / std - 1).abs() < 0.03).all()
    # Learning stops short of the truth in what is not matched.
    assert ((torch.cov(z.T) - truth.covariance).abs() < 0.1 * std[:, None] * std).all()


def test_cold_draws_vary_less(fitted):
    z, cold = (fitted.sample(5000, noise(2), temperature) for temperature in (1.0, 0.5))
    assert (cold.std(0) < 0.8 * z.std(0)).all() and ((cold.mean(0) - z.mean(0)).abs() < 0.2 * z.std(0)).all()


def test_even_a_flow_that_learned_little_has_the_right_moments():
    mu, logvar = posteriors()
    truth = Gaussian().fit(mu, logvar)
    z = Flow(30, width=8, blocks=1).fit(mu, logvar).sample(20_000, noise(2))
    std = truth.covariance.diagonal().sqrt()
    assert ((z.mean(0) - truth.mean).abs() < 0.03 * std).all() and ((z.std(0) / std - 1).abs() < 0.03).all()


def test_the_density_is_near_that_of_the_gaussian_it_learned(fitted):
    truth = Gaussian().fit(*posteriors())
    z = truth.sample(500, noise(3))
    difference = fitted.log_prob(z) - truth.log_prob(z)
    assert difference.abs().mean() < 0.2 and difference.mean().abs() < 0.05


def test_a_velocity_that_is_known_gives_the_density_in_closed_form():
    """dz/dt = A z moves N(0, I) to N(0, exp(A) exp(A)ᵀ), whose log-density falls by the trace of A."""
    prior, a = Flow(), torch.tensor([[0.5, 0.3, 0.0], [-0.4, 0.2, 0.1], [0.0, 0.6, -0.9]])
    prior.mean, prior.std = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 4.0])
    prior.velocity = lambda z, t: z @ a.T
    scale = torch.diag(prior.std) @ torch.matrix_exp(a)
    truth = MultivariateNormal(prior.mean, scale @ scale.T)
    z = truth.sample((100,))
    torch.testing.assert_close(prior.log_prob(z), truth.log_prob(z), atol=0.01, rtol=0)
    draws = prior.sample(5, noise())
    torch.testing.assert_close(draws, prior.mean + torch.randn(5, 3, generator=noise()) @ scale.T, atol=5e-3, rtol=0)


def test_the_solver_is_of_second_order(monkeypatch):
    """dy/dt = t y from 0 to 1 ends in √e: half the step, a quarter of the error."""
    errors = []
    for steps in (10, 20):
        monkeypatch.setattr(flow, "SOLVER_STEPS", steps)
        end = flow.heun(lambda y, t: t * y, torch.ones(1, dtype=torch.float64), 0.0, 1.0)
        errors.append(abs(end.item() - torch.tensor(0.5).exp().item()))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_the_density_integrates_to_one(of_the_ring):
    axis = torch.linspace(-5, 5, 51)
    grid = torch.cartesian_prod(axis, axis)
    mass = of_the_ring.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=0.03)


def test_the_density_of_one_dimension_integrates_to_one():
    prior = Flow(200, width=32, blocks=1).fit(torch.randn(500, 1, generator=noise()).abs())
    axis = torch.linspace(-5, 8, 400)[:, None]
    assert prior.sample(3).shape == (3, 1)
    assert torch.trapezoid(prior.log_prob(axis).exp(), axis[:, 0]).item() == pytest.approx(1, abs=0.03)


def test_the_flow_learns_a_ring(of_the_ring):
    radius = of_the_ring.sample(2000, noise(4)).norm(dim=1)
    assert radius.mean().item() == pytest.approx(3, abs=0.15) and (radius < 1).float().mean() < 0.02
    z = ring()[:300]
    assert of_the_ring.log_prob(z).mean() > Gaussian().fit(ring()).log_prob(z).mean() + 0.5


def test_shapes_types_and_what_samples_depend_on(fitted):
    z = fitted.sample(7, noise(1))
    assert z.shape == (7, 2) and z.dtype == torch.float32 and not z.requires_grad
    assert fitted.log_prob(z).shape == (7,) and fitted.log_prob(z).dtype == torch.float32
    assert torch.equal(z, fitted.sample(7, noise(1))) and not torch.equal(z, fitted.sample(7, noise(2)))


def test_many_are_computed_in_parts(fitted, monkeypatch):
    whole = fitted.sample(10, noise())
    density = fitted.log_prob(whole)
    monkeypatch.setattr(flow, "MOVED_AT_ONCE", 4)
    monkeypatch.setattr(flow, "DENSITIES_AT_ONCE", 3)
    torch.testing.assert_close(fitted.sample(10, noise()), whole)
    torch.testing.assert_close(fitted.log_prob(whole), density)


def test_tensors_make_the_same_prior_again(fitted):
    again = Flow.from_tensors(fitted.tensors())
    assert (again.width, again.blocks) == (64, 1)
    z = again.sample(5, noise())
    assert torch.equal(z, fitted.sample(5, noise())) and torch.equal(again.log_prob(z), fitted.log_prob(z))


def test_the_same_seed_gives_the_same_flow_and_touches_no_other_draw():
    before = torch.get_rng_state()
    first, again, other = (Flow(5, seed, width=8, blocks=1).fit(*posteriors()).tensors() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["velocity.inlet.weight"], other["velocity.inlet.weight"])


def test_each_code_is_spread_over_its_posterior():
    mu = torch.randn(500, 2, generator=noise())
    wide = Flow(300, width=32, blocks=1).fit(mu, torch.full_like(mu, 1.0))  # variance e in each dimension
    assert wide.sample(5000, noise()).var(0).mean().item() == pytest.approx(1 + 2.718, rel=0.15)


def test_a_dimension_that_is_always_the_same():
    mu = torch.cat([torch.randn(300, 1, generator=noise()), torch.full((300, 1), 2.0)], dim=1)
    prior = Flow(50, width=16, blocks=1).fit(mu)
    z = prior.sample(100, noise())
    assert (z[:, 1] - 2).abs().max() < 1e-4 and prior.log_prob(z).isfinite().all()


def test_the_loss_of_a_velocity_that_knows_nothing():
    """For codes from N(0, 1) the velocity z - noise has variance 2, which is the loss of predicting zero."""
    codes = torch.randn(20_000, 2, generator=noise())
    network = Velocity(2, 8, 1)
    assert flow.matching_loss(network, codes, noise(1)).item() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("steps", [1, 10, 11])
def test_a_few_steps_are_steps(steps):
    prior = Flow(steps, width=8, blocks=1).fit(*posteriors())
    assert not torch.equal(prior.velocity.outlet[1].weight, torch.zeros(2, 8))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(UserError, match="A flow of 0 steps learns nothing"):
        Flow(0)
    with pytest.raises(UserError, match="1 codes are too few for a flow: encode at least 2 images"):
        Flow(1).fit(torch.zeros(1, 4))
