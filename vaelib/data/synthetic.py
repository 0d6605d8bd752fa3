"""The two datasets that vaelib renders itself, for the cache: 10,000 / 1,000 / 1,000 images from seed 0."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch

from . import faces, objects
from .cache import Batch, Contents
from .parallel import ordered

COUNTS = {"train": 10_000, "valid": 1_000, "test": 1_000}
SEED = 0
FACES_AT_ONCE = 128
OBJECTS_AT_ONCE = 1280  # the number that `objects.render` draws most efficiently


def face_contents(size: int) -> Contents:
    """Faces, with the factors that each was drawn from, and visible attributes under CelebA's names."""
    factors = faces.sample_factors(sum(COUNTS.values()), seed=SEED)
    attributes, names = faces.attributes(factors)

    def draw(rows: range) -> Batch:
        return _as_uint8(faces.render(cast(faces.Factors, factors[rows.start : rows.stop]), size)), np.array(rows)

    return Contents(
        size=size,
        counts=COUNTS,
        batches=ordered(draw, _jobs(FACES_AT_ONCE)),
        attributes=attributes.numpy(),
        attribute_names=list(names),
        factors=factors.values.numpy(),
        factor_names=list(faces.FACTOR_NAMES),
        synthetic=True,
        facts={"source": "rendered by vaelib"},
    )


def object_contents(size: int) -> Contents:
    """Ten classes with CIFAR-10's names; the classes are the attributes."""
    classes = np.zeros((sum(COUNTS.values()), len(objects.CLASS_NAMES)), dtype=bool)

    def draw(rows: range) -> Batch:
        images, labels = objects.render(len(rows), size=size, seed=SEED, start=rows.start)
        classes[np.array(rows), labels.numpy()] = True
        return _as_uint8(images), np.array(rows)

    return Contents(
        size=size,
        counts=COUNTS,
        batches=ordered(draw, _jobs(OBJECTS_AT_ONCE)),
        attributes=classes,
        attribute_names=list(objects.CLASS_NAMES),
        synthetic=True,
        facts={"source": "rendered by vaelib"},
    )


def version(name: str) -> str:
    """A hash of the renderer's source, so that stale pictures are drawn again when the renderer changes."""
    package = {"faces": faces, "objects": objects}[name]
    files = sorted(Path(str(package.__file__)).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _jobs(at_once: int) -> Iterator[range]:
    total = sum(COUNTS.values())
    return (range(start, min(start + at_once, total)) for start in range(0, total, at_once))


def _as_uint8(images: torch.Tensor) -> np.ndarray:
    return (images * 255).round().to(torch.uint8).numpy()
