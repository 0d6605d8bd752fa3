"""Checks of the exercises of chapter 01, the autoencoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import exercise, given

NOISE_LEVEL = (0.05, 0.08)  # a range, because networks may be trained longer or shorter than the chapter's


@exercise
def narrowest_layer(answer: int) -> str | None:
    """The rank of a linear autoencoder with layers of widths 3072, 64, 8, 64 and 3072."""
    if answer == 8:
        return None
    return {
        64: "the layer of width 64 is followed by a narrower one, and information that does not pass there is lost.",
        3072: "the output has 3072 values, but all of them are computed from a few.",
    }.get(answer, "multiply the matrices into one. What is the largest rank that the product can have?")


@exercise
def dimensions_needed(answer: Callable[[Tensor, float], int]) -> str | None:
    """A function from eigenvalues, the largest first, and a share to the number of components that keep that share."""
    eigenvalues = torch.tensor([6.0, 2.0, 1.0, 0.5, 0.5])  # keep 60 %, 80 %, 90 %, 95 % and 100 %
    expected = {0.5: 1, 0.7: 2, 0.85: 3, 0.99: 5}
    found = {share: given(answer(eigenvalues, share)) for share in expected}
    if found == expected:
        return None
    if all(found[share] == d - 1 for share, d in expected.items()):
        return "one too few each time. Entry d − 1 of a cumulative sum is what d components keep."
    if all(found[share] == d + 1 for share, d in expected.items()):
        return "one too many each time. Count the sums that are too small, and add one."
    if set(found.values()) == {5}:
        return "you begin with the smallest eigenvalue. The largest comes first and keeps the most."
    if len(set(found.values())) == 1:
        return "divide by the sum of all eigenvalues, because a share lies between 0 and 1."
    share = next(share for share in expected if found[share] != expected[share])
    return f"of {eigenvalues.tolist()}, {expected[share]} keep a share of {share}; your function says {found[share]}."


@exercise
def noise_level(answer: float) -> str | None:
    """The standard deviation of noise at which the autoencoder's output has the same error as its input."""
    low, high = NOISE_LEVEL
    if low <= answer <= high:
        return None
    if answer > 1:
        return "the pixels lie between 0 and 1, and so does s. Divide grey levels by 255."
    if low <= answer**0.5 <= high:
        return "that is the squared error at which the two are equal. Which s has this square?"
    if answer < low:
        return "with so little noise the input is still better than the output. Try more."
    return "with so much noise the output is already better than the input. Try less."
