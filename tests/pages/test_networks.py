"""The part of the results page on several networks agrees with its record, and is left out without it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pages import networks, results
from pages.records import read_sources
from vaelib.support.errors import UserError

PROTOCOL = {"dataset": "celeba", "split": "valid", "crop": "the centre", "size": 64, "images": 2000, "samples": 2000}


def one_space(text: str) -> str:
    """The text with one space where a table has several to align its columns."""
    return re.sub(" +", " ", text.replace("\u00a0", " "))


def recorded(**seen: tuple[float, ...]) -> dict:
    """A record of benchmarks/sharpening.py: distances of reconstructions, plain, sharpened, masked and with noise."""
    title = "reconstructions"
    names = (
        "training images",
        title,
        f"{title}, sharpened",
        f"{title}, unsharp mask",
        f"{title}, noise at the same price",
    )
    return {
        "networks": {
            network: {
                "about": f"what {network} is",
                "distances": dict(zip(names, distances, strict=True)),
                "errors": dict.fromkeys(names, 0.5),
            }
            for network, distances in seen.items()
        },
        "protocol": PROTOCOL | {"seed": 0, "compared": 1000, "splits": 10},
        "hardware": "an abacus",
        "versions": {"torch": "9.8"},
        "seconds": 90.0,
        "seed": 1,
        "epochs": 8,
        "noise": {"celeba64": 0.03},
    }


def test_the_table_has_a_column_for_each_network():
    title, why, changes, table = networks.several(recorded(one=(0.5, 30, 10, 25, 20), other=(0.25, 6, 5, 7, 8)))
    assert title == "### More networks, and noise as a control"
    assert "makes no picture better, and yet it lowers the distance in the features of *one*: with noise at" in why
    assert "*reconstructions* goes from 30.0 to 20.0. So one network is not enough." in why
    assert (
        "*one*, what one is: sharpened 1 of 1 sets come nearer and 0 move away; after an unsharp mask 1 of 1 sets come "
        "nearer and 0 move away; with noise 1 of 1 sets come nearer and 0 move away."
    ) in changes
    # Changes of 1 are less than two standard errors, each of 0.5.
    assert "*other*, what other is: sharpened 0 of 1 sets come nearer and 0 move away; after an unsharp" in changes
    assert "with noise 0 of 1 sets come nearer and 1 move away." in changes
    rows = one_space(table)
    assert "| | one | other |" in rows and "| reconstructions, sharpened | 20.0 ± 1.0 | 20 ± 2 |" in rows
    assert "in units of the distance of training images: 0.5, 0.25." in table
    assert "deviation: celeba64 0.0300." in table and "10 random halves of 1,000 each" in table
    assert "an abacus, torch 9.8, seed 1, 1.50 min" in table
    assert "Repeat it: `python -m benchmarks.sharpening --epochs 8 --seed 1`" in table


def test_noise_that_raises_the_distance_is_not_said_to_lower_it():
    why = networks.several(recorded(one=(0.5, 30, 10, 25, 40)))[1]
    assert "raises the distance in the features of *one*" in why and "lowers" not in why


def test_without_noise_or_without_a_record_no_claim_is_made():
    record = recorded(one=(0.5, 30, 10, 25, 20))
    del record["networks"]["one"]["distances"]["reconstructions, noise at the same price"]
    assert "hite noise" not in networks.several(record)[1]
    assert networks.several(None) == []


def test_the_record_is_read_where_it_is(tmp_path: Path):
    absent = read_sources(tmp_path, tmp_path)
    assert absent.sharpening is None and any(line.startswith("No other network") for line in absent.missing)
    (tmp_path / "sharpening.json").write_text(json.dumps(recorded(one=(0.5, 30, 10, 25, 20))))
    read = read_sources(tmp_path, tmp_path)
    assert not any("other network" in line for line in read.missing)
    results.write(replace(read, runs=[]), tmp_path / "results.md", tmp_path / "pictures")
    assert "| reconstructions | 60.0 ± 1.0 |" in one_space((tmp_path / "results.md").read_text())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda record: record.pop("protocol"), "does not say protocol"),
        (lambda record: record["networks"]["one"].pop("errors"), "does not say errors"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, spoil, said: str):
    record = recorded(one=(0.5, 30, 10, 25, 20))
    spoil(record)
    (tmp_path / "sharpening.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=rf"sharpening\.json {said}"):
        read_sources(tmp_path, tmp_path)
