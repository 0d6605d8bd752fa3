"""The form of the chapters: what a reader, the book and `pytest --nbval` rely on without running anything."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_LINES = 15
MAX_LINES_WITH_CLASS = 25
MAX_WORDS = 120

ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~])/(?:home|root|tmp|Users|mnt|opt|usr|var|work)/\w|\b[A-Z]:\\\\?\w")
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
DISPLAY_MATH = re.compile(r"\$\$.*?\$\$|```\{math\}.*?```", re.DOTALL)
PICTURES = {"image/png", "image/jpeg", "image/svg+xml", "image/gif"}


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> NotebookNode:
    """Each chapter as it is stored."""
    return read(request.param)


def read(path: Path) -> NotebookNode:
    """The notebook as it is: `nbformat.read` would silently mend what these tests look for."""
    return nbformat.v4.reads(path.read_text())


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def mime_types(cell: NotebookNode) -> set[str]:
    return {mime for output in cell.outputs for mime in output.get("data", {})}


def shows_picture(cell: NotebookNode) -> bool:
    return bool(mime_types(cell) & PICTURES)


def figure_of(cell: NotebookNode) -> dict[str, str | None]:
    """The alternative text, caption and name that the book will print; None for one that is missing."""
    mystnb = cell.metadata.get("mystnb", {})
    figure = mystnb.get("figure", {})
    return {
        "alt": mystnb.get("image", {}).get("alt"),
        "caption": figure.get("caption"),
        "name": figure.get("name"),
    }


def files_in_table_of_contents() -> list[str]:
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    return [chapter["file"] for part in parts for chapter in part["chapters"]]


def test_book_lists_the_chapters_in_reading_order() -> None:
    listed = [name for name in files_in_table_of_contents() if name.startswith("notebooks/")]
    assert listed == [f"notebooks/{path.stem}" for path in CHAPTERS]


def test_executed_once_from_top_to_bottom(chapter: NotebookNode) -> None:
    counts = [cell.execution_count for cell in code_cells(chapter)]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"


def test_stores_neither_error_nor_stderr(chapter: NotebookNode) -> None:
    for cell in code_cells(chapter):
        meant = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            assert meant or output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text


def test_no_cell_ends_in_a_semicolon(chapter: NotebookNode) -> None:
    """nbval executes such a cell as if the semicolon were not there, and then sees an output that is not stored."""
    assert [cell.source for cell in code_cells(chapter) if cell.source.rstrip().endswith(";")] == []


def test_cells_are_short(chapter: NotebookNode) -> None:
    for cell in code_cells(chapter):
        has_class = re.search(r"^class ", cell.source, re.MULTILINE)
        limit = MAX_LINES_WITH_CLASS if has_class else MAX_LINES
        assert len(cell.source.splitlines()) <= limit, cell.source


def passages(notebook: NotebookNode) -> list[str]:
    """The prose, cut wherever a code cell or a heading gives the reader a rest."""
    marks = [cell.source if cell.cell_type == "markdown" else "# code" for cell in notebook.cells]
    return re.split(r"^#+ .*$", "\n\n".join(marks), flags=re.MULTILINE)


def words(passage: str) -> int:
    """Words that are read as a sentence: no displayed formula, no table, no directive."""
    lines = DISPLAY_MATH.sub("", passage).splitlines()
    return sum(len(line.split()) for line in lines if not line.lstrip().startswith(("|", "```", ":", "<")))


def test_prose_comes_in_short_passages(chapter: NotebookNode) -> None:
    for passage in passages(chapter):
        assert words(passage) <= MAX_WORDS, passage


def test_pictures_have_alt_text_caption_and_name(chapter: NotebookNode) -> None:
    for cell in filter(shows_picture, code_cells(chapter)):
        missing = [key for key, value in figure_of(cell).items() if not value]
        assert missing == [], cell.source


def test_figure_names_are_unique_in_the_book() -> None:
    names = [figure_of(cell)["name"] for path in CHAPTERS for cell in code_cells(read(path))]
    assert [name for name, count in Counter(filter(None, names)).items() if count > 1] == []


def test_has_one_title_in_its_first_cell(chapter: NotebookNode) -> None:
    outside_fences = re.sub(r"^(`{3,}).*?^\1", "", prose(chapter), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", outside_fences, re.MULTILINE)) == 1
    assert chapter.cells[0].source.startswith("# ")


def test_citations_are_in_the_bibliography(chapter: NotebookNode) -> None:
    known = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text(), re.MULTILINE))
    cited = {key.strip() for keys in CITATION.findall(prose(chapter)) for key in keys.split(",")}
    assert cited, "a chapter names its sources"
    assert cited - known == set()


def test_cell_ids_exist_and_are_unique(chapter: NotebookNode) -> None:
    ids = [cell.get("id") for cell in chapter.cells]
    assert all(ids)
    assert len(set(ids)) == len(ids)


def test_names_no_path_of_one_machine(chapter: NotebookNode) -> None:
    outputs = [output for cell in code_cells(chapter) for output in cell.outputs]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    found = [ABSOLUTE_PATH.search(text) for text in [*texts, *(cell.source for cell in chapter.cells)]]
    assert [match.string for match in found if match] == []


def test_stores_nothing_that_another_run_would_change(chapter: NotebookNode) -> None:
    assert set(chapter.metadata) == {"kernelspec", "language_info"}
    assert chapter.metadata.kernelspec.name == "python3"
    assert "version" not in chapter.metadata.language_info
    for cell in code_cells(chapter):
        assert "execution" not in cell.metadata
        assert "application/vnd.jupyter.widget-view+json" not in mime_types(cell)


def test_sets_its_seed_where_the_script_can_replace_it(chapter: NotebookNode) -> None:
    assert any(re.search(r"^SEED = 0$", cell.source, re.MULTILINE) for cell in code_cells(chapter))
