"""The record of chapter 05's training run: both measurements have closed forms for linear models."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from benchmarks import mismatch
from vaelib.models import VAE


class Linear(nn.Module):
    """A linear decoder."""

    def __init__(self, matrix: torch.Tensor):
        super().__init__()
        self.matrix = matrix

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Codes (B, d) to vectors (B, pixels)."""
        return z @ self.matrix.T


def test_mismatch_of_uncorrelated_codes_lies_along_the_axes() -> None:
    mu = torch.tensor([2.0, 0.5]) * torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    along_axes, correlation = mismatch.mismatch_parts(mu, torch.full((20_000, 2), -20.0))
    expected = sum(0.5 * (variance - 1 - math.log(variance)) for variance in (4, 0.25))
    assert along_axes == pytest.approx(expected, rel=0.05)
    assert correlation == pytest.approx(0, abs=1e-3)


def test_mismatch_of_correlated_codes_has_the_closed_form() -> None:
    mixing = torch.tensor([[1.0, 0.0], [0.8, 0.6]])  # two standard normal axes of correlation 0.8
    mu = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0)) @ mixing.T
    along_axes, correlation = mismatch.mismatch_parts(mu, torch.full((20_000, 2), -20.0))
    assert along_axes == pytest.approx(0, abs=0.01)
    assert correlation == pytest.approx(-0.5 * math.log(1 - 0.8**2), rel=0.03)


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0.0), (90, 0.0), (45, 0.5 * math.log(13.625**2 / (26 * 1.25)))])
def test_gap_is_that_of_a_turned_linear_decoder(degrees: int, expected: float) -> None:
    a = math.radians(degrees)
    turn = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    decoder = Linear(torch.diag(torch.tensor([1.0, 0.1])) @ turn.T)
    assert mismatch.gap(decoder, torch.randn(3, 2), sigma=0.2) == pytest.approx(expected, abs=1e-5)


def test_gap_of_a_convolutional_decoder_is_positive() -> None:
    model = VAE(image_size=32, latent_dim=3, channels=(4, 8)).eval()
    assert mismatch.gap(model, torch.randn(2, 3), sigma=0.05) > 0


def test_the_record_has_every_epoch_of_every_seed() -> None:
    rows = json.loads(mismatch.RECORD.read_text())["rows"]
    assert [(row["seed"], row["epoch"]) for row in rows] == [(seed, e) for seed in range(3) for e in range(1, 25)]
