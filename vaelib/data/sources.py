"""A tree of files, in a folder or in a zip: the names of the files, and the bytes of each.

Nothing is ever extracted. A member of a zip is read into memory by its name in the archive, so a hostile name (`../x`,
`/etc/x`) cannot reach another file. A member that claims to be too large is refused before it is decompressed.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from ..support.errors import UserError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
LARGEST_FILE = 256 * 2**20  # bytes; the largest file of a known dataset is an annotation table of 26 MB

Stamp = dict[str, list[int]]


class DamagedZip(UserError):
    """A file that is not a complete zip. The message names it and says what it is; the caller adds the remedy."""


class Folder:
    """The files under a folder; `files` are their sorted relative paths. Hidden files are left out.

    `enter(name)` decides which of the folder's own sub-folders are entered (all, by default).
    """

    def __init__(self, path: str | Path, enter: Callable[[str], object] = lambda name: True):
        self.path = Path(path).absolute()
        self.files = sorted(self._walk(enter))

    def _walk(self, enter: Callable[[str], object]) -> Iterator[str]:
        entered = set()  # links are followed, but each folder is entered once
        for folder, folders, files in os.walk(self.path, followlinks=True):
            place = Path(folder).relative_to(self.path)
            at_top, known = place == Path(), os.path.realpath(folder) in entered
            entered.add(os.path.realpath(folder))
            folders[:] = [f for f in folders if not (known or _hidden(f)) and (enter(f) or not at_top)]
            yield from ((place / name).as_posix() for name in files if not (known or _hidden(name)))

    def read(self, name: str) -> bytes:
        """The bytes of one of `files`. Raises `OSError` if it cannot be read or is too large."""
        path = self.path / name
        _require_sane(path.stat().st_size)
        return path.read_bytes()

    def stamp(self, names: Iterable[str]) -> Stamp:
        """The state of every folder from the top to those of `names`; it changes when files are added or removed."""
        parents = {parent for folder in {PurePosixPath(name).parent for name in names} for parent in _upwards(folder)}
        return stamp_of(self.path / parent for parent in parents)


class Archive:
    """The files in a zip, with the same interface as `Folder`. Raises `DamagedZip` when it cannot be opened."""

    def __init__(self, path: str | Path):
        self.path = Path(path).absolute()
        try:
            self._zip = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise DamagedZip(f"{self.path} {_looks_like(self.path)}") from error
        names = (info.filename for info in self._zip.infolist() if not info.is_dir())
        self.files = sorted(name for name in names if not any(_hidden(part) for part in PurePosixPath(name).parts))
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes:
        """The bytes of one of `files`. Raises errors of many kinds if the archive is damaged."""
        _require_sane(self._zip.getinfo(name).file_size)
        with self._lock:
            return self._zip.read(name)

    def stamp(self, names: Iterable[str]) -> Stamp:
        """The state of the zip itself, whichever `names` are used."""
        return stamp_of([self.path])


Source = Folder | Archive


def is_zip(name: str | Path) -> bool:
    """Whether the suffix of a name is that of a zip."""
    return PurePosixPath(name).suffix.lower() == ".zip"


def is_image(name: str) -> bool:
    """Whether the suffix of a name is that of an image format."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def stamp_of(paths: Iterable[Path]) -> Stamp:
    """The size (bytes) and the time of the last change (ns) of each path, as stored in the cache's index."""
    states = {str(path): path.stat() for path in paths}
    return {path: [state.st_size, state.st_mtime_ns] for path, state in sorted(states.items())}


def changed(stamp: Stamp) -> bool:
    """Whether a path has changed since the stamp. A deleted path is no change: the cache is still valid."""
    there = [Path(path) for path in stamp if Path(path).exists()]
    return any(stamp[path] != state for path, state in stamp_of(there).items())


def _upwards(folder: PurePosixPath) -> list[PurePosixPath]:
    return [folder, *folder.parents]


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _require_sane(size: int) -> None:
    if size > LARGEST_FILE:
        raise OSError(f"{size:,} bytes are too many")


def _looks_like(path: Path) -> str:
    """What a file is that cannot be opened as a zip, as the end of a sentence."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page that was saved as a zip (Google Drive gives one when its quota is used up)"
    return "is not a complete zip"
