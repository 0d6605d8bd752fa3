"""pythae's trainer on vaelib's network (Chadebec, Vincent & Allassonnière 2022, *Pythae*, NeurIPS datasets track).

Model, loss, dataset and loop are pythae's, put together as its documentation says. Only the layers are vaelib's.
"""

from __future__ import annotations

import logging
import tempfile
import time

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

from benchmarks.contenders import LEARNING_RATE, Task
from vaelib.support import devices


class Encoder(BaseEncoder):
    """The encoder of vaelib, in the form that pythae expects."""

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> ModelOutput:
        """Images x (B, 3, H, W) to the means and log-variances of their posteriors, (B, latent_dim) each."""
        mu, logvar = self.layers(x).chunk(2, dim=1)
        return ModelOutput(embedding=mu, log_covariance=logvar)


class Decoder(BaseDecoder):
    """The decoder of vaelib, in the form that pythae expects."""

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers

    def forward(self, z: Tensor) -> ModelOutput:
        """Latent vectors z (B, latent_dim) to images (B, 3, H, W) in [0, 1]."""
        return ModelOutput(reconstruction=self.layers(z))


class Pythae:
    """`BaseTrainer.train_step`, which is pythae's name for one pass over the training images."""

    precision = torch.float32

    def __init__(self, task: Task):
        logging.disable(logging.INFO)
        self.folder = tempfile.TemporaryDirectory()  # the trainer needs one for its checkpoints
        config = config_of(task, self.folder.name)
        self.trainer = BaseTrainer(build_model(task), images_of(task), training_config=config)
        self.trainer.prepare_training()
        self.trainer.callback_handler.callbacks.clear()  # its progress bars would mix with our output
        self.epochs, self.about = 0, {}

    def epoch(self) -> float:
        """One pass of pythae's loop."""
        self.epochs += 1
        started = time.perf_counter()
        self.trainer.train_step(self.epochs)
        return time.perf_counter() - started


def build_model(task: Task) -> VAE:
    """pythae's VAE around the layers of the experiment's model; its loss is half the squared error plus the KL."""
    ours = task.experiment.build_model()
    shape = (3, ours.image_size, ours.image_size)
    return VAE(VAEConfig(input_dim=shape, latent_dim=ours.latent_dim), Encoder(ours.encoder), Decoder(ours.decoder))


def images_of(task: Task) -> BaseDataset:
    """All images in memory as float32, with the labels that pythae's dataset asks for and its VAE does not use."""
    images = torch.tensor(task.load().images).float().div_(255)
    return BaseDataset(images, torch.zeros(len(images)))


def config_of(task: Task, folder: str) -> BaseTrainerConfig:
    """pythae's defaults (Adam, float32, images collated in the main process) with our batch size and learning rate."""
    return BaseTrainerConfig(
        output_dir=folder,
        per_device_train_batch_size=task.experiment.batch_size,
        learning_rate=LEARNING_RATE,
        no_cuda=devices.accelerator().device.type != "cuda",
    )
