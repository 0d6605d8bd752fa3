"""Eyes, eyebrows, mouth and facial hair."""

import torch
from torch import Tensor

from .canvas import Canvas, plane, rgb, soft
from .head import BROW_LEVEL, EYE_LEVEL
from .shapes import both, ellipse, radius, rounded_box, stroke, without

WHITE_OF_EYE = rgb(0.92, 0.92, 0.92)
PUPIL = rgb(0.03, 0.03, 0.03)
GLINT = rgb(1.0, 1.0, 1.0)
TEETH = rgb(0.96, 0.95, 0.92)
INSIDE_OF_MOUTH = rgb(0.20, 0.05, 0.06)
BEARD_TINT = rgb(0.55, 0.48, 0.44)  # a beard is darker and redder than the hair

IRIS_RADIUS, PUPIL_RADIUS, GLINT_RADIUS = 0.052, 0.024, 0.013


def eyes(c: Canvas) -> None:
    """Both eyes at once: `across` and `down` are the place in an eye, towards the ear and towards the mouth."""
    c = c.window(top=-0.22, bottom=0.07, half_width=0.40)
    c.across, c.down = c.u.abs() - c.eye_x, c.v - EYE_LEVEL
    c.slanted = c.down + 0.10 * c.across  # the outer corners are a little higher
    taper = (1 - (c.across / c.eye_half_width) ** 2).clamp(0)  # 1 in the middle, 0 in the corners
    c.upper_lid = (0.010 + 0.070 * c.eye_open) * taper**0.75
    c.lower_lid = (0.012 + 0.032 * c.eye_open * (1 - 0.55 * c.grin)) * taper**0.85
    _bags(c)
    _lids(c, taper)
    _eyeball(c)
    _lashes(c)


def _bags(c: Canvas) -> None:
    bag = ellipse(c.across, c.down - 0.085, 0.12, 0.030)
    c.darken(0.28 * soft(bag, 0.007) * c.bags)


def _lids(c: Canvas, taper: Tensor) -> None:
    lid = both(-c.upper_lid - c.slanted - 0.040 * taper.sqrt(), c.slanted - c.lower_lid)
    lid = both(lid, c.across.abs() - 1.15 * c.eye_half_width)
    c.paint(c.skin_colour * 0.72, 0.55 * soft(lid, 0.012))
    c.paint(c.shadow_colour, 0.65 * soft(lid - 0.002, 0.012) * c.makeup)


def _eyeball(c: Canvas) -> None:
    opening = both(both(-c.upper_lid - c.slanted, c.slanted - c.lower_lid), c.across.abs() - c.eye_half_width)
    visible = c.edge(opening)
    c.paint(WHITE_OF_EYE, visible)
    side = c.u.sign()
    gaze_x, gaze_y = 0.042 * c.gaze_x, 0.016 * c.gaze_y
    from_pupil = radius(c.across - gaze_x * side, c.down + 0.012 - gaze_y)
    brightness = 0.6 + 1.5 * (from_pupil / IRIS_RADIUS).clamp(0, 1)
    c.paint(c.iris_colour * plane(brightness), c.edge(from_pupil - IRIS_RADIUS) * visible)
    c.paint(PUPIL, c.edge(from_pupil - PUPIL_RADIUS) * visible)
    from_glint = radius(c.across * side - gaze_x - 0.016 * (c.light_x + 0.3), c.down + 0.030 - gaze_y)
    c.paint(GLINT, 0.9 * c.edge(from_glint - GLINT_RADIUS) * visible)


def _lashes(c: Canvas) -> None:
    half_thickness = 0.006 + 0.003 * (1 - c.male) + 0.006 * c.makeup
    lash = both(stroke(c.slanted + c.upper_lid, half_thickness), c.across.abs() - 1.06 * c.eye_half_width)
    c.paint(c.hair_base * 0.18 + 0.02, 0.85 * soft(lash, 0.008))


def eyebrows(c: Canvas) -> None:
    """Two strokes that arch, tilt and thin out towards the temples."""
    c = c.window(top=-0.38, bottom=-0.12, half_width=0.38)
    across = c.u.abs() - c.eye_x
    arch = 0.050 * (c.brow_arch - 0.15) * (1 - ((across - 0.03) / 0.10) ** 2).clamp(-0.8)
    line = c.v - BROW_LEVEL + 0.03 * (c.brow_height - 0.5) + arch + 0.12 * c.brow_tilt * across
    half_thickness = 0.010 + 0.020 * c.brow_thickness + 0.004 * c.male
    thinning = 1 - 0.45 * ((across + 0.09) / 0.24).clamp(0, 1)  # towards the temples
    brow = both(stroke(line, half_thickness * thinning), across.abs() - 0.118)
    c.paint(c.hair_base * 0.60 + 0.02, (0.78 + 0.17 * c.brow_thickness) * soft(brow, 0.008))


def _below_mouth_line(c: Canvas, across: Tensor) -> Tensor:
    """How far below the line between the lips, which a smile bends; `across` is 1 in the corner of the mouth."""
    bend = 0.140 * c.smile * (across**2).clamp(max=1.3) - 0.035 * c.grin
    return c.v - c.mouth_y + bend


