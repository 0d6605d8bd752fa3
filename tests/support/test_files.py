"""Files are written whole or not at all, and errors of the disk are explained in one sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
import torch

from vaelib.support.errors import UserError
from vaelib.support.files import atomic_write, expanded, make_folder, require_folder_of
from vaelib.support.tensorfiles import read_tensors, write_tensors


@pytest.fixture
def path(tmp_path):
    old = tmp_path / "table.csv"
    old.write_text("old")
    return old


def names(folder):
    """The names of all files in a folder, hidden ones included."""
    return [path.name for path in folder.iterdir()]


def write_and_raise(path, error):
    with atomic_write(path) as partial:
        partial.write_text("half of the n")
        raise error


def test_a_file_is_replaced_when_the_block_ends(path):
    with atomic_write(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["table.csv"]


def test_a_file_is_made(tmp_path):
    with atomic_write(str(tmp_path / "table.csv")) as partial:
        partial.write_text("new")
    assert (tmp_path / "table.csv").read_text() == "new"


def test_the_temporary_file_lies_in_the_same_folder_hidden_and_with_the_same_suffix(path):
    with atomic_write(path) as partial:
        partial.write_text("new")
        assert partial.parent == path.parent and partial.suffix == ".csv" and partial.name.startswith(".")


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), OSError(errno.EIO, "a broken disk")])
def test_whatever_happens_the_old_file_stays_and_the_error_goes_on(path, error):
    with pytest.raises(type(error)) as raised:
        write_and_raise(path, error)
    assert raised.value is error
    assert path.read_text() == "old"
    assert names(path.parent) == ["table.csv"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_says_so(path, number):
    with pytest.raises(UserError, match=r"disk is full, so .*table\.csv was not written: free some space"):
        write_and_raise(path, OSError(number, os.strerror(number)))
    assert path.read_text() == "old"
    assert names(path.parent) == ["table.csv"]


def test_a_file_that_may_not_grow_is_explained(path):
    with pytest.raises(UserError, match=r"table\.csv would exceed the largest size of a file there: .*ulimit -f"):
        write_and_raise(path, OSError(errno.EFBIG, os.strerror(errno.EFBIG)))
    assert path.read_text() == "old"


def test_the_contents_are_on_the_disk_before_the_new_name_is(path, monkeypatch):
    done, replace, fsync = [], os.replace, os.fsync

    def flush(descriptor):
        done.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("renamed") or replace(*paths))
    with atomic_write(path) as partial:
        partial.write_text("longer than the old")
    assert done == [len("longer than the old"), "renamed"]


def test_what_the_old_file_needs_is_removed_only_when_the_new_one_is_on_the_disk(path):
    beside = path.with_name("beside")
    beside.write_text("old")
    with pytest.raises(UserError, match="disk is full"), atomic_write(path, beside.unlink) as partial:
        partial.write_text("new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == beside.read_text() == "old"
    with atomic_write(path, beside.unlink) as partial:
        partial.write_text("new")
        assert beside.exists()
    assert path.read_text() == "new" and not beside.exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_may_not_be_written_to_is_explained(path, number):
    with pytest.raises(UserError, match=r"Writing .*table\.csv is not permitted: choose another folder"):
        write_and_raise(path, OSError(number, os.strerror(number)))


def test_a_missing_folder_is_named_before_any_work(tmp_path):
    missing = tmp_path / "missing" / "table.csv"
    with pytest.raises(UserError, match=rf"folder {missing.parent} does not exist: create it"):
        require_folder_of(missing)
    with pytest.raises(UserError, match="does not exist"), atomic_write(missing):
        pytest.fail("the block must not be entered")


def test_a_folder_is_made_with_those_above_it_and_left_alone_if_it_is_there(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("place", ["table.csv", "table.csv/run"])
def test_a_folder_where_a_file_is_cannot_be_made(path, place):
    with pytest.raises(UserError, match=r"a file is in the way: choose another"):
        make_folder(path.parent / place)
    assert path.read_text() == "old"


@pytest.mark.parametrize(("code", "cause"), [(errno.ENOSPC, "disk is full"), (errno.ENOENT, "cannot be made there")])
def test_a_folder_that_the_system_refuses_to_make_is_explained(tmp_path, monkeypatch, code, cause):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(UserError, match=cause):
        make_folder(tmp_path / "run")


def test_a_bare_file_name_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_folder_of("table.csv")
    with atomic_write("table.csv") as partial:
        partial.write_text("new")
    assert (tmp_path / "table.csv").read_text() == "new"


def test_a_clean_up_that_is_refused_does_not_hide_the_error(path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(UserError, match="is not permitted"):
        write_and_raise(path, OSError(errno.EROFS, os.strerror(errno.EROFS)))
    with pytest.raises(KeyError, match="ours"):
        write_and_raise(path, KeyError("ours"))


def killed_while_writing(path) -> None:
    """A process is killed in the middle of `atomic_write`."""
    code = (
        "import os; from vaelib.support.files import atomic_write\n"
        f"with atomic_write({str(path)!r}) as partial: partial.write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9


@pytest.mark.parametrize("name", ["table.csv", "other name.png", "no suffix", "[a]*.json", "two.dots.csv"])
def test_what_a_killed_process_left_is_removed_by_the_next_one_that_writes_there(tmp_path, name):
    killed_while_writing(tmp_path / name)
    assert len(names(tmp_path)) == 1 and not (tmp_path / name).exists()
    with atomic_write(tmp_path / "table.csv") as partial:
        partial.write_text("whole")
    assert names(tmp_path) == ["table.csv"]


def test_what_others_are_writing_and_hidden_files_are_left_alone(tmp_path):
    kept = [
        f".table.{os.getppid()}.partial.csv",
        ".table.partial.csv",
        ".hidden",
        ".a.x1.partial",
        "a.99999999.partial",
    ]
    for name in kept:
        (tmp_path / name).write_text("")
    with atomic_write(tmp_path / "new.csv") as partial:
        partial.write_text("whole")
    assert sorted(names(tmp_path)) == sorted([*kept, "new.csv"])


def test_the_longest_name_that_the_system_allows(tmp_path):
    with atomic_write(tmp_path / f"{'a' * 251}.csv") as partial:
        partial.write_text("whole")
    assert names(tmp_path) == [f"{'a' * 251}.csv"]


def test_a_folder_that_can_be_written_and_not_listed(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with atomic_write(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


def test_a_home_that_is_not_known(monkeypatch):
    assert expanded("~/a").is_absolute() and str(expanded("a")) == "a"
    with pytest.raises(UserError, match="~nobody-of-this-name/a begins with a home folder that is not known here"):
        expanded("~nobody-of-this-name/a")


def test_tensors_under_a_name_that_is_no_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"M\xfcnchen") / "model.safetensors"
    path.parent.mkdir()
    write_tensors(path, {"a": torch.ones(2)}, {"about": 1})
    assert torch.equal(read_tensors(path)[0]["a"], torch.ones(2)) and read_tensors(path)[1] == {"about": 1}
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="is truncated or damaged"):
        read_tensors(path)
