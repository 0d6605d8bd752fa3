"""Checkpoints: what is saved comes back bit for bit, and no file can do harm or cost memory by what it claims."""

from __future__ import annotations

import json
import os
import pickle
import resource
import struct
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import save_file

from vaelib import checkpoints, experiments, tensorfiles
from vaelib.errors import UserError
from vaelib.flow import Flow
from vaelib.models import VAE, AutoEncoder
from vaelib.priors import Gaussian, GaussianMixture
from vaelib.sharpening import Sharpener

SHAPE = {"image_size": 32, "latent_dim": 5, "channels": [4, 8]}


def trained(kind=VAE, seed=0, **changes):
    """A model whose batch statistics are no longer those it started with."""
    torch.manual_seed(seed)
    model = kind(**SHAPE | changes).to(memory_format=torch.channels_last)
    model.reconstruct(torch.rand(4, 3, model.image_size, model.image_size))
    return model.eval()


@pytest.fixture
def run(tmp_path):
    """The folder of a run that holds a trained VAE."""
    checkpoints.save(tmp_path, trained())
    return tmp_path


def assert_equal_state(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]), key


def rewrite(path, tensors=None, **about):
    """The same file with other tensors, or with another header."""
    old_tensors, old_about = checkpoints.read_tensors(path)
    save_file(tensors or old_tensors, path, {"vaelib": json.dumps(old_about | about)})


# Models


@pytest.mark.parametrize("kind", [VAE, AutoEncoder])
def test_a_model_comes_back_bit_for_bit(tmp_path, kind):
    model = trained(kind)
    checkpoints.save(tmp_path, model)
    again = checkpoints.load(tmp_path)
    assert type(again) is kind and again.config == model.config and not again.training
    assert_equal_state(again.state_dict(), model.state_dict())
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.to(memory_format=torch.channels_last).reconstruct(x), model.reconstruct(x))


def test_a_loaded_model_can_be_trained(run):
    model = checkpoints.load(run).train()
    before = checkpoints.load(run).state_dict()
    model.reconstruct(torch.rand(4, 3, 32, 32)).sum().backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert not torch.equal(model.decoder[0].weight, before["decoder.0.weight"])
    assert_equal_state(checkpoints.load(run).state_dict(), before)  # the file is not touched by it


def test_half_precision_weights_are_loaded_as_float32(run):
    tensors, _ = checkpoints.read_tensors(run / checkpoints.MODEL)
    halves = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
    rewrite(run / checkpoints.MODEL, halves)
    state = checkpoints.load(run).state_dict()
    assert_equal_state(state, {key: v.float() if v.is_floating_point() else v for key, v in halves.items()})


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        checkpoints.save(tmp_path, trained())
    finally:
        os.umask(before)
    assert (tmp_path / checkpoints.MODEL).stat().st_mode & 0o777 == 0o644


def test_new_weights_take_away_what_described_the_old_ones(run):
    checkpoints.save_statistics(run, statistics())
    checkpoints.save_codes(run, codes())
    checkpoints.save(run, trained(seed=1))
    assert [path.name for path in run.iterdir()] == [checkpoints.MODEL]
    for load in (checkpoints.load_statistics, checkpoints.load_codes):
        with pytest.raises(UserError, match="does not exist: train the run to its end"):
            load(run)


def test_weights_that_cannot_be_written_leave_no_statistics_of_others(run):
    checkpoints.save_statistics(run, statistics())
    with small_disk(), pytest.raises(UserError):
        checkpoints.save(run, trained(seed=1))
    assert not (run / checkpoints.STATISTICS).exists()


@pytest.mark.parametrize("load", [checkpoints.load, checkpoints.load_statistics])
def test_loading_takes_no_random_numbers(load):
    before = torch.get_rng_state()
    load("celeba64")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("length", range(0, 300, 7))
