"""The command line: every verb on a small run, and the message for each mistake."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops
from safetensors.torch import save_file

import vaelib as package
from tests.interruptions import interrupt_second
from vaelib import cli, data, metrics, models, runs, training
from vaelib.data import celeba, faces
from vaelib.runs.statistics import read_statistics
from vaelib.support import images
from vaelib.support.files import make_folder
from vaelib.support.tensorfiles import read_tensors, write_tensors

SMALL = ["size=32", "latent_dim=4", "channels=[4, 8]", "batch_size=16", "epochs=2"]


def settings(*more: str) -> list[str]:
    return [word for setting in [*SMALL, *more] for word in ("--set", setting)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """160 faces in two class folders, like a user's own images."""
    root = tmp_path_factory.mktemp("mine")
    factors = faces.sample_factors(160, seed=5)
    smiling = faces.attributes(factors)[0][:, faces.ATTRIBUTE_NAMES.index("Smiling")]
    for i, (face, smiles) in enumerate(zip(faces.render(factors, 40), smiling, strict=True)):
        place = root / ("smiling" if smiles else "serious")
        place.mkdir(exist_ok=True)
        images.save(images.grid(face[None], 1, padding=0), place / f"{i:03}.png")
    return root


@pytest.fixture(scope="module")
def data_root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, folder, data_root) -> Path:
    run = tmp_path_factory.mktemp("runs") / "small"
    with pytest.MonkeyPatch.context() as patch:
        assert call(patch, "train", "faces32", "--out", run, "--root", data_root, *settings(f"dataset={folder}")) == 0
    return run


