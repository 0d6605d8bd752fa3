"""Pictures as the chapters store them: charts as PNG with a palette, images as JPEG.

Matplotlib writes every figure as a PNG in full colour. A chart has few colours: a palette shows the same in a third of
the bytes. Where a palette would show steps, because there are images or smooth maps in the figure, it becomes a JPEG.
"""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from nbformat import NotebookNode
from PIL import Image

PNG, JPEG = "image/png", "image/jpeg"
PALETTES = (64, 256)  # numbers of colours that are tried
PALETTE_ERROR = 0.15  # levels of 255 by which a palette may change the picture, on average
MOST_COLOURS = 20_000  # of a figure that may be a chart
SHRINK = 0.75  # a JPEG has three pixels for two of the screen: images are enlarged, and have no detail that this loses
IMAGES = {"quality": 50, "subsampling": "4:2:0"}
CHART = {"quality": 75, "subsampling": "4:4:4"}  # coloured lines have detail
WORTH = 0.6  # the part of the PNG that a JPEG may weigh; single pixels shown as squares are light and sharp as a PNG
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
    """The MIME type and the bytes of a picture that looks the same."""
    picture = _on_white(Image.open(BytesIO(png)))
    if picture.getcolors(MOST_COLOURS):
        for colours in PALETTES:
            paletted = picture.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
            if _mean_error(picture, paletted.convert("RGB")) <= PALETTE_ERROR:
                return PNG, _encoded(paletted, "PNG")
    white = (np.asarray(picture) == 255).all(-1).mean()
    smaller = picture.resize([round(SHRINK * side) for side in picture.size], Image.Resampling.LANCZOS)
    jpeg = _encoded(smaller, "JPEG", progressive=True, **(CHART if white > CHART_WHITE else IMAGES))
    exact = _encoded(picture, "PNG")
    return (JPEG, jpeg) if len(jpeg) < WORTH * len(exact) else (PNG, exact)


def _on_white(picture: Image.Image) -> Image.Image:
    sheet = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(sheet, picture.convert("RGBA")).convert("RGB")


def _mean_error(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).mean())


def _encoded(picture: Image.Image, form: str, **options) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, optimize=True, **options)
    return buffer.getvalue()
