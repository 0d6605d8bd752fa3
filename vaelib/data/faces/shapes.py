"""Shapes as signed distances: below 0 inside, 0 on the outline, above 0 outside.

The distances are exact near the outline only, which is where an edge is anti-aliased. (Inigo Quilez' articles on
2D distance functions are the classic source.)
"""

import torch
from torch import Tensor

Measure = float | Tensor  # one length for all faces, or (n, 1, 1)

both = torch.maximum  # the intersection of two shapes
either = torch.minimum  # the union of two shapes


def without(shape: Tensor, hole: Tensor) -> Tensor:
    """A shape with another one cut out."""
    return torch.maximum(shape, -hole)


def radius(x: Tensor, y: Tensor) -> Tensor:
    """Distance from the origin: 1 on the unit circle."""
    return (x * x + y * y).sqrt()


def square_radius(x: Tensor, y: Tensor, power: Measure) -> Tensor:
    """Distance from the origin in the p-norm: 1 on a circle with power 2, on a square with rounded corners above."""
    return (x.abs() ** power + y.abs() ** power) ** (1 / power)


def ellipse(x: Tensor, y: Tensor, half_width: Measure, half_height: Measure) -> Tensor:
    """An ellipse around the origin."""
    return (radius(x / half_width, y / half_height) - 1) * _smaller(half_width, half_height)


def rounded_box(x: Tensor, y: Tensor, half_width: Measure, half_height: Measure, power: Measure) -> Tensor:
    """A box around the origin, from an ellipse at power 2 to sharp corners at high powers."""
    return (square_radius(x / half_width, y / half_height, power) - 1) * _smaller(half_width, half_height)


def _smaller(a: Measure, b: Measure) -> Tensor:
    return torch.minimum(torch.as_tensor(a), torch.as_tensor(b))


def stroke(distance: Tensor, half_thickness: Measure) -> Tensor:
    """A line of this half thickness along an outline, or along the zero of any function of the pixel."""
    return distance.abs() - half_thickness


def bump(x: Tensor, y: Tensor, width: Measure, height: Measure) -> Tensor:
    """A smooth hill at the origin, 1 at the top, 1/e at the given distances."""
    return torch.exp(-((x * (1 / width)) ** 2 + (y * (1 / height)) ** 2))
