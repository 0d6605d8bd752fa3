"""Experiment files: each file builds its model, overrides keep their types, mistakes get suggestions."""

from __future__ import annotations

import dataclasses
import shlex

import pytest
import torch

from vaelib import data, losses, training
from vaelib.models import VAE
from vaelib.runs import experiments, report
from vaelib.runs.experiments import Experiment
from vaelib.support.errors import UserError


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('about = "A test"\ndataset = "faces"\n')
    return file


def test_the_project_has_the_experiments_that_its_pages_name():
    assert {"faces32", "faces64", "celeba64"} <= set(experiments.names())


@pytest.mark.parametrize("name", experiments.names())
def test_every_experiment_builds(name):
    experiment = experiments.load(name)
    assert experiment.dataset in data.NAMES and experiment.about.endswith(".")
    with torch.device("meta"):  # its layers, without the time to fill them
        model = experiment.build_model()
    assert type(model).__name__ == experiment.model
    assert model.config == {
        "image_size": experiment.size,
        "latent_dim": experiment.latent_dim,
        "channels": experiment.channels,
    }
    training.Settings(**experiment.training_settings())


@pytest.mark.parametrize("name", experiments.names())
def test_every_experiment_can_be_described(name):
    lines = report.experiment(name).splitlines()
    assert lines[:2] == [name, f"  {experiments.load(name).about}"] and "latent_dim" in lines[2]


@pytest.mark.parametrize("name", experiments.names())
def test_the_settings_that_are_printed_can_be_given_again(path, name):
    title, *overrides = shlex.split(report.experiment(name).splitlines()[2])
    assert title == "settings:"
    about = experiments.load(name).about
    assert dataclasses.replace(experiments.read(path, overrides), about=about) == experiments.load(name)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("epochs=3", "epochs", 3),
        (" epochs = 3 ", "epochs", 3),
        ("learning_rate=1e-4", "learning_rate", 1e-4),
        ("beta=2", "beta", 2.0),
        ("flip=true", "flip", True),
        ("ema=0.999", "ema", 0.999),
        ("ema=0", "ema", 0.0),
        ("flow_steps=100", "flow_steps", 100),
        ("compile=true", "compile", True),
        ("channels=[8, 16]", "channels", (8, 16)),
        ("model=AutoEncoder", "model", "AutoEncoder"),
        ('model="AutoEncoder"', "model", "AutoEncoder"),
        ("dataset=/pictures/of a=b", "dataset", "/pictures/of a=b"),
        ("dataset=2024", "dataset", "2024"),
        ("dataset=2024-05-01", "dataset", "2024-05-01"),
        ("dataset=1e3", "dataset", "1e3"),
        ("dataset=true", "dataset", "true"),
        ("dataset=[1]", "dataset", "[1]"),
        ("dataset=pics#1", "dataset", "pics#1"),
        ("dataset=12#1", "dataset", "12#1"),
        ('dataset="2024"', "dataset", "2024"),
        ("dataset=M\udcfcnchen", "dataset", "M\udcfcnchen"),
    ],
)
def test_an_override_has_the_type_of_its_key(path, override, key, value):
    read = getattr(experiments.read(path, [override]), key)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("override", "kind"),
    [
        ("epochs=three", "a whole number"),
        ("beta=inf", "a finite number"),
        ("sigma=nan", "a finite number"),
        ("epochs=3.5", "a whole number"),
        ("epochs=true", "a whole number"),
        ("beta=high", "a number"),
        ("beta=true", "a number"),
        ("sigma=[1]", "a number"),
        ("flow_steps=0.5", "a whole number"),
        ("flip=yes", "true or false"),
        ("flip=1", "true or false"),
        ("channels=8", "a list of whole numbers"),
        ("channels=[8, 1.5]", "a list of whole numbers"),
        ("channels=[8, true]", "a list of whole numbers"),
        ("model=3", "a word"),
        ("epochs=" + "9" * 5000, "a whole number"),
        ("beta=" + "9" * 400, "a finite number"),
        ("epochs=" + "[" * 5000, "a whole number"),
        ("epochs=1979-05-27", "a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_key_and_the_type(path, override, kind):
    with pytest.raises(UserError, match=f"{override.split('=')[0]} cannot be .*: it takes {kind}"):
        experiments.read(path, [override])


def test_later_overrides_win_and_override_the_file(path):
    experiment = experiments.read(path, ["dataset=objects", "epochs=3", "epochs=4"])
    assert (experiment.dataset, experiment.epochs) == ("objects", 4)


@pytest.mark.parametrize(("override", "near"), [("latentdim=3", "latent_dim"), ("Epoch=3", "epochs"), ("lr=1", "flip")])
def test_an_unknown_key_suggests_the_nearest(path, override, near):
    with pytest.raises(UserError, match=f"no setting .*{near}"):
        experiments.read(path, [override])


def test_an_unknown_key_in_a_file_is_refused_too(path):
    path.write_text(path.read_text() + "latentdim = 3\n")
    with pytest.raises(UserError, match="did you mean latent_dim"):
        experiments.read(path)


def test_an_override_without_a_value_is_explained(path):
    with pytest.raises(UserError, match="write for example --set epochs=5"):
        experiments.read(path, ["epochs"])


def test_an_unknown_experiment_suggests_the_nearest():
    with pytest.raises(UserError, match="no experiment 'face32': did you mean faces32"):
        experiments.load("face32")


def test_an_unknown_model_suggests_the_nearest(path):
    with pytest.raises(UserError, match="did you mean VAE"):
        experiments.read(path, ["model=vea"]).build_model()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"epochs = = 3", "not valid TOML"),
        (b"about = '\xff'", "not valid TOML"),
        (b"epochs = 3", "does not set about and dataset"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        experiments.read(path)


def test_a_missing_file_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        experiments.read(tmp_path / "config.toml")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"likelihood": losses.Gaussian(0.1), "channels": (8,), "flip": True, "learning_rate": 1e-5},
        {"about": 'Quotes " and \\ and σ\nand lines', "dataset": "C:\\pictures", "beta": 1e20, "seed": 3},
    ],
)
def test_what_is_written_is_what_is_read(tmp_path, changes):
    experiment = dataclasses.replace(Experiment(about="A test", dataset="faces"), **changes)
    experiments.write(experiment, tmp_path / "config.toml")
    assert experiments.read(tmp_path / "config.toml") == experiment


