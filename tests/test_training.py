"""The training loop: it agrees with a plain loop, can be killed and resumed bit for bit, and stops at a NaN."""

from __future__ import annotations

import functools
import math
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch._inductor import config as inductor
from torch._inductor.compile_fx import compile_fx
from torch.optim.optimizer import register_optimizer_step_post_hook

from tests.interruptions import interrupt_second
from vaelib import data, losses, runs, training
from vaelib.data import Dataset
from vaelib.models import VAE, AutoEncoder
from vaelib.runs.train import fit as fit_run
from vaelib.support import devices
from vaelib.support.errors import UserError
from vaelib.support.tensorfiles import read_tensors

COLUMNS = [
    *("epoch", "train_nll", "train_kl", "sigma", "seconds", "images_per_second"),
    *("valid_nll", "valid_kl", "valid_mse"),
]
CLOCK = ["seconds", "images_per_second"]
STEPS = 4  # an epoch: 34 images in batches of 8, the last two left out
SETTINGS = {"epochs": 3, "batch_size": 8, "flip": True, "progress": False, "warm_up_epochs": 1}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(n, split, seed=0):
    """Blobs of random place and colour, 32 x 32."""
    random = np.random.default_rng(seed)
    rows = np.linspace(-1, 1, 32)
    x, y = random.uniform(-1, 1, (2, n, 1, 1, 1))
    blobs = np.exp(-4 * ((rows[:, None] - y) ** 2 + (rows - x) ** 2)) * random.uniform(0.3, 1, (n, 3, 1, 1))
    return Dataset((255 * blobs).astype(np.uint8), "blobs", split)


TRAIN, VALID = pictures(34, "train"), pictures(11, "valid", seed=1)


def new(kind=VAE, seed=0):
    torch.manual_seed(seed)
    return kind(32, 3, (4, 8))


def fit(model, out=None, resume=False, **changes):
    """Train in memory or, where `out` is given, into that folder."""
    settings = SETTINGS | changes
    if out is None:
        return training.fit(model, TRAIN, VALID, **settings)
    return fit_run(runs.Run(out), model, TRAIN, VALID, resume=resume, **settings)


