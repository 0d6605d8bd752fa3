"""The count by eye: each sample is on a sheet once, and the answers are counted for what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import by_eye
from vaelib.support.errors import UserError


def test_every_sample_is_shown_once_and_the_kinds_are_mixed():
    places = by_eye.order()
    assert sorted(places) == [(kind, i) for kind in range(len(by_eye.KINDS)) for i in range(by_eye.EACH)]
    assert len({kind for kind, _ in places[: by_eye.COLUMNS * by_eye.ROWS]}) > 1


def test_sheets_show_the_samples_in_order(monkeypatch, tmp_path):
    shades = {kind: torch.full((by_eye.EACH, 3, 8, 8), i / 8) for i, kind in enumerate(by_eye.KINDS)}
    monkeypatch.setattr(by_eye, "samples_of", lambda *kind: shades[kind])
    by_eye.write_sheets(tmp_path)
    sheets = sorted(tmp_path.glob("sheet-*.png"), key=lambda path: int(path.stem.partition("-")[2]))
    step = by_eye.SIDE + by_eye.MARGIN
    seen = []
    for path in sheets:
        picture = Image.open(path)
        for place in range(by_eye.COLUMNS * by_eye.ROWS):
            at = (place % by_eye.COLUMNS * step + 9, place // by_eye.COLUMNS * step + 9)
            seen.append(round(picture.getpixel(at)[0] * 8 / 255))
    assert seen == [kind for kind, _ in by_eye.order()]


def answered(path: Path, verdicts: list[str]) -> Path:
    path.write_text("number,verdict\n" + "".join(f"{i + 1},{verdict}\n" for i, verdict in enumerate(verdicts)))
    return path


def test_answers_are_counted_by_kind(tmp_path):
    strict = ["plausible" if kind == 3 and i else "broken" for kind, i in by_eye.order()]
    lenient = ["blurred" for _ in by_eye.order()]
    readers = [by_eye.read_answers(answered(tmp_path / f"{i}.csv", of)) for i, of in enumerate((strict, lenient))]
    found = by_eye.tally(readers)["sets"]
    assert found[3] == {
        "run": "celeba128",
        "finish": "detail",
        "plausible": [35, 0],
        "blurred": [0, 36],
        "broken": [1, 0],
    }
    assert found[0]["broken"] == [36, 0]


@pytest.mark.parametrize("verdict", ["", "good"])
def test_an_answer_that_is_none_is_refused(tmp_path, verdict):
    verdicts = ["plausible"] * 5 + [verdict] + ["broken"] * (len(by_eye.order()) - 6)
    with pytest.raises(UserError, match="of sample 6: write one of plausible, blurred, broken"):
        by_eye.read_answers(answered(tmp_path / "a.csv", verdicts))
