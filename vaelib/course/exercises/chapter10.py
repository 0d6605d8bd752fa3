"""The exercises of chapter 10, *Judging a generator*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

REAL = 1000  # faces in the real set of the first exercise
FEW = (100, 230)  # pictures in a set of real faces that is as far from others as the reconstructions are


@exercise
def one_face(answer: tuple[float, float]) -> str | None:
    """Precision and recall of a thousand copies of one real face."""
    precision, recall = (float(given(share)) for share in answer)
    if recall > 0.5 >= precision:
        return "the right way to see it, the wrong way round: precision is the share of generated pictures."
    if not math.isclose(precision, 1, abs_tol=0.02):
        return "each copy is a real face, so it lies at the centre of a real face's ball."
    if recall > 0.5:
        return "recall asks how many real faces lie near generated ones. How far do the balls of copies reach?"
    if not math.isclose(recall, 0, abs_tol=2 / REAL):
        return (
            "the third neighbour of a copy is another copy, at distance 0. Which real faces lie in a ball of radius 0?"
        )
    return None


@exercise
def importance_bound(function: Callable[[Tensor], Tensor]) -> str | None:
    """The importance-weighted bound (B,) of log-weights (k, B)."""
    log_weights = 3800 + 5 * torch.randn(20, 6, generator=torch.Generator().manual_seed(0))  # those of faces
    k, images = log_weights.shape
    answer = given(function(log_weights))
    if answer.shape != (images,):
        return f"20 draws of 6 images should give one bound an image, (6,), yours is {tuple(answer.shape)}."
    total = torch.logsumexp(log_weights, 0)
    if torch.allclose(answer, total - math.log(k), atol=1e-2, rtol=0):
        return None
    if not answer.isfinite().all():
        return "e^3800 is no floating-point number. Take the largest log-weight out first, as torch.logsumexp does."
    mistakes = {
        "this is the logarithm of the sum of the weights. The bound takes their mean: what is missing?": total,
        "the mean of the logarithms is the ELBO: average the weights first, then take the logarithm.": log_weights.mean(
            0
        ),
        "this divides the logarithm by k. The logarithm of a sum divided by k is something else.": total / k,
        "you have added log k. A mean is smaller than a sum.": total + math.log(k),
        "the largest weight alone: the others count, too, and then comes the mean.": log_weights.amax(0),
    }
    hints = [hint for hint, value in mistakes.items() if torch.allclose(answer, value, atol=1e-2, rtol=0)]
    return hints[0] if hints else "it is log (1/k) Σ w, with log w given: which step is another?"


@exercise
def perfect_and_few(answer: int) -> str | None:
    """The number of real faces in each of two sets that are as far apart as reconstructions are from real faces."""
    fewest, most = FEW
    if fewest <= answer <= most:
        return None
    if answer == REAL:
        return "that many real faces are much nearer than the reconstructions: the bias falls like 1 / N."
    if answer > most:
        return "so many real faces are nearer than the reconstructions: the bias falls like 1 / N. Take fewer."
    if answer < 1:
        return "it is a number of pictures."
    return "so few real faces are farther apart than that: the bias grows like 1 / N. Take more."
