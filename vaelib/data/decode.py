"""Image files to uint8 pixels: decoded, cropped to a centred square, resized; in parallel, without the broken files."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np
from PIL import Image

from . import damage, pixels
from .cache import Batch
from .parallel import ordered
from .repairs import repaired, upright
from .sources import Source

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # Pillow reads these without another program
JOB = 128  # images that a thread decodes per job
LARGEST = 100_000_000  # pixels; a larger image may be a file made to fill the memory
LARGE = 25_000_000  # pixels; of larger images only one is decoded at a time, because each takes up to a gigabyte
ONE_LARGE = threading.RLock()  # held while a large image is in memory


class DecodedImages:
    """The images `names` of `source`, decoded in parallel and in order, for `cache.Contents.batches`.

    Broken images are left out; `broken` has the causes of those found so far, by name. Iterating raises `UserError` at
    its end if images of more than 8 bits would come out dark.
    """

    def __init__(self, source: Source, names: Sequence[str], size: int, crop: int | None = None):
        self.source, self.names, self.size, self.crop = source, names, size, crop
        self.broken: dict[str, damage.Cause] = {}

    def __iter__(self) -> Iterator[Batch]:
        self.broken.clear()
        self._deep: list[int] = []  # the brightest pixel of each image of more than 8 bits
        jobs = [range(start, min(start + JOB, len(self.names))) for start in range(0, len(self.names), JOB)]
        for rows, results in zip(jobs, ordered(self._decode, jobs), strict=True):
            good = [(row, result) for row, result in zip(rows, results, strict=True) if isinstance(result, np.ndarray)]
            causes = zip(rows, results, strict=True)
            self.broken |= {self.names[row]: cause for row, cause in causes if isinstance(cause, damage.Cause)}
            if good:
                yield np.stack([image for _, image in good]), np.array([row for row, _ in good])
        pixels.require_bright(self._deep, str(self.source.path))

    def _decode(self, rows: range) -> list[np.ndarray | damage.Cause]:
        return [self._try_decode(self.names[row]) for row in rows]

    def _try_decode(self, name: str) -> np.ndarray | damage.Cause:
        data = None
        try:
            data = self.source.read(name)
            with ExitStack() as held:
                image, deep = _opened(data, self.size, self.crop, held)
                if deep:
                    self._deep.append(brightest(image))
                return _resized(image, self.size, self.crop)
        except Exception as error:  # damaged bytes make zipfile and Pillow raise errors of a dozen kinds
            return damage.cause_of(error, data)


def decode(data: bytes, size: int, crop: int | None = None) -> np.ndarray:
    """The image in a file's bytes as uint8 (3, size, size).

    The centred square with a side of `crop` pixels (if None, the largest square) is resized with antialiasing. The
    camera's rotation is applied, and transparent pixels are laid over white. Raises errors of many kinds if the bytes
    are not a complete image, or if one of more than 8 bits would come out dark.
    """
    image, deep = _opened(data, size, crop)
    if deep and brightest(image) <= pixels.DARK:
        raise damage.Refused(pixels.DIM)
    return _resized(image, size, crop)


def dimensions(data: bytes) -> tuple[int, int]:
    """The width and height in pixels of the image in a file's bytes, after the camera's rotation."""
    return _opened(data, size=0, crop=0)[0].size


def brightest(image: Image.Image) -> int:
    """The largest of the red, green and blue values, from 0 to 255."""
    return int(np.asarray(image).max())


def _opened(data: bytes, size: int, crop: int | None, held: ExitStack | None = None) -> tuple[Image.Image, bool]:
    """The upright image in RGB, and whether it is stored with more than 8 bits.

    A large JPEG may come reduced, to four times `size` at least, if `crop` is None. `held` is given `ONE_LARGE` to hold
    if the image is large.
    """
    load = partial(_load, size=size, crop=crop, held=held)
    try:
        return load(data)
    except damage.Refused:
        raise
    except Exception:
        whole = repaired(data, lambda other: load(other)[0])
        if whole is None:
            raise
        return load(whole)


def _load(data: bytes, size: int, crop: int | None, held: ExitStack | None) -> tuple[Image.Image, bool]:
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        if file.width * file.height > LARGEST:
            raise damage.Refused(damage.LARGE)
        if crop is None:
            file.draft("RGB", (4 * size, 4 * size))  # faster: a large JPEG can be decoded at 1/2, 1/4 or 1/8
        if held and file.width * file.height > LARGE:  # after `draft`, which may have made it small
            held.enter_context(ONE_LARGE)
        deep = pixels.is_deep(file)
        file.load()
        return pixels.as_rgb(upright(file)), deep


def _resized(image: Image.Image, size: int, crop: int | None) -> np.ndarray:
    side = min(image.size) if crop is None else min(crop, *image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box)).transpose(2, 0, 1)
