"""What is worn: clothes, jewellery, glasses, hats. Also the neck, which comes out of the clothes."""

import torch
from torch import Tensor

from .canvas import VIEW, Canvas, plane, rgb, soft
from .head import EYE_LEVEL
from .shapes import both, either, ellipse, radius, rounded_box, square_radius, stroke

BELOW = 2 * VIEW  # anywhere below the picture's lower edge
GOLD = rgb(0.95, 0.82, 0.42)
SHIRT = rgb(0.93, 0.93, 0.95)
CLEAR, TINTED = rgb(0.86, 0.93, 1.0), rgb(0.05, 0.05, 0.08)
REFLECTION = rgb(1.0, 1.0, 1.0)


def neck(c: Canvas) -> None:
    """A cylinder that widens towards the shoulders, in the shadow of the chin."""
    c = c.window(top=0.40, bottom=BELOW, half_width=0.34)
    half_width = 0.17 + 0.05 * c.squareness + 0.05 * c.chubby
    neck = both(c.x.abs() - half_width - 0.6 * (c.y - 0.68).clamp(0) ** 2, 0.42 - c.y)
    chin_shadow = 0.38 * soft(c.head_radius - 1.10, 0.04)
    light = 0.76 + 0.20 * c.light_x * c.x / c.half_width - chin_shadow
    c.paint(c.skin_colour * plane(light), c.edge(neck))


def double_chin(c: Canvas) -> None:
    """A fold of skin below the chin."""
    c = c.window(top=0.40, bottom=0.80, half_width=0.36)
    size = ((c.chubby - 0.50) / 0.25).clamp(0, 1)
    fold = ellipse(c.x, c.y - c.half_height - c.jaw_drop + 0.10, 0.30, 0.185)
    light = 0.86 + 0.20 * c.light_x * c.x - 0.30 * soft(c.head_radius - 1.03, 0.02)
    c.paint(c.skin_colour * plane(light), c.edge(fold) * size)


def clothes(c: Canvas) -> None:
    """Shoulders that slope from the neck, with a round neckline."""
    c = c.window(top=0.60, bottom=BELOW, half_width=BELOW)
    beside = c.x.abs()
    shoulder = 0.685 + 0.30 * (beside - 0.20).clamp(0) + 0.12 * (beside - 0.50).clamp(0)
    neckline = 0.675 + 0.11 * (1 - (beside / 0.22) ** 2).clamp(0)
    seam = soft(c.y - shoulder - 0.02, 0.02)
    c.clothes_light = plane(0.85 + 0.22 * c.light_x * c.x / c.half_width - 0.15 * seam)
    c.paint(c.clothes_base * c.clothes_light, c.edge(torch.maximum(shoulder, neckline) - c.y))
    _necktie(c)
    _necklace(c)


def _necktie(c: Canvas) -> None:
    """A shirt in the opening of a jacket, and the tie: a knot, and the blade that widens below it."""
    with c.only(c.necktie) as c:
        beside = c.x.abs()
        collar = both(beside - 0.24 + 0.9 * (c.y - 0.68), 0.665 - c.y)
        c.paint(SHIRT * c.clothes_light, c.edge(collar))
        knot = both(beside - 0.055 + 0.25 * (c.y - 0.70), (c.y - 0.735).abs() - 0.035)
        blade = both(beside - 0.03 - 0.25 * (c.y - 0.77), 0.77 - c.y)
        c.paint((0.9 - c.clothes_base).clamp(0.08) * c.clothes_light, c.edge(either(knot, blade)))


def _necklace(c: Canvas) -> None:
    with c.only(c.necklace) as c:
        chain = both(stroke(0.775 - 2.4 * c.x**2 - c.y, 0.018), c.x.abs() - 0.22)
        pendant = radius(c.x, c.y - 0.785) - 0.032
        c.paint(GOLD, c.edge(either(chain, pendant)))


