"""The checks of chapter 02's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import math

import pytest
import torch

from vaelib import priors
from vaelib.course.exercises import chapter02


def first_line(check, answer, capsys: pytest.CaptureFixture[str]) -> str:
    check(answer)
    return capsys.readouterr().out


def draw(codes: torch.Tensor, n: int) -> torch.Tensor:
    return codes.mean(0) + codes.std(0) * torch.randn(n, codes.shape[1])


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter02.midpoint, math.sqrt(32)),
        (chapter02.midpoint, 5.6),
        (chapter02.midpoint, torch.tensor(5.66)),
        (chapter02.diagonal, draw),
        (chapter02.components, 10),
        (chapter02.components, 5),
    ],
)
def test_right_answers_pass(check, answer, capsys) -> None:
    assert first_line(check, answer, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (8, "the norm of a draw"),
        (4, "halving a sum"),
        (11.3, "distance between the two draws"),
        (32, "squared norm"),
        (0, "opposite directions"),
        (100, "variance of one coordinate"),
    ],
)
def test_midpoint_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter02.midpoint, answer, capsys)


@pytest.mark.parametrize(
    ("sample", "hint"),
    [
        (lambda codes, n: draw(codes, 10), "should be (4000, 3)"),
        (lambda codes, n: codes.std(0) * torch.randn(n, 3), "centred on the origin"),
        (lambda codes, n: codes.mean() + codes.std(0) * torch.randn(n, 3), "not the mean of the codes"),
        (lambda codes, n: codes.mean(0) + codes.var(0) * torch.randn(n, 3), "scaled by the variance"),
        (lambda codes, n: codes.mean(0) + codes.std() * torch.randn(n, 3), "have the same scale"),
        (lambda codes, n: codes.mean(0) + codes.std(0) * torch.rand(n, 3), "standard deviations of your draws"),
        (lambda codes, n: codes.mean(0) + codes.std(0) * torch.randn(n, 1), "move together"),
        (lambda codes, n: priors.Gaussian().fit(codes).sample(n), "kept the correlations"),
    ],
)
def test_diagonal_hints_at_the_mistake(sample, hint, capsys) -> None:
    assert hint in first_line(chapter02.diagonal, sample, capsys)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(40, "it was fitted to"), (1, "less well than more would"), (13, "one of the numbers")],
)
def test_components_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter02.components, answer, capsys)


def test_says_when_the_function_has_no_body_yet(capsys) -> None:
    assert "Not answered yet" in first_line(chapter02.diagonal, lambda codes, n: ..., capsys)


def test_checking_leaves_the_readers_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    chapter02.diagonal(draw)
    assert torch.equal(torch.rand(1), expected)
