"""What a run fits to its codes once its model is trained: of mirror images too, and a flow where one is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vaelib import latent, runs
from vaelib.data import Dataset
from vaelib.models import VAE, AutoEncoder
from vaelib.sharpening import power


@pytest.fixture
def pictures():
    labels = torch.arange(40)[:, None] % 2 == 0
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)
    return Dataset(images, "random", "train", labels, ["Even"])


def small(kind=VAE):
    torch.manual_seed(0)
    return kind(32, 3, (4, 8)).eval()


@pytest.mark.parametrize("kind", [VAE, AutoEncoder])
def test_with_flip_the_densities_are_fitted_to_mirror_images_too(pictures, kind):
    model = small(kind)
    statistics = runs.fit_statistics(model, pictures, 0.1, progress=False, flip=True)
    mu, logvar = latent.encode_dataset(model, pictures)
    mirrored, _ = latent.encode_dataset(model, pictures, mirrored=True)
    assert (mirrored - mu).abs().max() > 1e-3
    torch.testing.assert_close(statistics.priors["gaussian"].mean, (mu.mean(0) + mirrored.mean(0)) / 2)
    torch.testing.assert_close(statistics.directions[0], latent.attribute_direction(mu, pictures.attributes[:, 0]))
    assert (logvar is None) == (kind is AutoEncoder)


def test_every_run_gets_a_sharpener(pictures):
    model = small()
    sharpener = runs.fit_statistics(model, pictures, 0.1, progress=False).sharpener
    x = torch.from_numpy(pictures.images) / 255
    with torch.no_grad():
        x_hat = model.reconstruct(x)
    torch.testing.assert_close(sharpener.gains, (power(x) / power(x_hat)).sqrt(), rtol=1e-3, atol=1e-3)


def test_a_flow_is_fitted_where_one_is_asked_for(pictures):
    model = small()
    assert list(runs.fit_statistics(model, pictures, 0.1, progress=False).priors) == ["gaussian", "gmm"]
    known = runs.fit_statistics(model, pictures, 0.1, progress=False, flow_steps=2)
    assert list(known.priors) == ["gaussian", "gmm", "flow"] and known.priors["flow"].sample(4).shape == (4, 3)
