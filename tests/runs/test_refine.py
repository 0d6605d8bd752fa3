"""The pixel flow of a run: its file, its continuation, and the pictures that it finishes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vaelib import data, detail, runs
from vaelib.models import VAE
from vaelib.runs import pictures, refine, train
from vaelib.runs.experiments import Experiment
from vaelib.runs.run import DETAIL, DETAIL_RESUME, Run
from vaelib.support.errors import UserError
from vaelib.support.tensorfiles import read_tensors, write_tensors

SMALL = Experiment(
    about="A test.", dataset="random", size=32, latent_dim=3, channels=(4, 8), batch_size=8, epochs=1, detail_steps=2
)


def noisy() -> data.Dataset:
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)
    return data.Dataset(images, "random", "train", torch.arange(40)[:, None] % 2 == 0, ["Even"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A small run on random pictures, with a pixel flow of two steps and eight features."""
    run = Run(tmp_path_factory.mktemp("runs") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *_: noisy())
        patch.setattr(detail.Detail.__init__, "__defaults__", (10_000, 0, (8, 8), detail.SIGMA))
        train.train(SMALL, run, progress=False)
    return run.folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch) -> Run:
    """A copy of the trained run, and its data."""
    monkeypatch.setattr(data, "load", lambda *_: noisy())
    monkeypatch.setattr(detail.Detail.__init__, "__defaults__", (10_000, 0, (8, 8), detail.SIGMA))
    return Run(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_of_detail_steps_has_a_pixel_flow_and_its_cost(run):
    assert run.detail.channels == (8, 8) and not run.has(DETAIL_RESUME)
    record = run.metrics["detail"]
    assert record["steps"] == 2 and record["images"] == 40 and record["seconds"] > 0


def test_a_finished_fit_is_left_as_it_is_and_another_number_of_steps_starts_anew(run):
    before = run.path(DETAIL).read_bytes()
    refine.refine(run, 2, progress=False)
    assert run.path(DETAIL).read_bytes() == before
    refine.refine(run, 3, progress=False)
    assert run.path(DETAIL).read_bytes() != before
    assert run.metrics["detail"]["steps"] == run.experiment.detail_steps == Run(run.folder).experiment.detail_steps == 3


def test_a_stopped_fit_continues_exactly(run, monkeypatch):
    monkeypatch.setattr(detail, "CHECKPOINT_EVERY", 2)
    write = refine._write_state

    def stop_after_writing(*about):
        write(*about)
        raise KeyboardInterrupt

    unbroken = Run(shutil.copytree(run.folder, run.folder.with_name("unbroken")))
    refine.refine(unbroken, 5, progress=False)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(refine, "_write_state", stop_after_writing)
        refine.refine(run, 5, progress=False)
    assert run.has(DETAIL_RESUME)
    with pytest.raises(UserError, match="belongs to a fit of 5 steps, and 7 steps are asked for"):
        refine.refine(run, 7, progress=False)
    refine.refine(run, 5, progress=False)
    assert run.path(DETAIL).read_bytes() == unbroken.path(DETAIL).read_bytes()
    assert run.metrics["detail"]["losses"] == unbroken.metrics["detail"]["losses"]
    assert not run.has(DETAIL_RESUME)


def test_a_fit_starts_from_the_pixel_flow_of_another_run(run):
    other = Run(shutil.copytree(run.folder, run.folder.with_name("other")))
    refine.refine(run, 2, progress=False, start=other)  # not left as it is: the finished fit started from new weights
    assert run.path(DETAIL).read_bytes() != other.path(DETAIL).read_bytes()
    assert run.metrics["detail"]["start"] == "other" and run.experiment.detail_steps == 0
    write_tensors(run.path(DETAIL_RESUME), {}, {"steps": 9, "start": "other", "step": 1, "losses": []})
    with pytest.raises(UserError, match="of 9 steps that start from other, and 9 steps are asked for"):
        refine.refine(run, 9, progress=False)
    other.path(DETAIL).unlink()
    with pytest.raises(UserError, match=r"detail\.safetensors"):
        refine.refine(run, 9, progress=False, start=Run(other.folder))


def test_a_state_of_another_network_is_refused(run):
    tensors, _ = read_tensors(run.path(DETAIL))
    write_tensors(run.path(DETAIL_RESUME), tensors, {"steps": 9, "step": 1, "losses": []})
    with pytest.raises(UserError, match="does not fit this run's pixel flow: remove it"):
        refine.refine(run, 9, progress=False)


def test_new_weights_have_no_pixel_flow(run):
    run.path(DETAIL_RESUME).touch()
    run.write_model(run.model)
    assert not run.has(DETAIL) and not run.has(DETAIL_RESUME)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda tensors: {"sigma": tensors["sigma"]}, "inlet.weight"),
        (lambda tensors: tensors | {"inlet.bias": tensors["inlet.bias"] * torch.nan}, "not finite"),
        (lambda tensors: tensors | {"inlet.weight": torch.zeros(8, 12, 3, 3)}, "pixel"),
        (lambda tensors: tensors | {"inlet.weight": torch.zeros(8, 6, 3, 3)}, "pixel flow.*: remove it, and give"),
    ],
)
def test_a_file_that_is_no_pixel_flow_of_this_run_is_refused(run, changed, reason):
    tensors, _ = read_tensors(run.path(DETAIL))
    write_tensors(run.path(DETAIL), changed(tensors), {})
    with pytest.raises(UserError, match=f"is incomplete or inconsistent .*{reason}"):
        _ = run.detail


def difference(one: Image.Image, other: Image.Image) -> float:
    return np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean()


def test_pictures_have_detail_where_there_is_some_unless_they_are_wanted_plain(run):
    detailed, plain = (pictures.samples(run, 4, "gmm", 0, finish) for finish in (None, "plain"))
    assert difference(detailed, pictures.samples(run, 4, "gmm", 0, "detail")) == 0
    assert difference(detailed, plain) > 1
    run.path(DETAIL).unlink()
    assert difference(pictures.samples(run, 4, "gmm", 0), plain) == 0
    with pytest.raises(UserError, match=r"has no pixel flow: fit one with `vaelib refine .*, or give --finish plain"):
        pictures.samples(run, 4, "gmm", 0, "detail")


def test_along_a_path_the_noise_stays_the_same(run, monkeypatch):
    drawn = []
    monkeypatch.setattr(detail.Detail, "at_noise", lambda _, x_hat, noise: drawn.append(len(noise)) or x_hat)
    pictures.interpolation(run, None, 3, "slerp", None)
    pictures.manipulation(run, None, "Even", [0.0, 1.0], None)
    pictures.samples(run, 4, "gmm", 0)
    assert drawn == [1, 1, 4]


def test_detail_of_an_autoencoder_of_128_pixels(tmp_path):
    torch.manual_seed(0)
    run = Run(tmp_path)
    run.write_model(VAE(128, 2, (4, 4, 4)))
    with torch.random.fork_rng():
        flow = detail.Detail(channels=(8, 8))
        flow.network = detail.UNet((8, 8), 2)
    run.write_detail(flow)
    assert run.detail(torch.rand(1, 3, 128, 128)).shape == (1, 3, 128, 128)
    assert runs.DETAIL == DETAIL
