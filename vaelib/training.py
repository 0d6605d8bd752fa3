"""The training loop: plain PyTorch from top to bottom, on Accelerate for devices and processes.

`fit` trains a model in memory; given a folder, it also writes after every epoch all that is needed to look at the run
and to go on with it. `accelerate launch -m vaelib train ...` runs the same loop on several devices.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm  # not tqdm.auto: its bar for notebooks would be stored with their outputs

from . import checkpoints, data, losses, records
from .errors import UserError, unknown
from .models import AutoEncoder, LatentModel

CHECK_EVERY = 50  # steps between two looks at the loss: each look waits for the accelerator
RISING_SHARE = 0.1  # of all steps, in which the learning rate rises to its peak
PRECISIONS = ("float32", "bfloat16", "auto")
SEEDS = 2**32  # those below leave room in 64 bits for the streams that are derived from them


@dataclass(frozen=True)
class Settings:
    """How `fit` trains. `batch_size` counts images of all processes together; `learning_rate` is the schedule's peak.

    `beta` multiplies the KL and rises from 0 over `warm_up_epochs`; `precision` is "float32", "bfloat16", or "auto"
    for bfloat16 where the hardware computes in it; `flip` mirrors every image with probability 1/2.
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    likelihood: losses.Likelihood = field(default_factory=losses.OptimalGaussian)
    beta: float = 1.0
    warm_up_epochs: int = 0
    precision: str = "float32"
    flip: bool = False
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}: it must be above 0.")
        for name in ("beta", "warm_up_epochs"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} is {getattr(self, name)}: it must be 0 or more.")
        if not 0 <= self.seed < SEEDS:
            raise UserError(f"seed is {self.seed}: it must be a number from 0 to {SEEDS - 1}.")
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)


def fit(
    model: LatentModel,
    train: data.Dataset,
    valid: data.Dataset,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    **settings,
) -> pd.DataFrame:
    """Train `model` in place and return its history, one row per epoch; leave it in evaluation mode.

    The loss of a batch is the mean over its images of nll + beta · kl (of the nll alone for an `AutoEncoder`). The
    optimiser is Adam; its learning rate rises over a tenth of the run and falls to zero along a cosine. `settings` are
    the fields of `Settings`. With `out`, an existing folder, every epoch writes `resume.safetensors`,
    `model.safetensors`, `history.csv` and pictures there, and the last `training.gif`; with `resume`, training goes on
    after the last such epoch.

    Columns: epoch; train_nll, train_kl, valid_nll, valid_kl in nats per image; valid_mse of pixels in [0, 1]; sigma,
    the root-mean-square error in training, by which an optimal Gaussian judges the validation images; seconds and
    images_per_second of the training part of the epoch.

    Raises `UserError` when the loss stops being a number; what earlier epochs wrote stays.
    """
    settings = Settings(**settings)
    accelerator = Accelerator(mixed_precision="no")  # autocast is ours: Accelerate's cannot change within a process
    model.to(accelerator.device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=accelerator.device.type in ("cpu", "cuda"))
    history = checkpoints.load_resume(out, model, optimizer) if out and resume else []
    batches = _loaders(train, valid, settings, accelerator)
    parallel, stepper = accelerator.prepare(model, optimizer)

    for epoch in range(len(history), settings.epochs):
        row = {"epoch": epoch + 1}
        row |= train_epoch(parallel, batches[0], stepper, settings, accelerator, epoch, progress)
        row |= validate(parallel, batches[1], settings, accelerator, row["sigma"])
        require_finite(row["valid_nll"] + row["valid_kl"], epoch)  # the last step of an epoch can break the weights too
        history.append(row)
        if accelerator.is_main_process:
            _report(row, settings.epochs, progress)
            if out:
                records.write_epoch(out, model.eval(), valid, history)
                checkpoints.save(out, model)
                checkpoints.save_resume(out, model, optimizer, history)  # last: it vouches for all the others
    if out and accelerator.is_main_process:
        records.write_animation(out, len(history))
    model.eval()
    return pd.DataFrame(history)


def train_epoch(
    model: torch.nn.Module,
    batches: data.Loader,
    optimizer: torch.optim.Optimizer,
    settings: Settings,
    accelerator: Accelerator,
    epoch: int,
    progress: bool,
) -> dict[str, float]:
    """One pass over the training images; its means in nats per image, and its speed."""
    model.train()
    batches.epoch = epoch
    noise = _noise(settings.seed, epoch, accelerator)
    totals = torch.zeros(3, device=accelerator.device)
    started = time.perf_counter()
    for step, x in enumerate(_bar(batches, f"epoch {epoch + 1}", progress and accelerator.is_main_process)):
        done = epoch * len(batches) + step
        set_learning_rate(optimizer, settings.learning_rate, done / (settings.epochs * len(batches)))
        beta = losses.warm_up(done, settings.warm_up_epochs * len(batches), settings.beta)
        with autocast(settings.precision, accelerator.device):
            nll, kl, mse = batch_losses(model, x, settings.likelihood, noise)
        loss = nll.mean() + beta * kl.mean()
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        totals += torch.stack([nll.mean(), kl.mean(), mse.mean()]).detach()
        if step % CHECK_EVERY == 0:
            require_finite(loss.item(), epoch)
    nll, kl, mse = (accelerator.reduce(totals, "mean") / len(batches)).tolist()
    require_finite(nll + kl, epoch)
    seconds = time.perf_counter() - started
    speed = len(batches) * settings.batch_size / seconds
    return {"train_nll": nll, "train_kl": kl, "sigma": math.sqrt(mse), "seconds": seconds, "images_per_second": speed}


