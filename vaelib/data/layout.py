"""What the sub-folders of a tree of images mean: splits, classes, or splits that contain classes.

A stray file changes nothing: what lies outside of the folders that give a meaning to the rest is left out and counted.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from .splits import SPLITS, held_out, held_out_note, split_named
from .unused import Unused

DRAWN = 20  # without folders for splits, one image in twenty is for validation, one in twenty for the test
STRAY = 0.1  # the largest share of images outside the class folders; with more of them there are no classes

Paths = dict[str, PurePosixPath]  # by the name of the image: its path below the folders that all images share


@dataclass
class Layout:
    """The names of the images of each split, the class of each image ("" if it has none), and what there is to say."""

    splits: dict[str, list[str]]
    class_of: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """All images that are used, in the order train, valid, test."""
        return [name for split in SPLITS for name in self.splits[split]]

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted; [] if there are none."""
        return sorted(set(self.class_of.values()) - {""})


def layout(names: Iterable[str], unused: Unused) -> Layout:
    """The splits and classes of images by the folders that they lie in; `unused` gets the images that are left out."""
    paths = {name: PurePosixPath(name) for name in names}
    given = _given_splits(paths)
    if given is None:
        paths, notes = _unwrapped(_without_lone_splits(paths)), []
        class_of, stray = _classes(paths, {})
        splits = _drawn_splits({name: path for name, path in paths.items() if name not in stray})
    else:
        unused.add("outside the folders of the splits", paths.keys() - given.keys())
        paths = _unwrapped({name: path for name, (_, path) in given.items()})
        split_of = {name: split for name, (split, _) in given.items()}
        class_of, stray = _classes(paths, split_of)
        splits = {split: [n for n in paths if split_of[n] == split and n not in stray] for split in SPLITS}
        notes = _hold_out(splits, paths)
    unused.add("outside the class folders", stray)
    used = {name: class_of[name] for split in SPLITS for name in splits[split]}
    return Layout(splits, used, notes + _class_notes(paths, splits, class_of))


def _given_splits(paths: Paths) -> dict[str, tuple[str, PurePosixPath]] | None:
    """The split of each image that lies in a folder of one, and its path without that folder; None if there are none.

    The folders lie side by side, perhaps in others. One is for training; if it is the only one, most images are in it,
    because a class can be called "train" as well.
    """
    for depth in range(max((len(path.parts) for path in paths.values()), default=1) - 1):
        found = {}
        for name, path in paths.items():
            split = split_named(path.parts[depth]) if len(path.parts) > depth + 1 else None
            if split:
                found[name] = (split, PurePosixPath(*path.parts[:depth], *path.parts[depth + 1 :]))
        kinds = {split for split, _ in found.values()}
        if "train" in kinds and (len(kinds) > 1 or len(found) > len(paths) / 2):
            return found
    return None


def _without_lone_splits(paths: Paths) -> Paths:
    """The paths without their first folders if these are splits, none of them for training: such are no classes."""
    in_folders = {name: path for name, path in paths.items() if len(path.parts) > 1}
    if all(split_named(path.parts[0]) for path in in_folders.values()):
        return paths | {name: PurePosixPath(*path.parts[1:]) for name, path in in_folders.items()}
    return paths


def _unwrapped(paths: Paths) -> Paths:
    """The paths below the folders that all images in folders share (an archive often has one around everything)."""
    while len({path.parts[0] for path in paths.values() if len(path.parts) > 1}) == 1:
        paths = {name: PurePosixPath(*path.parts[1:]) if len(path.parts) > 1 else path for name, path in paths.items()}
    return paths


def _drawn_splits(paths: Paths) -> dict[str, list[str]]:
    """Splits in the order of a hash of the paths, which is like a random order but the same on every machine."""
    names = sorted(paths, key=lambda name: hashlib.sha256(os.fsencode(str(paths[name]))).digest())
    each = max(len(names) // DRAWN, 1) if len(names) >= len(SPLITS) else 0
    bounds = {"train": (2 * each, None), "valid": (each, 2 * each), "test": (0, each)}
    return {split: sorted(names[start:stop]) for split, (start, stop) in bounds.items()}


def _hold_out(splits: dict[str, list[str]], paths: Paths) -> list[str]:
    """Move a share of the training images to an empty validation split, by a hash of their paths, and say so."""
    number = held_out(len(splits["train"]))
    if splits["valid"] or not number:
        return []
    order = sorted(splits["train"], key=lambda name: hashlib.sha256(os.fsencode(str(paths[name]))).digest())
    splits["valid"] = sorted(order[:number])
    splits["train"] = sorted(order[number:])
    return [held_out_note(number)]


def _classes(paths: Paths, split_of: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """The class of each image, "" if it has none; and the images that are left out because they lie beside the classes.

    The first folder names the class. A split without any class folder is used without classes.
    """
    class_of = {name: path.parts[0] if len(path.parts) > 1 else "" for name, path in paths.items()}
    labelled = {split_of.get(name) for name in paths if class_of[name]}
    beside = {name for name in paths if not class_of[name] and split_of.get(name) in labelled}
    classes = set(class_of.values()) - {""}
    if len(classes) < 2 or len(beside) > STRAY * len(paths):
        return dict.fromkeys(paths, ""), set()
    return class_of, beside


def _class_notes(paths: Paths, splits: dict[str, list[str]], class_of: dict[str, str]) -> list[str]:
    """Say which images have no class although others have one, or why there are no classes in spite of folders."""
    if any(class_of.values()):
        without = {split: sum(not class_of[name] for name in names) for split, names in splits.items()}
        return [
            f"The {count:,} {split} images have no class, because they lie in no class folder."
            for split, count in without.items()
            if count
        ]
    folders = Counter(path.parts[0] for path in paths.values() if len(path.parts) > 1)
    if not folders:
        return []
    outside = len(paths) - folders.total()
    return [f"The folders are not taken for classes, because {outside:,} of {len(paths):,} images lie in none of them."]
