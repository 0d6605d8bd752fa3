"""Any folder, zip or tar of images. Sub-folders can name splits, classes, or splits that contain classes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ..support.errors import UserError
from .archives import DamagedArchive, open_archive
from .cache import Contents
from .decode import DecodedImages
from .kinds import is_image
from .layout import Layout, layout
from .sources import Folder, Source
from .splits import SPLITS
from .unused import Unused

LONGEST_NAME = 150  # bytes of a cache's name; systems allow 255


def contents(path: Path, size: int) -> Contents:
    """All images in `path`, the largest centred square of each, for the cache.

    Sub-folders named train, valid (or val) and test are the splits; if there is none for validation, a tenth of the
    training images is held out. Without such folders, 90 % of the images are for training and 5 % each for validation
    and test, chosen by a hash of their names. Other sub-folders are the classes. Raises `UserError` if there is no
    image.
    """
    source, unused = _open(path), Unused()
    stamp = source.stamp()
    found = layout(_images(source, unused), unused)
    decoded = DecodedImages(source, found.names, size)
    return Contents(
        size=size,
        counts={split: len(found.splits[split]) for split in SPLITS},
        batches=decoded,
        attributes=_one_hot(found) if found.classes else None,
        attribute_names=found.classes,
        stamp=stamp,
        facts={"source": str(path), "crop": f"the largest centred square, resized to {size} x {size}"},
        notes=found.notes,
        unused=unused,
        broken=decoded.broken,
    )


def cache_name(path: Path) -> str:
    """The name of the folder's cache: the folder's name and a hash of its path, because names can repeat."""
    stem = os.fsdecode(os.fsencode(path.stem)[:LONGEST_NAME])
    return f"{stem}-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]}"


def _open(path: Path) -> Source:
    if path.is_dir():
        return Folder(path)
    try:
        return open_archive(path)
    except DamagedArchive as error:
        raise UserError(f"{error}: {error.remedy}.") from error


def _images(source: Source, unused: Unused) -> list[str]:
    """The names of the images; everything else in the source is counted."""
    images = list(filter(is_image, source.files))
    others = [name for name in source.files if not is_image(name)]
    unused.add_kinds("in formats that are not read", others)
    for cause, names in source.aside.items():
        unused.add(cause, names)
    if not images:
        raise UserError(
            f"There is no image in {source.path}{_instead(unused)}: name a folder, zip or tar that holds JPEG or PNG "
            "files."
        )
    return images


def _instead(unused: Unused) -> str:
    return f" ({'; '.join(unused.parts())})" if unused.counts else ""


def _one_hot(found: Layout) -> np.ndarray:
    """A row for each image with True for its class, or without any True for an image that has none."""
    numbers = {name: place for place, name in enumerate(found.classes)}
    labels = [numbers.get(found.class_of[name], len(numbers)) for name in found.names]
    return np.eye(len(numbers) + 1, dtype=bool)[labels, :-1]
