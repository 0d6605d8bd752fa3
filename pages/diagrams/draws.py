"""Diagrams of how an image is drawn: a flow from the decoded mean to a photograph, and latent diffusion."""

from __future__ import annotations

import numpy as np

from pages.diagrams.drawing import SMALL, WIDTH, Drawing
from pages.diagrams.faces import Face, face
from pages.diagrams.plane import Plane

MODES = np.array([-1.0, 0.0, 1.0])  # the photographs that the mean could stand for
SIGMA = 0.24  # of the noise around the mean
POSSIBLE = (Face(0.8, 0.65, shift=-2), Face(0.55, 1.0), Face(0.25, 0.8, shift=2))
LINES, PATHS, TIMES = 26, (-1.7, -1.0, -0.35, 0.35, 1.0, 1.7), 80  # the paths start at these multiples of SIGMA


def velocity(y: np.ndarray, t: float) -> np.ndarray:
    """The mean velocity at y (n,) of all lines from N(0, SIGMA²) to one of MODES."""
    logits = -((y[:, None] - t * MODES) ** 2) / (2 * (1 - t) ** 2 * SIGMA**2)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    ends = (weights * MODES).sum(1) / weights.sum(1)
    return (ends - y) / (1 - t)


def ways() -> np.ndarray:
    """Where the points of PATHS are at each time: (TIMES + 1, n)."""
    states = [SIGMA * np.array(PATHS)]
    for step in range(TIMES):
        states.append(states[-1] + velocity(states[-1], step / TIMES) / TIMES)
    return np.stack(states)


def mean_to_draw() -> Drawing:
    """A mean with noise, lines to photographs, and the ways that follow their mean velocity."""
    d = Drawing(
        "mean-to-draw",
        "From the mean to a draw",
        "Left: a blurred face, the decoded mean, and around it a small cloud of noise. Right: three sharp faces that "
        "it could stand for. Grey straight lines join points of the cloud to the faces at random, and cross. Orange "
        "ways follow the mean velocity of these lines, do not cross, and each ends at one of the sharp faces.",
        342,
    )
    d.heading(24, 32, "Straight lines are drawn at random; a draw follows their mean velocity")
    plane = Plane(d, (170, 66, 548, 268), (0, 1), (-1.12, 1.12))
    middle = plane.y(0)
    face(d, 24, middle - 46, 92, Face(0.55, 0.85), frame="generated", soft=3)
    d.text(70, middle + 68, "mean $x\u0302$", anchor="middle", fill="generated-text")
    d.arrow((120, middle), (146, middle), colour="muted", width=1.3)
    rng = np.random.default_rng(2)
    for start, end in zip(SIGMA * rng.standard_normal(LINES).clip(-2, 2), rng.permutation(LINES), strict=True):
        d.path([plane.at(0, start), plane.at(1, MODES[end % len(MODES)])], stroke="truth", width=1, stroke_opacity=0.6)
    reach = plane.y(0) - plane.y(2.2 * SIGMA)
    d.ellipse(plane.x(0), middle, 12, reach, fill="wash", stroke="ink", stroke_width=1.4, stroke_dasharray="4 3")
    states = ways()
    for way in states.T:
        points = [plane.at(step / TIMES, way[step]) for step in range(0, TIMES + 1, 4)]
        d.arrow(*points, colour="generated", width=2)
        d.circle(*points[0], 3.2, fill="generated")
    for mode, who in zip(MODES, POSSIBLE, strict=True):
        face(d, 566, plane.y(mode) - 32, 64, who)
    d.lines(642, middle - 10, ("images that", "$x\u0302$ could", "stand for"), size=SMALL, fill="muted")
    d.text(plane.x(0), 298, "$t = 0$:  $x\u0302 + σ ε$", anchor="middle")
    d.text(plane.x(1), 298, "$t = 1$:  $x$", anchor="end")
    d.path([(196, 322), (228, 322)], stroke="truth", width=1.4)
    d.text(236, 327, "joined at random", size=SMALL, fill="muted")
    d.arrow((370, 322), (406, 322), colour="generated", width=2)
    d.text(414, 327, "follows the mean velocity", size=SMALL, fill="generated-text")
    return d


CELLS = 8  # of a map, along each side


def latent_diffusion() -> Drawing:
    """Above, the autoencoder with codes that are maps; below, a draw: a flow on maps, then the decoder."""
    d = Drawing(
        "latent-diffusion",
        "Latent diffusion",
        "Above: an encoder turns an image into a small map of codes, and a decoder turns the map back into the image. "
        "The KL has a tiny weight. Below: a flow or a diffusion model turns a map of noise into a map like those of "
        "images, and the same decoder turns it into a new image.",
        330,
    )
    rng = np.random.default_rng(0)
    smooth = rng.standard_normal((CELLS, CELLS))
    smooth = (smooth + np.roll(smooth, 1, 0) + np.roll(smooth, 1, 1) + np.roll(smooth, (1, 1), (0, 1))) / 2
    top, low = 100, 246
    d.heading(24, 32, "First stage: a VAE whose code is a map, with a tiny weight on the KL")
    face(d, 24, top - 36, 72, Face(0.8))
    d.trapezoid((118, top), 84, (208, top), 44, "code")
    d.text(161, top + 5, "encoder", anchor="middle", fill="code-text", bold=True)
    _map(d, 318, top, smooth)
    _decoder(d, top, Face(0.8))
    d.arrow((212, top), (272, top), colour="code", width=2)
    d.heading(24, 178, "Second stage: a flow or a diffusion model on the maps")
    _map(d, 60, low, rng.standard_normal((CELLS, CELLS)))
    d.text(60, low + 56, "noise", anchor="middle", size=SMALL, fill="muted")
    d.arrow((108, low), (272, low), colour="code", width=2)
    d.text(190, low - 12, "many small steps", anchor="middle", size=SMALL, fill="code-text")
    _map(d, 318, low, np.flip(smooth, 1) + 0.3)
    d.text(318, low + 56, "a map 8 × 8 × $c$", anchor="middle", size=SMALL, fill="muted")
    _decoder(d, low, Face(0.3, 0.4, "hair-dark", "skin-brown", glasses=True))
    d.text(WIDTH - 60, low + 56, "a new image", anchor="middle", size=SMALL, fill="muted")
    return d


def _map(d: Drawing, x: float, y: float, values: np.ndarray, side: float = 80) -> None:
    """A map of codes as squares, its centre at (x, y)."""
    cell = side / CELLS
    d.rectangle(x - side / 2, y - side / 2, side, side, radius=0, fill="code-wash")
    for (row, column), value in np.ndenumerate(values):
        opacity = f"{1 / (1 + np.exp(-1.6 * value)):.2f}"
        left, top = x - side / 2 + column * cell, y - side / 2 + row * cell
        d.rectangle(left, top, cell, cell, radius=0, fill="code", fill_opacity=opacity)
    d.rectangle(x - side / 2, y - side / 2, side, side, radius=0, fill="none", stroke="code", stroke_width=1.6)


def _decoder(d: Drawing, y: float, who: Face) -> None:
    """An arrow into the decoder, and what it generates."""
    d.arrow((364, y), (446, y), colour="generated", width=2)
    d.trapezoid((452, y), 44, (542, y), 84, "generated")
    d.text(498, y + 5, "decoder", anchor="middle", fill="generated-text", bold=True)
    d.arrow((548, y), (618, y), colour="generated", width=2)
    face(d, WIDTH - 96, y - 36, 72, who, frame="generated")
