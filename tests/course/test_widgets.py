"""The sliders: moving one draws the picture anew."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

pytest.importorskip("ipywidgets", reason="comes with the course, not with the library")

from vaelib.course import widgets


def grey(level: float, tint: str = "none") -> Image.Image:
    return Image.new("RGB", (4, 4), (round(level), 0 if tint == "red" else round(level), round(level)))


def pixel(box) -> tuple[int, ...]:
    return Image.open(BytesIO(box.children[-1].value)).getpixel((0, 0))


def test_starts_with_the_first_values() -> None:
    assert pixel(widgets.explore(grey, level=(0, 240, 50), tint=["none", "red"])) == (50, 50, 50)


def test_moving_a_slider_redraws() -> None:
    box = widgets.explore(grey, level=(0, 240, 50))
    box.children[0].value = 100
    assert pixel(box) == (100, 100, 100)


def test_choosing_a_text_redraws() -> None:
    box = widgets.explore(grey, level=(0, 240, 50), tint=["none", "red"])
    box.children[1].value = "red"
    assert pixel(box) == (50, 0, 50)


def test_the_picture_keeps_its_size() -> None:
    assert widgets.explore(grey, level=(0, 240, 50)).layout.align_items == "flex-start"


def test_names_are_written_with_spaces() -> None:
    def draw(grey_level: float) -> Image.Image:
        return grey(grey_level)

    slider = widgets.explore(draw, grey_level=(0, 240, 50)).children[0]
    assert slider.description == "grey level"
    assert (slider.min, slider.max) == (0, 240)
