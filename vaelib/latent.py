"""Latent space: encode a dataset, decode samples, interpolate between two points, find an attribute's direction."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm  # not tqdm.auto, whose notebook bar would be stored with the outputs

from . import data
from .models import AutoEncoder, LatentModel, Prior
from .support.errors import UserError, unknown

PARALLEL = 1e-4  # radians: below this angle slerp would divide by almost zero, and lerp gives the same path


@torch.no_grad()
def encode_dataset(
    model: LatentModel,
    ds: data.Dataset,
    batch_size: int = data.BATCH_SIZE,
    progress: bool = False,
    mirrored: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The posteriors of every image of `ds`: mu and logvar, (N, latent_dim) each, on the CPU.

    For an `AutoEncoder`, which has no variances, mu holds the codes and logvar is None. With `mirrored`, the mirror
    images are encoded instead. The model is used in evaluation mode, and its mode is then restored.
    """
    training = model.training
    model.eval()
    batches = data.loader(ds, batch_size, device=model.device)
    bar = tqdm(batches, "encode", disable=None if progress else True)
    encoded = [model.encode(x.flip(3) if mirrored else x) for x in bar]
    model.train(training)
    if isinstance(model, AutoEncoder):
        return torch.cat(encoded).cpu(), None
    mu, logvar = (torch.cat(parts).cpu() for parts in zip(*encoded, strict=True))
    return mu, logvar


@torch.no_grad()
def reconstruct_all(model: LatentModel, ds: data.Dataset, progress: bool = False) -> Tensor:
    """The deterministic reconstruction of every image of `ds`: (N, 3, H, W) in [0, 1], on the CPU."""
    return torch.cat([model.reconstruct(x).cpu() for x in _bar(batches(model, ds), "reconstructions", progress)])


def sample_all(model: LatentModel, n: int, prior: Prior, seed: int = 0, progress: bool = False) -> Tensor:
    """n samples from `prior`, decoded in batches of 256: (n, 3, H, W) in [0, 1], on the CPU."""
    noise = torch.Generator().manual_seed(seed)
    starts = _bar(range(0, n, data.BATCH_SIZE), "samples", progress)
    return torch.cat([model.sample(min(data.BATCH_SIZE, n - start), prior, noise).cpu() for start in starts])


def batches(model: LatentModel, ds: data.Dataset) -> data.Loader:
    """The images of `ds` in order, on the model's device."""
    return data.loader(ds, data.BATCH_SIZE, device=model.device)


def _bar(parts: Iterable, title: str, progress: bool) -> Iterable:
    return tqdm(parts, title, leave=False, unit="batch", disable=None if progress else True)


def interpolate(z0: Tensor, z1: Tensor, steps: int, method: str = "slerp") -> Tensor:
    """`steps` points from z0 to z1, both ends included: (steps, latent_dim) from two (latent_dim,) vectors.

    "lerp" is the straight line. Its middle lies nearer to the origin than its ends, outside the shell that holds a
    Gaussian's mass. "slerp" follows an arc: between two ends of equal norm it keeps that norm and turns at constant
    speed (White 2016, section 2.1; chapter 08).
    """
    if steps < 2:
        raise UserError(f"An interpolation of {steps} steps has no two ends: ask for at least 2.")
    t = torch.linspace(0, 1, steps, device=z0.device, dtype=z0.dtype)[:, None]  # (steps, 1)
    if method == "lerp":
        return torch.lerp(z0, z1, t)
    if method == "slerp":
        return _slerp(z0, z1, t)
    raise unknown("interpolation method", method, ("lerp", "slerp"))


def _slerp(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    u0, u1 = normalize(z0, dim=0), normalize(z1, dim=0)
    # Not the arccosine of the dot product, which is wrong by several PARALLEL where the product rounds to ±1.
    angle = 2 * torch.atan2((u0 - u1).norm(), (u0 + u1).norm())
    if angle < PARALLEL or angle > torch.pi - PARALLEL:  # on one line through the origin there is no arc
        return torch.lerp(z0, z1, t)
    return (torch.sin((1 - t) * angle) * z0 + torch.sin(t * angle) * z1) / torch.sin(angle)


def attribute_direction(mu: Tensor, labels: Tensor) -> Tensor:
    """From the mean code of the images without an attribute to the mean code of those with it: (latent_dim,).

    mu is (N, latent_dim) and `labels` a bool tensor (N,). Adding the direction once moves the average code without the
    attribute to the average code with it. Whatever is correlated with the attribute in the data changes too (White
    2016, section 3; chapter 08).
    """
    labels = labels.bool()
    if not 0 < labels.sum() < len(labels):
        raise UserError("Every image has the same value of this attribute, so it has no direction: choose another one.")
    return mu[labels].mean(0) - mu[~labels].mean(0)