def mouth(c: Canvas) -> None:
    """Two lips around a gap; the corners rise with the smile, the lower lip drops as the mouth opens."""
    c = c.window(top=0.20, bottom=0.62, half_width=0.32)
    across = c.u / c.mouth_half_width
    c.taper = (1 - across**2).clamp(0)  # 1 in the middle, 0 in the corners
    c.below = _below_mouth_line(c, across)
    c.gap = 0.125 * c.mouth_open * c.taper.sqrt()  # how far the lower lip has dropped
    c.corners = c.u.abs() - c.mouth_half_width
    lower_edge = _lips(c)
    _inside(c)
    _closed_line(c)
    shadow = radius(c.u / 0.07, (c.below - lower_edge - 0.03) / 0.02) - 1
    c.darken(0.14 * soft(shadow, 0.25) * c.face)


def _lips(c: Canvas) -> Tensor:
    """Paints the lips and returns how far the lower one reaches below the line between them."""
    fullness = 0.022 + 0.028 * c.lips
    cupids_bow = 1 - 0.20 * torch.exp(-((c.u / 0.022) ** 2))
    upper_edge = 0.25 * c.gap + fullness * c.taper**0.7 * cupids_bow
    lower_edge = c.gap + 1.25 * fullness * c.taper**0.6
    lips = both(both(-upper_edge - c.below, c.below - lower_edge), c.corners)
    gloss = 0.25 * torch.exp(-(((c.below - 0.6 * lower_edge) / 0.02) ** 2))
    upper_shadow = 0.12 * soft(c.below, 0.004)
    c.paint(c.lip_colour * plane(0.80 + gloss - upper_shadow), c.edge(lips))
    return lower_edge


def _inside(c: Canvas) -> None:
    """The dark inside of the open mouth, and the upper teeth, of which a smile shows more."""
    top = both(-0.25 * c.gap - c.below, c.corners + 0.07 * c.mouth_half_width)
    c.paint(INSIDE_OF_MOUTH, c.edge(both(top, c.below - c.gap)) * (9 * c.mouth_open).clamp(max=1))
    teeth = both(top + 0.11 * c.mouth_half_width, c.below - c.gap * (0.35 + 0.35 * c.grin))
    c.paint(TEETH, 0.95 * c.edge(teeth) * (6 * c.mouth_open).clamp(max=1))


def _closed_line(c: Canvas) -> None:
    line = both(stroke(c.below, 0.007), c.corners - 0.02 * c.mouth_half_width)
    c.paint(c.lip_colour * 0.42, 0.85 * soft(line, 0.007) * (1 - 6 * c.mouth_open).clamp(min=0))


def facial_hair(c: Canvas) -> None:
    """Stubble, goatee or full beard, and the mustache, on the faces that have one."""
    c = c.window(top=-0.20, bottom=0.72, half_width=0.56)
    with c.only((c.beard + c.mustache) > 0) as c:
        c.across = c.u / c.mouth_half_width
        c.below = _below_mouth_line(c, c.across)
        c.beard_colour = (c.hair_base * BEARD_TINT + 0.02) * plane(_beard_light(c))
        mouth_and_rim = ellipse(c.u, c.below - 0.01, 1.10 * c.mouth_half_width, 0.085)
        c.around_mouth = 1 - soft(mouth_and_rim, 0.014)
        _full_beard_or_stubble(c)
        _goatee(c)
        _mustache(c)


def _beard_light(c: Canvas) -> Tensor:
    strands = (45 * c.u + 8 * c.v).sin()
    return 1 + 0.30 * c.light_x * c.u / c.half_width + 0.08 * strands


def _full_beard_or_stubble(c: Canvas) -> None:
    """All of the jaw, up to the sideburns, and the upper lip."""
    sideburns = 0.9 * (0.16 - c.v).clamp(0)  # narrower the higher they are
    along_jaw = 0.61 + sideburns - c.head_radius - 0.15 * (c.v - 0.1)
    cheek_line = -0.12 + 0.45 * (0.42 - c.u.abs()).clamp(0) - c.v
    area = soft(along_jaw, 0.025) * soft(cheek_line, 0.025) * c.face * c.around_mouth
    stubble, full = (c.beard == 1).float(), (c.beard == 3).float()
    opacity = stubble * (0.26 + 0.16 * c.beard_density) + full * (0.80 + 0.16 * c.beard_density)
    c.paint(c.beard_colour * plane(1 - 0.6 * stubble), area * opacity)


def _goatee(c: Canvas) -> None:
    """A shield on the chin, which hangs a little over its edge."""
    below_lip = c.v - 0.55 - c.jaw_drop
    half_width = 0.125 + 0.02 * c.beard_density
    shield = rounded_box(c.u, below_lip, half_width, 0.105, power=3.0)
    shield = both(shield, 0.5 * (c.head_radius - 1.06))
    c.paint(c.beard_colour, 0.95 * soft(shield, 0.010) * (c.beard == 2) * c.around_mouth)


def _mustache(c: Canvas) -> None:
    from_lip = c.below + 0.078 - 0.030 * c.across**2
    half_thickness = 0.034 * (1 - 0.55 * c.across.abs().clamp(max=1))
    mustache = both(stroke(from_lip, half_thickness), c.across.abs() * c.mouth_half_width - 1.08 * c.mouth_half_width)
    parting = stroke(c.u, 0.006)
    c.paint(c.beard_colour, 0.95 * soft(without(mustache, parting), 0.009) * c.mustache)
