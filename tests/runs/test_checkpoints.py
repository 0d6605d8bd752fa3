"""Checkpoints: a saved model is loaded bit for bit, and no file can do harm or claim a size that fills the memory."""

from __future__ import annotations

import json
import os
import pickle
import resource
import struct
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from vaelib import runs
from vaelib.flow import Flow
from vaelib.models import VAE, AutoEncoder
from vaelib.priors import Gaussian, GaussianMixture
from vaelib.runs import checkpoints, experiments
from vaelib.runs.statistics import Codes, Statistics
from vaelib.sharpening import Sharpener
from vaelib.support import tensorfiles
from vaelib.support.errors import UserError
from vaelib.support.tensorfiles import read_tensors, write_tensors

SHAPE = {"image_size": 32, "latent_dim": 5, "channels": [4, 8]}


def trained(kind=VAE, seed=0, **changes):
    """A model whose batch statistics have changed since it was built."""
    torch.manual_seed(seed)
    model = kind(**SHAPE | changes).to(memory_format=torch.channels_last)
    model.reconstruct(torch.rand(4, 3, model.image_size, model.image_size))
    return model.eval()


@pytest.fixture
def run(tmp_path):
    """The folder of a run that holds a trained VAE."""
    runs.Run(tmp_path).write_model(trained())
    return tmp_path


def assert_equal_state(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]), key


def rewrite(path, tensors=None, **about):
    """The same file with other tensors, or with another header."""
    old_tensors, old_about = read_tensors(path)
    save_file(tensors or old_tensors, path, {"vaelib": json.dumps(old_about | about)})


# Models


@pytest.mark.parametrize("kind", [VAE, AutoEncoder])
def test_a_model_comes_back_bit_for_bit(tmp_path, kind):
    model = trained(kind)
    runs.Run(tmp_path).write_model(model)
    again = runs.load(tmp_path).model
    assert type(again) is kind and again.config == model.config and not again.training
    assert_equal_state(again.state_dict(), model.state_dict())
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.to(memory_format=torch.channels_last).reconstruct(x), model.reconstruct(x))


def test_a_loaded_model_can_be_trained(run):
    model = runs.load(run).model.train()
    before = runs.load(run).model.state_dict()
    model.reconstruct(torch.rand(4, 3, 32, 32)).sum().backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert not torch.equal(model.decoder[0].weight, before["decoder.0.weight"])
    assert_equal_state(runs.load(run).model.state_dict(), before)  # the file is not touched by it


def test_half_precision_weights_are_loaded_as_float32(run):
    tensors, _ = read_tensors(run / runs.MODEL)
    halves = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
    rewrite(run / runs.MODEL, halves)
    state = runs.load(run).model.state_dict()
    assert_equal_state(state, {key: v.float() if v.is_floating_point() else v for key, v in halves.items()})


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        runs.Run(tmp_path).write_model(trained())
    finally:
        os.umask(before)
    assert (tmp_path / runs.MODEL).stat().st_mode & 0o777 == 0o644


def test_new_weights_remove_the_files_that_described_the_old_ones(run):
    runs.Run(run).write_statistics(statistics())
    runs.Run(run).write_codes(codes())
    runs.Run(run).write_model(trained(seed=1))
    assert [path.name for path in run.iterdir()] == [runs.MODEL]
    for part in ("statistics", "codes"):
        with pytest.raises(UserError, match="does not exist: train the run to its end"):
            getattr(runs.load(run), part)


def test_weights_that_cannot_be_written_leave_the_old_ones_and_what_was_fitted_to_them(run):
    runs.Run(run).write_statistics(statistics())
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with small_disk(), pytest.raises(UserError):
        runs.Run(run).write_model(trained(seed=1))
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.parametrize("part", ["model", "statistics"])
def test_loading_takes_no_random_numbers(part):
    before = torch.get_rng_state()
    getattr(runs.load("celeba64"), part)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("length", range(0, 300, 7))
