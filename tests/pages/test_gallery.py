"""The gallery shows the records of every run, and nothing else."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages import gallery
from pages.markdown import BOOK
from pages.records import Sources, read_sources


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(gallery.SHIPPED, gallery.RECORDED)


@pytest.fixture(scope="module")
def made(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page has been written again."""
    folder = tmp_path_factory.mktemp("book")
    gallery.write(sources, folder / "gallery.md", folder / "pictures")
    return folder


def test_the_page_is_what_the_records_make(made: Path) -> None:
    assert gallery.PAGE.read_text() == (made / "gallery.md").read_text(), "run `make results`"


def test_the_figures_are_what_the_records_make(made: Path) -> None:
    """Small differences are allowed, because versions of Matplotlib draw letters differently."""
    drawn, stored = sorted((made / "pictures").iterdir()), sorted(gallery.PICTURES.iterdir())
    assert [path.name for path in drawn] == [path.name for path in stored], "run `make results`"
    for new, old in zip(drawn, stored, strict=True):
        pixels = [np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (new, old)]
        assert pixels[0].shape == pixels[1].shape and np.abs(pixels[0] - pixels[1]).mean() < 1, "run `make results`"


def test_every_run_has_its_place(sources: Sources) -> None:
    shown = re.findall(r"^### (.+)$", gallery.PAGE.read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(run.name for run in sources.runs)


def test_every_picture_is_there_and_described() -> None:
    figures = re.findall(r"^:::\{figure\} (\S+)\n:name: (\S+)\n:alt: (.+)$", gallery.PAGE.read_text(), re.MULTILINE)
    assert len(figures) == gallery.PAGE.read_text().count("{figure}")
    for picture, name, alt in figures:
        assert (BOOK / picture).is_file()
        assert name.startswith("fig-gallery-")
        assert len(alt) > 40
    names = [name for _, name, _ in figures]
    assert len(set(names)) == len(names)


def sections(page: str) -> dict[str, str]:
    """The part of the page about each run."""
    parts = re.split(r"^### (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_samples_come_first_then_the_card_and_the_rest_is_folded(sources: Sources) -> None:
    of = sections(gallery.PAGE.read_text())
    for run in sources.runs:
        before_card, _, after = of[run.name].partition(":::{card}\n")
        card, _, folded = after.partition("::::{dropdown}")
        shown = ["samples-detail", "samples"] if run.has(gallery.DETAILED_SAMPLES) else ["samples"]
        assert figures_of(before_card) == [f"fig-gallery-{run.slug}-{part}" for part in shown]
        assert run.seconds in card and run.training["hardware"] in card and not figures_of(card)
        assert {f"fig-gallery-{run.slug}-{part}" for part in ("curves", "samples-normal", "reconstructions")} <= set(
            figures_of(folded)
        )


def figures_of(page: str) -> list[str]:
    """The names of the figures, in order."""
    return re.findall(r"^:name: (\S+)$", page, re.MULTILINE)


def test_samples_are_enlarged_by_a_whole_number(sources: Sources) -> None:
    for run in sources.runs:
        columns, rows, factor = gallery.LARGE[run.experiment.size]
        with Image.open(gallery.PICTURES / f"{run.slug}-samples.webp") as picture:
            step = factor * run.experiment.size + gallery.GAP
            assert picture.size == (columns * step + gallery.GAP, rows * step + gallery.GAP)
            on_the_page = factor * run.experiment.size * gallery.WIDTH / picture.width
        assert on_the_page > (90 if run.experiment.size == 32 else 125)  # pixels
        assert (gallery.PICTURES / f"{run.slug}-samples.webp").stat().st_size < 100e3


def test_what_moves_is_folded_by_itself() -> None:
    page = gallery.PAGE.read_text()
    assert page.count("training.webp") == page.count(":::{dropdown} Watch it train\n:::{figure} ../vaelib/shipped/")


def test_a_part_without_a_record_is_left_out(tmp_path: Path) -> None:
    shutil.copytree(gallery.SHIPPED / "faces32", tmp_path / "shipped" / "faces32")
    for name in ("codes.safetensors", "interpolations.webp", "training.webp"):
        (tmp_path / "shipped" / "faces32" / name).unlink()
    gallery.write(read_sources(tmp_path / "shipped", tmp_path), tmp_path / "gallery.md", tmp_path / "pictures")
    page = (tmp_path / "gallery.md").read_text()
    assert "### faces32" in page and "fig-gallery-faces32-samples" in page
    assert not re.search("-(codes|interpolations|training)", page)
    assert "## Faces of CelebA" not in page


def test_an_autoencoder_has_codes_without_widths() -> None:
    page = gallery.PAGE.read_text()
    of = {
        name: re.search(rf":name: fig-gallery-{name}-codes\n:alt: (.+)", page).group(1)
        for name in ("celeba64-ae", "faces32")
    }
    assert "width" in of["faces32"] and "width" not in of["celeba64-ae"]


def captions(page: str, part: str) -> list[str]:
    """The captions of the figures whose names have this ending."""
    return re.findall(rf"^:name: fig-gallery-\S+-{part}\n(?::.*\n)*\n(.*)$", page, re.MULTILINE)


def test_a_command_makes_what_its_picture_shows() -> None:
    page = gallery.PAGE.read_text()
    for part in ("reconstructions", "samples-normal", "samples", "interpolations"):
        found = captions(page, part)
        assert found and all("`vaelib " in caption for caption in found), part


def test_the_gallery_shows_plain_pictures_unless_their_caption_says_with_detail() -> None:
    page = gallery.PAGE.read_text()
    assert "sharpen" not in page and 'unless their caption says "with detail"' in page
    found = captions(page, "samples-detail")
    assert found and all("with detail" in caption and "--finish detail" in caption for caption in found)


def test_codes_and_interpolations_of_another_run_say_so(sources: Sources, tmp_path: Path) -> None:
    run, other = sources.run("faces32"), "9 epochs in 500 s on an abacus"
    own = replace(run, training={key: value for key, value in run.training.items() if key != "codes"})
    borrowed = replace(run, training=run.training | {"codes": other})
    for made in (lambda of: gallery.codes(of, tmp_path), gallery.interpolations):
        assert f"; they are those of another, shorter run of the same experiment ({other})." in made(borrowed)[0]
        assert "another run" not in made(own)[0]
    assert other not in gallery.curves(borrowed) + gallery.card(borrowed)
