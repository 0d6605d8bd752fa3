"""The checks of chapter 11's exercises: right answers pass, likely mistakes get their hint, nothing raises."""

from __future__ import annotations

import pytest
import torch

from vaelib.course.exercises import chapter11


def printed(capsys, check, answer) -> str:
    check(answer)
    return capsys.readouterr().out


def least_squares(c, c_hat):
    """Independent of the exercise's formula: by torch's solver."""
    return torch.linalg.lstsq(c_hat.reshape(-1, 1), c.reshape(-1, 1)).solution.item()


@pytest.mark.parametrize("answer", [(..., ...), (2, ...), (..., 4 / 3)])
def test_half_an_answer_is_not_answered_yet(capsys, answer):
    assert printed(capsys, chapter11.gain_and_price, answer).startswith("… Not answered yet")


def test_a_function_without_a_body_is_not_answered_yet(capsys):
    assert printed(capsys, chapter11.wiener_gain, lambda c, c_hat: ...).startswith("… Not answered yet")


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter11.euler_steps, 16),
        (chapter11.gain_and_price, (2, 4 / 3)),
        (chapter11.gain_and_price, (torch.tensor(2.003), torch.tensor(1.33))),
        (chapter11.wiener_gain, least_squares),
        (chapter11.wiener_gain, lambda c, c_hat: (c * c_hat).sum() / (c_hat**2).sum()),
    ],
)
def test_right_answers(capsys, check, answer):
    assert printed(capsys, check, answer) == "✓ Correct.\n"


@pytest.mark.parametrize(("steps", "hint"), [(1, "single step"), (8, "Try more"), (64, "smallest power")])
def test_hints_on_the_steps(capsys, steps, hint):
    assert hint in printed(capsys, chapter11.euler_steps, steps)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((4, 4 / 3), "take the root"),
        ((3, 4 / 3), "and of the error"),
        ((3**0.5, 4 / 3), "have the power s² + e²"),
        ((1, 4 / 3), "the gain is the root of"),
        ((2, 2), "the limit, not the value"),
        ((2, 4), "only the reconstruction is amplified"),
        ((2, 7 / 3), "not by g ĉ"),
        ((2, 1 / 3), "added to the error"),
        ((2, 1), "How many times e²"),
    ],
)
def test_hints_on_the_gain(capsys, answer, hint):
    assert hint in printed(capsys, chapter11.gain_and_price, answer)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda c, c_hat: (c.square().mean() / c_hat.square().mean()).sqrt(), "restores the power"),
        (lambda c, c_hat: (c * c_hat).mean() / c.square().mean(), "whose power"),
        (lambda c, c_hat: (c * c_hat).mean(), "the numerator"),
        (lambda c, c_hat: (c / c_hat).mean(), "mean of the ratios"),
        (lambda c, c_hat: c.mean() / c_hat.mean(), "ratio of means"),
        (lambda c, c_hat: 7.0, "with respect to g"),
    ],
)
def test_hints_on_the_wiener_gain(capsys, function, hint):
    assert hint in printed(capsys, chapter11.wiener_gain, function)


def test_a_raising_answer_does_not_raise(capsys):
    def broken(c, c_hat):
        raise RuntimeError("no such thing")

    assert "RuntimeError: no such thing" in printed(capsys, chapter11.wiener_gain, broken)