def test_no_length_of_the_header_is_taken_for_a_pickle(tmp_path, length):
    # A safetensors file begins with the length of its header, whose bytes can be those that a pickle begins with.
    path = tmp_path / "any.safetensors"
    checkpoints.write_tensors(path, {"z": torch.zeros(2)}, {"text": "x" * length})
    assert checkpoints.read_tensors(path)[1] == {"text": "x" * length}


def test_the_header_is_read_alone(run, monkeypatch):
    about = checkpoints.read_tensors(run / checkpoints.MODEL)[1]
    assert tensorfiles.read_about(run / checkpoints.MODEL) == about
    checkpoints.save_statistics(run, statistics())
    checkpoints.save_codes(run, codes())
    read, read_tensors = [], checkpoints.read_tensors
    monkeypatch.setattr(checkpoints, "read_tensors", lambda path: read.append(path.name) or read_tensors(path))
    checkpoints.load_statistics(run), checkpoints.load_codes(run)
    assert read == [checkpoints.STATISTICS, checkpoints.CODES]  # the weights are not needed to know their architecture


def test_a_header_that_cannot_be_read_is_refused(run):
    with pytest.raises(UserError, match="does not exist"):
        tensorfiles.read_about(run / "other.safetensors")
    (run / checkpoints.MODEL).write_bytes(pickle.dumps({"latent_dim": 5}))
    with pytest.raises(UserError, match="is a pickle"):
        tensorfiles.read_about(run / checkpoints.MODEL)


# Names


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A place of shipped things: a checkpoint, a record without weights, and another model that is no checkpoint."""
    for name in ("whole", "record", "other"):
        (tmp_path / "shipped" / name).mkdir(parents=True)
    for name in ("whole", "record"):
        (tmp_path / "shipped" / name / "config.toml").touch()
    for name in ("whole", "other"):
        checkpoints.save(tmp_path / "shipped" / name, trained())
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shipped"


def test_shipped_checkpoints_are_those_with_settings_and_weights(shipped):
    assert checkpoints.shipped() == ["whole"]
    assert checkpoints.run_folder("whole") == shipped / "whole"


def test_a_record_without_weights_says_how_to_make_them(shipped):
    for load in (checkpoints.load, checkpoints.load_statistics, checkpoints.load_codes):
        with pytest.raises(
            UserError, match="Of record only the record is shipped, not the weights: `vaelib train record`"
        ):
            load("record")


def test_what_is_no_checkpoint_is_not_offered(shipped):
    with pytest.raises(UserError, match=r"no run or shipped checkpoint 'other': choose one of whole\.$"):
        checkpoints.load("other")


def test_a_run_goes_before_a_shipped_checkpoint_of_its_name(shipped):
    (shipped.parent / "whole").mkdir()
    checkpoints.save(shipped.parent / "whole", trained(latent_dim=3))
    assert checkpoints.load("whole").latent_dim == 3


# Files that are not what they should be


def test_an_unknown_run_is_named(tmp_path):
    with pytest.raises(UserError, match="no run or shipped checkpoint"):
        checkpoints.load(tmp_path / "missing")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no model\.safetensors"):
        checkpoints.load(tmp_path)


class Bomb:
    """Would write a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("write", [torch.save, lambda o, path: path.write_bytes(pickle.dumps(o))], ids=["zip", "bare"])
def test_a_pickle_is_refused_unopened(run, write):
    write({"model": Bomb(run / "harm")}, run / checkpoints.MODEL)
    with pytest.raises(UserError, match="is a pickle, which can run any code"):
        checkpoints.load(run)
    assert not (run / "harm").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(run, share):
    path = run / checkpoints.MODEL
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="truncated or damaged"):
        checkpoints.load(run)


def test_bytes_at_random_are_refused(run):
    (run / checkpoints.MODEL).write_bytes(bytes(range(256)) * 8)
    with pytest.raises(UserError, match="truncated or damaged"):
        checkpoints.load(run)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"vaelib": "{"}, {"vaelib": "[" * 100_000}])
