"""Kinds of files by their names: images, archives, and what systems and programs leave beside pictures."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

JPEG_SUFFIXES = {".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".jfi", ".pjpeg", ".pjp"}
IMAGE_SUFFIXES = JPEG_SUFFIXES | {
    *(".png", ".apng", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
ARCHIVE = re.compile(r".*\.(zip|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))", re.IGNORECASE | re.DOTALL)
SYSTEM = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"}  # Macs, Windows, Synology


def is_image(name: str) -> bool:
    """Whether the suffix of a name is that of an image format."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def is_archive(name: str) -> bool:
    """Whether the suffix of a name is that of a zip or tar."""
    return bool(ARCHIVE.fullmatch(name))


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder is hidden, or one that a system uses for itself."""
    return name.startswith(".") or name.lower() in SYSTEM


def suffix_of(name: str) -> str:
    """The suffix of a name in lower case, for a count by kind."""
    return PurePosixPath(name).suffix.lower() or "without a suffix"
