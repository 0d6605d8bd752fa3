"""Any folder or zip of images. Sub-folders can name splits, classes, or splits that contain classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ..support.errors import UserError
from .cache import SPLITS, Contents
from .decode import DecodedImages
from .sources import Archive, DamagedZip, Folder, Source, is_image

SPLIT_OF = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}
HELD_OUT = 20  # one image in twenty is for validation, one in twenty for the test


def contents(path: Path, size: int) -> Contents:
    """All images in `path`, the largest centred square of each, for the cache.

    Sub-folders named train, valid (or val) and test are the splits. Without them, 90 % of the images are for training
    and 5 % each for validation and test, chosen by a hash of their names. If every image lies in a sub-folder, these
    folders are the classes. Raises `UserError` if there is no image.
    """
    source = _open(path)
    images = _images(source)
    splits = _given_splits(images) or _drawn_splits(images)
    names = [name for split in SPLITS for name in splits[split]]
    classes = _classes([images[name] for name in names])
    decoded = DecodedImages(source, names, size)
    return Contents(
        size=size,
        counts={split: len(splits[split]) for split in SPLITS},
        batches=decoded,
        attributes=_one_hot([_class_of(images[name]) for name in names], classes) if classes else None,
        attribute_names=classes,
        stamp=source.stamp(names),
        facts={"source": str(path), "crop": f"the largest centred square, resized to {size} x {size}"},
        notes=_notes(len(images) - len(names)),
        skipped=decoded.skipped,
    )


def cache_name(path: Path) -> str:
    """The name of the folder's cache: the folder's name and a hash of its path, because names can repeat."""
    return f"{path.stem}-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"


def _notes(left_out: int) -> list[str]:
    return [f"Left out because they lie in no split: {left_out:,} images."] if left_out else []


def _open(path: Path) -> Source:
    if path.is_dir():
        return Folder(path)
    try:
        return Archive(path)
    except DamagedZip as error:
        raise UserError(f"{error}: name a folder or a zip of images, or get this one again.") from error


def _images(source: Source) -> dict[str, PurePosixPath]:
    """Each image, and its path below the folders that all of them share (a zip often has one around everything)."""
    paths = {name: PurePosixPath(name) for name in source.files if is_image(name)}
    if not paths:
        raise UserError(f"There is no image in {source.path}: name a folder or a zip that holds JPEG or PNG files.")
    while len({path.parts[0] for path in paths.values()}) == 1 and all(_may_unwrap(path) for path in paths.values()):
        paths = {name: PurePosixPath(*path.parts[1:]) for name, path in paths.items()}
    return paths


def _may_unwrap(path: PurePosixPath) -> bool:
    return len(path.parts) > 1 and path.parts[0].lower() not in SPLIT_OF


def _given_splits(images: dict[str, PurePosixPath]) -> dict[str, list[str]] | None:
    """The images by the split that their first folder names; None if no folder names a split."""
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for name, path in images.items():
        if len(path.parts) > 1 and path.parts[0].lower() in SPLIT_OF:
            splits[SPLIT_OF[path.parts[0].lower()]].append(name)
    return splits if any(splits.values()) else None


def _drawn_splits(images: dict[str, PurePosixPath]) -> dict[str, list[str]]:
    """Splits in the order of a hash of the paths, which is like a random order but the same on every machine."""
    names = sorted(images, key=lambda name: hashlib.sha256(str(images[name]).encode()).digest())
    held_out = max(len(names) // HELD_OUT, 1) if len(names) >= len(SPLITS) else 0
    bounds = {"train": (2 * held_out, None), "valid": (held_out, 2 * held_out), "test": (0, held_out)}
    return {split: sorted(names[start:stop]) for split, (start, stop) in bounds.items()}


def _class_of(path: PurePosixPath) -> str:
    """The folder that names the class; "" for an image outside any class folder."""
    folders = [part for place, part in enumerate(path.parts[:-1]) if place or part.lower() not in SPLIT_OF]
    return folders[0] if folders else ""


def _classes(paths: Sequence[PurePosixPath]) -> list[str]:
    """The names of the classes; [] unless there are at least two and every image is in one."""
    classes = sorted({_class_of(path) for path in paths})
    return classes if len(classes) > 1 and "" not in classes else []


def _one_hot(labels: Sequence[str], classes: list[str]) -> np.ndarray:
    number = {name: place for place, name in enumerate(classes)}
    return np.eye(len(classes), dtype=bool)[[number[label] for label in labels]]
