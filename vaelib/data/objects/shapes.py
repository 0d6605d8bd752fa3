"""Shapes as signed distance functions: negative inside, zero on the outline, positive outside.

Distances are in scene units, where the picture is the square [-1, 1] x [-1, 1], x to the right and **y down**. A point
is a pair of tensors (x, y), each (n, size, size): the coordinates of every pixel of n pictures. Measures may be numbers
or (n, 1, 1) tensors with one value a picture. Source: Inigo Quilez, "2D distance functions".
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

Point = tuple[Tensor, Tensor]
Number = float | Tensor
Position = tuple[Number, Number]


def moved(p: Point, by: Position) -> Point:
    """The plane seen from an origin at `by`."""
    return p[0] - by[0], p[1] - by[1]


def turned(p: Point, angle: Number) -> Point:
    """The plane whose shapes appear turned clockwise on the screen by `angle` radians about the origin."""
    cosine, sine = torch.as_tensor(angle).cos(), torch.as_tensor(angle).sin()
    return p[0] * cosine + p[1] * sine, p[1] * cosine - p[0] * sine


def mirrored(p: Point) -> Point:
    """The plane folded along the vertical axis: a shape drawn on the right appears on both sides."""
    return p[0].abs(), p[1]


def ellipse(p: Point, centre: Position, radii: Position, tilt: float = 0.0) -> Tensor:
    """Distance to an ellipse, exact for a circle, else a good guess; `tilt` is clockwise, in radians."""
    p = moved(p, centre)
    x, y = turned(p, tilt) if tilt else p
    across, down = radii
    return (((x / across).square() + (y / down).square()).sqrt() - 1) * (across * down) ** 0.5


def capsule(p: Point, start: Position, end: Position, radius: Number, end_radius: Number | None = None) -> Tensor:
    """Distance to a thick line with round ends; with an `end_radius` it tapers, and the distance is a good guess."""
    x, y = moved(p, start)
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    fraction = ((x * along_x + y * along_y) / (along_x**2 + along_y**2)).clamp(0, 1)
    from_axis = ((x - fraction * along_x).square() + (y - fraction * along_y).square()).sqrt()
    return from_axis - (radius if end_radius is None else radius + fraction * (end_radius - radius))


def box(p: Point, centre: Position, half: Position) -> Tensor:
    """Distance to an upright box of half width and half height `half`; outside, to its nearer side's line."""
    x, y = moved(p, centre)
    return torch.maximum(x.abs() - half[0], y.abs() - half[1])


def polygon(p: Point, *corners: Position) -> Tensor:
    """Distance to a convex polygon, corners clockwise on the screen; outside, to the farthest side's line."""
    return reduce(torch.maximum, (half_plane(p, a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)))


def half_plane(p: Point, start: Position, end: Position) -> Tensor:
    """Distance to all that lies to the right of one who walks from `start` to `end`."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length = (along_x**2 + along_y**2) ** 0.5
    return (p[0] - start[0]) * (along_y / length) - (p[1] - start[1]) * (along_x / length)


def union(*distances: Tensor) -> Tensor:
    """Distance to whichever shape is nearest."""
    return reduce(torch.minimum, distances)
