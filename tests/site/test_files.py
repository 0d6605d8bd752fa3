"""What can be read off the built pages without a browser."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from tests.site.pages import CHAPTERS, PAGES, ROOT, build, parsed


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_loads_nothing_from_another_host(site: Path, page: str) -> None:
    loaded = parsed(site, page).select("script[src], img[src], iframe[src], source[src], link[rel=stylesheet]")
    addresses = [tag.get("src") or tag.get("href") for tag in loaded]
    assert [address for address in addresses if re.match(r"(https?:)?//", address)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_what_it_shows(site: Path, page: str) -> None:
    pictures = parsed(site, page).select("article img")
    assert [picture["src"] for picture in pictures if len(picture.get("alt", "").split()) < 3] == []


@pytest.mark.parametrize("page", PAGES)
def test_headings_go_down_step_by_step(site: Path, page: str) -> None:
    levels = [int(heading.name[1]) for heading in parsed(site, page).select("article :is(h1, h2, h3, h4, h5, h6)")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("page", CHAPTERS)
def test_solutions_and_answers_are_folded(site: Path, page: str) -> None:
    folded = parsed(site, page).select("article .dropdown.admonition")
    assert sum("solution" in box["class"] for box in folded) >= 3
    assert sum("solution" not in box["class"] for box in folded) >= 4


@pytest.mark.parametrize("page", CHAPTERS)
def test_claims_are_folded_and_counted(site: Path, page: str) -> None:
    folds = parsed(site, page).select("article .dropdown.claims")
    assert folds
    assert parsed(site, page).select("article .dropdown.claims + .dropdown.claims") == []
    for fold in folds:
        printed = "\n".join(output.get_text() for output in fold.select(".cell_output pre"))
        number = len(re.findall(r"^✓ ", printed, re.MULTILINE))
        shown = fold.select_one(".admonition-title").get_text()
        assert shown == (f"{number} claims, all hold" if number > 1 else "One claim, and it holds")


@pytest.mark.parametrize("page", CHAPTERS)
def test_figures_and_equations_have_the_numbers_that_are_typed(site: Path, page: str) -> None:
    """A link to fig-4-2 shows what the notebook says, Fig. 4.2, and so must the caption and every other link."""
    article = parsed(site, page).select_one("article")
    figures = {figure["id"]: figure.select_one(".caption-number").get_text() for figure in article.select("figure[id]")}
    equations = {formula["id"]: formula.select_one(".eqno").contents[0] for formula in article.select("div.math[id]")}
    assert figures
    assert {name: f"Fig. {dotted(name, 'fig-')} " for name in figures} == figures
    assert {name: f"({dotted(name, 'equation-eq-')})" for name in equations} == equations
    for link in article.select("a.reference[href*='#equation-eq-']"):
        assert link.get_text() == f"Eq. {dotted(link['href'].partition('#')[2], 'equation-eq-')}"


def dotted(name: str, prefix: str) -> str:
    """The number in a name: 4.2 of fig-4-2."""
    return name.removeprefix(prefix).upper().replace("-", ".")


@pytest.mark.parametrize("page", CHAPTERS)
def test_diagrams_stand_in_the_page_and_say_what_they_show(site: Path, page: str) -> None:
    """There, and not in a file of their own, they have the colours of the page."""
    article = parsed(site, page).select_one("article")
    assert [drawing for drawing in article.select("svg") if len(drawing.get("aria-label", "").split()) < 3] == []
    assert article.select("img[src$='.svg']") == []


def test_a_second_build_writes_no_chapter_again(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site.parent, tmp_path / "_build")
    built = build(tmp_path, "-W", "-n", "--keep-going")
    written = [[(folder / f"{page}.html").stat().st_mtime for page in CHAPTERS] for folder in (site, built)]
    assert written[0] == written[1]


def test_a_configured_repository_gives_launch_buttons(site: Path, tmp_path: Path) -> None:
    """The second build has two pages only, whose links to all the others lead nowhere."""
    assert "colab" not in (site / f"{CHAPTERS[0]}.html").read_text()
    config, contents = tmp_path / "_config.yml", tmp_path / "_toc.yml"
    uncommented = re.sub("^#(?=[a-z]|  [a-z])", "", (ROOT / "_config.yml").read_text(), flags=re.MULTILINE)
    config.write_text(
        re.sub(r"(svg_formulas|plain_docstrings|plain_notebooks): book", rf"\1: {ROOT / 'book'}", uncommented)
    )
    contents.write_text(f"format: jb-book\nroot: {PAGES[0]}\nchapters: [{{file: {CHAPTERS[0]}}}]\n")
    options = ["--config", config, "--toc", contents]
    page = (build(tmp_path / "book", *options) / f"{CHAPTERS[0]}.html").read_text()
    assert f"https://colab.research.google.com/github/OWNER/NAME/blob/main/{CHAPTERS[0]}.ipynb" in page
    assert f"https://mybinder.org/v2/gh/OWNER/NAME/main?urlpath=lab/tree/{CHAPTERS[0]}.ipynb" in page
