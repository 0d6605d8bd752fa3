"""A run: what it fits to its codes after training, where it computes, and which mistakes end in a sentence."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from release import ship
from vaelib import latent, training
from vaelib.data import Dataset
from vaelib.models import VAE, AutoEncoder
from vaelib.runs import evaluation, experiments, statistics, train
from vaelib.runs.experiments import Experiment
from vaelib.runs.run import Run
from vaelib.sharpening import power
from vaelib.support import devices
from vaelib.support.errors import UserError


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
    known = statistics.fit_statistics(model, pictures, 0.1, progress=False, flip=True)
    mu, logvar = latent.encode_dataset(model, pictures)
    mirrored, _ = latent.encode_dataset(model, pictures, mirrored=True)
    assert (mirrored - mu).abs().max() > 1e-3
    torch.testing.assert_close(known.priors["gaussian"].mean, (mu.mean(0) + mirrored.mean(0)) / 2)
    torch.testing.assert_close(known.directions[0], latent.attribute_direction(mu, pictures.attributes[:, 0]))
    assert (logvar is None) == (kind is AutoEncoder)


def test_every_run_gets_a_sharpener(pictures):
    model = small()
    sharpener = statistics.fit_statistics(model, pictures, 0.1, progress=False).sharpener
    x = torch.from_numpy(pictures.images) / 255
    with torch.no_grad():
        x_hat = model.reconstruct(x)
    torch.testing.assert_close(sharpener.gains, (power(x) / power(x_hat)).sqrt(), rtol=1e-3, atol=1e-3)


def test_a_flow_is_fitted_where_one_is_asked_for(pictures):
    model = small()
    assert list(statistics.fit_statistics(model, pictures, 0.1, progress=False).priors) == ["gaussian", "gmm"]
    known = statistics.fit_statistics(model, pictures, 0.1, progress=False, flow_steps=2)
    assert list(known.priors) == ["gaussian", "gmm", "flow"] and known.priors["flow"].sample(4).shape == (4, 3)


# Where a run computes


SMALL = Experiment(
    about="A test.", dataset="random", size=32, latent_dim=3, channels=(4, 8), batch_size=8, epochs=1, seed=5
)


@pytest.fixture
def trained(pictures, tmp_path, monkeypatch):
    """A small run on random pictures."""
    monkeypatch.setattr(train.data, "load", lambda *_: pictures)
    run = Run(tmp_path / "run")
    train.train(SMALL, run, progress=False)
    return run


def on(monkeypatch, kind, processes=1):
    """Make the processes compute on devices of this kind."""
    connected = SimpleNamespace(device=torch.device(kind), num_processes=processes, is_main_process=True)
    monkeypatch.setattr(devices, "accelerator", lambda: connected)


@pytest.mark.parametrize(("processes", "words"), [(1, "Abacus 9000"), (4, "4 × Abacus 9000")])
def test_gpus_are_named_and_counted(monkeypatch, processes, words):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Abacus 9000")
    on(monkeypatch, "cuda", processes)
    assert devices.hardware() == words


def test_another_accelerator_is_named_with_its_machine(monkeypatch):
    on(monkeypatch, "mps")
    assert devices.hardware() == f"MPS, {platform.machine()}"


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread of a CPU"), (3, "3 threads of a CPU")])
def test_a_cpu_is_what_computes_even_beside_a_gpu(monkeypatch, threads, words):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.hardware() == f"{words}, {platform.machine()}"  # as ACCELERATE_USE_CPU asks for in all tests


def test_the_number_of_processes_is_recorded(monkeypatch, pictures):
    history = training.fit(small(), pictures, pictures, epochs=1, batch_size=8, progress=False)
    on(monkeypatch, "cpu", processes=3)
    assert train.training_metrics(SMALL, history)["processes"] == 3


def test_what_is_trained_is_evaluated_on_the_device_that_trains(trained, monkeypatch):
    monkeypatch.setattr(evaluation, "evaluate", lambda model, *_, **__: model.device.type)
    on(monkeypatch, "meta")
    assert evaluation.evaluate_run(trained, progress=False) == "meta"
    assert ship._model_and_its_images(trained)[0].device.type == "meta"


# What is left to do


def contents(run):
    """The bytes and the time of every file of a run."""
    files = (path for path in run.folder.rglob("*") if path.is_file())
    return {path.relative_to(run.folder): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("settings", [SMALL, dataclasses.replace(SMALL)])
def test_resuming_a_finished_run_rewrites_nothing(trained, monkeypatch, settings):
    before = contents(trained)
    monkeypatch.setattr(train.data, "load", None)
    history = train.train(settings, Run(trained.folder), resume=True, progress=False)
    assert contents(trained) == before and list(history["epoch"]) == [1]


def test_a_flow_that_is_added_leaves_what_was_trained_and_measured(trained, monkeypatch):
    before = contents(trained)
    monkeypatch.setattr(devices, "hardware", lambda: "another machine")
    with_flow = dataclasses.replace(SMALL, flow_steps=2)
    train.train(with_flow, Run(trained.folder), resume=True, progress=False)
    changed = {str(path) for path, state in contents(trained).items() if before[path] != state}
    assert changed == {"config.toml", "statistics.safetensors", "codes.safetensors"}
    assert Run(trained.folder).experiment == with_flow and "flow" in Run(trained.folder).statistics.priors


@pytest.mark.parametrize("lost", ["codes.safetensors", "statistics.safetensors", "metrics.json", "history.csv"])
def test_a_part_that_is_lost_is_made_again(trained, lost):
    (trained.folder / lost).unlink()
    train.train(SMALL, Run(trained.folder), resume=True, progress=False)
    assert (trained.folder / lost).is_file() != (lost == "history.csv")  # which belongs to the epochs


def test_compiling_in_several_processes_is_refused_before_the_folder_is_made(tmp_path, monkeypatch):
    accelerator = SimpleNamespace(num_processes=2, is_main_process=True, wait_for_everyone=lambda: None)
    monkeypatch.setattr(devices, "accelerator", lambda: accelerator)
    monkeypatch.setattr(train.data, "load", None)
    with pytest.raises(UserError, match=r"torch\.compile is for one process here"):
        train.train(dataclasses.replace(SMALL, compile=True), Run(tmp_path / "run"), progress=False)
    assert not (tmp_path / "run").exists()


def test_a_compiler_that_is_missing_is_noticed_before_the_folder_is_made(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", fail)
    monkeypatch.setattr(train.data, "load", None)
    with pytest.raises(UserError, match=r"does not work here \(no C\+\+ compiler\)"):
        train.train(dataclasses.replace(SMALL, compile=True), Run(tmp_path / "run"), progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["pics", "./pics", "2024", "true", "M\udcfcnchen", "pics/../pics"])
def test_the_path_of_a_dataset_is_kept_absolute(pictures, tmp_path, monkeypatch, name):
    monkeypatch.setattr(train.data, "load", lambda *_: pictures)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pics").mkdir()
    Path(name).mkdir(exist_ok=True)
    train.train(dataclasses.replace(SMALL, dataset=name), Run(tmp_path / "run"), progress=False)
    kept = Run(tmp_path / "run").experiment.dataset
    assert Path(kept).is_absolute() and Path(kept).samefile(tmp_path / name)


@pytest.mark.parametrize("name", ["faces", "celeba", "no such folder"])
def test_the_name_of_a_dataset_is_kept_as_it_is(pictures, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    assert train.data.located(name) == name


# What stops it


def out_of_memory(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_full_gpu_is_explained(trained, monkeypatch):
    monkeypatch.setattr(training, "fit", out_of_memory)
    with pytest.raises(
        UserError, match=r"^The GPU's memory is full: lower the batch size \(--set batch_size=\.\.\.\), or"
    ):
        train.train(dataclasses.replace(SMALL, epochs=2), trained, resume=True, progress=False)
    monkeypatch.setattr(evaluation, "evaluate", out_of_memory)
    with pytest.raises(
        UserError, match=r"^The GPU's memory is full: stop other programs that use it, or .*USE_CPU=true"
    ):
        evaluation.evaluate_run(trained, progress=False)


def test_a_network_that_does_not_fit_is_refused_before_images_are_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(train.data, "load", None)
    with pytest.raises(UserError, match="images of 32 pixels take 1 to 4 layers"):
        train.train(experiments.load("faces32", ["channels=[4, 8, 8, 8, 8]"]), Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_the_first_weights_depend_on_the_seed_alone(pictures, tmp_path, monkeypatch):
    def draw(*_):
        torch.rand(7)
        return pictures

    def stop(model, *_, **__):
        raise UserError(str(model.decoder[0].weight.sum().item()))

    monkeypatch.setattr(train.data, "load", draw)
    monkeypatch.setattr(training, "fit", stop)
    torch.manual_seed(SMALL.seed)
    expected = SMALL.build_model().decoder[0].weight.sum().item()
    with pytest.raises(UserError, match=f"^{expected}$"):
        train.train(SMALL, Run(tmp_path / "run"))
