"""The banners of the book are what the script draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pages import banners


@pytest.mark.parametrize(
    ("name", "draw"),
    [("hero.png", banners.hero), ("photographs.png", banners.photographs)],
    ids=["hero", "photographs"],
)
def test_a_banner_is_what_the_script_draws(name: str, draw: Callable[[], Image.Image]):
    """Small differences are allowed, because processors round differently."""
    with Image.open(banners.STATIC / name) as stored:
        old, new = (np.asarray(picture.convert("RGB")).astype(int) for picture in (stored, draw()))
    assert old.shape == new.shape and np.abs(old - new).mean() < 2, "run `python -m pages.banners`"