def earrings(c: Canvas) -> None:
    """A stud on the ear lobe and a drop below it, in front of long hair."""
    c = c.window(top=0.06, bottom=0.26, half_width=0.62)
    with c.only(c.earrings) as c:
        beside = c.x.abs() - 1.03 * c.half_width
        drop = ellipse(beside, c.y - 0.185, 0.034, 0.055)
        stud = radius(beside, c.y - 0.11) - 0.022
        light = (0.85 + 4 * (0.185 - c.y)).clamp(0.7, 1.1)  # it shines at the top
        c.paint(GOLD * plane(light), c.edge(either(stud, drop)))


def glasses(c: Canvas) -> None:
    """Lenses, frame, bridge and temples, on the faces that wear them; sunglasses have dark lenses."""
    c = c.window(top=-0.30, bottom=0.10, half_width=0.56)
    with c.only(c.glasses) as c:
        dark = (c.glasses == 2).float()
        across, down = c.u.abs() - c.eye_x - 0.005, c.v - EYE_LEVEL
        half_width = 0.145 + 0.03 * c.glasses_size
        half_height = half_width * (0.92 - 0.22 * c.glasses_square)
        lens = rounded_box(across, down - 0.01, half_width, half_height, power=2 + 3 * c.glasses_square)
        c.paint(torch.lerp(CLEAR, TINTED, plane(dark)), c.edge(lens) * (0.10 + 0.80 * dark))
        reflection = soft(stroke(0.8 * across + down + 0.05, 0.018), 0.008) * c.edge(lens + 0.02)
        c.paint(REFLECTION, reflection * (0.22 + 0.10 * dark))
        c.paint(c.frame_colour, c.edge(_frame(c, lens, half_width)))


def _frame(c: Canvas, lens: Tensor, half_width: Tensor) -> Tensor:
    """The rims of the lenses, the bridge between them, and the arms to the ears."""
    half_thickness = 0.018 + 0.004 * c.glasses_square
    beside, down = c.u.abs(), c.v - EYE_LEVEL
    bridge = both(stroke(down + 0.015 + 0.25 * c.u**2, 0.9 * half_thickness), beside - (c.eye_x - half_width + 0.015))
    between = torch.maximum(c.eye_x + 0.95 * half_width - beside, c.x.abs() - c.half_width)
    arms = both(stroke(down + 0.02, 0.9 * half_thickness), between)
    return either(stroke(lens, half_thickness), either(bridge, arms))


def hat(c: Canvas) -> None:
    """A beanie with ribs and a turned-up rim, or a hat with a dark band and a brim; low on the forehead."""
    c = c.window(top=-1.0, bottom=0.02, half_width=1.0)
    with c.only(c.hat) as c:
        c.brimmed = (c.hat == 2).float()
        half_width = c.half_width + 0.06 + 0.06 * c.hair_volume + 0.02 * c.brimmed
        height = c.half_height + 0.10 + 0.05 * c.brimmed
        c.from_crown = square_radius(c.x / half_width, c.y.clamp(max=0) / height, 2.3 + 1.4 * c.brimmed)
        c.below_hat = c.y + 0.33 - 0.10 * (c.x / c.half_width) ** 2
        c.side_light = c.light_x * c.x / half_width
        c.darken(0.35 * soft(c.below_hat - 0.03, 0.03) * c.face)  # its shadow on the face
        _crown(c)
        _rim_or_band(c)
        _brim(c)


def _crown(c: Canvas) -> None:
    crown = both((c.from_crown - 1) * 0.5, c.below_hat)
    ribs = 1 + 0.10 * (48 * c.x).sin() * (1 - c.brimmed)
    light = 0.85 + 0.30 * c.side_light - 0.25 * (c.from_crown - 0.6).clamp(0)
    c.paint(c.hat_base * plane(ribs * light), c.edge(crown))


def _rim_or_band(c: Canvas) -> None:
    around = both((c.from_crown - 1.02) * 0.5, stroke(c.below_hat + 0.06, 0.065))
    light = 1.02 - 0.66 * c.brimmed + 0.20 * c.side_light
    c.paint(c.hat_base * plane(light), c.edge(around))


def _brim(c: Canvas) -> None:
    brim = ellipse(c.x, c.y + 0.33 - 0.06 * (c.x / c.half_width) ** 2, 0.78, 0.075)
    c.paint(c.hat_base * plane(0.9 + 0.25 * c.light_x * c.x), c.edge(brim) * c.brimmed)
