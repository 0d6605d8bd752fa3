"""A film for a notebook without a kernel: images that change, above curves along which a marker moves."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
from IPython.display import Image as Shown
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, ImageChops
from torch import Tensor

from ..support import images as sheets
from .labels import label_lines
from .theme import COLOURS, TEXT, WIDTH

PIXELS = 150  # an inch: one and a half for each pixel of the screen, about as many as the book's other images have
FACE, STILL = 4, 3  # by how much the moving image and those beside it are enlarged
STEP, REST = 120, 1200  # milliseconds for which an image is shown, and one at the end of a stage
LATE = 20  # milliseconds by which the markers follow their image
PLAYS = 3  # of the film, which then rests at its last image
QUALITY = 50  # of the lossy WebP
SHADES = ("C2", "C4", "C5")  # of curves; colours that have a meaning in the book are left out
ABOVE, PANEL, AXIS = 0.36, 0.95, 0.5  # inches above the images, of a panel, and of the axis below
LEFT, RIGHT, GAP = 0.66, 1.0, 0.2  # inches beside the panels, and between parts

Panels = Mapping[str, Mapping[str, Sequence[float]]]
Marker = tuple[Axes, Line2D, list[Sequence[float]]]


def film(images: Tensor, stages: Mapping[str, int], panels: Panels, title: str = "") -> Shown:
    """An animated WebP of images (N, 3, H, W) in [0, 1], one a step, which Jupyter shows in the book's width.

    `stages` says at which image each stage ends, from the first, 0, to the last. These images also stand still beside
    the moving one, so that each frame makes sense alone. `panels` has the curves of each, by the name of its axis, with
    their labels and N values each.
    """
    fig, face, markers = _drawn(images, stages, panels, title)
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    frames, durations, still = [], [], canvas.copy_from_bbox(fig.bbox)
    for i, image in enumerate(sheets.enlarged(images, FACE)):
        # A frame of a WebP is a rectangle. One around image and markers would hold all that stands between them, so
        # each of the two has a frame of its own.
        for marked in (max(0, i - 1), i):
            canvas.restore_region(still)
            _draw_moving(face, image, markers, marked)
            frames.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
        durations += [LATE, (REST if i in stages.values() else STEP) - LATE]
    plt.close(fig)
    return Shown(animated_webp(frames, durations), format="webp", width=round(100 * WIDTH))


def animated_webp(frames: Sequence[Image.Image], durations: Sequence[int]) -> bytes:
    """RGB frames of one size as an animated WebP; each is stored as the rectangle in which it differs from the last.

    Pillow can write one, too, but libwebp leaves what has changed little as it was. In slow films that shows as blocks.
    """
    width, height = frames[0].size
    parts = [_chunk(b"VP8X", struct.pack("<I", 2) + _three(width - 1, height - 1))]  # 2: there is an animation
    parts.append(_chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, PLAYS)))
    for before, frame, duration in zip([None, *frames], frames, durations, strict=False):
        changed = ImageChops.difference(before, frame).getbbox() if before else (0, 0, width, height)
        left, top, right, bottom = changed or (0, 0, 2, 2)
        left, top = left - left % 2, top - top % 2  # the format knows only even places
        place = _three(left // 2, top // 2, right - left - 1, bottom - top - 1, duration)
        replaces = bytes([2])  # what was there, without blending
        parts.append(_chunk(b"ANMF", place + replaces + _vp8(frame.crop((left, top, right, bottom)))))
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, parts))) + b"WEBP" + b"".join(parts)


def _vp8(picture: Image.Image) -> bytes:
    """The picture as the VP8 chunk of a WebP, without the head of the file."""
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()[12:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _three(*numbers: int) -> bytes:
    """Whole numbers of three bytes each."""
    return b"".join(number.to_bytes(3, "little") for number in numbers)


def _drawn(images: Tensor, stages: Mapping[str, int], panels: Panels, title: str) -> tuple[Figure, Axes, list[Marker]]:
    """The figure with all that stands still, the axes of the moving image, and the markers."""
    side = images.shape[-1] / PIXELS  # inches of an image that is not enlarged
    below = len(panels) * (PANEL + GAP) + AXIS
    height = ABOVE + FACE * side + below
    fig = plt.figure(figsize=(WIDTH, height), dpi=PIXELS, layout="none")
    fig.text(0, 1 - 0.03 / height, title, va="top", fontsize=plt.rcParams["figure.titlesize"], fontweight="bold")
    face = _image(fig, images[0], FACE, LEFT, below)
    face.images[0].set_animated(True)
    space = (WIDTH - LEFT - FACE * side) / len(stages)
    for k, (name, i) in enumerate(stages.items(), start=1):
        still = _image(fig, images[i], STILL, LEFT + FACE * side + k * space - STILL * side, below)
        still.set_title(name, fontsize=TEXT, fontweight="normal", loc="center", pad=4)
    markers = []
    for k, (ylabel, curves) in enumerate(panels.items()):
        bottom = AXIS + (len(panels) - 1 - k) * (PANEL + GAP)
        ax = fig.add_axes((LEFT / WIDTH, bottom / height, 1 - (LEFT + RIGHT) / WIDTH, PANEL / height))
        is_last = k == len(panels) - 1
        ax.set(ylabel=ylabel, xlabel="step" if is_last else "", xticks=list(stages.values()), xlim=(0, len(images) - 1))
        ax.tick_params(labelbottom=is_last)
        markers.append(_curves(ax, curves))
    fig.align_ylabels([ax for ax, *_ in markers])
    return fig, face, markers


def _image(fig: Figure, image: Tensor, scale: int, left: float, bottom: float) -> Axes:
    """Axes that show an image pixel by pixel, `left` and `bottom` inches from the corner."""
    width, height = fig.get_size_inches()
    side = image.shape[-1] * scale / PIXELS
    ax = fig.add_axes((left / width, bottom / height, side / width, side / height))
    ax.imshow(sheets.enlarged(image[None], scale)[0].permute(1, 2, 0).numpy(), interpolation="nearest")
    ax.axis("off")
    return ax


def _curves(ax: Axes, curves: Mapping[str, Sequence[float]]) -> Marker:
    """Draw curves with their labels behind them, and return the marker that will move along them."""
    shades = SHADES if len(curves) > 1 else [COLOURS["codes"]]
    for (label, values), colour in zip(curves.items(), shades, strict=False):
        ax.plot(values, color=colour, label=label)
    ax.margins(y=0.15)
    label_lines(ax)
    (marker,) = ax.plot([], [], "o", color="black", animated=True, zorder=5, clip_on=False)
    return ax, marker, list(curves.values())


def _draw_moving(face: Axes, image: Tensor, markers: Sequence[Marker], step: int) -> None:
    face.images[0].set_data(image.permute(1, 2, 0).numpy())
    face.draw_artist(face.images[0])
    for ax, marker, curves in markers:
        marker.set_data([step] * len(curves), [curve[step] for curve in curves])
        ax.draw_artist(marker)
