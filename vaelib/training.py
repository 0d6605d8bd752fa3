"""The training loop in plain PyTorch, with Accelerate for devices and processes.

`fit` trains a model in memory. The caller may pass a function that runs after every epoch; `vaelib.runs` uses it to
write the run's folder. `accelerate launch --multi_gpu -m vaelib train ...` runs the same loop on several GPUs, or on
CPUs if there is no GPU: every process computes its share of each batch, and the first process writes the files.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, cast

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm  # not tqdm.auto, whose notebook bar would be stored with the outputs

from . import data, losses
from .models import AutoEncoder, LatentModel, at_noise
from .support import devices
from .support.errors import UserError, unknown
from .support.schedule import set_learning_rate

CHECK_EVERY = 50  # steps between two checks of the loss; each check waits for the accelerator
SEEDS = 2**32  # smaller seeds leave room in 64 bits for the random streams derived from them


@dataclass(frozen=True)
class Settings:
    """How `fit` trains. `batch_size` counts images of all processes together; `learning_rate` is the schedule's peak.

    `beta` multiplies the KL and rises from 0 over `warm_up_epochs`. `precision` is "float32", "bfloat16", or "auto":
    bfloat16 if the hardware supports it. `flip` mirrors every image with probability 1/2. With `ema` above 0, a moving
    average of the model is validated and kept; at every step it keeps a share `ema` of itself (see `WithAverage`).
    `compile` uses torch.compile for the training steps; it works in one process only.
    """

    likelihood: losses.Likelihood = field(default_factory=losses.OptimalGaussian)
    beta: float = 1.0
    warm_up_epochs: int = 0
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    precision: str = "float32"
    flip: bool = False
    ema: float = 0.0
    compile: bool = False
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}: it must be above 0.")
        for name in ("beta", "warm_up_epochs"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} is {getattr(self, name)}: it must be 0 or more.")
        if not 0 <= self.ema < 1:
            raise UserError(f"ema is {self.ema}: it must be 0 (no moving average) or more, and below 1.")
        if not 0 <= self.seed < SEEDS:
            raise UserError(f"seed is {self.seed}: it must be a number from 0 to {SEEDS - 1}.")
        if self.precision not in devices.PRECISIONS:
            raise unknown("precision", self.precision, devices.PRECISIONS)


def fit(
    model: LatentModel,
    train: data.Dataset,
    valid: data.Dataset,
    *,
    resume: Callable[[Training], None] | None = None,
    after_epoch: Callable[[Training], None] | None = None,
    progress: bool = True,
    **settings,
) -> pd.DataFrame:
    """Train `model` in place and return its history, one row per epoch; leave it in evaluation mode.

    The loss of a batch is the mean over its images of nll + beta · kl (of the nll alone for an `AutoEncoder`). The
    optimiser is Adam; its learning rate rises over a tenth of the run and falls to zero along a cosine. `settings` are
    the fields of `Settings`. With `ema`, the moving average is validated and kept, and at the end `model` is set to it.
    `resume` may restore an earlier state of the `Training` before its first epoch. `after_epoch` is called with the
    `Training` after every epoch, in the main process only.

    Columns: epoch; train_nll, train_kl, valid_nll, valid_kl in nats per image; valid_mse of pixels in [0, 1]; sigma,
    the root-mean-square error in training, at which an optimal Gaussian is held for the validation images; seconds and
    images_per_second of the training part of the epoch.

    Raises `UserError` for images that the model does not take, and when the loss stops being finite; what `after_epoch`
    has written for earlier epochs stays.
    """
    _require_fitting(model, train=train, valid=valid)
    training = Training(model, train, valid, Settings(**settings), progress)
    if resume:
        resume(training)
    training.prepare()
    for epoch in range(len(training.history), training.settings.epochs):
        row = {"epoch": epoch + 1} | training.train_epoch(epoch)
        row |= validate(training.kept, training.valid_batches, training.settings, training.accelerator, row["sigma"])
        require_finite(row["valid_nll"] + row["valid_kl"], epoch)  # the last step can break the weights too
        training.history.append(row)
        if training.accelerator.is_main_process:
            training.report(row)
            training.kept.eval()
            if after_epoch:
                after_epoch(training)
    if training.kept is not model:
        model.load_state_dict(training.kept.state_dict())
    model.eval()
    return pd.DataFrame(training.history)


class Training:
    """The state of a training run between two epochs: the model, the optimiser and the history.

    `model` is the model that the optimiser updates. `kept` is validated and kept: it is `model`, or its moving average.
    `state` is the module that holds the weights of both.
    """

    def __init__(
        self, model: LatentModel, train: data.Dataset, valid: data.Dataset, settings: Settings, progress: bool = False
    ):
        self.settings, self.accelerator = settings, devices.accelerator()
        self.progress = progress and self.accelerator.is_main_process
        _require_a_row_for_each(self.accelerator, settings)
        self.model = model.to(self.accelerator.device).to(memory_format=torch.channels_last)
        devices.share_batch_statistics(model, self.accelerator)
        self.optimizer = torch.optim.Adam(model.parameters(), fused=self.accelerator.device.type in ("cpu", "cuda"))
        self.state: LatentModel | WithAverage = model
        self.kept = model
        if settings.ema:
            self.state = averaged = WithAverage(model, settings.ema)
            self.kept = averaged.kept
            self.optimizer.register_step_post_hook(lambda *_: averaged.average.update_parameters(model))
        self.train_batches, self.valid_batches = _loaders(train, valid, settings, self.accelerator)
        self.history: list[dict] = []

    def prepare(self) -> None:
        """Prepare the training step: compile it if `compile` is set, and share its gradients between processes."""
        objective: torch.nn.Module = Objective(self.model)
        if self.settings.compile:
            objective = devices.compiled(objective, self.accelerator)
        self.objective, self.stepper = self.accelerator.prepare(objective, self.optimizer)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one pass over the images; return the means of its losses in nats per image, and its speed."""
        settings, accelerator, batches = self.settings, self.accelerator, self.train_batches
        self.objective.train()
        batches.epoch = epoch
        likelihood = _of_whole_batches(settings, accelerator)
        share = settings.batch_size / accelerator.num_processes  # so the mean over processes is that of the batch
        noise = draws(self.model, settings, accelerator, epoch)
        totals = torch.zeros(3, device=accelerator.device)
        started = time.perf_counter()
        bar = tqdm(batches, f"epoch {epoch + 1}", leave=False, unit="batch", disable=None if self.progress else True)
        for step, (x, epsilon) in enumerate(zip(bar, noise, strict=False)):
            done = epoch * len(batches) + step
            set_learning_rate(self.stepper, settings.learning_rate, done / (settings.epochs * len(batches)))
            beta = losses.warm_up(done, settings.warm_up_epochs * len(batches), settings.beta)
            self.stepper.zero_grad()
            with devices.autocast(settings.precision, accelerator.device):
                nll, kl, mse = (value.sum() / share for value in self.objective(x, epsilon, likelihood))
            loss = nll + beta * kl
            accelerator.backward(loss)
            self.stepper.step()
            totals += torch.stack([nll, kl, mse]).detach()
            if step % CHECK_EVERY == 0:
                require_finite(loss.item(), epoch)
        nll, kl, mse = (accelerator.reduce(totals, "mean") / len(batches)).tolist()
        require_finite(nll + kl, epoch)
        seconds = time.perf_counter() - started
        speed = len(batches) * settings.batch_size / seconds
        sigma = math.sqrt(mse)
        return {"train_nll": nll, "train_kl": kl, "sigma": sigma, "seconds": seconds, "images_per_second": speed}

    def report(self, row: dict) -> None:
        """Print the epoch's losses without its time, because stored notebook outputs must be reproducible."""
        losses_of_it = "  ".join(f"{key} {row[key]:.4g}" for key in ("train_nll", "train_kl", "valid_nll", "valid_kl"))
        if self.progress:
            print(f"epoch {row['epoch']:>2}/{self.settings.epochs}  {losses_of_it}", flush=True)


