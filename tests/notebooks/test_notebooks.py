"""The form of the notebooks, on which readers, the book and `pytest --nbval` rely. Nothing is executed.

The numbered chapters also have exercises, a quiz, claims and a measured time. The page *Further* has none of these.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import NotebookNode

from notebooks.execute import CHAPTERS, NOTEBOOKS
from notebooks.measure import RECORD, SEEDS

ROOT = Path(__file__).parents[2]
MAX_LINES = 15
MAX_LINES_WITH_CLASS = 25
MAX_WORDS = 120
MAX_WORDS_OF_A_CHAPTER = 4000

ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~])/(?:home|root|tmp|Users|mnt|opt|usr|var|work)/\w|\b[A-Z]:\\\\?\w")
CITATION = re.compile(r"\]\(\.\./book/references\.md#([\w-]+)\)")
REFERENCE = re.compile(r"\[[^\[\]]+\]\((?:\.\./book/references\.md|[\w-]+\.ipynb)?#[\w-]+\)")
LINK_TARGET = re.compile(r"\]\([^)\s]+\)")
DISPLAY_MATH = re.compile(r"\$\$.*?\$\$", re.DOTALL)
QUESTION = re.compile(
    r"^> \*\*Question (\d+)\.\*\* (.*\n(?:>.*\n)*)\n+<details>\n<summary>Answer</summary>\n\n((?:.*\n)*?)</details>$",
    re.MULTILINE,
)
LETTERS = re.compile(r"\*\*\([a-z]\)\.\*\*|\([a-z]\)(?: and \([a-z]\))*(?= )")
EXERCISE = re.compile(r"^> <a id=\"ex-[\w-]+\"></a>\*\*Exercise [\w.]+ \((Predict|Code|Explore)\)\. ", re.MULTILINE)
CAPTION = re.compile(r'\A<a id="(fig-[\w-]+)"></a>\n\*(.+?)\*(?:\n\n|\Z)', re.DOTALL)
SOLUTION = "<details>\n<summary>Solution</summary>"
PICTURES = {"image/png", "image/jpeg", "image/svg+xml", "image/gif", "image/webp"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def page(request: pytest.FixtureRequest) -> NotebookNode:
    """Each notebook as it is stored."""
    return read(request.param)


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> NotebookNode:
    """Each numbered chapter as it is stored."""
    return read(request.param)


def read(path: Path) -> NotebookNode:
    """The notebook as it is stored, because `nbformat.read` would silently repair what these tests look for."""
    return nbformat.v4.reads(path.read_text())


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def mime_types(cell: NotebookNode) -> set[str]:
    return {mime for output in cell.outputs for mime in output.get("data", {})}


def shows_picture(cell: NotebookNode) -> bool:
    return bool(mime_types(cell) & PICTURES)


def figures(notebook: NotebookNode) -> list[tuple[str, str]]:
    """The name and the caption of each figure, as they are typed."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [found.groups() for text in texts if (found := CAPTION.match(text))]


def files_in_table_of_contents() -> list[str]:
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    return [chapter["file"] for part in parts for chapter in part["chapters"]]


def test_every_notebook_is_executed_and_checked() -> None:
    assert sorted(NOTEBOOKS) == sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_book_lists_the_notebooks_in_reading_order() -> None:
    listed = [name for name in files_in_table_of_contents() if name.startswith("notebooks/")]
    assert listed == [f"notebooks/{path.stem}" for path in NOTEBOOKS]


def test_executed_once_from_top_to_bottom(page: NotebookNode) -> None:
    counts = [cell.execution_count for cell in code_cells(page)]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"


def test_stores_neither_error_nor_stderr(page: NotebookNode) -> None:
    for cell in code_cells(page):
        meant = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            assert meant or output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text


def test_no_cell_ends_in_a_semicolon(page: NotebookNode) -> None:
    """nbval executes such a cell as if it had no semicolon, and then finds an output that is not stored."""
    assert [cell.source for cell in code_cells(page) if cell.source.rstrip().endswith(";")] == []


def test_cells_are_short(page: NotebookNode) -> None:
    for cell in code_cells(page):
        has_class = re.search(r"^class ", cell.source, re.MULTILINE)
        limit = MAX_LINES_WITH_CLASS if has_class else MAX_LINES
        assert len(cell.source.splitlines()) <= limit, cell.source


def passages(notebook: NotebookNode) -> list[str]:
    """The prose, split at each code cell, heading or new box."""
    marks = [CAPTION.sub("", cell.source) if cell.cell_type == "markdown" else "# code" for cell in notebook.cells]
    return re.split(r"^(?:#+ .*$|> (?=\*\*|<a id=)|<details>$)", "\n\n".join(marks), flags=re.MULTILINE)


