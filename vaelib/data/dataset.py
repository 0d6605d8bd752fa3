"""The class that `data.load` returns: the images of one split, with their labels and origin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch


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
