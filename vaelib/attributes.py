"""A small network that names CelebA's 40 attributes: the judge of edited faces, and the features of a distance.

A Fréchet distance needs features that see what a person sees, and an edit needs a judge other than the model that made
it. Inception serves as both in the literature and weighs 90 MB; this network is 1.4 MB, is trained in minutes on the
same images (`benchmarks/train_attributes.py`), and comes with the package. Its distances cannot be compared with
published FIDs: other features, other scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm  # not tqdm.auto: its bar for notebooks would be stored with their outputs

from . import checkpoints, data
from .devices import autocast
from .errors import UserError
from .tensorfiles import in_float16, in_float32, read_tensors, write_tensors
from .training import set_learning_rate

SHIPPED = checkpoints.SHIPPED / "attributes64"
CHANNELS = (32, 64, 128, 256)
IMAGE_SIZE = 64  # pixels a side of the images that the shipped network was trained on
SHIFT = 3  # pixels by which training images are moved at most: faces are not aligned to the pixel
AT_ONCE = 256  # images in a batch where nothing is trained


class AttributeNetwork(nn.Module):
    """Images (B, 3, H, W) in [0, 1] to the logits of attributes (B, A), by way of features (B, channels[-1]).

    Convolutions that halve the map as the encoders of `vaelib.models` do, then the average of each channel: the
    features say what is in the picture, and roughly where does not matter. Images larger than `image_size` are resized
    to it; smaller ones raise `UserError`.
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
            raise UserError(f"Images of {size} pixels are too small to be judged: give {self.image_size} or more.")
        if size > self.image_size:
            x = F.interpolate(x, (self.image_size, self.image_size), mode="bilinear", antialias=True)
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) in [0, 1] to logits (B, A)."""
        return self.head(self.features(x))


def features(network: AttributeNetwork, images: Tensor) -> Tensor:
    """The features of images (N, 3, H, W) in [0, 1]: (N, channels[-1]), on the CPU. Use it in evaluation mode."""
    return _in_batches(network.features, network, images)


def probabilities(network: AttributeNetwork, images: Tensor) -> Tensor:
    """The probability of every attribute of images (N, 3, H, W) in [0, 1]: (N, A), on the CPU. In evaluation mode."""
    return torch.sigmoid(_in_batches(network, network, images))


@torch.no_grad()
def _in_batches(function: Callable[[Tensor], Tensor], network: AttributeNetwork, images: Tensor) -> Tensor:
    return torch.cat([function(x.to(network.device)).cpu() for x in images.split(AT_ONCE)])


@torch.no_grad()
def accuracies(network: AttributeNetwork, ds: data.Dataset) -> Tensor:
    """Accuracy of each attribute on `ds`: (A,). The network must be in evaluation mode."""
    said = torch.cat([(network(x) > 0).cpu() for x in data.loader(ds, AT_ONCE, device=network.device)])
    return (said == ds.attributes).float().mean(0)


def fit(
    network: AttributeNetwork,
    train: data.Dataset,
    valid: data.Dataset,
    *,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Train `network` in place by binary cross-entropy, return its history, and leave it in evaluation mode.

    Images are mirrored and moved by up to 3 pixels at random; a last batch that is not full is left out. Columns:
    epoch, train_loss in nats per attribute, valid_accuracy as a mean over attributes.
    """
    if len(train) < batch_size:
        raise UserError(f"{len(train)} images do not fill a batch of {batch_size}: choose a smaller batch_size.")
    generator = torch.Generator().manual_seed(seed)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=weight_decay, fused=True)
    steps = len(train) // batch_size
    history = []
    for epoch in range(epochs):
        network.train()
        total = torch.zeros((), device=network.device)
        order = torch.randperm(len(train), generator=generator)[: steps * batch_size].view(steps, batch_size)
        for step, rows in enumerate(tqdm(order, f"epoch {epoch + 1}", leave=False, disable=None if progress else True)):
            set_learning_rate(optimizer, learning_rate, (epoch * steps + step) / (epochs * steps))
            total += _step(network, train, rows, optimizer, generator)
        accuracy = accuracies(network.eval(), valid).mean().item()
        history.append({"epoch": epoch + 1, "train_loss": total.item() / steps, "valid_accuracy": accuracy})
        if progress:
            print("  ".join(f"{key} {value:.4g}" for key, value in history[-1].items()), flush=True)
    return pd.DataFrame(history)


def _step(
    network: AttributeNetwork, train: data.Dataset, rows: Tensor, optimizer: torch.optim.Optimizer, generator
) -> Tensor:
    """Take one step on those rows; their binary cross-entropy before it, a mean over images and attributes, in nats."""
    x = _augmented(torch.from_numpy(train.images[rows.numpy()]).to(network.device), generator)
    labels = train.attributes[rows].to(network.device, torch.float32)
    with autocast("auto", network.device):
        logits = network(x)
    loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def _augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """uint8 images (B, 3, H, W) as float32 in [0, 1], half of them mirrored, the batch moved by a few pixels."""
    mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    x = images.to(torch.float32, memory_format=torch.channels_last).div_(255)
    down, right = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
    height, width = x.shape[2:]
    return F.pad(x, (SHIFT,) * 4, mode="replicate")[..., down : down + height, right : right + width]


def save(folder: str | Path, network: AttributeNetwork) -> None:
    """Write the weights, in float16, with names and shape in the header, to FOLDER/model.safetensors."""
    write_tensors(Path(folder) / checkpoints.MODEL, in_float16(network.state_dict()), network.config)


def load(folder: str | Path = SHIPPED, device: str | torch.device = "cpu") -> AttributeNetwork:
    """The network that `save` wrote, the shipped one by default, in evaluation mode.

    Raises `UserError` if the file is missing, is damaged, or describes another network than it holds.
    """
    path = Path(folder) / checkpoints.MODEL
    tensors, config = read_tensors(path)
    try:
        with torch.device("meta"):
            network = AttributeNetwork(**config)
        network.load_state_dict(in_float32(tensors), assign=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} does not hold the attribute network of its header: copy the file again.") from error
    return network.to(device, memory_format=torch.channels_last).eval()