def test_a_safetensors_file_of_another_program_is_refused(run, metadata):
    save_file({"weight": torch.zeros(2)}, run / checkpoints.MODEL, metadata)
    with pytest.raises(UserError, match="was not written by vaelib"):
        checkpoints.load(run)


@pytest.mark.parametrize(
    "changes",
    [{"latent_dim": 6}, {"latent_dim": 2**40}, {"channels": [4, 9]}, {"channels": [4, 8, 8]}, {"image_size": 64}],
)
def test_the_weights_of_another_architecture_are_refused(run, changes):
    # 2**40 dimensions would be petabytes of weights: to compare their shape, no memory may be asked for.
    rewrite(run / checkpoints.MODEL, config=SHAPE | changes)
    with pytest.raises(UserError, match="does not hold the weights of the architecture in its header"):
        checkpoints.load(run)


def test_the_weights_of_another_model_are_refused(run):
    rewrite(run / checkpoints.MODEL, model="AutoEncoder")
    with pytest.raises(UserError, match="does not hold the weights of the architecture in its header"):
        checkpoints.load(run)


@pytest.mark.parametrize("change", ["missing", "surplus", "integers"])
def test_tensors_that_do_not_fit_are_refused(run, change):
    path = run / checkpoints.MODEL
    tensors, _ = checkpoints.read_tensors(path)
    tensors = {key: value.clone() for key, value in tensors.items()}
    weight = tensors.pop("encoder.0.weight")
    tensors |= {"missing": {}, "surplus": {"encoder.0.weight": weight, "more": weight.clone()}}.get(
        change, {"encoder.0.weight": weight.long()}
    )
    rewrite(path, tensors)
    with pytest.raises(UserError, match="does not hold the weights"):
        checkpoints.load(run)


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
    path = run / checkpoints.MODEL
    tensors, old = checkpoints.read_tensors(path)
    save_file(tensors, path, {"vaelib": json.dumps(old | about)})
    with pytest.raises(UserError, match="does not say which of vaelib's architectures"):
        checkpoints.load(run)


def test_a_header_that_is_no_table_is_refused(run):
    save_file({"weight": torch.zeros(2)}, run / checkpoints.MODEL, {"vaelib": "[1]"})
    with pytest.raises(UserError, match="does not say which of vaelib's architectures"):
        checkpoints.load(run)


def test_a_length_that_exceeds_the_file_is_refused(run):
    path = run / checkpoints.MODEL
    whole = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 2**40) + whole[8:])
    with pytest.raises(UserError, match="truncated or damaged"):
        checkpoints.load(run)


def test_an_experiment_that_has_no_run_is_no_unknown_name(monkeypatch):
    monkeypatch.setattr(experiments, "names", lambda: ["untried"])
    with pytest.raises(
        UserError, match="untried is an experiment, and no run of it is shipped: `vaelib train untried`"
    ):
        checkpoints.load("untried")


# Statistics


def statistics(dim=5):
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, 60, dim, generator=generator)
    fitted = {"gaussian": Gaussian().fit(mu, logvar), "gmm": GaussianMixture(2).fit(mu, logvar)}
    return checkpoints.Statistics(fitted, 0.0625, ["Smiling", "Eyeglasses"], mu[:2])


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
    checkpoints.save_statistics(run, saved)
    again = checkpoints.load_statistics(run)
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
    checkpoints.save_statistics(run, known)
    with pytest.raises(UserError, match=fault):
        checkpoints.load_statistics(run)


def test_statistics_without_attributes(run):
    saved = checkpoints.Statistics(statistics().priors, 0.1)
    checkpoints.save_statistics(run, saved)
    with pytest.raises(UserError, match="had no attributes"):
        checkpoints.load_statistics(run).direction("Smiling")


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
def test_a_flow_that_is_none_is_refused(run, part, change, fault):
    checkpoints.save_statistics(run, with_flow())
    path = run / checkpoints.STATISTICS
    tensors = {key: value.clone() for key, value in checkpoints.read_tensors(path)[0].items()}
    changed = tensors.pop(f"flow.{part}")
    rewrite(path, tensors if change is None else tensors | {f"flow.{part}": change(changed)})
    with pytest.raises(UserError, match=f"inconsistent .*{fault}"):
        checkpoints.load_statistics(run)


