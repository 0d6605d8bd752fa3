"""The datasets by name: `load` returns a split, `prepare` makes the cache."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import torch

from ..support import errors
from ..support.files import expanded
from . import cache, celeba, cifar10, folder
from .dataset import Dataset
from .splits import SPLITS

NAMES = ("faces", "objects", "cifar10", "celeba")
SIZES = {"faces": (32, 64, 128), "objects": (32,), "cifar10": (32,), "celeba": (32, 64, 128)}
ANY_SIZE = (32, 64, 128)  # for a folder of images


def default_root() -> Path:
    """The folder of data and caches if no root is given: `VAELIB_DATA`, or a folder in the user's cache."""
    if os.environ.get("VAELIB_DATA"):
        return expanded(os.environ["VAELIB_DATA"])
    try:
        return _user_cache() / "vaelib"
    except RuntimeError as error:
        raise errors.UserError("You have no home folder here: set VAELIB_DATA to a folder for data.") from error


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def load(
    name: str | Path,
    size: int | None = None,
    split: str = "train",
    root: str | Path | None = None,
    progress: bool = True,
) -> Dataset:
    """One split ("train", "valid" or "test") of a dataset, which is prepared first if necessary.

    `name` is one of `NAMES`, or the path of a folder, zip or tar of images. `size` is the side of the images in pixels,
    by default 64, or 32 for objects and cifar10. `root` is `default_root()` by default.

    Raises `UserError` for an unknown name or split, a size that is not available, and data that are missing, damaged
    or without that split.
    """
    if split not in SPLITS:
        raise errors.unknown("split", split, SPLITS)
    place, index = _prepare(name, size, root, progress)
    _require_images(index, split)
    arrays = cache.open_arrays(place, index, split)
    return Dataset(
        images=arrays["images"],
        name=str(name) if str(name) in NAMES else Path(name).stem,
        split=split,
        attributes=_tensor(arrays.get("attributes")),
        attribute_names=index["attribute_names"],
        factors=_tensor(arrays.get("factors")),
        factor_names=index["factor_names"],
        synthetic=index["synthetic"],
        crop=index.get("crop", "none").partition(", resized")[0],
    )


def located(name: str) -> str:
    """The name of a dataset as settings keep it: one of `NAMES`, or a path that is right in every working folder."""
    return name if name in NAMES or not expanded(name).exists() else str(expanded(name).absolute())


def is_prepared(name: str | Path, size: int | None = None, root: str | Path | None = None) -> bool:
    """Whether a dataset has been prepared, so that `load` need not decode or download it. Arguments as for `load`."""
    return _place(name, size, root).is_dir()


def prepare(name: str | Path, size: int | None = None, root: str | Path | None = None, progress: bool = True) -> Path:
    """Return the folder of a dataset's cache; make the cache first if necessary. Arguments as for `load`.

    Raises `UserError` for an unknown name, a size that is not available, data that are missing or damaged, a full disk.
    """
    return _prepare(name, size, root, progress)[0]


def _prepare(name: str | Path, size: int | None, root: str | Path | None, progress: bool) -> tuple[Path, dict]:
    place, size, path = _place(name, size, root), _checked_size(name, size), _path(name)
    if path:
        make, version = partial(folder.contents, path, size), ""
    else:
        make, version = _maker(str(name), _root(root), size)
    return place, cache.ensure(place, make, progress, version)


def _place(name: str | Path, size: int | None, root: str | Path | None) -> Path:
    """The folder of a dataset's cache, whether it exists or not."""
    path = _path(name)
    return _root(root) / "prepared" / f"{folder.cache_name(path) if path else name}-{_checked_size(name, size)}"


def _root(root: str | Path | None) -> Path:
    return (expanded(root) if root is not None else default_root()).absolute()


def _path(name: str | Path) -> Path | None:
    """The path of a folder, zip or tar, or None if the name is one of `NAMES`."""
    if str(name) in NAMES:
        return None
    path = expanded(name).absolute()
    if path.exists():
        return path
    if isinstance(name, Path) or any(mark in name for mark in ("/", "\\", "~", ".")):
        raise errors.UserError(
            f"{path} does not exist: name a folder, zip or tar of images, or one of {', '.join(NAMES)}."
        )
    raise errors.unknown("dataset", name, NAMES)


def _checked_size(name: str | Path, size: int | None) -> int:
    sizes = SIZES.get(str(name), ANY_SIZE)
    if size is None:
        return 64 if 64 in sizes else sizes[0]
    if size not in sizes:
        raise errors.UserError(f"{name} is not available at {size} pixels: choose size {_or(sizes)}.")
    return size


def _maker(name: str, root: Path, size: int):
    """The function that makes a dataset's contents, and the version of its renderer ("" if it has none)."""
    if name == "celeba":
        return partial(celeba.contents, root, size), ""
    if name == "cifar10":
        return partial(cifar10.contents, root, size), ""
    from . import synthetic

    contents = {"faces": synthetic.face_contents, "objects": synthetic.object_contents}[name]
    return partial(contents, size), synthetic.version(name)


def _require_images(index: dict, split: str) -> None:
    counts = {name: stop - start for name, (start, stop) in index["splits"].items()}
    if not counts[split]:
        others = [f"{count:,} of {name}" for name, count in counts.items() if count]
        raise errors.UserError(
            f"No image of the {split} partition is in {index['source']}, only {' and '.join(others)}: add images of "
            "that partition."
        )


def _tensor(array) -> torch.Tensor | None:
    return None if array is None else torch.tensor(array)


def _or(sizes: tuple[int, ...]) -> str:
    return " or ".join(map(str, sizes))
