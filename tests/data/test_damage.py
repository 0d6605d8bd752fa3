"""Broken images: all are named, each with its cause; a good file is never called broken, nor a good archive."""

import errno
import os
import zipfile

import pytest

from tests.data.images import encoded, load, pattern, put, refusal, tarred, zipped
from vaelib.errors import UserError

JPEG = encoded(pattern(), "JPEG", quality=95)
PNG = encoded(pattern())


@pytest.mark.parametrize(
    ("content", "cause", "remedy"),
    [
        (b"", "empty files", "remove these files"),
        (b"\0" * 5000, "empty files", "remove these files"),
        (b"<!DOCTYPE html><html>Not found</html>", "web pages", "download these files again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointers of Git LFS", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC files", "convert them to JPEG or PNG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF files", "convert them to JPEG or PNG"),
        (b'<?xml version="1.0"?><svg></svg>', "SVG files", "convert them to JPEG or PNG"),
        (b"%PDF-1.7", "PDF files", "convert them to JPEG or PNG"),
        (PNG[: len(PNG) // 2], "damaged or cut short", "replace them by good ones"),
        (JPEG[: len(JPEG) // 2], "damaged or cut short", "replace them by good ones"),
        (b"anything else", "no pictures of a known kind", "convert them to JPEG or PNG, or remove them"),
    ],
)
def test_one_cause_for_all_is_named(tmp_path, content, cause, remedy):
    put(tmp_path / "a", *(f"{i:02}.jpg" for i in range(30)), content=content)
    message = refusal(tmp_path / "a")
    assert message.startswith("None of the 30 images in ")
    assert f"30 are {cause} (00.jpg is the first)" in message
    assert remedy in message and "get the data again" not in message


def test_a_name_of_two_lines_is_told_on_one(tmp_path, capsys):
    put(tmp_path / "a", *(f"{i}.png" for i in range(5)))
    (tmp_path / "a" / "two\nlines.png").write_bytes(PNG[:60])
    assert r"two\nlines.png are damaged" in refusal(tmp_path / "a")
    put(tmp_path / "b", *(f"{i}.png" for i in range(200)))
    (tmp_path / "b" / "two\nlines.png").write_bytes(PNG[:60])
    load(tmp_path / "b")
    assert r"two\nlines.png" in capsys.readouterr().err


def test_links_that_lead_nowhere(tmp_path):
    put(tmp_path / "a", *(f"{i}.png" for i in range(5)))
    (tmp_path / "a/gone.png").symlink_to(tmp_path / "nowhere.png")
    assert "gone.png are links that lead nowhere: remove these links" in refusal(tmp_path / "a")


def test_files_that_may_not_be_read(tmp_path, monkeypatch):
    put(tmp_path / "a", *(f"{i}.png" for i in range(5)))
    read = type(tmp_path).read_bytes

    def refuse(path):
        if path.name == "3.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(type(tmp_path), "read_bytes", refuse)
    assert "3.png are not readable for you: change the permissions" in refusal(tmp_path / "a")


def test_few_broken_images_are_all_in_the_sentence(tmp_path):
    put(tmp_path / "a", *(f"{i:03}.png" for i in range(200)))
    broken = [f"{i:03}.png" for i in (3, 50, 77, 150, 199)]
    put(tmp_path / "a", *broken, content=PNG[:60])
    message = refusal(tmp_path / "a")
    assert f"Only 195 of the 200 images in {tmp_path / 'a'} can be read" in message
    assert f"because {', '.join(broken)} are damaged or cut short" in message


def test_many_broken_images_are_all_in_a_file_that_goes_when_they_are_repaired(tmp_path):
    put(tmp_path / "a", *(f"{i:03}.png" for i in range(60)))
    put(tmp_path / "a", *(f"{i:03}.png" for i in range(0, 60, 2)), content=b"")
    message = refusal(tmp_path / "a")
    listing = next((tmp_path / "root/prepared").glob("*.broken.txt"))
    assert f"all are named in {listing}" in message
    lines = listing.read_text().splitlines()
    assert lines[:2] == ["000.png\tempty files", "002.png\tempty files"] and len(lines) == 30
    put(tmp_path / "a", *(f"{i:03}.png" for i in range(60)))
    assert len(load(tmp_path / "a")) == 54 and not listing.exists()


def encrypt(path, only=None):
    """Set the bit of a zip's members that says "encrypted", of all or of the one with this name."""
    content = bytearray(path.read_bytes())
    for mark, flags, name in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        place = content.find(mark)
        while place >= 0:
            if only is None or content[place + name :].startswith(only):
                content[place + flags] |= 1
            place = content.find(mark, place + 4)
    path.write_bytes(content)


@pytest.mark.parametrize("only", [None, b"3.png"])
def test_a_password_is_named(tmp_path, only):
    encrypt(zipped(tmp_path / "a.zip", [f"{i}.png" for i in range(9)]), only)
    assert (
        refusal(tmp_path / "a.zip")
        == f"{tmp_path / 'a.zip'} is protected by a password: unpack it and name the folder."
    )


def test_a_method_of_compression_that_is_not_read(tmp_path):
    path = zipped(tmp_path / "a.zip", [f"{i}.png" for i in range(9)])
    content = bytearray(path.read_bytes())
    for mark, method in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        place = content.find(mark)
        while place >= 0:
            content[place + method] = 9  # Deflate64, as Windows compresses large files
            place = content.find(mark, place + 4)
    path.write_bytes(content)
    message = refusal(path)
    assert "9 are compressed by a method" in message or "compressed by a method that is not read: unpack" in message


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"Rar!\x1a\7\1\0", "a RAR archive, which is not read: unpack it and name the folder"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive, which is not read: unpack it and name the folder"),
        (b"\n<html>quota</html>", "a web page that was saved as a zip"),
        (PNG, "a single picture: name the folder that it lies in"),
        (b"", "empty: get it again"),
        (b"text", "not a complete zip or tar: get it again"),
        (b"\x1f\x8b\x08 cut", "not a complete tar: get it again"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, content, what):
    (tmp_path / "a.zip").write_bytes(content)
    assert f"a.zip is {what}" in refusal(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.tar", "w"),
        ("a.tar.gz", "w:gz"),
        ("a.tgz", "w:gz"),
        ("a.tbz", "w:bz2"),
        ("a.tar.xz", "w:xz"),
        ("misnamed.zip", "w:gz"),
    ],
)
def test_tars_of_every_kind_are_read(tmp_path, name, mode):
    names = [f"lfw/{person}/{i}.png" for person in ("Ann", "Bob") for i in range(10)]
    ds = load(tarred(tmp_path / name, names, mode))
    assert len(ds) == 18 and ds.attribute_names == ["Ann", "Bob"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "root"])


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_is_cut_short_is_damaged(tmp_path, mode):
    path = tarred(tmp_path / "a.tar", [f"{i}.png" for i in range(20)], mode)
    os.truncate(path, path.stat().st_size // 2)
    assert "damaged or cut short" in refusal(path) or "is not a complete tar" in refusal(path)


@pytest.mark.parametrize("name", ["/etc/stolen.png", "../../stolen.png", "a/../../stolen.png"])
def test_hostile_names_in_a_tar_reach_nothing(tmp_path, name):
    (tmp_path / "deep/er").mkdir(parents=True)
    path = tarred(tmp_path / "deep/er/a.tar", [name, *(f"{i}.png" for i in range(5))])
    before = set(tmp_path.rglob("*"))
    load(path)
    new = set(tmp_path.rglob("*")) - before
    assert all((tmp_path / "deep/er/root") in (made, *made.parents) for made in new)


def test_archives_that_would_fill_the_disk_are_refused(tmp_path):
    import gzip

    with gzip.open(tmp_path / "bomb.tgz", "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"\0" * 2**20)
    assert "bomb.tgz would grow from " in refusal(tmp_path / "bomb.tgz")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"\0" * 2**25)
    assert "a.png are packed like an archive that is made to fill the memory" in refusal(tmp_path / "bomb.zip")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "does not fit into .* when it is decompressed: free some"),
        (PermissionError(errno.EACCES, "Permission denied"), r"cannot be read \(Permission denied\): check its perm"),
        (OSError("Invalid data stream"), "is not a complete tar: get it again"),
    ],
)
def test_what_the_system_says_to_reading_an_archive(tmp_path, monkeypatch, error, said):
    def refuse(*_):
        raise error

    tarred(tmp_path / "a.tgz", ["1.png"], "w:gz")
    monkeypatch.setattr("vaelib.data.archives._unpacked", refuse)
    with pytest.raises(UserError, match=said):
        load(tmp_path / "a.tgz")
