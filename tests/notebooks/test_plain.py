"""The plain form of the chapters: no markup that needs an extension, numbers and links that hold, metadata that stay.

JupyterLab, Colab, VS Code and GitHub show a chapter as it is stored. `notebooks/number.py` writes the numbers.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode

from notebooks import number
from notebooks.execute import CHAPTERS as NUMBERED
from notebooks.execute import METADATA

ROOT = Path(__file__).parents[2]
CHAPTERS = number.chapters(ROOT / "notebooks")
PAGES = sorted((ROOT / "book").glob("*.md"))

CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)
MYST = re.compile(r"\{[a-z][\w:+-]*\}`|^[`:]{3,}\{.*|^:{3,}|\$\$ *\([\w-]+\)|^\([\w-]+\)=|^%", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([\w-]+)"></a>')
SHOWN = re.compile(r"(Fig\.|Eq\.|Exercise) (\w+)\.(\w+)")
KINDS = {"Fig.": "fig", "Eq.": "eq", "Exercise": "ex"}
SYMBOL = {"fig": r"\*Fig\. {}\. ", "eq": r"(?:> )?\$\$(?:(?!\$\$).)*\\tag\{{{}\}}", "ex": r"\*\*Exercise {} \("}


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """Each chapter."""
    return request.param


@cache
def read(path: Path) -> NotebookNode:
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def texts(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]


def text(path: Path) -> str:
    return "\n\n".join(texts(path))


def links(path: Path) -> list[tuple[str, str]]:
    """What is shown and where it leads, of each link to this project."""
    found = LINK.findall(CODE.sub("", text(path)))
    return [(" ".join(shown.split()), target) for shown, target in found if "://" not in target]


@cache
def targets(file: Path) -> set[str]:
    """Everything in a file to which a link can lead."""
    page = text(file) if file.suffix == ".ipynb" else file.read_text(encoding="utf-8")
    return set(ANCHOR.findall(page)) | set(re.findall(r"^(?:\(| *:name: )([\w-]+)(?:\)=)?$", page, re.MULTILINE))


def test_no_cell_needs_an_extension(path: Path) -> None:
    """No role, no directive, no label of MyST."""
    assert [found for cell in texts(path) for found in MYST.findall(re.sub(r"^```\w*$", "", cell, flags=re.M))] == []


def test_no_line_of_a_formula_looks_like_a_list(path: Path) -> None:
    """Not every front end takes formulas out before it reads the Markdown; `{}+` is a plus for all of them."""
    formulas = re.findall(r"\$\$.*?\$\$", text(path), re.DOTALL)
    assert [formula for formula in formulas if re.search(r"^[> ]*(?:[-+*#]|\d+[.)]) ", formula, re.MULTILINE)] == []


def test_every_link_leads_somewhere(path: Path) -> None:
    for shown, target in links(path):
        assert ">" not in shown, f"[{shown}]({target}): a link in a box stands in one line"
        file, _, name = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        assert place.is_file(), f"[{shown}]({target})"
        assert not name or name in targets(place), f"[{shown}]({target})"


def test_every_number_in_a_link_is_that_of_its_target(path: Path) -> None:
    for shown, target in links(path):
        typed = SHOWN.fullmatch(shown)
        if typed:
            label = "-".join([KINDS[typed[1]], typed[2].lower(), typed[3]])
            assert target.partition("#")[2] == label, f"[{shown}]({target})"


def test_equations_are_named_by_their_numbers(path: Path) -> None:
    """The book shows a link to an equation as Eq. and its number, whatever was typed."""
    assert [(shown, target) for shown, target in links(path) if "#eq-" in target and not SHOWN.fullmatch(shown)] == []


def test_every_number_stands_in_a_link(path: Path) -> None:
    """A typed Fig. 4.2 that is no link would not be corrected when figures are numbered again."""
    bare = LINK.sub("", re.sub(r'<a id="[\w-]+"></a>\n?(?:> )?(?:\*+(?:Fig\.|Exercise) \S+)', "", text(path)))
    assert [found[0] for found in SHOWN.finditer(CODE.sub("", bare))] == []


@pytest.mark.parametrize("kind", SYMBOL)
def test_numbers_are_consecutive(path: Path, kind: str) -> None:
    names = [name for name in ANCHOR.findall(text(path)) if name.startswith(f"{kind}-")]
    assert names == [f"{kind}-{number.number_of(path)}-{count}" for count in range(1, len(names) + 1)]


def test_what_is_numbered_stands_at_its_anchor(path: Path) -> None:
    whole = text(path)
    for anchor in ANCHOR.finditer(whole):
        kind, chapter, count = anchor[1].split("-")
        expected = SYMBOL[kind].format(rf"{chapter.upper()}\.{count}")
        assert re.match(expected, whole[anchor.end() :].lstrip("\n"), re.DOTALL), anchor[1]
    assert len(re.findall(r"\\tag\{", whole)) == len([name for name in targets(path) if name.startswith("eq-")])


def test_numbering_again_changes_nothing() -> None:
    assert number.renumber(CHAPTERS, PAGES, write=False) == [], "run `python -m notebooks.number`"


def test_every_drawing_is_there_and_says_what_it_shows(path: Path) -> None:
    for alt, file in PICTURE.findall(text(path)):
        assert (path.parent / file).is_file(), file
        assert len(alt.split()) >= 3, file


@pytest.mark.parametrize("chapter", NUMBERED, ids=lambda path: path.stem)
def test_every_chapter_has_a_diagram(chapter: Path) -> None:
    assert any(file.endswith(".svg") for _, file in PICTURE.findall(text(chapter)))


def test_every_box_and_fold_is_closed(path: Path) -> None:
    """Markdown is read inside a fold only between blank lines, and no front end reads it in one line."""
    whole = re.sub(r"^> ?", "", text(path), flags=re.MULTILINE)
    folds = re.findall(r"^<details>\n<summary>[^<\n]+</summary>\n\n.*?\n\n</details>$", whole, re.MULTILINE | re.DOTALL)
    assert len(folds) == whole.count("<details>") == whole.count("</details>") == whole.count("<summary>")


def test_metadata_are_what_the_kernel_reports() -> None:
    """JupyterLab writes what it learns from the kernel, all but the version of Python, which `make lab` holds back."""
    reported = {key: value for key, value in IPythonKernel.language_info.items() if key != "version"}
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert METADATA["language_info"] == reported
    assert METADATA["kernelspec"] == {"display_name": spec.display_name, "language": spec.language, "name": "python3"}


def test_metadata_stay_as_they_are_when_the_chapter_is_opened(path: Path) -> None:
    assert read(path).metadata == METADATA, "run `make notebooks`"
    for cell in read(path).cells:
        assert "collapsed" not in cell.metadata, "JupyterLab has jupyter.outputs_hidden, and adds the one to the other"
        assert "outputs_hidden" not in cell.metadata.get("jupyter", {})
        assert "trusted" not in cell.metadata


def test_the_file_is_what_jupyter_would_write(path: Path) -> None:
    """Keys in alphabetical order, one space of indentation, letters as they are, a line break at the end."""
    assert path.read_text(encoding="utf-8") == nbformat.v4.writes(read(path)) + "\n"