def words(passage: str) -> int:
    """The words of sentences, without formulas, tables and HTML. A citation counts as one, and so does Fig. 4.2."""
    sentences = LINK_TARGET.sub("]", REFERENCE.sub("reference", DISPLAY_MATH.sub("", passage)))
    lines = [line.lstrip("> ") for line in sentences.splitlines()]
    return sum(len(line.split()) for line in lines if not line.startswith(("|", "<", "![", "*Fig. ")))


def test_prose_comes_in_short_passages(page: NotebookNode) -> None:
    for passage in passages(page):
        assert words(passage) <= MAX_WORDS, passage


def test_a_chapter_is_no_longer_than_a_lecture(chapter: NotebookNode) -> None:
    assert words(prose(chapter)) <= MAX_WORDS_OF_A_CHAPTER


def test_pictures_have_alt_text_caption_and_name(page: NotebookNode) -> None:
    for cell, below in pairwise([*page.cells, None]):
        if cell.cell_type == "code" and shows_picture(cell):
            assert cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), cell.source
            assert below is not None, cell.source
            assert below.cell_type == "markdown", cell.source
            assert CAPTION.match(below.source), f"the caption stands in the cell below: {cell.source}"


def test_has_one_title_in_its_first_cell(page: NotebookNode) -> None:
    outside_fences = re.sub(r"^(`{3,}).*?^\1", "", prose(page), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", outside_fences, re.MULTILINE)) == 1
    assert page.cells[0].source.startswith("# ")


def test_citations_are_in_the_bibliography(page: NotebookNode) -> None:
    known = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text(), re.MULTILINE))
    cited = set(CITATION.findall(prose(page)))
    assert cited, "a chapter names its sources"
    assert cited - known == set()


def test_cell_ids_exist_and_are_unique(page: NotebookNode) -> None:
    ids = [cell.get("id") for cell in page.cells]
    assert all(ids)
    assert len(set(ids)) == len(ids)


def test_names_no_path_of_one_machine(page: NotebookNode) -> None:
    outputs = [output for cell in code_cells(page) for output in cell.outputs]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    found = [ABSOLUTE_PATH.search(text) for text in [*texts, *(cell.source for cell in page.cells)]]
    assert [match.string for match in found if match] == []


def test_stores_nothing_that_another_run_would_change(page: NotebookNode) -> None:
    assert set(page.metadata) == {"kernelspec", "language_info"}
    assert page.metadata.kernelspec.name == "python3"
    assert "version" not in page.metadata.language_info
    for cell in code_cells(page):
        assert "execution" not in cell.metadata
        assert "application/vnd.jupyter.widget-view+json" not in mime_types(cell)


def test_sets_its_seed_where_the_script_can_replace_it(page: NotebookNode) -> None:
    assert any(re.search(r"^SEED = 0$", cell.source, re.MULTILINE) for cell in code_cells(page))


def test_has_exercises_to_predict_to_code_and_to_explore(chapter: NotebookNode) -> None:
    assert set(EXERCISE.findall(prose(chapter))) == {"Predict", "Code", "Explore"}


def test_every_exercise_has_a_folded_solution_of_text_and_code(chapter: NotebookNode) -> None:
    """The code cells that follow the text are collapsed by what JupyterLab and Colab honour, and folded by the book."""
    solutions = [
        below for cell, below in pairwise(chapter.cells) if cell.cell_type == "markdown" and SOLUTION in cell.source
    ]
    assert len(solutions) == len(EXERCISE.findall(prose(chapter)))
    for cell in solutions:
        assert cell.cell_type == "code"
        assert "solution" in cell.metadata.get("tags", []), cell.source
    for cell in code_cells(chapter):
        if "solution" in cell.metadata.get("tags", []):
            assert cell.metadata.get("jupyter", {}).get("source_hidden") is True, cell.source
            assert cell.metadata.get("cellView") == "form", cell.source


