"""The colours of each face: palettes, and what the factors make of them."""

import torch
from torch import Tensor

SKIN = torch.tensor(  # from pale to dark, evenly spaced over the factor `skin`
    [
        [0.99, 0.89, 0.81],
        [0.97, 0.82, 0.71],
        [0.91, 0.72, 0.58],
        [0.78, 0.57, 0.42],
        [0.60, 0.40, 0.29],
        [0.38, 0.25, 0.19],
    ]
)
HAIR = torch.tensor(
    [[0.09, 0.08, 0.09], [0.34, 0.20, 0.12], [0.88, 0.73, 0.44], [0.60, 0.585, 0.565], [0.60, 0.24, 0.11]]
)
IRIS = torch.tensor([[0.26, 0.15, 0.08], [0.25, 0.45, 0.70], [0.30, 0.48, 0.30], [0.35, 0.36, 0.40]])
FRAME = torch.tensor([[0.06, 0.06, 0.07], [0.40, 0.20, 0.08], [0.50, 0.08, 0.12]])
CLOTHES = torch.tensor(
    [
        [0.20, 0.28, 0.45],
        [0.55, 0.15, 0.18],
        [0.22, 0.42, 0.32],
        [0.85, 0.85, 0.88],
        [0.15, 0.15, 0.18],
        [0.80, 0.62, 0.25],
        [0.45, 0.33, 0.60],
    ]
)
NATURAL_LIPS = torch.tensor([0.86, 0.60, 0.58])  # times the skin's colour
LIPSTICK = torch.tensor([0.74, 0.10, 0.18])
BLUSH = torch.tensor([0.86, 0.42, 0.42])


def colours(f: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every colour of n faces as (n, 3, 1, 1), from their factors, (n,) each."""
    skin = _warmed(_ramp(f["skin"], SKIN), 0.025 * f["skin_warmth"])
    hair = _warmed(_kind(f["hair_colour"], HAIR) * (1 + 0.17 * f["hair_brightness"][:, None]), 0.06 * f["hair_warmth"])
    found = {
        "skin_colour": skin,
        "hair_base": hair,
        "lip_colour": torch.lerp(skin * NATURAL_LIPS, LIPSTICK.expand_as(skin), 0.85 * f["lipstick"][:, None]),
        "blush_colour": torch.lerp(skin, BLUSH.expand_as(skin), 0.7),
        "iris_colour": _kind(f["eye_colour"], IRIS),
        "shadow_colour": hsv(f["makeup_hue"], torch.tensor(0.45), torch.tensor(0.48)),
        "frame_colour": _kind(f["glasses_colour"], FRAME),
        "clothes_base": _kind(f["clothes_colour"], CLOTHES) * (0.75 + 0.5 * f["clothes_brightness"][:, None]),
        "hat_base": hsv(f["hat_hue"], torch.tensor(0.55), 0.30 + 0.5 * f["hat_brightness"]),
        **_background(f),
    }
    return {name: colour[:, :, None, None] for name, colour in found.items()}


def _background(f: dict[str, Tensor]) -> dict[str, Tensor]:
    hue, saturation, brightness = (f[f"background_{part}"] for part in ("hue", "saturation", "brightness"))
    return {
        "background_first": hsv(hue, 0.40 * saturation, 0.35 + 0.55 * brightness),
        "background_second": hsv(hue + 0.25 * f["background_spread"], 0.45 * saturation, 0.25 + 0.50 * brightness),
    }


def hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Red, green, blue (n, 3) of hues in turns, saturations and values between 0 and 1."""
    offsets = torch.tensor([5.0, 3.0, 1.0])
    k = (offsets + hue[:, None] * 6) % 6
    return value.view(-1, 1) * (1 - saturation.view(-1, 1) * torch.minimum(k, 4 - k).clamp(0, 1))


def _kind(number: Tensor, palette: Tensor) -> Tensor:
    return palette[number.long()]


def _ramp(t: Tensor, palette: Tensor) -> Tensor:
    """Between the palette's colours, from the first at t = 0 to the last at t = 1."""
    position = t.clamp(0, 1) * (len(palette) - 1)
    index = position.long().clamp(max=len(palette) - 2)
    return torch.lerp(palette[index], palette[index + 1], (position - index)[:, None])


def _warmed(colour: Tensor, amount: Tensor) -> Tensor:
    """More red and less blue."""
    return colour * torch.stack([1 + amount, torch.ones_like(amount), 1 - 1.5 * amount], dim=1)
