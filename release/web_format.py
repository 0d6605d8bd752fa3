"""How weights are written for the page: each a small integer, and each integer one character of a script.

A page that was opened from a disk may not fetch a file, but it may load a script. The integers are those of
quantisation: a column of a weight matrix is its largest absolute value times integers / levels. The commonest
integers 0, −1, 1, −2, 2, … are the characters that take one byte in UTF-8, the others take two bytes. A million weights
take 1.1 to 1.2 MB, where base64 would take 1.3 MB. `book/_static/live/vaelib.js` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

FORBIDDEN = {0, 10, 13, 34, 92}  # what ends a string of JavaScript or has a special meaning in it
CODES = [code for code in range(2048) if code not in FORBIDDEN]  # the characters of one or two bytes
DIGIT = 1000  # a number that needs six digits is two integers, of which the first counts thousands

# The largest integer in layers of at least so many weights. Large layers take most of the space. Errors of the small
# ones, which are the last of a decoder, are seen most.
LEVELS = ((300_000, 124), (50_000, 250), (0, 950))

MOST_LEVELS = len(CODES) // 2 - 1


@dataclass
class Writer:
    """The characters of all arrays that were added, in order. Each method returns what the reader has to know."""

    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All characters."""
        return "".join(self.parts)

    def numbers(self, values: Tensor) -> dict[str, Any]:
        """Add numbers of six digits."""
        flat = values.detach().double().flatten().numpy()
        largest = float(np.abs(flat).max(initial=0)) or 1.0
        fixed = np.round(flat / largest * DIGIT**2 / 2).astype(int)
        thousands = np.round(fixed / DIGIT).astype(int)
        self._add(np.stack([thousands, fixed - DIGIT * thousands], 1))
        return {"count": len(flat), "largest": largest}

    def layer(self, layer: Layer) -> dict[str, Any]:
        """Add the scales, the integers and the bias of a layer."""
        if layer.weights is None:
            return layer.about
        integers, scales = quantised(layer)
        about = {"inner": len(integers), "columns": integers.shape[1], "levels": layer.levels}
        scales_about = self.numbers(scales)
        self._add(integers.numpy().astype(int))
        return layer.about | about | {"scales": scales_about, "bias": self.numbers(layer.bias)}

    def _add(self, integers: np.ndarray) -> None:
        ranks = np.where(integers < 0, -2 * integers - 1, 2 * integers).flatten()
        self.parts.append("".join([chr(CODES[rank]) for rank in ranks]))


@dataclass
class Layer:
    """A layer of `vaelib.js`: its kind and its activation, its weights (inner, columns), and a bias per channel.

    `finer` multiplies the number of levels of its weights.
    """

    kind: str
    then: str
    weights: Tensor | None = None
    bias: Tensor | None = None
    size: int = 1  # pixels a side of the map that a linear layer gives
    finer: float = 1.0

    @property
    def about(self) -> dict[str, Any]:
        """What the reader has to know besides the weights."""
        return {"kind": self.kind, "then": self.then, "size": self.size}

    @property
    def levels(self) -> int:
        """The largest integer among the weights."""
        levels = next(levels for least, levels in LEVELS if self.weights.numel() >= least)
        return min(MOST_LEVELS, round(levels * self.finer))


def quantised(layer: Layer) -> tuple[Tensor, Tensor]:
    """The integers (inner, columns) of a layer, and the largest absolute value of each column."""
    scales = layer.weights.abs().amax(0).clamp(min=1e-12)
    return (layer.weights / scales * layer.levels).round(), scales


def rounded(layer: Layer) -> Layer:
    """The layer that the page gets."""
    if layer.weights is None:
        return layer
    integers, scales = quantised(layer)
    return replace(layer, weights=integers * scales / layer.levels)


ACTIVATIONS = {
    "none": lambda x: x,
    "relu": F.relu,
    "leaky": lambda x: F.leaky_relu(x, 0.2),
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
}


def run(layers: list[Layer], x: Tensor) -> Tensor:
    """What the page computes from vectors (B, n) or maps (B, C, H, W): the same, in double precision."""
    for layer in layers:
        x = ACTIVATIONS[layer.then](_linear_part(layer, x))
    return x


def _linear_part(layer: Layer, x: Tensor) -> Tensor:
    if layer.kind == "mean":
        return x.mean((2, 3))
    weights, bias = layer.weights, layer.bias
    if layer.kind == "linear":
        flat = x if x.dim() == 2 else x.permute(0, 2, 3, 1).flatten(1)
        y = flat @ weights + bias.repeat(weights.shape[1] // len(bias))
        return y if layer.size == 1 else y.unflatten(1, (layer.size, layer.size, -1)).permute(0, 3, 1, 2)
    if layer.kind == "convolution":
        kernel = weights.unflatten(0, (4, 4, -1)).permute(3, 2, 0, 1)
        return F.conv2d(x, kernel, bias, stride=2, padding=1)
    kernel = weights.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=1)
