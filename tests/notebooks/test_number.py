"""Numbering: consecutive in each chapter, in order of appearance, and links that follow."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from notebooks.number import chapters, renumber

FIRST = [
    '<a id="fig-1-new"></a>\n*Fig. 1.new. A picture.*',
    "[Fig. 1.1](#fig-1-1) and [Eq. 2.bound](02-second.ipynb#eq-2-bound) and [the new one](#fig-1-new).",
    '<a id="fig-1-1"></a>\n*Fig. 1.1. Another, see [Fig. 1.new](#fig-1-new).*',
]
SECOND = [
    "> $$ a = b . \\tag{2.bound} $$\n\n$$ c = d $$",
    '<a id="eq-2-1"></a>\n$$ e = f \\tag{2.1} $$',
    '> <a id="ex-2-hard"></a>**Exercise 2.hard (Code). Hard.** See [Eq. 2.1](#eq-2-1) and [Fig. 1.1](#fig-1-1).',
]
PAGE = "{eq}`eq-2-1`, {numref}`fig-1-1`, {ref}`Exercise 2.hard <ex-2-hard>`, {numref}`fig-results-edits`"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two chapters and a page, in which something new stands before what has a number."""
    write(tmp_path / "01-first.ipynb", FIRST)
    write(tmp_path / "02-second.ipynb", SECOND)
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path


def write(path: Path, texts: list[str]) -> None:
    cells = [new_code_cell("1 + 1"), *map(new_markdown_cell, texts)]
    nbformat.write(new_notebook(cells=cells), path)


def read(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]


def test_numbers_in_order_of_appearance_and_corrects_every_link(folder: Path) -> None:
    renumber(chapters(folder), [folder / "page.md"])
    assert read(folder / "01-first.ipynb") == [
        '<a id="fig-1-1"></a>\n*Fig. 1.1. A picture.*',
        "[Fig. 1.2](#fig-1-2) and [Eq. 2.1](02-second.ipynb#eq-2-1) and [the new one](#fig-1-1).",
        '<a id="fig-1-2"></a>\n*Fig. 1.2. Another, see [Fig. 1.1](#fig-1-1).*',
    ]
    assert read(folder / "02-second.ipynb") == [
        '> <a id="eq-2-1"></a>\n> $$ a = b . \\tag{2.1} $$\n\n$$ c = d $$',
        '<a id="eq-2-2"></a>\n$$ e = f \\tag{2.2} $$',
        '> <a id="ex-2-1"></a>**Exercise 2.1 (Code). Hard.** '
        "See [Eq. 2.2](#eq-2-2) and [Fig. 1.2](01-first.ipynb#fig-1-2).",
    ]
    page = "{eq}`eq-2-2`, {numref}`fig-1-2`, {ref}`Exercise 2.1 <ex-2-1>`, {numref}`fig-results-edits`"
    assert (folder / "page.md").read_text() == page


def test_a_second_time_changes_nothing(folder: Path) -> None:
    files = chapters(folder), [folder / "page.md"]
    assert len(renumber(*files, write=False)) == 3
    assert read(folder / "01-first.ipynb") == FIRST
    assert len(renumber(*files)) == 3
    assert renumber(*files) == []


def test_a_label_that_occurs_twice_is_an_error(folder: Path) -> None:
    write(folder / "03-third.ipynb", FIRST[:1])
    with pytest.raises(SystemExit, match=r"fig-1-new is in 01-first\.ipynb and in 03-third\.ipynb"):
        renumber(chapters(folder), [])


def test_a_chapter_without_a_number_has_a_letter(folder: Path) -> None:
    write(folder / "further.ipynb", ["$$ a \\tag{F.new} $$"])
    renumber(chapters(folder), [])
    assert read(folder / "further.ipynb") == ['<a id="eq-f-1"></a>\n$$ a \\tag{F.1} $$']
