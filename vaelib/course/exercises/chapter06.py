"""The exercises of chapter 06, *Natural images: CIFAR-10*."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ... import losses, metrics, runs
from . import exercise, given

SHAPE = (3, 32, 32)
FEWER_THAN = 5.6  # bits per dimension; the photographs that the model was trained on take 6.2
LEVELS_DIFFER = 0.01  # bits by which log2(255), the width of a cell between k/255 and (k + 1)/255, may differ from 8


@exercise
def faded(answer: float) -> str | None:
    """The share of gradient energy at t = 1/4 of a cross-fade between two uncorrelated pictures."""
    hints = {
        1.0: "the weights of the two pictures add up to 1, but the energy goes with their squares.",
        0.5: "that is what is left in the middle, at t = 1/2.",
        0.5625: "that is the part of the first picture. The second one has some energy, too.",
        0.75: "the first picture has the weight 3/4. What is the energy of 3/4 of a picture?",
        math.sqrt(0.625): "that is the length of the gradient. The energy is its square.",
        0.375: "that is what is lost.",
    }
    if abs(answer - 0.625) < 0.02:
        return None
    nearest = min(hints, key=lambda wrong: abs(answer - wrong))
    return (
        hints[nearest] if abs(answer - nearest) < 0.02 else "put t = 1/4 into the formula, with a scalar product of 0."
    )


@exercise
def bits(function: Callable[[float, int], float]) -> str | None:
    """Bits per dimension from nats per image of pixels scaled to [0, 1]."""
    log_density, dimensions = 3778.0, 3072
    answer = float(given(function(log_density, dimensions)))
    saved = log_density / dimensions / math.log(2)
    hints = {
        8 + saved: "the sign: a higher log-density means fewer bits.",
        -saved: "a density becomes a probability over a cell, one grey level wide: 256 of them fit into [0, 1].",
        saved: "the sign, and the 256 grey levels: a density becomes a probability over a cell of width 1/256.",
        8 - log_density / dimensions: "these are nats: how many bits is a nat?",
        8 - log_density / dimensions * math.log(2): "a nat is 1 / log 2 bits, more than one.",
        8 - log_density / math.log(2): "per dimension: divide the bits of the image by the number of its dimensions.",
        8 - 3 * saved: "the three colours of a pixel are three dimensions.",
        1 - saved / 8: "the 8 is added, because each dimension costs 8 bits before anything is known.",
    }
    if abs(answer - (8 - saved)) < LEVELS_DIFFER:
        return _other_sizes(function)
    nearest = min(hints, key=lambda wrong: abs(answer - wrong))
    return (
        hints[nearest]
        if abs(answer - nearest) < 0.005
        else f"3778 nats for 3072 numbers are 6.23 bits, not {answer:.4g}."
    )


def _other_sizes(function: Callable[[float, int], float]) -> str | None:
    expected = 8 - 15080 / 12288 / math.log(2)
    if abs(float(given(function(15080.0, 12288))) - expected) < LEVELS_DIFFER:
        return None
    return "right for 32 pixels a side. Use `dimensions`, so that it is right for 64, too."


@exercise
def cheap_picture(picture: Tensor) -> str | None:
    """A picture of more than one colour to which the CIFAR-10 model gives a higher density than to photographs."""
    picture = torch.as_tensor(picture).detach().cpu().float()
    if picture.shape != SHAPE:
        return f"a picture is a tensor of shape {SHAPE}, yours has {tuple(picture.shape)}."
    if not (picture.min() >= 0 and picture.max() <= 1):
        return "its values should lie between 0 and 1."
    if (picture.flatten(1).std(1) < 0.01).all():
        return "that is a single colour, or nearly. Let something change across the picture."
    cost = _bits_of(picture)
    if cost < FEWER_THAN:
        return None
    if cost > 8:
        return f"{cost:.1f} bits per dimension: the decoder cannot generate such detail. What can it generate?"
    return f"{cost:.2f} bits per dimension, and fewer than {FEWER_THAN} are asked for. Make it smoother."


@torch.no_grad()
def _bits_of(picture: Tensor) -> float:
    """Bits per dimension from the ELBO of the shipped model, estimated from 16 draws of z."""
    model, sigma = runs.load("cifar10").model, runs.load("cifar10").statistics.sigma
    x = picture.expand(16, *SHAPE)
    x_hat, mu, logvar = model(x, torch.Generator().manual_seed(0))
    elbo = losses.elbo(x, x_hat, mu, logvar, losses.Gaussian(sigma)).mean().item()
    return metrics.bits_per_dim(elbo, picture.numel())
