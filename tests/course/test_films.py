"""Films: every image is shown, still frames make sense, and a marker moves along each curve."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch

pytest.importorskip("seaborn", reason="comes with the course, not with the library")

from PIL import Image, ImageDraw, ImageSequence

from vaelib.course import films, plotting

pytestmark = pytest.mark.usefixtures("style")


def frames(webp: bytes) -> list[np.ndarray]:
    with Image.open(BytesIO(webp)) as film:
        return [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(film)]


def test_frames_come_back_as_they_were_drawn():
    """Also where little changes from one to the next, and at odd places."""
    drawn = []
    for i in range(6):
        picture = Image.new("RGB", (121, 81), "white")
        ImageDraw.Draw(picture).ellipse((31 + i, 21, 71 + i, 61), (200, 100 + 3 * i, 50))
        drawn.append(picture)
    webp = films.animated_webp([*drawn, drawn[-1]], [50] * 7)
    for picture, stored in zip([*drawn, drawn[-1]], frames(webp), strict=True):
        difference = np.abs(stored - np.asarray(picture, float)).mean(-1)
        assert difference.mean() < 1.5
        assert np.abs(stored[41, 40 + 10] - np.asarray(picture, float)[41, 40 + 10]).max() <= 6  # no trace of the past
    with Image.open(BytesIO(webp)) as film:
        assert film.info["loop"] == films.PLAYS


def test_a_film_shows_every_image_and_rests_at_the_ends_of_stages():
    shades = torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 3, 16, 16)
    shown = plotting.film(shades, {"dark": 0, "bright": 4}, {"shade": {"grey": shades[:, 0, 0, 0].tolist()}}, "Grey")
    stored = frames(shown.data)
    assert shown.format == "webp" and shown.width == 780 and len(stored) == 10
    x, y = round(films.LEFT * films.PIXELS) + 20, round(films.ABOVE * films.PIXELS) + 20
    assert [frame[y, x].mean() for frame in stored[1::2]] == pytest.approx([0, 63.75, 127.5, 191.25, 255], abs=4)
    still = round(7.8 * films.PIXELS) - 20  # in the last of the images that stand still
    assert all(frame[y + 16, still].mean() > 250 for frame in stored)
    durations = []
    with Image.open(BytesIO(shown.data)) as film:
        for i in range(film.n_frames):
            film.seek(i)
            film.load()
            durations.append(film.info["duration"])
    of_images = [a + b for a, b in zip(durations[::2], durations[1::2], strict=True)]
    assert of_images == [films.REST, films.STEP, films.STEP, films.STEP, films.REST]


def test_the_marker_moves_from_left_to_right():
    images = torch.ones(4, 3, 16, 16)
    stored = frames(plotting.film(images, {"": 0, " ": 3}, {"level": {"level": [1.0, 1, 1, 1]}}).data)
    below = stored[0].shape[0] // 2
    places = []
    for frame in stored[1::2]:
        changed = np.abs(frame - stored[1]).mean(-1)[below:] > 60 if places else (frame.mean(-1) < 40)[below:]
        places.append(np.nonzero(changed.any(0))[0].max())
    assert places[1] < places[2] < places[3]
