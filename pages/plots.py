"""The pictures of the pages, drawn from the records in the style of the course."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn import functional

from pages.records import RunRecord
from vaelib.course import plotting
from vaelib.support import images

PADDING = 2  # pixels of white around each image in the pictures of a record
SHOWN = 7  # images in a row of samples
COMMON_SIZE = 192  # pixels a side of images of several sizes in one figure: the largest of which seven fit in a row
SKIPPED = 20  # the training curves leave out the first 1/20 of the epochs
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
COLOURS = 256  # of a stored chart
LEAKAGE = 0.1  # the mean change of the other attributes that an edit may cause


def save(fig: Figure, path: Path) -> None:
    """Write a chart as a PNG with a palette, or images as WebP. The same records give the same bytes."""
    drawn = BytesIO()
    fig.savefig(drawn, dpi=plotting.DPI, format="png")
    plt.close(fig)
    picture = Image.open(drawn).convert("RGB")
    if path.suffix == ".png":
        picture = picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
    images.save(picture, path)


def images_of(path: Path, size: int) -> Tensor:
    """The images (N, 3, size, size) in [0, 1] of a recorded picture, row by row."""
    step = size + PADDING
    sheet = torch.from_numpy(np.array(Image.open(path).convert("RGB")))[PADDING:, PADDING:]
    tiles = sheet.unfold(0, size, step).unfold(1, size, step)  # (rows, columns, 3, size, size)
    return tiles.flatten(0, 1) / 255


def sample_rows(rows: dict[str, tuple[RunRecord, str]]) -> Figure:
    """A row of images for each label, from the picture of that name in the folder of the run, all of one size."""
    shown = {label: images_of(run.path(name), run.experiment.size)[:SHOWN] for label, (run, name) in rows.items()}
    if len({row.shape[-1] for row in shown.values()}) > 1:
        shown = {label: resized(row, COMMON_SIZE) for label, row in shown.items()}
    return plotting.image_rows(shown)


def resized(x: Tensor, size: int) -> Tensor:
    """Images (N, 3, H, H) as images of `size` pixels a side."""
    return functional.interpolate(x, (size, size), mode="bicubic").clamp(0, 1)


def training_curves(run: RunRecord) -> Figure:
    """nll and KL of every epoch except the first ones, which are so large that they would flatten the rest."""
    return plotting.training_curves(run.history.iloc[len(run.history) // SKIPPED :])


def codes(mu: Tensor, logvar: Tensor | None) -> Figure:
    """Two panels: all coordinates of the codes with N(0, 1), and the spread and posterior width of each dimension.

    mu is (N, latent_dim). logvar has the same shape, or is None because an autoencoder's codes have no width.
    """
    fig, (left, right) = plotting.figure(3, columns=2)
    spread = mu.std(0)
    order = spread.argsort(descending=True)
    of_codes, of_prior = plotting.COLOURS["codes"], {"color": plotting.COLOURS["prior"], "linestyle": "--"}
    (line,) = right.plot(spread[order], color=of_codes)
    plotting.label_line(line, "spread of\nthe codes")
    z, label = mu, "codes"
    if logvar is not None:
        noise, label = torch.Generator().manual_seed(0), "drawn from the posteriors"
        z = torch.normal(mu, (0.5 * logvar).exp(), generator=noise)
        widths = logvar.exp().mean(0).sqrt()[order]
        (line,) = right.plot(widths, color=plotting.COLOURS["reconstructed"])
        plotting.label_line(line, "width of\na posterior")
    reach = max(4.0, z.abs().quantile(0.999).item())
    left.hist(z.flatten().clamp(-reach, reach).numpy(), 80, density=True, color=of_codes, alpha=0.5, label=label)
    grid = torch.linspace(-reach, reach, 300)
    left.plot(grid, torch.distributions.Normal(0.0, 1.0).log_prob(grid).exp(), label="N(0, 1)", **of_prior)
    right.axhline(1, **of_prior, linewidth=1.2)
    left.set(xlabel="coordinate", ylabel="density")
    right.set(xlabel="dimension, by spread", ylabel="standard deviation", ylim=(0, None))
    plotting.legend_below(fig)
    return fig


def gains(gains_of: dict[str, Tensor], sizes: dict[str, int]) -> Figure:
    """Gains (F,) of each run by its name against spatial frequency; `sizes` are those of the images."""
    fig, ax = plotting.figure(3.4)
    for name, values in gains_of.items():
        ax.plot(np.arange(len(values)) / sizes[name], values, label=name)
    ax.axhline(1, color="0.6", linewidth=0.8, zorder=1)
    ax.set(xlabel="spatial frequency (1: stripes one pixel wide)", ylabel="gain", ylim=(0, None))
    plotting.label_lines(ax)
    return fig


def rate_distortion(points: dict[str, tuple[float, float]], sweep: Sequence[str], without_rate: float | None) -> Figure:
    """KL and squared error of each run, by its label. A line joins the runs of the sweep, in the order of their KL.

    `without_rate` is the error of the autoencoder, which pays no KL.
    """
    fig, ax = plotting.figure(4)
    line = sorted(points[label] for label in sweep)
    ax.plot(*zip(*line, strict=True), "-", color="0.6", linewidth=1.2, zorder=1)
    for (label, point), marker in zip(points.items(), MARKERS * len(points), strict=False):
        ax.plot(*point, marker, markersize=8, label=label, alpha=0.85)
    ax.set(xlabel="rate: KL, nats per image", ylabel="distortion: squared error per value")
    ax.set(xlim=(0, 1.06 * max(kl for kl, _ in points.values())), ylim=(0, 1.06 * max(e for _, e in points.values())))
    plotting.label_lines(ax)
    if without_rate is not None:
        ax.axhline(without_rate, linestyle=":", color=plotting.COLOURS["truth"], linewidth=1.2)
        ax.text(4, without_rate, "autoencoder, no KL", va="top", color=plotting.COLOURS["truth"])
    return fig


def edits(run: RunRecord) -> Figure:
    """Success and leakage of every edit against its strength."""
    fig, axes = plotting.figure(3.2, columns=2)
    for (name, edit), marker in zip(run.evaluation["edits"].items(), MARKERS * 9, strict=False):
        label = plotting.readable(name)
        axes[0].plot(edit["strengths"], 100 * np.array(edit["success"]), f"{marker}-", label=label)
        axes[1].plot(edit["strengths"], edit["leakage"], f"{marker}-", label=label)
    axes[0].set(title="Success", ylabel="faces that have it, %", ylim=(0, 104))
    axes[1].set(title="Leakage to the others", ylabel="absolute change", ylim=(0, None))
    axes[1].axhline(LEAKAGE, linestyle=":", color="0.3", linewidth=1.2)
    for ax in axes:
        ax.set(xlabel="strength")
    plotting.legend_below(fig)
    return fig


def classifier_accuracies(attributes: dict[str, dict[str, float]]) -> Figure:
    """Accuracy of the network on each attribute, and of the more frequent answer; the largest gain is at the top."""
    gains = {name: facts["accuracy"] - facts["majority"] for name, facts in attributes.items()}
    names = sorted(attributes, key=gains.get)
    words = [*map(plotting.readable, names)]
    accuracy, majority = (100 * np.array([attributes[name][key] for name in names]) for key in ("accuracy", "majority"))
    fig, ax = plotting.figure(0.22 * len(names) + 0.9)
    ax.hlines(words, majority, accuracy, color="0.75", linewidth=1.5)
    ax.plot(majority, words, "|", color="0.4", markersize=9, markeredgewidth=1.6, label="the more frequent answer")
    ax.plot(accuracy, words, "o", label="the network")
    ax.set(xlabel="accuracy, %", ylim=(-0.8, len(names) - 0.2))
    ax.tick_params("y", labelsize=9)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower left")
    return fig
