"""Write the two editions of the notebooks for a class: `make students`.

    python -m notebooks.editions              into _build/students and _build/instructors
    python -m notebooks.editions --to FOLDER  into FOLDER/students and FOLDER/instructors

The students' edition has no solutions, no answers of the quizzes and no outputs. The instructors' edition has all of
them, unfolded. Each edition also holds what its notebooks link to and read, and so can be handed out as a folder.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from notebooks.execute import NOTEBOOKS
from vaelib.support.files import atomic_write, make_folder

ROOT = Path(__file__).parents[1]
LINKED = ("book", "benchmarks/recorded")
NOT_LINKED = shutil.ignore_patterns(
    "*.py", "*.js", "*.css", "*.bib", "__pycache__"
)  # of the book, which is not built there

FOLD = re.compile(r"\n*^<details>\n<summary>(Solution|Answer)</summary>\n.*?\n</details>$", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(r"^> \*\*Question \d+\.\*\*", re.MULTILINE)
ON_SOLUTIONS = " Solutions are folded."
HIDING = ("cellView", "jupyter")  # metadata that collapse a cell


def main() -> None:
    """Write both editions."""
    parser = argparse.ArgumentParser(
        description="Write the notebooks without solutions, and with all of them unfolded."
    )
    parser.add_argument("--to", type=Path, default=ROOT / "_build", help="the folder of both editions")
    folder = parser.parse_args().to
    for name, edit in (("students", for_students), ("instructors", for_instructors)):
        write_edition(folder / name, edit)
        print(f"{folder / name}: {len(NOTEBOOKS)} notebooks")


def write_edition(folder: Path, edit: Callable[[NotebookNode], None]) -> None:
    """Write all notebooks, changed by `edit`, and what they need. What was in the folder before is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder / "notebooks")
    for part in LINKED:
        shutil.copytree(ROOT / part, folder / part, ignore=NOT_LINKED)
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        edit(notebook)
        with atomic_write(folder / "notebooks" / path.name) as partial:
            nbformat.write(notebook, partial)


def for_students(notebook: NotebookNode) -> None:
    """Remove solutions, answers of the quiz and outputs. Answers to predictions stay: the text builds on them."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = without_answers(cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip() and not is_solution(cell)]


def without_answers(text: str) -> str:
    """A text without the folds of solutions and, where it asks a question of the quiz, without those of answers."""
    removed = ("Solution", "Answer") if QUESTION.search(text) else ("Solution",)
    return FOLD.sub(lambda fold: "" if fold[1] in removed else fold[0], text).replace(ON_SOLUTIONS, "")


def for_instructors(notebook: NotebookNode) -> None:
    """Unfold solutions and answers."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("<details>", "<details open>")
        elif is_solution(cell):
            for key in HIDING:
                cell.metadata.pop(key, None)


def is_solution(cell: NotebookNode) -> bool:
    return "solution" in cell.metadata.get("tags", [])


if __name__ == "__main__":
    main()
