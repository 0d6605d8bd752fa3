"""What every check of every exercise does, whatever the chapter: it says when there is no answer, and never raises."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from vaelib import exercises

MODULES = [
    importlib.import_module(f"{exercises.__name__}.{module.name}")
    for module in pkgutil.iter_modules(exercises.__path__)
]
CHECKS = [
    pytest.param(check, id=f"{module.__name__.rpartition('.')[2]}-{name}")
    for module in MODULES
    for name, check in list(vars(module).items())
    if hasattr(check, "__wrapped__") and not name.startswith("_")
]


def test_every_chapter_has_at_least_three() -> None:
    assert len(MODULES) == 10 and len(CHECKS) >= 30


@pytest.mark.parametrize("check", CHECKS)
def test_says_when_there_is_no_answer(check, capsys) -> None:
    check(...)
    assert capsys.readouterr().out.startswith("… Not answered yet")


@pytest.mark.parametrize("check", CHECKS)
def test_an_answer_of_the_wrong_kind_does_not_stop_the_notebook(check, capsys) -> None:
    check("no number")
    assert capsys.readouterr().out.startswith("✗ ")
