"""What the check of every exercise does in every chapter: it says when there is no answer, and never raises."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections import Counter

import numpy as np
import pytest
import torch

from vaelib.course import exercises
from vaelib.course.exercises import chapter03, chapter05

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


class Unusable:
    """Nothing can be done with it: no arithmetic, no comparison, no call, no look-up."""

    __hash__ = None


def test_every_chapter_has_at_least_three() -> None:
    of_chapter = Counter(check.id.partition("-")[0] for check in CHECKS)
    assert len(of_chapter) == len(MODULES) == 12 and min(of_chapter.values()) >= 3


@pytest.mark.parametrize("check", CHECKS)
def test_says_when_there_is_no_answer(check, capsys) -> None:
    check(...)
    assert capsys.readouterr().out.startswith("… Not answered yet")


@pytest.mark.parametrize("check", CHECKS)
def test_an_answer_of_the_wrong_kind_does_not_stop_the_notebook(check, capsys) -> None:
    check(Unusable())
    assert capsys.readouterr().out.startswith("✗ Your answer stopped with")


@pytest.mark.parametrize("check", [chapter03.spread_without_a_price, chapter05.best_temperature])
@pytest.mark.parametrize(
    "answer",
    [math.nan, math.inf, -math.inf, np.float32("nan"), torch.tensor(math.nan), torch.tensor(math.inf)],
    ids=repr,
)
def test_what_is_no_finite_number_is_not_correct(check, answer, capsys) -> None:
    check(answer)
    assert capsys.readouterr().out == "✗ Not yet: your answer is not a finite number.\n"


@pytest.mark.parametrize(
    "answer", [np.str_("a word"), np.array([math.nan]), "nan", 10**400, torch.tensor(2.0)], ids=repr
)
def test_any_other_answer_is_handed_to_the_check(answer) -> None:
    def asked(given):
        assert given is answer
        return "seen"

    said = exercises.verdict(asked, answer)
    assert said == "✗ Not yet: seen" or said.startswith("✗ Your answer stopped with TypeError")


@pytest.mark.parametrize(("error", "asks"), [(TypeError, True), (AttributeError, True), (IndexError, False)])
def test_an_answer_of_the_wrong_kind_is_asked_about(error, asks) -> None:
    def fails(answer):
        raise error("no such thing")

    said = exercises.verdict(fails, 1)
    assert said.startswith(f"✗ Your answer stopped with {error.__name__}: no such thing.")
    assert ("of the kind that the dots stand for" in said) == asks
