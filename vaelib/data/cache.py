"""The prepared cache: every image of a data set, decoded, cropped and resized once, in one memory-mapped file.

A cache is a folder `<root>/prepared/<name>-<size>/` that holds

    images.npy       uint8 (N, 3, size, size), the splits one after another: train, valid, test
    attributes.npy   bool (N, A), if the set has attributes
    factors.npy      float32 (N, F), if the set was rendered
    index.json       format, splits as [start, stop], names, source, crop, skipped files, the size of each file above

It is written in `<...>.partial`, which gets its real name last, under a lock: a folder with the real name was finished.
Its files' sizes are compared with the index whenever it is opened, because a truncated memory map kills the process.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock

from ..support.files import disk_errors_as_user_error, make_folder
from .parallel import progress_bar, report
from .sources import Stamp, changed

FORMAT = 1
SPLITS = ("train", "valid", "test")

Batch = tuple[np.ndarray, np.ndarray]


@dataclass
class Contents:
    """What a preparation is to write: `sum(counts.values())` planned examples, those of train, then valid, then test.

    `batches` yields pairs in order: uint8 images (n, 3, size, size), and the n planned rows that they belong to. A row
    that is not among them could not be decoded: `skipped` names it by then. `attributes` and `factors` have
    a line for each planned row and are read after the last batch. `facts` go into index.json; `notes` are told to the
    person at the keyboard.
    """

    size: int
    counts: dict[str, int]
    batches: Iterable[Batch]
    attributes: np.ndarray | None = None
    attribute_names: list[str] = field(default_factory=list)
    factors: np.ndarray | None = None
    factor_names: list[str] = field(default_factory=list)
    synthetic: bool = False
    stamp: Stamp = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def ensure(folder: Path, contents: Callable[[], Contents], progress: bool, version: str = "") -> dict:
    """The index of the cache in `folder`, which is written first unless it is there, whole and up to date.

    `version` is that of the program that rendered the images, where one did. Raises `UserError` when the folder cannot
    be written or the disk is full; nothing is left behind then.
    """
    with disk_errors_as_user_error(folder):
        index, _ = _look(folder, version)
        return index or _ensure_locked(folder, contents, progress, version)


def _ensure_locked(folder: Path, contents: Callable[[], Contents], progress: bool, version: str) -> dict:
    make_folder(folder.parent)
    with FileLock(folder.with_name(f".{folder.name}.lock")):  # the system frees the lock of a process that dies
        index, trouble = _look(folder, version)  # another process may have written it meanwhile
        if trouble:
            report(f"The prepared cache {folder} {trouble}: it is prepared again.")
        return index or _write(folder, contents(), progress, version)


def open_arrays(folder: Path, index: dict, split: str) -> dict[str, np.ndarray]:
    """The arrays of one split by name ("images", "attributes", "factors"), memory-mapped and read-only."""
    start, stop = index["splits"][split]
    names = [name.removesuffix(".npy") for name in index["bytes"]]
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r")[start:stop] for name in names}


def _look(folder: Path, version: str) -> tuple[dict | None, str]:
    """The index of a good cache, or None and what is wrong with the one that is there."""
    if not folder.is_dir():
        return None, ""
    index = _whole_index(folder)
    if index is None:
        return None, "is damaged"
    if index["version"] != version or changed(index["stamp"]):
        return None, "is out of date, since its source has changed"
    return index, ""


def _whole_index(folder: Path) -> dict | None:
    """The index, or None when it cannot be read or a file has not the size that it says."""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in index["bytes"]}
        return index if (index["format"], index["bytes"]) == (FORMAT, sizes) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(folder: Path, contents: Contents, progress: bool, version: str) -> dict:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a preparation that was killed
    try:
        partial.mkdir()
        index = _fill(partial, contents, progress, version)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for note in contents.notes + _skipped_note(contents):
        report(note)
    return index


def _fill(partial: Path, contents: Contents, progress: bool, version: str) -> dict:
    name = partial.name.removesuffix(".partial")
    rows = _write_images(partial / "images.npy", contents, progress, name)
    _write_table(partial / "attributes.npy", contents.attributes, rows)
    _write_table(partial / "factors.npy", contents.factors, rows)
    index = {
        "format": FORMAT,
        "version": version,
        "name": name,
        "splits": _ranges(rows, contents.counts),
        "attribute_names": contents.attribute_names,
        "factor_names": contents.factor_names,
        "synthetic": contents.synthetic,
        **contents.facts,
        "skipped": contents.skipped,
        "stamp": contents.stamp,
        "bytes": {path.name: path.stat().st_size for path in sorted(partial.iterdir())},
    }
    (partial / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    return index


def _write_table(path: Path, table: np.ndarray | None, rows: np.ndarray) -> None:
    """Save the written `rows` of a table; through memory, since numpy's own writing hides that a disk is full."""
    if table is not None:
        buffer = io.BytesIO()
        np.save(buffer, table[rows])
        path.write_bytes(buffer.getvalue())


def _write_images(path: Path, contents: Contents, progress: bool, description: str) -> np.ndarray:
    """Append batch after batch to a .npy file; the planned rows that were written, in order.

    Plain writes, because a full disk is then an error here, where a memory map would kill the process. numpy leaves
    room in the header for a longer first axis, so the number of rows can be corrected at the end.
    """
    planned, size = sum(contents.counts.values()), contents.size
    _require_space(path, planned * 3 * size * size)
    written = [np.empty(0, dtype=np.int64)]
    with path.open("wb") as file, progress_bar(planned, description, progress) as bar:
        _write_header(file, planned, size)
        for images, rows in contents.batches:
            file.write(np.ascontiguousarray(images, dtype=np.uint8).data)
            written.append(rows)
            bar.update(len(rows))
        rows = np.concatenate(written)
        file.seek(0)
        _write_header(file, len(rows), size)
        file.flush()
        os.fsync(file.fileno())  # the folder's new name must not reach the disk before the pixels do
    return rows


def _write_header(file, rows: int, size: int) -> None:
    shape = (rows, 3, size, size)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _require_space(path: Path, needed: int) -> None:
    """Fail before the work rather than after it."""
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _ranges(rows: np.ndarray, counts: dict[str, int]) -> dict[str, list[int]]:
    """Where each split starts and stops among the rows that were written."""
    planned = accumulate((counts.get(split, 0) for split in SPLITS), initial=0)
    edges = np.searchsorted(rows, list(planned)).tolist()
    return dict(zip(SPLITS, map(list, pairwise(edges)), strict=True))


def _skipped_note(contents: Contents) -> list[str]:
    if not contents.skipped:
        return []
    shown = ", ".join(contents.skipped[:5]) + (", …" if len(contents.skipped) > 5 else "")
    return [f"Damaged and skipped: {len(contents.skipped):,} of {sum(contents.counts.values()):,} images ({shown})."]
