"""The record of chapter 04's sweep on other seeds: it is of the chapter's own VAEs, and more weight gives less rate."""

from __future__ import annotations

import json
import math

import nbformat
import pytest

from benchmarks import sweep
from notebooks.execute import CHAPTERS
from vaelib import data


def test_a_row_has_what_the_chapter_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SETTINGS", sweep.SETTINGS | {"epochs": 1})
    train, valid = (data.load("faces", size=32, split=split, progress=False) for split in ("train", "valid"))
    weak, strong = (sweep.measured(3, beta, train.subset(64), valid.subset(32)) for beta in (0.001, 10))
    assert weak["rate"] > strong["rate"] >= 0 and weak["seed"] == 3
    assert all(math.isfinite(value) for row in (weak, strong) for value in row.values())


def test_the_record_has_every_weight_of_both_seeds_and_falls() -> None:
    rows = json.loads(sweep.RECORD.read_text())["rows"]
    assert [(row["seed"], row["beta"]) for row in rows] == [(seed, beta) for seed in (1, 2) for beta in sweep.BETAS]
    for seed in (1, 2):
        rates = [row["rate"] for row in rows if row["seed"] == seed]
        assert rates == sorted(rates, reverse=True)


def test_the_chapter_trains_with_the_same_settings() -> None:
    chapter = next(path for path in CHAPTERS if path.stem.startswith("04-"))
    code = "\n".join(cell.source for cell in nbformat.read(chapter, as_version=4).cells if cell.cell_type == "code")
    stated = (f"subset({sweep.IMAGES})", f"BETAS = {sweep.BETAS}", f'"epochs": {sweep.SETTINGS["epochs"]}')
    assert all(setting in code for setting in stated)
    shape = "{" + ", ".join(f'"{name}": {value}' for name, value in sweep.SHAPE.items()) + "}"
    assert f"SHAPE, BATCH = {shape}, {sweep.SETTINGS['batch_size']}" in code
