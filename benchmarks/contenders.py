"""The loops that `throughput.py` compares. Each passes over the same images with the same network.

    vaelib            `training.fit`, with the settings of the experiment
    jpeg files        the usual loop: Pillow decodes CelebA's files in a DataLoader, in every epoch
    images in memory  the same loop on images decoded beforehand: any gain over it does not come from the data

All but the first compute in float32 and NCHW, use Adam with its defaults and read the loss in every step. Only the
first two flip images if the experiment asks for it. The comparison with images in memory, and with pythae's own
trainer (pythae_contender.py), therefore favours these two slightly.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vaelib import data, losses, training
from vaelib.data import celeba
from vaelib.runs.experiments import Experiment
from vaelib.support import devices
from vaelib.support.errors import UserError

LEARNING_RATE = 1e-3  # Adam's default


@dataclass(frozen=True)
class Task:
    """What to train on: the first `images` training images of `dataset`, and their JPEG files in the folder `jpegs`.

    `jpegs` is None if there are none. `workers` are the numbers of loader processes to choose from.
    """

    experiment: Experiment
    dataset: str
    images: int
    jpegs: Path | None
    workers: tuple[int, ...]

    def load(self) -> data.Dataset:
        """The images from the prepared cache."""
        return data.load(self.dataset, self.experiment.size, progress=False).subset(self.images)


class Contender(Protocol):
    """A loop that is ready to start. `about` holds further facts for the record."""

    precision: torch.dtype
    about: dict

    def epoch(self) -> float:
        """Train on every image once. Returns the seconds that it took."""
        ...


class Vaelib:
    """The library's own loop. The seconds come from its history, because `fit` also prepares and validates."""

    def __init__(self, task: Task):
        self.settings = task.experiment.training_settings() | {"epochs": 1, "progress": False}
        self.model, self.images = task.experiment.build_model(), task.load()
        device = devices.accelerator().device
        with devices.autocast(self.settings["precision"], device):
            self.precision = torch.bfloat16 if torch.is_autocast_enabled(device.type) else torch.float32
        self.about = {}

    def epoch(self) -> float:
        """One pass of `training.fit`."""
        history = training.fit(self.model, self.images, self.images.subset(1), **self.settings)
        return history["seconds"].sum()


class PlainLoop:
    """The loop of an introductory tutorial, on any iterable of batches (B, 3, H, W) in [0, 1]."""

    precision = torch.float32

    def __init__(self, experiment: Experiment, batches: Iterable[Tensor]):
        self.device = devices.accelerator().device
        self.model = experiment.build_model().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self.batches, self.about = batches, {}

    def epoch(self) -> float:
        """One pass over the batches."""
        started, total = time.perf_counter(), 0.0
        self.model.train()
        for x in self.batches:
            x = x.to(self.device)
            x_hat, mu, logvar = self.model(x)
            loss = -losses.elbo(x, x_hat, mu, logvar, losses.OptimalGaussian()).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return time.perf_counter() - started


class MemoryBatches:
    """Shuffled batches of uint8 images in memory, as float32."""

    def __init__(self, images: np.ndarray, batch_size: int):
        self.images, self.batch_size = torch.from_numpy(np.array(images)), batch_size

    def __iter__(self) -> Iterator[Tensor]:
        device = devices.accelerator().device
        for rows in torch.randperm(len(self.images)).split(self.batch_size):
            yield self.images[rows].to(device).float() / 255


class JpegBatches:
    """Shuffled batches of image files. `workers` processes decode, crop, resize and, if asked to, flip the images."""

    def __init__(self, task: Task, workers: int):
        from torchvision import datasets, transforms

        flip = [transforms.RandomHorizontalFlip()] if task.experiment.flip else []
        size = transforms.Resize(task.experiment.size)
        steps = transforms.Compose([transforms.CenterCrop(celeba.CROP), size, *flip, transforms.ToTensor()])
        self.loader = torch.utils.data.DataLoader(
            datasets.ImageFolder(task.jpegs, steps),
            task.experiment.batch_size,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,  # passes are short here, so the start of processes must not count
            # The default on Linux, set here because this process was spawned and would spawn its workers, too.
            multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
            pin_memory=devices.accelerator().device.type == "cuda",
        )

    def __iter__(self) -> Iterator[Tensor]:
        for x, _ in self.loader:
            yield x


def jpeg_files(task: Task) -> PlainLoop:
    """The plain loop on JPEG files, with the number of loader processes that is fastest on this machine."""
    if task.jpegs is None:
        raise UserError(f"{task.dataset} has no published JPEG files here: have CelebA's under VAELIB_DATA.")
    seconds = {workers: seconds_with(task, workers) for workers in task.workers}
    fastest = min(seconds, key=seconds.get)
    loop = PlainLoop(task.experiment, JpegBatches(task, fastest))
    loop.about = {"loader_processes": fastest}
    return loop


def seconds_with(task: Task, workers: int) -> float:
    """The seconds of a pass over the JPEG files with that number of processes, once they have started."""
    loop = PlainLoop(task.experiment, JpegBatches(task, workers))
    loop.epoch()
    return loop.epoch()


def images_in_memory(task: Task) -> PlainLoop:
    """The plain loop on decoded images."""
    return PlainLoop(task.experiment, MemoryBatches(task.load().images, task.experiment.batch_size))


def copy_jpegs(root: Path, count: int, folder: Path) -> bool:
    """Copy CelebA's first `count` training images, as published under `root`, into a sub-folder of `folder`.

    They are copied even if they lie in a folder, so that a zip makes no difference. Returns False and copies nothing if
    the files are missing or are not JPEG files (release/pack_images.py packs WebP files).
    """
    found = celeba.find(root)
    if found.missing:
        return False
    paths, partition = found.images.paths, found.partition.rows
    names = [paths[stem] for stem in sorted(paths) if partition.get(stem) == "0"][:count]
    if len(names) < count or any(PurePosixPath(name).suffix.lower() != ".jpg" for name in names):
        return False
    target = folder / "img_align_celeba"  # ImageFolder takes sub-folders for classes
    target.mkdir()
    for name in names:
        (target / PurePosixPath(name).name).write_bytes(found.images.source.read(name))
    return True
