"""Grading a class: right and wrong answers, and notebooks that end, loop, delete, print without end or are none.

Most of these notebooks import no torch, and so take a second each.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path

import pytest

from vaelib import cli
from vaelib.course import exercises, grading
from vaelib.course.exercises import chapter02
from vaelib.support.errors import UserError

IMPORT = "from vaelib.course.exercises import chapter02"
NEVER = f"if False:\n    {IMPORT}"  # names the chapter, and does not load it
OF_CHAPTER_2 = ["chapter02.midpoint", "chapter02.diagonal", "chapter02.components"]


def write_notebook(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [{"cell_type": "markdown", "metadata": {}, "source": "# Homework"}]
    made += [{"cell_type": "code", "metadata": {"tags": list(tags)}, "source": code.splitlines(True)} for code in cells]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def grade(notebook: Path, seconds: float = 120) -> grading.Grade:
    return grading.grade(notebook, notebook.name, seconds)


def test_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Bad notebooks come first, and neither harm the folder nor stop the others."""
    homework, table = tmp_path / "class", tmp_path / "grades.csv"
    write_notebook(homework / "1-deletes.ipynb", "import os, shutil\nshutil.rmtree(os.getcwd())", NEVER)
    write_notebook(homework / "2-exits/02.ipynb", "exit()", "import sys; sys.exit(1)", NEVER)
    write_notebook(homework / "3-ends.ipynb", "import os; os._exit(0)", NEVER)
    (homework / "4-no-notebook.ipynb").write_text("print('hello')")
    answers = ["import math", "chapter02.midpoint(8)", "chapter02.midpoint(math.sqrt(32))", "chapter02.components(40)"]
    write_notebook(homework / "5-answers/02.ipynb", "%matplotlib inline", IMPORT, "1 / 0", *answers)
    before = {path: path.read_bytes() for path in homework.rglob("*") if path.is_file()}
    monkeypatch.setattr(sys, "argv", ["vaelib", "grade", str(homework), "-o", str(table)])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["notebook", "outcome", "passed", "checks", *OF_CHAPTER_2]
    assert rows == [
        ["1-deletes.ipynb", "finished", "0", "3", "0", "0", "0"],
        ["2-exits/02.ipynb", "finished; cells that raised an error: 2", "0", "3", "0", "0", "0"],
        ["3-ends.ipynb", "ended before its last cell", "0", "3", "0", "0", "0"],
        ["4-no-notebook.ipynb", "not a notebook", "0", "0", "", "", ""],
        ["5-answers/02.ipynb", "finished; cells that raised an error: 1", "1", "3", "1", "0", "0"],
    ]
    assert {path: path.read_bytes() for path in homework.rglob("*") if path.is_file()} == before
    assert "5-answers/02.ipynb: 1 of 3 checks passed" in capsys.readouterr().out


def test_an_endless_notebook_is_stopped(tmp_path: Path) -> None:
    graded = grade(write_notebook(tmp_path / "endless.ipynb", NEVER, "while True: pass"), seconds=2)
    assert (graded.outcome, sum(graded.passed.values())) == ("stopped after 2 s", 0)


def test_a_notebook_sees_a_copy_of_its_folder_and_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    (tmp_path / "secret.txt").write_text("not for students")
    folder = tmp_path / "alice"
    code = (
        "import os\nfrom pathlib import Path\nassert 'API_TOKEN' not in os.environ\n"
        "assert sorted(path.name for path in Path().iterdir()) == ['data', 'helper.py', 'vaelib.py']\n"
        "assert Path('data/numbers.txt').read_text() == '1 2 3'\n"
        "assert Path('../benchmarks/recorded/README.md').is_file()\nimport helper, vaelib\nvaelib.__version__"
    )
    notebook = write_notebook(folder / "02.ipynb", code)
    write_notebook(folder / "neighbour.ipynb", "")
    (folder / "data").mkdir()
    (folder / "data/numbers.txt").write_text("1 2 3")
    (folder / "helper.py").write_text("")
    (folder / "vaelib.py").write_text("raise SystemExit('a student\\'s file in place of the library')")
    (folder / "link").symlink_to(tmp_path)
    assert grade(notebook).outcome == "finished"


def test_solutions_of_the_course_pass_no_check(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "02.ipynb", IMPORT, "chapter02.components(10)", tags=("solution",))
    assert grading.cells_of(notebook) == []


NOT_NOTEBOOKS = [
    *("", "[]", "{}", "[", "[" * 100_000, b"\xff\xfe"),
    *('{"cells": 1}', '{"cells": [1]}', '{"cells": [{}]}', '{"cells": [{"cell_type": "code"}]}'),
    '{"cells": [{"cell_type": "code", "source": [1]}]}',
]


@pytest.mark.parametrize("content", NOT_NOTEBOOKS, ids=lambda content: repr(content)[:40])
def test_what_is_no_notebook_is_named(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert grade(path) == grading.Grade("broken.ipynb", "not a notebook")


def test_a_folder_of_that_name_and_a_file_that_is_too_large_are_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "folder.ipynb").mkdir()
    assert grade(tmp_path / "folder.ipynb").outcome == "not a file"
    monkeypatch.setattr(grading, "LARGEST", 100)
    assert grade(write_notebook(tmp_path / "large.ipynb", "#" * 200)).outcome.startswith("larger than")


def test_a_folder_without_notebooks_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "homework.pdf").write_text("")
    write_notebook(tmp_path / ".ipynb_checkpoints/02.ipynb", "")
    with pytest.raises(UserError, match="no notebook in"):
        grading.grade_all(tmp_path, 1)
    with pytest.raises(UserError, match="is not a folder"):
        grading.grade_all(tmp_path / "homework.pdf", 1)


def test_reports_that_a_notebook_has_damaged_count_for_nothing(tmp_path: Path, monkeypatch) -> None:
    lines = ["", "no JSON", "[]", '{"exercise": ["a"], "passed": true}', '{"raised": "many"}', '{"passed": true}']

    def run(command, folder, environment, seconds):
        Path(environment[exercises.REPORT]).write_text("\n".join(lines))
        return 0

    monkeypatch.setattr(grading, "run_untrusted", run)
    graded = grade(write_notebook(tmp_path / "02.ipynb", NEVER))
    assert (graded.outcome, graded.passed) == ("ended before its last cell", dict.fromkeys(OF_CHAPTER_2, False))


def test_checks_report_each_verdict_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "report"
    monkeypatch.setenv(exercises.REPORT, str(report))
    monkeypatch.setattr(exercises, "_reported", set())
    for answer in (..., 8, 8, math.sqrt(32), math.sqrt(32)):
        chapter02.midpoint(answer)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert lines == [{"exercise": "chapter02.midpoint", "passed": passed} for passed in (False, True)]


def test_a_report_that_cannot_be_written_does_not_stop_the_notebook(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv(exercises.REPORT, str(tmp_path / "no/such/folder"))
    monkeypatch.setattr(exercises, "_reported", set())
    chapter02.components(10)
    assert capsys.readouterr().out == "✓ Correct.\n"
