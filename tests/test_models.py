"""The two models: which shapes they accept, what they return, and how gradients pass through a draw of z."""

from __future__ import annotations

import pytest
import torch

from vaelib.models import VAE, AutoEncoder, reparameterize
from vaelib.priors import Gaussian
from vaelib.support.errors import UserError

MOST_LAYERS = {32: 4, 64: 5, 128: 6}  # each halves the image, down to 2 x 2
WIDTHS = (3, 5, 2, 6, 4, 7)  # uneven, so that no two layers can be taken for each other
SHAPES = [(size, WIDTHS[:layers]) for size, most in MOST_LAYERS.items() for layers in range(1, most + 1)]

both_models = pytest.mark.parametrize("kind", [AutoEncoder, VAE])


@pytest.fixture
def vae():
    torch.manual_seed(0)
    return VAE(32, 6, (4, 8)).eval()


def images(n, size=32, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


@both_models
@pytest.mark.parametrize(("size", "channels"), SHAPES)
def test_every_shape_that_fits_makes_images_of_its_size(kind, size, channels):
    torch.manual_seed(0)
    model = kind(size, 5, channels)  # in training mode: batch normalisation has to have enough to average
    x_hat = model.reconstruct(images(2, size))
    assert x_hat.shape == (2, 3, size, size)
    assert x_hat.min() >= 0 and x_hat.max() <= 1 and x_hat.std() > 0
    x_hat.sum().backward()
    assert all(parameter.grad is not None for parameter in model.decoder.parameters())


@both_models
@pytest.mark.parametrize(("size", "most"), MOST_LAYERS.items())
def test_too_many_layers_are_refused_with_what_fits(kind, size, most):
    with pytest.raises(UserError, match=f"images of {size} pixels take 1 to {most} layers"):
        kind(size, 5, (2,) * (most + 1))


@both_models
@pytest.mark.parametrize(
    ("arguments", "what_fits"),
    [
        ((48, 5, (4, 8)), "one of 32, 64, 128"),
        ((0, 5, (4, 8)), "one of 32, 64, 128"),
        ((256, 5, (4, 8)), "one of 32, 64, 128"),
        ((32, 0, (4, 8)), "at least 1"),
        ((32, 5, ()), "1 to 4 layers"),
        ((32, 5, (4, 0)), "at least 1 channel"),
        ((32, 5, (-4,)), "at least 1 channel"),
    ],
)
def test_a_shape_that_does_not_fit_is_a_value_error_that_says_what_fits(kind, arguments, what_fits):
    with pytest.raises(ValueError, match=what_fits):
        kind(*arguments)


@both_models
def test_config_makes_another_model_of_the_same_shape(kind):
    model = kind(64, 7, [4, 8, 6])
    again = kind(**model.config)
    assert {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in again.state_dict().items()}
    assert model.config == {"image_size": 64, "latent_dim": 7, "channels": (4, 8, 6)}


def test_the_default_shape_is_the_one_of_the_contract():
    assert VAE().config == {"image_size": 64, "latent_dim": 64, "channels": (32, 64, 128, 256)}


def test_shapes_of_codes():
    x = images(3)
    assert AutoEncoder(32, 6, (4,)).encode(x).shape == (3, 6)
    mu, logvar = VAE(32, 6, (4,)).encode(x)
    assert mu.shape == logvar.shape == (3, 6) and not torch.equal(mu, logvar)


def test_forward_of_the_vae_decodes_the_draw_it_is_given_noise_for(vae):
    x = images(3)
    x_hat, mu, logvar = vae(x, torch.Generator().manual_seed(5))
    epsilon = torch.randn(3, 6, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(x_hat, vae.decode(mu + torch.exp(logvar / 2) * epsilon))
    assert not torch.equal(x_hat, vae(x, torch.Generator().manual_seed(6))[0])


@both_models
def test_reconstruct_draws_nothing(kind):
    model, x = kind(32, 6, (4, 8)).eval(), images(3)
    before = torch.get_rng_state()
    assert torch.equal(model.reconstruct(x), model.reconstruct(x))
    assert torch.equal(torch.get_rng_state(), before)


def test_reconstruct_of_the_vae_goes_through_mu(vae):
    x = images(3)
    assert torch.equal(vae.reconstruct(x), vae.decode(vae.encode(x)[0]))


def test_a_model_with_one_latent_dimension_and_one_image(vae):
    small = VAE(32, 1, (2,)).eval()
    assert small(images(1))[0].shape == (1, 3, 32, 32)
    assert small.sample(1).shape == (1, 3, 32, 32)


def test_sample_decodes_draws_from_a_standard_normal(vae):
    z = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    sampled = vae.sample(4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(sampled, vae.decode(z)) and not sampled.requires_grad
    assert not torch.equal(sampled, vae.sample(4, generator=torch.Generator().manual_seed(2)))


def test_sample_uses_the_prior_it_is_given(vae):
    mean = torch.full((6,), 3.0)
    narrow = Gaussian.from_tensors({"mean": mean, "covariance": 1e-12 * torch.eye(6)})
    sampled = vae.sample(3, prior=narrow, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampled, vae.decode(mean.expand(3, 6)), atol=1e-4, rtol=0)


def test_codes_and_images_are_float32_under_bfloat16_autocast(vae):
    with torch.autocast("cpu", torch.bfloat16):
        mu, logvar = vae.encode(images(2))
        x_hat = vae.decode(mu)
    assert {mu.dtype, logvar.dtype, x_hat.dtype} == {torch.float32}


def test_the_derivatives_of_a_draw_are_one_and_half_sigma_epsilon():
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    mu.requires_grad_(), logvar.requires_grad_()
    epsilon = torch.randn(5, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    reparameterize(mu, logvar, torch.Generator().manual_seed(7)).sum().backward()
    torch.testing.assert_close(mu.grad, torch.ones_like(mu))
    torch.testing.assert_close(logvar.grad, 0.5 * torch.exp(logvar.detach() / 2) * epsilon)


def test_gradients_through_a_draw_equal_finite_differences():
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)

    def loss(mu, logvar):  # nonlinear in z, with the same noise in every call
        return reparameterize(mu, logvar, torch.Generator().manual_seed(7)).sin().cumsum(1).square().sum()

    assert torch.autograd.gradcheck(loss, (mu.requires_grad_(), logvar.requires_grad_()))


def test_gradients_through_draws_are_unbiased():
    # E[z²] = mu² + exp(logvar), with derivatives 2 mu and exp(logvar). For one draw, the derivative with respect to mu
    # is 2z, with variance 4 sigma². The derivative with respect to logvar is sigma epsilon (mu + sigma epsilon), with
    # variance sigma² mu² + 2 sigma⁴.
    n, mu, logvar = 200_000, torch.tensor(0.7, requires_grad=True), torch.tensor(-0.8, requires_grad=True)
    z = reparameterize(mu.expand(n, 1), logvar.expand(n, 1), torch.Generator().manual_seed(0))
    z.square().mean().backward()
    variance = logvar.detach().exp().item()
    five_sigma = 5 / n**0.5
    assert abs(mu.grad.item() - 2 * 0.7) < five_sigma * 2 * variance**0.5
    assert abs(logvar.grad.item() - variance) < five_sigma * (variance * 0.49 + 2 * variance**2) ** 0.5


def test_draws_have_the_right_moments_and_are_independent():
    n = 50_000
    mu, logvar = torch.tensor([1.0, -2.0]).expand(n, 2), torch.tensor([0.5, -1.0]).expand(n, 2)
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(0))
    standard = (z - mu) / torch.exp(logvar / 2)
    # Standard errors: 1/√n of a mean and of a correlation, √(2/n) of a variance; five of them.
    bound = 5 / n**0.5
    assert standard.mean(0).abs().max() < bound
    assert (standard.var(0) - 1).abs().max() < bound * 2**0.5
    assert abs((standard[:, 0] * standard[:, 1]).mean()) < bound  # dimensions
    assert (standard[:-1] * standard[1:]).mean(0).abs().max() < bound  # neighbours in the batch
