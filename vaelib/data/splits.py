"""The splits of a dataset: their names in folders of others, and what is held out where a part is missing."""

from __future__ import annotations

import re

SPLITS = ("train", "valid", "test")
HELD_OUT = 10  # one training image in ten is held out where there are no validation images
NAMES = {"train": ("train", "training"), "valid": ("valid", "val", "validation", "dev"), "test": ("test", "testing")}
FOLDER = re.compile(  # train, Training, train_set, val2017, test-images, …
    r"(?:seg[ _-])?(train|training|valid|val|validation|dev|test|testing)"
    r"(?:[ _-]?(?:set|data|images|imgs|split|\d{4}))?",
    re.IGNORECASE,
)


def split_named(folder: str) -> str | None:
    """The split that the name of a folder means, or None if it means none."""
    match = FOLDER.fullmatch(folder)
    return next(split for split, names in NAMES.items() if match[1].lower() in names) if match else None


def held_out(train: int) -> int:
    """How many of the training images are held out where there are no validation images: a tenth, but at least one."""
    return max(train // HELD_OUT, 1) if train > 1 else 0


def held_out_note(number: int) -> str:
    """The sentence that says so."""
    return f"There are no validation images: one training image in {HELD_OUT} is held out for them ({number:,} in all)."
