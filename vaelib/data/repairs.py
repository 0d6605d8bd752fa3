"""Files whose pixels are whole though Pillow refuses them: for their metadata, or for a JPEG's missing end.

Text, colour profiles and EXIF data of any size or brokenness say nothing about the pixels, so they are cut out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from .damage import Refused

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
WEBP_METADATA = {b"ICCP", b"EXIF", b"XMP "}
JPEG_PIXELS = {0xE0, 0xEE}  # of the application's segments: JFIF, and Adobe's, which says how colours are stored
JPEG_END, FILLER = b"\xff\xd9", b"\x55" * 64
ORIENTATION = 0x0112  # the number of EXIF's tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """A loaded image turned as its camera was held; unchanged if its EXIF data are broken."""
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF data raise errors of a dozen kinds
        return image
    return image if turn is None else image.transpose(turn)


def repaired(data: bytes, decode: Callable[[bytes], Image.Image]) -> bytes | None:
    """Bytes that `decode` takes in place of those that it has refused, if the pixels are whole; else None."""
    stripped = without_metadata(data)
    for attempt in (_as_it_is, _with_end):
        try:
            return attempt(stripped, decode)
        except Refused:
            raise
        except Exception:  # Pillow raises errors of a dozen kinds
            continue
    return None


def _as_it_is(data: bytes, decode: Callable[[bytes], Image.Image]) -> bytes:
    decode(data)
    return data


def without_metadata(data: bytes) -> bytes:
    """The bytes of a PNG, JPEG or WebP without all that is not needed for its pixels; other bytes as they are."""
    if data.startswith(PNG):
        return PNG + b"".join(chunk for kind, chunk in _png_chunks(data) if kind in PNG_PIXELS)
    if data.startswith(JPEG):
        return JPEG + b"".join(_jpeg_pixels(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        chunks = b"WEBP" + b"".join(_webp_pixels(data))
        return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    return data


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind of each chunk of a PNG, and its bytes: length, kind, content, checksum."""
    place = len(PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place : place + 12 + length]
        place += 12 + length


def _jpeg_pixels(data: bytes) -> Iterator[bytes]:
    """The segments of a JPEG up to its first scan without metadata, and then the rest as it is."""
    place = len(JPEG)
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, (length,) = data[place + 1], struct.unpack_from(">H", data, place + 2)
        if marker == 0xDA:  # a scan: the pixels
            break
        is_metadata = (0xE0 <= marker <= 0xEF and marker not in JPEG_PIXELS) or marker == 0xFE
        if not is_metadata:
            yield data[place : place + 2 + length]
        place += 2 + length
    yield data[place:]


def _webp_pixels(data: bytes) -> Iterator[bytes]:
    place = 12
    while place + 8 <= len(data):
        kind, (length,) = data[place : place + 4], struct.unpack_from("<I", data, place + 4)
        end = place + 8 + length + length % 2
        if kind not in WEBP_METADATA:
            yield data[place:end]
        place = end


def _with_end(data: bytes, decode: Callable[[bytes], Image.Image]) -> bytes:
    """A JPEG, given an end, that lacks only the two bytes of its end.

    If pixels were missing, they would be made of whatever follows, so two endings would give two images.
    """
    if not data.startswith(JPEG):
        raise ValueError("not a JPEG")
    first, second = (decode(data + end) for end in (JPEG_END, FILLER + JPEG_END))
    if not np.array_equal(np.asarray(first), np.asarray(second)):
        raise ValueError("pixels are missing")
    return data + JPEG_END
