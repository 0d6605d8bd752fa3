"""Backgrounds: what lies behind the object."""

from __future__ import annotations

from torch import Tensor

from .palettes import Palette
from .scene import Scene


def backdrop(scene: Scene, palette: Palette, roughness: float = 0.1) -> None:
    """One colour, lighter towards the bottom, with large soft blotches and small ones: a sky, a wall, leaves."""
    blotches = scene.noise(cells=4, amplitude=1.5 * roughness) + scene.noise(cells=10, amplitude=0.5 * roughness)
    shade = 1 + 0.15 * scene.p[1] + blotches
    scene.image = scene.colour(palette) * shade.unsqueeze(1)


def ground(scene: Scene, palette: Palette, horizon: Tensor) -> None:
    """Rough ground below an uneven `horizon`, the y of which is (count, 1, 1)."""
    depth = scene.p[1] - horizon
    grain = scene.noise(cells=16, amplitude=0.18) + scene.noise(cells=10, amplitude=0.08)
    scene.paint(scene.noise(cells=6, amplitude=0.04) - depth, scene.colour(palette), shade=grain + 0.1 * depth)
