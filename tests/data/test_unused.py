"""Everything that was given and not used is counted by cause, in one note."""

import json
import os
from pathlib import Path

import pytest

from tests.data.images import encoded, lengths, load, pattern, put, refusal, tarred, zipped
from vaelib import data
from vaelib.data.sources import Folder


def note(path: Path, capsys: pytest.CaptureFixture) -> str:
    """What is said about files that were not used: at most one line."""
    capsys.readouterr()
    load(path)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Found and not used")]
    assert len(lines) <= 1
    return lines[0] if lines else ""


@pytest.mark.parametrize("suffix", [".HEIC", ".avif", ".svg", ".psd", ".cr2", ".mp4", ".pdf", ".txt"])
def test_files_in_other_formats_are_counted_by_suffix(tmp_path, capsys, suffix):
    put(tmp_path / "a", *(f"{i}.png" for i in range(5)))
    put(tmp_path / "a", *(f"IMG_{i}{suffix}" for i in range(7)), content=b"not read")
    assert f"7 in formats that are not read (7 {suffix.lower()})" in note(tmp_path / "a", capsys)


def test_several_causes_stand_in_one_note_and_in_the_index(tmp_path, capsys):
    put(tmp_path / "a", *(f"train/{i}.png" for i in range(150)), *(f"test/{i}.png" for i in range(10)), "logo.png")
    put(tmp_path / "a", "train/a.heic", "train/b.heic", "readme", content=b"text")
    put(tmp_path / "a", "train/.cache", "Thumbs.db", content=b"x")
    (tmp_path / "a/train/7.png").write_bytes(b"")
    said = note(tmp_path / "a", capsys)
    assert "3 in formats that are not read (2 .heic, 1 without a suffix)" in said
    assert "2 hidden (Thumbs.db, train/.cache)" in said
    assert "1 outside the folders of the splits (logo.png)" in said
    assert "1 that cannot be read (train/7.png: empty files)" in said
    index = json.loads((data.prepare(tmp_path / "a", 32, tmp_path / "root") / "index.json").read_text())
    assert sum(index["unused"].values()) == 7


def test_nothing_is_said_where_everything_is_used(tmp_path, capsys):
    assert note(put(tmp_path / "a", *(f"{i}.png" for i in range(5))), capsys) == ""


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "JPG", "pjpeg"])
def test_all_names_of_jpeg_are_read(tmp_path, suffix):
    put(tmp_path / "a", *(f"{i}.{suffix}" for i in range(20)), content=encoded(pattern(), "JPEG"))
    assert lengths(tmp_path / "a") == [18, 1, 1]


def test_a_folder_of_nothing_else_says_what_it_holds(tmp_path):
    put(tmp_path / "phone", *(f"{i}.HEIC" for i in range(30)), "a.mov", content=b"\0\0\0\x18ftypheic")
    assert "There is no image in" in refusal(tmp_path / "phone")
    assert "(31 in formats that are not read (30 .heic, 1 .mov))" in refusal(tmp_path / "phone")


def test_a_folder_that_cannot_be_opened_is_counted(tmp_path, monkeypatch):
    put(tmp_path / "a", "open/1.png", "closed/2.png")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    source = Folder(tmp_path / "a")
    assert source.files == ["open/1.png"] and source.aside["that cannot be opened"] == ["closed"]


def test_links_and_replaced_files_of_archives_are_counted(tmp_path, capsys):
    import tarfile

    tarred(tmp_path / "a.tar", [f"{i}.png" for i in range(5)])
    with tarfile.open(tmp_path / "a.tar", "a") as archive:
        link = tarfile.TarInfo("passwords.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "1 links or devices (passwords.png)" in note(tmp_path / "a.tar", capsys)
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(tmp_path / "a.zip", [*(f"{i}.png" for i in range(5)), "3.png"])
    assert "1 replaced by a later file of the same name (3.png)" in note(tmp_path / "a.zip", capsys)
    assert sum(lengths(tmp_path / "a.zip")) == 5


def test_a_tree_of_cifar10_says_what_lies_elsewhere(tmp_path, capsys):
    names = [f"{part}/{name}/{i}.png" for part in ("train", "test") for name in ("cat", "dog") for i in range(10)]
    put(tmp_path / "cifar10", *names, "train/stray.png", "train/cat/more/deep.png")
    data.load("cifar10", root=tmp_path, progress=False)
    said = capsys.readouterr().err
    assert "2 that lie elsewhere than in train/CLASS or test/CLASS (2 .png)" in said
