"""Training in several processes: `accelerate launch` as the book documents it, here with two processes on CPUs.

Two processes that share every batch compute what one does alone, up to the order in which numbers are added. Batch
normalisation is an exception on CPUs, where torch gives each process the statistics of its own images alone.

Each of the two processes runs this file as a script for the tests that inspect them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import PartialState
from PIL import Image

from vaelib import losses, runs, training
from vaelib.data import Dataset, faces
from vaelib.models import VAE, AutoEncoder
from vaelib.runs import checkpoints
from vaelib.runs.train import fit as fit_run
from vaelib.support import devices
from vaelib.support.errors import UserError

SETTINGS = {"epochs": 2, "batch_size": 16, "learning_rate": 3e-3, "warm_up_epochs": 1}
CURVES = ["train_nll", "train_kl", "sigma", "valid_nll", "valid_kl", "valid_mse"]
ROUNDING = 1e-5  # relative: float32 numbers added in another order, and what a few steps of Adam make of it
OWN_STATISTICS = {"sigma": 0.01, "valid_mse": 0.01, "train_nll": 0.03, "valid_nll": 0.03}  # relative
LAUNCH = [
    *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"),
    *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"),
]


def drawn(n, split, seed):
    images = faces.render(faces.sample_factors(n, seed=seed), 32)
    return Dataset((255 * images).byte().numpy(), "faces", split)


TRAIN, VALID = drawn(70, "train", seed=0), drawn(21, "valid", seed=1)  # neither fills its last batch


def new(kind=VAE, batch_norm=True):
    torch.manual_seed(0)
    model = kind(32, 16, (8, 16))
    for layers in () if batch_norm else (model.encoder, model.decoder):
        for place, layer in enumerate(layers):
            if isinstance(layer, torch.nn.BatchNorm2d):
                layers[place] = torch.nn.Identity()
    return model


def fit(model, out=None, resume=False, **changes):
    """Train in memory or, where `out` is given, into that folder."""
    settings = {"progress": False} | SETTINGS | changes
    if out is None:
        return training.fit(model, TRAIN, VALID, **settings)
    return fit_run(runs.Run(out), model, TRAIN, VALID, resume=resume, **settings)


def uneven():
    """A history of batches of 15, so that one of the processes has one image more than the other."""
    return fit(new(AutoEncoder, batch_norm=False), batch_size=15, likelihood=losses.Bernoulli())


# What each process does


def in_each_process(place):
    rank = os.environ["RANK"]
    writes, rows = watch_writes(place), watch_rows()
    history = fit(new(batch_norm=False), out=place / "exact", ema=0.9)
    written, seen = list(writes), list(rows)
    found = {
        "processes": PartialState().num_processes,
        "rows": seen,
        "writes": written,
        "exact": history.to_dict("list"),
        "uneven": uneven().to_dict("list"),
    }
    fit(new(), out=place / "unbroken", ema=0.9)
    break_off_and_resume(place / "resumed")
    (place / f"found-{rank}.json").write_text(json.dumps(found))


def watch_writes(place):
    """A list of the paths under `place` that this process will open to write, make, or rename a file to."""
    paths = []

    def hook(event, arguments):
        if event == "os.rename":
            path = arguments[1]
        elif event == "os.mkdir" or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            path = arguments[0]
        else:
            return
        if str(path).startswith(str(place)):
            paths.append(str(path))

    sys.addaudithook(hook)
    return paths


def watch_rows():
    """A list of the numbers of the images that this process will compute with, step by step of training."""
    numbers = {image.tobytes(): number for number, image in enumerate(TRAIN.images)}
    rows, forward = [], training.Objective.forward

    def watched(self, x, *rest):
        if self.training:
            rows.append([numbers[image.mul(255).round().byte().numpy().tobytes()] for image in x.contiguous()])
        return forward(self, x, *rest)

    training.Objective.forward = watched
    return rows


def break_off_and_resume(run):
    validate = training.validate

    def interrupted(*arguments):
        training.validate = second
        return validate(*arguments)

    def second(*arguments):
        raise KeyboardInterrupt

    training.validate = interrupted
    try:
        fit(new(), out=run, ema=0.9)
    except KeyboardInterrupt:
        training.validate = validate
    torch.manual_seed(1)
    fit(VAE(32, 16, (8, 16)), out=run, ema=0.9, resume=True)  # everything comes from the file


# What they found


def launch(place, *command):
    """Run a command in two processes and return what they printed."""
    environment = os.environ | {"VAELIB_DATA": str(place / "data")}
    done = subprocess.run([*LAUNCH, *command], cwd=place, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def found(place):
    """The records of the two processes."""
    for run in ("exact", "unbroken", "resumed"):
        (place / run).mkdir()
    launch(place, __file__, str(place))
    return [json.loads((place / f"found-{rank}.json").read_text()) for rank in (0, 1)]


def assert_same_curves(history, alone, tolerances):
    for curve, tolerance in tolerances.items():
        np.testing.assert_allclose(history[curve], alone[curve], rtol=tolerance, err_msg=curve)


def test_two_processes_give_the_loss_curve_of_one(found):
    alone = fit(new(batch_norm=False), ema=0.9)
    assert alone["valid_nll"].diff()[1] < -100 * ROUNDING * alone["valid_nll"].abs().max()  # a curve, not a line
    for process in found:
        assert process["processes"] == 2
        assert_same_curves(process["exact"], alone, dict.fromkeys(CURVES, ROUNDING))


def test_so_do_shares_of_different_sizes(found):
    alone = uneven()
    for process in found:
        assert_same_curves(process["uneven"], alone, dict.fromkeys(CURVES, ROUNDING))


def test_each_process_reads_its_share_of_every_batch(found, monkeypatch):
    monkeypatch.setattr(training.Objective, "forward", training.Objective.forward)  # put back after the test
    whole = watch_rows()
    fit(new(batch_norm=False))
    assert len(whole) == 2 * (70 // 16)
    for batch, *shares in zip(whole, *(process["rows"] for process in found), strict=True):
        assert [len(share) for share in shares] == [8, 8]
        assert shares == [batch[::2], batch[1::2]]


def test_one_process_writes(found):
    names = {Path(path).name for path in found[0]["writes"]}
    assert {"pictures", "reconstructions-002.png", "history.csv", runs.MODEL, runs.RESUME} <= names
    assert found[1]["writes"] == []


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(found, place):
    for name in (runs.MODEL, runs.RESUME):
        resumed, unbroken = (checkpoints.read_tensors(place / run / name)[0] for run in ("resumed", "unbroken"))
        assert resumed.keys() == unbroken.keys()
        assert all(torch.equal(resumed[key], unbroken[key]) for key in unbroken)
    resumed, unbroken = (pd.read_csv(place / run / runs.HISTORY)[CURVES] for run in ("resumed", "unbroken"))
    pd.testing.assert_frame_equal(resumed, unbroken, check_exact=True)


# The command line


@pytest.fixture(scope="module")
def trained(place):
    """What `vaelib train` in two processes printed. The data are not prepared yet; the run is in place/two."""
    for split in (TRAIN, VALID):
        (place / "faces" / split.split).mkdir(parents=True)
        for number, image in enumerate(split.images):
            Image.fromarray(image.transpose(1, 2, 0)).save(place / "faces" / split.split / f"{number:02}.png")
    return launch(place, *train_command(place, SETTINGS))


def train_command(place, settings):
    overrides = settings | {"dataset": place / "faces", "latent_dim": 16, "channels": [8, 16], "precision": "float32"}
    changes = [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]
    return ["-m", "vaelib", "train", "faces32", "--out", str(place / "two"), *changes]


def test_the_command_gives_the_loss_curve_of_one_process(trained, place):
    assert trained.count("epoch  2/2") == 1  # two runs side by side would print it twice
    # On CPUs each process normalises by the statistics of its own 8 images, one process by those of all 16.
    assert_same_curves(pd.read_csv(place / "two" / runs.HISTORY), fit(new()), OWN_STATISTICS)


def test_the_command_leaves_a_whole_run(trained, place):
    model, statistics = runs.load(place / "two").model, runs.load(place / "two").statistics
    assert model.sample(2, statistics.priors["gmm"]).isfinite().all()
    assert json.loads((place / "two" / "metrics.json").read_text())["training"]["processes"] == 2
    assert not any("partial" in path.name for path in place.rglob("*"))


def test_the_command_resumes(trained, place):
    before = pd.read_csv(place / "two" / runs.HISTORY)
    printed = launch(place, *train_command(place, {"epochs": 3}), "--resume")
    after = pd.read_csv(place / "two" / runs.HISTORY)
    assert printed.count("epoch ") == printed.count("epoch  3/3") == 1
    assert after["epoch"].tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(after[:2], before)


# Losses


@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_whose_partner_is_killed_ends_with_a_sentence(trained, place, tmp_path, killed):
    command = train_command(place, {"epochs": 10_000})
    command[command.index("--out") + 1] = str(tmp_path / "run")
    port = free_port()
    processes = [start_alone(place, rank, port, command) for rank in (0, 1)]
    try:
        wait_for(tmp_path / "run" / runs.RESUME)
        processes[killed].kill()
        printed = processes[1 - killed].communicate(timeout=120)[1]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert processes[1 - killed].returncode == 2
    assert "Another process of this training run has ended, so this one stops as well" in printed
    assert "Traceback" not in printed and "with --resume." in printed


def start_alone(place, rank, port, command):
    """Start one of two processes without a launcher, which would end the other one itself."""
    named = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    named |= {"MASTER_ADDR": "127.0.0.1", "VAELIB_DATA": place / "data"}
    environment = os.environ | {name: str(value) for name, value in named.items()}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *command], cwd=place, env=environment, **pipes)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(path, seconds=240):
    started = time.monotonic()
    while not path.exists():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)


# Mistakes


def test_processes_that_do_not_reach_each_other_are_refused(monkeypatch):
    devices.accelerator()  # alone, as Accelerate remembers from now on
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="2 processes were started and do not reach each other"):
        devices.accelerator()


@pytest.fixture
def one_gpu(monkeypatch):
    """A machine with one GPU, according to torch, on which two processes were started."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")


def test_more_processes_than_gpus_are_refused_before_they_wait_for_each_other(monkeypatch, one_gpu):
    monkeypatch.delenv("ACCELERATE_USE_CPU")
    monkeypatch.setattr(devices, "Accelerator", None)
    with pytest.raises(UserError, match=r"2 processes were started on 1 GPU\(s\): give --num_processes no more than"):
        devices.accelerator()


def test_processes_on_cpus_are_not_counted_against_gpus(one_gpu):
    assert devices.accelerator().device.type == "cpu"


def test_compiling_in_several_processes_is_refused():
    with pytest.raises(UserError, match=r"torch\.compile is for one process here: train with --set compile=false"):
        devices.compiled(torch.nn.Identity(), SimpleNamespace(num_processes=2, device=torch.device("cpu")))


def test_a_batch_smaller_than_the_number_of_processes_is_refused():
    with pytest.raises(UserError, match="batch_size is 3 and counts the images of all 4 processes"):
        training._require_a_row_for_each(SimpleNamespace(num_processes=4), training.Settings(batch_size=3))


if __name__ == "__main__":
    in_each_process(Path(sys.argv[1]))
