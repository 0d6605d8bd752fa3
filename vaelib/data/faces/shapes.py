"""Shapes as signed distances: below 0 inside, 0 on the outline, above 0 outside.

The distances are exact near the outline only, which is where an edge is anti-aliased. (Inigo Quilez' articles on
2D distance functions are the classic source.)
"""

import torch
from torch import Tensor

both = torch.maximum  # the intersection of two shapes
either = torch.minimum  # the union of two shapes


def without(shape: Tensor, hole: Tensor) -> Tensor:
    """A shape with another one cut out."""
    return torch.maximum(shape, -hole)


def radius(x: Tensor, y: Tensor, power: float | Tensor = 2.0) -> Tensor:
    """Distance from the origin in the p-norm: 1 on a circle (power 2) or on a rounded square (above 2)."""
    if isinstance(power, float) and power == 2.0:
        return (x * x + y * y).sqrt()
    return (x.abs() ** power + y.abs() ** power) ** (1 / power)


def ellipse(x: Tensor, y: Tensor, half_width, half_height, power: float | Tensor = 2.0) -> Tensor:
    """An ellipse around the origin; with a power above 2 a rounded rectangle."""
    thickness = min(half_width, half_height) if isinstance(half_width, float) else half_height
    return (radius(x / half_width, y / half_height, power) - 1) * thickness


def stroke(distance: Tensor, half_thickness: float | Tensor) -> Tensor:
    """A line of this half thickness along an outline, or along the zero of any function of the pixel."""
    return distance.abs() - half_thickness


def bump(x: Tensor, y: Tensor, width: float | Tensor, height: float | Tensor) -> Tensor:
    """A smooth hill at the origin, 1 at the top, 1/e at the given distances."""
    return torch.exp(-((x * (1 / width)) ** 2 + (y * (1 / height)) ** 2))
