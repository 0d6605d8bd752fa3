"""Pictures made of images: grids and animations, with Pillow."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .errors import UserError
from .files import atomic_write

FORMATS = {  # formats for colour pictures, by the suffix of the file
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".pdf": "PDF",
}


def grid(images: Tensor, columns: int, padding: int = 2, scale: int = 1) -> Image.Image:
    """Images (N, 3, H, W) in [0, 1] in rows of `columns` on white, with each pixel `scale` pixels wide."""
    # Not torchvision's make_grid, because importing torchvision takes longer than all the work here.
    images = (images.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    n, _, height, width = images.shape
    columns, rows = min(columns, n), -(-n // columns)
    sheet = torch.full(
        (3, rows * (height + padding) + padding, columns * (width + padding) + padding), 255, dtype=torch.uint8
    )
    for i, image in enumerate(images):
        top, left = padding + i // columns * (height + padding), padding + i % columns * (width + padding)
        sheet[:, top : top + height, left : left + width] = image
    picture = Image.fromarray(sheet.permute(1, 2, 0).numpy())
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def enlarged(images: Tensor, factor: int, smooth: bool = True) -> Tensor:
    """Images (N, 3, H, W) in [0, 1], `factor` times as wide and high, as (N, 3, factor H, factor W) in [0, 1].

    `smooth` interpolates with Lanczos's filter, which shows no edges of pixels; otherwise each pixel is a square.
    """
    if factor == 1:
        return images
    filter_ = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    pictures = [grid(image[None], columns=1, padding=0) for image in images]
    large = [picture.resize((picture.width * factor, picture.height * factor), filter_) for picture in pictures]
    return torch.stack([torch.from_numpy(np.array(picture)).permute(2, 0, 1) for picture in large]) / 255


def side_by_side(pictures: Sequence[Image.Image], gap: int = 12) -> Image.Image:
    """Several pictures in one row on white, aligned at the top."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + gap
    return row


def titled(picture: Image.Image, titles: Sequence[str], size: int = 16) -> Image.Image:
    """The picture under a line of titles, each centred in an equal share of the width."""
    height = round(1.75 * size)
    sheet = Image.new("RGB", (picture.width, picture.height + height), "white")
    sheet.paste(picture, (0, height))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size)
    for i, title in enumerate(titles):
        centre = (i + 0.5) * picture.width / len(titles)
        draw.text((centre, height / 2), title, "black", font, anchor="mm")
    return sheet


def save(picture: Image.Image, path: str | Path) -> None:
    """Write a picture in the format of the suffix of `path`.

    Raises `UserError` if the suffix names no format, or if the picture is too large for the format.
    """
    require_picture_name(path)
    _write(path, picture, FORMATS[Path(path).suffix.lower()])


def require_picture_name(path: str | Path) -> None:
    """Raise `UserError` unless a picture can be written as `path`. Call it before long work, not after."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UserError(f"{path} does not end in the name of a picture format: call it something.png.")
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder: give the picture another name.")


def save_gif(frames: Sequence[Image.Image], path: str | Path, frames_per_second: float = 8) -> None:
    """Write a looping animation whose last frame is shown for a second.

    Raises `UserError` if the frames are too large for a GIF.
    """
    durations = [round(1000 / frames_per_second)] * (len(frames) - 1) + [1000]
    _write(path, frames[0], "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)


def _write(path: str | Path, picture: Image.Image, picture_format: str, **options) -> None:
    # Encoded in memory, because a file that Pillow writes to a full disk can be cut short without an error.
    encoded = BytesIO()
    try:
        picture.save(encoded, picture_format, **options)
    except (OSError, ValueError, OverflowError, struct.error) as error:  # each format raises its own
        raise UserError(
            f"{path} cannot hold {picture.width} x {picture.height} pixels as {picture_format}: write a .png, or show "
            "fewer images."
        ) from error
    with atomic_write(path) as partial:
        partial.write_bytes(encoded.getvalue())
