"""Figures that more than one chapter shows. Each function returns a Matplotlib figure; the caller shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from ..support.images import grid

STYLE = Path(__file__).with_name("course.mplstyle")
IMAGE_INCHES = 0.78  # the side of one image in a row of images
LABEL_INCHES = 1.25  # the space for the rows' labels


def use_style() -> None:
    """Use the course's Matplotlib style for all later figures."""
    plt.style.use(STYLE)


def image_rows(rows: Mapping[str, Tensor]) -> Figure:
    """Rows of images, each (n, 3, H, W) in [0, 1], with the row's label on its left."""
    most = max(len(images) for images in rows.values())
    size = (most * IMAGE_INCHES + LABEL_INCHES, len(rows) * IMAGE_INCHES)
    fig, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False)
    for ax, (label, images) in zip(axes[:, 0], rows.items(), strict=True):
        show_images(ax, images, columns=len(images), room=most)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=6)
    return fig


def image_grids(grids: Mapping[str, Tensor], columns: int) -> Figure:
    """Grids of images side by side, each (n, 3, H, W) in [0, 1] under its title."""
    rows = max(-(-len(images) // columns) for images in grids.values())
    width = columns * IMAGE_INCHES * 0.8
    fig, axes = plt.subplots(
        1, len(grids), figsize=(width * len(grids), rows * IMAGE_INCHES * 0.8 + 0.35), squeeze=False
    )
    for ax, (title, images) in zip(axes[0], grids.items(), strict=True):
        show_images(ax, images, columns)
        ax.set_title(title)
    return fig


def show_images(ax: Axes, images: Tensor, columns: int, room: int | None = None) -> None:
    """Draw images in rows of `columns` into `ax`, in a space `room` images wide if that is given."""
    picture = np.asarray(grid(images, columns, padding=1))
    ax.imshow(picture, interpolation="nearest")
    if room is not None:
        ax.set_xlim(-0.5, picture.shape[1] * room / columns - 0.5)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def training_curves(history: pd.DataFrame) -> Figure:
    """The nll and (for a VAE) the KL of each epoch in nats per image, on training and validation images."""
    terms = {"nll": "reconstruction (nll)"} | ({"kl": "KL divergence"} if history["train_kl"].any() else {})
    fig, axes = plt.subplots(1, len(terms), figsize=(4.2 * len(terms), 2.8), squeeze=False)
    for ax, (term, title) in zip(axes[0], terms.items(), strict=True):
        ax.plot(history["epoch"], history[f"train_{term}"], "o-", label="training")
        ax.plot(history["epoch"], history[f"valid_{term}"], "s--", label="validation")
        ax.set(title=title, xlabel="epoch", ylabel="nats per image")
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].legend()
    return fig


def histograms(values: Mapping[str, Sequence[float]], xlabel: str, bins: int = 40) -> Figure:
    """Histograms by label in one plot, as outlines of equal area."""
    fig, ax = plt.subplots(figsize=(6.4, 2.8))
    edges = np.histogram_bin_edges(np.concatenate([np.asarray(v) for v in values.values()]), bins)
    styles = ("-", "--", "-.", ":")
    for (label, v), style in zip(values.items(), styles * len(values), strict=False):
        ax.hist(np.asarray(v), list(edges), density=True, histtype="step", linewidth=1.8, linestyle=style, label=label)
    ax.set(xlabel=xlabel, ylabel="density")
    ax.legend()
    return fig


def plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Label a logarithmic axis only at these values, with numbers written out in full."""
    axis.set_ticks(values, labels=[f"{value:,g}" for value in values])
    axis.set_minor_locator(NullLocator())
