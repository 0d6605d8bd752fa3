"""The exercises of chapter 08, *Interpolation and attribute arithmetic*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

TRACE, WITH, WITHOUT = 123, 33, 467  # of the codes' covariance; held-out images with glasses, and without
LENGTH = math.sqrt(TRACE * (1 / WITH + 1 / WITHOUT))  # 2.0
RANDOM_STATE = 8  # of the codes that the direction is tried on

Direction = Callable[[Tensor, Tensor, Tensor], Tensor]


@exercise
def length_of_nothing(answer: float) -> str | None:
    """The root-mean-square length of the mean difference between 33 and 467 codes with random labels."""
    hints = {
        0.0: "the two means estimate the same point, but from few codes. How far is each of them off?",
        LENGTH**2: "that is the mean squared length. Take its root.",
        math.sqrt(TRACE / (WITH + WITHOUT)): "that is how far the mean of all 500 codes is off. Which two means are "
        "subtracted here, and of how many codes is each?",
        math.sqrt(TRACE): "that is a code's distance from the mean. A mean of n codes is nearer by a factor of √n.",
        LENGTH / math.sqrt(128): "that is for one coordinate, and there are 128.",
    }
    if abs(answer - LENGTH) < 0.1:
        return None
    nearest = min(hints, key=lambda wrong: abs(answer - wrong))
    if abs(answer - nearest) < 0.06:
        return hints[nearest]
    return "a mean of n codes has the covariance C / n. What is that of the difference of two independent means?"


@exercise
def balanced(direction: Direction) -> str | None:
    """A function of mu (N, d), has (N,) and others (N, k) that gives every kind of face equal weight: (d,)."""
    mu, has, others = _lopsided_codes()
    answer = given(direction(mu, has, others))
    if answer.shape != mu.shape[1:]:
        return f"from codes {tuple(mu.shape)} the direction should be {tuple(mu.shape[1:])}, not {tuple(answer.shape)}."
    if answer.isnan().any():
        return "some kinds of faces occur only with the attribute, or only without it: leave them out."
    wanted = _differences(mu, has, others)
    if torch.allclose(answer, wanted.mean(0), atol=1e-4):
        return None
    return _what_it_is_instead(answer, wanted, mu, has, others)


def _what_it_is_instead(answer: Tensor, differences: Tensor, mu: Tensor, has: Tensor, others: Tensor) -> str:
    """The hint that fits a wrong direction."""
    wanted = differences.mean(0)
    wrong = {
        "this is the difference of the two class means, with everything that goes along. Group the faces first.": (
            mu[has].mean(0) - mu[~has].mean(0)
        ),
        "it points the wrong way: from without the attribute to with it.": -wanted,
        "right direction, wrong length: a strength of 1 leads from the one mean to the other. Do not normalise.": (
            wanted / wanted.norm()
        ),
        "you have added up the kinds of faces. Take the mean over them.": differences.sum(0),
        "frequent kinds of faces count more than rare ones in yours. Give every kind the same weight.": (
            _by_frequency(mu, has, others)
        ),
        "divide the sum of each cell by the number of faces in that cell.": _divided_by_all(mu, has, others),
    }
    for hint, direction in wrong.items():
        if torch.allclose(answer, direction, atol=1e-4):
            return hint
    return "take the faces that agree in all of `others`, subtract their two means, and average over the kinds."


def _lopsided_codes() -> tuple[Tensor, Tensor, Tensor]:
    """Codes (600, 5), labels (600,) of an attribute, and labels (600, 2) of two others that are correlated with it.

    One kind of face never has the attribute, and its effect differs between kinds, so their weights matter.
    """
    stream = torch.Generator().manual_seed(RANDOM_STATE)
    others = torch.rand(600, 2, generator=stream) < torch.tensor([0.3, 0.6])
    has = torch.rand(600, generator=stream) < 0.15 + 0.5 * others[:, 0] + 0.2 * others[:, 1]
    has &= others.any(1)  # never seen where both others are absent
    effects = torch.tensor([[0.0, 2.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 3.0, 0.0]])
    mu = torch.randn(600, 5, generator=stream) + others.float() @ effects
    mu[:, 4] += has * (2 + 3 * others[:, 0])
    return mu, has, others


def _kinds(others: Tensor) -> list[Tensor]:
    """A mask (N,) for each kind of face; the faces of a kind agree in all of `others`."""
    return [(others == kind).all(1) for kind in others.unique(dim=0)]


def _differences(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    """Mean with minus mean without the attribute, of each kind of face that has both: (kinds, d)."""
    pairs = [(mu[kind & has], mu[kind & ~has]) for kind in _kinds(others)]
    return torch.stack([w.mean(0) - without.mean(0) for w, without in pairs if len(w) and len(without)])


def _by_frequency(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    both = [kind for kind in _kinds(others) if has[kind].any() and not has[kind].all()]
    weights = torch.stack([kind.sum() for kind in both]).float()
    return weights / weights.sum() @ _differences(mu, has, others)


def _divided_by_all(mu: Tensor, has: Tensor, others: Tensor) -> Tensor:
    """A mistake: the sums of each kind are divided by the number of all faces with (or without) the attribute."""
    both = [kind for kind in _kinds(others) if has[kind].any() and not has[kind].all()]
    sums = [mu[kind & has].sum(0) / has.sum() - mu[kind & ~has].sum(0) / (~has).sum() for kind in both]
    return torch.stack(sums).mean(0)


@exercise
def strength_within_budget(answer: float) -> str | None:
    """The largest strength at which the unmixed smile leaks at most 0.1."""
    if 1.7 <= answer <= 2.0:
        return None
    if 1.55 <= answer < 1.7:
        return "that is where the plain class means reach 0.1. The unmixed direction goes further."
    if answer < 1.55:
        return "the leakage is still below 0.1 there: go on."
    return "beyond 2 the leakage is above 0.1 already: try strengths between 1 and 2.5, and interpolate."
