"""Pictures as the chapters store them: charts as PNG with a palette, images as JPEG.

Matplotlib writes every figure as a PNG in full colour. A chart has few colours: a palette shows the same in a third of
the bytes. Where a palette would show steps, because there are images or smooth maps in the figure, it becomes a JPEG.
Single pixels that are shown as squares stay a PNG, with fewer levels of each colour.
"""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from nbformat import NotebookNode
from PIL import Image

PNG, JPEG = "image/png", "image/jpeg"
PALETTES = (24, 32, 48, 64, 128, 256)  # numbers of colours that are tried
PALETTE_ERROR = 0.22  # levels of 255 by which a palette may change the picture, on average
AREA_ERROR = 16  # levels by which it may change any area of one colour, so that no mark and no word gets another one
LETTER = 30  # pixels of one colour that even a single letter has
MOST_COLOURS = 20_000  # of a figure that may be a chart
# A JPEG has less than two pixels for one of the screen: images are enlarged, and have no detail that this loses.
IMAGES = (0.65, {"quality": 50, "subsampling": "4:2:0"})
CHART = (0.75, {"quality": 70, "subsampling": "4:4:4"})  # coloured lines and text have detail
WORTH = 0.3  # the part of the PNG that a JPEG may weigh; single pixels shown as squares are light and sharp as a PNG
LEVELS = 64  # of each colour in such a PNG, 4 of 255 apart
CHART_WHITE = 0.4  # the share of white pixels from which a figure is a chart with images in it


def store_lighter(output: NotebookNode) -> None:
    """Replace the PNG of a cell's output, if it has one, by a lighter picture that looks the same."""
    data, metadata = output.get("data", {}), output.get("metadata", {})
    if PNG not in data:
        return
    picture = base64.b64decode(data[PNG])
    mime, lighter = compressed(picture)
    if len(lighter) >= len(picture):
        return
    del data[PNG]
    data[mime] = base64.b64encode(lighter).decode()
    if PNG in metadata:  # the size on the screen
        metadata[mime] = metadata.pop(PNG)


def compressed(png: bytes) -> tuple[str, bytes]:
    """The MIME type and the bytes of a picture that looks the same. A picture that has a palette stays."""
    original = Image.open(BytesIO(png))
    if original.mode == "P":
        return PNG, png
    picture = _on_white(original)
    paletted = _paletted(picture)
    if paletted:
        return PNG, _encoded(paletted, "PNG")
    white = (np.asarray(picture) == 255).all(-1).mean()
    scale, options = CHART if white > CHART_WHITE else IMAGES
    smaller = picture.resize([round(scale * side) for side in picture.size], Image.Resampling.LANCZOS)
    jpeg = _encoded(smaller, "JPEG", progressive=True, **options)
    if len(jpeg) < WORTH * len(_encoded(picture, "PNG")):
        return JPEG, jpeg
    return PNG, _encoded(_with_fewer_levels(picture), "PNG")


def _paletted(picture: Image.Image) -> Image.Image | None:
    """The picture with the smallest palette that shows the same, if there is one."""
    if not picture.getcolors(MOST_COLOURS):
        return None
    areas = _in_areas(picture)
    for colours in PALETTES:
        paletted = picture.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
        error = _error(picture, paletted.convert("RGB"))
        changed = (error.max(-1)[1:, 1:] > AREA_ERROR) & areas
        if error.mean() <= PALETTE_ERROR and changed.sum() < LETTER:
            return paletted
    return None


def _in_areas(picture: Image.Image) -> np.ndarray:
    """Whether each pixel has the colour of those to the left and above it: (height - 1, width - 1)."""
    a = np.asarray(picture)
    neighbours = (a[:-1, 1:], a[1:, :-1], a[:-1, :-1])
    return np.logical_and.reduce([(a[1:, 1:] == neighbour).all(-1) for neighbour in neighbours])


def _with_fewer_levels(picture: Image.Image) -> Image.Image:
    step = 255 / (LEVELS - 1)
    return picture.point([round(round(level / step) * step) for level in range(256)] * 3)


def _on_white(picture: Image.Image) -> Image.Image:
    sheet = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(sheet, picture.convert("RGBA")).convert("RGB")


def _error(a: Image.Image, b: Image.Image) -> np.ndarray:
    """The absolute difference of each pixel and colour, (height, width, 3)."""
    return np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16))


def _encoded(picture: Image.Image, form: str, **options) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, optimize=True, **options)
    return buffer.getvalue()
