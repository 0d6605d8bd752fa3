"""The figures of a trained model on images that it has not seen."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from . import data, losses, metrics
from .checkpoints import Statistics
from .latent import encode_dataset
from .models import VAE, LatentModel, Prior
from .priors import StandardNormal

IMPORTANCE_SAMPLES = 50  # draws per image in the IWAE bound
IWAE_IMAGES = 256  # the bound decodes every image that many times
FEATURES = 64  # principal components of the pixels in which Fréchet distances are measured
MOST_IMAGES = 5_000  # of the held-out images: what a figure of three digits needs


def evaluate(model: LatentModel, train: data.Dataset, held_out: data.Dataset, statistics: Statistics) -> dict:
    """Figures of `model` on `held_out` (its first 5,000 images), in nats per image and pixels in [0, 1].

    reconstruction: mse, psnr in decibels. Likelihood, for a VAE alone, under a Gaussian of the training sigma: nll, kl,
    elbo, their sum; iwae_bound from 50 draws, on the first 256 images, beside the elbo on the same; bits_per_dim of the
    elbo, with 8-bit pixels; active_units. frechet: distances to the held-out images in principal components of the
    pixels fitted on training images, for training images, reconstructions, and samples of every prior.
    """
    held_out = held_out.subset(MOST_IMAGES)
    x = all_images(held_out)
    features = metrics.PixelFeatures(FEATURES).fit(all_images(train.subset(MOST_IMAGES)))
    x_hat = reconstruct_all(model, held_out)
    mse = (x - x_hat).square().mean().item()
    figures = {"dataset": held_out.name, "split": held_out.split, "images": len(held_out), "mse": mse}
    figures["psnr"] = metrics.psnr(mse)
    if isinstance(model, VAE):
        figures |= likelihood_figures(model, held_out, losses.Gaussian(statistics.sigma))
    figures["features"] = f"{FEATURES} principal components of the pixels"
    figures["frechet"] = frechet_figures(model, features, train, x, x_hat, statistics)
    return figures


@torch.no_grad()
def likelihood_figures(model: VAE, ds: data.Dataset, likelihood: losses.Likelihood) -> dict:
    """nll, kl and elbo in nats per image, the IWAE bound, bits per dimension and active units on `ds`."""
    noise = torch.Generator(model.device).manual_seed(0)
    nll = torch.cat([losses.nll(x, model(x, noise)[0], likelihood) for x in batches(model, ds)]).mean().item()
    mu, logvar = encode_dataset(model, ds)
    kl = losses.kl_divergence(mu, logvar).mean().item()
    few = list(batches(model, ds.subset(IWAE_IMAGES)))
    iwae = torch.cat([metrics.iwae_bound(model, x, IMPORTANCE_SAMPLES, likelihood, noise) for x in few])
    same_elbo = torch.cat([metrics.iwae_bound(model, x, 1, likelihood, noise) for x in few])
    return {
        "sigma": likelihood.sigma,
        "nll": nll,
        "kl": kl,
        "elbo": -nll - kl,
        "bits_per_dim": bits_per_dim(-nll - kl, pixels=few[0][0].numel()),
        "iwae_bound": iwae.mean().item(),
        "elbo_on_the_same": same_elbo.mean().item(),
        "active_units": metrics.active_units(mu, logvar),
    }


def bits_per_dim(log_density: float, pixels: int) -> float:
    """Bits per pixel and channel of 8-bit images, from a log-density in nats of pixels scaled to [0, 1].

    A pixel of 8 bits is a bin of width 1/256, hence the 8 (Theis, van den Oord & Bethge 2016).
    """
    return -log_density / pixels / math.log(2) + 8


def frechet_figures(
    model: LatentModel,
    features: metrics.PixelFeatures,
    train: data.Dataset,
    x: Tensor,
    x_hat: Tensor,
    statistics: Statistics,
) -> dict[str, float]:
    """Fréchet distances to the held-out images x of as many other images, (N, 3, H, W) each."""
    real = features(x)
    candidates = {"training images": all_images(train.subset(len(x))), "reconstructions": x_hat}
    for name, prior in {"normal": StandardNormal(model.latent_dim), **statistics.priors}.items():
        candidates[f"samples, {name}"] = sample_all(model, len(x), prior)
    return {name: metrics.frechet_distance(real, features(images)) for name, images in candidates.items()}


def batches(model: LatentModel, ds: data.Dataset) -> data.Loader:
    """The images of `ds` in order, on the model's device."""
    return data.loader(ds, 256, device=model.device)


def all_images(ds: data.Dataset) -> Tensor:
    """Every image of `ds`: float32 (N, 3, H, W) in [0, 1]."""
    return torch.cat(list(data.loader(ds, 256)))


@torch.no_grad()
def reconstruct_all(model: LatentModel, ds: data.Dataset) -> Tensor:
    """The deterministic reconstruction of every image of `ds`, on the CPU."""
    return torch.cat([model.reconstruct(x).cpu() for x in batches(model, ds)])


def sample_all(model: LatentModel, n: int, prior: Prior, seed: int = 0) -> Tensor:
    """n samples from `prior`, decoded 256 at a time, on the CPU."""
    noise = torch.Generator().manual_seed(seed)
    return torch.cat([model.sample(min(256, n - start), prior, noise).cpu() for start in range(0, n, 256)])
