"""The editions for a class: what students do not get, what instructors see at once, and that both are complete."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from notebooks import editions
from notebooks.execute import CHAPTERS, NOTEBOOKS
from vaelib.course import grading

LINK = re.compile(r"\]\(((?!https?:|#)[^)\s#]+)")
READ = re.compile(r"\"(\.\./[^\"]+)\"")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both editions."""
    folder = tmp_path_factory.mktemp("class")
    editions.write_edition(folder / "students", editions.for_students)
    editions.write_edition(folder / "instructors", editions.for_instructors)
    return folder


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> Path:
    """Each chapter."""
    return request.param


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def text(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_students_get_no_solution_and_no_output(folder: Path, chapter: Path) -> None:
    given, whole = read(folder / "students/notebooks" / chapter.name), read(chapter)
    assert not re.search("Solutions? are folded|<summary>Solution", text(given))
    assert [cell for cell in code(given) if editions.is_solution(cell) or cell.outputs or cell.execution_count] == []
    assert len(code(whole)) - len(code(given)) == sum(map(editions.is_solution, whole.cells)) >= 3
    questions = re.split(r"^> \*\*Question \d+\.\*\*", text(given), flags=re.MULTILINE)[1:]
    assert len(questions) >= 4
    assert [question for question in questions if "<details>" in question or "(b)" not in question] == []


def test_every_exercise_of_the_chapter_can_be_answered(folder: Path, chapter: Path) -> None:
    """Each has an open cell whose check `vaelib grade` knows, and nothing that needs a solution's cell."""
    cells = grading.cells_of(folder / "students/notebooks" / chapter.name)
    open_cells = [re.search(r"^chapter\d\d\.\w+(?=\()", cell, re.MULTILINE) for cell in cells if "..." in cell]
    assert sorted(found[0] for found in open_cells if found) == sorted(grading.exercises_of(cells))


def test_what_is_no_answer_stays(folder: Path) -> None:
    text_of_first = text(read(folder / "students/notebooks" / CHAPTERS[0].name))
    assert text_of_first.count("<summary>Answer</summary>") == 1  # of a prediction
    assert "## Summary" in text_of_first


def test_instructors_see_everything_at_once(folder: Path, chapter: Path) -> None:
    given, whole = read(folder / "instructors/notebooks" / chapter.name), read(chapter)
    assert "<details>" not in text(given)
    assert text(given).replace("<details open>", "<details>") == text(whole)
    assert [(cell.source, cell.outputs) for cell in code(given)] == [
        (cell.source, cell.outputs) for cell in code(whole)
    ]
    assert [cell for cell in code(given) if editions.is_solution(cell) and "jupyter" in cell.metadata] == []


@pytest.mark.parametrize("edition", ["students", "instructors"])
def test_an_edition_is_complete(folder: Path, edition: str) -> None:
    """Whatever a notebook links to or reads lies in the folder that is handed out."""
    place = folder / edition / "notebooks"
    assert sorted(path.name for path in place.iterdir()) == sorted(path.name for path in NOTEBOOKS)
    for path in place.iterdir():
        notebook = read(path)
        named = {*LINK.findall(text(notebook)), *READ.findall("\n".join(cell.source for cell in code(notebook)))}
        assert [name for name in named if not (place / name).exists()] == [], path.name


def test_the_command_writes_both_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    old = tmp_path / "students/notebooks/old.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("")
    monkeypatch.setattr("sys.argv", ["editions", "--to", str(tmp_path)])
    editions.main()
    assert not old.exists()
    assert capsys.readouterr().out.count(f"{len(NOTEBOOKS)} notebooks") == 2
