"""The class that `data.load` returns: the images of one split, with their labels and origin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..support.errors import UserError

LOOKED_AT = 64  # images whose range is checked: reading all of them would take long


@dataclass
class Dataset:
    """The images of one split of a dataset, and their labels.

    `images` is a read-only, memory-mapped uint8 array of shape (N, 3, size, size): pixels are read from the disk when
    they are used. `attributes` is a bool tensor (N, A) with one column per name in `attribute_names`; for a dataset
    with classes it has one column per class. `factors` is a float32 tensor (N, F) of the true factors of a rendered
    dataset. Either is None if the dataset has none. `synthetic` says that the images were rendered, not photographed.
    `crop` describes which part of every picture was kept.
    """

    images: np.ndarray
    name: str
    split: str
    attributes: torch.Tensor | None = None
    attribute_names: list[str] = field(default_factory=list)
    factors: torch.Tensor | None = None
    factor_names: list[str] = field(default_factory=list)
    synthetic: bool = False
    crop: str = "none"

    def __post_init__(self):
        if isinstance(self.images, torch.Tensor):
            self.images = self.images.numpy(force=True)
        _require_images(self.images)
        if self.attributes is not None:
            _require_labels(self.attributes, len(self.images), self.attribute_names)

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, n: int) -> Dataset:
        """The first `n` examples as a separate dataset, or all examples if there are fewer."""
        return replace(
            self,
            images=self.images[:n],
            attributes=None if self.attributes is None else self.attributes[:n],
            factors=None if self.factors is None else self.factors[:n],
        )


def require_dataset(dataset: object, role: str) -> None:
    """Raise `UserError` unless the object is a `Dataset`; an array of images has to become one first."""
    if not isinstance(dataset, Dataset):
        raise UserError(
            f"{role} is {_described(dataset)}, not a Dataset: make one by data.Dataset(images, name, split), with "
            "uint8 images of shape (N, 3, size, size)."
        )


def _require_images(images: object) -> None:
    """Raise `UserError` unless these are uint8 images of shape (N, 3, height, width) that use the range to 255."""
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] == 3):
        raise UserError(
            f"The images are {_described(images)}: uint8 of shape (N, 3, height, width) from 0 to 255 is expected, as "
            "in (255 * images).round().astype(np.uint8) of floats from 0 to 1, and images.transpose(0, 3, 1, 2) where "
            "the channels are last."
        )
    if images[:LOOKED_AT].max(initial=0) == 1:
        raise UserError(f"The images are {_described(images)}: 0 to 255 is expected, so multiply them by 255.")


def _require_labels(attributes: torch.Tensor, images: int, names: list[str]) -> None:
    """Raise `UserError` unless these are bool, with a row for each image and a column for each name."""
    is_bool = isinstance(attributes, torch.Tensor) and attributes.dtype == torch.bool
    if not (is_bool and attributes.shape == (images, len(names))):
        raise UserError(
            f"The attributes are {_described(attributes)}: a bool tensor of shape {(images, len(names))} is expected, "
            "a row for each image and a column for each of attribute_names."
        )


def _described(found: object) -> str:
    """What an object is, for a message: the type, shape and range of an array, or the type of anything else."""
    if isinstance(found, torch.Tensor):
        found = found.numpy(force=True)
    if not isinstance(found, np.ndarray):
        return f"a {type(found).__name__}"
    few = found[:LOOKED_AT] if found.ndim else found
    spread = f" from {few.min():g} to {few.max():g}" if few.size and few.dtype.kind in "buif" else ""
    return f"{found.dtype} of shape {found.shape}{spread}"
