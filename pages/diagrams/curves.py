"""Diagrams of curves that are computed: the ELBO under the likelihood, and two planes of a trade-off."""

from __future__ import annotations

import numpy as np

from pages.diagrams.drawing import SMALL, WIDTH, Drawing, path_of
from pages.diagrams.faces import Face, face
from pages.diagrams.plane import Plane, gaussian

# The model of the ELBO's diagram: z ~ N(0, 1), x given z ~ N(w z, σ²), and one observation.
OBSERVED, SIGMA = 2.0, 0.6
TOUCHED = {0.7: 1.66, 1.4: 2.54, 2.6: 4.16}  # the w whose posteriors are the three q, and where the curves' names stand
SUBSCRIPTS = "₁₂₃"
W = np.linspace(0.02, 4.9, 250)


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
        "The log-likelihood of one observation as a function of the decoder's weight w. Three curves lie under "
        "it, the ELBO for three densities q. Each touches it at the w whose posterior is that q; elsewhere the "
        "gap is a KL divergence.",
        368,
    )
    plane = Plane(d, (60, 62, 474, 318), (0, 5), (-5, -1.5))
    d.heading(24, 32, "The ELBO touches the log-likelihood")
    plane.axes("weight $w$ of the decoder", "nats")
    plane.ticks(range(1, 5))
    plane.levels(range(-4, -1))
    d.path(plane.curve(W, log_likelihood(W)), stroke="truth", width=4.5)
    d.text(plane.x(1.75), plane.y(-1.93), "log $p(x; w)$", fill="muted")
    for (w, spot), name in zip(TOUCHED.items(), SUBSCRIPTS, strict=True):
        d.path(plane.curve(W, elbo(W, *posterior(w))), stroke="code", width=2)
        d.circle(*plane.at(w, float(log_likelihood(np.array(w)))), 4.5, fill="code", stroke="paper", stroke_width=1.5)
        d.text(plane.x(spot), plane.y(-4.75), f"ELBO, $q{name}$", fill="code-text", size=SMALL, anchor="end")
    gap = np.array(3.7)
    x, top = plane.at(float(gap), float(log_likelihood(gap)))
    _, bottom = plane.at(float(gap), float(elbo(gap, *posterior(max(TOUCHED)))))
    for end in (top + 4, bottom - 2):
        d.arrow((x, (top + bottom) / 2), (x, end), colour="error")
    d.lines(x + 8, top + 26, ("gap: KL from", "$q₃$ to $p(z | x; w)$"), size=SMALL, fill="error-text", step=17)
    _three_densities(d)
    return d


def _three_densities(d: Drawing) -> None:
    """The prior and the three q, in a panel at the right."""
    plane = Plane(d, (500, 62, WIDTH - 24, 318), (-2.6, 3.6), (0, 1.95))
    z = np.linspace(-2.6, 3.6, 187)
    d.heading(500, 32, "The three $q(z)$")
    for w, name in zip(TOUCHED, SUBSCRIPTS, strict=True):
        mean, deviation = posterior(w)
        density = gaussian(z, mean, deviation)
        d.path(plane.bump(z, density), fill="code", fill_opacity=0.14, stroke="code", width=2)
        d.text(plane.x(mean + 0.9 * deviation), plane.y(0.78 * density.max()), f"$q{name}$", fill="code-text")
    d.dashed(plane.curve(z, gaussian(z)), width=1.8)
    d.text(plane.x(-1.05), plane.y(0.4), "prior", size=SMALL, anchor="end")
    plane.axes("code $z$")
    plane.ticks(range(-2, 4))


# Of the rate–distortion plane: variances of a Gaussian source, whose curve is known (reverse water-filling), and the
# error that the decoder makes at any rate.
SOURCE, FLOOR = 2.2 * 0.62 ** np.arange(14), 0.8
SLOPE = 1.0  # the β whose tangent is drawn


def rate_and_distortion(level: float) -> tuple[float, float]:
    """Least rate in nats, and distortion, where no direction keeps more than `level` of variance as error."""
    error = np.minimum(SOURCE, level)
    return 0.5 * np.log(SOURCE / error).sum(), FLOOR + error.sum()


def rate_distortion() -> Drawing:
    """The plane of rate and distortion with all its places."""
    d = Drawing(
        "rate-distortion",
        "The rate–distortion plane",
        "Distortion against rate. A convex curve falls from posterior collapse, at rate zero, towards the "
        "autoencoder, at unlimited rate. Below it no model exists. A line of slope minus β touches the curve "
        "at the model with the least distortion plus β times rate. Real models lie above the curve.",
        408,
    )
    plane = Plane(d, (60, 58, WIDTH - 24, 356), (0, 8), (0, 7.5))
    rates, distortions = np.array([rate_and_distortion(v) for v in np.geomspace(SOURCE.max(), 0.002, 120)]).T
    d.heading(24, 32, "Each β picks one point of the curve")
    seen = rates <= 7.8
    limit = plane.curve(rates[seen], distortions[seen])
    d.path(path_of([*limit, (limit[-1][0], plane.y(0)), plane.at(0, 0)]) + "Z", fill="wash")
    d.text(plane.x(0.5), plane.y(1.5), "no model can lie here", fill="muted")
    d.path([plane.at(0, FLOOR), (limit[-1][0], plane.y(FLOOR))], stroke="truth", width=1.4, stroke_dasharray="2 4")
    d.text(plane.x(0.5), plane.y(FLOOR) + 18, "error that remains at any rate", size=SMALL, fill="muted")
    d.arrow(*limit, colour="ink", width=2.6)
    rate, distortion = rate_and_distortion(SLOPE / 2)
    least = distortion + SLOPE * rate
    d.path([plane.at(0, least), plane.at(least / SLOPE, 0)], stroke="error", width=2)
    x, y = plane.at(rate, distortion)
    tilt = np.arctan2(plane.y(-SLOPE) - plane.y(0), plane.x(1) - plane.x(0))
    dx, dy = 52 * np.sin(tilt), -52 * np.cos(tilt)  # to a line of the same slope, on which worse models lie
    along = [(x + dx + t * np.cos(tilt), y + dy + t * np.sin(tilt)) for t in (-105, 262)]
    d.path(along, stroke="error", stroke_opacity=0.5)
    d.arrow((x + dx, y + dy), (x + 0.17 * dx, y + 0.17 * dy), colour="error")
    name = (x + 1.15 * dx + 8, y + 1.15 * dy)
    d.text(
        *name, "loss = distortion + $β$ · rate: slope $−β$", fill="error-text", turn=float(np.degrees(tilt)), size=SMALL
    )
    _places(d, plane, rate, distortion)
    plane.axes("rate: KL, in nats", "distortion")
    return d


