"""The pixel flow for the page: its layers as `book/_static/live/detail.js` reads them, and what rounding changes."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from release.web_format import Layer, rounded
from vaelib.runs import Run
from vaelib.support.errors import UserError

FINER = 0.25  # nearly all integers take one byte, so the script stays below 1.9 MB


def layers_of(run: Run) -> dict[str, Any]:
    """The layers of the run's U-Net by their names in `vaelib.detail.UNet`, and sigma.

    Raises `UserError` for images of more than 64 pixels a side, because the page takes no blocks of pixels together.
    """
    network = run.detail.network
    if network.patch > 1:
        raise UserError("The page computes pixel flows of at most 64 pixels a side, and this one has more.")
    norm, _, outlet = network.outlet
    return {
        "sigma": torch.tensor([run.detail.sigma]),
        "time": [layer_of(network.time[0], "silu"), layer_of(network.time[2], "silu")],
        "inlet": layer_of(network.inlet),
        "left": [block(one) for one in network.left],
        "halve": [layer_of(one) for one in network.halve],
        "middle": [block(one) for one in network.middle],
        "narrow": [layer_of(one) for one in network.narrow],
        "right": [block(one) for one in network.right],
        "norm": scale_and_shift(norm),
        "outlet": layer_of(outlet),
        "straight": layer_of(network.straight),
    }


def block(module: nn.Module) -> dict[str, Any]:
    """The layers of a block of the U-Net."""
    return {
        "norms": [scale_and_shift(module.norm_first), scale_and_shift(module.norm_second)],
        "first": layer_of(module.first),
        "second": layer_of(module.second),
        "time": layer_of(module.time),
    }


def scale_and_shift(norm: nn.LayerNorm) -> dict[str, Tensor]:
    """The learned numbers of a normalisation, one of each per channel."""
    return {"weight": norm.weight, "bias": norm.bias}


def layer_of(module: nn.Conv2d | nn.Linear, then: str = "none") -> Layer:
    """A convolution with its weights (row and column of the kernel and channel, new channel), or a linear layer."""
    weights = module.weight.double()
    if isinstance(module, nn.Linear):
        return Layer("linear", then, weights.T, module.bias.double(), finer=FINER)
    return Layer("convolution", then, weights.permute(2, 3, 1, 0).flatten(0, 2), module.bias.double(), finer=FINER)


def rounded_network(network: nn.Module) -> nn.Module:
    """A copy whose weights are those that the page gets."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            module.weight.copy_(rounded(layer_of(module)).weights.T)
        elif isinstance(module, nn.Conv2d):
            weights = rounded(layer_of(module)).weights
            module.weight.copy_(weights.unflatten(0, (*module.kernel_size, -1)).permute(3, 2, 0, 1))
    return network


def difference(run: Run, x_hat: Tensor) -> Tensor:
    """How much rounding changes each pixel of decoded images x_hat with the run's detail, as an absolute value."""
    page = copy.copy(run.detail)
    page.network = rounded_network(page.network)
    exact, rounded_ = (flow(x_hat, torch.Generator().manual_seed(0)) for flow in (run.detail, page))
    return (exact - rounded_).abs()
