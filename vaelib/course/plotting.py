"""The figures of the chapters, in one look. A chapter imports only this module.

`theme` has the style and the colours, `pictures` the figures made of images, `films` those that move, and this module
the charts. A function whose first argument is a panel (`ax`) draws into it; the others return a new figure, which the
caller shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import NullLocator
from matplotlib.typing import ColorType

from .films import film
from .labels import label_line, label_lines, spread
from .pictures import frame, image_grids, image_rows, show_images
from .theme import (
    COLOURS,
    DIVERGING,
    DPI,
    SEQUENTIAL,
    SMALL,
    TEXT,
    WIDTH,
    figure,
    readable,
    signed,
    text_colour,
    use_style,
)

__all__ = [
    "COLOURS",
    "DIVERGING",
    "DPI",
    "SEQUENTIAL",
    "WIDTH",
    "annotate",
    "band",
    "figure",
    "film",
    "frame",
    "heatmap",
    "histograms",
    "image_grids",
    "image_rows",
    "label_line",
    "label_lines",
    "legend_below",
    "plain_ticks",
    "prior_rings",
    "readable",
    "show_images",
    "signed",
    "spread",
    "text_colour",
    "training_curves",
    "use_style",
]

RANGE = ("pi", 100)  # a band from the least to the largest value, of seeds or of images


def training_curves(history: pd.DataFrame) -> Figure:
    """The nll and (for a VAE) the KL of each epoch in nats per image, on training and validation images.

    If the table has a column "seed", the lines are means over the seeds, within a band from the least to the largest.
    """
    terms = {"nll": "Reconstruction (nll)"} | ({"kl": "KL divergence"} if history["train_kl"].any() else {})
    fig, axes = figure(2.9, columns=len(terms), squeeze=False)
    for ax, (term, title) in zip(axes[0], terms.items(), strict=True):
        band(ax, history, "epoch", f"train_{term}", label="training")
        band(ax, history, "epoch", f"valid_{term}", label="validation", linestyle="--")
        ax.set(title=title, xlabel="epoch", ylabel="nats per image")
        ax.xaxis.get_major_locator().set_params(integer=True)
        label_lines(ax)
    return fig


def band(ax: Axes, table: pd.DataFrame, x: str, y: str, label: str, **line: Any) -> None:
    """The mean of `y` at each `x` as a line, within a band from the least to the largest of the rows with that `x`."""
    sns.lineplot(table, x=x, y=y, errorbar=RANGE, label=label, legend=False, ax=ax, **line)


def histograms(
    values: Mapping[str, Sequence[float]],
    xlabel: str,
    bins: int = 40,
    kind: Literal["hist", "kde", "ecdf", "boxen"] = "hist",
    colours: Mapping[str, str] = COLOURS,
) -> Figure:
    """The distributions of several sets of numbers: of equal area, as smooth densities, cumulated, or as boxen.

    Boxen show the tails, and the standard deviation in numbers. A label that `colours` names has that colour.
    """
    table = pd.concat([pd.DataFrame({"value": np.asarray(v), "set": label}) for label, v in values.items()])
    cycle = iter(sns.color_palette())
    palette = {label: colours.get(label) or next(cycle) for label in values}
    fig, ax = figure(3.2 if kind != "boxen" else 0.9 + 0.55 * len(values))
    if kind == "boxen":
        _boxen(ax, table, palette)
    else:
        _densities(ax, table, palette, bins, kind)
        legend_below(fig)
    ax.set(xlabel=xlabel)
    return fig


def _densities(ax: Axes, table: pd.DataFrame, palette: Mapping[str, ColorType], bins: int, kind: str) -> None:
    edges = list(np.histogram_bin_edges(table["value"], bins))
    for label, colour in palette.items():
        data = table.loc[table["set"] == label, "value"]
        dashed = label == "prior"
        look: dict[str, Any] = {"ax": ax, "color": colour, "label": label, "linewidth": 1.8}
        look |= {"linestyle": "--" if dashed else "-"}
        if kind == "ecdf":
            sns.ecdfplot(data, **look)
            continue
        look |= {"fill": False} if dashed else {"fill": True, "alpha": 0.2}
        if kind == "hist":
            sns.histplot(data, bins=edges, stat="density", element="step", **look)
        else:
            sns.kdeplot(data, cut=0, **look)
    ax.set_ylabel("share of values below" if kind == "ecdf" else "density")


def _boxen(ax: Axes, table: pd.DataFrame, palette: Mapping[str, ColorType]) -> None:
    shades = dict(palette) | ({"prior": "0.45"} if "prior" in palette else {})  # black would hide the median
    sns.boxenplot(table, x="value", y="set", hue="set", palette=shades, flier_kws={"s": 6}, ax=ax)
    for row, label in enumerate(palette):
        spread = table.loc[table["set"] == label, "value"].std()
        ax.text(1.01, row, f"σ = {spread:.3g}", transform=ax.get_yaxis_transform(), va="center", fontsize=TEXT)
    ax.set_ylabel("")


def heatmap(ax: Axes, table: pd.DataFrame, fmt: str = ".2f", centre: float | None = None, **options: Any) -> None:
    """A table as colours with its numbers in the cells.

    With `centre` the colours diverge from that value, else they are sequential. `options` are those of
    `seaborn.heatmap`: `vmin`, `vmax`, and `mask`, which leaves cells out.
    """
    cmap = SEQUENTIAL if centre is None else DIVERGING
    look: dict[str, Any] = {"cbar": False, "linewidths": 1, "annot_kws": {"size": TEXT}} | options
    sns.heatmap(table, annot=True, fmt=fmt, cmap=cmap, center=centre, ax=ax, **look)
    for text in ax.texts:
        text.set_text(text.get_text().replace("-", "−"))
    ax.set(xlabel="", ylabel="")
    ax.grid(False)
    ax.tick_params(length=0)
    ax.tick_params("y", rotation=0)


def annotate(ax: Axes, text: str, point: tuple[float, float], offset: tuple[float, float] = (30, 30)) -> None:
    """One remark with an arrow to `point`, in the panel's units; the text is `offset` points away from it."""
    arrow = {"arrowstyle": "->", "color": "#333333", "shrinkB": 4, "connectionstyle": "arc3,rad=0.15"}
    ha = "left" if offset[0] > 0 else "right" if offset[0] < 0 else "center"
    ax.annotate(text, point, offset, textcoords="offset points", ha=ha, va="center", fontsize=TEXT, arrowprops=arrow)


def legend_below(fig: Figure) -> None:
    """One legend for all panels, in a row under them, in place of those that were there."""
    for old in list(fig.legends):
        old.remove()
    entries: dict[str, Artist] = {}
    for ax in fig.axes:
        handles, labels = ax.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
        if ax.legend_:
            ax.legend_.remove()
    fig.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=min(len(entries), 5))


def prior_rings(ax: Axes, radii: Sequence[float] = (1, 2, 3)) -> None:
    """The prior N(0, I) of a plane: dashed circles at 1, 2 and 3 standard deviations, with the share inside."""
    for radius in radii:
        ax.add_patch(Circle((0, 0), radius, fill=False, color=COLOURS["prior"], linestyle="--", linewidth=1.2))
        share = f"{100 * (1 - np.exp(-(radius**2) / 2)):.0f} %"
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}
        ax.text(0, radius, share, ha="center", va="center", fontsize=SMALL, bbox=look, clip_on=True)
    ax.set_aspect("equal")


def plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Label a logarithmic axis only at these values, with numbers written out in full."""
    axis.set_ticks(values, labels=[f"{value:,g}" for value in values])
    axis.set_minor_locator(NullLocator())
