"""The evaluation of a model: its metrics where they are known, what it leaves out and why, its table."""

from __future__ import annotations

import json
import math
import sys
import types
import urllib.error

import numpy as np
import pytest
import torch

from vaelib import data, latent, losses, metrics
from vaelib.data import Dataset, download
from vaelib.detail import SIGMA, Detail, UNet
from vaelib.flow import Flow
from vaelib.models import VAE, AutoEncoder
from vaelib.priors import Gaussian, GaussianMixture
from vaelib.runs import classifier, comparison, edits, evaluation, imagenet, inception, report
from vaelib.runs.statistics import Statistics
from vaelib.sharpening import Sharpener, unsharp_mask
from vaelib.support.errors import UserError

FACES = ["Smiling", "Eyeglasses", "Hat"]


def noise(seed=0):
    return torch.Generator().manual_seed(seed)


def dataset(n, size=32, seed=0, name="mine", names=FACES, split="valid"):
    """Images of noise, each around its own grey level, with random labels."""
    rng = np.random.default_rng(seed)
    greys = rng.integers(30, 200, (n, 3, 1, 1))
    images = (greys + rng.integers(0, 55, (n, 3, size, size))).astype(np.uint8)
    labels = torch.from_numpy(rng.random((n, len(names))) < 0.5) if names else None
    return Dataset(images, name, split, labels, list(names), crop="the largest centred square")


def statistics(model, names=FACES, seed=0):
    """Statistics fitted to codes from N(0, I)."""
    mu = torch.randn(200, model.latent_dim, generator=noise(seed))
    fitted = {"gaussian": Gaussian().fit(mu), "gmm": GaussianMixture(2).fit(mu)}
    fitted["flow"] = Flow(3, width=8, blocks=1).fit(mu)
    directions = torch.randn(len(names), model.latent_dim, generator=noise(1))
    x = data.all_images(dataset(20, model.image_size, 2))
    with torch.no_grad():
        sharpener = Sharpener().fit(x, model.reconstruct(x))
    return Statistics(fitted, 0.2, list(names), directions, sharpener)


def small(kind=VAE, size=32):
    torch.manual_seed(0)
    return kind(size, 3, (4, 8)).eval()


