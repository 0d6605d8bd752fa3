"""The head: where it is, its measures, and its skin under the light."""

import math

import torch
from torch import Tensor

from .canvas import RISE, VIEW, Canvas, picture_planes, plane, soft
from .shapes import bump, ellipse, square_radius

EYE_LEVEL = -0.10
BROW_LEVEL = -0.235
MOUTH_LEVEL = 0.365
CHEEK_X, CHEEK_LEVEL = 0.27, 0.14


def measures(f: dict[str, Tensor]) -> dict[str, Tensor]:
    """The lengths that several features share, from the factors; (n, 1, 1) each, in head units."""
    half_width = (0.455 + 0.075 * f["face_width"] + 0.02 * f["male"]) * (1 + 0.10 * f["chubby"])
    return {
        "half_width": half_width,
        "half_height": 0.625 + 0.045 * f["face_height"],
        "jaw_drop": 0.04 * f["mouth_open"],
        "squareness": 0.6 * f["jaw"] + 0.4 * f["male"],
        "grin": f["smile"].clamp(0),
        "eye_x": 0.21 + 0.02 * f["eye_distance"],
        "eye_half_width": 0.11 + 0.012 * f["eye_size"],
        "nose_half_width": 0.042 + 0.044 * f["nose_width"],
        "nose_end": 0.165 + 0.06 * f["nose_length"],
        "mouth_y": MOUTH_LEVEL + 0.01 * f["nose_length"],
        "mouth_half_width": 0.155 + 0.03 * f["mouth_width"] + 0.095 * f["smile"].clamp(0),
        "wrinkles": ((f["age"] - 0.60) / 0.30).clamp(0, 1),
    }


