"""The checks of chapter 05's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vaelib import priors
from vaelib.course.exercises import chapter05


def first_line(check, answer, capsys: pytest.CaptureFixture[str]) -> str:
    check(answer)
    return capsys.readouterr().out


def sigma(logvar: Tensor) -> Tensor:
    return (0.5 * logvar).exp()


def spread(mu: Tensor, logvar: Tensor) -> Tensor:
    return (mu.var(0) + logvar.exp().mean(0)).sqrt()


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter05.tiling_clouds, math.log(100)),
        (chapter05.tiling_clouds, 4.6),
        (chapter05.tiling_clouds, torch.tensor(100.0).log()),
        (chapter05.aggregate_std, spread),
        (chapter05.aggregate_std, lambda mu, logvar: priors.Gaussian().fit(mu, logvar).covariance.diag().sqrt()),
        (chapter05.aggregate_std, lambda mu, logvar: (mu.var(0, correction=0) + logvar.exp().mean(0)).sqrt()),
        (chapter05.best_temperature, 2),
        (chapter05.best_temperature, 1.8),
    ],
)
def test_right_answers_pass(check, answer, capsys) -> None:
    assert first_line(check, answer, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (math.log2(100), "number of bits"),
        (100, "number of faces"),
        (0, "do not overlap"),
        (2, "to the base 10"),
        (55.4, "that is the mismatch"),
        (60, "a hundredth of q(z | x)"),
    ],
)
def test_tiling_clouds_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter05.tiling_clouds, answer, capsys)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda mu, logvar: spread(mu, logvar)[:, None], "should be (3,)"),
        (lambda mu, logvar: spread(mu, logvar).square(), "asks for its root"),
        (lambda mu, logvar: mu.std(0), "spread of the means alone"),
        (lambda mu, logvar: logvar.exp().mean(0).sqrt(), "width of a typical cloud"),
        (lambda mu, logvar: mu.std(0) + sigma(logvar).mean(0), "do not add up"),
        (lambda mu, logvar: (mu.var(0) + sigma(logvar).mean(0)).sqrt(), "a standard deviation to a variance"),
        (lambda mu, logvar: (mu.var(0) + logvar.mean(0)).sqrt(), "logarithm of the variance"),
        (lambda mu, logvar: (mu.var(0) + sigma(logvar).mean(0).square()).sqrt(), "square of the mean"),
        (lambda mu, logvar: (mu.var(0) + logvar.exp()).sqrt().mean(0), "root last"),
        (lambda mu, logvar: torch.ones(3), "Which two variances"),
    ],
)
def test_aggregate_std_hints_at_the_mistake(function, hint, capsys) -> None:
    assert hint in first_line(chapter05.aggregate_std, function, capsys)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(0.7, "look calm"), (1.0, "the nats prefer"), (1.4, "A little more variety"), (2.8, "even along the longest")],
)
def test_best_temperature_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter05.best_temperature, answer, capsys)


def test_says_when_the_function_has_no_body_yet(capsys) -> None:
    assert "Not answered yet" in first_line(chapter05.aggregate_std, lambda mu, logvar: ..., capsys)


def test_checking_leaves_the_readers_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    chapter05.aggregate_std(spread)
    assert torch.equal(torch.rand(1), expected)
