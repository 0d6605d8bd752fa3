"""The count by eye: each picture is on a sheet once, and the answers are counted for what it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import by_eye
from vaelib import data, latent, runs
from vaelib.support.errors import UserError


def test_every_picture_is_shown_once_and_the_kinds_are_mixed():
    places = by_eye.order()
    assert sorted(places) == [(kind, i) for kind in range(len(by_eye.KINDS)) for i in range(by_eye.EACH)]
    assert len({kind for kind, _ in places[: by_eye.COLUMNS * by_eye.ROWS]}) > 1


def test_sheets_show_the_pictures_in_order(monkeypatch, tmp_path):
    shades = {kind: torch.full((by_eye.EACH, 3, 8, 8), i / 16) for i, kind in enumerate(by_eye.KINDS)}
    monkeypatch.setattr(by_eye, "pictures_of", shades.get)
    by_eye.write_sheets(tmp_path)
    sheets = sorted(tmp_path.glob("sheet-*.png"), key=lambda path: int(path.stem.partition("-")[2]))
    step = by_eye.SIDE + by_eye.MARGIN
    seen = []
    for path in sheets:
        picture = Image.open(path)
        for place in range(by_eye.COLUMNS * by_eye.ROWS):
            at = (place % by_eye.COLUMNS * step + 9, place // by_eye.COLUMNS * step + 9)
            seen.append(round(picture.getpixel(at)[0] * 16 / 255))
    assert seen == [kind for kind, _ in by_eye.order()]


def test_samples_are_those_of_their_temperature_and_finish(monkeypatch):
    monkeypatch.setattr(by_eye, "EACH", 4)
    plain, detailed, colder = (by_eye.pictures_of(kind) for kind in by_eye.KINDS[2:5])
    run = runs.load("celeba64")
    with torch.no_grad():
        z = run.statistics.prior("flow").sample(by_eye.EACH, torch.Generator().manual_seed(by_eye.SEED), 0.7)
        expected = run.detail(run.model.decode(z), torch.Generator().manual_seed(by_eye.SEED))
    assert torch.allclose(colder, expected, atol=1e-5)
    assert (plain - detailed).abs().mean() > 0.01 and (detailed - colder).abs().mean() > 0.01


def test_photographs_and_reconstructions_are_of_different_held_out_faces(monkeypatch):
    faces = torch.arange(200, dtype=torch.uint8).view(200, 1, 1, 1).expand(200, 3, 64, 64)
    held_out = data.Dataset(faces.numpy(), "celeba", "valid")
    monkeypatch.setattr(data, "load", lambda *_: held_out)
    monkeypatch.setattr(latent, "reconstruct_all", lambda model, ds: data.all_images(ds) / 2)
    monkeypatch.setattr(by_eye, "KINDS", [replace(kind, finish=None) for kind in by_eye.KINDS])
    of_faces = [kind for kind in by_eye.KINDS if kind.set != by_eye.SAMPLES]
    shown = {kind: 255 * by_eye.pictures_of(kind)[:, 0, 0, 0] for kind in of_faces}
    halved = torch.cat([x * 2 if kind.set == by_eye.RECONSTRUCTIONS else x for kind, x in shown.items()])
    assert torch.equal(halved.sort().values.round(), torch.arange(len(of_faces) * by_eye.EACH).float())


def answered(path: Path, verdicts: list[str]) -> Path:
    path.write_text("number,verdict\n" + "".join(f"{i + 1},{verdict}\n" for i, verdict in enumerate(verdicts)))
    return path


def test_answers_are_counted_by_kind(tmp_path):
    strict = ["plausible" if kind == 3 and i else "broken" for kind, i in by_eye.order()]
    lenient = ["blurred" for _ in by_eye.order()]
    readers = [by_eye.read_answers(answered(tmp_path / f"{i}.csv", of)) for i, of in enumerate((strict, lenient))]
    found = by_eye.tally(readers)["sets"]
    assert found[3] == {
        "run": "celeba64",
        "set": "samples",
        "finish": "detail",
        "temperature": 1.0,
        "plausible": [35, 0],
        "blurred": [0, 36],
        "broken": [1, 0],
    }
    assert found[0]["broken"] == [36, 0]


@pytest.mark.parametrize("verdict", ["", "good"])
def test_an_answer_that_is_none_is_refused(tmp_path, verdict):
    verdicts = ["plausible"] * 5 + [verdict] + ["broken"] * (len(by_eye.order()) - 6)
    with pytest.raises(UserError, match="of picture 6: write one of plausible, blurred, broken"):
        by_eye.read_answers(answered(tmp_path / "a.csv", verdicts))
