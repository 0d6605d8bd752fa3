"""Latent space: arcs and lines between two points, planted directions, encoding a dataset."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vaelib import latent
from vaelib.data import Dataset
from vaelib.models import VAE, AutoEncoder
from vaelib.support.errors import UserError


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def two_ends(dim=64):
    """Two vectors of the norm 8, at a random angle."""
    return 8 * torch.nn.functional.normalize(normal(2, dim), dim=1)


def angles(path):
    """Between neighbours, in radians, in float64."""
    unit = torch.nn.functional.normalize(path.double(), dim=1)
    return 2 * torch.asin((unit[1:] - unit[:-1]).norm(dim=1) / 2)


@pytest.mark.parametrize("method", ["slerp", "lerp"])
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_both_ends_are_included(method, steps):
    z0, z1 = normal(2, 16)
    path = latent.interpolate(z0, z1, steps, method)
    assert path.shape == (steps, 16)
    torch.testing.assert_close(path[[0, -1]], torch.stack([z0, z1]))


def test_slerp_keeps_the_norm():
    path = latent.interpolate(*two_ends(), steps=11)
    torch.testing.assert_close(path.norm(dim=1), torch.full((11,), 8.0))


def test_slerp_turns_at_constant_speed_in_the_plane_of_its_ends():
    z0, z1 = two_ends()
    path = latent.interpolate(z0, z1, steps=9)
    torch.testing.assert_close(angles(path), angles(torch.stack([z0, z1])).expand(8) / 8, rtol=1e-4, atol=0)
    assert torch.linalg.matrix_rank(path, rtol=1e-5) == 2


def test_slerp_is_the_default_and_differs_from_lerp():
    z0, z1 = two_ends()
    assert torch.equal(latent.interpolate(z0, z1, 5), latent.interpolate(z0, z1, 5, "slerp"))
    middle = latent.interpolate(z0, z1, 3, "lerp")[1]
    assert middle.norm() < 7  # of nearly orthogonal ends of norm 8: about 8 / √2
    torch.testing.assert_close(middle, (z0 + z1) / 2)


def test_lerp_is_a_straight_line_at_constant_speed():
    path = latent.interpolate(*normal(2, 16), steps=6, method="lerp")
    torch.testing.assert_close(path.diff(dim=0), path.diff(dim=0)[:1].expand(5, 16))


def test_slerp_between_orthogonal_ends_is_a_quarter_of_an_ellipse():
    z0, z1 = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    t = torch.linspace(0, torch.pi / 2, 7)
    expected = torch.stack([2 * t.cos(), 5 * t.sin()], dim=1)
    torch.testing.assert_close(latent.interpolate(z0, z1, 7), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("angle", [1e-6, 1e-4, 2e-4, 3e-4, 1e-3, 1e-2, np.pi - 1e-2, np.pi - 1e-3])
def test_slerp_near_a_line_through_the_origin(angle):
    z0 = torch.tensor([8.0, 0.0, 0.0])
    z1 = torch.tensor([8 * np.cos(angle), 8 * np.sin(angle), 0.0], dtype=torch.float32)
    path = latent.interpolate(z0, z1, steps=5)
    # Rounding an end to float32 turns it by up to 1e-7, a share of 1e-4 of pi - angle.
    torch.testing.assert_close(path.norm(dim=1), torch.full((5,), 8.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(angles(path), torch.full((4,), angle / 4, dtype=torch.float64), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, -0.5])
def test_slerp_of_parallel_and_opposite_ends_is_the_straight_line(factor):
    z0 = normal(16)
    path = latent.interpolate(z0, factor * z0, steps=5)
    torch.testing.assert_close(path, latent.interpolate(z0, factor * z0, 5, "lerp"))


def test_an_unknown_method_and_too_few_steps_are_refused():
    z0, z1 = two_ends()
    with pytest.raises(UserError, match="did you mean slerp"):
        latent.interpolate(z0, z1, 5, "slurp")
    with pytest.raises(UserError, match="at least 2"):
        latent.interpolate(z0, z1, 1)


def test_attribute_direction_finds_a_planted_direction():
    n, planted = 4000, normal(16, seed=1)
    labels = torch.rand(n, generator=torch.Generator().manual_seed(2)) < 0.3
    mu = normal(n, 16) + labels[:, None] * planted + 5
    direction = latent.attribute_direction(mu, labels)
    # A difference of two means of unit variance has the standard error √(1/1200 + 1/2800) = 0.034: five of them.
    assert (direction - planted).abs().max() < 5 * 0.034
    torch.testing.assert_close(latent.attribute_direction(mu, ~labels), -direction)
    torch.testing.assert_close(latent.attribute_direction(mu, labels.long()), direction)


@pytest.mark.parametrize("value", [True, False])
def test_an_attribute_that_all_share_has_no_direction(value):
    with pytest.raises(UserError, match="the same value"):
        latent.attribute_direction(normal(4, 2), torch.full((4,), value))


@pytest.fixture
def pictures():
    return Dataset(np.random.default_rng(0).integers(0, 256, (7, 3, 32, 32), dtype=np.uint8), "random", "train")


def test_encode_dataset_gives_every_posterior_in_order(pictures):
    torch.manual_seed(0)
    model = VAE(32, 5, (4, 8)).eval()
    mu, logvar = latent.encode_dataset(model, pictures, batch_size=3)
    expected = model.encode(torch.from_numpy(pictures.images) / 255)
    torch.testing.assert_close((mu, logvar), expected)
    assert not mu.requires_grad and mu.shape == (7, 5)


def test_encode_dataset_of_mirror_images(pictures):
    model = VAE(32, 5, (4, 8)).eval()
    mu, logvar = latent.encode_dataset(model, pictures, batch_size=3, mirrored=True)
    expected = model.encode(torch.from_numpy(pictures.images[..., ::-1].copy()) / 255)
    torch.testing.assert_close((mu, logvar), expected)


def test_an_autoencoder_has_no_variances(pictures):
    model = AutoEncoder(32, 5, (4, 8)).eval()
    z, logvar = latent.encode_dataset(model, pictures, batch_size=3)
    assert logvar is None
    torch.testing.assert_close(z, model.encode(torch.from_numpy(pictures.images) / 255))


@pytest.mark.parametrize("training", [True, False])
def test_encode_dataset_leaves_the_model_as_it_was(pictures, training):
    model = VAE(32, 5, (4, 8)).train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    latent.encode_dataset(model, pictures)
    assert model.training is training and model.encoder[1].training is training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
