"""What chapter 06 knows of CIFAR-10's photographs: the affine map, and the record."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import likelihoods
from vaelib import data, losses, models, priors, runs


class Affine(models.VAE):
    """A VAE whose decoder is affine."""

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, 2) to images (B, 3, 32, 32) around a grey of 0.5."""
        first, second = z.T
        images = torch.full((len(z), 3, 32, 32), 0.5)
        images[:, 0] += 0.01 * first[:, None, None]
        images[:, 1] -= 0.02 * second[:, None, None]
        return images


def pictures(n: int) -> data.Dataset:
    noise = np.random.default_rng(0).integers(0, 255, (n, 3, 32, 32))
    return data.Dataset(noise.astype(np.uint8), "noise", "train")


def test_the_affine_map_of_an_affine_decoder_is_that_decoder() -> None:
    model = Affine(32, 2, (4, 8)).eval()
    decode = likelihoods.affine_map(model, pictures(40))
    z = torch.randn(5, 2)
    assert torch.allclose(decode(z), model.decode(z), atol=1e-3)


def test_likelihoods_are_the_elbo_of_each_image() -> None:
    model = models.VAE(32, 2, (4, 8)).eval()
    x = data.all_images(pictures(6))
    mu, logvar = model.encode(x)
    prior = priors.Gaussian().fit(mu.detach(), logvar.detach())
    run = SimpleNamespace(model=model, statistics=SimpleNamespace(sigma=0.3, prior=lambda name: prior))
    found = likelihoods.likelihoods(run, x)
    expected = losses.elbo(x, model.decode(mu), mu, logvar, losses.Gaussian(0.3))  # its variance over z is small here
    assert found["elbo"] == pytest.approx(expected.tolist(), rel=0.02)
    assert len(found["log_density_of_code"]) == 6


def test_the_record_agrees_with_that_of_the_model() -> None:
    record = json.loads(likelihoods.RECORD.read_text())
    run = runs.load("cifar10")
    assert len(record["elbo"]) == len(record["log_density_of_code"]) == len(run.codes.mu)
    mean = sum(record["elbo"]) / len(record["elbo"])
    assert mean == pytest.approx(run.metrics["evaluation"]["elbo"], abs=4 * 934 / 500**0.5)