@pytest.fixture
def vaelib(monkeypatch, tmp_path, data_root, capsys):
    """Run a command in an empty folder; its exit status and what it printed to standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAELIB_DATA", str(data_root))

    def run(*words) -> tuple[int, str]:
        return call(monkeypatch, *words), capsys.readouterr().err

    return run


def call(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["vaelib", *map(str, words)])
    try:
        cli.main()
    except SystemExit as stop:
        return stop.code or 0
    return 0


def refused(answer: tuple[int, str], *parts: str) -> None:
    """One sentence, exit status 2, no traceback; `parts` are in the sentence."""
    status, message = answer
    lines = [line for line in message.splitlines() if line.startswith("vaelib: ")]
    assert status == 2, message
    assert len(lines) == 1, message
    assert "Traceback" not in message
    for part in parts:
        assert part in lines[0]


def test_train_writes_what_the_documentation_lists(trained):
    written = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    names = {"config.toml", "history.csv", "metrics.json", "training.gif"}
    names |= {f"{part}.safetensors" for part in ("model", "resume", "statistics", "codes")}
    names |= {f"pictures/{kind}-00{epoch}.png" for kind in ("reconstructions", "samples") for epoch in (1, 2)}
    assert written == names | {"pictures/originals.png"}
    results = json.loads((trained / "metrics.json").read_text())["training"]
    assert (results["epochs"], results["processes"]) == (2, 1)
    assert results["images_per_second"] > 0
    with Image.open(trained / "training.gif") as animation:
        assert animation.n_frames == 2


def test_prepare_counts_the_images_and_is_instant_the_second_time(folder, tmp_path, monkeypatch, capsys):
    words = ("prepare", folder, "--size", 32, "--root", tmp_path)
    assert call(monkeypatch, *words) == 0
    assert re.search(r"\d+ train, \d+ valid, \d+ test$", capsys.readouterr().out)
    start = time.perf_counter()
    assert call(monkeypatch, *words) == 0
    assert time.perf_counter() - start < 1


def test_the_version_is_printed(monkeypatch, capsys):
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"vaelib {package.__version__}\n"


def test_experiments_are_listed(vaelib, capsys, monkeypatch):
    assert call(monkeypatch, "experiments") == 0
    listed = capsys.readouterr().out
    assert "celeba64\n" in listed
    assert "latent_dim=128" in listed
    assert "weights: shipped: `vaelib generate celeba64`" in listed
    assert "weights: not shipped: `vaelib train faces64`" in listed
    assert "80 epochs (by --set epochs=80)" in listed


@pytest.mark.parametrize("prior", ["normal", "gaussian", "gmm"])
def test_generate_gives_the_same_picture_for_the_same_seed(vaelib, trained, tmp_path, prior):
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        assert vaelib("generate", trained, "-n", 5, "--prior", prior, "--seed", seed, "-o", name)[0] == 0
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b != c
    assert Image.open(tmp_path / "a.png").size == (2 * (3 * 34 + 2), 2 * (2 * 34 + 2))  # 5 images of 2 x 32 pixels


def test_the_temperature_of_samples(vaelib, trained, tmp_path):
    for name, options in {"usual": (), "one": ("--temperature", 1), "cold": ("--temperature", 0.2)}.items():
        assert vaelib("generate", trained, "-n", 9, "--prior", "gaussian", *options, "-o", f"{name}.png")[0] == 0
    usual, one, cold = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("usual", "one", "cold"))
    assert (usual == one).all() and (usual != cold).any()
    assert vaelib("generate", trained, "--temperature", -1)[0] == 2


def test_a_run_without_a_flow_says_how_to_get_one(vaelib, trained):
    answer = vaelib("generate", trained, "--prior", "flow")
    refused(answer, "no flow: choose gaussian or gmm, or train it", "--set flow_steps=5000`, and with --resume")


def test_a_finished_run_gets_a_flow_when_it_is_resumed(vaelib, trained, tmp_path, data_root):
    run = tmp_path / "copy"
    shutil.copytree(trained, run)
    runs.Run(run).write_metrics({"evaluation": {"psnr": 20}})
    weights = (run / "model.safetensors").read_bytes()
    words = ("faces32", "--out", run, "--root", data_root, "--resume", "--set", "flow_steps=2", "--set", "flip=true")
    assert vaelib("train", *words)[0] == 0
    assert (run / "model.safetensors").read_bytes() == weights  # no epoch was left to train
    assert json.loads((run / "metrics.json").read_text())["evaluation"] == {"psnr": 20}
    assert vaelib("generate", run, "-n", 2, "--prior", "flow", "-o", "flow.png")[0] == 0
    assert vaelib("generate", run, "-n", 2, "-o", "gmm.png")[0] == 0
    assert (tmp_path / "flow.png").read_bytes() != (tmp_path / "gmm.png").read_bytes()


def test_a_trained_run_is_refined(vaelib, trained, tmp_path, data_root, monkeypatch):
    run = shutil.copytree(trained, tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr("vaelib.detail.Detail._train", interrupted)
        assert vaelib("refine", run, "--steps", 1) == (
            130,
            f"\nvaelib: stopped; go on by `vaelib refine {run} --steps 1`.\n",
        )
        words = ("refine", run, "--steps", 1, "--start", "celeba64")
        assert vaelib(*words)[1].endswith(f"`vaelib refine {run} --steps 1 --start celeba64`.\n")
    assert vaelib("refine", run, "--steps", 1)[0] == 0
    assert vaelib("generate", run, "-n", 2, "-o", "detail.png")[0] == 0
    assert vaelib("generate", run, "-n", 2, "--finish", "plain", "-o", "plain.png")[0] == 0
    assert (tmp_path / "detail.png").read_bytes() != (tmp_path / "plain.png").read_bytes()


def interrupted(*_):
    raise KeyboardInterrupt


def test_only_the_folder_of_a_run_is_refined(vaelib, trained):
    refused(vaelib("refine", "celeba64"), "celeba64 is not the folder of a run: `vaelib train NAME` makes one")
    refused(vaelib("generate", trained, "--finish", "detail"), "has no pixel flow", "or give --finish plain")


def test_nothing_of_the_old_weights_is_left_when_more_epochs_are_stopped(vaelib, trained, tmp_path, data_root):
    run = shutil.copytree(trained, tmp_path / "copy")
    runs.Run(run).write_metrics({"evaluation": {"psnr": 20}, "evaluation on faces": {"psnr": 10}})
    words = ("train", "faces32", "--out", run, "--root", data_root, "--resume", "--set", "epochs=4")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_second(patch, "validate")
        assert vaelib(*words)[0] == 130
    assert (run / "model.safetensors").read_bytes() != (trained / "model.safetensors").read_bytes()
    for verb in ("generate", "evaluate"):
        refused(vaelib(verb, run), "statistics.safetensors does not exist: train the run to its end")
    assert vaelib("reconstruct", run)[0] == vaelib("interpolate", run, "--steps", 2)[0] == 0
    assert list(json.loads((run / "metrics.json").read_text())) == ["training"]
    assert vaelib(*words)[0] == vaelib("generate", run)[0] == 0
    assert json.loads((run / "metrics.json").read_text())["training"]["epochs"] == 4


def test_more_epochs_that_are_stopped_at_once_leave_all_as_it_was(vaelib, trained, tmp_path, data_root, monkeypatch):
    run = shutil.copytree(trained, tmp_path / "copy")
    runs.Run(run).write_metrics({"evaluation": {"psnr": 20}})

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Training, "train_epoch", stopped)
    words = ("faces32", "--out", run, "--root", data_root, "--resume", "--set", "epochs=4")
    assert vaelib("train", *words)[0] == 130
    assert "evaluation" in json.loads((run / "metrics.json").read_text())
    assert vaelib("generate", run)[0] == 0


def test_less_than_no_flow_is_refused_before_any_work(vaelib, data_root, tmp_path):
    answer = vaelib("train", "faces32", "--out", tmp_path / "none", *settings("flow_steps=-1"))
    refused(answer, "flow_steps is -1: it must be 0 (no flow) or more")
    assert not (tmp_path / "none").exists()


def test_many_images_are_decoded_in_batches(vaelib, trained, tmp_path, monkeypatch):
    batches = []
    decode = models.VAE.decode
    monkeypatch.setattr(models.VAE, "decode", lambda model, z: batches.append(len(z)) or decode(model, z))
    assert vaelib("generate", trained, "-n", 600)[0] == 0
    assert batches == [256, 256, 88]
    assert Image.open(tmp_path / "samples.png").size == (2 * (25 * 34 + 2), 2 * (24 * 34 + 2))


def test_many_images_are_encoded_in_batches(vaelib, trained, folder, tmp_path, monkeypatch):
    named = sorted(folder.rglob("*.png"))[:10]
    assert vaelib("reconstruct", trained, *named, "-o", "whole.png")[0] == 0
    batches = []
    encode = models.VAE.encode
    monkeypatch.setattr(models.VAE, "encode", lambda model, x: batches.append(len(x)) or encode(model, x))
    monkeypatch.setattr(data, "BATCH_SIZE", 4)
    assert vaelib("reconstruct", trained, *named, "-o", "parts.png")[0] == 0
    assert batches == [4, 4, 2]
    whole, parts = (Image.open(tmp_path / name) for name in ("whole.png", "parts.png"))
    assert max(most for _, most in ImageChops.difference(whole, parts).getextrema()) <= 1


@pytest.mark.parametrize(
    "words", [("generate",), ("manipulate", "--attribute", "smiling"), ("generate", "--finish", "sharpen")]
)
def test_statistics_are_read_once(vaelib, trained, monkeypatch, words):
    verb, *options = words
    reads, read = [], read_statistics
    monkeypatch.setattr("vaelib.runs.statistics.read_statistics", lambda *about: reads.append(about) or read(*about))
    assert vaelib(verb, trained, *options)[0] == 0
    assert len(reads) == 1


@pytest.mark.parametrize(
    "words", [("generate", "-n", 9), ("reconstruct",), ("interpolate",), ("manipulate", "--attribute", "smiling")]
)
def test_pictures_are_plain_unless_they_are_wanted_sharpened(vaelib, trained, tmp_path, words):
    verb, *options = words
    assert vaelib(verb, trained, *options, "--finish", "sharpen", "-o", "sharp.png")[0] == 0
    assert vaelib(verb, trained, *options, "-o", "plain.png")[0] == 0
    assert vaelib(verb, trained, *options, "--finish", "plain", "-o", "same.png")[0] == 0
    assert (tmp_path / "same.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
    sharp, plain = (np.asarray(Image.open(tmp_path / name)).astype(float) for name in ("sharp.png", "plain.png"))
    assert sharp.shape == plain.shape and np.abs(sharp - plain).mean() > 0.5
    run = shutil.copytree(trained, tmp_path / "run")
    (run / runs.STATISTICS).unlink()  # as in a run that is still in training
    if verb == "reconstruct":
        assert vaelib(verb, run, "-o", "early.png")[0] == 0
        assert np.abs(np.asarray(Image.open(tmp_path / "early.png")) - plain).max() <= 1
        status, said = vaelib(verb, run, "--finish", "sharpen")
        assert status == 2 and "has no sharpener" in said and "--finish plain" in said


def test_a_picture_is_sharpened_by_the_gains_of_its_run(vaelib, trained, tmp_path):
    assert vaelib("generate", trained, "-n", 4, "--finish", "sharpen", "-o", "sharp.png")[0] == 0
    model, statistics = runs.load(trained).model, runs.load(trained).statistics
    x = model.sample(4, statistics.prior("gmm"), torch.Generator().manual_seed(0))
    expected = np.asarray(images.grid(statistics.sharpener(x), columns=2, scale=2)).astype(int)
    assert np.abs(np.asarray(Image.open(tmp_path / "sharp.png")) - expected).max() <= 1


def test_reconstruct_held_out_and_named_images(vaelib, trained, folder, tmp_path):
    one = next(folder.rglob("*.png"))
    assert vaelib("reconstruct", trained)[0] == 0
    assert vaelib("reconstruct", trained, one, "-o", "one.png")[0] == 0
    assert (tmp_path / "reconstructions.png").is_file()
    assert Image.open(tmp_path / "one.png").size == (72, 140)  # the image above its reconstruction


def test_interpolate_as_picture_and_animation(vaelib, trained, folder, tmp_path):
    a, b = sorted(folder.rglob("*.png"))[:2]
    assert vaelib("interpolate", trained, a, b, "--steps", 4, "--method", "lerp")[0] == 0
    assert Image.open(tmp_path / "interpolation.png").size == (2 * (4 * 34 + 2), 72)
    assert vaelib("interpolate", trained, a, b, "--steps", 4, "-o", "walk.gif")[0] == 0
    with Image.open(tmp_path / "walk.gif") as animation:
        assert animation.n_frames == 6  # there and back, each end once


def without_data(trained: Path, run: Path) -> Path:
    """A copy of the run whose dataset is gone."""
    shutil.copytree(trained, run)
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(re.sub(r'dataset = ".*"', 'dataset = "/nowhere/pictures"', config))
    return run


@pytest.mark.parametrize("words", [("interpolate", "--steps", 4), ("manipulate", "--attribute", "smiling")])
def test_the_codes_of_a_run_stand_in_for_its_data(vaelib, trained, tmp_path, words):
    verb, *options = words
    assert vaelib(verb, without_data(trained, tmp_path / "alone"), *options, "-o", "codes.png")[0] == 0
    run = shutil.copytree(trained, tmp_path / "run")
    (run / runs.CODES).unlink()  # as in a run that is still in training
    assert vaelib(verb, run, *options, "-o", "data.png")[0] == 0
    codes, encoded = (Image.open(tmp_path / name) for name in ("codes.png", "data.png"))
    assert codes.size == encoded.size
    assert max(most for _, most in ImageChops.difference(codes, encoded).getextrema()) <= 1


def test_manipulate_starts_from_images_that_lack_the_attribute(vaelib, trained, tmp_path):
    codes = runs.load(trained).codes
    lacking = int((~codes.attributes[:, codes.attribute_names.index("smiling")]).sum())
    assert 0 < lacking < len(codes.mu) == 8
    assert vaelib("manipulate", trained, "--attribute", "smiling", "--strengths", "0")[0] == 0
    assert Image.open(tmp_path / "manipulation.png").height == 2 * (lacking * 34 + 2) + 28  # and a line of titles


def test_a_shipped_checkpoint_shows_all_it_can_without_data(vaelib, tmp_path, monkeypatch):
    monkeypatch.setattr(celeba, "fetch_celeba", None)  # nothing may try to download 1.4 GB for a picture
    assert vaelib("interpolate", "celeba64", "--steps", 3)[0] == 0
    assert vaelib("manipulate", "celeba64", "--attribute", "Smiling", "--strengths", "0,2")[0] == 0
    assert vaelib("reconstruct", "celeba64")[0] == 0
    assert Image.open(tmp_path / "interpolation.png").size == (2 * (3 * 66 + 2), 2 * (6 * 66 + 2))
    assert Image.open(tmp_path / "manipulation.png").size == (2 * (2 * 66 + 2), 2 * (8 * 66 + 2) + 28)
    assert Image.open(tmp_path / "reconstructions.png").size == (2 * (8 * 66 + 2), 2 * (2 * 66 + 2) + 28)


def test_manipulate_draws_one_column_a_strength(vaelib, trained, folder, tmp_path):
    face = next(folder.rglob("*.png"))
    assert vaelib("manipulate", trained, face, "--attribute", "smiling", "--strengths", "-2,0,2")[0] == 0
    assert Image.open(tmp_path / "manipulation.png").width == 2 * (3 * 34 + 2)


def test_evaluate_prints_and_saves(trained, vaelib, monkeypatch, capsys, tmp_path):
    run = shutil.copytree(trained, tmp_path / "copy")
    assert call(monkeypatch, "evaluate", run, "--dataset", "faces") == 0
    printed = capsys.readouterr().out
    results = json.loads((run / "metrics.json").read_text())
    assert {"training", "evaluation on faces"} <= set(results)
    results = results["evaluation on faces"]
    assert results["iwae_bound"] > results["elbo_on_the_same"]
    assert "memorisation" in results["not_computed"]  # the run was trained on other images
    for key in ("mse", "psnr", "bits_per_dim"):
        assert f" {metrics.Estimate(results[key], results[f'{key}_error'])}\n" in printed


def test_evaluate_copes_with_few_images_of_the_runs_own(trained, vaelib, monkeypatch, capsys, tmp_path, data_root):
    run = shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.setitem(sys.modules, "torchmetrics", None)  # as if it were not installed
    assert call(monkeypatch, "evaluate", run, "--root", data_root, "--inception") == 0
    results = json.loads((run / "metrics.json").read_text())["evaluation"]
    assert results["images"] < 30 and results["dataset"] == "mine0"
    assert results["memorisation"]["training_images"] > 100
    assert "not computed: inception: torchmetrics is not installed" in capsys.readouterr().out


def test_an_evaluation_that_cannot_be_written_is_printed_all_the_same(trained, vaelib, monkeypatch, capsys, tmp_path):
    run = shutil.copytree(trained, tmp_path / "copy")
    (run / "metrics.json").write_text("{")
    assert call(monkeypatch, "evaluate", run, "--dataset", "faces") == 2
    assert "psnr" in capsys.readouterr().out


def test_an_autoencoder_has_no_likelihood_metrics(vaelib, folder, tmp_path, monkeypatch):
    assert vaelib("train", "faces32", "--out", "ae", *settings(f"dataset={folder}", "model=AutoEncoder"))[0] == 0
    assert vaelib("generate", "ae", "-n", 4)[0] == 0
    assert vaelib("evaluate", "ae", "--dataset", "faces")[0] == 0
    assert "kl" not in json.loads((tmp_path / "ae" / "metrics.json").read_text())["evaluation on faces"]


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_unknown_names_are_answered_with_the_nearest(vaelib, trained, folder):
    refused(vaelib("train", "celebra64"), "celeba64")
    refused(vaelib("prepare", "celebra"), "celeba")
    refused(vaelib("train", "faces32", "--set", "epoch=3"), "epochs")
    refused(vaelib("train", "faces32", "--set", "likelihood=gausian"), "gaussian")
    refused(vaelib("train", "faces32", "--set", "model=VEA"), "VAE")
    refused(vaelib("manipulate", trained, "--attribute", "smilin"), "smiling")
    refused(vaelib("generate", "no-such-run"), "no-such-run")


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("epochs", "key=value"),
        ("epochs=many", "a whole number"),
        ("epochs=0", "above 0"),
        ("precision=bfloat", "bfloat16"),
        ("beta=-1", "0 or more"),
        ("seed=100000000000000000000", "from 0 to"),
        ("size=48", "image_size is 48: it must be one of 32, 64, 128"),
        ("channels=[16, 32, 64, 128, 256, 512]", "layers"),
        ("sigma=-1", "sigma"),
    ],
)
def test_settings_that_cannot_be(vaelib, setting, part):
    refused(vaelib("train", "faces32", "--set", setting, "--out", "run"), part)


@pytest.mark.parametrize("setting", ["model=VEA", "precision=half", "epochs=0", "batch_size=500", "latent_dim=500"])
def test_a_mistake_in_the_settings_leaves_no_run_in_the_way(vaelib, folder, tmp_path, setting):
    refused(vaelib("train", "faces32", "--out", "run", *settings(f"dataset={folder}", setting)))
    assert vaelib("train", "faces32", "--out", "run", *settings("epochs=1", f"dataset={folder}"))[0] == 0


def test_outputs_are_refused_before_the_work(vaelib, trained, tmp_path):
    refused(vaelib("generate", trained, "-o", "nowhere/a.png"), "does not exist")
    refused(vaelib("generate", trained, "-o", "a.txt"), "a.txt")
    refused(vaelib("generate", trained, "-o", "a.xbm"), "a.xbm")
    refused(vaelib("train", "faces32", "--out", "nowhere/run"), "does not exist")
    assert list(tmp_path.iterdir()) == []


def test_outputs_take_the_place_of_nothing_else(vaelib, trained, folder, tmp_path):
    (tmp_path / "folder.png").mkdir()
    refused(vaelib("generate", trained, "-o", "folder.png"), "is a folder")
    (tmp_path / "file").write_text("precious")
    refused(vaelib("train", "faces32", "--out", "file", *settings(f"dataset={folder}")), "a file is in the way")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_damaged_record_is_named_and_kept(vaelib, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "metrics.json").write_text("{")
    refused(vaelib("train", "faces32", "--out", run, "--resume"), "metrics.json", "not valid JSON")
    assert (run / "metrics.json").read_text() == "{"


def test_a_finished_run_is_not_overwritten(vaelib, trained, folder):
    before = (trained / "model.safetensors").read_bytes()
    refused(vaelib("train", "faces32", "--out", trained, *settings(f"dataset={folder}")), "--resume")
    assert (trained / "model.safetensors").read_bytes() == before


def test_inputs_that_are_no_images(vaelib, trained, tmp_path):
    (tmp_path / "note.png").write_text("not an image")
    Image.new("RGB", (40, 40)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    refused(vaelib("reconstruct", trained, "note.png"), "note.png holds no picture that is known")
    refused(vaelib("reconstruct", trained, "cut.png"), "cut.png cannot be read")
    refused(vaelib("reconstruct", trained, "absent.png"), "There is no image file absent.png")
    refused(vaelib("interpolate", trained, "note.png"), "two ends")
    for strengths in ("a,b", "1,nan"):
        refused(vaelib("manipulate", trained, "--attribute", "smiling", "--strengths", strengths), "numbers")


def test_a_dataset_that_is_gone_is_named(vaelib, trained, tmp_path):
    run = without_data(trained, tmp_path / "run")
    refused(vaelib("reconstruct", run), "/nowhere/pictures does not exist")
    refused(vaelib("evaluate", run), "/nowhere/pictures does not exist")


@pytest.mark.parametrize(("n", "pairs"), [(60, 1), (20, 0)])
def test_few_held_out_images_make_few_pairs(vaelib, trained, folder, tmp_path, n, pairs):
    """Of 60 images, 3 are held out for the validation; of 20 it is one."""
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(folder.rglob("*.png"))[:n]:
        shutil.copy(path, few / path.name)
    run = shutil.copytree(trained, tmp_path / "run")
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace(str(folder), str(few)))
    (run / runs.CODES).unlink()
    if not pairs:
        refused(vaelib("interpolate", run), "name the two images")
    else:
        assert vaelib("interpolate", run, "--steps", 3)[0] == 0
        assert Image.open(tmp_path / "interpolation.png").size == (2 * (3 * 34 + 2), 72)


def test_a_run_without_attributes_cannot_be_edited(vaelib, folder, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in folder.rglob("*.png"):
        shutil.copy(path, plain / path.name)
    assert vaelib("train", "faces32", "--out", "run", *settings("epochs=1", f"dataset={plain}"))[0] == 0
    refused(vaelib("manipulate", "run", "--attribute", "Smiling"), "attributes")


@pytest.mark.parametrize("damage", ["pickle", "truncated", "foreign", "other architecture"])
def test_checkpoints_that_cannot_be_trusted(vaelib, trained, tmp_path, damage):
    run = shutil.copytree(trained, tmp_path / "run")
    model = run / runs.MODEL
    if damage == "pickle":
        torch.save({"weights": torch.zeros(3)}, model)
    elif damage == "truncated":
        model.write_bytes(model.read_bytes()[:-100])
    elif damage == "foreign":
        save_file({"weight": torch.zeros(3)}, model)
    else:
        tensors, about = read_tensors(model)
        write_tensors(model, tensors, about | {"config": {**about["config"], "latent_dim": 5}})
    words = {"pickle": "pickle", "truncated": "truncated", "foreign": "not written by vaelib"}
    refused(vaelib("generate", run), words.get(damage, "architecture"))


def test_resume_with_another_architecture_is_refused(vaelib, trained, folder, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    refused(
        vaelib("train", "faces32", "--out", run, "--resume", "--set", "latent_dim=7"), "latent_dim", "cannot change"
    )


def test_missing_data_are_named(vaelib, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(vaelib("prepare", "empty/"), "no image")
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("a.txt", "text " * 1000)
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:60])
    refused(vaelib("prepare", "./cut.zip"), "cut.zip")
    refused(vaelib("prepare", "./whole.zip"), "no image")


def test_a_stopped_training_run_says_how_to_continue(vaelib, folder, monkeypatch):
    def interrupted(experiment, run, *_):
        make_folder(run.folder)
        run.write_experiment(experiment)
        raise KeyboardInterrupt

    monkeypatch.setattr("vaelib.runs.train.train", interrupted)
    status, said = vaelib("train", "faces32", "--out", "run", *settings(f"dataset={folder}"))
    assert (status, said) == (130, "\nvaelib: stopped; go on by `vaelib train faces32 --out run --resume`.\n")


def test_a_training_that_is_stopped_before_it_begins_is_given_again(vaelib, folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vaelib.runs.train.train", interrupted)
    status, said = vaelib("train", "faces32", *settings(f"dataset={folder}"))
    assert (status, said) == (130, "\nvaelib: stopped; nothing is written yet, so give the same command again.\n")


def test_resuming_a_missing_run_is_refused(folder, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("vaelib.runs.train.train", lambda *_: None)
    words = ["--out", tmp_path / "misspelt", *settings(f"dataset={folder}")]
    assert call(monkeypatch, "train", "faces32", *words, "--resume") == 0
    assert "misspelt holds no finished epoch to go on after" in capsys.readouterr().out


def test_a_killed_training_run_is_resumed(folder, data_root, trained, tmp_path):
    words = [
        sys.executable,
        "-m",
        "vaelib",
        "train",
        "faces32",
        "--out",
        str(tmp_path / "run"),
        "--root",
        str(data_root),
    ]
    words += settings(f"dataset={folder}")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ)
    assert "epoch  1/2" in process.stdout.readline()
    while not (tmp_path / "run" / runs.RESUME).exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    subprocess.run([*words, "--resume"], check=True, stdout=subprocess.DEVNULL)
    ours, unbroken = (read_tensors(run / runs.MODEL)[0] for run in (tmp_path / "run", trained))
    assert all(torch.equal(ours[name], unbroken[name]) for name in unbroken)
