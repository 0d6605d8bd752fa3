"""Pixels of every kind as 8 bits of red, green and blue: grey, palettes, transparency, 16 bits, floating point.

A format says which number is white, and pixels are scaled by that. Where the format does not say it, or its pixels use
a small part of the range, they would come out black: such images are refused, and the range that was found is named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..support.errors import UserError
from .damage import Cause, Refused

WHITE = 255
DARK = WHITE // 2  # if no pixel of images of more than 8 bits is brighter, the first of their bits are unused
DIM = Cause("dark, using few of their 16 bits", "scale their pixels to the whole range, or save them with 8 bits")
STRIP = 512  # rows of pixels that are laid over white at once
BITS_PER_SAMPLE = 258  # the number of a TIFF's tag


def is_deep(file: Image.Image) -> bool:
    """Whether an image that has been opened, but not loaded, stores more than 8 bits per sample."""
    return file.mode.startswith("I") or ";16" in str(getattr(file, "tile", ""))


def as_rgb(image: Image.Image) -> Image.Image:
    """A loaded image in mode RGB, with transparent pixels over white. Raises `Refused` for an unknown range."""
    if image.mode == "F":
        image = _scaled(np.asarray(image), 1, "floating-point numbers")
    elif image.mode.startswith("I"):
        image = _scaled(np.asarray(image), 2 ** _bits(image) - 1, "whole numbers")
    return _over_white(image) if image.has_transparency_data else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """A transparent image laid over white, strip by strip: all at once, a large one would take two gigabytes."""
    whole = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP):
        strip = image.crop((0, top, image.width, min(top + STRIP, image.height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        whole.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, top))
    return whole


def _bits(image: Image.Image) -> int:
    """The bits of a sample: 16, or what a TIFF says, as in 12 bits of a microscope."""
    bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))
    bits = bits[0] if isinstance(bits, tuple) else bits
    return bits if 8 < bits <= 16 else 16  # 32 bits are used for 16, or refused by their range


def _scaled(pixels: np.ndarray, white: int, kind: str) -> Image.Image:
    lowest, highest = pixels.min(), pixels.max()
    if not (lowest >= 0 and highest <= white):  # also if one is not a number
        raise Refused(
            Cause(
                f"{kind} from {lowest:g} to {highest:g} where 0 to {white:,} are read",
                f"scale them to 0 to {white:,}, or save them with 8 bits",
            )
        )
    scaled = np.multiply(pixels, WHITE / white, dtype=np.float32)  # half the memory of numpy's own choice
    scaled += np.float32(0.5)
    return Image.fromarray(scaled.astype(np.uint8))


def require_bright(brightest: Sequence[int], place: str) -> None:
    """Raise `UserError` if all images of more than 8 bits are dark; `brightest` has a value from 0 to 255 for each.

    Cameras of 10, 12 or 14 bits often store their numbers unscaled in files of 16 bits.
    """
    if brightest and max(brightest) <= DARK:
        raise UserError(
            f"The images of 16 bits in {place} use only the range from 0 to about {(max(brightest) + 1) * 257:,} of "
            f"65,535, so they would be dark or black: {DIM.remedy}."
        )