def _places(d: Drawing, plane: Plane, rate: float, distortion: float) -> None:
    """Both ends of the curve, the model that β picks, and a trained one."""
    collapsed = rate_and_distortion(SOURCE.max())
    weak, trained = rate_and_distortion(0.13), (5.3, 3.3)
    for spot in (collapsed, (rate, distortion), weak):
        d.circle(*plane.at(*spot), 6, fill="generated", stroke="paper", stroke_width=1.5)
    d.circle(*plane.at(*trained), 6, fill="paper", stroke="generated", stroke_width=2.2)
    x, y = plane.at(*collapsed)
    d.text(x + 14, y - 2, "posterior collapse: rate 0, for a large $β$")
    x, y = plane.at(*weak)
    d.text(x, y + 24, "a small $β$", anchor="middle")
    x, y = plane.at(8, rate_and_distortion(0.06)[1])
    d.lines(x, y - 40, ("$β → 0$: autoencoder,", "unlimited rate"), anchor="end")
    x, y = plane.at(*trained)
    d.text(x + 14, y + 5, "a trained model")


# Of the perception–distortion plane, for squared error and the 2-Wasserstein distance (Freirich et al. 2021): an
# estimator at distance P from the photographs has at least the error LEAST + (FARTHEST - P)².
LEAST, FARTHEST = 1.0, 0.8


def perception_distortion() -> Drawing:
    """The plane of perception and distortion with the methods of the chapter at their places."""
    d = Drawing(
        "perception-distortion",
        "The perception–distortion plane",
        "Distance to photographs against mean squared error. A convex curve bounds what is possible. The "
        "posterior mean has the least error and is far from photographs; a posterior draw has twice that error "
        "and distance zero. The pixel flow lies near the curve's lower end; sharpening lies above the curve.",
        408,
    )
    plane = Plane(d, (60, 58, WIDTH - 24, 356), (0.55, 2.35), (0, 1.05))
    d.heading(24, 32, "Closer to photographs costs squared error")
    p = np.linspace(0, FARTHEST, 60)
    bound = plane.curve(LEAST + (FARTHEST - p) ** 2, p)
    region = [*bound, plane.at(LEAST, 1.02), plane.at(plane.xlim[0], 1.02), plane.at(plane.xlim[0], 0)]
    d.path(path_of(region) + "Z", fill="wash")
    d.lines(plane.x(0.62), plane.y(0.16), ("no method", "can lie here"), fill="muted")
    d.path([*bound, plane.at(LEAST, 1.02)], stroke="ink", width=2.6)
    plane.axes("distortion: mean squared error", "distance to photographs")
    for multiple, name in ((1, "least"), (2, "twice the least")):
        x, y = plane.at(multiple * LEAST, 0)
        d.path([(x, y), (x, y + 5)], stroke="muted", width=1.2)
        d.text(x, y + 18, name, size=SMALL, fill="muted", anchor="middle")
    _methods(d, plane)
    return d


def _methods(d: Drawing, plane: Plane) -> None:
    """Where methods lie, with what they make of one face."""
    mean, draw, flow = plane.at(LEAST, FARTHEST), plane.at(2 * LEAST, 0), plane.at(1.55, 0.13)
    d.arrow((mean[0] + 9, mean[1] - 1), (mean[0] + 84, mean[1] - 6), colour="error")
    bar = mean[0] + 92
    d.path(
        [(bar, mean[1] - 36), (bar, mean[1] + 24)], stroke="error", width=5, stroke_linecap="round", stroke_opacity=0.55
    )
    d.lines(
        bar + 12, mean[1] - 12, ("sharpening: two networks disagree", "on whether it comes closer"), fill="error-text"
    )
    d.bent_arrow(
        (mean[0] + 6, mean[1] + 8),
        (mean[0] + 50, mean[1] + 100),
        (flow[0] - 100, flow[1] - 30),
        (flow[0] - 7, flow[1] - 3),
        "generated",
    )
    for x, y in (mean, flow, draw):
        d.circle(x, y, 6, fill="generated", stroke="paper", stroke_width=1.5)
    face(d, mean[0] - 82, mean[1] - 32, 64, Face(0.55), frame="generated", soft=2.4)
    d.text(mean[0] - 18, mean[1] + 52, "posterior mean", anchor="end")
    face(d, flow[0] + 18, flow[1] - 62, 64, Face(0.7), frame="generated")
    d.text(flow[0] + 50, flow[1] - 70, "pixel flow", anchor="middle")
    face(d, draw[0] + 24, draw[1] - 84, 64, Face(0.2, 0.85, shift=2), frame="generated")
    d.text(draw[0] + 56, draw[1] - 92, "posterior draw", anchor="middle")
