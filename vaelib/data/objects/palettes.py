"""The colours of the objects: palettes to draw a random colour from, and a few that never change. RGB in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

Palette = list[tuple[float, float, float]]

SKY: Palette = [(0.45, 0.65, 0.92), (0.62, 0.78, 0.95), (0.80, 0.86, 0.93), (0.35, 0.50, 0.75), (0.90, 0.75, 0.60)]
GRASS: Palette = [(0.30, 0.48, 0.18), (0.45, 0.55, 0.25), (0.25, 0.38, 0.16), (0.62, 0.58, 0.30)]
ROAD: Palette = [(0.45, 0.45, 0.46), (0.60, 0.58, 0.55), (0.35, 0.35, 0.37)]
SEA: Palette = [(0.10, 0.30, 0.48), (0.16, 0.40, 0.50), (0.25, 0.38, 0.45)]
ROOM: Palette = [(0.70, 0.62, 0.52), (0.50, 0.40, 0.34), (0.80, 0.78, 0.74), (0.45, 0.50, 0.55), (0.60, 0.35, 0.30)]
POND: Palette = [*GRASS, (0.45, 0.35, 0.22), (0.25, 0.40, 0.40)]

METAL: Palette = [(0.90, 0.90, 0.92), (0.70, 0.72, 0.76), (0.35, 0.38, 0.42), (0.80, 0.30, 0.25), (0.25, 0.30, 0.50)]
PAINT: Palette = [
    (0.75, 0.12, 0.12),
    (0.15, 0.25, 0.60),
    (0.85, 0.85, 0.87),
    (0.12, 0.12, 0.14),
    (0.80, 0.65, 0.15),
    (0.20, 0.45, 0.28),
    (0.55, 0.57, 0.60),
]
CANVAS: Palette = [(0.92, 0.92, 0.90), (0.85, 0.80, 0.72)]

FUR: Palette = [
    (0.30, 0.22, 0.16),
    (0.55, 0.40, 0.25),
    (0.12, 0.11, 0.11),
    (0.85, 0.80, 0.72),
    (0.70, 0.48, 0.25),
    (0.50, 0.48, 0.47),
]
PLUMAGE: Palette = [*FUR, (0.20, 0.35, 0.70), (0.75, 0.20, 0.15), (0.85, 0.70, 0.20)]
DEER_COAT: Palette = [(0.58, 0.40, 0.22), (0.50, 0.33, 0.18), (0.66, 0.50, 0.32)]
HORSE_COAT: Palette = [
    (0.35, 0.20, 0.12),
    (0.12, 0.10, 0.10),
    (0.85, 0.82, 0.78),
    (0.52, 0.32, 0.18),
    (0.55, 0.55, 0.56),
]
FROG_SKIN: Palette = [(0.35, 0.62, 0.18), (0.22, 0.48, 0.20), (0.50, 0.55, 0.22), (0.55, 0.42, 0.22)]
CAT_EYES: Palette = [(0.55, 0.70, 0.20), (0.80, 0.65, 0.20), (0.35, 0.60, 0.75)]
FROG_EYES: Palette = [(0.85, 0.75, 0.25), (0.80, 0.45, 0.15)]


def rgb(red: float, green: float, blue: float) -> Tensor:
    """A colour that is the same in all pictures, (1, 3, 1, 1)."""
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1)


def grey(level: float) -> Tensor:
    """A shade of grey, from black at 0 to white at 1, (1, 3, 1, 1)."""
    return rgb(level, level, level)


BLACK, WHITE = grey(0.03), grey(0.92)
RUBBER, CHROME = grey(0.07), grey(0.60)
PINK, TONGUE = rgb(0.80, 0.48, 0.48), rgb(0.85, 0.40, 0.42)
BEAK, BARK, BONE = rgb(0.90, 0.60, 0.15), rgb(0.30, 0.20, 0.13), rgb(0.80, 0.68, 0.50)
LAMP, TAIL_LIGHT, COLLAR = rgb(0.98, 0.94, 0.70), rgb(0.80, 0.08, 0.06), rgb(0.75, 0.12, 0.15)