def test_no_length_of_the_header_is_taken_for_a_pickle(tmp_path, length):
    # A safetensors file begins with the length of its header, whose bytes can be those that a pickle begins with.
    path = tmp_path / "any.safetensors"
    write_tensors(path, {"z": torch.zeros(2)}, {"text": "x" * length})
    assert read_tensors(path)[1] == {"text": "x" * length}


def test_the_header_is_read_alone(run, monkeypatch):
    about = read_tensors(run / runs.MODEL)[1]
    assert tensorfiles.read_about(run / runs.MODEL) == about
    runs.Run(run).write_statistics(statistics())
    runs.Run(run).write_codes(codes())
    read = []
    for module in ("checkpoints", "statistics"):
        monkeypatch.setattr(
            f"vaelib.runs.{module}.read_tensors", lambda path: read.append(path.name) or read_tensors(path)
        )
    runs.load(run).statistics, runs.load(run).codes
    assert read == [runs.STATISTICS, runs.CODES]  # the weights are not needed to know their architecture


def test_a_header_that_cannot_be_read_is_refused(run):
    with pytest.raises(UserError, match="does not exist"):
        tensorfiles.read_about(run / "other.safetensors")
    (run / runs.MODEL).write_bytes(pickle.dumps({"latent_dim": 5}))
    with pytest.raises(UserError, match="is a pickle"):
        tensorfiles.read_about(run / runs.MODEL)


# Names


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder like `shipped`: a checkpoint, a record without weights, and another model that is no checkpoint."""
    for name in ("whole", "record", "other"):
        (tmp_path / "shipped" / name).mkdir(parents=True)
    for name in ("whole", "record"):
        (tmp_path / "shipped" / name / "config.toml").touch()
    for name in ("whole", "other"):
        runs.Run(tmp_path / "shipped" / name).write_model(trained())
    monkeypatch.setattr("vaelib.runs.run.SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shipped"


def test_shipped_checkpoints_are_those_with_settings_and_weights(shipped):
    assert runs.shipped() == ["whole"]
    assert runs.load("whole").folder == shipped / "whole"


def test_a_record_without_weights_says_how_to_make_them(shipped):
    with pytest.raises(UserError, match="Of record only the record is shipped, not the weights: `vaelib train record`"):
        runs.load("record")


def test_a_folder_that_is_no_checkpoint_is_not_offered(shipped):
    with pytest.raises(UserError, match=r"no run or shipped checkpoint 'other': choose one of whole\.$"):
        runs.load("other").model


def test_a_run_goes_before_a_shipped_checkpoint_of_its_name(shipped):
    (shipped.parent / "whole").mkdir()
    runs.Run(shipped.parent / "whole").write_model(trained(latent_dim=3))
    assert runs.load("whole").model.latent_dim == 3


# Files that are not what they should be


def test_an_unknown_run_is_named(tmp_path):
    with pytest.raises(UserError, match="no run or shipped checkpoint"):
        runs.load(tmp_path / "missing").model


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no model\.safetensors"):
        runs.load(tmp_path).model


class Bomb:
    """Would write a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("write", [torch.save, lambda o, path: path.write_bytes(pickle.dumps(o))], ids=["zip", "bare"])
def test_a_pickle_is_refused_unopened(run, write):
    write({"model": Bomb(run / "harm")}, run / runs.MODEL)
    with pytest.raises(UserError, match="is a pickle, which can run any code"):
        runs.load(run).model
    assert not (run / "harm").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(run, share):
    path = run / runs.MODEL
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="truncated or damaged"):
        runs.load(run).model


def test_bytes_at_random_are_refused(run):
    (run / runs.MODEL).write_bytes(bytes(range(256)) * 8)
    with pytest.raises(UserError, match="truncated or damaged"):
        runs.load(run).model


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"vaelib": "{"}, {"vaelib": "[" * 100_000}])
def test_a_safetensors_file_of_another_program_is_refused(run, metadata):
    save_file({"weight": torch.zeros(2)}, run / runs.MODEL, metadata)
    with pytest.raises(UserError, match="was not written by vaelib"):
        runs.load(run).model


