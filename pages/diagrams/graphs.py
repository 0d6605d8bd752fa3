"""Diagrams of what depends on what: the graphical model, the reparameterisation, the two-stage sampler."""

from __future__ import annotations

import math

import numpy as np

from pages.diagrams.drawing import GRADIENT_DASH, SMALL, WIDTH, Drawing, Point
from pages.diagrams.faces import Face, face
from pages.diagrams.networks import bell


def graphical_model() -> Drawing:
    """The model with its plate, and beside it, on the same heights, the network."""
    d = Drawing(
        "graphical-model",
        "The VAE as a graphical model and as a network",
        "Left: a plate over N images with a hidden z and an observed x. A solid arrow, the decoder, leads from "
        "z to x, a dashed one, the encoder, from x to z. Right: the network, in which an encoder leads up from "
        "x to a density over z, and a decoder leads down from a draw z to the reconstruction.",
        318,
    )
    z, x = (146, 132), (146, 242)
    d.heading(24, 36, "The model")
    d.rectangle(48, 62, 196, 228, radius=10, fill="none", stroke="muted", stroke_width=1.3)
    d.text(234, 280, "$N$ images", size=SMALL, anchor="end", fill="muted")
    d.text(z[0], 88, "$p(z) = N(0, I)$", anchor="middle")
    d.arrow((z[0], z[1] + 23), (x[0], x[1] - 23), colour="generated", width=2)
    d.bent_arrow((x[0] - 21, x[1] - 10), (104, 212), (104, 162), (z[0] - 21, z[1] + 10), colour="code", dash="6 4")
    d.text(z[0] + 12, 192, "$p_{θ}(x | z)$", fill="generated-text")
    d.text(102, 192, "$q_{φ}(z | x)$", anchor="end", fill="code-text")
    for (cx, cy), name, fill in ((z, "z", "paper"), (x, "x", "line")):
        d.circle(cx, cy, 22, fill=fill, stroke="ink", stroke_width=1.8)
        d.text(cx, cy + 6, f"${name}$", size=17, anchor="middle")
    _network(d, z[1], x[1])
    return d


def _network(d: Drawing, z: float, x: float) -> None:
    """The network, with its codes at the height z and its images at the height x."""
    left, right, side, middle = 350, 648, 70, 499
    d.heading(300, 36, "The network that implements it")
    face(d, left - side / 2, x - side / 2, side, Face(smile=0.8))
    face(d, right - side / 2, x - side / 2, side, Face(smile=0.8), frame="generated", soft=1.6)
    d.text(left, 296, "image $x$", anchor="middle")
    d.text(right, 296, "mean $x̂$ of $p_{θ}(x | z)$", anchor="middle", fill="generated-text")
    d.trapezoid((left, x - 44), 92, (left, z + 18), 40, "code")
    d.trapezoid((right, z + 18), 40, (right, x - 44), 92, "generated")
    d.text(left, 182, "encoder", size=SMALL, anchor="middle", fill="code-text", bold=True)
    d.text(right, 182, "decoder", size=SMALL, anchor="middle", fill="generated-text", bold=True)
    d.text(left, z + 5, "$μ$,  $σ$", size=16, anchor="middle", fill="code-text")
    base = z + 22
    bell(d, middle - 12, base, 92, 72, "code")
    bell(d, middle, base, 196, 40, "ink", dashed=True)
    d.path([(middle - 100, base), (middle + 100, base)], stroke="muted", width=1.2)
    d.arrow((left + 26, z), (middle - 102, z), colour="code", width=2)
    draw = middle + 4
    d.circle(draw, base, 4.5, fill="code")
    d.text(draw, base + 20, "a draw $z$", anchor="middle", fill="code-text")
    d.text(middle + 8, z - 42, "$q_{φ}(z | x)$", fill="code-text")
    d.text(middle + 52, z - 8, "$p(z)$")
    d.text(right, z + 5, "$z$", size=16, anchor="middle", fill="code-text")
    d.arrow((middle + 104, z), (right - 14, z), colour="generated", width=2)


