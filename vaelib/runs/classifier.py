"""The attribute classifier: a small network that predicts CelebA's 40 attributes of a face.

It has two uses. Its features describe what a person sees in a face, so Fréchet distances are computed in them. Its
predictions measure edits independently of the model that made them. The literature uses Inception, whose weights are
90 MB; this network is 1.4 MB, is trained in minutes on the same images (`release/train_classifier.py`), and comes with
the package. Its distances cannot be compared with published FIDs, because other features have another scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import data
from ..support.errors import UserError
from ..support.tensorfiles import in_float32, read_tensors
from . import run

SHIPPED = run.SHIPPED / "attributes64"
CHANNELS = (32, 64, 128, 256)
IMAGE_SIZE = 64  # pixels a side of the images that the shipped network was trained on


class AttributeNetwork(nn.Module):
    """Images (B, 3, H, W) in [0, 1] to features (B, channels[-1]) and from these to logits of attributes (B, A).

    Convolutions halve the map as in the encoders of `vaelib.models`. Each channel is then averaged, so the features say
    what is in the image and hardly where. Images larger than `image_size` are resized to it; smaller images raise
    `UserError`.
    """

    def __init__(
        self, attribute_names: Sequence[str], channels: Sequence[int] = CHANNELS, image_size: int = IMAGE_SIZE
    ):
        super().__init__()
        self.attribute_names, self.channels, self.image_size = list(attribute_names), tuple(channels), image_size
        layers = []
        for c_in, c_out in pairwise((3, *channels)):
            layers += [nn.Conv2d(c_in, c_out, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(channels[-1], len(self.attribute_names))

    @property
    def config(self) -> dict:
        """The arguments that make another network of the same shape."""
        return {"attribute_names": self.attribute_names, "channels": self.channels, "image_size": self.image_size}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.weight.device

    def features(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) in [0, 1] to features (B, channels[-1])."""
        size = x.shape[-1]
        if size < self.image_size:
            raise UserError(
                f"Images of {size} pixels are too small for the classifier: give {self.image_size} or more."
            )
        if size > self.image_size:
            x = F.interpolate(x, (self.image_size, self.image_size), mode="bilinear", antialias=True)
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) in [0, 1] to logits (B, A)."""
        return self.head(self.features(x))


def features(network: AttributeNetwork, images: Tensor) -> Tensor:
    """The features of images (N, 3, H, W) in [0, 1]: (N, channels[-1]), on the CPU. For evaluation mode."""
    return _in_batches(network.features, network, images)


def probabilities(network: AttributeNetwork, images: Tensor) -> Tensor:
    """The probability of every attribute in images (N, 3, H, W) in [0, 1]: (N, A), on the CPU. For evaluation mode."""
    return torch.sigmoid(_in_batches(network, network, images))


@torch.no_grad()
def _in_batches(function: Callable[[Tensor], Tensor], network: AttributeNetwork, images: Tensor) -> Tensor:
    return torch.cat([function(x.to(network.device)).cpu() for x in images.split(data.BATCH_SIZE)])


def load(folder: str | Path = SHIPPED, device: str | torch.device = "cpu") -> AttributeNetwork:
    """The network in a folder, by default the shipped one, in evaluation mode.

    Raises `UserError` if the file is missing or damaged, or if its header does not fit its weights.
    """
    path = Path(folder) / run.MODEL
    tensors, config = read_tensors(path)
    try:
        with torch.device("meta"):
            network = AttributeNetwork(**config)
        network.load_state_dict(in_float32(tensors), assign=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} does not hold the attribute network of its header: copy the file again.") from error
    return network.to(device).to(memory_format=torch.channels_last).eval()
