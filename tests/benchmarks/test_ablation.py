"""The ablation: each variant changes one thing; runs are measured as by `vaelib evaluate` and made only once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import ablation
from vaelib import data, models, training
from vaelib.runs import evaluation, experiments, statistics
from vaelib.support.errors import UserError

TINY = ["channels=[4,8]", "latent_dim=2", "batch_size=16"]


def pictures(name: str, size: int, split: str = "train") -> data.Dataset:
    """Images of noise, each around its own grey level."""
    rng = np.random.default_rng({"train": 0, "valid": 1}[split])
    greys = rng.integers(30, 200, ({"train": 64, "valid": 32}[split], 3, 1, 1))
    return data.Dataset((greys + rng.integers(0, 55, (len(greys), 3, size, size))).astype(np.uint8), name, split)


@pytest.fixture(autouse=True)
def no_celeba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", pictures)


def tiny_run(path: Path, name: str = "recipe", seed: int = 0) -> dict:
    return ablation.recorded_run(path, name, 1, seed, TINY)


# The variants


@pytest.mark.parametrize("name", ablation.VARIANTS)
def test_a_variant_changes_one_thing(name: str):
    variant = ablation.VARIANTS[name]
    recipe, settings = (ablation.settings_of(of.experiment(3, 1, [])) for of in (ablation.VARIANTS["recipe"], variant))
    changed = {key for key in recipe | settings if settings.get(key) != recipe.get(key)}
    levers = [{"likelihood", "sigma"}] if "sigma" in changed else [{key} for key in changed]
    assert len(levers) + (variant.alter is not None) == (name != "recipe")
    assert changed == set().union(*levers)


def test_the_recipe_is_the_experiment():
    expected = experiments.load("celeba64", ("epochs=7", "seed=5"))
    assert ablation.VARIANTS["recipe"].experiment(7, 5, []) == expected


def test_an_override_reaches_every_variant_and_none_of_their_changes_is_undone():
    for name, variant in ablation.VARIANTS.items():
        assert variant.experiment(1, 0, ["channels=[4,8]", "latent_dim=2"]).channels == (4, 8), name
    assert ablation.VARIANTS["256 latent dimensions"].experiment(1, 0, ["latent_dim=2"]).latent_dim == 256


def test_the_weights_are_those_of_the_seed():
    variant = ablation.VARIANTS["residual blocks"]
    first, again, other = (variant.build_model(variant.experiment(1, seed, TINY)) for seed in (0, 0, 1))
    assert torch.equal(first.encoder[0].weight, again.encoder[0].weight)
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)


# Residual blocks


@pytest.mark.parametrize("channels", [(4,), (4, 6), (4, 6, 8, 10)])
def test_untrained_residual_blocks_change_nothing(channels: tuple[int, ...]):
    x, torch_seed = torch.rand(2, 3, 64, 64), 3
    outputs = []
    for alter in (lambda model: model, ablation.with_residual_blocks):
        torch.manual_seed(torch_seed)
        model = alter(models.VAE(64, 5, channels)).eval()
        outputs.append(model.reconstruct(x))
    assert torch.equal(*outputs)


def test_residual_blocks_follow_every_layer_except_the_one_with_the_largest_map():
    model = ablation.with_residual_blocks(models.VAE(64, 5, (4, 6, 8, 10)))
    maps = {"encoder": [], "decoder": []}
    for side, seen in maps.items():
        for module in getattr(model, side):
            if isinstance(module, ablation.Residual):
                module.register_forward_hook(lambda _, __, out, seen=seen: seen.append(tuple(out.shape[1:])))
    model(torch.rand(2, 3, 64, 64))
    assert maps["encoder"] == [(6, 16, 16), (8, 8, 8), (10, 4, 4)]  # and none of (4, 32, 32)
    assert maps["decoder"] == [(8, 8, 8), (6, 16, 16), (4, 32, 32)]  # and none of (3, 64, 64)


def test_a_full_size_layer_decodes_from_a_map_of_the_images_size():
    decoder = ablation.with_full_size_layer(models.VAE(64, 5, (4, 8))).decoder.eval()
    z = torch.rand(2, 5)
    assert nn.Sequential(*list(decoder)[:-1])(z).shape == (2, 2, 64, 64)
    assert decoder(z).shape == (2, 3, 64, 64)


def test_residual_blocks_learn():
    model = ablation.with_residual_blocks(models.VAE(64, 5, (4, 8)))
    training.fit(model, pictures("mine", 64), pictures("mine", 64, "valid"), epochs=1, batch_size=16, progress=False)
    blocks = [module for module in model.modules() if isinstance(module, ablation.Residual)]
    assert len(blocks) == 2
    assert all(parameter.abs().sum() > 0 for block in blocks for parameter in block.body[-1].parameters())


# What is measured


def test_a_run_is_measured_as_the_evaluation_does():
    torch.manual_seed(0)
    model = models.VAE(64, 3, (4, 8)).eval()
    train, held_out, sigma = pictures("mine", 64), pictures("mine", 64, "valid"), 0.2
    found = ablation.quality(model, train, held_out, sigma)
    expected = evaluation.evaluate(
        model, train, held_out, statistics.fit_statistics(model, train, sigma, progress=False)
    )
    same = ("split", "images", "samples", "mse", "psnr", "sigma", "active_units", "best_prior")
    assert {key: found[key] for key in same} == {key: expected[key] for key in same}
    assert found["frechet"] == pytest.approx(expected["frechet"]["attributes"], rel=1e-5)
    for key in ("nll", "kl", "bits_per_dim"):  # other draws of z
        assert found[key] == pytest.approx(expected[key], rel=2e-2)


def test_an_autoencoder_has_no_likelihood():
    model = models.AutoEncoder(64, 3, (4, 8)).eval()
    found = ablation.quality(model, pictures("mine", 64), pictures("mine", 64, "valid"), 0.2)
    assert "nll" not in found and "kl" not in found and "active_units" not in found
    assert found["frechet"]["samples, gmm"] > 0


def test_a_run_records_its_cost(tmp_path: Path):
    run = tiny_run(tmp_path / "record.json")
    assert run["training"]["train_images"] == 64 and run["training"]["epochs"] == 1
    assert run["training"]["images_per_second"] > 0 and run["training"]["seconds"] > 0
    assert run["settings"]["latent_dim"] == 2 and run["changed"] == []


# The record


def test_a_recorded_run_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "record.json"
    first = tiny_run(path)
    monkeypatch.setattr(training, "fit", None)  # a call would fail
    assert tiny_run(path) == first
    assert json.loads(path.read_text()) == {"runs": [first]}


def test_another_seed_or_setting_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, trained = tmp_path / "record.json", []
    monkeypatch.setattr(ablation, "train", lambda model, experiment: trained.append(experiment) or {})
    tiny_run(path)
    tiny_run(path, seed=1)
    ablation.recorded_run(path, "recipe", 2, 0, TINY)
    ablation.recorded_run(path, "recipe", 2, 0, [])
    tiny_run(path, "residual blocks")
    tiny_run(path, seed=1)
    assert len(trained) == len(ablation.read(path)) == 5


def test_a_setting_that_does_not_change_the_model_makes_no_new_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "record.json"
    first = tiny_run(path)
    monkeypatch.setattr(training, "fit", None)
    assert ablation.recorded_run(path, "recipe", 1, 0, [*TINY, "about=Said better."]) == first


def test_the_record_stays_when_a_run_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "record.json"
    monkeypatch.setattr(ablation, "train", lambda model, experiment: {})
    first = tiny_run(path)

    def fail(model, experiment):
        raise UserError("The loss stopped being a finite number.")

    monkeypatch.setattr(ablation, "train", fail)
    with pytest.raises(UserError, match="stopped"):
        tiny_run(path, seed=1)
    assert ablation.read(path) == [first] and [file.name for file in tmp_path.iterdir()] == ["record.json"]


def invented(variant: str, seed: int, psnr: float) -> dict:
    sets = ("reconstructions", *(f"samples, {prior}" for prior in ablation.PRIORS))
    quality = {"psnr": psnr, "frechet": dict.fromkeys(sets, 2 * psnr)}
    return {"variant": variant, "seed": seed, "quality": quality, "training": {"images_per_second": 100.0}}


def test_the_table_has_means_over_seeds_in_the_order_of_the_runs():
    table = ablation.table([invented("recipe", 0, 20), invented("autoencoder", 0, 30), invented("recipe", 1, 22)])
    assert list(table.index) == ["recipe", "autoencoder"]
    assert table.loc["recipe", ["seed", "psnr", "gmm", "images/s"]].tolist() == [2, 21, 42, 100]
    assert table.loc["autoencoder", "seed"] == 1 and np.isnan(table.loc["autoencoder", "nll"])


def test_the_script_trains_and_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    record = tmp_path / "record.json"
    command = ["--epochs", "1", "--seeds", "3", "--variants", "recipe", "autoencoder", "--output", str(record)]
    settings = [word for setting in TINY for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["ablation.py", *command, *settings])
    ablation.main()
    printed = capsys.readouterr().out
    assert [run["variant"] for run in ablation.read(record)] == ["recipe", "autoencoder"]
    assert "recipe" in printed and "autoencoder" in printed and "reconstructions" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "recipee"], "There is no variant 'recipee': did you mean recipe"),
        (["--epochs", "0"], "epochs is 0: it must be above 0"),
        (["--seeds", "0", "-1"], "seed is -1"),
        (["--set", "latent=3"], "There is no setting 'latent': did you mean latent_dim"),
        (["--output", "nowhere/record.json"], "nowhere does not exist"),
        (["--output", __file__], "is no record of runs"),
    ],
)
def test_mistakes_end_in_one_sentence_before_any_training(monkeypatch, capsys, arguments: list[str], message: str):
    monkeypatch.setattr(training, "fit", None)
    monkeypatch.setattr(sys, "argv", ["ablation.py", *arguments])
    with pytest.raises(SystemExit) as exit_status:
        ablation.main()
    said = capsys.readouterr().err
    assert exit_status.value.code == 2 and said.startswith("ablation: ") and message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("content", ["[]", "{}", '{"runs": 3}', '{"runs": [3]}', "{", '{"runs": null}'])
def test_a_file_that_is_no_record_is_not_overwritten(tmp_path: Path, content: str):
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"record\.json is no record of runs"):
        tiny_run(path)
    assert path.read_text() == content


def test_what_is_recorded_can_be_shown():
    recorded = ablation.read(ablation.RECORD)
    assert len({(run["variant"], run["seed"], str(run["settings"])) for run in recorded}) == len(recorded) > 0
    assert set(ablation.table(recorded).index) <= set(ablation.VARIANTS)
