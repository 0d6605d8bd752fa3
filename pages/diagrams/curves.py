"""Diagrams of curves that are computed: the ELBO under the likelihood, and two planes of a trade-off."""

from __future__ import annotations

import numpy as np

from pages.diagrams.drawing import SMALL, WIDTH, Drawing, path_of
from pages.diagrams.plane import Plane, gaussian

# The model of the ELBO's diagram: z ~ N(0, 1), x given z ~ N(w z, σ²), and one observation.
OBSERVED, SIGMA = 2.0, 0.6
TOUCHED = (0.7, 1.4, 2.6)  # the w whose posteriors are the three q
W = np.linspace(0.02, 4, 200)


def log_likelihood(w: np.ndarray) -> np.ndarray:
    """log p(x; w) in nats: x ~ N(0, w² + σ²)."""
    variance = w**2 + SIGMA**2
    return -0.5 * (np.log(2 * np.pi * variance) + OBSERVED**2 / variance)


def posterior(w: float) -> tuple[float, float]:
    """Mean and standard deviation of p(z | x; w)."""
    variance = w**2 + SIGMA**2
    return w * OBSERVED / variance, SIGMA / variance**0.5


def elbo(w: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """The ELBO in nats, for q = N(mean, deviation²)."""
    error = (OBSERVED - w * mean) ** 2 + (w * deviation) ** 2
    kl = 0.5 * (mean**2 + deviation**2 - 1) - np.log(deviation)
    return -0.5 * (np.log(2 * np.pi * SIGMA**2) + error / SIGMA**2) - kl


def elbo_curve() -> Drawing:
    """log p(x; w), and under it the ELBO of three densities q, each of which touches it once."""
    d = Drawing(
        "elbo-curve",
        "The ELBO touches the log-likelihood",
        "The log-likelihood of one observation as a function of the decoder's weight w. Three curves lie under it, the ELBO for "
        "three densities q. Each touches it at the w whose posterior is that q; elsewhere the gap is a KL divergence.",
        368,
    )
    plane = Plane(d, (52, 66, 452, 318), (0, 4), (-5, -1.3))
    small = Plane(d, (510, 66, WIDTH - 24, 318), (-2.5, 4), (0, 1))
    d.heading(24, 32, "The ELBO lies under log $p(x)$ and touches it")
    d.heading(510, 32, "Three densities $q$")
    plane.axes("weight $w$ of the decoder", "nats")
    plane.ticks(range(1, 4))
    d.path(plane.curve(W, log_likelihood(W)), stroke="truth", width=4)
    for i, w in enumerate(TOUCHED, start=1):
        q = posterior(w)
        d.path(plane.curve(W, elbo(W, *q)), stroke="code", width=2)
        d.circle(*plane.at(w, float(log_likelihood(np.array(w)))), 4.5, fill="code", stroke="paper", stroke_width=1.5)
    return d


def rate_distortion() -> Drawing:
    """The plane of rate and distortion with all its places."""
    d = Drawing("rate-distortion", "", "", 380)
    return d
