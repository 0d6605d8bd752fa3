"""Diagrams of many codes together: the aggregate posterior, and the direction of an attribute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pages.diagrams.drawing import SMALL, WIDTH, Drawing
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
        "Above: six narrow posteriors, one for each image. Below: their average, the aggregate posterior, has "
        "a gap near zero where the prior has its maximum. A bar splits the average KL into the information "
        "about the image and the mismatch between aggregate posterior and prior.",
        474,
    )
    each = np.stack([gaussian(Z, *pair) for pair in zip(MEANS, SIGMAS, strict=True)])
    average, prior = each.mean(0), gaussian(Z)
    single = Plane(d, (24, 62, WIDTH - 24, 168), (-4, 4), (0, each.max() * 1.05))
    both = Plane(d, (24, 222, WIDTH - 24, 340), (-4, 4), (0, 0.44))
    d.heading(24, 34, "Each image has its own posterior")
    for density in each:
        d.path(single.bump(Z, density), fill="code", fill_opacity=0.14, stroke="code", width=1.8)
    single.axes()
    d.text(single.x(-0.2), single.y(0.62), "$q(z | x_{n})$", anchor="middle", fill="code-text")
    d.heading(24, 208, "Their average misses the prior")
    d.path(both.area(Z, np.minimum(prior, average), prior), fill="error-wash")
    d.path(both.bump(Z, average), fill="code", fill_opacity=0.14, stroke="code", width=2.4)
    d.dashed(both.curve(Z, prior), width=1.8)
    both.axes("code $z$")
    both.ticks(range(-3, 4))
    d.text(both.x(-0.2), both.y(0.2), "drawn often,", size=SMALL, anchor="middle", fill="error-text")
    d.text(both.x(-0.2), both.y(0.2) + 17, "no codes here", size=SMALL, anchor="middle", fill="error-text")
    d.text(both.x(1.0) - 2, both.y(0.39), "prior $p(z)$")
    d.text(both.x(-2.75), both.y(0.3), "aggregate posterior $q(z)$", fill="code-text", anchor="middle")
    _split_of_kl(d, average, prior)
    return d


def _split_of_kl(d: Drawing, average: np.ndarray, prior: np.ndarray) -> None:
    """The average KL as a bar: what the codes say about the images, and the mismatch. In nats."""
    step = Z[1] - Z[0]
    kl = np.mean((SIGMAS**2 + MEANS**2 - 1) / 2 - np.log(SIGMAS))
    mismatch = step * np.sum(average * np.log(average / prior))
    left, right, top = 24, WIDTH - 24, 426
    cut = left + (right - left) * (1 - mismatch / kl)
    d.heading(left, 412, f"The average KL, {kl:.1f} nats, has two parts")
    for start, end, colour in ((left, cut, "code"), (cut, right, "error")):
        d.rectangle(start, top, end - start, 30, radius=0, fill=f"{colour}-wash", stroke=colour, stroke_width=1.4)
    d.text(
        (left + cut) / 2,
        top + 20,
        f"information about the image  {kl - mismatch:.1f} nats",
        anchor="middle",
        size=SMALL,
    )
    d.text((cut + right) / 2, top + 20, f"mismatch to the prior  {mismatch:.1f} nats", anchor="middle", size=SMALL)


# Codes of four groups of people: men or women (to the right or left), with glasses (above) or without, and how many.
PANEL = 324
PEOPLE = {(-1, -1): 30, (-1, 1): 4, (1, -1): 12, (1, 1): 22}


def attribute_direction() -> Drawing:
    """The difference of two means with a confounder, and the differences within groups."""
    d = Drawing(
        "attribute-direction",
        "The direction of an attribute, with a confounder",
        "Codes in a plane: women to the left, men to the right, faces with glasses above and without below; "
        "most with glasses are men. Left: the difference of the two means tilts towards men, and the edited "
        "face gains a beard. Right: the mean difference within each sex points straight up, and the edited "
        "face gains glasses only.",
        470,
    )
    groups = _people()
    codes = {worn: np.concatenate([groups[-1, worn], groups[1, worn]]) for worn in (-1, 1)}
    naive = codes[1].mean(0) - codes[-1].mean(0)
    within = np.mean([groups[sex, 1].mean(0) - groups[sex, -1].mean(0) for sex in (-1, 1)], axis=0)
    right = WIDTH - 24 - PANEL
    for x, title, note in (
        (24, "Difference of all means: tilted", "most faces with glasses are men"),
        (right, "Differences within groups: straight", "the mean of women’s and men’s differences"),
    ):
        d.heading(x, 32, title, note)
    start = codes[-1].mean(0)
    plane = _plane_of_people(d, 24, groups)
    _move(d, plane, start, start + naive, "error", 3)
    plane = _plane_of_people(d, right, groups)
    for sex in (-1, 1):
        _move(d, plane, groups[sex, -1].mean(0), groups[sex, 1].mean(0), "muted", 1.6)
    _move(d, plane, start, start + within, "generated", 3)
    before = Face(0.4, 0.9, "hair-dark")
    _edit(d, 24, before, replace(before, hair=0, glasses=True, beard=True), "error", ("glasses", "and a beard"))
    _edit(d, right, before, replace(before, glasses=True), "generated", ("glasses", "only"))
    return d


def _edit(d: Drawing, x: float, before: Face, after: Face, colour: str, gained: tuple[str, str]) -> None:
    """A face, the same face after a step along the direction, and what it has gained."""
    top, size = 362, 78
    face(d, x, top, size, before)
    d.arrow((x + size + 8, top + size / 2), (x + size + 44, top + size / 2), colour=colour, width=2.4)
    face(d, x + size + 52, top, size, after, frame="generated", soft=0.8)
    d.lines(x + 2 * size + 66, top + size / 2 - 4, gained, fill=f"{colour}-text")


def _people() -> dict[tuple[int, int], np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        (sex, worn): np.array([1.0 * sex, 0.85 * worn]) + [0.36, 0.3] * rng.standard_normal((n, 2)).clip(-1.9, 1.9)
        for (sex, worn), n in PEOPLE.items()
    }


def _plane_of_people(d: Drawing, x: float, groups: dict[tuple[int, int], np.ndarray]) -> Plane:
    plane = Plane(d, (x, 64, x + PANEL, 304), (-2.1, 2.1), (-1.6, 1.6))
    d.rectangle(x, 64, PANEL, 240, radius=8, fill="wash")
    for (_, worn), codes in groups.items():
        spots = [plane.at(*code) for code in codes]
        d.dots(spots, 4.2, "code")
        if worn == -1:
            d.dots(spots, 2.6, "wash")
    for sex, name in ((-1, "women"), (1, "men")):
        d.text(plane.x(sex), 324, name, anchor="middle", size=SMALL, fill="muted")
    d.text(x + 8, 84, "with glasses", size=SMALL, fill="code-text")
    d.text(x + 8, 200, "without", size=SMALL, fill="code-text")
    return plane


def _move(d: Drawing, plane: Plane, start: np.ndarray, end: np.ndarray, colour: str, width: float) -> None:
    d.arrow(plane.at(*start), plane.at(*end), colour=colour, width=width)
    d.circle(*plane.at(*start), 4, fill=colour)
