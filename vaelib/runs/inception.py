"""Inception's features, in which the usual FID is measured, by torchmetrics.

Neither torchmetrics nor the weights are a dependency of this project. torchmetrics downloads the weights, 90 MB, from
GitHub and keeps them in torch's cache. Inception was trained on photographs of objects, so its features describe faces
less well (chapter 10).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path

import torch
from torch import Tensor

from ..data.download import reachable
from ..support.errors import UserError, first_line

WIDTH = 2048  # features of the last pooling layer
WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"  # as torchmetrics' extractor stores them
HOST = "https://github.com"


def load(device: str | torch.device = "cpu") -> Callable[[Tensor], Tensor]:
    """A function from images (B, 3, H, W) in [0, 1] to Inception's features (B, 2048), on the CPU.

    Raises a `UserError` that gives the reason if the package or the weights are missing.
    """
    try:
        fid = import_module("torchmetrics.image.fid")  # by name, because an import statement would make it a dependency
    except ImportError as error:
        raise UserError("torchmetrics is not installed: pip install 'torchmetrics[image]'.") from error
    stored = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    if not stored.is_file() and not reachable(HOST):
        raise UserError(
            f"There is no {stored} (Inception's weights), and {HOST} is out of reach: copy that file to this place."
        )
    try:
        network = fid.FrechetInceptionDistance(WIDTH).inception.to(device)
    except Exception as error:  # a missing package, a failed download and a damaged file raise different errors
        raise UserError(f"Inception cannot be loaded ({first_line(error)}): fix that first.") from error

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        return network((images * 255).round().byte().to(device)).cpu()

    return features


def about() -> str:
    """A description of the features for the recorded metrics, with the version of torchmetrics."""
    return f"{WIDTH:,} features of Inception v3 by torchmetrics {metadata.version('torchmetrics')}: the usual FID"
