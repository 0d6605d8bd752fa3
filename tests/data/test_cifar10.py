"""CIFAR-10 from the official batches (small test files with their own checksums) and from a tree of images."""

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from vaelib import data
from vaelib.data import cifar10
from vaelib.support.errors import UserError

CLASSES = ["airplane", "automobile", "bird"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(cifar10, "reachable", lambda url: False)


def write_pickle(folder: Path, name: str, content: dict) -> list[str]:
    (folder / name).write_bytes(pickle.dumps(content))
    return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]


def batch(start: int, n: int) -> dict:
    """Image i has red value i and class i mod 3."""
    images = np.zeros((n, 3, 32, 32), dtype=np.uint8)
    images[:, 0] = np.arange(start, start + n)[:, None, None]
    return {"data": images.reshape(n, -1), "labels": [i % 3 for i in range(start, start + n)]}


@pytest.fixture
def batches(tmp_path, monkeypatch) -> Path:
    """The official layout with 40 + 10 images, declared to be the published files."""
    folder = tmp_path / "cifar10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    train = [write_pickle(folder, f"data_batch_{i}", batch(20 * i - 20, 20)) for i in (1, 2)]
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", [write_pickle(folder, "test_batch", batch(100, 10))])
    name, checksum = write_pickle(folder, "batches.meta", {"label_names": CLASSES})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": checksum})
    return folder


def load(root: Path, split: str = "train") -> data.Dataset:
    return data.load("cifar10", split=split, root=root, progress=False)


def test_official_batches(tmp_path, batches):
    parts = {split: load(tmp_path, split) for split in ("train", "valid", "test")}
    reds = {split: ds.images[:, 0, 5, 5].tolist() for split, ds in parts.items()}
    assert reds == {"train": list(range(36)), "valid": list(range(36, 40)), "test": list(range(100, 110))}
    assert parts["valid"].attributes.int().argmax(dim=1).tolist() == [i % 3 for i in range(36, 40)]
    assert parts["train"].attribute_names == CLASSES
    assert not parts["train"].images[:, 1:].any()


def test_batches_may_lie_in_the_root_itself(tmp_path, batches):
    batches.rename(tmp_path / batches.name)
    assert len(load(tmp_path)) == 36


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a file that is not the published one was unpickled",))


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_an_unknown_pickle_is_never_opened(tmp_path, batches, name):
    (batches / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match=r"not whole in .* put cifar-10-python.tar.gz"):
        load(tmp_path)


def test_no_data_and_no_network(tmp_path):
    with pytest.raises(UserError, match=r"out of reach: put cifar-10-python.tar.gz, from https://www.cs.toronto.edu"):
        load(tmp_path)
    assert not list(tmp_path.glob("prepared/*.partial"))


def test_a_download_that_fails(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("connection lost")

    monkeypatch.setattr(cifar10, "reachable", lambda url: True)
    monkeypatch.setattr(CIFAR10, "download", refuse)
    with pytest.raises(UserError, match=r"could not be had \(connection lost\): put cifar-10-python.tar.gz"):
        load(tmp_path)


def test_a_tree_of_images(tmp_path):
    """The numbers start again in each class. The validation images still come from all classes."""
    for place, name in enumerate(CLASSES):
        for i in range(13):
            put_image(tmp_path / "cifar10" / ("train" if i < 10 else "test") / name / f"{i:04}.png", place, i)
    train, valid, test = (load(tmp_path, split) for split in ("train", "valid", "test"))
    assert [len(train), len(valid), len(test)] == [27, 3, 9]
    assert valid.attributes.sum(dim=0).tolist() == [1, 1, 1]
    assert train.attribute_names == CLASSES
    assert test.images[:, 0, 0, 0].tolist() == [10, 10, 10, 11, 11, 11, 12, 12, 12]
    assert test.images[:, 1, 0, 0].tolist() == test.attributes.int().argmax(dim=1).tolist()


def put_image(path: Path, place: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (number, place, 0)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


def test_a_tree_without_images(tmp_path):
    (tmp_path / "cifar10" / "train").mkdir(parents=True)
    with pytest.raises(UserError, match="No image lies in"):
        load(tmp_path)
