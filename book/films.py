"""A film that a notebook stores, as a page of the book shows it: still, until the reader opens it."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO

import nbformat
from PIL import Image

WEBP, HTML = "image/webp", "text/html"
STILL_QUALITY = 80


def fold_films(cell: nbformat.NotebookNode) -> None:
    """Replace each film among the outputs of a code cell by HTML, because MyST knows no WebP."""
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    for output in cell.outputs:
        if WEBP in output.get("data", {}):
            width = output.metadata.get(WEBP, {}).get("width")
            output.data = nbformat.from_dict({HTML: folded(output.data[WEBP], alt, width)})


def folded(film: str, alt: str, width: int | None = None) -> str:
    """The HTML of a film in base64: its first picture, and a fold with the film, which takes the picture's place.

    Nothing moves until the reader opens the fold, and closing it stops what moves (WCAG 2.2, 2.2.2).
    """
    size = f' width="{width}"' if width else ""
    look = f'alt="{escape(alt)}"{size}'
    return (
        f'<details class="film"><summary>Watch the film</summary><img src="data:{WEBP};base64,{film.strip()}" {look}>'
        f'</details>\n<img class="still" src="data:{WEBP};base64,{first_picture(film)}" {look}>'
    )


def first_picture(film: str) -> str:
    """The first picture of a film; both in base64."""
    still = BytesIO()
    with Image.open(BytesIO(base64.b64decode(film))) as opened:
        opened.convert("RGB").save(still, "WEBP", quality=STILL_QUALITY)
    return base64.b64encode(still.getvalue()).decode()
