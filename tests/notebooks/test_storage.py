"""What the chapters' pictures weigh, and that compressing them changes nothing that can be seen."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image, ImageDraw, ImageFont

from notebooks.execute import write
from notebooks.storage import compressed, store_lighter
from vaelib.course import films

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LIMIT = 9e6  # bytes of all notebooks together


def png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(picture: Image.Image | bytes, like: Image.Image | None = None) -> np.ndarray:
    """The colours of a picture, enlarged to the size of another as a browser would do."""
    picture = Image.open(BytesIO(picture)) if isinstance(picture, bytes) else picture
    picture = picture.convert("RGB")
    return np.asarray(picture.resize(like.size, Image.Resampling.BICUBIC) if like else picture, float)


def chart() -> Image.Image:
    """Coloured lines and text with soft edges, as Matplotlib draws them."""
    picture = Image.new("RGB", (3120, 1280), "white")
    draw = ImageDraw.Draw(picture)
    for i, colour in enumerate(("#0173b2", "#de8f05", "#d55e00", "#6e6e6e")):
        draw.line([(100, 200 + 250 * i), (2000, 900 - 150 * i), (3000, 100 + 300 * i)], colour, 8)
        draw.text((2200, 250 * i), f"line {i}", colour, ImageFont.load_default(64))
    return picture.resize((1560, 640), Image.Resampling.LANCZOS)


def photograph() -> Image.Image:
    """Smooth colours all over, as of enlarged images."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 40, 3), np.uint8)
    return Image.fromarray(noise).resize((1560, 624), Image.Resampling.LANCZOS)


def test_all_chapters_together_stay_light():
    weights = {path.name: path.stat().st_size for path in NOTEBOOKS}
    assert sum(weights.values()) <= LIMIT, weights


def test_a_chart_becomes_a_palette_that_looks_the_same():
    mime, lighter = compressed(png(chart()))
    difference = np.abs(pixels(lighter) - pixels(chart()))
    assert mime == "image/png" and Image.open(BytesIO(lighter)).mode == "P"
    assert len(lighter) < 0.6 * len(png(chart()))
    assert difference.mean() < 0.22
    assert (pixels(lighter)[0, 0] == 255).all()  # white stays white
    assert np.percentile(difference, 99.9) < 25


def test_a_letter_in_a_colour_of_its_own_keeps_it():
    """Although a palette without this colour would change the picture on average by next to nothing."""
    picture = chart()
    ImageDraw.Draw(picture).text((1400, 20), "B", "#785ef0", ImageFont.load_default(32))
    mime, lighter = compressed(png(picture))
    letter = (pixels(picture) == (0x78, 0x5E, 0xF0)).all(-1)
    assert mime == "image/png" and letter.sum() > 30
    assert np.percentile(np.abs(pixels(lighter) - pixels(picture))[letter], 90) <= 16


def test_a_picture_with_a_palette_is_compressed_once():
    _, once = compressed(png(chart()))
    assert compressed(once) == ("image/png", once)


def test_images_become_a_jpeg_that_looks_the_same():
    mime, lighter = compressed(png(photograph()))
    assert mime == "image/jpeg"
    assert len(lighter) < 0.2 * len(png(photograph()))
    assert (
        10 * np.log10(255**2 / np.square(pixels(lighter, photograph()) - pixels(photograph())).mean()) > 37
    )  # decibels


def test_single_pixels_stay_sharp():
    noise = np.random.default_rng(0).integers(0, 256, (32, 7 * 32, 3), np.uint8)
    squares = Image.fromarray(noise).resize((7 * 192, 192), Image.Resampling.NEAREST)
    mime, lighter = compressed(png(squares))
    assert mime == "image/png"
    assert np.abs(pixels(lighter) - pixels(squares)).max() <= 2
    assert len(lighter) < 0.95 * len(png(squares))


def test_a_chart_with_images_in_it_keeps_its_colours():
    mixed = chart()
    mixed.paste(photograph().resize((390, 156)), (1100, 450))
    mime, lighter = compressed(png(mixed))
    assert mime == "image/jpeg"
    lines = (np.ptp(pixels(mixed), axis=-1) > 100)[:, :1000]  # colour at its full strength
    assert np.abs(pixels(lighter, mixed) - pixels(mixed))[:, :1000][lines].mean() < 15


def test_the_size_on_the_screen_is_kept():
    data = {"image/png": base64.b64encode(png(photograph())).decode(), "text/plain": "<Figure>"}
    output = new_output("display_data", data, metadata={"image/png": {"width": 780, "height": 312}})
    store_lighter(output)
    assert set(output.data) == {"image/jpeg", "text/plain"}
    assert output.metadata == {"image/jpeg": {"width": 780, "height": 312}}


def test_a_picture_that_is_light_already_stays():
    light = png(Image.new("P", (8, 8)))
    output = new_output("display_data", {"image/png": base64.b64encode(light).decode()})
    store_lighter(output)
    assert base64.b64decode(output.data["image/png"]) == light


def test_writing_a_notebook_compresses_its_pictures_once(tmp_path: Path):
    output = new_output("display_data", {"image/png": base64.b64encode(png(photograph())).decode()})
    notebook = new_notebook(cells=[new_code_cell("show()", outputs=[output])])
    write(notebook, tmp_path / "a.ipynb")
    assert list(notebook.cells[0].outputs[0].data) == ["image/jpeg"]
    before = (tmp_path / "a.ipynb").read_bytes()
    write(nbformat.read(tmp_path / "a.ipynb", 4), tmp_path / "a.ipynb")
    assert (tmp_path / "a.ipynb").read_bytes() == before


def test_a_film_keeps_all_its_frames():
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    film = films.film(images, {"first": 0, "last": 4}, {"height": {"curve": [0, 1, 2, 1, 0]}})
    data, metadata = film._repr_mimebundle_()
    output = new_output("execute_result", data, metadata=metadata)
    store_lighter(output)
    assert output.data == data
    with Image.open(BytesIO(base64.b64decode(output.data["image/webp"]))) as stored:
        assert stored.n_frames == 2 * 5
