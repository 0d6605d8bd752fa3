"""The look of the whole book: one seaborn theme, one width, colours that mean the same in every chapter."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

STYLE = Path(__file__).with_name("course.mplstyle")
WIDTH = 7.8  # inches of every figure: 780 pixels of the screen, the width of the page's column
DPI = 200  # of stored figures: two of their pixels for each pixel of the screen
TEXT, SMALL = 10, 9  # points of the labels that the helpers write; nothing is smaller than SMALL

COLOURS = {
    "prior": "#000000",  # drawn dashed
    "codes": "#0173b2",
    "generated": "#de8f05",
    "reconstructed": "#029e73",
    "truth": "#6e6e6e",
    "error": "#d55e00",
}
SEQUENTIAL = sns.color_palette("mako", as_cmap=True)
DIVERGING = sns.color_palette("vlag", as_cmap=True)
LEGIBLE = 0.18  # the most luminance of text on white: a contrast of 4.5


def use_style() -> None:
    """Use the course's theme for all later figures, and two pixels for each pixel of the screen in a notebook."""
    settings = matplotlib.rc_params_from_file(STYLE, use_default_template=False)
    sns.set_theme(style="ticks", palette="colorblind", rc=dict(settings))
    if "ipykernel" in sys.modules:
        _show_at_double_resolution()


def _show_at_double_resolution() -> None:
    """Let the notebook show figures whole, where it would cut off margins and so give each another width."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.close(plt.figure())  # with the first figure the backend sets its own formats, once
    set_matplotlib_formats("retina", bbox_inches=None)


def figure(height: float = 3.2, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure of the book's width with rows × columns panels. Returns it and its axes, as `plt.subplots` does."""
    return plt.subplots(rows, columns, figsize=(WIDTH, height), **options)


def text_colour(colour: ColorType) -> ColorType:
    """The colour, darkened until text in it can be read on white."""
    red, green, blue = colors.to_rgb(colour)
    while _luminance(red, green, blue) > LEGIBLE:
        red, green, blue = 0.95 * red, 0.95 * green, 0.95 * blue
    return red, green, blue


def _luminance(*rgb: float) -> float:
    """The relative luminance of an sRGB colour in [0, 1], as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def readable(name: str) -> str:
    """The name of a factor or attribute in words: "hair_length" becomes "Hair length"."""
    return name.replace("_", " ").capitalize()


def signed(values: Iterable[float], unit: str = "") -> list[str]:
    """Numbers with their signs, as labels of columns: "−3σ", "0", "+1.5σ"."""
    return [f"{float(value):+.3g}{unit}".replace("-", "−") if value else "0" for value in values]
