"""The prepared cache, on a few rendered pictures: it is written whole or not at all, and repaired if damaged."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from vaelib import data
from vaelib.data import faces, parallel, synthetic
from vaelib.support.errors import UserError

COUNTS = {"train": 40, "valid": 6, "test": 5}


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr(synthetic, "COUNTS", COUNTS)
    monkeypatch.setattr(synthetic, "FACES_AT_ONCE", 16)


def load(root: Path, split: str = "train", name: str = "faces") -> data.Dataset:
    return data.load(name, size=32, split=split, root=root, progress=False)


def prepare(root: Path) -> Path:
    return data.prepare("faces", size=32, root=root, progress=False)


def left_over(root: Path) -> list[Path]:
    """The files among the caches, except for the lock and finished caches."""
    return [path for path in root.glob("prepared/*") if not path.name.endswith((".lock", "-32"))]


def test_it_is_known_whether_a_set_is_prepared(tmp_path):
    assert not data.is_prepared("faces", size=32, root=tmp_path)
    prepare(tmp_path)
    assert data.is_prepared("faces", size=32, root=tmp_path)
    assert not data.is_prepared("faces", size=64, root=tmp_path)


def test_faces_come_with_attributes_and_factors(tmp_path):
    parts = [load(tmp_path, split) for split in COUNTS]
    assert [len(ds) for ds in parts] == list(COUNTS.values())
    factors = faces.sample_factors(sum(COUNTS.values()), seed=0)
    labels, names = faces.attributes(factors)
    assert torch.equal(torch.cat([ds.attributes for ds in parts]), labels)
    assert torch.equal(torch.cat([ds.factors for ds in parts]), factors.values)
    assert (parts[0].attribute_names, parts[0].factor_names) == (list(names), list(faces.FACTOR_NAMES))
    pictures = torch.from_numpy(np.concatenate([ds.images for ds in parts])) / 255
    assert (pictures - faces.render(factors, 32)).abs().max() <= 1 / 255
    assert all(ds.synthetic and ds.name == "faces" and ds.crop == "none" for ds in parts)


def test_objects_have_one_class_each(tmp_path):
    ds = load(tmp_path, name="objects")
    assert ds.images.shape == (COUNTS["train"], 3, 32, 32)
    assert ds.attributes.sum(dim=1).tolist() == [1] * COUNTS["train"]
    assert "airplane" in ds.attribute_names
    assert ds.factors is None


def test_images_stay_on_the_disk_and_cannot_be_changed(tmp_path):
    images = load(tmp_path).images
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_a_subset_is_the_first_examples_of_everything(tmp_path):
    ds = load(tmp_path)
    some = ds.subset(7)
    assert [len(some), len(some.attributes), len(some.factors)] == [7, 7, 7]
    assert np.array_equal(some.images, ds.images[:7])
    assert len(ds.subset(1000)) == len(ds)


def test_the_second_call_does_not_render(tmp_path, monkeypatch):
    first = prepare(tmp_path)
    monkeypatch.setattr(synthetic, "face_contents", lambda size: pytest.fail("rendered again"))
    assert prepare(tmp_path) == first == tmp_path / "prepared" / "faces-32"


def test_a_newer_renderer_renders_again(tmp_path, monkeypatch, capsys):
    prepare(tmp_path)
    monkeypatch.setattr(synthetic, "version", lambda name: "newer")
    prepare(tmp_path)
    assert "out of date" in capsys.readouterr().err


def changed_index(cache: Path, **changes: object) -> None:
    index = json.loads((cache / "index.json").read_text())
    (cache / "index.json").write_text(json.dumps(index | changes))


@pytest.mark.parametrize("name", ["images.npy", "attributes.npy", "factors.npy"])
@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_damaged_header_of_an_array_is_noticed(tmp_path, capsys, name, place):
    good = np.array(load(tmp_path).images)
    path = tmp_path / "prepared" / "faces-32" / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    ds = load(tmp_path)
    assert np.array_equal(ds.images, good) and ds.factors.shape == (40, len(ds.factor_names))
    capsys.readouterr()


@pytest.mark.parametrize(
    "changes",
    [
        {"splits": {"train": [0, 40], "valid": [40, 46]}},
        {"splits": {"train": [0, 40], "valid": [40, 46], "test": [46, 52]}},
        {"splits": {"train": [40, 0], "valid": [40, 46], "test": [46, 51]}},
        {"splits": {"train": [0, 40], "valid": [40], "test": [46, 51]}},
        {"splits": {"train": [0, 40], "valid": [41, 46], "test": [46, 51]}},
        {"splits": {"train": [0, 40.0], "valid": [40, 46], "test": [46, 51]}},
        {"attribute_names": []},
        {"factor_names": None},
        {"synthetic": None},
        {"source": 3},
        {"stamp": []},
        {"bytes": {}},
    ],
    ids=str,
)
def test_an_index_that_does_not_fit_the_arrays_is_noticed(tmp_path, capsys, changes):
    changed_index(prepare(tmp_path), **changes)
    assert len(load(tmp_path)) == COUNTS["train"]
    assert "faces-32 is damaged: it is prepared again." in capsys.readouterr().err


def test_an_array_that_is_a_pickle_is_never_opened(tmp_path, capsys):
    path = prepare(tmp_path) / "images.npy"
    opened = []
    array = np.array([[[[Opened(opened)]]]], dtype=object)
    np.save(path, array, allow_pickle=True)
    changed_index(path.parent, bytes={file.name: file.stat().st_size for file in path.parent.glob("*.npy")})
    assert len(load(tmp_path)) == COUNTS["train"] and opened == []
    capsys.readouterr()


class Opened:
    """Raises an error when it is unpickled."""

    def __init__(self, opened: list):
        self.opened = opened

    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("damage", ["truncated", "no index", "half an index", "file gone"])
def test_a_damaged_cache_is_prepared_again(tmp_path, capsys, damage):
    good = np.array(load(tmp_path).images)
    cache = prepare(tmp_path)
    if damage == "truncated":
        os.truncate(cache / "images.npy", 1000)
    elif damage == "no index":
        (cache / "index.json").unlink()
    elif damage == "half an index":
        os.truncate(cache / "index.json", 100)
    else:
        (cache / "factors.npy").unlink()
    assert np.array_equal(load(tmp_path).images, good)
    message = capsys.readouterr().err
    assert "faces-32 is damaged: it is prepared again." in message


def test_a_stale_partial_folder_is_cleared(tmp_path):
    partial = tmp_path / "prepared" / "faces-32.partial"
    partial.mkdir(parents=True)
    (partial / "index.json").write_text("{}")
    assert len(load(tmp_path)) == COUNTS["train"]
    assert not left_over(tmp_path)


def test_a_killed_preparation_is_started_again(tmp_path):
    """A process is killed while it writes. The next one neither uses its files nor waits for its lock."""
    script = (
        "import os, time; from vaelib import data; from vaelib.data import synthetic\n"
        "synthetic._as_uint8 = lambda images: (os.write(1, b'rendering\\n'), time.sleep(60))\n"
        f"data.prepare('faces', size=32, root={str(tmp_path)!r}, progress=False)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert line == b"rendering\n"
    assert left_over(tmp_path)
    assert len(load(tmp_path)) == COUNTS["train"]
    assert not left_over(tmp_path)


def test_an_error_half_way_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic.faces, "render", lambda factors, size: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(tmp_path)
    assert not left_over(tmp_path)
    assert not (tmp_path / "prepared" / "faces-32").exists()


def test_too_little_space_is_an_error_before_the_work(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    monkeypatch.setattr(synthetic.faces, "render", lambda factors, size: pytest.fail("rendered"))
    with pytest.raises(UserError, match="disk is full"):
        prepare(tmp_path)
    assert not left_over(tmp_path)


def test_a_disk_that_fills_up_meanwhile(tmp_path, monkeypatch):
    prepare(tmp_path)
    good = np.array(load(tmp_path).images)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(synthetic, "version", lambda name: "newer")
    with pytest.raises(UserError, match="disk is full"):
        prepare(tmp_path)
    assert not left_over(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(synthetic, "face_contents", lambda size: pytest.fail("the old cache was lost"))
    assert np.array_equal(load(tmp_path).images, good)


def test_a_root_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match="is not permitted"):
        prepare(tmp_path)


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a file is in the way"):
        prepare(tmp_path / "file")


def test_a_written_cache_needs_no_writing(tmp_path, monkeypatch):
    """A lecturer prepares it once in a folder that is read-only for the class."""
    prepare(tmp_path)
    monkeypatch.setattr(Path, "mkdir", lambda *arguments, **options: pytest.fail("wrote"))
    monkeypatch.setattr("vaelib.data.cache.FileLock", lambda path: pytest.fail("locked"))
    assert len(load(tmp_path)) == COUNTS["train"]


def test_the_index_says_what_is_there(tmp_path):
    index = json.loads((prepare(tmp_path) / "index.json").read_text())
    assert index["splits"] == {"train": [0, 40], "valid": [40, 46], "test": [46, 51]}
    assert index["bytes"].keys() == {"images.npy", "attributes.npy", "factors.npy"}


def test_the_root_comes_from_the_argument_or_the_environment_or_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path / "there"))
    assert data.default_root() == tmp_path / "there"
    assert data.prepare("faces", 32, progress=False).is_relative_to(tmp_path / "there")
    assert data.prepare("faces", 32, tmp_path / "here", progress=False).is_relative_to(tmp_path / "here")
    monkeypatch.delenv("VAELIB_DATA")
    assert data.default_root().name == "vaelib"
    assert data.default_root().is_relative_to(Path.home()) or os.environ.get("XDG_CACHE_HOME")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cifar-10",), "There is no dataset 'cifar-10': did you mean cifar10"),
        (("faces", 64, "training"), "There is no split 'training': did you mean train"),
        (("faces", 48), "faces is not available at 48 pixels: choose size 32 or 64 or 128."),
        (("objects", 64), "choose size 32."),
        (("no/such/folder",), "no/such/folder does not exist"),
        (("photos.zip",), "photos.zip does not exist"),
    ],
)
def test_a_missing_set_is_explained(tmp_path, arguments, message):
    with pytest.raises(UserError) as caught:
        data.load(*arguments, root=tmp_path, progress=False)
    assert message in str(caught.value)


def test_threads_keep_the_order_and_torchs_own_threads_come_back():
    before = torch.get_num_threads()
    assert list(parallel.ordered(lambda job: job * job, range(100))) == [n * n for n in range(100)]
    assert torch.get_num_threads() == before
