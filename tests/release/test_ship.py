"""The script that ships: what it copies, rounds, generates and refuses, and the card that it writes."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from release import model_card, pictures, ship
from vaelib import data, runs
from vaelib.detail import Detail, UNet
from vaelib.flow import Flow
from vaelib.models import VAE
from vaelib.priors import Gaussian, GaussianMixture
from vaelib.runs import Run, experiments, statistics
from vaelib.sharpening import Sharpener
from vaelib.support import images, tensorfiles
from vaelib.support.errors import UserError

ROOT = Path(__file__).parents[2]
PICTURES = set(pictures.STILLS) - {pictures.DETAILED}


@pytest.fixture
def run(tmp_path) -> Run:
    """A small run that has been evaluated."""
    torch.manual_seed(0)
    folder = tmp_path / "run"
    folder.mkdir()
    run = Run(folder)
    model = VAE(32, 4, (4, 8)).eval()
    mu, logvar = torch.randn(2, 60, 4)
    fitted = {"gaussian": Gaussian().fit(mu, logvar), "gmm": GaussianMixture(2).fit(mu, logvar)}
    run.write_model(model)
    sharpener = Sharpener().fit(*torch.rand(2, 5, 3, 32, 32))
    run.write_statistics(statistics.Statistics(fitted, 0.1, ["Smiling"], mu[:1], sharpener))
    run.write_codes(statistics.Codes(mu, logvar, mu[:, :1] > 0, ["Smiling"]))
    settings = {"size": 32, "latent_dim": 4, "channels": (4, 8)}
    run.write_experiment(experiments.Experiment(about="A test.", dataset="celeba", **settings))
    run.path(runs.HISTORY).write_text("epoch\n1\n")
    run.path(runs.RESUME).touch()
    training = {"epochs": 1, "seconds": 2.5, "hardware": "an abacus", "seed": 3, "versions": {"torch": "9.8"}}
    training |= {"train_images": 1234, "valid_images": 56}
    run.write_metrics({"training": training, "evaluation": EVALUATION})
    return run


EVALUATION = {
    "dataset": "celeba",
    "split": "valid",
    "crop": "the centre",
    "size": 32,
    "images": 56,
    "samples": 56,
    "seed": 0,
    "mse": 0.0045,
    "psnr": 23.456,
    "features": {"attributes": "of a network", "pixels": "components"},
    "frechet": {
        "attributes": {"samples, normal": 1.5, "samples, gaussian": 4.5, "samples, gmm": 5.5},
        "pixels": {"samples, normal": 1.5, "samples, gaussian": 5.5, "samples, gmm": 4.5},
    },
    "precision_recall": {"features": "attributes", "k": 3, "precision": {"samples": 0.5}, "recall": {"samples": 0.25}},
    "not_computed": {"inception": "not asked for"},
}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


PARTS = {"model.safetensors", "statistics.safetensors", "codes.safetensors"}
RECORD = {"config.toml", "history.csv", "metrics.json", "README.md"} | PICTURES


def test_shipping_halves_what_it_copies(run, tmp_path):
    ship.ship(run, tmp_path / "small")
    assert names(tmp_path / "small") == RECORD | PARTS
    for part in PARTS:
        kinds = {value.dtype for value in tensorfiles.read_tensors(tmp_path / "small" / part)[0].values()}
        assert kinds <= {torch.float16, torch.int64, torch.bool} and torch.float16 in kinds
    whole, small = run.model, runs.load(tmp_path / "small").model
    z = runs.load(tmp_path / "small").codes.mu
    torch.testing.assert_close(z, run.codes.mu, atol=0, rtol=1e-3)
    torch.testing.assert_close(small.decode(z), whole.decode(z), atol=1 / 255, rtol=0)


def test_a_pixel_flow_is_shipped_with_a_picture_and_its_cost(run, tmp_path):
    detail = Detail(channels=(8, 8))
    detail.network = UNet((8, 8))
    run.write_detail(detail)
    run.write_metrics({"detail": {"steps": 2_000, "images": 1_234, "seconds": 90.0, "hardware": "an abacus"}})
    ship.ship(run, tmp_path / "small")
    assert names(tmp_path / "small") == RECORD | PARTS | {runs.DETAIL, pictures.DETAILED}
    assert tensorfiles.read_tensors(tmp_path / "small" / runs.DETAIL)[0]["inlet.weight"].dtype == torch.float16
    card = " ".join((tmp_path / "small" / "README.md").read_text().split())
    assert "was fitted to 1,234 images in 2,000 steps, 2 minutes on an abacus" in card and pictures.DETAILED in card


def test_shipping_a_folder_onto_itself_changes_nothing(run, tmp_path):
    ship.ship(run, tmp_path / "small", note="Slowly.")
    before = {path.name: path.read_bytes() for path in (tmp_path / "small").iterdir()}
    ship.ship(Run(tmp_path / "small"), tmp_path / "small")
    assert {path.name: path.read_bytes() for path in (tmp_path / "small").iterdir()} == before


def test_a_record_alone_has_no_weights(run, tmp_path):
    ship.ship(run, tmp_path / "small")
    ship.ship(run, tmp_path / "small", record_only=True)
    assert names(tmp_path / "small") == RECORD | {"codes.safetensors"}
    assert "Its weights are not shipped" in " ".join((tmp_path / "small" / "README.md").read_text().split())


def test_the_card_is_written_from_the_records(run, tmp_path):
    ship.ship(run, tmp_path / "small", note="The abacus squeaked.")
    card = " ".join((tmp_path / "small" / "README.md").read_text().split())
    for part in (
        "# small A test.",
        "the first 60 of the images that it was validated on",
        "1,234 of the 162,770 images of CelebA's training partition",
        "1 epochs in 2 s on an abacus; seed 3, torch 9.8. The abacus squeaked. All settings",
        "psnr, dB 23.5",
        "samples, gmm 5.5 4.5",
        "not computed: inception: not asked for",
        "as decoded, without any filter: `samples.webp` from the prior `gaussian`,",
        "`samples-sharpened.webp` has the samples after the sharpening filter.",
    ):
        assert part in card
    assert json.loads((tmp_path / "small" / "metrics.json").read_text())["training"]["note"] == "The abacus squeaked."


def test_a_card_is_written_again_from_the_records(run, tmp_path):
    ship.ship(run, tmp_path / "small")
    ship.ship(run, tmp_path / "record", record_only=True)
    cards = [tmp_path / name / model_card.CARD for name in ("small", "record")]
    before = [path.read_bytes() for path in cards]
    for path in cards:
        path.write_text("lost")
    model_card.write_cards([path.parent for path in cards])
    assert [path.read_bytes() for path in cards] == before


def test_only_a_folder_with_records_gets_a_card(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["model_card.py", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        model_card.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and "holds no metrics.json: name folders that were shipped" in said
    assert list(tmp_path.iterdir()) == []


def test_a_record_without_statistics_knows_the_prior_of_its_pictures(run, tmp_path):
    run.write_metrics({"evaluation": {"frechet": {"attributes": {"samples, flow": 1.0, "samples, gmm": 2.0}}}})
    run.path(runs.STATISTICS).unlink()
    assert pictures.best_prior(Run(run.folder)) == "gmm"
    run.write_experiment(dataclasses.replace(run.experiment, flow_steps=5))
    assert pictures.best_prior(Run(run.folder)) == "flow"


def test_a_run_that_was_not_evaluated_says_so(run, tmp_path):
    run.write_metrics({"evaluation": {}})
    ship.ship(run, tmp_path / "small")
    card = (tmp_path / "small" / "README.md").read_text()
    assert "None were recorded" in card and "from the prior `gmm`" in card


def test_numbers_that_float16_cannot_hold_stay_as_they_are():
    large, small = torch.tensor([1e6, 1.0]), torch.tensor([0.1])
    halves = tensorfiles.in_float16({"large": large, "small": small, "labels": torch.tensor([True])})
    assert torch.equal(halves["large"], large) and halves["small"].dtype == torch.float16
    assert halves["labels"].dtype == torch.bool


def test_a_covariance_that_rounding_would_break_stays_float32(run, tmp_path):
    direction = torch.tensor([[1.0, 1.01, 0.99, 1.02]])
    covariance = direction.T @ direction + 1e-3 * torch.eye(4)
    run.statistics.priors["gaussian"].covariance = covariance
    run.write_statistics(run.statistics)
    ship.ship(run, tmp_path / "small")
    assert torch.equal(runs.load(tmp_path / "small").statistics.priors["gaussian"].covariance, covariance)


def test_the_weights_of_a_flow_are_halved_whatever_the_covariances_need(run, tmp_path):
    flow = run.statistics.priors["flow"] = Flow(100, width=32, blocks=2).fit(run.codes.mu)
    run.statistics.priors["gaussian"].covariance = torch.eye(4) * 1e-7  # too small for float16
    run.write_statistics(run.statistics)
    ship.ship(run, tmp_path / "small")
    tensors, _ = tensorfiles.read_tensors(tmp_path / "small" / "statistics.safetensors")
    assert {key.split(".")[0] for key, value in tensors.items() if value.dtype == torch.float32} >= {"gaussian"}
    assert {value.dtype for key, value in tensors.items() if key.startswith("flow.")} == {torch.float16}
    halved = runs.load(tmp_path / "small").statistics.priors["flow"]
    whole, small = (prior.sample(500, torch.Generator().manual_seed(0)) for prior in (flow, halved))
    assert (whole - small).abs().max() < 0.02 * whole.std()


def test_a_flow_is_added_to_a_shipped_folder(run, tmp_path, monkeypatch):
    ship.ship(run, tmp_path / "small")
    before = runs.load(tmp_path / "small").statistics.priors
    faces = data.Dataset(np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32), np.uint8), "celeba", "train")
    monkeypatch.setattr(data, "load", lambda *_: faces)
    monkeypatch.setattr("vaelib.flow.MATCHING_DRAWS", 64)  # the quality of the fit is not tested here
    words = [tmp_path / "small", tmp_path / "small", "--flow-steps", 2]
    monkeypatch.setattr(sys, "argv", ["ship.py", *map(str, words)])
    ship.main()
    after = runs.load(tmp_path / "small").statistics.priors
    assert list(after) == ["gaussian", "gmm", "flow"]
    assert torch.equal(after["gmm"].means, before["gmm"].means)
    assert runs.load(tmp_path / "small").experiment.flow_steps == 2


def test_a_run_from_before_there_were_sharpeners_gets_one(run, tmp_path, monkeypatch):
    run.statistics.sharpener = None
    run.write_statistics(run.statistics)
    faces = data.Dataset(np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32), np.uint8), "celeba", "train")
    monkeypatch.setattr(data, "load", lambda *_: faces)
    ship.ship(run, tmp_path / "small")
    sharpener = runs.load(tmp_path / "small").statistics.sharpener
    expected = statistics.fit_sharpener(run.model, faces).gains
    torch.testing.assert_close(sharpener.gains, expected, atol=0, rtol=1e-3)


def test_a_folder_that_is_too_large_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ship, "MOST_IN_A_FOLDER", 1000)
    with pytest.raises(UserError, match=r"small holds 0\.\d MB, more than 0 MB: ship a smaller model"):
        ship.ship(run, tmp_path / "small")
    monkeypatch.undo()
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "all")
    monkeypatch.setattr(ship, "MOST_OF_ALL", 1000)
    with pytest.raises(UserError, match=r"all holds 0\.\d MB"):
        ship.ship(run, tmp_path / "all" / "small")
    ship.ship(run, tmp_path / "small")  # a folder outside of `shipped` does not count


def test_the_script_ends_in_one_sentence(tmp_path):
    command = [sys.executable, "-m", "release.ship", tmp_path / "no-run", tmp_path / "small"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 2 and finished.stderr.startswith("ship: There is no run or shipped checkpoint")
    assert not (tmp_path / "small").exists()


def test_the_animation_is_a_webp_of_the_same_frames(run, tmp_path):
    frames = [Image.new("RGB", (40, 20), colour) for colour in ("red", "lime", "blue")]
    images.save_gif(frames, run.path(runs.ANIMATION))
    ship.ship(run, tmp_path / "small")
    with Image.open(tmp_path / "small" / "training.webp") as moving:
        assert moving.n_frames == 3
        assert [
            max(range(3), key=frame.convert("RGB").getpixel((5, 5)).__getitem__)
            for frame in ImageSequence.Iterator(moving)
        ] == [0, 1, 2]
    assert "`training.webp` shows the epochs." in " ".join((tmp_path / "small" / "README.md").read_text().split())


def test_the_animation_of_another_run_is_named_as_such(run, tmp_path):
    images.save_gif([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime")], run.path(runs.ANIMATION))
    ship.ship(run, tmp_path / "small", animation=run)
    card = " ".join((tmp_path / "small" / "README.md").read_text().split())
    assert "shows the epochs of another run of the same experiment, 1 epochs in 2 s on an abacus." in card


def test_a_record_whose_weights_are_gone_is_completed_by_another_run(run, tmp_path, monkeypatch):
    images.save_gif([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime")], run.path(runs.ANIMATION))
    run.write_metrics({"evaluation": EVALUATION | {"best_prior": "gmm"}})
    record = tmp_path / "record"
    ship.ship(run, record, record_only=True)
    for lost in (runs.CODES, pictures.INTERPOLATIONS, pictures.ANIMATION):
        (record / lost).unlink()
    before = (record / pictures.SAMPLES).read_bytes()
    monkeypatch.setattr(sys, "argv", ["ship.py", str(record), str(record), "--animation", str(run)])
    ship.main()
    assert names(record) == RECORD | {runs.CODES, pictures.ANIMATION}
    assert (record / pictures.SAMPLES).read_bytes() == before
    card = " ".join((record / "README.md").read_text().split())
    assert "of another run of the same experiment, 1 epochs in 2 s on an abacus." in card
    assert "The codes and the interpolations are that run's, too." in card


def test_a_record_is_completed_only_where_it_is_and_by_a_run_of_its_settings(run, tmp_path, monkeypatch, capsys):
    record, other = tmp_path / "record", shutil.copytree(run.folder, tmp_path / "other")
    ship.ship(run, record, record_only=True)
    before = {path.name: path.read_bytes() for path in record.iterdir()}

    def refused(folder: Path) -> str:
        monkeypatch.setattr(sys, "argv", ["ship.py", str(record), str(folder), "--animation", str(other)])
        with pytest.raises(SystemExit) as stop:
            ship.main()
        assert stop.value.code == 2
        return capsys.readouterr().err

    assert "holds no training.gif: train the run to its end first" in refused(record)
    images.save_gif([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime")], other / "training.gif")
    assert "a record is completed where it is: name it twice" in refused(tmp_path / "elsewhere")
    config = (other / "config.toml").read_text()
    (other / "config.toml").write_text(config.replace("beta = 1.0", "beta = 0.5"))
    assert "is no run of the settings of" in refused(record)
    assert {path.name: path.read_bytes() for path in record.iterdir()} == before


def test_an_animation_of_a_run_that_was_stopped_is_refused(run, tmp_path):
    (tmp_path / "stopped").mkdir()
    with pytest.raises(UserError, match="train the run to its end first"):
        ship.ship(run, tmp_path / "small", animation=Run(tmp_path / "stopped"))