class WithAverage(torch.nn.Module):
    """A model in training, and the exponential moving average of its weights and of batch normalisation's statistics.

    At every step the average keeps a share `decay` of itself and takes the rest from the model, so it varies less from
    step to step than the model does (Polyak & Juditsky 1992; Yazıcı et al. 2019 for generative models).
    """

    def __init__(self, model: LatentModel, decay: float):
        super().__init__()
        self.model, self.config = model, model.config
        self.average: AveragedModel = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)

    @property
    def kept(self) -> LatentModel:
        """The average, as a separate model."""
        return cast(LatentModel, self.average.module)


class Objective(torch.nn.Module):
    """The losses of a training step, as one module whose gradients can be shared between processes."""

    def __init__(self, model: LatentModel):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, epsilon: Tensor, likelihood: losses.Likelihood) -> tuple[Tensor, Tensor, Tensor]:
        """nll and kl in nats, and the mean squared error, (B,) each, of images x (B, 3, H, W) in [0, 1].

        The reconstructions are decoded from one z per image, computed with draws epsilon (B, latent_dim) of N(0, I). An
        `AutoEncoder` ignores epsilon, and its kl is 0.
        """
        if isinstance(self.model, AutoEncoder):
            x_hat = self.model(x)
            kl = torch.zeros(len(x), device=x.device)
        else:
            mu, logvar = self.model.encode(x)
            x_hat = self.model.decode(at_noise(mu, logvar, epsilon))
            kl = losses.kl_divergence(mu, logvar)
        return losses.nll(x, x_hat, likelihood), kl, (x - x_hat).square().flatten(1).mean(1)


