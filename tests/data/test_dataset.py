"""Arrays of one's own: uint8 images as vaelib wants them, and one sentence about all others."""

import numpy as np
import pytest
import torch

from vaelib import data, models, training
from vaelib.data import Dataset
from vaelib.errors import UserError

GOOD = np.random.default_rng(0).integers(0, 256, (24, 3, 32, 32), dtype=np.uint8)
FLOATS = (GOOD / 255).astype(np.float32)


def test_an_array_and_a_tensor_are_taken():
    for images in (GOOD, torch.from_numpy(GOOD)):
        x = next(iter(data.loader(Dataset(images, "mine", "train"), 8)))
        assert torch.allclose(x, torch.from_numpy(FLOATS[:8]))


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (FLOATS, "float32 of shape (24, 3, 32, 32) from 0 to 1"),
        (FLOATS * 2 - 1, "float32 of shape (24, 3, 32, 32) from -1 to 1"),
        (FLOATS.astype(np.float16), "float16 of shape"),
        (torch.from_numpy(FLOATS), "float32 of shape (24, 3, 32, 32) from 0 to 1"),
        (GOOD.astype(np.int64), "int64 of shape (24, 3, 32, 32) from 0 to 255"),
        (GOOD.astype(np.uint16) * 257, "uint16 of shape (24, 3, 32, 32) from 0 to 65535"),
        (GOOD > 128, "bool of shape"),
        (GOOD.transpose(0, 2, 3, 1), "uint8 of shape (24, 32, 32, 3) from 0 to 255"),
        (GOOD[:, :1], "uint8 of shape (24, 1, 32, 32)"),
        (GOOD[:, 0], "uint8 of shape (24, 32, 32)"),
        (GOOD[0], "uint8 of shape (3, 32, 32)"),
        (np.concatenate([GOOD, GOOD[:, :1]], axis=1), "uint8 of shape (24, 4, 32, 32)"),
        (GOOD.astype(object), "object of shape"),
        (np.array(3), "int64 of shape ()"),
        (list(GOOD), "a list"),
        (None, "a NoneType"),
    ],
)
def test_other_images_are_refused_with_what_was_found_and_what_is_expected(images, found):
    with pytest.raises(UserError) as caught:
        Dataset(images, "mine", "train")
    message = str(caught.value)
    assert found in message and "uint8 of shape (N, 3, height, width) from 0 to 255 is expected" in message


def test_zeros_and_ones_are_no_bytes():
    with pytest.raises(UserError, match="from 0 to 1: 0 to 255 is expected, so multiply them by 255"):
        Dataset((GOOD > 128).astype(np.uint8), "mine", "train")
    assert len(Dataset(np.zeros_like(GOOD), "black", "train")) == 24


@pytest.mark.parametrize(
    "attributes",
    [torch.ones(24, 2), torch.ones(23, 2, dtype=torch.bool), torch.ones(24, dtype=torch.bool), np.ones((24, 2), bool)],
)
def test_labels_of_another_kind_are_refused(attributes):
    with pytest.raises(UserError, match=r"a bool tensor of shape \(24, 2\) is expected"):
        Dataset(GOOD, "mine", "train", attributes, ["Smiling", "Male"])


def fitted(train, valid, size=32) -> None:
    training.fit(models.VAE(size, 4, (8, 16)), train, valid, epochs=1, batch_size=8, progress=False)


@pytest.mark.parametrize("bare", [GOOD, torch.from_numpy(GOOD), FLOATS, [1, 2], None])
def test_what_is_no_dataset_is_refused_by_name(bare):
    good = Dataset(GOOD, "mine", "train")
    with pytest.raises(UserError, match=r"^train is .*, not a Dataset: make one by data\.Dataset"):
        fitted(bare, good)
    with pytest.raises(UserError, match=r"^valid is .*, not a Dataset"):
        fitted(good, bare)
    with pytest.raises(UserError, match=r"data\.loader is .*, not a Dataset"):
        data.loader(bare)


@pytest.mark.parametrize("shape", [(24, 3, 16, 16), (24, 3, 32, 48), (0, 3, 32, 32)])
def test_images_of_another_size_than_the_models_are_refused(shape):
    other, good = Dataset(np.zeros(shape, np.uint8), "other", "train"), Dataset(GOOD, "mine", "train")
    with pytest.raises(UserError) as caught:
        fitted(good, other)
    assert f"valid have the shape {shape}, and the model takes ('N', 3, 32, 32)" in str(caught.value)
