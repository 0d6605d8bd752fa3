"""CelebA's tables, written again: what the words mean, and the words that mean nothing."""

import codecs
from pathlib import Path

import numpy as np
import pytest

from vaelib.data.tables import Table, labels, parse, partitions
from vaelib.support.errors import UserError

NAMES = ["Smiling", "Eyeglasses", "Male"]
SIGNS = np.array([[1, -1, 1], [-1, -1, 1], [1, 1, -1], [-1, 1, -1]])
STEMS = [f"{i:06}" for i in range(1, 5)]
HEAD = ["image_id", *NAMES]
ROWS = [[f"{stem}.jpg", *map(str, row)] for stem, row in zip(STEMS, SIGNS, strict=True)]


def table(text: str | bytes) -> Table:
    return parse(Path("table.csv"), lambda: text.encode() if isinstance(text, str) else text)


def written(write, separator: str = ",", head=HEAD) -> str:
    rows = [[stem, *(write(int(word)) for word in words)] for stem, *words in ROWS]
    return "\n".join(separator.join(row) for row in [head, *rows])


WAYS = {
    "official": lambda sign: f"{sign:2d}",
    "0 and 1": lambda sign: str(max(sign, 0)),
    "bool": lambda sign: str(sign == 1),
    "json": lambda sign: str(sign == 1).lower(),
    "upper case": lambda sign: str(sign == 1).upper(),
    "float": lambda sign: str(float(sign)),
    "float 0 and 1": lambda sign: f"{max(sign, 0):.6f}",
    "plus": lambda sign: f"{sign:+d}",
    "scientific": lambda sign: f"{sign:.1e}",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("separator", [",", ";", "\t", " ", ", "])
def test_every_way_to_write_yes_and_no(way, separator):
    found = table(written(WAYS[way], separator))
    assert found.columns == NAMES
    assert np.array_equal(labels(found, STEMS, "there"), SIGNS == 1)


@pytest.mark.parametrize("word", ["2", "yes", "nan", "", "0.5", "-", "−1", "None", "1;", "inf", "0x1"])
def test_every_other_word_is_an_error_that_names_its_place(word):
    rows = [list(row) for row in ROWS]
    rows[2][2] = word
    found = table("\n".join(",".join(row) for row in [HEAD, *rows]))
    if word == "1;":  # a separator, so the word is 1
        assert labels(found, STEMS, "there")[2, 1]
        return
    with pytest.raises(UserError) as caught:
        labels(found, STEMS, "there")
    assert "table.csv" in str(caught.value) and "000003" in str(caught.value)
    if word:
        assert repr(word) in str(caught.value) and "Eyeglasses" in str(caught.value)
        assert "write 1 or True for yes, and -1, 0 or False for no." in str(caught.value)


@pytest.mark.parametrize("index", ["", "Unnamed: 0", "index"])
def test_a_column_that_numbers_the_rows(index):
    text = "\n".join([",".join([index, *HEAD]), *(",".join([str(n), *row]) for n, row in enumerate(ROWS))])
    assert table(text).columns == NAMES
    assert np.array_equal(labels(table(text), STEMS, "there"), SIGNS == 1)


@pytest.mark.parametrize("encode", [
    lambda text: codecs.BOM_UTF8 + text.encode(),
    lambda text: text.encode("utf-16"),
    lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: "\n".join(",".join(f'"{word}"' for word in line.split(",")) for line in text.split("\n")).encode(),
])  # fmt: skip
def test_tables_of_spreadsheets(encode):
    found = table(encode(written(str)))
    assert found.columns == NAMES and np.array_equal(labels(found, STEMS, "there"), SIGNS == 1)


@pytest.mark.parametrize("words", [["0", "1", "2", "0"], ["0.0", "1.0", "2.0", "0.0"]])
def test_partitions(words):
    found = table("\n".join(f"{stem}.jpg {word}" for stem, word in zip(STEMS, words, strict=True)))
    assert list(partitions(found, STEMS).values()) == ["train", "valid", "test", "train"]


@pytest.mark.parametrize("word", ["3", "-1", "train", "0 1", "", "0.5", "nan"])
def test_partitions_that_are_none(word):
    with pytest.raises(UserError, match=r"table\.csv has .* as the partition of image 000001: write 0 for train"):
        partitions(table(f"000001.jpg {word}"), ["000001"])


def test_bytes_that_are_no_table():
    for content in (b"", b"\xff\xfe\0", b"\x89PNG", b"<html>", bytes(range(256))):
        assert table(content).rows == {}
