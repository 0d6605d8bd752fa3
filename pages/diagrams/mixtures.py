"""Diagrams of many codes together: the aggregate posterior, and the direction of an attribute."""

from __future__ import annotations

import numpy as np

from pages.diagrams.drawing import SMALL, WIDTH, Drawing, path_of
from pages.diagrams.faces import Face, face
from pages.diagrams.plane import Plane, gaussian

MEANS = np.array([-2.2, -1.55, -1.15, 0.75, 1.2, 2.0])
SIGMAS = np.array([0.3, 0.36, 0.28, 0.3, 0.38, 0.3])
Z = np.linspace(-4, 4, 161)


def aggregate_posterior() -> Drawing:
    """Six posteriors, their average, and the two parts of the KL."""
    d = Drawing(
        "aggregate-posterior",
        "The aggregate posterior",
        "Above: six narrow posteriors, one for each image. Below: their average, the aggregate posterior, has a gap near zero "
        "where the prior has its maximum. A bar splits the average KL into the information about the image and the "
        "mismatch between aggregate posterior and prior.",
        430,
    )
    each = np.stack([gaussian(Z, *pair) for pair in zip(MEANS, SIGMAS, strict=True)])
    average, prior = each.mean(0), gaussian(Z)
    single = Plane(d, (24, 62, WIDTH - 24, 168), (-4, 4), (0, each.max() * 1.05))
    both = Plane(d, (24, 214, WIDTH - 24, 332), (-4, 4), (0, 0.46))
    d.heading(24, 34, "Each image has its own posterior")
    for density in each:
        d.path(path_of(single.area(Z, 0 * Z, density)) + "Z", fill="code", fill_opacity=0.14)
        d.path(single.curve(Z, density), stroke="code", width=1.8)
    single.axes("")
    d.text(single.x(0), single.y(0.62), "$q(z | x_{n})$", anchor="middle", fill="code")
    d.heading(24, 212, "Their average misses the prior")
    over = prior > average
    d.path(path_of(both.area(Z, np.minimum(prior, average), prior)) + "Z", fill="error-wash")
    d.path(path_of(both.area(Z, 0 * Z, average)) + "Z", fill="code", fill_opacity=0.14)
    d.path(both.curve(Z, average), stroke="code", width=2.4)
    d.dashed(both.curve(Z, prior), width=1.8)
    both.axes("code $z$")
    both.ticks(range(-3, 4))
    return d
