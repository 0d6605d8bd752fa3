"""A cache is used again only while its source is what it was."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.data.images import encoded, load, pattern, put, tarred, zipped
from vaelib import data
from vaelib.errors import UserError

NAMES = [f"{i}.png" for i in range(12)]


def everything(path: Path) -> np.ndarray:
    return np.concatenate([load(path, split).images for split in ("train", "valid", "test")])


def is_prepared_again(path: Path, capsys: pytest.CaptureFixture) -> bool:
    capsys.readouterr()
    load(path)
    return "out of date" in capsys.readouterr().err


def change(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    later = time.time_ns() + 10**9  # as if a second had passed
    os.utime(path, ns=(later, later))


def other_picture(path: Path) -> None:
    change(path / "a/3.png", encoded(pattern(99)))


def renamed(path: Path) -> None:
    (path / "a/3.png").rename(path / "a/new.png")


def added_in_a_new_folder(path: Path) -> None:
    put(path / "a", "more/deep/1.png")


def removed(path: Path) -> None:
    (path / "a/3.png").unlink()


def swapped(path: Path) -> None:
    """Two files change their names: each name, and every folder's list of names, stays."""
    (path / "a/1.png").rename(path / "a/x")
    (path / "a/2.png").rename(path / "a/1.png")
    (path / "a/x").rename(path / "a/2.png")


@pytest.mark.parametrize("action", [other_picture, renamed, added_in_a_new_folder, removed, swapped])
def test_a_change_of_an_image_is_noticed(tmp_path, capsys, action):
    put(tmp_path / "a", *NAMES)
    before = everything(tmp_path / "a")
    assert not is_prepared_again(tmp_path / "a", capsys)
    action(tmp_path)
    assert is_prepared_again(tmp_path / "a", capsys)
    assert not is_prepared_again(tmp_path / "a", capsys)
    assert action is renamed or not np.array_equal(before, everything(tmp_path / "a"))


def test_a_picture_behind_a_link_is_noticed(tmp_path, capsys):
    put(tmp_path / "store", "p.png")
    put(tmp_path / "a", *NAMES)
    (tmp_path / "a/link.png").symlink_to(tmp_path / "store/p.png")
    load(tmp_path / "a")
    change(tmp_path / "store/p.png", encoded(pattern(99)))
    assert is_prepared_again(tmp_path / "a", capsys)


def test_files_that_are_no_images_change_nothing(tmp_path, capsys):
    put(tmp_path / "a", *NAMES)
    load(tmp_path / "a")
    put(tmp_path / "a", ".DS_Store", "notes.txt", "Thumbs.db", content=b"text")
    (tmp_path / "a/empty").mkdir()
    assert not is_prepared_again(tmp_path / "a", capsys)


@pytest.mark.parametrize(("name", "write"), [("a.zip", zipped), ("a.tar.gz", lambda p, n: tarred(p, n, "w:gz"))])
def test_a_changed_archive_is_noticed(tmp_path, capsys, name, write):
    write(tmp_path / name, NAMES)
    load(tmp_path / name)
    assert not is_prepared_again(tmp_path / name, capsys)
    write(tmp_path / name, NAMES[:-1])
    assert is_prepared_again(tmp_path / name, capsys)


def test_a_cache_whose_folder_is_gone_is_still_used(tmp_path):
    put(tmp_path / "a", *NAMES)
    cache = data.prepare(tmp_path / "a", 32, tmp_path / "root", progress=False)
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "a").mkdir()  # an empty folder is a change, and there is nothing to prepare
    with pytest.raises(UserError, match="There is no image"):
        load(tmp_path / "a")
    assert cache.is_dir()


def test_a_killed_preparation_of_another_dataset_is_cleared(tmp_path):
    left = tmp_path / "root/prepared/elsewhere-64.partial"
    left.mkdir(parents=True)
    (left / "images.npy").write_bytes(b"half")
    load(put(tmp_path / "a", *NAMES))
    assert not left.exists()


def test_a_preparation_that_is_running_is_left_alone(tmp_path):
    from filelock import FileLock

    running = tmp_path / "root/prepared/elsewhere-64.partial"
    running.mkdir(parents=True)
    with FileLock(running.with_name(".elsewhere-64.lock")):
        load(put(tmp_path / "a", *NAMES))
        assert running.is_dir()


def test_a_name_that_is_no_utf8_or_very_long(tmp_path):
    for name in (b"M\xfcnchen", "ж".encode() * 120, b"a" * 250):
        folder = tmp_path / os.fsdecode(name)
        put(folder, *NAMES, os.fsdecode(b"class\xff/1.png"), os.fsdecode(b"b/\xe9.png"))
        assert len(everything(folder)) == 14
