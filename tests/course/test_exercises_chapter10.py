"""The checks of chapter 10's exercises: right answers pass, likely mistakes get their hint, nothing raises."""

from __future__ import annotations

import math

import pytest
import torch

from vaelib.course.exercises import chapter10


def printed(capsys, check, answer) -> str:
    check(answer)
    return capsys.readouterr().out


def bound(log_weights):
    """Independent of the chapter's formula: by double precision relative to the mean."""
    shift = log_weights.double().mean()
    return ((log_weights.double() - shift).exp().mean(0).log() + shift).float()


@pytest.mark.parametrize("answer", [(..., ...), (1.0, ...), (..., 0.0)])
def test_half_an_answer_is_not_answered_yet(capsys, answer):
    assert printed(capsys, chapter10.one_face, answer).startswith("… Not answered yet")


def test_a_function_without_a_body_is_not_answered_yet(capsys):
    assert printed(capsys, chapter10.importance_bound, lambda log_weights: ...).startswith("… Not answered yet")


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter10.one_face, (1, 0)),
        (chapter10.one_face, (1.0, 0.001)),
        (chapter10.importance_bound, bound),
        (chapter10.importance_bound, lambda w: torch.logsumexp(w, dim=0) - math.log(len(w))),
        (chapter10.perfect_and_few, 150),
    ],
)
def test_right_answers(capsys, check, answer):
    assert printed(capsys, check, answer) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((1, 1), "How far do the balls"),
        ((0, 1), "wrong way round"),
        ((0, 0), "centre of a real face's ball"),
        ((1, 0.2), "ball of radius 0"),
    ],
)
def test_hints_on_one_face(capsys, answer, hint):
    assert hint in printed(capsys, chapter10.one_face, answer)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda w: torch.logsumexp(w, 0), "what is missing"),
        (lambda w: w.mean(0), "is the ELBO"),
        (lambda w: w.exp().mean(0).log(), "no floating-point number"),
        (lambda w: torch.logsumexp(w, 0) / len(w), "divides the logarithm by k"),
        (lambda w: torch.logsumexp(w, 0) + math.log(len(w)), "added log k"),
        (lambda w: w.max(0).values, "largest weight alone"),
        (lambda w: torch.logsumexp(w, 1) - math.log(6), "should give one bound an image"),
        (lambda w: bound(w).mean(), "yours is ()"),
        (lambda w: bound(w) + 1, "which step"),
    ],
)
def test_hints_on_the_bound(capsys, function, hint):
    assert hint in printed(capsys, chapter10.importance_bound, function)


@pytest.mark.parametrize(
    ("pictures", "hint"), [(1000, "much nearer"), (400, "Take fewer"), (30, "Take more"), (0, "a number of pictures")]
)
def test_hints_on_few_pictures(capsys, pictures, hint):
    assert hint in printed(capsys, chapter10.perfect_and_few, pictures)


def test_a_raising_answer_does_not_raise(capsys):
    def broken(log_weights):
        raise RuntimeError("no such thing")

    assert "RuntimeError: no such thing" in printed(capsys, chapter10.importance_bound, broken)