@pytest.mark.parametrize(
    "changes",
    [{"latent_dim": 6}, {"latent_dim": 2**40}, {"channels": [4, 9]}, {"channels": [4, 8, 8]}, {"image_size": 64}],
)
def test_the_weights_of_another_architecture_are_refused(run, changes):
    # 2**40 dimensions would be petabytes of weights: to compare their shape, no memory may be asked for.
    rewrite(run / runs.MODEL, config=SHAPE | changes)
    with pytest.raises(UserError, match="does not hold the weights of the architecture in its header"):
        runs.load(run).model


def test_the_weights_of_another_model_are_refused(run):
    rewrite(run / runs.MODEL, model="AutoEncoder")
    with pytest.raises(UserError, match="does not hold the weights of the architecture in its header"):
        runs.load(run).model


@pytest.mark.parametrize("change", ["missing", "surplus", "integers"])
def test_tensors_that_do_not_fit_are_refused(run, change):
    path = run / runs.MODEL
    tensors, _ = read_tensors(path)
    tensors = {key: value.clone() for key, value in tensors.items()}
    weight = tensors.pop("encoder.0.weight")
    tensors |= {"missing": {}, "surplus": {"encoder.0.weight": weight, "more": weight.clone()}}.get(
        change, {"encoder.0.weight": weight.long()}
    )
    rewrite(path, tensors)
    with pytest.raises(UserError, match="does not hold the weights"):
        runs.load(run).model


@pytest.mark.parametrize(
    "about",
    [
        {"model": "GAN"},
        {"model": ["VAE"]},
        {"model": "__class__"},
        {"config": {"latent": 5}},
        {"config": None},
        {"config": SHAPE | {"image_size": 33}},
        {"config": SHAPE | {"latent_dim": -1}},
        {"config": SHAPE | {"latent_dim": "5"}},
        {"config": SHAPE | {"latent_dim": 2**62}},
        {"config": SHAPE | {"latent_dim": 10**30}},
        {"config": SHAPE | {"channels": [4.5]}},
        {"config": SHAPE | {"channels": "48"}},
        {"config": SHAPE | {"channels": [2**40, 2**40]}},
        {"config": SHAPE | {"device": "cpu"}},
    ],
    ids=json.dumps,
)
def test_a_header_that_names_no_architecture_is_refused(run, about):
    path = run / runs.MODEL
    tensors, old = read_tensors(path)
    save_file(tensors, path, {"vaelib": json.dumps(old | about)})
    with pytest.raises(UserError, match="does not say which of vaelib's architectures"):
        runs.load(run).model


def test_a_header_that_is_no_table_is_refused(run):
    save_file({"weight": torch.zeros(2)}, run / runs.MODEL, {"vaelib": "[1]"})
    with pytest.raises(UserError, match="does not say which of vaelib's architectures"):
        runs.load(run).model


def test_a_length_that_exceeds_the_file_is_refused(run):
    path = run / runs.MODEL
    whole = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 2**40) + whole[8:])
    with pytest.raises(UserError, match="truncated or damaged"):
        runs.load(run).model


def test_an_experiment_that_has_no_run_is_no_unknown_name(monkeypatch):
    monkeypatch.setattr(experiments, "names", lambda: ["untried"])
    with pytest.raises(
        UserError, match="untried is an experiment, and no run of it is shipped: `vaelib train untried`"
    ):
        runs.load("untried").model


# Statistics


def statistics(dim=5):
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, 60, dim, generator=generator)
    fitted = {"gaussian": Gaussian().fit(mu, logvar), "gmm": GaussianMixture(2).fit(mu, logvar)}
    return Statistics(fitted, 0.0625, ["Smiling", "Eyeglasses"], mu[:2])


