"""Airplane, automobile, ship and truck: one function draws a class, with one more for each larger part.

All face right and are drawn from back to front; the scene's pose mirrors half of them. y points down.
"""

from __future__ import annotations

from torch import Tensor

from .backgrounds import backdrop, ground
from .palettes import (
    BLACK,
    CANVAS,
    CHROME,
    GRASS,
    LAMP,
    METAL,
    PAINT,
    ROAD,
    ROOM,
    RUBBER,
    SEA,
    SKY,
    TAIL_LIGHT,
    WHITE,
    grey,
)
from .scene import Scene
from .shapes import Number, Point, box, capsule, ellipse, moved, polygon, union


def airplane(scene: Scene) -> None:
    """An airliner in the sky: the far wing behind the fuselage, the near one before it."""
    backdrop(scene, SKY, roughness=0.12)
    x, y = p = scene.pose(turn=0.5, size=(0.9, 1.15))
    colour = scene.colour(METAL)
    sweep, span = scene.uniform(0.15, 0.5), scene.uniform(0.4, 0.7)
    _wing(scene, (x, -y), colour * 0.75, sweep, span)
    _fuselage(scene, p, colour)
    _wing(scene, p, colour * 0.6, sweep, span)


def _wing(scene: Scene, p: Point, colour: Tensor, sweep: Tensor, span: Tensor) -> None:
    """A wing that reaches down to y = `span`, its tip `sweep` behind its root, with an engine under it."""
    scene.paint(polygon(p, (-0.16, 0.02), (0.22, 0.02), (0 - sweep, span), (-0.17 - sweep, span)), colour)
    middle = span / 2
    scene.paint(capsule(p, (0.02 - sweep / 2, middle), (0.16 - sweep / 2, middle), 0.04), colour * 0.7)


def _fuselage(scene: Scene, p: Point, colour: Tensor) -> None:
    """The tail's fin and the body with cockpit; most have a row of windows."""
    radius = scene.uniform(0.09, 0.13)
    scene.paint(polygon(p, (-0.86, -0.40), (-0.72, -0.40), (-0.46, 0), (-0.72, 0)), scene.colour(METAL) * 0.8)
    hull = capsule(p, (-0.70, -0.03), (0.62, 0.02), radius * 0.7, radius)
    scene.paint(hull, colour, shade=-0.35 * (p[1] / 0.15).clamp(-1, 1))
    scene.paint(polygon(p, (-0.76, -0.04), (-0.58, -0.04), (-0.70, 0.16), (-0.82, 0.16)), colour * 0.6)
    scene.paint(capsule(p, (-0.45, -0.04), (0.45, -0.02), 0.018), grey(0.15), opacity=scene.chance(0.7))
    scene.paint(ellipse(p, (0.64, -0.03), (0.07, 0.04)), grey(0.15))


def automobile(scene: Scene) -> None:
    """A car on a road, somewhere between a hatchback and a saloon."""
    _roadside(scene)
    p = scene.pose(turn=0.06, size=(0.9, 1.15))
    colour = scene.colour(PAINT)
    _ground_shadow(scene, p)
    _cabin(scene, p, colour, front=scene.uniform(0.25, 0.5), back=scene.uniform(0.3, 0.6))
    _car_body(scene, p, colour)
    _wheels(scene, p, centres=(-0.46, 0.46), height=0.32, radius=scene.uniform(0.16, 0.20))


def _cabin(scene: Scene, p: Point, colour: Tensor, front: Tensor, back: Tensor) -> None:
    """Roof, windows and the pillar between the doors, from x = -`back` to `front`."""
    roof = 0.02 - scene.uniform(0.32, 0.42)
    outline = polygon(p, (-0.10 - back, 0.02), (-0.62 * back, roof), (0.45 * front, roof), (0.05 + front, 0.02))
    glass = polygon(p, (-back, 0), (-0.57 * back, roof + 0.07), (0.38 * front, roof + 0.07), (front - 0.03, 0))
    scene.paint(outline, colour * 0.92)
    scene.paint(glass, _window_glass(scene), shade=-0.5 * p[1] - 0.2)
    scene.paint(box(p, (-0.08, -0.1), (0.03, 0.2)), colour * 0.9)


def _car_body(scene: Scene, p: Point, colour: Tensor) -> None:
    """The body below the windows, its lamps, and the dark sill."""
    body = polygon(p, (-0.76, 0), (0.60, 0), (0.82, 0.08), (0.84, 0.33), (-0.82, 0.33), (-0.82, 0.06))
    scene.paint(body, colour, shade=-0.8 * (p[1] - 0.1))
    scene.paint(box(p, (0, 0.32), (0.80, 0.03)), grey(0.15))
    scene.paint(ellipse(p, (0.76, 0.13), (0.06, 0.05)), LAMP)
    scene.paint(box(p, (-0.78, 0.11), (0.04, 0.05)), TAIL_LIGHT)


def truck(scene: Scene) -> None:
    """A lorry on a road: a large box of one colour behind a cab of another."""
    _roadside(scene)
    p = scene.pose(turn=0.06, size=(0.9, 1.15))
    _ground_shadow(scene, p)
    _cargo(scene, p)
    _cab(scene, p)
    scene.paint(box(p, (0, 0.29), (0.80, 0.04)), grey(0.15))
    _wheels(scene, p, centres=(-0.58, -0.24, 0.56), height=0.34, radius=scene.uniform(0.13, 0.17))


