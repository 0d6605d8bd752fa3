"""The learning rate of everything that is trained here: the models, the flow, the attribute classifier."""

from __future__ import annotations

import math

import torch

RISING_SHARE = 0.1  # of all steps, in which the learning rate rises to its peak


def set_learning_rate(optimizer: torch.optim.Optimizer, peak: float, done: float) -> None:
    """Follow the schedule: a straight rise to `peak`, then half a cosine to zero; `done` in [0, 1] is the share done.

    It is the one cycle of Smith & Topin 2017, falling along the cosine of Loshchilov & Hutter 2017. It depends on
    nothing but `done`, so a resumed run needs no memory of it.
    """
    rising = done / RISING_SHARE
    falling = 0.5 * (1 + math.cos(math.pi * (done - RISING_SHARE) / (1 - RISING_SHARE)))
    for group in optimizer.param_groups:
        group["lr"] = peak * (max(rising, 0.01) if done < RISING_SHARE else falling)