def printed(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_every_exercise_is_open_and_every_solution_passes(chapter: NotebookNode) -> None:
    """Each exercise has two verdicts: first of the open cell, then of the folded solution."""
    verdicts = [line for cell in code_cells(chapter) for line in printed(cell).splitlines()]
    verdicts = [line for line in verdicts if line.startswith(("… Not answered", "✓ Correct.", "✗"))]
    exercises = EXERCISE.findall(prose(chapter))
    assert [verdict[0] for verdict in verdicts] == ["…", "✓"] * len(exercises)


def test_quiz_has_four_questions_and_a_paragraph_on_every_option(chapter: NotebookNode) -> None:
    """The book shows the paragraph that begins with an option to whoever chooses it (book/_static/quiz.js)."""
    questions = QUESTION.findall(prose(chapter))
    assert [int(number) for number, _, _ in questions] == list(range(1, len(questions) + 1))
    assert len(questions) >= 4
    for _, question, answer in questions:
        options = re.findall(r"^> - (\([a-z]\)) ", question, re.MULTILINE)
        paragraphs = [LETTERS.match(paragraph) for paragraph in answer.strip().split("\n\n")]
        assert len(options) >= 3, question
        assert all(paragraphs), answer
        assert re.fullmatch(r"\*\*\([a-z]\)\.\*\*", paragraphs[0][0]), answer
        assert sorted(re.findall(r"\([a-z]\)", " ".join(found[0] for found in paragraphs))) == options, answer


def test_the_right_answers_are_not_all_in_one_place(chapter: NotebookNode) -> None:
    answers = [re.search(r"\*\*(\([a-z]\))", answer).group(1) for _, _, answer in QUESTION.findall(prose(chapter))]
    assert len(set(answers)) > 1


def test_every_figure_is_referred_to() -> None:
    notebooks = [read(path) for path in NOTEBOOKS]
    names = {name for notebook in notebooks for name, _ in figures(notebook)}
    assert names - set(re.findall(r"\]\([^)\s]*#(fig-[\w-]+)\)", "\n".join(map(prose, notebooks)))) == set()


def test_claims_are_marked(page: NotebookNode) -> None:
    """The book folds the cells that carry the tag."""
    stating = [cell for cell in code_cells(page) if re.search(r"^✓ (?!Correct)", printed(cell), re.MULTILINE)]
    assert [cell.source for cell in stating if "claims" not in cell.metadata.get("tags", [])] == []


@pytest.fixture
def measured(chapter: NotebookNode, request: pytest.FixtureRequest) -> dict:
    """The record of the chapter by `notebooks.measure`."""
    return json.loads(RECORD.read_text())["chapters"][request.node.callspec.params["chapter"].stem]


def test_the_stated_time_is_the_measured_one(chapter: NotebookNode, measured: dict) -> None:
    stated = re.search(r"all cells take about (\d+) seconds on two CPU cores", prose(chapter))
    assert stated, "a chapter says: all cells take about N seconds on two CPU cores"
    assert measured["seconds"] / 1.5 <= int(stated.group(1)) <= 1.5 * measured["seconds"]


def test_stays_within_the_memory_of_a_laptop(measured: dict) -> None:
    assert measured["peak_memory_mib"] < 2000 * 1e6 / 2**20


BUDGET, BUDGET_OF_ALL = 100, 600  # seconds of a chapter, and of all together, on two cores that do nothing else


def test_stays_within_the_time_of_a_lesson(measured: dict) -> None:
    assert measured["seconds"] <= BUDGET


def test_all_chapters_together_stay_within_their_budget() -> None:
    chapters = json.loads(RECORD.read_text())["chapters"].values()
    assert sum(chapter["seconds"] for chapter in chapters) <= BUDGET_OF_ALL


def claimed(notebook: NotebookNode) -> list[str]:
    """The printed lines of the chapter's claims, in order. Other lines with a tick are verdicts of exercises."""
    lines = [line for cell in code_cells(notebook) for line in printed(cell).splitlines()]
    return [line for line in lines if line.startswith("✓ ") and line != "✓ Correct."]


def test_every_claim_was_measured_and_held(chapter: NotebookNode, measured: dict) -> None:
    lines = claimed(chapter)
    assert len(measured["claims"]) == len(lines), "run `make measure`"
    for claim, line in zip(measured["claims"], lines, strict=True):
        assert line.startswith(f"✓ {claim['statement']} ("), "run `make measure`"
        assert list(claim["values"]) == list(claim["references"]) == [str(seed) for seed in SEEDS], claim
        assert claim["held"] == {str(seed): True for seed in SEEDS}, claim
        for seed, value in claim["values"].items():
            assert holds(claim, value, claim["references"][seed]), claim


def holds(claim: dict, value: float, reference: float) -> bool:
    """Whether the recorded numbers agree with the claim. Numbers of old records have three digits."""
    if claim["sign"] == "=":
        return abs(value - reference) <= 1.01 * claim["tolerance"] + 0.01 * abs(reference)
    return value <= reference if claim["sign"] == "≤" else value >= reference
