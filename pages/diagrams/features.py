"""How sets of pictures are compared: through the features of a network."""

from __future__ import annotations

import numpy as np

from pages.diagrams.drawing import SMALL, Drawing, Point
from pages.diagrams.faces import Face, face

REAL = (
    Face(0.8),
    Face(0.1, 0.0, "hair-dark", "skin-brown", beard=True),
    Face(0.3, 0.4, "hair-fair", glasses=True),
)
GENERATED = (
    Face(0.6, 0.9, "hair-dark"),
    Face(0.7, 0.0, "hair-fair", "skin-brown"),
    Face(0.8, 0.5, "hair-red", glasses=True),
)
CLOUDS = {  # centre, standard deviations along and across in pixels, and turn in degrees
    "truth": ((-27.0, 22.0), (37.0, 20.0), -24.0),
    "generated": ((40.0, -24.0), (26.0, 14.0), -8.0),
}
POINTS = 45


def feature_space() -> Drawing:
    """Two sets of pictures, one network, two clouds of features, one number."""
    d = Drawing(
        "feature-space",
        "How two sets of pictures are compared",
        "Real and generated pictures go through the same network. Each picture becomes a point in a plane of two "
        "features. Real pictures form one cloud, generated ones another, and a number says how far the clouds are "
        "apart.",
        292,
    )
    _row(d, 74, "real pictures", REAL, "truth", 0.0)
    _row(d, 190, "generated pictures", GENERATED, "generated", 1.6)
    y = 158.0
    d.trapezoid((270, y), 116, (352, y), 52, "code")
    d.text(311, y - 1, "network", anchor="middle", fill="code-text", bold=True)
    d.text(311, y + 18, "$φ$", anchor="middle", fill="code-text")
    for top, colour in ((100, "truth"), (216, "generated")):
        d.arrow((214, top), (264, y + 0.55 * (top - y)), colour=colour)
        d.arrow((358, y + 0.2 * (top - y)), (396, y + 0.2 * (top - y)), colour=colour)
    _plane(d, 402, 54, 206, 206)
    d.arrow((616, y), (640, y))
    d.lines(648, y - 12, ("one", "number"), bold=True)
    d.text(648, y + 28, "$F$", size=17)
    return d


def _row(d: Drawing, y: float, title: str, people: tuple[Face, ...], frame: str, soft: float) -> None:
    """Pictures of a set under its name."""
    d.text(24, y - 12, title, bold=True, fill="generated-text" if frame == "generated" else "muted")
    for i, who in enumerate(people):
        face(d, 24 + 62 * i, y, 56, who, frame=frame, soft=soft)


def _plane(d: Drawing, x: float, y: float, width: float, height: float) -> None:
    """The clouds of features with an ellipse for each, and the axes' names."""
    d.rectangle(x, y, width, height, radius=8, fill="wash")
    centre = (x + width / 2, y + height / 2)
    for seed, (colour, (offset, axes, turn)) in enumerate(CLOUDS.items()):
        middle = (centre[0] + offset[0], centre[1] + offset[1])
        d.ellipse(*middle, 2 * axes[0], 2 * axes[1], turn, fill="none", stroke=colour, stroke_width=2)
        d.dots(_cloud(seed, middle, axes, turn), 2, fill=colour)
    d.text(x + width / 2, y + height + 20, "feature 1", size=SMALL, fill="muted", anchor="middle")
    d.text(x + width + 14, y + 16, "feature 2", size=SMALL, fill="muted", turn=90)


def _cloud(seed: int, middle: Point, axes: Point, turn: float) -> list[Point]:
    """Points drawn from a Gaussian whose axes are turned, in degrees clockwise."""
    drawn = np.random.default_rng(seed).standard_normal((POINTS, 2)).clip(-2.1, 2.1) * axes
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [(middle[0] + dx, middle[1] + dy) for dx, dy in drawn @ rotation]