def assert_equal_state(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def assert_equal_runs(a, b):
    """The files of two runs hold the same weights, moments and history."""
    for name in (runs.MODEL, runs.RESUME):
        (tensors_a, about_a), (tensors_b, about_b) = (read_tensors(run / name) for run in (a, b))
        assert_equal_state(tensors_a, tensors_b)
        histories = [pd.DataFrame(about.get("history", [])) for about in (about_a, about_b)]
        pd.testing.assert_frame_equal(*(h.drop(columns=CLOCK, errors="ignore") for h in histories), check_exact=True)
    assert_same_history(*map(written_history, (a, b)))


def written_history(run):
    return pd.read_csv(run / runs.HISTORY)


def assert_same_history(a, b):
    pd.testing.assert_frame_equal(a.drop(columns=CLOCK), b.drop(columns=CLOCK), check_exact=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The folder, the model and the history of a run without interruption."""
    torch.set_num_threads(1)
    run, model = tmp_path_factory.mktemp("unbroken"), new()
    return run, model, fit(model, out=run)


# What a run gives


def test_the_history_has_a_row_for_each_epoch(unbroken):
    _, model, history = unbroken
    assert sorted(history.columns) == sorted(COLUMNS)
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history.notna().all(axis=None) and (history["train_kl"] > 0).all() and (history["seconds"] > 0).all()
    assert history["images_per_second"].iloc[0] == pytest.approx(STEPS * 8 / history["seconds"].iloc[0])
    assert not model.training


def test_training_improves_the_reconstructions():
    history = fit(new(AutoEncoder), epochs=8, learning_rate=1e-2)
    assert history["valid_mse"].iloc[-1] < 0.7 * history["valid_mse"].iloc[0]
    assert history["train_nll"].iloc[-1] < history["train_nll"].iloc[0]


def test_the_files_of_a_run(unbroken):
    run, model, history = unbroken
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    shown = {f"pictures/{kind}-00{epoch}.png" for kind in ("reconstructions", "samples") for epoch in (1, 2, 3)}
    files = {"model.safetensors", "resume.safetensors", "history.csv", "training.gif", "pictures/originals.png"}
    assert names == files | shown
    assert_equal_state(runs.load(run).model.state_dict(), model.state_dict())
    pd.testing.assert_frame_equal(written_history(run), history, rtol=1e-12)  # pandas 3 reads all but the last bit
    with Image.open(run / runs.ANIMATION) as gif:
        assert gif.n_frames == 3


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(new(), epochs=1)
    assert not any(tmp_path.iterdir())


def test_the_printed_line_of_an_epoch_has_no_time(capsys):
    fit(new(), epochs=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:10] for line in lines] == ["epoch  1/2", "epoch  2/2"]
    assert "valid_nll" in lines[0] and "seconds" not in lines[0]


# The loop against a plain one


@pytest.mark.parametrize("likelihood", [losses.Bernoulli(), losses.Gaussian(0.2), losses.OptimalGaussian()])
def test_the_loop_minimises_nll_plus_beta_kl_with_adam(likelihood):
    model, plain = new(), new().to(memory_format=torch.channels_last)
    history = fit(model, epochs=1, beta=2.0, warm_up_epochs=0, likelihood=likelihood, flip=False)

    optimizer = torch.optim.Adam(plain.parameters())
    noise = torch.Generator().manual_seed(1009)  # the stream of seed 0 and epoch 1
    elbos = []
    for step, x in enumerate(data.loader(TRAIN, 8, shuffle=True, seed=0, drop_last=True)):
        training.set_learning_rate(optimizer, 1e-3, step / STEPS)
        loss = -losses.elbo(x, *plain(x, noise), likelihood, beta=2.0).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        elbos.append(-loss.item())
    assert history["train_nll"][0] + 2 * history["train_kl"][0] == pytest.approx(-np.mean(elbos), rel=1e-4)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[key], rtol=1e-3, atol=1e-4)


def test_validation_uses_the_sigma_of_the_training_images():
    # On white images the error is another one than in training.
    model, white = new(AutoEncoder), Dataset(np.full_like(VALID.images, 255), "white", "valid")
    last = training.fit(model, TRAIN, white, **SETTINGS).iloc[-1]
    x = torch.from_numpy(white.images) / 255
    x_hat = model.reconstruct(x).detach()
    assert last["valid_mse"] == pytest.approx((x - x_hat).square().mean().item(), rel=1e-4)
    assert last["valid_mse"] > 1.2 * last["sigma"] ** 2
    expected = losses.Gaussian(last["sigma"]).nll(x, x_hat).mean().item()
    assert last["valid_nll"] == pytest.approx(expected, rel=1e-4)


def test_sigma_is_the_root_mean_square_error_in_training():
    # With this variance the nll is the squared error and a constant.
    row = fit(new(AutoEncoder), epochs=1, likelihood=losses.Gaussian(0.5**0.5)).iloc[0]
    pixels = 3 * 32 * 32
    squared_error = row["train_nll"] - pixels * 0.5 * math.log(math.pi)
    assert row["sigma"] == pytest.approx((squared_error / pixels) ** 0.5, rel=1e-3)


def test_an_autoencoder_has_no_kl():
    history = fit(new(AutoEncoder), epochs=1, beta=1000.0)
    assert history["train_kl"][0] == history["valid_kl"][0] == 0


def test_the_validation_of_a_process_without_a_row_in_the_last_batch():
    # Two processes share batches of 5; the last one has one image, which is the first process's.
    model, settings = new().eval(), training.Settings(batch_size=5)
    means, rows = [], []
    for rank in (0, 1):
        batches = data.loader(VALID, 5, share=(rank, 2))
        rows.append(sum(len(x) for x in batches))
        means.append(training.validate(model, batches, settings, Accelerator(), sigma=0.2))
    assert rows == [7, 4] and [len(x) for x in batches][-1] == 0
    whole = training.validate(model, data.loader(VALID, 5), settings, Accelerator(), sigma=0.2)
    for key in ("valid_kl", "valid_nll", "valid_mse"):
        assert all(math.isfinite(part[key]) for part in means)
    # Both stand for the first process of their kind, so they draw the same; the divergences do not depend on it.
    assert (7 * means[0]["valid_kl"] + 4 * means[1]["valid_kl"]) / 11 == pytest.approx(whole["valid_kl"], rel=1e-5)


def test_the_learning_rate_rises_and_falls():
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    def rate(done):
        training.set_learning_rate(optimizer, 2.0, done)
        return optimizer.param_groups[0]["lr"]

    assert rate(0) == pytest.approx(0.02)
    assert rate(0.05) == pytest.approx(1.0)
    assert rate(0.1) == pytest.approx(2.0)
    assert rate(0.55) == pytest.approx(1.0)
    assert rate(1.0) == pytest.approx(0.0)


@pytest.fixture
def recorded(monkeypatch):
    """Every call of the two schedules in the loop: the shares done, and the betas."""
    shares, betas = [], []
    rate, warm_up = training.set_learning_rate, losses.warm_up

    def set_learning_rate(optimizer, peak, done):
        shares.append(done)
        rate(optimizer, peak, done)

    def record_warm_up(*arguments):
        betas.append(warm_up(*arguments))
        return betas[-1]

    monkeypatch.setattr(training, "set_learning_rate", set_learning_rate)
    monkeypatch.setattr(losses, "warm_up", record_warm_up)
    return shares, betas


def test_the_schedules_run_over_all_steps_of_all_epochs(recorded):
    fit(new(), epochs=3, warm_up_epochs=2, beta=4.0)
    shares, betas = recorded
    assert shares == [step / 12 for step in range(12)]
    assert betas == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_is_repeated_by_its_seed(unbroken, seed):
    model = new()
    history = fit(model, seed=seed)
    same = torch.equal(model.decoder[0].weight, unbroken[1].decoder[0].weight)
    assert same == (seed == 0)
    assert (history["train_nll"] == unbroken[2]["train_nll"]).all() == (seed == 0)


# Precision


@pytest.mark.parametrize("kind", [VAE, AutoEncoder])
@pytest.mark.parametrize("likelihood", [losses.Bernoulli(), losses.OptimalGaussian()])
def test_bfloat16_changes_the_products_and_not_the_weights(kind, likelihood):
    models = new(kind), new(kind)
    exact, rounded = (
        fit(model, epochs=1, precision=precision, likelihood=likelihood).iloc[0]
        for model, precision in zip(models, ("float32", "bfloat16"), strict=True)
    )
    assert {parameter.dtype for parameter in models[1].parameters()} == {torch.float32}
    assert rounded["train_nll"] != exact["train_nll"]
    # Eight bits of mantissa: products are off by up to 2⁻⁸, and the sums of many of them by less.
    assert rounded["train_nll"] == pytest.approx(exact["train_nll"], rel=0.02)


def test_an_unknown_precision_suggests_the_nearest():
    with pytest.raises(UserError, match="did you mean bfloat16"):
        fit(new(), precision="bfloat")


def test_auto_is_one_of_the_two():
    device = torch.device("cpu")
    enabled = devices.computes_in_bfloat16(device)
    with devices.autocast("auto", device):
        assert torch.is_autocast_enabled("cpu") == enabled
    with devices.autocast("bfloat16", device):
        assert torch.is_autocast_enabled("cpu")
    with devices.autocast("float32", device):
        assert not torch.is_autocast_enabled("cpu")


# The moving average


def states_after_each_step(model, **changes):
    """Train the model and return its state dictionary as it was after each step, and the history."""
    states = []
    hook = register_optimizer_step_post_hook(
        lambda *_: states.append({key: value.clone() for key, value in model.state_dict().items()})
    )
    try:
        return states, fit(model, **changes)
    finally:
        hook.remove()


def test_the_moving_average_is_what_is_left_in_the_model_and_in_its_file(tmp_path):
    model = new()
    seen, history = states_after_each_step(model, out=tmp_path, ema=0.8)
    assert len(seen) == 3 * STEPS
    for key, value in model.state_dict().items():
        if "num_batches" not in key:  # which torch counts and does not use
            average = seen[0][key]
            for state in seen[1:]:
                average = 0.8 * average + 0.2 * state[key]
            torch.testing.assert_close(value, average, rtol=1e-5, atol=1e-6)
            assert not torch.allclose(value, seen[-1][key], rtol=1e-5, atol=1e-6), key
    assert_equal_state(runs.load(tmp_path).model.state_dict(), model.state_dict())
    judged = training.validate(model, data.loader(VALID, 8), training.Settings(batch_size=8), Accelerator(), 0.2)
    assert judged["valid_mse"] == pytest.approx(history["valid_mse"].iloc[-1], rel=1e-6)


def test_the_moving_average_leaves_the_training_as_it_is(unbroken):
    history = fit(new(), ema=0.8)
    assert history["train_nll"].tolist() == unbroken[2]["train_nll"].tolist()
    assert history["valid_nll"].iloc[-1] != unbroken[2]["valid_nll"].iloc[-1]


@pytest.mark.parametrize("ema", [-0.1, 1.0, math.nan])
def test_an_average_that_never_moves_or_is_none_is_refused(ema):
    with pytest.raises(UserError, match=f"ema is {ema}: it must be 0 .*below 1"):
        fit(new(), ema=ema)


# Compiled steps


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler: g++")
def test_compiled_steps_compute_the_same_and_resume_bit_for_bit(tmp_path, monkeypatch, unbroken):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    graphs = []
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=counted(graphs)))
    history = fit(new(), out=whole, compile=True)
    assert len(graphs) == 2  # that of the trial, and one for all steps of training
    pd.testing.assert_frame_equal(history.drop(columns=CLOCK), unbroken[2].drop(columns=CLOCK), rtol=1e-3)
    assert runs.load(whole).model.state_dict().keys() == new().state_dict().keys()
    break_off(monkeypatch, "validate", broken, compile=True)
    fit(new(seed=99), out=broken, compile=True, resume=True)
    assert_equal_runs(broken, whole)


def counted(graphs):
    """The compiler that is used by default; each graph that it is given is added to a list."""

    def backend(graph, inputs):
        graphs.append(graph)
        return compile_fx(graph, inputs)

    return backend


def test_without_a_compiler_the_remedy_is_named(monkeypatch, tmp_path):
    torch.compiler.reset()
    monkeypatch.setattr(inductor.cpp, "cxx", (None, "no-such-compiler"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # where nothing lies compiled from an earlier time
    with pytest.raises(UserError, match=r"torch.compile does not work here \(.+\): .*--set compile=false"):
        fit(new(), compile=True)


# Stopping at a NaN


class Breaking:
    """A Gaussian likelihood whose nll, or only whose gradient, stops being a number at one training step."""

    def __init__(self, at, gradient_only=False):
        self.left, self.gradient_only = at, gradient_only

    def nll(self, x, x_hat):
        nll = losses.Gaussian(0.2).nll(x, x_hat)
        self.left -= torch.is_grad_enabled()
        if self.left != 0 or not torch.is_grad_enabled():
            return nll
        # The derivative of a root at 0 is infinite, and infinity times 0 is not a number.
        return nll + (x_hat - x_hat).sum().abs().sqrt() if self.gradient_only else nll * math.nan


@pytest.mark.parametrize(
    "breaking",
    [Breaking(at=6), Breaking(at=8), Breaking(at=8, gradient_only=True)],
    ids=["in the middle of epoch 2", "at its end", "in the gradient of its last step"],
)
def test_a_nan_stops_the_run_and_leaves_the_files_of_the_epoch_before(tmp_path, breaking):
    with pytest.raises(UserError, match=r"stopped being a finite number in epoch 2: .*learning_rate"):
        fit(new(), out=tmp_path, likelihood=breaking)
    assert written_history(tmp_path)["epoch"].tolist() == [1]
    assert len(read_tensors(tmp_path / runs.RESUME)[1]["history"]) == 1
    assert all(value.isfinite().all() for value in runs.load(tmp_path).model.state_dict().values())


@pytest.mark.parametrize("likelihood", [losses.Bernoulli(), losses.Gaussian(0.2), losses.OptimalGaussian()])
@pytest.mark.parametrize("kind", [VAE, AutoEncoder])
def test_a_nan_in_the_weights_is_a_clear_error_under_every_likelihood(kind, likelihood):
    model = new(kind)
    torch.nn.init.constant_(model.decoder[0].bias, math.nan)
    with pytest.raises(UserError, match="stopped being a finite number in epoch 1"):
        fit(model, likelihood=likelihood)


def test_a_batch_that_cannot_be_filled_is_refused():
    with pytest.raises(UserError, match="34 images do not fill a batch of 64"):
        fit(new(), batch_size=64)


@pytest.mark.parametrize("setting", ["epochs", "batch_size", "learning_rate"])
def test_settings_that_train_nothing_are_refused(setting):
    with pytest.raises(UserError, match=f"{setting} is 0: it must be above 0"):
        fit(new(), **{setting: 0})


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("beta", -1.0, "must be 0 or more"),
        ("warm_up_epochs", -1, "must be 0 or more"),
        ("seed", -1, "from 0 to 4294967295"),
        ("seed", 2**32, "from 0 to 4294967295"),
    ],
)
def test_settings_without_a_meaning_are_refused(setting, value, remedy):
    with pytest.raises(UserError, match=f"{setting} is {value}: .*{remedy}"):
        fit(new(), **{setting: value})


def test_the_largest_seed_trains():
    assert len(fit(new(), seed=2**32 - 1)) > 0


# Breaking off and resuming


def break_off(monkeypatch, function_name, run, **changes):
    """Train until the loop calls that function of the module for the second time."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_second(patch, function_name)
        fit(new(), out=run, **changes)


@pytest.mark.parametrize("broken_in", ["train_epoch", "validate"])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, monkeypatch, unbroken, broken_in):
    break_off(monkeypatch, broken_in, tmp_path)
    resumed = new(seed=99)  # everything comes from the file
    history = fit(resumed, out=tmp_path, resume=True)
    assert_equal_state(resumed.state_dict(), unbroken[1].state_dict())
    assert_same_history(history, unbroken[2])
    assert_equal_runs(tmp_path, unbroken[0])


def test_a_run_with_a_moving_average_resumes_bit_for_bit(tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    fit(new(), out=whole, ema=0.8)
    break_off(monkeypatch, "validate", broken, ema=0.8)
    resumed = new(seed=99)
    fit(resumed, out=broken, ema=0.8, resume=True)
    assert_equal_runs(broken, whole)
    assert_equal_state(resumed.state_dict(), runs.load(whole).model.state_dict())


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.8), (0.8, 0.0)])
def test_a_moving_average_cannot_begin_or_end_within_a_run(tmp_path, before, after):
    fit(new(), out=tmp_path, epochs=1, ema=before)
    with pytest.raises(UserError, match="resume with the run's own settings"):
        fit(new(), out=tmp_path, ema=after, resume=True)
    assert written_history(tmp_path)["epoch"].tolist() == [1]