def with_sharpener(dim=5):
    known = statistics(dim)
    known.sharpener = Sharpener().fit(*torch.rand(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    return known


def with_flow(dim=5):
    known = statistics(dim)
    known.priors["flow"] = Flow(2, width=8, blocks=2).fit(torch.randn(60, dim, generator=torch.Generator()))
    return known


@pytest.mark.parametrize("known", [statistics, with_flow, with_sharpener])
def test_statistics_come_back_bit_for_bit(run, known):
    saved = known()
    runs.Run(run).write_statistics(saved)
    again = runs.load(run).statistics
    assert again.sigma == saved.sigma and again.attribute_names == saved.attribute_names
    assert torch.equal(again.directions, saved.directions)
    assert again.priors.keys() == saved.priors.keys()
    for name, prior in saved.priors.items():
        assert type(again.priors[name]) is type(prior)
        assert_equal_state(again.priors[name].tensors(), prior.tensors())
    assert (again.sharpener is None) == (saved.sharpener is None)
    if saved.sharpener:
        assert torch.equal(again.sharpener.gains, saved.sharpener.gains)


@pytest.mark.parametrize(
    ("gains", "fault"),
    [
        (torch.ones(44), r"gains is \(44,\) and should be \(45,\)"),
        (torch.ones(45, dtype=torch.long), "gains is of torch.int64"),
        (torch.full((45,), torch.inf), "gains is not finite"),
    ],
)
def test_gains_that_do_not_fit_the_model_are_refused(run, gains, fault):
    known = with_sharpener()
    known.sharpener.gains = gains
    runs.Run(run).write_statistics(known)
    with pytest.raises(UserError, match=fault):
        runs.load(run).statistics


def test_statistics_without_attributes(run):
    saved = Statistics(statistics().priors, 0.1)
    runs.Run(run).write_statistics(saved)
    with pytest.raises(UserError, match="had no attributes"):
        runs.load(run).statistics.direction("Smiling")


def test_the_direction_of_an_attribute():
    known = statistics()
    assert torch.equal(known.direction("Eyeglasses"), known.directions[1])
    with pytest.raises(UserError, match="no attribute 'smiling': did you mean Smiling"):
        known.direction("smiling")


def test_a_prior_by_its_name():
    assert with_flow().prior("flow").blocks == 2
    with pytest.raises(UserError, match="This run has no flow: choose gaussian or gmm, or train it with a flow"):
        statistics().prior("flow")


@pytest.mark.parametrize(
    ("part", "change", "fault"),
    [
        ("mean", lambda mean: mean[1:], "the weights are not those of a flow"),
        ("std", lambda std: std[1:], r"std is \(4,\) and should be \(5,\)"),
        ("std", lambda std: -std, "std is not above 0"),
        ("std", lambda std: std.long() + 1, "std is of torch.int64"),
        ("mean", lambda mean: mean[0], "len"),
        ("mean", lambda mean: mean * float("nan"), "mean is not finite"),
        ("velocity.inlet.weight", lambda weight: weight[0], "not enough values"),
        ("velocity.inlet.weight", lambda weight: weight[1:], "the weights are not those of a flow"),
        ("velocity.inlet.weight", lambda weight: weight.new_empty(2**40, 0), "the weights are not those of a flow"),
        ("velocity.time.0.weight", lambda weight: weight[1:], "the weights are not those of a flow"),
        ("velocity.time.0.bias", lambda bias: bias / 0, "velocity.time.0.bias is not finite"),
        ("velocity.blocks.1.1.weight", lambda weight: weight.long(), "the weights are not those of a flow"),
        ("velocity.blocks.1.1.weight", None, "the weights are not those of a flow"),
        ("velocity.inlet.weight", None, "velocity.inlet.weight"),
        ("mean", None, "mean"),
    ],
)
def test_an_invalid_flow_is_refused(run, part, change, fault):
    runs.Run(run).write_statistics(with_flow())
    path = run / runs.STATISTICS
    tensors = {key: value.clone() for key, value in read_tensors(path)[0].items()}
    changed = tensors.pop(f"flow.{part}")
    rewrite(path, tensors if change is None else tensors | {f"flow.{part}": change(changed)})
    with pytest.raises(UserError, match=f"inconsistent .*{fault}"):
        runs.load(run).statistics


def test_the_flow_of_another_model_is_refused(run):
    mixed = statistics()
    mixed.priors["flow"] = with_flow(dim=6).priors["flow"]
    runs.Run(run).write_statistics(mixed)
    with pytest.raises(UserError, match=r"inconsistent \(mean is \(6,\) and should be \(5,\)\)"):
        runs.load(run).statistics


def test_missing_statistics_are_explained(run):
    with pytest.raises(UserError, match=r"statistics\.safetensors does not exist: train the run to its end"):
        runs.load(run).statistics


@pytest.mark.parametrize("lost", ["gmm.means", "gaussian.covariance", "directions"])
def test_incomplete_statistics_are_refused(run, lost):
    runs.Run(run).write_statistics(statistics())
    path = run / runs.STATISTICS
    tensors, _ = read_tensors(path)
    rewrite(path, {key: value.clone() for key, value in tensors.items() if key != lost})
    with pytest.raises(UserError, match=f"incomplete .*{lost.split('.')[-1]}"):
        runs.load(run).statistics


@pytest.mark.parametrize("name", ["gmm.covariances", "gaussian.covariance"])
def test_an_invalid_covariance_is_refused(run, name):
    runs.Run(run).write_statistics(statistics())
    path = run / runs.STATISTICS
    tensors, _ = read_tensors(path)
    rewrite(path, {key: -value if key == name else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"inconsistent .*positive-definite"):
        runs.load(run).statistics


@pytest.mark.parametrize("change", [torch.neg, torch.zeros_like, lambda weights: weights - 0.6])
def test_invalid_weights_of_a_mixture_are_refused(run, change):
    runs.Run(run).write_statistics(statistics())
    path = run / runs.STATISTICS
    tensors, _ = read_tensors(path)
    rewrite(path, {key: change(value) if key == "gmm.weights" else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"inconsistent \(weights are not those of a mixture\)"):
        runs.load(run).statistics


def test_a_mixture_without_components_is_refused(run):
    runs.Run(run).write_statistics(statistics())
    path = run / runs.STATISTICS
    tensors, _ = read_tensors(path)
    rewrite(path, {key: value[:0] if key.startswith("gmm.") else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"inconsistent \(weights are not those of a mixture\)"):
        runs.load(run).statistics


@pytest.mark.parametrize("name", ["gmm.covariances", "gaussian.covariance", "gmm.weights", "gaussian.mean"])
def test_statistics_that_are_a_single_number_are_refused(run, name):
    runs.Run(run).write_statistics(statistics())
    path = run / runs.STATISTICS
    tensors, _ = read_tensors(path)
    rewrite(path, {key: torch.tensor(1.0) if key == name else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"incomplete or inconsistent|does not say which of vaelib's architectures"):
        runs.load(run).statistics


def test_a_sigma_beyond_all_numbers_is_refused(run):
    runs.Run(run).write_statistics(statistics())
    rewrite(run / runs.STATISTICS, sigma=10**400)
    with pytest.raises(UserError, match=r"inconsistent \(int too large"):
        runs.load(run).statistics


@pytest.mark.parametrize(
    ("cut", "fault"),
    [
        ("gmm.means", r"means is \(2, 4\) and should be \(2, 5\)"),
        ("gmm.covariances", "covariances have 14 entries and should have 15"),
        ("directions", r"directions is \(2, 4\) and should be \(2, 5\)"),
    ],
)
def test_statistics_of_two_sizes_are_refused(run, cut, fault):
    runs.Run(run).write_statistics(statistics())
    path = run / runs.STATISTICS
    tensors, _ = read_tensors(path)
    rewrite(path, {key: value[..., 1:].clone() if key == cut else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=rf"inconsistent \({fault}\)"):
        runs.load(run).statistics


def test_statistics_of_another_model_are_refused(run):
    runs.Run(run).write_statistics(statistics(dim=6))
    with pytest.raises(UserError, match=r"inconsistent \(covariances have 21 entries and should have 15\)"):
        runs.load(run).statistics


@pytest.mark.parametrize("claim", [2**40, "5", None, [5]])
def test_statistics_beside_a_model_of_an_absurd_size_are_refused(run, claim):
    runs.Run(run).write_statistics(statistics())
    rewrite(run / runs.MODEL, config=SHAPE | {"latent_dim": claim})  # 2**40: its covariance would be yottabytes
    with pytest.raises(UserError, match=r"incomplete or inconsistent|does not say which of vaelib's architectures"):
        runs.load(run).statistics


def test_only_one_half_of_a_covariance_is_stored(run):
    runs.Run(run).write_statistics(statistics())
    tensors, _ = read_tensors(run / runs.STATISTICS)
    assert tensors["gmm.covariances"].shape == (2, 15) and tensors["gaussian.covariance"].shape == (15,)


def test_statistics_that_are_not_finite_are_refused(run):
    saved = statistics()
    saved.priors["gmm"].weights[0] = float("nan")
    runs.Run(run).write_statistics(saved)
    with pytest.raises(UserError, match=r"inconsistent .*weights is not finite"):
        runs.load(run).statistics


@pytest.mark.parametrize("names", ["ab", [1, 2], None])
def test_attributes_without_names_are_refused(run, names):
    runs.Run(run).write_statistics(statistics())
    rewrite(run / runs.STATISTICS, attribute_names=names)
    with pytest.raises(UserError, match=r"inconsistent \(attribute_names is no list of names\)"):
        runs.load(run).statistics


def test_half_precision_statistics_are_loaded_as_float32(run):
    runs.Run(run).write_statistics(statistics())
    tensors, _ = read_tensors(run / runs.STATISTICS)
    rewrite(run / runs.STATISTICS, {key: value.half() for key, value in tensors.items()})
    again = runs.load(run).statistics
    assert again.directions.dtype == torch.float32
    for name, prior in statistics().priors.items():
        halves = {key: value.half().float() for key, value in prior.tensors().items()}
        assert_equal_state(again.priors[name].tensors(), halves)


# Codes


def codes(n=6, dim=5):
    mu, logvar = torch.randn(2, n, dim, generator=torch.Generator().manual_seed(0))
    smiles = torch.arange(n) % 2 == 0
    return Codes(mu, logvar, torch.stack([smiles, torch.ones(n).bool()], 1), ["Smiling", "Young"])


def test_codes_come_back_bit_for_bit(run):
    saved = codes()
    runs.Run(run).write_codes(saved)
    again = runs.load(run).codes
    assert again.attribute_names == saved.attribute_names
    for name in ("mu", "logvar", "attributes"):
        assert torch.equal(getattr(again, name), getattr(saved, name))


def test_codes_of_an_autoencoder_on_images_without_attributes(run):
    saved = codes().mu
    runs.Run(run).write_codes(Codes(saved))
    again = runs.load(run).codes
    assert torch.equal(again.mu, saved) and (again.logvar, again.attributes, again.attribute_names) == (None, None, [])


def test_codes_of_images_that_lack_an_attribute():
    known = codes()
    assert torch.equal(known.lacking("Smiling"), known.mu[1::2])
    assert torch.equal(known.lacking("Young"), known.mu)  # none lacks it: then all will do
    assert torch.equal(known.lacking("Hat"), known.mu)
    assert torch.equal(Codes(known.mu).lacking("Smiling"), known.mu)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"mu": None}, "'mu'"),
        ({"mu": torch.zeros(6, 4)}, r"mu is \(6, 4\) and should be \(6, 5\)"),
        ({"mu": torch.zeros(6)}, r"mu is \(6,\)"),
        ({"mu": torch.tensor(1.0)}, "0-d tensor"),
        ({"mu": torch.zeros(6, 5, dtype=torch.int64)}, r"mu is of torch\.int64"),
        ({"mu": torch.full((6, 5), torch.inf)}, "mu is not finite"),
        ({"logvar": torch.zeros(5, 5)}, "logvar is"),
        ({"logvar": torch.full((6, 5), torch.nan)}, "logvar is not finite"),
        ({"attributes": torch.ones(6, 3).bool()}, r"attributes is \(6, 3\) and should be \(6, 2\)"),
        ({"attributes": torch.ones(6, 2)}, r"attributes is of torch\.float32"),
    ],
)
def test_codes_that_cannot_be_are_refused(run, changes, fault):
    runs.Run(run).write_codes(codes())
    tensors = read_tensors(run / runs.CODES)[0] | changes
    rewrite(run / runs.CODES, {key: value for key, value in tensors.items() if value is not None})
    with pytest.raises(UserError, match=f"incomplete or inconsistent .*{fault}"):
        runs.load(run).codes


def test_missing_codes_are_explained(run):
    with pytest.raises(UserError, match=r"codes\.safetensors does not exist: train the run to its end"):
        runs.load(run).codes


# Resuming


def optimized(seed=0, **changes):
    """The parts of a training run that a file holds, after three steps of Adam, in the memory format of training."""
    model = trained(seed=seed, **changes).train()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for step in range(3):
        x = torch.rand(4, 3, model.image_size, model.image_size, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(x, torch.Generator().manual_seed(step))[0].square().sum().backward()
        optimizer.step()
    return SimpleNamespace(state=model, optimizer=optimizer, history=[])


def step_once(training):
    training.optimizer.zero_grad()
    training.state(torch.full((4, 3, 32, 32), 0.5), torch.Generator().manual_seed(9))[0].sum().backward()
    training.optimizer.step()
    return training.state.state_dict()


def test_a_step_after_resuming_equals_the_step_without_a_break(tmp_path):
    training, other = optimized(), optimized(seed=1)
    training.history = [{"epoch": 1, "train_nll": 0.1 + 0.2, "sigma": 1e-17}]
    checkpoints.write_resume(tmp_path / runs.RESUME, training)
    checkpoints.read_resume(tmp_path / runs.RESUME, other)
    assert other.history == training.history
    assert_equal_state(step_once(other), step_once(training))


def test_moments_lie_in_memory_as_their_parameters_do(tmp_path):
    checkpoints.write_resume(tmp_path / runs.RESUME, optimized())
    model = trained().train()
    fresh = torch.optim.Adam(model.parameters(), fused=True)  # before its first step: no moments whose place to take
    checkpoints.read_resume(tmp_path / runs.RESUME, SimpleNamespace(state=model, optimizer=fresh))
    for parameter in model.parameters():
        assert fresh.state[parameter]["exp_avg"].stride() == parameter.stride()
        assert fresh.state[parameter]["exp_avg_sq"].stride() == parameter.stride()
        assert fresh.state[parameter]["step"] == 3


def test_without_a_file_there_is_nothing_to_resume(tmp_path):
    training = optimized()
    before = {key: value.clone() for key, value in training.state.state_dict().items()}
    checkpoints.read_resume(tmp_path / runs.RESUME, training)
    assert training.history == []
    assert_equal_state(training.state.state_dict(), before)


@pytest.mark.parametrize("changes", [{"latent_dim": 6}, {"channels": [4, 8, 8]}, {"channels": [4, 6]}])
def test_resuming_another_architecture_is_refused(tmp_path, changes):
    checkpoints.write_resume(tmp_path / runs.RESUME, optimized())
    with pytest.raises(UserError, match="belongs to another architecture"):
        checkpoints.read_resume(tmp_path / runs.RESUME, optimized(**changes))


def test_resuming_a_file_whose_header_is_no_table_is_refused(tmp_path):
    checkpoints.write_resume(tmp_path / runs.RESUME, optimized())
    path = tmp_path / runs.RESUME
    tensors, _ = read_tensors(path)
    write_tensors(path, tensors, [1])
    with pytest.raises(UserError, match="belongs to another architecture"):
        checkpoints.read_resume(path, optimized())


def test_resuming_a_truncated_file_is_refused(tmp_path):
    checkpoints.write_resume(tmp_path / runs.RESUME, optimized())
    path = tmp_path / runs.RESUME
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="truncated or damaged"):
        checkpoints.read_resume(path, optimized())


@contextmanager
def small_disk():
    """No file may grow beyond 4 kB. The kernel refuses the rest of a longer one, as it does on a full disk.

    The limit is short, because it holds for all files of the process, including pytest's own log.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_checkpoint(run):
    before, another = (run / runs.MODEL).read_bytes(), trained(seed=1)
    with small_disk(), pytest.raises(UserError, match="would exceed the largest size of a file there"):
        runs.Run(run).write_model(another)
    assert [path.name for path in run.iterdir()] == [runs.MODEL]
    assert (run / runs.MODEL).read_bytes() == before
