"""Image files to uint8 pixels: decoded, cropped to a centred square, resized; in parallel, without the broken files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps

from ..support.errors import UserError
from .cache import Batch
from .parallel import ordered
from .sources import Source

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # Pillow reads these without another program
JOB = 128  # images that a thread decodes per job
LARGEST = 100_000_000  # pixels; a larger image may be a file made to fill the memory
TOLERATED = 0.01  # the share of images that may be broken


class DecodedImages:
    """The images `names` of `source`, decoded in parallel and in order, for `cache.Contents.batches`.

    Broken images are left out; `skipped` holds the names of those found so far. Iterating raises `UserError` once more
    than 1 % of the images are broken.
    """

    def __init__(self, source: Source, names: Sequence[str], size: int, crop: int | None = None):
        self.source, self.names, self.size, self.crop = source, names, size, crop
        self.skipped: list[str] = []

    def __iter__(self) -> Iterator[Batch]:
        self.skipped.clear()
        jobs = [range(start, min(start + JOB, len(self.names))) for start in range(0, len(self.names), JOB)]
        for rows, results in zip(jobs, ordered(self._decode, jobs), strict=True):
            good = [(row, image) for row, image in zip(rows, results, strict=True) if image is not None]
            self._skip(rows, results)
            if good:
                yield np.stack([image for _, image in good]), np.array([row for row, _ in good])

    def _decode(self, rows: range) -> list[np.ndarray | None]:
        return [_try_decode(self.source, self.names[row], self.size, self.crop) for row in rows]

    def _skip(self, rows: range, results: list[np.ndarray | None]) -> None:
        self.skipped += [self.names[row] for row, image in zip(rows, results, strict=True) if image is None]
        if len(self.skipped) > TOLERATED * len(self.names):
            raise _too_many(len(self.names), self.skipped[0], self.source)


def _try_decode(source: Source, name: str, size: int, crop: int | None) -> np.ndarray | None:
    try:
        return decode(source.read(name), size, crop)
    except Exception:  # damaged bytes make zipfile and Pillow raise errors of a dozen kinds
        return None


def _too_many(total: int, first: str, source: Source) -> UserError:
    return UserError(
        f"More than 1 % of the {total:,} images in {source.path} cannot be read ({first} is the first): get the data "
        "again, or remove the broken files."
    )


def decode(data: bytes, size: int, crop: int | None = None) -> np.ndarray:
    """The image in a file's bytes as uint8 (3, size, size).

    The centred square with a side of `crop` pixels (if None, the largest square) is resized with antialiasing. The
    camera's rotation is applied, and transparent pixels are laid over white. Raises errors of many kinds if the bytes
    are not a complete image.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        if file.width * file.height > LARGEST:
            raise ValueError(f"{file.width} x {file.height} pixels are too many")
        if crop is None:
            file.draft("RGB", (4 * size, 4 * size))  # faster: a large JPEG can be decoded at 1/2, 1/4 or 1/8
        image = _as_rgb(ImageOps.exif_transpose(file))
        side = min(image.size) if crop is None else min(crop, *image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image).transpose(2, 0, 1)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which `convert` would clip
        image = Image.fromarray((np.asarray(image, dtype=np.int64) // 256).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")