def reparameterisation() -> Drawing:
    """Two computations of the same z; the gradient runs back through one of them only."""
    d = Drawing(
        "reparameterisation",
        "The reparameterisation",
        "Above: z is drawn inside the network from N(μ, σ²), and the gradient of the loss stops at z. Below: z "
        "is computed as μ + σ ε from a draw ε that enters from outside, and the gradient runs on to μ, times "
        "1, and to σ, times ε.",
        424,
    )
    d.heading(24, 36, "A draw inside the network stops the gradient")
    _chain(d, 112, random=True)
    d.heading(24, 212, "A draw from outside lets it through")
    _chain(d, 314, random=False)
    d.circle(36, 400, 8, fill="wash", stroke="ink", stroke_width=1.5, stroke_dasharray="3 2")
    d.text(52, 405, "random", size=SMALL, fill="muted")
    d.rectangle(122, 392, 16, 16, radius=4, fill="code-wash", stroke="code", stroke_width=1.5)
    d.text(146, 405, "computed", size=SMALL, fill="muted")
    d.arrow((228, 400), (258, 400))
    d.text(266, 405, "forward", size=SMALL, fill="muted")
    d.arrow((366, 400), (336, 400), colour="error", dash=GRADIENT_DASH)
    d.text(374, 405, "gradient of the loss, backward", size=SMALL, fill="muted")
    return d


def _chain(d: Drawing, y: float, random: bool) -> None:
    """Encoder, μ and σ, z, decoder, loss."""
    mu, sigma, z, decoder, loss = (206, y - 32), (206, y + 32), (366, y), (470, y), (652, y)
    d.trapezoid((36, y), 92, (126, y), 44, "code")
    d.text(80, y + 5, "encoder", anchor="middle", fill="code-text", bold=True)
    d.trapezoid(decoder, 44, (560, y), 92, "generated")
    d.text(516, y + 5, "decoder", anchor="middle", fill="generated-text", bold=True)
    d.rectangle(loss[0] - 42, y - 21, 84, 42, radius=21, fill="error-wash", stroke="error", stroke_width=1.6)
    d.text(loss[0], y + 5, "loss", anchor="middle")
    for (cx, cy), name in ((mu, "μ"), (sigma, "σ")):
        _computed(d, cx, cy, name)
        _both(d, (130, y + (cy - y) * 0.35), (cx - 22, cy), backward=not random)
    _both(d, (mu[0] + 22, mu[1]), (z[0] - 25, y - 8), backward=not random)
    _both(d, (sigma[0] + 22, sigma[1]), (z[0] - 25, y + 8), backward=not random)
    _both(d, (z[0] + 26, y), (decoder[0] - 5, y))
    _both(d, (560 + 5, y), (loss[0] - 47, y))
    if random:
        d.circle(*z, 21, fill="wash", stroke="ink", stroke_width=1.6, stroke_dasharray="4 3")
        d.text(z[0], y + 6, "$z$", size=17, anchor="middle")
        d.text(z[0], y + 46, "$z ~ N(μ, σ²)$", anchor="middle")
        d.cross(z[0] - 46, y, 7)
        return
    _computed(d, *z, "z")
    d.text(z[0], y + 46, "$z = μ + σ ε$", anchor="middle", fill="code-text")
    d.circle(z[0], y - 72, 19, fill="wash", stroke="ink", stroke_width=1.6, stroke_dasharray="4 3")
    d.text(z[0], y - 66, "$ε$", size=17, anchor="middle")
    d.text(z[0] + 28, y - 67, "$ε ~ N(0, 1)$")
    d.arrow((z[0], y - 49), (z[0], y - 22))
    d.text(284, y - 36, "$∂z/∂μ = 1$", size=SMALL, anchor="middle", fill="error-text")
    d.text(284, y + 46, "$∂z/∂σ = ε$", size=SMALL, anchor="middle", fill="error-text")


def _computed(d: Drawing, x: float, y: float, name: str) -> None:
    """A node whose value follows from those of others."""
    d.rectangle(x - 18, y - 18, 36, 36, radius=8, fill="code-wash", stroke="code", stroke_width=1.8)
    d.text(x, y + 6, f"${name}$", size=17, anchor="middle")