@pytest.fixture(autouse=True, scope="module")
def without_imagenet():
    """As if the extra `evaluate` were not installed, wherever the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagenet, "find_spec", lambda name: None)
        yield


@pytest.fixture(scope="module")
def of_a_vae() -> dict:
    model = small()
    return evaluation.evaluate(model, dataset(90, seed=1), dataset(40), statistics(model))


@pytest.fixture(scope="module")
def with_detail() -> dict:
    """The evaluation of the same model with a pixel flow that learned nothing, and so adds its noise alone."""
    model, flow = small(), Detail(channels=(8, 8))
    flow.network = UNet((8, 8))
    return evaluation.evaluate(model, dataset(90, seed=1), dataset(40), statistics(model), detail=flow)


@pytest.fixture(scope="module")
def of_faces() -> dict:
    """The evaluation of a model of 64 pixels by the shipped attribute classifier."""
    model = small(size=64)
    return evaluation.evaluate(model, dataset(90, 64, 1), dataset(40, 64), statistics(model))


def test_the_protocol_is_stated(of_a_vae):
    expected = {"dataset": "mine", "split": "valid", "size": 32, "images": 40, "samples": 40, "seed": 0}
    expected |= {"compared": 20, "splits": 10}
    assert {key: of_a_vae[key] for key in expected} == expected
    assert of_a_vae["crop"] == "the largest centred square"
    assert evaluation.protocol(dataset(5, name="celeba"))["crop"] == "the largest centred square"  # a folder's name


def test_the_likelihood_metrics_agree_with_their_definitions(of_a_vae):
    model, held_out = small(), dataset(40)
    x = data.all_images(held_out)
    with torch.no_grad():
        mu, logvar = model.encode(x)
        nll = losses.nll(x, model(x, noise())[0], losses.Gaussian(0.2)).mean().item()
    kl = losses.kl_divergence(mu, logvar).mean().item()
    assert of_a_vae["nll"] == pytest.approx(nll, rel=1e-4)
    assert of_a_vae["kl"] == pytest.approx(kl, rel=1e-4)
    assert of_a_vae["elbo"] == pytest.approx(-of_a_vae["nll"] - of_a_vae["kl"], rel=1e-6)
    assert of_a_vae["mse"] == pytest.approx((x - model.reconstruct(x)).square().mean().item(), rel=1e-5)
    assert of_a_vae["psnr"] == pytest.approx(-10 * math.log10(of_a_vae["mse"]))
    for nats, bits in (("elbo", "bits_per_dim"), ("iwae_bound", "iwae_bits_per_dim")):
        assert of_a_vae[bits] == pytest.approx(8 - of_a_vae[nats] / (3 * 32 * 32 * math.log(2)))
    assert of_a_vae["iwae_bound"] > of_a_vae["elbo_on_the_same"]
    with torch.no_grad():
        kls, squares = losses.kl_divergence(mu, logvar), (x - model.reconstruct(x)).square().flatten(1).mean(1)
    assert of_a_vae["kl_error"] == pytest.approx((kls.std() / math.sqrt(40)).item(), rel=1e-4)
    assert of_a_vae["mse_error"] == pytest.approx((squares.std() / math.sqrt(40)).item(), rel=1e-4)
    higher = -10 * math.log10(of_a_vae["mse"] - 0.01 * of_a_vae["mse_error"])  # a small step, in which it is linear
    assert of_a_vae["psnr_error"] == pytest.approx(100 * (higher - of_a_vae["psnr"]), rel=1e-2)
    assert (of_a_vae["iwae_draws"], of_a_vae["iwae_images"], of_a_vae["latent_dim"]) == (50, 40, 3)


def test_a_density_of_one_nat_a_pixel_in_bits():
    assert metrics.bits_per_dim(0, 100) == 8  # uniform over 256 values
    assert metrics.bits_per_dim(-100 * math.log(2), 100) == pytest.approx(9)


def test_every_prior_has_its_distance_and_the_best_is_named(of_a_vae):
    distances = of_a_vae["frechet"]["pixels"]
    samples = {f"samples, {name}" for name in ("normal", "gaussian", "gmm", "flow")}
    assert set(distances) == {"training images", "reconstructions"} | samples
    best = f"samples, {of_a_vae['best_prior']}"
    assert distances[best] == min(distances[name] for name in samples)
    assert distances["training images"] < distances[best]  # the model is not trained
    assert best in of_a_vae["precision_recall"]["precision"] and best in of_a_vae["memorisation"]["ratio"]


def test_decoded_images_are_measured_once_more_after_sharpening(of_a_vae):
    model, held_out = small(), dataset(40)
    known, sharpened = statistics(model), of_a_vae["sharpened"]
    x, x_hat = data.all_images(held_out), known.sharpener(latent.reconstruct_all(model, held_out))
    assert sharpened["mse"] == pytest.approx((x - x_hat).square().mean().item(), rel=1e-4)
    measured = {"mse", "psnr", "frechet", "kernel"}
    errors = {f"{key}_error" for key in measured}
    assert set(sharpened) == measured | errors | {"best_prior", "precision_recall", "memorisation"}
    look = metrics.PixelFeatures(64).fit(data.all_images(dataset(90, seed=1)))
    expected, _ = metrics.estimate(metrics.frechet_distance, look(x_hat), look(x), paired=True)
    assert sharpened["frechet"]["pixels"]["reconstructions"] == pytest.approx(expected, rel=1e-3)
    assert set(sharpened["frechet"]["pixels"]) == set(of_a_vae["frechet"]["pixels"])
    for title, distance in sharpened["frechet"]["pixels"].items():
        assert (distance == of_a_vae["frechet"]["pixels"][title]) == (title == "training images")


def test_decoded_images_are_measured_once_more_with_detail(of_a_vae, with_detail):
    assert {key: value for key, value in with_detail.items() if key != "detail"} == of_a_vae
    detailed, plain = with_detail["detail"], of_a_vae
    assert set(detailed) == set(of_a_vae["unsharp_mask"])
    assert set(detailed["frechet"]["pixels"]) == set(of_a_vae["unsharp_mask"]["frechet"]["pixels"])
    assert detailed["mse"] == pytest.approx(plain["mse"] + SIGMA**2, rel=0.05)  # few pixels are clipped
    assert "The same, with detail:" in report.evaluation(with_detail)
    assert "with detail" not in report.evaluation(of_a_vae)


def test_an_unsharp_mask_is_the_baseline_of_sharpening(of_a_vae):
    model, held_out, masked = small(), dataset(40), of_a_vae["unsharp_mask"]
    x, x_hat = data.all_images(held_out), unsharp_mask(latent.reconstruct_all(model, held_out))
    assert masked["mse"] == pytest.approx((x - x_hat).square().mean().item(), rel=1e-4)
    best = f"samples, {of_a_vae['best_prior']}"
    assert set(masked["frechet"]["pixels"]) == {"training images", "reconstructions", best}
    assert masked["frechet"]["pixels"]["training images"] == of_a_vae["frechet"]["pixels"]["training images"]
    assert "edits" not in masked and masked["best_prior"] == of_a_vae["best_prior"]


def test_reconstructions_are_compared_with_other_images_than_their_own(of_a_vae):
    model, held_out = small(), dataset(40)
    x, x_hat = data.all_images(held_out), latent.reconstruct_all(model, held_out)
    look = metrics.PixelFeatures(64).fit(data.all_images(dataset(90, seed=1)))
    for key, distance in (("frechet", metrics.frechet_distance), ("kernel", metrics.kernel_distance)):
        others = metrics.estimate(distance, look(x_hat), look(x), paired=True)
        assert of_a_vae[key]["pixels"]["reconstructions"] == pytest.approx(others.value, rel=1e-3)
        assert of_a_vae[f"{key}_error"]["pixels"]["reconstructions"] == pytest.approx(others.error, rel=1e-3)


def test_every_distance_has_an_error(of_faces):
    for measured in (of_faces, of_faces["sharpened"], of_faces["unsharp_mask"]):
        for key in ("frechet", "kernel"):
            assert {name: set(sets) for name, sets in measured[key].items()} == {
                name: {title for title, error in sets.items() if error > 0}
                for name, sets in measured[f"{key}_error"].items()
            }
        for key in ("precision", "recall"):
            pairs = measured["precision_recall"]
            assert set(pairs[key]) == set(pairs[f"{key}_error"])
        assert set(measured["memorisation"]["ratio_error"]) == set(measured["memorisation"]["ratio"])
    for edit in of_faces["edits"].values():
        for success, error in zip(edit["success"], edit["success_error"], strict=True):
            assert error == pytest.approx(math.sqrt(success * (1 - success) / edit["faces"]))
        assert all(error > 0 for error in edit["leakage_error"])


def test_an_old_run_without_a_sharpener_is_measured_without_one(of_a_vae):
    model = small()
    known = statistics(model)
    known.sharpener = None
    results = evaluation.evaluate(model, dataset(90, seed=1), dataset(40), known)
    assert results == {key: value for key, value in of_a_vae.items() if key != "sharpened"}


def test_edits_of_faces_are_measured_sharpened_too(of_faces):
    assert list(of_faces["sharpened"]["edits"]) == list(of_faces["edits"])
    assert of_faces["sharpened"]["edits"] != of_faces["edits"]


def test_small_images_are_measured_in_pixels_alone(of_a_vae):
    assert list(of_a_vae["features"]) == ["pixels"] and of_a_vae["precision_recall"]["features"] == "pixels"
    assert of_a_vae["features"]["pixels"].startswith("64 principal components")
    assert "edits" not in of_a_vae
    assert "64 pixels or more" in of_a_vae["not_computed"]["attributes"]
    assert set(of_a_vae["not_computed"]) == {"attributes", "edits", "imagenet", "inception"}


def test_faces_are_measured_by_the_attribute_classifier(of_faces):
    assert list(of_faces["features"]) == list(of_faces["frechet"]) == ["attributes", "pixels"]
    assert "attributes64" in of_faces["features"]["attributes"]
    assert of_faces["precision_recall"]["features"] == of_faces["memorisation"]["features"] == "attributes"
    assert set(of_faces["edits"]) | {n.removeprefix("edits: ") for n in of_faces["not_computed"]} >= set(FACES[:2])
    for edit in of_faces["edits"].values():
        assert len(edit["success"]) == len(edit["strengths"]) == 5
        assert 0 <= edit["classifier_accuracy"] <= 1


def test_large_images_are_resized_for_the_attribute_classifier():
    model = small(size=128)
    results = evaluation.evaluate(model, dataset(10, 128, 1), dataset(8, 128), statistics(model))
    assert results["size"] == 128 and "attributes" in results["frechet"]


def test_an_autoencoder_has_no_likelihood():
    model = small(AutoEncoder)
    results = evaluation.evaluate(model, dataset(30, seed=1), dataset(20), statistics(model))
    assert not {"nll", "kl", "elbo", "iwae_bound", "active_units"} & set(results)
    assert {"mse", "frechet", "memorisation"} <= set(results)
    assert "likelihood" not in report.evaluation(results)


def test_without_attributes_there_is_nothing_to_edit():
    model = small(size=64)
    plain = dataset(20, 64, names=[])
    results = evaluation.evaluate(model, dataset(30, 64, 1, names=[]), plain, statistics(model, []))
    assert results["edits"] == {} and "no direction of Smiling" in results["not_computed"]["edits"]


def test_codes_and_labels_are_found_once_for_all_edits(monkeypatch):
    encoded, judged = [], []
    encode, accuracies = edits.encode_dataset, edits.classifier_accuracies
    monkeypatch.setattr(edits, "encode_dataset", lambda *args: encoded.append(1) or encode(*args))
    monkeypatch.setattr(edits, "classifier_accuracies", lambda *args: judged.append(1) or accuracies(*args))
    model = small(AutoEncoder, size=64)  # which has no likelihood that needs codes
    for names in (FACES, []):
        results = evaluation.evaluate(model, dataset(30, 64, 1), dataset(20, 64), statistics(model, names))
        assert bool(results["edits"]) == bool(results["sharpened"]["edits"]) == bool(names)
    assert (len(encoded), len(judged)) == (1, 1)  # none without a direction to edit along
    assert {"edits", "sharpened edits"} <= set(results["not_computed"])


def test_without_labels_the_attribute_classifier_has_no_accuracy(monkeypatch):
    monkeypatch.setattr(classifier, "probabilities", None)
    assert edits.classifier_accuracies(classifier.load(), dataset(5, 64, names=["Dog"])) == {}


def test_labels_are_compared_by_their_names():
    judge = classifier.load()
    ds = dataset(30, 64, names=["Dog", "Young", "Bald"])
    said = classifier.probabilities(judge, data.all_images(ds)) > 0.5
    ds.attributes[:, 1] = said[:, judge.attribute_names.index("Young")]
    ds.attributes[:, 2] = ~said[:, judge.attribute_names.index("Bald")]
    assert edits.classifier_accuracies(judge, ds) == {"Young": 1, "Bald": 0}


def test_of_many_images_the_first_are_taken(monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_IMAGES", 10)
    model = small()
    results = evaluation.evaluate(model, dataset(30, seed=1), dataset(20), statistics(model))
    assert results["images"] == results["samples"] == results["iwae_images"] == 10
    assert results["memorisation"]["training_images"] == 30  # a copy may be of any of them
    assert results["features"]["pixels"].startswith("10 principal components")


@pytest.mark.parametrize(("train", "held_out"), [(20, 7), (7, 20), (20, 2)])
def test_of_too_few_images_no_sets_are_compared(train, held_out):
    model = small()
    results = evaluation.evaluate(model, dataset(train), dataset(held_out), statistics(model))
    assert "frechet" not in results and "too few to compare" in results["not_computed"]["distances"]
    printed = report.evaluation(results)
    assert "psnr" in printed and "elbo" in printed and "not computed: distances" in printed
    assert "random halves" not in printed and "nan" not in printed


def test_one_image_is_refused():
    model = small()
    with pytest.raises(UserError, match="too few to compare: evaluate on a dataset"):
        evaluation.evaluate(model, dataset(20), dataset(1), statistics(model))


def test_another_dataset_cannot_have_been_memorised():
    model = small()
    results = evaluation.evaluate(model, dataset(30, seed=1), dataset(20), statistics(model), trained_on=False)
    assert "memorisation" not in results and "not trained on" in results["not_computed"]["memorisation"]


def test_an_evaluation_can_be_repeated_and_stored(of_a_vae):
    model = small()
    again = evaluation.evaluate(model, dataset(90, seed=1), dataset(40), statistics(model))
    assert json.loads(json.dumps(again, allow_nan=False)) == again == of_a_vae


def test_the_record_of_an_experiment_shows_its_distances(of_a_vae, of_faces, monkeypatch, tmp_path):
    monkeypatch.setattr("vaelib.runs.run.SHIPPED", tmp_path)
    (tmp_path / "faces64").mkdir()
    training = {"epochs": 3, "seconds": 2.5, "hardware": "an abacus"}
    for results, features in ((of_a_vae, "pixels"), (of_faces, "attributes")):
        record = json.dumps({"training": training, "evaluation": results})
        (tmp_path / "faces64" / "metrics.json").write_text(record)
        told = report.experiment("faces64").splitlines()[3]
        assert results["features"][features] in told and "40 held-out images" in told
        plain, sharpened = told.split("; sharpened: ")
        for part, judged in ((plain, results), (sharpened, results["sharpened"])):
            assert f"samples from gmm {judged['frechet'][features]['samples, gmm']:.3g}" in part


def test_the_recorded_distances_are_one_table(of_a_vae, of_faces, monkeypatch, tmp_path):
    monkeypatch.setattr("vaelib.runs.run.SHIPPED", tmp_path)
    for name, results in (("one", of_a_vae), ("two", of_faces), ("old", {"frechet": {"pixels": {}}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps({"evaluation": results}))
    table = report.distances("one", "two")
    assert list(table.columns) == ["model", "dataset", "finish", "set", "network", "metric", "value", "error"]
    row = table.query(
        "model == 'two' and finish == 'sharpen' and set == 'samples, gmm' and network == 'attributes'"
        " and metric == 'kernel'"
    )
    assert row["value"].item() == of_faces["sharpened"]["kernel"]["attributes"]["samples, gmm"]
    assert row["error"].item() == of_faces["sharpened"]["kernel_error"]["attributes"]["samples, gmm"]
    assert set(table.query("set == 'training images'")["finish"]) == {"plain"}
    assert not table.duplicated(["model", "finish", "set", "network", "metric"]).any()
    with pytest.raises(UserError, match="distances of old are not recorded"):
        report.distances("old")


def test_an_evaluation_is_printed_with_its_errors(of_faces):
    text = report.evaluation(of_faces)
    for key, scale in (("frechet", 1), ("kernel", 1000)):
        value, error = (of_faces[part]["attributes"]["samples, gmm"] * scale for part in (key, f"{key}_error"))
        assert str(metrics.Estimate(value, error)) in text
    assert "kernel distance × 1000" in text and "after an unsharp mask" in text
    assert "not computed: imagenet: no EfficientNet-Lite0" in text


def test_a_network_trained_on_imagenet_is_asked_if_it_is_installed(monkeypatch):
    monkeypatch.setattr(imagenet, "installed", lambda: True)
    monkeypatch.setattr(imagenet, "load", lambda device: lambda x: x.mean((2, 3)))
    monkeypatch.setattr(imagenet, "about", lambda: "3 colours")
    results = evaluation.evaluate(small(), dataset(20, seed=1), dataset(10), statistics(small()))
    assert list(results["frechet"]) == ["pixels", "imagenet"] and results["features"]["imagenet"] == "3 colours"
    assert "imagenet" not in results["not_computed"]
    assert results["frechet"]["imagenet"]["samples, gmm"] > results["frechet"]["imagenet"]["training images"]


# Comparison of sets


def test_copies_of_training_images_are_found():
    features = torch.randn(500, 8, generator=noise())
    training, held_out, reconstructions = features[:300], features[300:400], features[400:]
    sets = {evaluation.HELD_OUT: held_out, evaluation.RECONSTRUCTIONS: reconstructions}
    copies = sets | {"samples, gmm": training[:100] + 0.01}
    honest = sets | {"samples, gmm": torch.randn(100, 8, generator=noise(1))}
    ratios = [
        comparison.memorisation_metrics("x", s, training, "gmm")["ratio"]["samples, gmm"] for s in (copies, honest)
    ]
    assert ratios[0] < 0.05 and 0.8 < ratios[1] < 1.2


def test_without_new_images_among_the_held_out_ones_there_is_no_ratio():
    same = torch.randn(20, 4, generator=noise())
    sets = {evaluation.HELD_OUT: same, evaluation.RECONSTRUCTIONS: same, "samples, normal": same + 1}
    # Distances in integers, so that copies lie at exactly 0.
    results = comparison.memorisation_metrics("x", {k: v.round() for k, v in sets.items()}, same.round(), "normal")
    assert results["ratio"] == {"reconstructions": None, "samples, normal": None}


def test_the_best_prior_is_that_of_the_first_features():
    x = torch.randn(50, 3, generator=noise())
    near, far = x + 0.1, x + 5
    rest = dict.fromkeys((evaluation.HELD_OUT, evaluation.TRAINING, evaluation.RECONSTRUCTIONS), x)
    features = {
        "attributes": rest | {"samples, normal": far, "samples, gmm": near},
        "pixels": rest | {"samples, normal": near, "samples, gmm": far},
    }
    results = comparison.distance_metrics(features)
    assert results["best_prior"] == "gmm" and results["precision_recall"]["features"] == "attributes"
    assert results["frechet"]["pixels"]["samples, gmm"] == pytest.approx(3 * 25, rel=0.15)


# Inception


@pytest.fixture
def torchmetrics(monkeypatch, tmp_path):
    """A stand-in for torchmetrics whose network averages the colours. Its weights are in the cache."""
    fid = types.ModuleType("torchmetrics.image.fid")

    class Distance:
        def __init__(self, width):
            assert width == 2048
            self.inception = torch.nn.Sequential(ToFloat(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

    class ToFloat(torch.nn.Module):
        def forward(self, x):
            assert x.dtype == torch.uint8
            return x.float()

    fid.FrechetInceptionDistance = Distance
    for name in ("torchmetrics", "torchmetrics.image"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, fid.__name__, fid)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: tmp_path)
    monkeypatch.setattr(inception.metadata, "version", lambda name: "1.2.3")
    weights = tmp_path / "checkpoints" / inception.WEIGHTS
    weights.parent.mkdir()
    weights.touch()
    return fid


def evaluated_with_inception() -> dict:
    model = small()
    return evaluation.evaluate(model, dataset(20, seed=1), dataset(10), statistics(model), with_inception=True)


def test_inception_gives_one_more_distance(torchmetrics):
    results = evaluated_with_inception()
    assert "torchmetrics 1.2.3" in results["features"]["inception"] and "inception" not in results["not_computed"]
    assert list(results["frechet"]["inception"]) == list(results["frechet"]["pixels"])
    assert results["frechet"]["inception"]["training images"] > 0


def test_without_torchmetrics_the_record_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)  # as if it were not installed
    results = evaluated_with_inception()
    assert "pip install" in results["not_computed"]["inception"] and "inception" not in results["frechet"]
    assert "not computed: inception: torchmetrics is not installed" in report.evaluation(results)


def test_without_weights_and_network_the_record_says_so(torchmetrics, monkeypatch, tmp_path):
    def unreachable(*_, timeout):
        assert timeout <= 10
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(download.urllib.request, "urlopen", unreachable)
    (tmp_path / "checkpoints" / inception.WEIGHTS).unlink()
    assert "out of reach" in evaluated_with_inception()["not_computed"]["inception"]


def test_weights_that_cannot_be_loaded_are_a_reason_too(torchmetrics):
    def broken(width):
        raise RuntimeError("invalid hash value\nand more")

    torchmetrics.FrechetInceptionDistance = broken
    with pytest.raises(UserError, match=r"cannot be loaded \(invalid hash value\)"):
        inception.load()


def test_an_error_without_words_is_named_by_its_type(torchmetrics):
    def broken(width):
        raise RuntimeError

    torchmetrics.FrechetInceptionDistance = broken
    with pytest.raises(UserError, match=r"cannot be loaded \(RuntimeError\): fix that first"):
        inception.load()


# The table


def test_the_table_has_every_group(of_faces):
    text = report.evaluation(of_faces)
    for part in ("crop: the largest centred square", "psnr", "IWAE bound, 50 draws, first 40 images", "samples, gmm"):
        assert part in text
    assert f"{of_faces['elbo']:,.0f}" in text
    assert str(metrics.Estimate(of_faces["bits_per_dim"], of_faces["bits_per_dim_error"])) in text
    name, edit = next(iter(of_faces["edits"].items()))
    accuracy = f"accuracy of the attribute classifier {100 * edit['classifier_accuracy']:.1f} %"
    assert f"edit: {name}, of {edit['faces']} faces without it; {accuracy}\n" in text
    assert "not computed: inception: --inception was not given" in text
    assert max(map(len, text.splitlines())) <= 120 and "nan" not in text.lower()


def test_numbers_keep_three_digits():
    assert [report._cell(value) for value in (0.012345, 1.0, 123.4, -15488.6, None, "x", float("nan"))] == [
        "0.0123",
        "1",
        "123",
        "-15,489",
        "",
        "x",
        "",
    ]
