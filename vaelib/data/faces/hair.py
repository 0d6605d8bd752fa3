"""The hair: an outline open at the bottom, painted behind the head and again in front with the face left free."""

import torch
from torch import Tensor

from .canvas import Canvas, plane, soft
from .shapes import both, square_radius, without

ROUNDNESS = 2.3  # of the top of the head: the power of its outline


def outline(c: Canvas) -> None:
    """Sets `hair`, the signed distance of the hair's outline; `hair_shade`, its colours; `waves` and `has_hair`."""
    c.has_hair = 1 - c.bald
    volume = 0.03 + 0.07 * c.hair_volume
    c.waves = 0.028 * c.wavy * (17 * c.y + 1.5 * c.parting).sin()
    half_width = c.half_width + volume + 0.10 * c.hair_length * (c.y + 0.3).clamp(0, 0.6) + c.waves
    top = c.half_height + 0.9 * volume
    across = c.x / half_width
    from_crown = square_radius(across, (c.y + 0.02).clamp(max=0) / top, ROUNDNESS)
    bottom = 0.02 + 0.15 * c.hair_volume + 1.15 * (c.hair_length - 0.12).clamp(0) - 0.25 * across**2
    c.hair = both((from_crown - 1) * half_width, c.y - bottom)
    c.hair_shade = _shade(c, across, from_crown, _strands(c, top))


def _strands(c: Canvas, top: Tensor) -> Tensor:
    """Brightness of the strands, -.75 to .75: lines that fan out from the parting."""
    direction = torch.atan2(c.x - 0.1 * c.parting, (top + 0.15 - c.y).clamp(0.42))
    return 0.5 * (26 * direction + 180 * c.waves).sin() + 0.25 * (57 * direction).sin()


def _shade(c: Canvas, across: Tensor, from_crown: Tensor, strands: Tensor) -> Tensor:
    """The hair's colour under the light, with a ring of shine around the crown; (n, 3, h, w)."""
    light = (0.92 + 0.11 * strands) * (1 + 0.38 * c.light_x * across.clamp(-1, 1))
    ring = torch.exp(-((10 * (from_crown - 0.80 - 0.05 * strands)) ** 2))
    shine = ring * (0.10 + 0.07 * c.light_y.abs())
    return c.hair_base * plane(light) + plane(shine) * (0.35 + c.hair_base)


def back(c: Canvas) -> None:
    """Long hair, seen behind the neck."""
    c.paint(c.hair_shade * 0.62, c.edge(c.hair) * (c.has_hair * (c.hair_length > 0.3)))


def front(c: Canvas) -> None:
    """Hair over the top of the head and down its sides, with its shadow on the face."""
    below_hairline = c.y - _hairline(c)
    beside = c.half_width * (0.955 - 0.05 * c.hair_length - 0.04 * c.hair_volume) + 0.5 * c.waves
    face_opening = both(-below_hairline, c.x.abs() - beside)
    covered = c.edge(without(c.hair, face_opening)) * c.has_hair
    shadow = soft(both(below_hairline - 0.035, 0.5 * (c.head_radius - 1)), 0.022)
    c.darken(0.30 * shadow * (1 - covered) * c.has_hair * c.face)
    c.paint(c.hair_shade, covered)


def _hairline(c: Canvas) -> Tensor:
    """Height of the hairline: an arch, dented by the parting, straight with bangs, and M-shaped when it recedes."""
    across = (c.x / c.half_width).abs()
    arch = (0.30 - 0.22 * c.bangs) * across**2.2
    parting = 0.10 * (1 - c.bangs) * ((c.x - 0.16 * c.parting).abs() / c.half_width) ** 0.8
    temples = c.receding * (1 - c.bangs) * (0.06 + 0.20 * torch.exp(-(((across - 0.52) / 0.24) ** 2)))
    fringe = c.bangs * (0.016 * (38 * c.x + 3 * c.parting).sin() + 0.03 * c.parting * c.x / c.half_width)
    return -0.44 + 0.02 * c.hair_volume + 0.145 * c.bangs + arch + parting - temples + fringe
