"""Diagrams of codes in a plane: holes between them, and what growing β does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pages.diagrams.drawing import SMALL, WIDTH, Drawing, Point, number, paint
from pages.diagrams.faces import Face, broken, face

ENDS = (Face(smile=0.9), Face(smile=-0.3, hair=0.1))
STEPS = 5
MARK: dict[str, Any] = {"fill": "generated", "stroke": "paper", "stroke_width": 1.5}


def clouds(d: Drawing, centres: list[Point], rx: float, ry: float, opacity: float) -> None:
    """Gaussian clouds with these standard deviations in pixels, and a thin line at one standard deviation."""
    fades = [(offset, opacity * np.exp(-((2.4 * offset) ** 2) / 2)) for offset in (0, 0.2, 0.4, 0.6, 0.8)] + [(1, 0)]
    stops = "".join(f'<stop offset="{o}" stop-color="{paint("code")}" stop-opacity="{a:.2g}"/>' for o, a in fades)
    fade = d.define(f"fade-{1000 * opacity:.0f}", f'<radialGradient id="{{id}}">{stops}</radialGradient>')
    shape = f'<ellipse id="{{id}}" rx="{number(2.4 * rx)}" ry="{number(2.4 * ry)}" fill="url(#{fade})"/>'
    cloud = d.define(f"cloud-{1000 * opacity:.0f}", shape)
    d.parts += [f'<use href="#{cloud}" x="{number(x)}" y="{number(y)}"/>' for x, y in centres]
    outline = f"a{number(rx)} {number(ry)} 0 1 0 {number(2 * rx)} 0a{number(rx)} {number(ry)} 0 1 0 {number(-2 * rx)} 0"
    data = "".join(f"M{number(x - rx)} {number(y)}{outline}" for x, y in centres)
    d.path(data, stroke="code", width=1, stroke_opacity=0.28)


def spread(n: int) -> np.ndarray:
    """n points (n, 2) that fill a standard normal density evenly."""
    i = np.arange(n)
    radius, angle = np.sqrt(-2 * np.log(1 - (i + 0.5) / n)).clip(max=2.1), i * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def holes() -> Drawing:
    """What lies between codes: nothing, or other codes."""
    d = Drawing(
        "holes",
        "A latent space with holes, and one without",
        "Left: the codes of an autoencoder are dots in scattered groups. A line between two of them crosses a "
        "hole, where decoding gives broken faces. Right: the posteriors of a VAE are clouds that overlap and "
        "fill the circles of the prior. Every point of the line decodes to a face.",
        470,
    )
    side, y, unit = 300, 208, 54
    for x, title, note in (
        (24, "Autoencoder: holes between codes", "an image is a dot, and nothing says where"),
        (WIDTH - 24 - side, "VAE: clouds fill the prior", "an image is a cloud, held near the centre"),
    ):
        d.heading(x, 32, title, note)
    left, right = 24 + side / 2, WIDTH - 24 - side / 2
    d.window(24, 64, side, 288)
    _groups(d, left, y)
    d.prior_circles(left, y, unit)
    d.end_window()
    d.window(WIDTH - 24 - side, 64, side, 288)
    width = 0.4
    means = [(right + unit * a, y + unit * b) for a, b in np.sqrt(1 - width**2) * spread(32)]
    clouds(d, means, width * unit, width * unit, 0.24)
    d.prior_circles(right, y, unit)
    d.end_window()
    _walk(d, (left - 103, y - 75), (left + 105, y + 71), 24, is_broken=True)
    _walk(d, (right - 84, y - 52), (right + 84, y + 52), WIDTH - 24 - side, is_broken=False)
    return d


# Groups of an autoencoder's codes: centre and standard deviations in pixels, from the panel's centre, and their number.
GROUPS = (
    (-96, -82, 22, 18, 17),
    (78, -104, 26, 10, 13),
    (102, 66, 14, 24, 16),
    (-34, 112, 30, 11, 14),
    (30, -34, 9, 13, 7),
)


def _groups(d: Drawing, x: float, y: float) -> None:
    """Dots in groups."""
    for dx, dy, sx, sy, n in GROUPS:
        d.dots(((x + dx + sx * a, y + dy + sy * b) for a, b in 0.9 * spread(n)), 2.6)


def _walk(d: Drawing, start: Point, end: Point, x: float, is_broken: bool) -> None:
    """A line between two codes, and under the panel what is decoded along it."""
    size, gap, top = 52, 10, 372
    d.path([start, end], stroke="generated", width=2)
    for i in range(STEPS):
        t = i / (STEPS - 1)
        d.circle((1 - t) * start[0] + t * end[0], (1 - t) * start[1] + t * end[1], 5, **MARK)
        corner = (x + i * (size + gap), top, size)
        if is_broken and 0 < i < STEPS - 1:
            broken(d, *corner, ENDS, t)
        else:
            smile, hair = (
                (1 - t) * a + t * b for a, b in ((ENDS[0].smile, ENDS[1].smile), (ENDS[0].hair, ENDS[1].hair))
            )
            face(d, *corner, replace(ENDS[0], smile=smile, hair=hair), frame="generated", soft=0.8)
    d.text(x + 150, 446, "decoded along the line", size=SMALL, anchor="middle", fill="generated-text")


# A linear VAE: variances of the data's two directions, and of the decoder's noise.
VARIANCES, NOISE = np.array([1.0, 0.45]), 0.05
BETAS = {0.1: "dots", 3: "clouds", 12: "one direction lost", 24: "one blob"}
IMAGES = np.array([[1.1, 0.95], [-1.2, 0.5], [0.35, -1.25]])  # those that are decoded, in standard deviations


def beta_sweep() -> Drawing:
    """The optimum of a linear VAE for four β, which is known in closed form."""
    d = Drawing(
        "beta-sweep",
        "Posteriors under growing β",
        "Four planes with the circles of the prior. For a small β the posteriors are dots, and the decoded "
        "faces differ. As β grows they become clouds, then bands that overlap in one direction, then one blob "
        "that equals the prior: all decoded faces are the same.",
        354,
    )
    side, unit, top = 156, 34, 64
    for i, (beta, title) in enumerate(BETAS.items()):
        x = 24 + i * (side + 16)
        d.heading(x, 32, f"$β = {beta:g}$", title)
        d.window(x, top, side, side)
        _posteriors(d, x + side / 2, top + side / 2, unit, np.minimum(1, beta * NOISE / VARIANCES))
        d.end_window()
        rate = -0.5 * np.log(np.minimum(1, beta * NOISE / VARIANCES)).sum()
        d.text(x + side / 2, 334, f"rate {rate:.2g} nats" if rate else "rate 0", size=SMALL, anchor="middle")
        kept = np.maximum(0, 1 - beta * NOISE / VARIANCES)
        for j, (hair, smile) in enumerate(kept * IMAGES):
            who = Face(smile=0.15 + 0.75 * smile, hair=float(np.clip(0.5 + 0.45 * hair, 0, 1)))
            face(d, x + 54 * j, 236, 48, who, frame="generated", soft=0.8)
        d.text(x + side / 2, 308, "decoded means", size=SMALL, anchor="middle", fill="generated-text")
    return d


def _posteriors(d: Drawing, x: float, y: float, unit: float, variance: np.ndarray) -> None:
    """Posteriors with these variances (2,), and the prior's circles."""
    codes = np.sqrt(1 - variance) * np.concatenate([spread(18), IMAGES]) * [1, -1]
    centres = [(x + unit * a, y + unit * b) for a, b in codes]
    rx, ry = unit * np.sqrt(variance)
    clouds(d, centres, max(rx, 1.4), max(ry, 1.4), float(np.clip(0.075 / np.sqrt(variance.prod()), 0.055, 1)))
    d.prior_circles(x, y, unit)
    for spot in centres[-len(IMAGES) :]:
        d.circle(*spot, 3.6, **MARK)