@torch.no_grad()
def validate(
    model: LatentModel, batches: data.Loader, settings: Settings, accelerator: Accelerator, sigma: float
) -> dict[str, float]:
    """The means of nll and kl in nats, and of the squared error, over the validation images, in evaluation mode.

    An optimal Gaussian is held at `sigma`. If it were fitted to the validation images, their nll would be too low.
    """
    broadcast(list(model.buffers()))  # batch normalisation's statistics, which may differ between processes
    objective = Objective(model).eval()
    likelihood = settings.likelihood
    if isinstance(likelihood, losses.OptimalGaussian):
        likelihood = losses.Gaussian(max(sigma, losses.SMALLEST_SIGMA))
    totals = torch.zeros(4, device=accelerator.device)
    noise = draws(model, settings, accelerator, -1)  # the same draws after every epoch
    for x, epsilon in zip(batches, noise, strict=False):
        with devices.autocast(settings.precision, accelerator.device):
            nll, kl, mse = objective(x, epsilon[: len(x)], likelihood)
        totals += torch.stack([nll.sum(), kl.sum(), mse.sum(), torch.ones_like(mse).sum()])
    nll, kl, mse, images = accelerator.reduce(totals, "sum").tolist()
    return {"valid_nll": nll / images, "valid_kl": kl / images, "valid_mse": mse / images}


def draws(model: LatentModel, settings: Settings, accelerator: Accelerator, epoch: int) -> Iterator[Tensor]:
    """Draws of N(0, I) for one batch after another, (B, latent_dim). They depend only on seed and epoch.

    Every process draws for the whole batch and takes the rows of its own images, so the images of a batch get the same
    draws whatever the number of processes.
    """
    noise = torch.Generator(accelerator.device).manual_seed((settings.seed * 100_003 + epoch + 1) * 1009)
    while True:
        whole = torch.randn(settings.batch_size, model.latent_dim, generator=noise, device=accelerator.device)
        yield whole[accelerator.process_index :: accelerator.num_processes]


@dataclass(frozen=True)
class SharedOptimalGaussian:
    """`losses.OptimalGaussian` for batches shared by several processes: sigma is that of the whole batch."""

    name: ClassVar[str] = "optimal-gaussian"
    accelerator: Accelerator
    batch_size: int

    def nll(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """-log p(x | z) per image of this process, (B,) nats, summed over pixels and channels."""
        error = losses.squared_error(x, x_hat)  # (B,)
        mean = error.detach().sum() / (self.batch_size * x[0].numel())
        sigma = self.accelerator.reduce(mean, "sum").sqrt().clamp(min=losses.SMALLEST_SIGMA)
        return losses.gaussian_nll(error, sigma, x[0].numel())


def require_finite(loss: float, epoch: int) -> None:
    """Raise `UserError` if the loss is NaN or infinite."""
    if not math.isfinite(loss):
        raise UserError(
            f"The loss stopped being a finite number in epoch {epoch + 1}: train again with a lower learning rate "
            "(--set learning_rate=...) or a longer warm-up (--set warm_up_epochs=...)."
        )


def _require_fitting(model: LatentModel, **sets: data.Dataset) -> None:
    """Raise `UserError` unless these are datasets with images of the model's size."""
    for role, ds in sets.items():
        data.require_dataset(ds, role)
        wanted = (3, model.image_size, model.image_size)
        if not len(ds) or ds.images.shape[1:] != wanted:
            raise UserError(
                f"The images of {role} have the shape {ds.images.shape}, and the model takes {('N', *wanted)}: resize "
                f"them, or build the model with another image_size."
            )


def _loaders(train, valid, settings: Settings, accelerator: Accelerator) -> tuple[data.Loader, data.Loader]:
    share = (accelerator.process_index, accelerator.num_processes)
    place = {"device": accelerator.device, "share": share}
    return (
        data.loader(train, settings.batch_size, True, settings.seed, flip=settings.flip, drop_last=True, **place),
        data.loader(valid, settings.batch_size, **place),
    )


def _require_a_row_for_each(accelerator: Accelerator, settings: Settings) -> None:
    if settings.batch_size < accelerator.num_processes:
        raise UserError(
            f"batch_size is {settings.batch_size} and counts the images of all {accelerator.num_processes} processes "
            "together: choose a larger one, or start fewer processes."
        )


def _of_whole_batches(settings: Settings, accelerator: Accelerator) -> losses.Likelihood:
    if accelerator.num_processes > 1 and isinstance(settings.likelihood, losses.OptimalGaussian):
        return SharedOptimalGaussian(accelerator, settings.batch_size)
    return settings.likelihood
