"""The prepared cache: every image of a dataset, decoded, cropped and resized once, in one memory-mapped file.

A cache is a folder `<root>/prepared/<name>-<size>/` that holds

    images.npy       uint8 (N, 3, size, size), the splits one after another: train, valid, test
    attributes.npy   bool (N, A), if the dataset has attributes
    factors.npy      float32 (N, F), if the dataset was rendered
    index.json       format, splits as [start, stop], names, source, crop, skipped files, the size of each file above

It is written under a lock to `<...>.partial`, which is renamed at the end, so a folder with the final name is complete.
Whenever a cache is opened, the sizes and headers of its files are compared with the index, because reading a truncated
memory map kills the process. Only the pixels themselves are taken as they are.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from ..support.files import disk_errors_as_user_error, make_folder
from .damage import Cause, note, require_few
from .parallel import progress_bar, report
from .sources import Stamp, changed
from .splits import SPLITS
from .unused import Unused

FORMAT = 1
KINDS = {"attributes.npy": np.bool_, "factors.npy": np.float32}

Batch = tuple[np.ndarray, np.ndarray]


@dataclass
class Contents:
    """The contents of a cache to be written: `sum(counts.values())` planned examples in the order train, valid, test.

    `batches` yields pairs in order: uint8 images (n, 3, size, size), and the n planned rows that they belong to. A row
    that is not yielded could not be decoded; `broken` then holds its name and the cause. `attributes` and `factors`
    have a line for each planned row and are read after the last batch. `facts` are written to index.json; `notes` and
    what was `unused` are printed.
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
    unused: Unused = field(default_factory=Unused)
    broken: dict[str, Cause] = field(default_factory=dict)


def ensure(folder: Path, contents: Callable[[], Contents], progress: bool, version: str = "") -> dict:
    """Return the index of the cache in `folder`; write the cache first if it is missing, damaged or out of date.

    `version` is that of the renderer, for rendered images. Raises `UserError` when the folder cannot be written or the
    disk is full; nothing is left behind then.
    """
    with disk_errors_as_user_error(folder):
        index, _ = _look(folder, version)
        return index or _ensure_locked(folder, contents, progress, version)


def _ensure_locked(folder: Path, contents: Callable[[], Contents], progress: bool, version: str) -> dict:
    make_folder(folder.parent)
    with _lock(folder):
        index, trouble = _look(folder, version)  # another process may have written the cache meanwhile
        if trouble:
            report(f"The prepared cache {folder} {trouble}: it is prepared again.")
        if not index:
            _remove_leftovers(folder.parent)
            index = _write(folder, contents(), progress, version)
        return index


def _lock(folder: Path) -> FileLock:
    """The lock of a cache. The system releases the lock of a process that dies."""
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def _remove_leftovers(prepared: Path) -> None:
    """Remove the unfinished caches of all datasets whose preparation was killed; a running one holds its lock."""
    for partial in prepared.glob("*.partial"):
        with suppress(Timeout, OSError), _lock(partial.with_suffix("")).acquire(blocking=False):
            shutil.rmtree(partial, ignore_errors=True)


def open_arrays(folder: Path, index: dict, split: str) -> dict[str, np.ndarray]:
    """The arrays of one split by name ("images", "attributes", "factors"), memory-mapped and read-only."""
    start, stop = index["splits"][split]
    names = [name.removesuffix(".npy") for name in index["bytes"]]
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r")[start:stop] for name in names}


def _look(folder: Path, version: str) -> tuple[dict | None, str]:
    """The index of a valid cache, or None and the reason why an existing cache is invalid."""
    if not folder.is_dir():
        return None, ""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        _require_whole(folder, index)
        is_old = index["version"] != version or changed(index["stamp"])
    except Exception:  # a damaged index or header raises errors of a dozen kinds
        return None, "is damaged"
    return (None, "is out of date, because its source has changed") if is_old else (index, "")


def _require_whole(folder: Path, index: dict) -> None:
    """Raise an error of any kind unless the files have the sizes, shapes and types that the index says."""
    sizes = {name: (folder / name).stat().st_size for name in index["bytes"]}
    if (index["format"], index["bytes"]) != (FORMAT, sizes) or not sizes.keys() >= {"images.npy"}:
        raise ValueError("a file is missing, or has another size")
    texts = [index["name"], index["source"], index.get("crop", "none")]
    names = {"attributes.npy": index["attribute_names"], "factors.npy": index["factor_names"]}
    if not all(isinstance(text, str) for text in (*texts, *names["attributes.npy"], *names["factors.npy"])):
        raise TypeError("a name is no text")
    if not isinstance(index["synthetic"], bool):
        raise TypeError("it does not say whether the images were rendered")
    starts, stops = zip(*((start, stop) for start, stop in map(index["splits"].get, SPLITS)), strict=True)
    if starts != (0, *stops[:-1]) or list(stops) != sorted(stops) or not all(type(row) is int for row in stops):
        raise ValueError("the splits do not follow each other")
    for name in sizes:
        array = np.load(folder / name, mmap_mode="r")
        side = array.shape[-1]
        kind, shape = (np.uint8, (3, side, side)) if name == "images.npy" else (KINDS[name], (len(names[name]),))
        if array.dtype != kind or array.shape != (stops[-1], *shape) or not array.flags.c_contiguous:
            raise ValueError(f"{name} is not what the index says")


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
    for sentence in contents.notes + contents.unused.note():
        report(sentence)
    return index


def _fill(partial: Path, contents: Contents, progress: bool, version: str) -> dict:
    name = partial.name.removesuffix(".partial")
    rows = _write_images(partial / "images.npy", contents, progress, name)
    listing = partial.with_name(f"{name}.broken.txt")
    require_few(contents.broken, sum(contents.counts.values()), contents.facts["source"], listing)
    contents.unused.add("that cannot be read", note(contents.broken))
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
        "skipped": list(contents.broken),
        "unused": contents.unused.counts,
        "stamp": contents.stamp,
        "bytes": {path.name: path.stat().st_size for path in sorted(partial.iterdir())},
    }
    (partial / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    return index


def _write_table(path: Path, table: np.ndarray | None, rows: np.ndarray) -> None:
    """Save the written `rows` of a table; through memory, because np.save to a file does not report a full disk."""
    if table is not None:
        buffer = io.BytesIO()
        np.save(buffer, table[rows])
        path.write_bytes(buffer.getvalue())


def _write_images(path: Path, contents: Contents, progress: bool, description: str) -> np.ndarray:
    """Append batch after batch to a .npy file; return the planned rows that were written, in order.

    With plain writes a full disk raises an error; with a memory map it would kill the process. numpy leaves room in the
    header for a longer first axis, so the number of rows can be corrected at the end.
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
        os.fsync(file.fileno())  # the pixels must reach the disk before the folder's new name
    return rows


def _write_header(file, rows: int, size: int) -> None:
    shape = (rows, 3, size, size)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _require_space(path: Path, needed: int) -> None:
    """Raise `OSError` before the work starts if the disk has less space than needed."""
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _ranges(rows: np.ndarray, counts: dict[str, int]) -> dict[str, list[int]]:
    """The start and stop of each split among the rows that were written."""
    planned = accumulate((counts.get(split, 0) for split in SPLITS), initial=0)
    edges = np.searchsorted(rows, list(planned)).tolist()
    return dict(zip(SPLITS, map(list, pairwise(edges)), strict=True))
