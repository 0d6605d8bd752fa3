"""Figures made of images: rows with labels, and grids under titles.

A cell is the image enlarged by an integer factor with Lanczos's filter, which shows no edges of pixels, or with the
nearest neighbour where pixels are the subject. Its pixels are those of the stored figure, one to one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from torch import Tensor

from ..support import images as sheets
from .theme import DPI, SMALL, TEXT, WIDTH

GAP, GRID_GAP = 2, 12  # pixels between images, and between grids
PIXELS = round(WIDTH * DPI)  # the width of a stored figure
CELL = 2 * 96  # the least width of an image that can be looked at: 96 pixels of the screen
LINE = 0.23  # inches of a line of text
TITLE = 0.28  # inches of a title
MARGIN = 0.06  # inches between a label and its images
WRAP = 15  # letters of a label in one line


def image_rows(
    rows: Mapping[str, Tensor],
    columns: Sequence[str] = (),
    title: str = "",
    pixels: bool = False,
    largest: float = 150,
) -> Figure:
    """Rows of images, each (n, 3, H, W) in [0, 1], with the row's label on its left and the columns' values above.

    Seven images of 32 or 64 pixels in a row have 96 pixels of the screen each; more are smaller, fewer are larger, up
    to `largest`. In the figure's axes an image is a square of side 1. `pixels` shows the edges of pixels.
    """
    most = max(len(images) for images in rows.values())
    width = next(iter(rows.values())).shape[-1]
    labels = ["\n".join(textwrap.fill(line, WRAP) for line in label.splitlines()) for label in rows]
    size, scale = _fitting(labels, most, width, largest)
    sheet = np.concatenate([_row(images, most, scale, pixels) for images in rows.values()])
    band = _lines(columns) * LINE + (TITLE if title else 0) + MARGIN
    fig = plt.figure(figsize=(WIDTH, sheet.shape[0] / DPI + band), layout="none")
    ax = _place(fig, sheet, PIXELS - sheet.shape[1], band, (len(rows), most))
    ax.set_yticks(np.arange(len(rows)) + 0.5, labels, fontsize=size)
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=TEXT)
    ax.tick_params(length=0, pad=72 * MARGIN, labeltop=True, labelbottom=False)
    if title:
        _title(fig, title)
    return fig


def image_grids(grids: Mapping[str, Tensor], columns: int, title: str = "", pixels: bool = False) -> Figure:
    """Grids of images, each (n, 3, H, W) in [0, 1] under its name, as many side by side as leave the images large."""
    across = min(len(grids), max(1, PIXELS // (CELL * columns)))
    space = (PIXELS - (across - 1) * GRID_GAP) // across
    scale = _scale(space, columns, next(iter(grids.values())).shape[-1])
    pictures = [_sheet(images, columns, scale, pixels) for images in grids.values()]
    tops = [max(p.shape[0] for p in pictures[i : i + across]) for i in range(0, len(pictures), across)]
    above = LINE + MARGIN if any(grids) else 0  # a grid may have no name
    head = TITLE if title else 0
    fig = plt.figure(figsize=(WIDTH, head + sum(tops) / DPI + above * len(tops)), layout="none")
    for i, (name, picture) in enumerate(zip(grids, pictures, strict=True)):
        line, place = divmod(i, across)
        top = head + above * (line + 1) + sum(tops[:line]) / DPI
        shape = (picture.shape[0] / picture.shape[1] * columns, columns)
        ax = _place(fig, picture, place * (space + GRID_GAP), top, shape)
        ax.set_title(name, fontsize=TEXT + 1, fontweight="normal", pad=72 * MARGIN)
    if title:
        _title(fig, title)
    return fig


def show_images(ax: Axes, images: Tensor, columns: int, pixels: bool = False) -> None:
    """Draw images (n, 3, H, W) in [0, 1] into a panel, in rows of `columns`."""
    scale = max(1, CELL // images.shape[-1])
    ax.imshow(_sheet(images, columns, scale, pixels))
    _bare(ax)


def frame(fig: Figure, row: int, column: int, colour: str, panel: int = 0) -> None:
    """Frame one image of a figure of images, in the grid `panel` if there are several."""
    ax = fig.axes[panel]
    ax.add_patch(Rectangle((column + 0.01, row + 0.01), 0.98, 0.98, fill=False, edgecolor=colour, linewidth=2.5))


def _fitting(labels: Sequence[str], columns: int, width: int, largest: float) -> tuple[float, int]:
    """The size of the labels' text, and by how much the images are enlarged beside them."""
    most = round(largest * DPI / 100) // width
    scales = {}
    for size in (SMALL, TEXT):
        words = _inches(labels, size)
        space = PIXELS - round((words + 1.5 * MARGIN) * DPI) if words else PIXELS
        scales[size] = max(1, min(most, _scale(space, columns, width)))
    return (TEXT if scales[TEXT] == scales[SMALL] else SMALL), scales[SMALL]


def _scale(space: int, columns: int, width: int) -> int:
    """By how much images of this width are enlarged, in a space for so many columns."""
    return max(1, ((space + GAP) // columns - GAP) // width)


def _inches(labels: Iterable[str], size: float) -> float:
    """The width of the widest line of the labels."""
    lines = [line for label in labels for line in label.splitlines() if line.strip()]
    return max((TextPath((0, 0), line, size=size).get_extents().width / 72 for line in lines), default=0.0)


def _lines(labels: Sequence[str]) -> int:
    return max((label.count("\n") + 1 for label in labels), default=0)


def _sheet(images: Tensor, columns: int, scale: int, pixels: bool) -> np.ndarray:
    """The images, enlarged, in rows of `columns`: uint8 (rows (H s + GAP), columns (W s + GAP), 3), no frame around."""
    large = sheets.enlarged(images, scale, smooth=not pixels)
    return np.asarray(sheets.grid(large, columns, padding=GAP))[GAP:, GAP:]


def _row(images: Tensor, columns: int, scale: int, pixels: bool) -> np.ndarray:
    """A row of images, filled up with white to `columns`."""
    sheet = _sheet(images, len(images), scale, pixels)
    missing = (columns - len(images)) * (images.shape[-1] * scale + GAP)
    return np.pad(sheet, ((0, 0), (0, missing), (0, 0)), constant_values=255)


def _place(fig: Figure, picture: np.ndarray, left: int, top: float, shape: tuple[float, float]) -> Axes:
    """Axes that show the picture pixel by pixel, `left` pixels and `top` inches from the corner of the figure."""
    height, width = picture.shape[:2]
    whole = round(fig.get_figheight() * DPI)
    bottom = max(0, whole - round(top * DPI) - height)
    ax = fig.add_axes((left / PIXELS, bottom / whole, width / PIXELS, height / whole))
    ax.imshow(picture, interpolation="nearest", extent=(0, shape[1], shape[0], 0), aspect="auto")
    _bare(ax)
    return ax


def _bare(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _title(fig: Figure, title: str) -> None:
    fig.suptitle(title, x=0, y=1 - 0.03 / fig.get_figheight(), ha="left", va="top")
