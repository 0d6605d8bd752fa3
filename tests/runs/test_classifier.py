"""The attribute classifier: what it learns, how it is stored, and the one that is shipped."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from release import train_classifier
from vaelib import data
from vaelib.data import Dataset
from vaelib.runs import Run, classifier
from vaelib.support import tensorfiles
from vaelib.support.errors import UserError

NAMES = ["Red", "Bright_Above"]


def small(size: int = 16) -> classifier.AttributeNetwork:
    torch.manual_seed(0)
    return classifier.AttributeNetwork(NAMES, channels=(8, 16), image_size=size)


def coloured(n: int, seed: int = 0) -> Dataset:
    """Noise of 16 pixels: reddish or bluish, and with or without a bright band above."""
    generator = np.random.default_rng(seed)
    labels = generator.random((n, 2)) < 0.5
    images = generator.integers(0, 150, (n, 3, 16, 16), dtype=np.uint8)
    images[labels[:, 0], 0] += 60
    images[~labels[:, 0], 2] += 60
    images[labels[:, 1], :, :4] += 40
    return Dataset(images, "coloured", "train", torch.from_numpy(labels), NAMES)


@pytest.fixture(scope="module")
def fitted() -> tuple[classifier.AttributeNetwork, object]:
    network, settings = small(), {"epochs": 6, "batch_size": 32, "learning_rate": 1e-2, "progress": False}
    return network, train_classifier.fit(network, coloured(512), coloured(100, 1), **settings)


def test_it_learns_what_can_be_seen(fitted):
    network, history = fitted
    assert list(history) == ["epoch", "train_loss", "valid_accuracy"] and len(history) == 6
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert (train_classifier.accuracies(network, coloured(200, 2)) > 0.9).all()
    assert not network.training


def test_its_history_ends_in_the_accuracy_of_the_returned_network(fitted):
    network, history = fitted
    accuracy = train_classifier.accuracies(network, coloured(100, 1)).mean().item()
    assert history["valid_accuracy"].iloc[-1] == pytest.approx(accuracy)


def test_the_same_seed_gives_the_same_network():
    histories = [
        train_classifier.fit(small(), coloured(64), coloured(16), epochs=1, batch_size=16, seed=seed, progress=False)
        for seed in (0, 0, 1)
    ]
    assert histories[0].equals(histories[1]) and not histories[0].equals(histories[2])


def test_a_set_smaller_than_a_batch_is_refused():
    with pytest.raises(UserError, match="smaller batch_size"):
        train_classifier.fit(small(), coloured(10), coloured(10), progress=False)


def test_training_images_are_mirrored_and_moved_a_little():
    images = torch.zeros(200, 3, 16, 16, dtype=torch.uint8)
    images[:, :, 8, 4] = 255
    moved = train_classifier._augmented(images, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape and moved.amax((1, 2, 3)).eq(1).all()
    rows, columns = (moved[:, 0] == 1).nonzero()[:, 1:].T
    assert rows.unique().numel() == 1 and abs(rows[0] - 8) <= train_classifier.SHIFT  # the batch moves as one
    assert columns.unique().numel() == 2 and columns.diff().abs().max() == 15 - 4 - 4  # the place and its mirror image


def test_probabilities_and_features_have_a_row_an_image(fitted):
    network, _ = fitted
    x = torch.rand(300, 3, 16, 16)
    said, seen = classifier.probabilities(network, x), classifier.features(network, x)
    assert said.shape == (300, 2) and seen.shape == (300, 16)
    assert 0 <= said.min() < said.max() <= 1 and not said.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(said, torch.sigmoid(network.head(seen)))


def test_large_images_are_first_resized_to_the_size_that_it_was_trained_on(fitted):
    network, _ = fitted
    x = torch.rand(4, 3, 1, 1).expand(4, 3, 16, 16)
    large = x[..., :1, :1].expand(4, 3, 40, 40)
    torch.testing.assert_close(classifier.features(network, large), classifier.features(network, x))
    dotted = torch.zeros(1, 3, 64, 64)
    dotted[..., ::2, ::2] = 1  # averages to 1/4; a filter that drops pixels would see 0 or 1
    grey = torch.full((1, 3, 16, 16), 0.25)
    inside = classifier.features(network, dotted)
    torch.testing.assert_close(inside, classifier.features(network, grey), atol=0.05, rtol=0.05)


def test_small_images_are_refused(fitted):
    with pytest.raises(UserError, match="too small for the classifier: give 16 or more"):
        classifier.features(fitted[0], torch.rand(2, 3, 8, 8))


def test_a_loaded_network_answers_like_the_saved_one(fitted, tmp_path):
    network, _ = fitted
    train_classifier.save(tmp_path, network)
    loaded = classifier.load(tmp_path)
    assert loaded.config == network.config and not loaded.training
    x = torch.rand(50, 3, 16, 16)
    said = classifier.probabilities(network, x)
    torch.testing.assert_close(classifier.probabilities(loaded, x), said, atol=0.01, rtol=0)  # float16


@pytest.mark.parametrize(
    "header", [{}, {"attribute_names": NAMES, "channels": [8, 4], "image_size": 16}, {"attribute_names": 3}, [], "x"]
)
def test_a_file_of_another_network_is_refused(fitted, tmp_path, header):
    tensorfiles.write_tensors(tmp_path / "model.safetensors", fitted[0].state_dict(), header)
    with pytest.raises(UserError, match="does not hold the attribute network"):
        classifier.load(tmp_path)


def test_a_missing_or_damaged_file_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        classifier.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"PK nonsense")
    with pytest.raises(UserError, match="pickle"):
        classifier.load(tmp_path)


# The shipped network


def test_the_shipped_network_names_celebas_attributes():
    network = classifier.load()
    assert len(network.attribute_names) == 40 and {"Smiling", "Eyeglasses", "Male"} <= set(network.attribute_names)
    assert classifier.features(network, torch.rand(2, 3, 64, 64)).shape == (2, 256)
    assert (classifier.SHIPPED / "model.safetensors").stat().st_size < 2e6


def test_the_shipped_network_comes_with_its_record():
    network, run = classifier.load(), Run(classifier.SHIPPED)
    evaluation = run.metrics["evaluation"]
    assert list(evaluation["attributes"]) == network.attribute_names
    better = [row["accuracy"] >= row["majority"] for row in evaluation["attributes"].values()]
    assert sum(better) >= 38  # of 40
    assert evaluation["mean_accuracy"] > 0.9 > evaluation["mean_majority"]
    assert len(run.history) == run.metrics["training"]["epochs"]
    card = (classifier.SHIPPED / "README.md").read_text()
    for part in ("Model.", "Data.", "Training.", "Accuracy.", "Use.", "Licence."):
        assert f"**{part}**" in card
    assert f"{100 * evaluation['mean_accuracy']:.1f} % on the labels of" in card


def test_the_shipped_network_is_accurate_on_real_faces():
    if not Path(os.environ.get("VAELIB_DATA", "/nowhere"), "prepared", "celeba-64").is_dir():
        pytest.skip("VAELIB_DATA names no folder with CelebA prepared at 64 pixels")
    valid = data.load("celeba", 64, "valid").subset(500)
    accuracy = train_classifier.accuracies(classifier.load(), valid)
    assert accuracy.mean() > 0.89
    assert accuracy[valid.attribute_names.index("Smiling")] > 0.88


@pytest.mark.parametrize("script", ["train_classifier", "pack_images"])
def test_a_script_without_its_images_says_so_in_a_sentence(script, tmp_path, monkeypatch, capsys):
    def missing(*_):
        raise UserError("CelebA is not there: put it there.")

    main = importlib.import_module(f"release.{script}").main
    monkeypatch.setattr(data, "load", missing)
    monkeypatch.setattr("sys.argv", [script, str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert (stop.value.code, capsys.readouterr().err) == (2, f"{script}: CelebA is not there: put it there.\n")
    assert not any(tmp_path.iterdir())


def test_the_script_writes_the_folder_that_is_loaded(fitted, tmp_path):
    train_classifier.write(tmp_path, *fitted, {"images": 512, "seed": 0, "seconds": 1.5}, coloured(100, 1))
    assert classifier.load(tmp_path).attribute_names == NAMES
    metrics = Run(tmp_path).metrics
    labels = coloured(100, 1).attributes[:, 0].float().mean().item()
    assert metrics["evaluation"]["attributes"]["Red"]["majority"] == pytest.approx(max(labels, 1 - labels))
    assert metrics["training"]["epochs"] == 6 and metrics["training"]["images"] == 512
    assert "16 x 16 pixels" in (tmp_path / "README.md").read_text()