@torch.no_grad()
def validate(
    model: torch.nn.Module, batches: data.Loader, settings: Settings, accelerator: Accelerator, sigma: float
) -> dict[str, float]:
    """The same means over the validation images, in evaluation mode; an optimal Gaussian is held at `sigma`.

    A sigma fitted to the images that it judges would flatter them.
    """
    model.eval()
    likelihood = settings.likelihood
    if isinstance(likelihood, losses.OptimalGaussian):
        likelihood = losses.Gaussian(max(sigma, losses.SMALLEST_SIGMA))
    noise = _noise(settings.seed, -1, accelerator)  # the same draws after every epoch
    totals = torch.zeros(4, device=accelerator.device)
    for x in batches:
        with autocast(settings.precision, accelerator.device):
            nll, kl, mse = batch_losses(model, x, likelihood, noise)
        totals += torch.stack([nll.sum(), kl.sum(), mse.sum(), torch.ones_like(mse).sum()])
    nll, kl, mse, images = accelerator.reduce(totals, "sum").tolist()
    return {"valid_nll": nll / images, "valid_kl": kl / images, "valid_mse": mse / images}


def batch_losses(
    model: torch.nn.Module, x: Tensor, likelihood: losses.Likelihood, noise: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """nll and kl in nats, and the mean squared error, (B,) each, of images x (B, 3, H, W) in [0, 1].

    The reconstructions are decoded from one draw of z per image. An `AutoEncoder` draws nothing: its kl is 0.
    """
    if isinstance(getattr(model, "module", model), AutoEncoder):
        x_hat = model(x)
        kl = torch.zeros(len(x), device=x.device)
    else:
        x_hat, mu, logvar = model(x, noise)
        kl = losses.kl_divergence(mu, logvar)
    return losses.nll(x, x_hat, likelihood), kl, (x - x_hat).square().flatten(1).mean(1)


def set_learning_rate(optimizer: torch.optim.Optimizer, peak: float, done: float) -> None:
    """Follow the schedule: a straight rise to `peak`, then half a cosine to zero; `done` in [0, 1] is the share done.

    Smith & Topin 2018 call it one cycle. It depends on nothing but `done`, so a resumed run needs no memory of it.
    """
    rising = done / RISING_SHARE
    falling = 0.5 * (1 + math.cos(math.pi * (done - RISING_SHARE) / (1 - RISING_SHARE)))
    for group in optimizer.param_groups:
        group["lr"] = peak * (max(rising, 0.01) if done < RISING_SHARE else falling)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context in which matrix products are computed in `precision`; sums and losses stay float32."""
    wanted = precision == "bfloat16" or (precision == "auto" and computes_in_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 numbers itself, so that using them saves time."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without such instructions a CPU emulates them, slower than float32.
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def require_finite(loss: float, epoch: int) -> None:
    """Raise `UserError` if the loss is no longer a number."""
    if not math.isfinite(loss):
        raise UserError(
            f"The loss stopped being a finite number in epoch {epoch + 1}: train again with a lower learning rate "
            "(--set learning_rate=...) or a longer warm-up (--set warm_up_epochs=...)."
        )


def _loaders(train, valid, settings: Settings, accelerator: Accelerator) -> tuple[data.Loader, data.Loader]:
    share = (accelerator.process_index, accelerator.num_processes)
    place = {"device": accelerator.device, "share": share}
    return (
        data.loader(train, settings.batch_size, True, settings.seed, flip=settings.flip, drop_last=True, **place),
        data.loader(valid, settings.batch_size, **place),
    )


def _noise(seed: int, epoch: int, accelerator: Accelerator) -> torch.Generator:
    """The draws of one epoch in one process: they depend on nothing that happened before."""
    stream = (seed * 100_003 + epoch + 1) * 1009 + accelerator.process_index
    return torch.Generator(accelerator.device).manual_seed(stream)


def _bar(batches: data.Loader, title: str, progress: bool) -> Iterable[Tensor]:
    return tqdm(batches, title, leave=False, unit="batch", disable=None if progress else True)


def _report(row: dict, epochs: int, progress: bool) -> None:
    # No clock in this line: notebooks store it, and two runs of them must agree.
    figures = "  ".join(f"{key} {row[key]:.4g}" for key in ("train_nll", "train_kl", "valid_nll", "valid_kl"))
    if progress:
        print(f"epoch {row['epoch']:>2}/{epochs}  {figures}", flush=True)
