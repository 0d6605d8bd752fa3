"""Labels beside the lines of a chart, in their colours, instead of a legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .theme import TEXT, text_colour

LINE_HEIGHT = 1.25  # of labels beside each other's lines, in units of their text


def label_line(line: Line2D, text: str | None = None, at: float | None = None, above: float = 0) -> None:
    """Write a line's label in its colour: behind its right end, or over the line at x = `at`, `above` points higher."""
    ax, x, y = line.axes, np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    assert isinstance(ax, Axes)
    point = (x[-1], y[-1]) if at is None else (at, float(np.interp(at, x, y)))
    offset, ha, va = ((6, above), "left", "center") if at is None else ((0, 4 + above), "center", "bottom")
    ax.annotate(
        text or str(line.get_label()),
        point,
        offset,
        textcoords="offset points",
        ha=ha,
        va=va,
        color=text_colour(line.get_color()),
        fontsize=TEXT,
        annotation_clip=False,
    )


def label_lines(ax: Axes) -> None:
    """Write the label of each line of a panel behind its right end, in its colour; labels keep their distance."""
    lines = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    fig = ax.get_figure(root=True)
    assert fig is not None
    fig.draw_without_rendering()  # the layout decides how high the panel is
    ends = np.array([np.asarray(line.get_xydata())[-1] for line in lines])
    heights = (72 / fig.dpi * ax.transData.transform(ends)[:, 1]).tolist()  # in points
    for line, height, place in zip(lines, heights, spread(heights, LINE_HEIGHT * TEXT), strict=True):
        label_line(line, above=place - height)


def spread(places: Sequence[float], distance: float) -> list[float]:
    """The places, moved as little as needed until neighbours are `distance` apart. The order stays."""
    order = np.argsort(places, kind="stable")
    apart = distance * np.arange(len(places))
    moved = _increasing(np.asarray(places, float)[order] - apart) + apart
    result = np.empty(len(places))
    result[order] = moved
    return result.tolist()


def _increasing(values: np.ndarray) -> np.ndarray:
    """The nearest sequence, in squared distance, that never falls: neighbours that fall are replaced by their mean."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return np.concatenate([np.full(len(block), np.mean(block)) for block in blocks]) if blocks else np.empty(0)