def test_the_likelihood_of_an_experiment(path):
    assert experiments.read(path).likelihood == losses.OptimalGaussian()
    whole = experiments.read(path, ["likelihood=gaussian", "sigma=1"])
    assert whole.likelihood == losses.Gaussian(1.0) and type(whole.likelihood.sigma) is float
    gaussian = experiments.read(path, ["likelihood=gaussian", "sigma=0.5"])
    assert gaussian.training_settings()["likelihood"] == losses.Gaussian(0.5)


def test_an_experiment_decides_every_setting_of_training(path):
    changed = ["epochs=3", "precision=bfloat16", "ema=0.9", "compile=true", "seed=7", "likelihood=bernoulli"]
    settings = experiments.read(path, changed).training_settings()
    assert settings.keys() == {field.name for field in dataclasses.fields(training.Settings)}
    assert [settings[key] for key in ("epochs", "precision", "ema", "compile", "seed")] == [3, "bfloat16", 0.9, True, 7]


@pytest.mark.parametrize("override", ["epochs=0", "batch_size=-1", "learning_rate=0"])
def test_training_settings_that_train_nothing_are_refused(path, override):
    with pytest.raises(UserError, match=f"{override.split('=')[0]} is .*: it must be above 0"):
        experiments.read(path, [override])


def test_a_sigma_belongs_to_the_gaussian_likelihood_alone(path):
    for overrides in (["sigma=1"], ["likelihood=gaussian"]):
        with pytest.raises(UserError, match="set sigma for gaussian, and only for it"):
            experiments.read(path, overrides)


def test_every_setting_of_training_is_a_key_of_the_file_with_one_default(path):
    settings = {field.name for field in dataclasses.fields(training.Settings)}
    assert settings <= set(experiments.KINDS) and {"about", "dataset", "sigma"} <= set(experiments.KINDS)
    assert training.Settings(**experiments.read(path).training_settings()) == training.Settings()


def test_runs_stay_fast_without_a_flow_but_those_of_the_shipped_faces():
    with_flow = {name for name in experiments.names() if experiments.load(name).flow_steps}
    assert with_flow == {"celeba64", "celeba128"}


def test_no_experiment_fits_a_pixel_flow_unasked():
    assert not any(experiments.load(name).detail_steps for name in experiments.names())


def test_the_model_of_an_experiment_is_fixed_by_the_seed_of_torch(path):
    experiment = experiments.read(path, ["size=32", "channels=[4]", "latent_dim=2"])
    models = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        models.append(experiment.build_model().encoder[0].weight)
    assert torch.equal(models[0], models[1]) and not torch.equal(models[0], models[2])


def test_a_path_that_is_no_utf8_is_written_and_read(path):
    experiment = dataclasses.replace(experiments.read(path), dataset="/M\udcfcnchen/M\udcfcnchen")
    experiments.write(experiment, path)
    assert experiments.read(path) == experiment


@pytest.mark.parametrize(
    "override", ["latent_dim=1000000000", f"latent_dim={10**25}", "channels=[8, 99999999]", f"channels=[{10**25}]"]
)
def test_a_model_that_would_fill_the_memory_is_refused_before_it_is_built(path, override):
    with pytest.raises(UserError, match="make a model of more than 268,435,456 weights: choose smaller ones"):
        experiments.read(path, [override]).build_model()


def test_the_weights_do_not_depend_on_that_check(path):
    torch.manual_seed(0)
    built = experiments.read(path).build_model()
    torch.manual_seed(0)
    alone = VAE()
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), alone.parameters(), strict=True))
