"""Small image files for the tests of data: pictures, folders and archives of them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from vaelib import data
from vaelib.support.errors import UserError


def pattern(seed: int = 0, size: int = 48) -> np.ndarray:
    """A picture of coarse coloured squares, uint8 (size, size, 3)."""
    squares = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.kron(squares, np.ones((size // 6, size // 6, 1), dtype=np.uint8))


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def put(root: Path, *names: str, content: bytes | None = None) -> Path:
    """Write a picture (another one for each name), or `content`, under each name in `root`."""
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(pattern(seed)) if content is None else content)
    return root


def zipped(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for seed, name in enumerate(names):
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: the constructor would change it
            archive.writestr(info, encoded(pattern(seed)))
    return path


def tarred(path: Path, names: list[str], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for seed, name in enumerate(names):
            content = encoded(pattern(seed))
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def load(path: Path, split: str = "train") -> data.Dataset:
    return data.load(str(path), 32, split, path.parent / "root", progress=False)


def lengths(path: Path) -> list[int]:
    """The number of images of train, valid and test."""
    found = []
    for split in ("train", "valid", "test"):
        try:
            found.append(len(load(path, split)))
        except UserError:
            found.append(0)
    return found


def refusal(path: Path) -> str:
    """The message of the error, which must be one sentence; nothing half-written may be left."""
    try:
        load(path)
    except UserError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message
        assert not list((path.parent / "root").glob("prepared/*.partial"))
        return message
    raise AssertionError("it was not refused")
