"""CelebA's annotation tables as people have them: official, Kaggle's, or written again by a script or a spreadsheet.

A table has a line of column names, and then lines of an image's name and values. They are parted by spaces, tabs,
commas or semicolons. A column that numbers the rows may come first.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ..support.errors import UserError
from .kinds import is_image

SEPARATORS = str.maketrans({",": " ", ";": " ", "\t": " ", '"': " "})
IMAGE_COLUMNS = ("image_id", "filename", "file_name", "image")
YES, NO = (1.0,), (0.0, -1.0)
PARTITIONS = {0.0: "train", 1.0: "valid", 2.0: "test"}


@dataclass
class Table:
    """An annotation file: the names of its columns, and for each image (by its stem) a string of its values."""

    path: Path
    columns: list[str]
    rows: dict[str, str]


def parse(path: Path, read: Callable[[], bytes]) -> Table:
    """The table in the bytes that `read` returns; without rows if they hold no table."""
    table = Table(path, [], {})
    try:
        text = _decoded(read())
    except Exception:  # a damaged archive raises errors of many kinds
        return table
    for line in text.translate(SEPARATORS).splitlines():
        words = line.split()
        place = next((place for place, word in enumerate(words[:2]) if is_image(word)), None)
        if place is not None:
            table.rows[PurePosixPath(words[place]).stem] = " ".join(words[place + 1 :])
        elif not table.rows:
            heads = [place + 1 for place, word in enumerate(words) if word.lower() in IMAGE_COLUMNS]
            table.columns = words[heads[0] :] if heads else words
    return table


def _decoded(data: bytes) -> str:
    """The text of a table; spreadsheets and PowerShell write UTF-16."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace")


def labels(table: Table, stems: Sequence[str], places: str) -> np.ndarray:
    """The attributes of these images as bool (N, A), from 1 and -1, 1 and 0, or True and False.

    Raises `UserError` for a row with another number of values, or for another word. `places` says where the table can
    be had.
    """
    found = np.zeros((len(stems), len(table.columns)), dtype=bool)
    for row, stem in enumerate(stems):
        words = table.rows[stem].split()
        if len(words) != len(table.columns):
            raise UserError(
                f"{table.path} is damaged, because its row {stem} has {len(words)} values, not {len(table.columns)}: "
                f"get the file again, from {places}."
            )
        numbers = list(map(_number, words))
        if unknown := [place for place, number in enumerate(numbers) if number not in YES + NO]:
            raise UserError(
                f"{table.path} has {words[unknown[0]]!r} as {table.columns[unknown[0]]} of image {stem}: write 1 or "
                "True for yes, and -1, 0 or False for no."
            )
        found[row] = [number in YES for number in numbers]
    return found


def partitions(table: Table, stems: Sequence[str]) -> dict[str, str]:
    """The split of each of these images, from 0, 1 and 2. Raises `UserError` for another word."""
    split_of = {}
    for stem in stems:
        word = table.rows[stem]
        split = PARTITIONS.get(_number(word))
        if split is None:
            raise UserError(
                f"{table.path} has {word!r} as the partition of image {stem}: write 0 for train, 1 for valid and 2 for "
                "test."
            )
        split_of[stem] = split
    return split_of


def _number(word: str) -> float:
    """The number in a word: 1.0 for "1", "+1", "1.0" and "True"; not a number for any other word."""
    if word.lower() in ("true", "false"):
        return float(word.lower() == "true")
    try:
        return float(word)
    except ValueError:
        return math.nan
