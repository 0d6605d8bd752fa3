"""The banners of the book are what the script draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages import banners, plots


def draw_photographs(folder: Path) -> Image.Image:
    plots.save(banners.photographs(), folder / "photographs.webp")
    return Image.open(folder / "photographs.webp")


@pytest.mark.parametrize(
    ("name", "draw"),
    [("hero.png", lambda _: banners.hero()), ("photographs.webp", draw_photographs)],
    ids=["hero", "photographs"],
)
def test_a_banner_is_what_the_script_draws(name: str, draw: Callable[[Path], Image.Image], tmp_path: Path):
    """Small differences are allowed, because processors round differently."""
    with Image.open(banners.STATIC / name) as stored:
        old, new = (np.asarray(picture.convert("RGB")).astype(int) for picture in (stored, draw(tmp_path)))
    assert old.shape == new.shape and np.abs(old - new).mean() < 2, "run `python -m pages.banners`"
