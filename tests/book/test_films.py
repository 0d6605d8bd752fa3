"""Films in the pages: nothing moves until the reader wants it."""

from __future__ import annotations

import base64
from io import BytesIO

from nbformat.v4 import new_code_cell, new_output
from PIL import Image

from book.films import fold_films


def film() -> str:
    buffer = BytesIO()
    red, blue = (Image.new("RGB", (40, 20), colour) for colour in ("red", "blue"))
    red.save(buffer, "WEBP", save_all=True, append_images=[blue], duration=100)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_film_is_folded_and_its_first_picture_shown() -> None:
    data = {"image/webp": film(), "text/plain": "<Image object>"}
    output = new_output("execute_result", data, metadata={"image/webp": {"width": 780}})
    cell = new_code_cell("", outputs=[output], metadata={"mystnb": {"image": {"alt": 'A "film" of a face.'}}})
    fold_films(cell)
    (html,) = cell.outputs[0].data.values()
    fold, still = html.split("</details>")
    assert fold.startswith('<details class="film"><summary>') and film() in fold
    assert still.count('alt="A &quot;film&quot; of a face." width="780"') == 1
    with Image.open(BytesIO(base64.b64decode(still.partition("base64,")[2].partition('"')[0]))) as picture:
        assert not picture.is_animated
        assert picture.convert("RGB").getpixel((9, 9))[0] > 240


def test_other_outputs_stay() -> None:
    picture = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cell = new_code_cell("", outputs=[picture, new_output("stream", text="a")])
    fold_films(cell)
    assert cell.outputs == [picture, new_output("stream", text="a")]