def _both(d: Drawing, start: Point, end: Point, backward: bool = True) -> None:
    """An arrow forward and, beside it, the gradient's arrow backward."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    gap = 4.5 if backward else 0
    nx, ny = gap * dy / math.hypot(dx, dy), -gap * dx / math.hypot(dx, dy)
    d.arrow((start[0] + nx, start[1] + ny), (end[0] + nx, end[1] + ny))
    if backward:
        d.arrow((end[0] - nx, end[1] - ny), (start[0] - nx, start[1] - ny), colour="error", dash=GRADIENT_DASH)


# The codes of the two-stage sampler: weight, centre, standard deviations along and across, turn in degrees.
CLUSTERS = ((0.6, (-0.55, 0.25), (0.62, 0.24), 38.0), (0.4, (0.75, -0.35), (0.5, 0.22), -30.0))
CODES = 90
TRAINING = (
    Face(0.8),
    Face(0.1, 0.0, "hair-dark", "skin-brown", beard=True),
    Face(0.3, 0.4, "hair-fair", glasses=True),
)
GENERATED = (
    Face(0.2, 0.8, "hair-dark", "skin-pale"),
    Face(0.7, 0.0, "hair-fair", "skin-brown"),
    Face(0.8, 0.5, "hair-red", glasses=True),
)


def two_stage() -> Drawing:
    """Encode, fit, sample: the networks do not change any more."""
    d = Drawing(
        "two-stage",
        "The two-stage sampler",
        "The trained encoder and decoder are frozen. The encoder maps the training images to codes; a density "
        "is fitted to the codes, which do not fill the circles of the prior. A code drawn from that density is "
        "decoded to a new face.",
        300,
    )
    y, side, centre = 164, 196, WIDTH / 2
    left, right = centre - side / 2, centre + side / 2
    for x, step, text, colour in (
        (24, "1", "Encode images", "code"),
        (left, "2", "Fit a density to codes", "code"),
        (512, "3", "Draw and decode", "generated"),
    ):
        d.circle(x + 10, 30, 10.5, fill=f"{colour}-wash", stroke=colour, stroke_width=1.4)
        d.text(x + 10, 35, step, size=SMALL, anchor="middle", bold=True, fill=f"{colour}-text")
        d.text(x + 28, 35, text, bold=True, fill=f"{colour}-text")
    for i, who in enumerate(TRAINING):
        face(d, 24, y - 87 + 61 * i, 52, who)
        d.arrow((81, y - 61 + 61 * i), (109, y + 24 * (i - 1)), colour="code")
    for i, who in enumerate(GENERATED):
        d.arrow((611, y + 24 * (i - 1)), (639, y - 61 + 61 * i), colour="generated")
        face(d, 644, y - 87 + 61 * i, 52, who, frame="generated", soft=1.6)
    d.trapezoid((114, y), 112, (204, y), 52, "code")
    d.trapezoid((516, y), 52, (606, y), 112, "generated")
    for x, name, fill in ((157, "encoder", "code-text"), (562, "decoder", "generated-text")):
        d.text(x, y + 2, name, anchor="middle", fill=fill, bold=True)
        _lock(d, x - 27, y + 17)
        d.text(x - 16, y + 21, "frozen", size=SMALL, fill="muted")
    d.arrow((209, y), (left - 6, y), colour="code", width=2)
    d.rectangle(left, y - side / 2, side, side, radius=8, fill="wash")
    _density(d, centre, y, scale=50)
    for dx, dy in ((-58, -4), (14, -34), (62, 16)):
        d.circle(centre + dx, y + dy, 5, fill="generated", stroke="paper", stroke_width=1.5)
    d.arrow((right + 6, y), (511, y), colour="generated", width=2)
    d.text(centre - 10, y + side / 2 + 20, "fitted density", size=SMALL, anchor="end", fill="code-text")
    d.dashed([(centre + 10, y + side / 2 + 16), (centre + 36, y + side / 2 + 16)], width=1.4)
    d.text(centre + 42, y + side / 2 + 20, "prior", size=SMALL)
    return d


def _density(d: Drawing, x: float, y: float, scale: float) -> None:
    """Codes, the fitted density beneath them, and the prior's circles of one and two standard deviations."""
    for weight, (cx, cy), (along, across), turn in CLUSTERS:
        for reach in (2.3, 1.6, 0.9):
            axes = (scale * along * reach, scale * across * reach)
            d.ellipse(x + scale * cx, y - scale * cy, *axes, -turn, fill="code", fill_opacity=0.1 + 0.1 * weight)
    d.dots(((x + scale * cx, y - scale * cy) for cx, cy in _codes()), 1.7)
    d.prior_circles(x, y, 0.9 * scale)


def _lock(d: Drawing, x: float, y: float) -> None:
    """A padlock whose body has its centre at (x, y)."""
    d.path(f"M{x - 3} {y - 3}v-2.5a3 3 0 0 1 6 0v2.5", stroke="muted", width=1.5)
    d.rectangle(x - 5, y - 3.5, 10, 8, radius=1.5, fill="muted")


def _codes() -> np.ndarray:
    """Codes (CODES, 2) drawn from the clusters."""
    rng, parts = np.random.default_rng(0), []
    for weight, centre, sigma, turn in CLUSTERS:
        angle = math.radians(turn)
        rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        parts.append(np.array(centre) + rng.standard_normal((round(weight * CODES), 2)) * sigma @ rotation)
    return np.concatenate(parts)