KILLED = """
    import os, signal, sys
    from tests.test_training import fit, losses, new, torch, training, STEPS

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    def warm_up(step, steps, beta):
        return kill() if step == STEPS + 2 else rising(step, steps, beta)

    def replace(partial, path):
        written.append(path)
        return kill() if sys.argv[2] in str(path) and str(path) in map(str, written[:-1]) else rename(partial, path)

    torch.set_num_threads(1)
    rising, rename, written = losses.warm_up, os.replace, []
    if sys.argv[2] == "step":
        losses.warm_up = warm_up
    else:
        os.replace = replace
    fit(new(), out=sys.argv[1])
"""


@pytest.mark.parametrize("moment", ["step", "resume.safetensors"])
def test_a_killed_run_resumes_to_the_same_end(tmp_path, request, unbroken, moment):
    """Killed with SIGKILL in epoch 2: between two steps, or with its checkpoint written and not yet renamed."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), moment]
    assert subprocess.run(command, cwd=request.config.rootpath).returncode == -signal.SIGKILL
    assert len(read_tensors(tmp_path / runs.RESUME)[1]["history"]) == 1
    fit(new(seed=99), out=tmp_path, resume=True)
    assert_equal_runs(tmp_path, unbroken[0])


def test_a_run_that_never_finished_an_epoch_starts_again(tmp_path, unbroken):
    history = fit(new(), out=tmp_path, resume=True)
    assert_same_history(history, unbroken[2])


def test_resuming_a_finished_run_trains_no_more(tmp_path, unbroken, monkeypatch):
    monkeypatch.setattr(training.Training, "train_epoch", None)
    model = new(seed=99)
    history = fit(model, out=unbroken[0], resume=True)
    pd.testing.assert_frame_equal(history, unbroken[2])
    assert_equal_state(model.state_dict(), unbroken[1].state_dict())


def test_a_run_whose_pictures_were_removed_resumes_and_animates_the_new_ones(tmp_path):
    fit(new(), out=tmp_path, epochs=1)
    shutil.rmtree(tmp_path / runs.PICTURES)
    fit(new(), out=tmp_path, resume=True, epochs=3)
    with Image.open(tmp_path / runs.ANIMATION) as animation:
        assert animation.n_frames == 2


def test_resuming_another_architecture_is_refused_and_changes_no_file(unbroken):
    before = (unbroken[0] / runs.RESUME).read_bytes()
    with pytest.raises(UserError, match="belongs to another architecture"):
        fit(VAE(32, 4, (4, 8)), out=unbroken[0], resume=True)
    assert (unbroken[0] / runs.RESUME).read_bytes() == before
