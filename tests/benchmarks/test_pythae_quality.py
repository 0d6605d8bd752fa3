"""The comparison with pythae's VAE: its trainer trains our layers with its defaults, and the ratios are right.

Tests that need pythae are skipped if it is not installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import ablation, contenders, pythae_quality
from vaelib import data, training

TINY = ["channels=[4,8]", "latent_dim=2", "batch_size=16"]
IMAGES = {"train": 80, "valid": 32}


def greys(name: str, size: int, split: str = "train", progress: bool = True) -> data.Dataset:
    """Each image has its own grey level."""
    rng = np.random.default_rng(len(split))
    levels = rng.integers(0, 255, (IMAGES[split], 1, 1, 1), dtype=np.uint8)
    return data.Dataset(np.broadcast_to(levels, (IMAGES[split], 3, size, size)).copy(), name, split)


@pytest.fixture(autouse=True)
def no_celeba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", greys)


def experiment(epochs: int = 1):
    return ablation.VARIANTS["recipe"].experiment(epochs, 0, TINY)


def run(reconstructions: float, **samples: float) -> dict:
    distances = {"reconstructions": reconstructions} | {f"samples, {name}": value for name, value in samples.items()}
    sharpened = {"frechet": {title: value / 10 for title, value in distances.items()}, "best_prior": "gmm"}
    return {
        "quality": {"frechet": distances, "best_prior": min(samples, key=samples.get), "sharpened": sharpened},
    }


def test_ratios_are_those_of_reconstructions_and_of_the_best_prior_of_each():
    ours, theirs = run(30, normal=60, gmm=40), run(60, normal=80, gmm=100)
    assert pythae_quality.ratio(ours, theirs) == {
        "reconstructions": 0.5,
        "samples, best prior": 0.5,
        "samples, both sharpened": 0.4,
    }


@pytest.mark.parametrize(
    ("installed", "arguments", "message"),
    [
        (None, [], "pythae is not installed: pip install pythae"),
        (True, ["--epochs", "0"], "epochs is 0"),
        (True, ["--set", "latent=3"], "did you mean latent_dim"),
        (True, ["--output", "nowhere/record.json"], "nowhere does not exist"),
        (True, ["--output", __file__], "is no record of runs"),
    ],
)
def test_mistakes_end_in_one_sentence(tmp_path: Path, monkeypatch, capsys, installed, arguments: list[str], message):
    monkeypatch.setattr(pythae_quality, "find_spec", lambda name: installed)
    command = ["--ablation", str(tmp_path / "ablation.json"), "--output", str(tmp_path / "record.json"), *arguments]
    monkeypatch.setattr(sys, "argv", ["pythae_quality.py", *command])
    with pytest.raises(SystemExit) as exit_status:
        pythae_quality.main()
    said = capsys.readouterr().err.splitlines()
    assert exit_status.value.code == 2 and said[-1].startswith("pythae_quality: ") and message in said[-1]
    assert list(tmp_path.iterdir()) == []


def test_pythae_is_left_at_its_defaults(tmp_path: Path):
    trainers = pytest.importorskip("pythae.trainers", reason="pythae is not installed")
    config, default = pythae_quality.config_of(experiment(7), str(tmp_path), {}), trainers.BaseTrainerConfig()
    differing = {key for key, value in vars(default).items() if getattr(config, key) != value}
    assert differing == {"output_dir", "num_epochs", "seed", "no_cuda"}
    assert (config.num_epochs, config.seed, config.no_cuda) == (7, 0, True)
    assert pythae_quality.config_of(experiment(), str(tmp_path), {"learning_rate": 0.5}).learning_rate == 0.5


def test_the_returned_layers_are_those_that_pythae_has_trained(monkeypatch: pytest.MonkeyPatch):
    trainers = pytest.importorskip("pythae.trainers", reason="pythae is not installed")
    used = []
    begin = trainers.BaseTrainer.prepare_training
    monkeypatch.setattr(trainers.BaseTrainer, "prepare_training", lambda self: used.append(self) or begin(self))
    task = contenders.Task(experiment(epochs=2), "celeba", IMAGES["train"], None, ())
    torch.manual_seed(0)
    model, cost = pythae_quality.train(task, {"learning_rate": 0.01})
    theirs, x = used[0].model.eval(), torch.rand(3, 3, 64, 64)
    assert torch.equal(model.reconstruct(x), theirs.decoder(theirs.encoder(x).embedding).reconstruction)
    torch.manual_seed(0)
    before = task.experiment.build_model().state_dict()
    assert not any(torch.equal(weights, before[name]) for name, weights in model.named_parameters())
    assert cost["epochs"] == 2 and cost["learning_rate"] == 0.01 and cost["per_device_train_batch_size"] == 64


def test_both_are_recorded_and_trained_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pythae", reason="pythae is not installed")
    names = ("ablation", "output")
    paths = {name: tmp_path / f"{name}.json" for name in names}
    arguments = argparse.Namespace(epochs=1, seed=0, overrides=TINY, **paths)
    pythae_quality.compare(arguments)
    recorded = json.loads(paths["output"].read_text())["runs"]
    ours, *theirs = recorded
    assert [run["variant"] for run in recorded] == ["vaelib", *pythae_quality.SETTINGS]
    assert ablation.read(paths["ablation"])[0]["quality"] == ours["quality"]
    for of_pythae in theirs:
        assert of_pythae["ratio"] == pythae_quality.ratio(ours, of_pythae)
        assert of_pythae["quality"]["active_units"] <= 2 and of_pythae["training"]["train_images"] == IMAGES["train"]
    monkeypatch.setattr(training, "fit", None)  # a call would fail
    monkeypatch.setattr(pythae_quality, "train", None)
    pythae_quality.compare(arguments)
    assert json.loads(paths["output"].read_text())["runs"] == recorded


def test_what_is_recorded_agrees_with_itself():
    recorded = ablation.read(pythae_quality.RECORD)
    ours = {run["seed"]: run for run in recorded if run["variant"] == "vaelib"}
    theirs = [run for run in recorded if run["variant"] in pythae_quality.SETTINGS]
    assert len(theirs) > 0
    for run in theirs:
        assert run["ratio"] == pythae_quality.ratio(ours[run["seed"]], run)
        assert run["settings"]["epochs"] == ours[run["seed"]]["settings"]["epochs"]
