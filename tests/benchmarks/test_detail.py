"""The benchmark of detail: its sets, its metrics against the library's, mistakes."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch

from benchmarks import detail as benchmark
from vaelib import data, latent, metrics
from vaelib.detail import Detail, UNet
from vaelib.models import VAE
from vaelib.priors import StandardNormal
from vaelib.runs import comparison, evaluation, imagenet


@pytest.fixture(scope="module")
def run() -> SimpleNamespace:
    """An untrained model with an untrained pixel flow, whose best prior is N(0, I)."""
    torch.manual_seed(0)
    flow = Detail(channels=(8, 8))
    flow.network = UNet((8, 8))
    priors = SimpleNamespace(prior=lambda name: StandardNormal(4))
    return SimpleNamespace(
        name="small",
        model=VAE(64, 4, (4, 8)).eval(),
        detail=flow,
        statistics=priors,
        experiment=SimpleNamespace(dataset="faces", size=64),
        metrics={"evaluation": {"best_prior": "normal"}},
    )


@pytest.fixture(scope="module")
def held_out() -> data.Dataset:
    images = torch.randint(0, 256, (30, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return data.Dataset(images.numpy(), "faces", "valid")


@pytest.fixture(scope="module")
def measured(run, held_out, tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("records") / "record.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *_: held_out)
        patch.setattr(benchmark.runs, "load", lambda name: run)
        patch.setattr(imagenet, "installed", lambda: True)
        patch.setattr(imagenet, "load", lambda: lambda x: x.mean((2, 3)))
        patch.setattr(sys, "argv", ["detail", "--images", "30", "--output", str(path)])
        benchmark.main()
    return json.loads(path.read_text())


def test_every_number_of_steps_and_every_temperature_is_measured(measured):
    sets = [(of["set"], of["finish"], of.get("solver_steps"), of.get("temperature")) for of in measured["sets"]]
    assert len(set(sets)) == len(sets) == 1 + len(benchmark.SOLVER_STEPS) + 2 * (len(benchmark.TEMPERATURES) + 1)
    for of in measured["sets"]:
        assert set(of["frechet"]) == set(of["kernel"]) == {"attributes", "imagenet"}
        assert all(0 <= of[key][0] <= 1 and of[key][1] >= 0 for key in ("precision", "recall"))
    assert measured["protocol"]["images"] == 30 and measured["run"] == "small"


def test_the_distances_are_those_of_the_library(measured, run, held_out):
    x, x_hat = data.all_images(held_out), latent.reconstruct_all(run.model, held_out)
    plain, detailed = measured["sets"][:2]
    expected = metrics.estimate(metrics.frechet_distance, x_hat.mean((2, 3)), x.mean((2, 3)), paired=True)
    assert plain["set"] == comparison.RECONSTRUCTIONS
    assert plain["frechet"]["imagenet"] == pytest.approx(list(expected), rel=1e-3)
    assert detailed["frechet"]["imagenet"] != plain["frechet"]["imagenet"]


def test_samples_of_temperature_1_are_those_of_evaluate(run):
    expected = latent.sample_all(run.model, 300, StandardNormal(4), evaluation.SEED)
    torch.testing.assert_close(benchmark.sampled(run, "normal", 300, 1.0), expected)
    assert benchmark.sampled(run, "normal", 300, 0.0).std(0).max() < 1e-5


def test_without_the_other_network_there_is_no_record(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["detail"])
    with pytest.raises(SystemExit) as stopped:
        benchmark.main()
    assert stopped.value.code == 2 and imagenet.MISSING in capsys.readouterr().err
