"""Batches for a training loop: uint8 at rest, float32 in [0, 1] in use; the arithmetic is done on the device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ..support.errors import UserError
from .dataset import Dataset, require_dataset

BATCH_SIZE = 256  # images at a time outside of training
UPLOAD = 4096  # images copied to the device at a time


def loader(
    dataset: Dataset,
    batch_size: int = 128,
    shuffle: bool = False,
    seed: int = 0,
    device: str | torch.device = "cpu",
    *,
    flip: bool = False,
    drop_last: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Loader:
    """An iterable of batches: float32 (B, 3, H, W) in [0, 1], on `device`, in channels_last memory order.

    With `shuffle` each pass is another permutation, fixed by `seed` and the number of the pass (`.epoch`, which can be
    set in order to resume). With `flip` each image is mirrored with probability 1/2, drawn in the same way.
    `share = (rank, world)` selects the rows rank, rank + world, ... of every batch: `world` processes together see the
    batches that a single process would see, and `batch_size` counts the rows of all processes. If the last batch has
    fewer than `world` rows, some processes get an empty batch, to stay in step.

    The images are kept as uint8 in the accelerator's memory if they take less than half of what is free there.
    Raises `UserError` if no batch would be left after `drop_last`.
    """
    require_dataset(dataset, "what was given to data.loader")
    if drop_last and len(dataset) < batch_size:
        raise UserError(f"{len(dataset)} images do not fill a batch of {batch_size}: choose a smaller batch_size.")
    return Loader(dataset, batch_size, shuffle, seed, torch.device(device), flip, drop_last, share)


class Loader:
    """What `loader` returns: an iterable with a length (in batches) that can be iterated repeatedly."""

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        shuffle: bool,
        seed: int,
        device: torch.device,
        flip: bool,
        drop_last: bool,
        share: tuple[int, int],
    ):
        self.batch_size, self.shuffle, self.seed, self.device = batch_size, shuffle, seed, device
        self.flip, self.drop_last, self.share = flip, drop_last, share
        self.epoch = 0  # the number of the next pass
        self._length = len(dataset)
        self._images = _on_device(dataset.images, device) if _fits(dataset.images, device) else dataset.images

    def __len__(self) -> int:
        batches, rest = divmod(self._length, self.batch_size)
        return batches + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[torch.Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        self.epoch += 1
        n = self._length
        order = torch.randperm(n, generator=generator) if self.shuffle else torch.arange(n)
        mirrored = torch.rand(n, generator=generator) < 0.5 if self.flip else torch.zeros(n, dtype=torch.bool)
        # A generator, so that iter() alone starts no pass: tqdm calls it twice and uses only one of the two.
        yield from self._batches(order, mirrored)

    def _batches(self, order: torch.Tensor, mirrored: torch.Tensor) -> Iterator[torch.Tensor]:
        rank, world = self.share
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            mine = slice(start + rank, min(start + self.batch_size, self._length), world)
            x = self._take(order[mine])
            if self.flip:
                x = torch.where(mirrored[mine].to(self.device)[:, None, None, None], x.flip(3), x)
            yield x.to(torch.float32, memory_format=torch.channels_last).div_(255)

    def _take(self, rows: torch.Tensor) -> torch.Tensor:
        """The images in those rows, uint8 (B, 3, H, W), on the device."""
        if isinstance(self._images, torch.Tensor):
            return self._images[rows.to(self.device)]
        return torch.from_numpy(self._images[rows.numpy()]).to(self.device)


def _fits(images: np.ndarray, device: torch.device) -> bool:
    if device.type == "cpu":
        return False  # the memory map is as near as can be
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2**33
    return images.nbytes < free / 2


def _on_device(images: np.ndarray, device: torch.device) -> torch.Tensor:
    """Copy the images piece by piece, because all of them may not fit in main memory."""
    copy = torch.empty(images.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(images), UPLOAD):
        copy[start : start + UPLOAD] = torch.from_numpy(np.array(images[start : start + UPLOAD]))
    return copy


def all_images(dataset: Dataset) -> torch.Tensor:
    """Every image of the dataset: float32 (N, 3, H, W) in [0, 1]."""
    return torch.cat(list(loader(dataset, BATCH_SIZE)))
