"""Archives and images that are made to fill the memory, or to keep their reader busy for ever."""

import io
import struct
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data.images import encoded, lengths, load, pattern, refusal, tarred, zipped
from vaelib.data import archives, decode, parallel
from vaelib.data.decode import DecodedImages

NAMES = [f"{i}.png" for i in range(20)]


def block(name: bytes, size: bytes, kind: bytes) -> bytes:
    """A tar's header with a right checksum."""
    header = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.rjust(11, b"0") + b"\0")
    header += b"00000000000\0" + b" " * 8 + kind + bytes(100) + b"ustar\x0000" + bytes(247)
    header[148:156] = b"%06o\0 " % sum(header)
    assert len(header) == tarfile.BLOCKSIZE
    return bytes(header)


def octal(size: int) -> bytes:
    return b"%o" % size


END = bytes(2 * tarfile.BLOCKSIZE)
BACKWARDS = b"\xff" * 10 + b"\xfe\x00"  # -512, as a number of base 256


def tar_with(path, *blocks: bytes):
    """A good tar whose first members are these blocks."""
    tarred(path, NAMES)
    path.write_bytes(b"".join(blocks) + path.read_bytes())
    return path


def negative(kind: bytes) -> bytes:
    header = bytearray(block(b"a.png", b"0", kind))
    header[124:136], header[148:156] = BACKWARDS, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("kind", [b"0", b"L", b"x", b"g"])
def test_a_tar_that_goes_backwards_ends(tmp_path, kind):
    assert "is not a complete tar" in refusal(tar_with(tmp_path / "a.tar", negative(kind)))


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_tar_with_a_header_of_gigabytes_is_refused_before_it_is_read(tmp_path, kind):
    path = tar_with(tmp_path / "a.tar", block(b"a", octal(2**32 - 512), kind))
    with path.open("r+b") as file:
        file.truncate(2**32 + 2**20)  # a hole, which takes no space on the disk
    started = time.process_time()
    assert "is not a complete tar" in refusal(path)
    assert time.process_time() - started < 5


def test_a_tar_whose_headers_follow_each_other_without_end(tmp_path):
    assert "is not a complete tar" in refusal(tar_with(tmp_path / "a.tar", block(b"a", octal(0), b"L") * 5000))


@pytest.mark.parametrize("content", [b"1" * 60_000, b"1 a=\n" * 10_000, b"9" * 5_000 + b" path=a\n"])
def test_a_tar_whose_header_takes_long_to_understand(tmp_path, content):
    padding = bytes(-len(content) % tarfile.BLOCKSIZE)
    path = tar_with(tmp_path / "a.tar", block(b"a", octal(len(content)), b"x"), content + padding)
    started = time.process_time()
    lengths(path)  # refused or not
    assert time.process_time() - started < 2


def test_long_names_are_read_all_the_same(tmp_path):
    ds = load(tarred(tmp_path / "a.tar", [f"{'long' * 50}/{'ü' * 200}{i}.png" for i in range(20)]))
    assert len(ds) == 18


@pytest.mark.parametrize("write", [zipped, tarred])
def test_archives_of_too_many_files(tmp_path, monkeypatch, write):
    monkeypatch.setattr(archives, "MOST_FILES", 19)
    message = refusal(write(tmp_path / "a.archive", NAMES))
    assert "a.archive holds more than 19 files, which are too many for an archive: unpack it" in message


def test_a_zip_with_a_long_list_is_refused_before_the_list_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LONGEST_LIST", 1000)
    assert "holds more than 1,000,000 files" in refusal(zipped(tmp_path / "a.zip", NAMES))


def test_a_zip_whose_members_share_their_bytes(tmp_path):
    """A thousand names for one member: what they are together is a thousand times what is stored."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000.png", bytes(2**20))
    content = (tmp_path / "a.zip").read_bytes()
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entry = content[start:end]
    entries = b"".join(entry.replace(b"0000.png", b"%04d.png" % i) for i in range(1000))
    ending = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1000, 1000, len(entries), start, 0)
    (tmp_path / "a.zip").write_bytes(content[:start] + entries + ending)
    assert "None of the 1,000 images" in refusal(tmp_path / "a.zip")


def test_nested_archives_are_not_opened(tmp_path):
    inner = zipped(tmp_path / "inner.zip", NAMES).read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner.zip", inner)
    assert "There is no image in" in refusal(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        for i in range(20):
            archive.writestr(f"{i}.png", encoded(pattern(i)))
    assert len(load(tmp_path / "a.zip")) == 18


def test_large_images_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    """Each takes up to a gigabyte while it is decoded, and four threads would take four."""
    monkeypatch.setattr(decode, "LARGE", 20 * 20)
    monkeypatch.setattr(decode, "JOB", 1)
    monkeypatch.setattr(parallel, "_cores", lambda: 4)
    at_once, most, lock, resized = 0, 0, threading.Lock(), decode._resized

    def slowly(*arguments):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return resized(*arguments)

    monkeypatch.setattr(decode, "_resized", slowly)
    large = Files(encoded(pattern(size=48)))
    assert len(np.concatenate([rows for _, rows in DecodedImages(large, large.files, 32)])) == 12 and most == 1
    small = Files(encoded(Image.new("RGB", (20, 20))))
    assert len(np.concatenate([rows for _, rows in DecodedImages(small, small.files, 32)])) == 12 and most > 1


class Files:
    """A source of twelve files with the same bytes."""

    def __init__(self, content: bytes):
        self.files, self.content = NAMES[:12], content
        self.path, self.aside = io.BytesIO(), {}

    def read(self, name: str) -> bytes:
        return self.content