def _cargo(scene: Scene, p: Point) -> None:
    """The box, which in some is ribbed like a container and in some bears a stripe."""
    height = scene.uniform(0.35, 0.60)
    middle, half = (0.25 - height) / 2, (0.25 + height) / 2
    ribs = 0.12 * scene.chance(0.4) * (25 * p[0]).sin()
    scene.paint(box(p, (-0.24, middle), (0.58, half)), scene.colour(PAINT), shade=ribs - 0.25 * p[1])
    scene.paint(box(p, (-0.24, middle), (0.58, 0.06)), scene.colour(PAINT), opacity=scene.chance(0.35))


def _cab(scene: Scene, p: Point) -> None:
    """The driver's cab with its window, headlamp and bumper."""
    colour = scene.colour(PAINT)
    scene.paint(polygon(p, (0.38, -0.28), (0.62, -0.28), (0.80, 0.02), (0.80, 0.28), (0.38, 0.28)), colour, -0.4 * p[1])
    scene.paint(polygon(p, (0.46, -0.20), (0.60, -0.20), (0.72, 0), (0.46, 0)), _window_glass(scene))
    scene.paint(box(p, (0.76, 0.26), (0.08, 0.04)), CHROME)
    scene.paint(ellipse(p, (0.76, 0.16), (0.05, 0.05)), LAMP)


def _roadside(scene: Scene) -> None:
    backdrop(scene, SKY + ROOM + GRASS, roughness=0.08)
    ground(scene, ROAD, horizon=scene.uniform(0, 0.35))


def _ground_shadow(scene: Scene, p: Point) -> None:
    scene.paint(ellipse(p, (0, 0.44), (0.85, 0.07)), BLACK, opacity=0.7, blur=0.04)


def _window_glass(scene: Scene) -> Tensor:
    """Dark glass that reflects a sky."""
    return 0.12 + 0.35 * scene.colour(SKY)


def _wheels(scene: Scene, p: Point, centres: tuple[float, ...], height: float, radius: Number) -> None:
    """Tyres and rims, in two layers however many there are."""
    hubs = union(*(ellipse(p, (x, height), (1.0, 1.0)) for x in centres)) + 1
    scene.paint(hubs - radius, RUBBER)
    scene.paint(hubs - 0.5 * radius, CHROME)


def ship(scene: Scene) -> None:
    """A sailing boat or a steamer on the open sea, its hull half behind the nearest waves."""
    horizon = scene.uniform(0.05, 0.35)
    backdrop(scene, SKY)
    ground(scene, SEA, horizon)
    p = moved(scene.pose(turn=0.05, size=(0.9, 1.15), shift=0.1), (0, 0.6 * horizon))
    sails = scene.chance(0.4)
    _sails(scene, p, opacity=sails)
    _decks(scene, p, opacity=1 - sails)
    _hull(scene, p)
    waves = 0.27 + 0.02 * (14 * p[0]).sin() - p[1]
    scene.paint(waves, scene.colour(SEA), shade=scene.noise(cells=16, amplitude=0.25))


def _sails(scene: Scene, p: Point, opacity: Tensor) -> None:
    """A mast with a mainsail before it and a smaller sail behind."""
    colour = scene.colour(CANVAS)
    scene.paint(box(p, (-0.05, -0.4), (0.02, 0.45)), grey(0.3), opacity=opacity)
    scene.paint(polygon(p, (0, -0.85), (0.50, -0.03), (0, -0.03)), colour, shade=-0.3 * p[0], opacity=opacity)
    scene.paint(polygon(p, (-0.10, -0.75), (-0.10, -0.03), (-0.48, -0.03)), colour * 0.85, opacity=opacity)


def _decks(scene: Scene, p: Point, opacity: Tensor) -> None:
    """The white superstructure with its portholes, and a funnel with a dark rim."""
    funnel = scene.colour(PAINT)
    scene.paint(box(p, (-0.14, -0.36), (0.10, 0.17)), funnel, opacity=opacity)
    scene.paint(box(p, (-0.14, -0.50), (0.10, 0.04)), BLACK, opacity=opacity)
    decks = union(box(p, (-0.08, -0.07), (0.44, 0.11)), box(p, (0.04, -0.22), (0.24, 0.08)))
    scene.paint(decks, scene.colour(CANVAS) * 0.95, opacity=opacity)
    portholes = (4 * (28 * p[0]).sin() + 0.5).clamp(0, 1)
    scene.paint(box(p, (-0.08, -0.08), (0.38, 0.035)), grey(0.2), opacity=opacity * portholes)


def _hull(scene: Scene, p: Point) -> None:
    """The hull, raked at the bow, some with a white line along it."""
    scene.paint(polygon(p, (-0.75, 0.02), (0.88, -0.02), (0.62, 0.30), (-0.62, 0.30)), scene.colour(PAINT), -0.6 * p[1])
    scene.paint(box(p, (0, 0.06), (0.72, 0.018)), WHITE, opacity=scene.chance(0.6))
