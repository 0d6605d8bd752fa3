"""The checks of chapter 12's exercises: right answers pass, likely mistakes get their hint, nothing raises."""

from __future__ import annotations

import pytest
import torch

from vaelib.course.exercises import chapter12


def printed(capsys, check, answer) -> str:
    check(answer)
    return capsys.readouterr().out


def regressed(y, t, s2, e2):
    """E[e | y] without the formula of the exercise: this takes the joint covariance."""
    covariance = torch.tensor([[s2, 0.0], [0.0, e2]], dtype=torch.double)  # of ĉ and e
    point = torch.tensor([1.0, t], dtype=torch.double)  # y = ĉ + t e
    slope = (covariance @ point)[1] / (point @ covariance @ point)
    return slope.float() * y


@pytest.mark.parametrize("answer", [(..., ...), (1, ...), (..., 2)])
def test_half_an_answer_is_not_answered_yet(capsys, answer):
    assert printed(capsys, chapter12.one_step, answer).startswith("… Not answered yet")


def test_a_function_without_a_body_is_not_answered_yet(capsys):
    assert printed(capsys, chapter12.filter_velocity, lambda y, t, s2, e2: ...).startswith("… Not answered yet")


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter12.one_step, (1, 2)),
        (chapter12.one_step, (torch.tensor(1.01), 1.97)),
        (chapter12.filter_velocity, regressed),
        (chapter12.filter_velocity, lambda y, t, s2, e2: y * t / (s2 / e2 + t * t)),
        (chapter12.flicker, 2.5),
        (chapter12.flicker, torch.tensor(6.0)),
    ],
)
def test_right_answers(capsys, check, answer):
    assert printed(capsys, check, answer) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((2, 1), "the wrong way round"),
        ((0, 2), "nobody knows that"),
        ((1, 0), "nobody knows that"),
        ((1.5, 2), "Where do the lines from there end"),
        ((1, 1), "lead back to the mean"),
        ((1, 4), "two independent draws"),
    ],
)
def test_hints_on_the_steps(capsys, answer, hint):
    assert hint in printed(capsys, chapter12.one_step, answer)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda y, t, s2, e2: e2 / (s2 + t**2 * e2) * y, "the factor t is missing"),
        (lambda y, t, s2, e2: t * e2 / (s2 + t * e2) * y, "enters it with t²"),
        (lambda y, t, s2, e2: t**2 * e2 / (s2 + t**2 * e2) * y, "travelled so far"),
        (lambda y, t, s2, e2: s2 / (s2 + t**2 * e2) * y, "that is E[ĉ | y]"),
        (lambda y, t, s2, e2: t * s2 / (s2 + t**2 * e2) * y, "regresses ĉ, not e"),
        (lambda y, t, s2, e2: ((s2 + t**2 * e2) / s2) ** 0.5 * y, "How fast do they move"),
        (lambda y, t, s2, e2: 7.0 * y, "Cov(e, y) / Var(y)"),
        (lambda y, t, s2, e2: t * e2 / (s2 + t**2 * e2), "needs y's own"),
    ],
)
def test_hints_on_the_filter(capsys, function, hint):
    assert hint in printed(capsys, chapter12.filter_velocity, function)


@pytest.mark.parametrize(
    ("answer", "hint"), [(0.3, "upside down"), (1.0, "really new in every frame"), (100, "mean absolute differences")]
)
def test_hints_on_the_flicker(capsys, answer, hint):
    assert hint in printed(capsys, chapter12.flicker, answer)


def test_a_raising_answer_does_not_raise(capsys):
    def broken(y, t, s2, e2):
        raise RuntimeError("no such thing")

    assert "RuntimeError: no such thing" in printed(capsys, chapter12.filter_velocity, broken)
