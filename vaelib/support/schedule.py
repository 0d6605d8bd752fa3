"""The learning-rate schedule of all training: models, flow and attribute classifier."""

from __future__ import annotations

import math

import torch

RISING_SHARE = 0.1  # the share of all steps in which the learning rate rises to its peak


def set_learning_rate(optimizer: torch.optim.Optimizer, peak: float, done: float) -> None:
    """Set the learning rate: a linear rise to `peak`, then half a cosine to zero. `done` in [0, 1] is the share done.

    This is the one-cycle schedule of Smith & Topin 2017, with the cosine of Loshchilov & Hutter 2017. It depends only
    on `done`, so a resumed run needs no stored state for it.
    """
    rising = done / RISING_SHARE
    falling = 0.5 * (1 + math.cos(math.pi * (done - RISING_SHARE) / (1 - RISING_SHARE)))
    for group in optimizer.param_groups:
        group["lr"] = peak * (max(rising, 0.01) if done < RISING_SHARE else falling)
