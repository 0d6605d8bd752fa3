"""A tree of files in a folder: the names of the files, the bytes of each, and a stamp that tells when one has changed.

`archives` has the same for zips and tars. Nothing is ever extracted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from .kinds import is_archive, is_hidden, is_image

LARGEST_FILE = 256 * 2**20  # bytes; the largest file of a known dataset is an annotation table of 26 MB

State = list[int] | str | dict[str, list[int]]
Stamp = dict[str, State]  # by path; see `changed`
Aside = dict[str, list[str]]  # what a source itself leaves out, by cause (see `Unused`)


class Source(Protocol):
    """A tree of files. `files` are their sorted relative paths; `aside` are those that are left out, by cause."""

    path: Path
    files: list[str]
    aside: Aside

    def read(self, name: str) -> bytes:
        """The bytes of one of `files`. Raises errors of many kinds if it cannot be read or is too large."""
        ...

    def stamp(self) -> Stamp:
        """The state of the source, which changes when an image is added, removed or replaced."""
        ...


class Folder:
    """The files under a folder, as a `Source`. Hidden files are left out.

    `enter(name)` decides which of the folder's own sub-folders are entered (all, by default).
    """

    def __init__(self, path: str | Path, enter: Callable[[str], object] = lambda name: True):
        self.path = Path(path).absolute()
        self.aside: Aside = {"hidden": [], "that cannot be opened": []}
        self.files = sorted(_walk(self.path, enter, self.aside))

    def read(self, name: str) -> bytes:
        """The bytes of one of `files`. Raises `OSError` if it cannot be read or is too large."""
        path = self.path / name
        require_sane(path.stat().st_size)
        return path.read_bytes()

    def stamp(self) -> Stamp:
        """A hash of name, size and time of every image under the folder."""
        return {str(self.path): _state_below(self.path)}


def _walk(top: Path, enter: Callable[[str], object], aside: Aside) -> Iterator[str]:
    """The relative path of each file under `top`; `aside` gets the hidden ones, and folders that cannot be opened."""
    entered = set()  # links are followed, but each folder is entered once

    def refused(error: OSError) -> None:
        aside["that cannot be opened"].append(os.path.relpath(error.filename, top))

    for folder, folders, files in os.walk(top, onerror=refused, followlinks=True):
        place, real = Path(folder).relative_to(top), os.path.realpath(folder)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        aside["hidden"] += [(place / name).as_posix() for name in (*folders, *files) if is_hidden(name)]
        folders[:] = [f for f in folders if not is_hidden(f) and (enter(f) or place != Path())]
        yield from ((place / name).as_posix() for name in files if not is_hidden(name))


def require_sane(size: int) -> None:
    """Raise `OSError` if a file is larger than any file of a dataset."""
    if size > LARGEST_FILE:
        raise OSError(f"{size:,} bytes are too many")


def state_of(path: Path) -> list[int]:
    """The size (bytes) and the time of the last change (ns) of a path."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def stamp_of(paths: Iterable[Path]) -> Stamp:
    """The states of files, for the cache's index; of a folder a hash of the images in it, without its sub-folders."""
    return {str(path): _state_in(path) if path.is_dir() else state_of(path) for path in sorted(paths)}


def newcomers(folder: Path) -> Stamp:
    """The archives in a folder with their states. `changed` then notices another archive, but not one that is gone."""
    return {f"{folder}/": _archives_in(folder)} if folder.is_dir() else {}


def _archives_in(folder: Path) -> dict[str, list[int]]:
    return {path.name: state_of(path) for path in sorted(folder.iterdir()) if is_archive(path.name) and path.exists()}


def changed(stamp: Stamp) -> bool:
    """Whether a path has changed since the stamp. A deleted path is no change: the cache is still valid."""
    return any(_differs(Path(path), state) for path, state in stamp.items() if Path(path).exists())


def _differs(path: Path, old: State) -> bool:
    if isinstance(old, dict):
        return any(old.get(name) != state for name, state in _archives_in(path).items())
    if isinstance(old, str):
        return old != (_state_below(path) if old.startswith("below ") else _state_in(path))
    return old != state_of(path)  # in a cache of an older version also of a folder


def _state_below(folder: Path) -> str:
    aside: Aside = {"hidden": [], "that cannot be opened": []}
    return "below " + _hash(folder, _walk(folder, lambda name: True, aside))


def _state_in(folder: Path) -> str:
    return "in " + _hash(folder, (path.name for path in folder.iterdir()))


def _hash(folder: Path, names: Iterable[str]) -> str:
    """A hash of the name, size and time of each image among these names."""
    lines = hashlib.sha256()
    for name in sorted(filter(is_image, names)):
        path = folder / name
        state = state_of(path) if path.exists() else []  # a link can lead nowhere
        lines.update(os.fsencode(f"{name}\0{state}\n"))
    return lines.hexdigest()
