"""The checks of chapter 08's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vaelib.course.exercises import chapter08


def first_line(check, answer, capsys: pytest.CaptureFixture[str]) -> str:
    check(answer)
    return capsys.readouterr().out


def by_kind(mu: Tensor, has: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The difference of means within each kind of face that has both, (kinds, d), and the kind's faces, (kinds,)."""
    differences, faces = [], []
    for kind in others.unique(dim=0):
        same = (others == kind).all(1)
        if (same & has).any() and (same & ~has).any():
            differences.append(mu[same & has].mean(0) - mu[same & ~has].mean(0))
            faces.append(same.sum().float())
    return torch.stack(differences), torch.stack(faces)


def balanced(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    return by_kind(mu, has, others)[0].mean(0)


def by_frequency(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    differences, faces = by_kind(mu, has, others)
    return (faces[:, None] * differences).sum(0) / faces.sum()


def empty_cells_kept(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    kinds = [(others == kind).all(1) for kind in others.unique(dim=0)]
    return torch.stack([mu[same & has].mean(0) - mu[same & ~has].mean(0) for same in kinds]).mean(0)


def divided_by_all(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    kinds = [(others == kind).all(1) for kind in others.unique(dim=0)]
    sums = [
        mu[same & has].sum(0) / has.sum() - mu[same & ~has].sum(0) / (~has).sum()
        for same in kinds
        if (same & has).any() and (same & ~has).any()
    ]
    return torch.stack(sums).mean(0)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter08.length_of_nothing, math.sqrt(123 * (1 / 33 + 1 / 467))),
        (chapter08.length_of_nothing, 2),
        (chapter08.length_of_nothing, torch.tensor(1.97)),
        (chapter08.balanced, balanced),
        (chapter08.strength_within_budget, 1.8),
    ],
)
def test_right_answers_pass(check, answer, capsys) -> None:
    assert first_line(check, answer, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (0, "from few codes"),
        (3.99, "mean squared length"),
        (0.496, "all 500 codes"),
        (11.1, "a code's distance from the mean"),
        (0.177, "for one coordinate"),
        (30, "covariance C / n"),
    ],
)
def test_length_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter08.length_of_nothing, answer, capsys)


@pytest.mark.parametrize(
    ("direction", "hint"),
    [
        (lambda mu, has, others: mu[has].mean(0) - mu[~has].mean(0), "difference of the two class means"),
        (lambda mu, has, others: -balanced(mu, has, others), "the wrong way"),
        (lambda mu, has, others: torch.nn.functional.normalize(balanced(mu, has, others), dim=0), "wrong length"),
        (lambda mu, has, others: by_kind(mu, has, others)[0].sum(0), "Take the mean over them"),
        (by_frequency, "the same weight"),
        (divided_by_all, "number of faces in that cell"),
        (empty_cells_kept, "leave them out"),
        (lambda mu, has, others: by_kind(mu, has, others)[0], "should be (5,)"),
        (lambda mu, has, others: mu.mean(0), "average over the kinds"),
    ],
)
def test_balanced_hints_at_the_mistake(direction, hint, capsys) -> None:
    assert hint in first_line(chapter08.balanced, direction, capsys)


@pytest.mark.parametrize(
    ("answer", "hint"), [(1.6, "plain class means"), (1.0, "still below"), (2.5, "above 0.1 already")]
)
def test_strength_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter08.strength_within_budget, answer, capsys)


def test_the_codes_of_the_check_distinguish_the_wrong_answers() -> None:
    mu, has, others = chapter08._lopsided_codes()
    makers = (balanced, by_frequency, divided_by_all)
    answers = [make(mu, has, others) for make in makers] + [mu[has].mean(0) - mu[~has].mean(0)]
    distances = torch.pdist(torch.stack(answers))
    assert distances.min() > 0.1


def test_says_when_the_function_has_no_body_yet(capsys) -> None:
    assert "Not answered yet" in first_line(chapter08.balanced, lambda mu, has, others: ..., capsys)