def pose(f: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """The planes: x, y on the head; u, v on the face, whose features slide over the head as it turns and nods."""
    picture_x, picture_y = picture_planes(size)
    x, y = picture_x - 0.02 * f["shift_x"], picture_y - 0.02 * f["shift_y"]
    angle, zoom = 0.08 * f["roll"], VIEW * (1 + 0.03 * f["scale"])
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    x, y = x * cos + y * sin, y * cos - x * sin + RISE
    u = x - 0.09 * f["yaw"]
    return {"x": x, "y": y, "u": u * (1 + 0.22 * f["yaw"] * u), "v": y - 0.045 * f["pitch"]}


def background(f: dict[str, Tensor], first: Tensor, second: Tensor, size: int) -> Tensor:
    """A gradient between two colours, (n, 3, size, size)."""
    x, y = picture_planes(size)
    angle = 2 * math.pi * f["background_angle"]
    t = (0.5 + 0.45 * (x * angle.cos() + y * angle.sin())).clamp(0, 1)
    return torch.lerp(first, second, plane(t))


def outline(c: Canvas) -> None:
    """Sets `head_radius`, 1 on the outline of the face, and `face`, its coverage."""
    narrowing = (0.34 - 0.26 * c.squareness) * (1 - 0.6 * c.chubby)  # of the lower half, towards the chin
    height = c.y.clamp(max=0) / c.half_height + c.y.clamp(min=0) / (c.half_height + c.jaw_drop)
    half_width = c.half_width * (1 - narrowing * height.clamp(0, 1) ** 2)
    c.head_radius = square_radius(c.x / half_width, height, 2.15 + 0.5 * c.squareness)
    c.face = c.edge((c.head_radius - 1) * 0.5)


def ears(c: Canvas) -> None:
    """An ellipse on each side, half hidden by the face."""
    c = c.window(top=-0.17, bottom=0.11, half_width=0.66)
    ear = ellipse(c.x.abs() - 0.985 * c.half_width, c.y + 0.03, 0.075, 0.135)
    c.paint(c.skin_colour * 0.80, c.edge(ear))


def skin(c: Canvas) -> None:
    """The face as a lit ellipsoid with a nose, eye sockets and cheeks."""
    c = c.window(top=-0.68, bottom=0.68, half_width=0.60)
    beside = c.u.abs()
    nose = _nose_bridge(c)
    socket = bump(beside - c.eye_x, c.v - EYE_LEVEL, 0.13, 0.10)
    cheek = bump(beside - CHEEK_X, c.v - CHEEK_LEVEL, 0.12, 0.09)
    light = _light(c, nose, socket) * _relief(c, nose, socket, cheek)
    redness = cheek * (0.06 + 0.10 * c.grin + 0.55 * c.rosy)
    shine = 0.16 * bump(c.u - 0.02 * c.light_x, c.v - c.nose_end + 0.045, 0.026, 0.040)
    colour = torch.lerp(c.skin_colour, c.blush_colour, plane(redness))
    c.paint(colour.mul_(plane(light)).add_(plane(shine)), c.face)


def _nose_bridge(c: Canvas) -> Tensor:
    """Height of the nose: growing from between the eyes to its tip, then falling off."""
    top = -0.16
    rise = ((c.v - top) / (c.nose_end - top)).clamp(0, 1) * soft(c.v - c.nose_end - 0.015, 0.018)
    return torch.exp(-0.5 * (c.u / c.nose_half_width) ** 2) * rise


def _relief(c: Canvas, nose: Tensor, socket: Tensor, cheek: Tensor) -> Tensor:
    """What the light from all around shows: dark sockets and sides of the nose, high cheekbones over hollow cheeks."""
    sides_of_nose = (c.u / c.nose_half_width) ** 2 * nose
    hollow = bump(c.u.abs() - CHEEK_X - 0.03, c.v - CHEEK_LEVEL - 0.17, 0.10, 0.10)
    return 1 - 0.12 * socket - 0.16 * sides_of_nose + c.cheekbones * (0.12 * cheek - 0.22 * hollow)


def _light(c: Canvas, nose: Tensor, socket: Tensor) -> Tensor:
    """Lambert's law: the cosine between the light and the surface's normal, plus light from all around."""
    normal_x = (0.85 * c.x / c.half_width).clamp(-1, 1) + 0.95 * c.u / c.nose_half_width * nose
    normal_y = 0.8 * c.y / c.half_height - 0.35 * nose - 3.0 * socket * (c.v - EYE_LEVEL)
    normal_z = (1 - normal_x**2 - normal_y**2).clamp(0.06).sqrt()
    light_x, light_y, light_z = 0.75 * c.light_x, -0.30 - 0.25 * c.light_y, 0.80
    strength = 0.58 / (light_x**2 + light_y**2 + light_z**2).sqrt()
    cosine = normal_x * (light_x * strength) + normal_y * (light_y * strength) + normal_z * (light_z * strength)
    return 0.50 + cosine.clamp(0)


def nostrils(c: Canvas) -> None:
    """The shadow below the wings of the nose, and two dark openings."""
    c = c.window(top=0.12, bottom=0.32, half_width=0.18)
    beside, below = c.u.abs(), c.v - c.nose_end
    wings = (below - 0.030).abs() - 0.012 + 0.9 * (beside - 0.9 * c.nose_half_width).clamp(0)
    c.darken(0.28 * soft(wings, 0.012) * c.face)
    nostril = ellipse(beside - 0.60 * c.nose_half_width, below - 0.020, 0.020, 0.013)
    c.paint(c.skin_colour * 0.28, 0.62 * c.edge(nostril))


def wrinkles(c: Canvas) -> None:
    """Two lines on the forehead, and folds from the nose to the mouth, which a smile deepens too."""
    c = c.window(top=-0.44, bottom=0.40, half_width=0.40)
    beside = c.u.abs()
    fold = (beside - 0.135 - 0.16 * (c.v - 0.16) - 0.03 * c.grin).abs() + ((c.v - 0.25).abs() - 0.08).clamp(0)
    depth = 0.26 * c.wrinkles + 0.135 * c.grin
    c.darken(soft(fold - 0.005, 0.012) * depth * c.face)
    forehead = c.v + 0.345 + 0.02 * (9 * c.u).cos()
    lines = (forehead.abs() - 0.035).abs() - 0.006 + (beside - 0.2).clamp(0)
    c.darken(0.30 * soft(lines, 0.008) * c.wrinkles * c.face)
