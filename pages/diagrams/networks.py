"""Diagrams of networks: the autoencoder's funnel, and the funnel of the VAE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import torch

from pages.diagrams.drawing import GRADIENT_DASH, SMALL, WIDTH, Drawing, path_of
from pages.diagrams.faces import Face, face
from vaelib import runs

MODEL = runs.load("faces32").model  # its layers are those of chapter 01
WHO = Face(smile=0.8)

Edges = tuple[float, float]  # the left and the right one of a thing


@dataclass(frozen=True)
class Slab:
    """How a feature map is drawn: its height for its pixels, its thickness for its channels."""

    channels: int
    pixels: int
    scale: float = 1.0

    @property
    def height(self) -> float:
        return self.scale * 26 * self.pixels**0.5

    @property
    def thickness(self) -> float:
        return self.scale * (1.1 * self.channels**0.75 + 4)

    @property
    def depth(self) -> float:
        return 0.2 * self.height

    @property
    def width(self) -> float:
        return self.thickness + self.depth


def feature_maps(scale: float = 1.0) -> list[Slab]:
    """The feature maps of the encoder, as the network itself gives them."""
    shapes, x = [], torch.zeros(1, 3, MODEL.image_size, MODEL.image_size)
    MODEL.eval()
    for layer in MODEL.encoder:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            shapes.append(Slab(x.shape[1], x.shape[2], scale))
    return shapes


def slab(d: Drawing, x: float, y: float, shape: Slab, colour: str) -> None:
    """A box in oblique projection whose centre is (x, y)."""
    w, h, depth = shape.thickness, shape.height, shape.depth
    left, top = x - shape.width / 2, y - (h - depth) / 2
    right, bottom = left + w, top + h
    style: dict[str, Any] = {"fill": f"{colour}-wash", "stroke": colour, "width": 1.3}
    d.path(
        path_of([(left, top), (left + depth, top - depth), (right + depth, top - depth), (right, top)]) + "Z", **style
    )
    side = [(right, top), (right + depth, top - depth), (right + depth, bottom - depth), (right, bottom)]
    d.path(path_of(side) + "Z", **style)
    d.path(path_of(side) + "Z", fill=colour, fill_opacity=0.35)
    d.path(path_of([(left, top), (right, top), (right, bottom), (left, bottom)]) + "Z", **style)


def vector(d: Drawing, x: float, y: float, height: float = 80, cells: int = 8, colour: str = "code") -> Edges:
    """A column of numbers whose centre is (x, y); its left and right edge."""
    d.rectangle(x - 7, y - height / 2, 14, height, radius=3, fill=f"{colour}-wash", stroke=colour, stroke_width=1.6)
    for i in range(1, cells):
        level = y - height / 2 + i * height / cells
        d.path([(x - 7, level), (x + 7, level)], stroke=colour, width=0.8)
    return x - 7, x + 7


def stage(d: Drawing, left: float, right: float, y: float, label: str, colour: str) -> None:
    """A line over the part of a network, with its name."""
    d.path([(left, y + 12), (left, y + 7), (right, y + 7), (right, y + 12)], stroke=colour, width=1.6)
    d.text((left + right) / 2, y, label, anchor="middle", fill=f"{colour}-text", bold=True)


def funnel(d: Drawing, centres: Sequence[float], y: float, maps: list[Slab], colour: str) -> list[Edges]:
    """Feature maps at their places; the left and right edge of each."""
    for x, shape in zip(centres, maps, strict=True):
        slab(d, x, y, shape, colour)
    return [(x - shape.width / 2, x + shape.width / 2) for x, shape in zip(centres, maps, strict=True)]


def arrows_between(d: Drawing, edges: list[Edges], y: float) -> None:
    """Arrows from the right edge of each thing to the left edge of the next."""
    for (_, right), (left, _) in pairwise(edges):
        d.arrow((right + 5, y), (left - 5, y), colour="muted", width=1.3)


def bell(d: Drawing, x: float, base: float, width: float, height: float, colour: str, dashed: bool = False) -> None:
    """The density of a Gaussian over a base line; `width` is that of six standard deviations."""
    t = np.linspace(-3, 3, 61)
    curve = [(x + width * u / 6, base - height * np.exp(-(u**2) / 2)) for u in t]
    if dashed:
        d.dashed(curve)
    else:
        d.path(path_of(curve) + "Z", fill=f"{colour}-wash")
        d.path(curve, stroke=colour, width=2)


def loss(d: Drawing, text: str, width: float, y: float, ends: tuple[float, float], top: float) -> None:
    """The loss in a pill, with lines from the image and from its reconstruction."""
    for x, side in zip(ends, (-1, 1), strict=True):
        d.path([(x, top), (x, y), (WIDTH / 2 + side * width / 2, y)], stroke="error", width=1.6)
    d.rectangle((WIDTH - width) / 2, y - 19, width, 38, radius=19, fill="error-wash", stroke="error", stroke_width=1.6)
    d.text(WIDTH / 2, y + 5, text, anchor="middle")


def autoencoder() -> Drawing:
    """The autoencoder of chapter 01, its tensors to scale."""
    d = Drawing(
        "autoencoder",
        "An autoencoder",
        "An image x of 3 by 32 by 32 numbers passes three convolutions, each of which halves the map, to a "
        "code z of 64 numbers. The decoder mirrors them and gives the reconstruction. The loss compares it "
        "with x.",
        326,
    )
    maps, y = feature_maps(), 138
    code, side = WIDTH / 2, 92
    left, right = [163, 232, 296], [424, 488, 557]
    face(d, 22, y - side / 2, side, WHO)
    face(d, WIDTH - 22 - side, y - side / 2, side, WHO, frame="generated", soft=1.6)
    edges = [(22, 22 + side), *funnel(d, left, y, maps, "code"), vector(d, code, y)]
    edges += [*funnel(d, right, y, maps[::-1], "generated"), (WIDTH - 22 - side, WIDTH - 22)]
    arrows_between(d, edges, y)
    stage(d, 128, 326, 36, "encoder", "code")
    stage(d, 394, 592, 36, "decoder", "generated")
    d.text(68, 36, "image $x$", anchor="middle")
    d.text(652, 36, "reconstruction $x\u0302$", anchor="middle")
    d.text(code, 36, "code $z$", anchor="middle", fill="code-text", bold=True)
    shapes = [(3, 32, 32), *((m.channels, m.pixels, m.pixels) for m in maps)]
    for x, shape in zip([68, *left, code, *right, 652], [*shapes, (MODEL.latent_dim,), *shapes[::-1]], strict=True):
        d.text(x, 220, "×".join(map(str, shape)), size=SMALL, anchor="middle")
        count = "numbers" if len(shape) == 1 else f"{prod(shape):,}" + (" numbers" if shape[0] == 3 else "")
        d.text(x, 238, count, size=SMALL, anchor="middle", fill="muted")
    loss(d, "squared error $‖x − x\u0302‖²$", 196, 289, (68, 652), 250)
    return d


def vae_network() -> Drawing:
    """The funnel with a density where the code was, and the way of the gradient through it."""
    d = Drawing(
        "vae-network",
        "A variational autoencoder",
        "The encoder ends in two vectors, μ and σ. They give a Gaussian density over codes. A draw ε from N(0, "
        "I) enters from outside, z = μ + σ ε goes into the decoder. The gradient of the loss runs back through "
        "z to μ and σ.",
        386,
    )
    maps, y, side, code = feature_maps(0.8), 158, 68, 463
    left, right = [122, 175, 226], [508, 555, 604]
    face(d, 14, y - side / 2, side, WHO)
    face(d, WIDTH - 14 - side, y - side / 2, side, WHO, frame="generated", soft=1.6)
    edges = [(14, 14 + side), *funnel(d, left, y, maps, "code")]
    arrows_between(d, edges, y)
    posterior(d, edges[-1][1] + 5, y, code)
    ends = [vector(d, code, y), *funnel(d, right, y, maps[::-1], "generated"), (WIDTH - 14 - side, WIDTH)]
    arrows_between(d, ends, y)
    stage(d, 100, 300, 36, "encoder", "code")
    stage(d, 488, 622, 36, "decoder", "generated")
    d.text(48, 36, "image $x$", anchor="middle")
    d.text(674, 36, "$x\u0302$", anchor="middle")
    steps = [
        (674, 474, "the decoder’s weights"),
        (452, 288, "$∂z/∂μ = 1$,  $∂z/∂σ = ε$"),
        (266, 48, "the encoder’s weights"),
    ]
    for start, end, name in steps:
        d.arrow((start, 262), (end, 262), colour="error", dash=GRADIENT_DASH)
        d.text((start + end) / 2, 282, name, size=SMALL, anchor="middle", fill="error-text")
    loss(d, "loss = nll + KL$(q(z | x) ‖ p(z))$", 262, 345, (28, 692), 204)
    return d


def posterior(d: Drawing, start: float, y: float, code: float) -> None:
    """From the encoder's end to z: two vectors, the density that they give, and a draw that comes from outside."""
    vectors, centre, base = 290, 372, y + 44
    for level, letter in ((y - 34, "μ"), (y + 44, "σ")):
        d.arrow((start, y + (level - y) * 0.2), (vectors - 12, level), colour="muted", width=1.3)
        vector(d, vectors, level, height=54, cells=6)
        d.text(vectors, level - 33, f"${letter}$", anchor="middle", fill="code-text")
    bell(d, centre, base, 112, 62, "code")
    d.path([(centre - 60, base), (centre + 60, base)], stroke="muted", width=1.2)
    draw = centre + 0.9 * 112 / 6
    bell(d, centre, 92, 84, 34, "ink", dashed=True)
    d.path([(centre - 46, 92), (centre + 46, 92)], stroke="muted", width=1.2)
    d.text(centre, 44, "$ε ~ N(0, I)$", anchor="middle")
    d.arrow((draw, 96), (draw, base - 6))
    d.circle(draw, base, 4.5, fill="code")
    d.text(centre, base + 18, "$z = μ + σ ε$", anchor="middle", fill="code-text")
    d.arrow((centre + 62, y), (code - 12, y), colour="muted", width=1.3)
    d.text(code, y - 50, "$z$", anchor="middle", fill="code-text")