def test_the_flow_of_another_model_is_refused(run):
    mixed = statistics()
    mixed.priors["flow"] = with_flow(dim=6).priors["flow"]
    checkpoints.save_statistics(run, mixed)
    with pytest.raises(UserError, match=r"inconsistent \(mean is \(6,\) and should be \(5,\)\)"):
        checkpoints.load_statistics(run)


def test_missing_statistics_are_explained(run):
    with pytest.raises(UserError, match=r"statistics\.safetensors does not exist: train the run to its end"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize("lost", ["gmm.means", "gaussian.covariance", "directions"])
def test_incomplete_statistics_are_refused(run, lost):
    checkpoints.save_statistics(run, statistics())
    path = run / checkpoints.STATISTICS
    tensors, _ = checkpoints.read_tensors(path)
    rewrite(path, {key: value.clone() for key, value in tensors.items() if key != lost})
    with pytest.raises(UserError, match=f"incomplete .*{lost.split('.')[-1]}"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize("name", ["gmm.covariances", "gaussian.covariance"])
def test_a_covariance_that_is_none_is_refused(run, name):
    checkpoints.save_statistics(run, statistics())
    path = run / checkpoints.STATISTICS
    tensors, _ = checkpoints.read_tensors(path)
    rewrite(path, {key: -value if key == name else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"inconsistent .*positive-definite"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize("change", [torch.neg, torch.zeros_like, lambda weights: weights - 0.6])
def test_weights_of_no_mixture_are_refused(run, change):
    checkpoints.save_statistics(run, statistics())
    path = run / checkpoints.STATISTICS
    tensors, _ = checkpoints.read_tensors(path)
    rewrite(path, {key: change(value) if key == "gmm.weights" else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"inconsistent \(weights are not those of a mixture\)"):
        checkpoints.load_statistics(run)


def test_a_mixture_of_nothing_is_refused(run):
    checkpoints.save_statistics(run, statistics())
    path = run / checkpoints.STATISTICS
    tensors, _ = checkpoints.read_tensors(path)
    rewrite(path, {key: value[:0] if key.startswith("gmm.") else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=r"inconsistent \(weights are not those of a mixture\)"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize("name", ["gmm.covariances", "gaussian.covariance", "gmm.weights", "gaussian.mean"])
def test_statistics_that_are_a_single_number_are_refused(run, name):
    checkpoints.save_statistics(run, statistics())
    path = run / checkpoints.STATISTICS
    tensors, _ = checkpoints.read_tensors(path)
    rewrite(path, {key: torch.tensor(1.0) if key == name else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match="incomplete or inconsistent"):
        checkpoints.load_statistics(run)


def test_a_sigma_beyond_all_numbers_is_refused(run):
    checkpoints.save_statistics(run, statistics())
    rewrite(run / checkpoints.STATISTICS, sigma=10**400)
    with pytest.raises(UserError, match=r"inconsistent \(int too large"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize(
    ("cut", "fault"),
    [
        ("gmm.means", r"means is \(2, 4\) and should be \(2, 5\)"),
        ("gmm.covariances", "covariances have 14 entries and should have 15"),
        ("directions", r"directions is \(2, 4\) and should be \(2, 5\)"),
    ],
)
def test_statistics_of_two_sizes_are_refused(run, cut, fault):
    checkpoints.save_statistics(run, statistics())
    path = run / checkpoints.STATISTICS
    tensors, _ = checkpoints.read_tensors(path)
    rewrite(path, {key: value[..., 1:].clone() if key == cut else value.clone() for key, value in tensors.items()})
    with pytest.raises(UserError, match=rf"inconsistent \({fault}\)"):
        checkpoints.load_statistics(run)


def test_statistics_of_another_model_are_refused(run):
    checkpoints.save_statistics(run, statistics(dim=6))
    with pytest.raises(UserError, match=r"inconsistent \(covariances have 21 entries and should have 15\)"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize("claim", [2**40, "5", None, [5]])
def test_statistics_beside_a_model_of_an_absurd_size_are_refused(run, claim):
    checkpoints.save_statistics(run, statistics())
    rewrite(run / checkpoints.MODEL, config=SHAPE | {"latent_dim": claim})  # 2**40: its covariance would be yottabytes
    with pytest.raises(UserError, match="incomplete or inconsistent"):
        checkpoints.load_statistics(run)


def test_only_one_half_of_a_covariance_is_stored(run):
    checkpoints.save_statistics(run, statistics())
    tensors, _ = checkpoints.read_tensors(run / checkpoints.STATISTICS)
    assert tensors["gmm.covariances"].shape == (2, 15) and tensors["gaussian.covariance"].shape == (15,)


def test_statistics_that_are_not_finite_are_refused(run):
    saved = statistics()
    saved.priors["gmm"].weights[0] = float("nan")
    checkpoints.save_statistics(run, saved)
    with pytest.raises(UserError, match=r"inconsistent .*weights is not finite"):
        checkpoints.load_statistics(run)


@pytest.mark.parametrize("names", ["ab", [1, 2], None])
def test_attributes_without_names_are_refused(run, names):
    checkpoints.save_statistics(run, statistics())
    rewrite(run / checkpoints.STATISTICS, attribute_names=names)
    with pytest.raises(UserError, match=r"inconsistent \(attribute_names is no list of names\)"):
        checkpoints.load_statistics(run)


def test_half_precision_statistics_are_loaded_as_float32(run):
    checkpoints.save_statistics(run, statistics())
    tensors, _ = checkpoints.read_tensors(run / checkpoints.STATISTICS)
    rewrite(run / checkpoints.STATISTICS, {key: value.half() for key, value in tensors.items()})
    again = checkpoints.load_statistics(run)
    assert again.directions.dtype == torch.float32
    for name, prior in statistics().priors.items():
        halves = {key: value.half().float() for key, value in prior.tensors().items()}
        assert_equal_state(again.priors[name].tensors(), halves)


# Codes


def codes(n=6, dim=5):
    mu, logvar = torch.randn(2, n, dim, generator=torch.Generator().manual_seed(0))
    smiles = torch.arange(n) % 2 == 0
    return checkpoints.Codes(mu, logvar, torch.stack([smiles, torch.ones(n).bool()], 1), ["Smiling", "Young"])


def test_codes_come_back_bit_for_bit(run):
    saved = codes()
    checkpoints.save_codes(run, saved)
    again = checkpoints.load_codes(run)
    assert again.attribute_names == saved.attribute_names
    for name in ("mu", "logvar", "attributes"):
        assert torch.equal(getattr(again, name), getattr(saved, name))


def test_codes_of_an_autoencoder_on_images_without_attributes(run):
    saved = codes().mu
    checkpoints.save_codes(run, checkpoints.Codes(saved))
    again = checkpoints.load_codes(run)
    assert torch.equal(again.mu, saved) and (again.logvar, again.attributes, again.attribute_names) == (None, None, [])


def test_codes_of_images_that_lack_an_attribute():
    known = codes()
    assert torch.equal(known.lacking("Smiling"), known.mu[1::2])
    assert torch.equal(known.lacking("Young"), known.mu)  # none lacks it: then all will do
    assert torch.equal(known.lacking("Hat"), known.mu)
    assert torch.equal(checkpoints.Codes(known.mu).lacking("Smiling"), known.mu)


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
    checkpoints.save_codes(run, codes())
    tensors = checkpoints.read_tensors(run / checkpoints.CODES)[0] | changes
    rewrite(run / checkpoints.CODES, {key: value for key, value in tensors.items() if value is not None})
    with pytest.raises(UserError, match=f"incomplete or inconsistent .*{fault}"):
        checkpoints.load_codes(run)


def test_missing_codes_are_explained(run):
    with pytest.raises(UserError, match=r"codes\.safetensors does not exist: train the run to its end"):
        checkpoints.load_codes(run)


# Resuming


def optimized(seed=0, **changes):
    """A model and its Adam after three steps, in the memory format of training."""
    model = trained(seed=seed, **changes).train()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for step in range(3):
        x = torch.rand(4, 3, model.image_size, model.image_size, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(x, torch.Generator().manual_seed(step))[0].square().sum().backward()
        optimizer.step()
    return model, optimizer


def step_once(model, optimizer):
    optimizer.zero_grad()
    model(torch.full((4, 3, 32, 32), 0.5), torch.Generator().manual_seed(9))[0].sum().backward()
    optimizer.step()
    return model.state_dict()


def test_a_step_after_resuming_equals_the_step_without_a_break(tmp_path):
    model, optimizer = optimized()
    history = [{"epoch": 1, "train_nll": 0.1 + 0.2, "sigma": 1e-17}]
    checkpoints.save_resume(tmp_path, model, optimizer, history)
    other, other_optimizer = optimized(seed=1)
    assert checkpoints.load_resume(tmp_path, other, other_optimizer) == history
    assert_equal_state(step_once(other, other_optimizer), step_once(model, optimizer))


def test_moments_lie_in_memory_as_their_parameters_do(tmp_path):
    checkpoints.save_resume(tmp_path, *optimized(), [])
    model = trained().train()
    fresh = torch.optim.Adam(model.parameters(), fused=True)  # before its first step: no moments whose place to take
    checkpoints.load_resume(tmp_path, model, fresh)
    for parameter in model.parameters():
        assert fresh.state[parameter]["exp_avg"].stride() == parameter.stride()
        assert fresh.state[parameter]["exp_avg_sq"].stride() == parameter.stride()
        assert fresh.state[parameter]["step"] == 3


def test_without_a_file_there_is_nothing_to_resume(tmp_path):
    assert checkpoints.load_resume(tmp_path, *optimized()) == []


@pytest.mark.parametrize("changes", [{"latent_dim": 6}, {"channels": [4, 8, 8]}, {"channels": [4, 6]}])
def test_resuming_another_architecture_is_refused(tmp_path, changes):
    checkpoints.save_resume(tmp_path, *optimized(), [])
    with pytest.raises(UserError, match="belongs to another architecture"):
        checkpoints.load_resume(tmp_path, *optimized(**changes))


def test_resuming_a_file_whose_header_is_no_table_is_refused(tmp_path):
    checkpoints.save_resume(tmp_path, *optimized(), [])
    path = tmp_path / checkpoints.RESUME
    tensors, _ = checkpoints.read_tensors(path)
    checkpoints.write_tensors(path, tensors, [1])
    with pytest.raises(UserError, match="belongs to another architecture"):
        checkpoints.load_resume(tmp_path, *optimized())


def test_resuming_a_truncated_file_is_refused(tmp_path):
    checkpoints.save_resume(tmp_path, *optimized(), [])
    path = tmp_path / checkpoints.RESUME
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="truncated or damaged"):
        checkpoints.load_resume(tmp_path, *optimized())


@contextmanager
def small_disk():
    """No file may grow beyond 4 kB: the kernel refuses the rest of a longer one, as it does on a full disk.

    Only for a moment, since the limit holds for all files of the process: pytest's own log may be one.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_checkpoint(run):
    before, another = (run / checkpoints.MODEL).read_bytes(), trained(seed=1)
    with small_disk(), pytest.raises(UserError, match="would exceed the largest size of a file there"):
        checkpoints.save(run, another)
    assert [path.name for path in run.iterdir()] == [checkpoints.MODEL]
    assert (run / checkpoints.MODEL).read_bytes() == before
