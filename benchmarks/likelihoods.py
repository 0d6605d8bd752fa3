"""What chapter 06 needs of CIFAR-10's photographs: likelihoods of each, and distances of samples from them.

    VAELIB_DATA=... python -m benchmarks.likelihoods

The script measures the shipped model `cifar10` on held-out photographs. The record has the ELBO of each of the 500
photographs whose codes are shipped, and the log-density of its code under the fitted mixture, in nats. It also has the
distances of samples to held-out photographs, in principal components of the pixels and in the features of the ImageNet
network. The samples are decoded by the decoder, and by the affine map that is nearest to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaelib import data, latent, losses, metrics, models, runs
from vaelib.runs import imagenet
from vaelib.support import devices
from vaelib.support.files import atomic_write

RECORD = Path(__file__).parent / "recorded" / "cifar10-likelihoods.json"
DRAWS = 16  # of z for each photograph
FITTED_ON = 10_000  # training photographs whose codes the affine map is fitted to
IMAGES = 2_000  # of each set whose distance is measured


def main() -> None:
    """Measure, and write the record."""
    run = runs.load("cifar10")
    valid = data.load("cifar10", 32, "valid")
    record: dict[str, Any] = {"hardware": devices.hardware(), "versions": {"torch": version("torch")}}
    record |= likelihoods(run, data.all_images(valid.subset(len(run.codes.mu))))
    record["distances"] = distances(run, valid)
    with atomic_write(RECORD) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n")


@torch.no_grad()
def likelihoods(run: runs.Run, x: Tensor) -> dict[str, list[float]]:
    """The ELBO of each image of x (N, 3, H, W), and the log-density of one draw of its code, in nats."""
    likelihood, noise = losses.Gaussian(run.statistics.sigma), torch.Generator().manual_seed(0)
    mu, logvar = run.model.encode(x)
    elbos = []
    for _ in range(DRAWS):
        z = models.reparameterize(mu, logvar, noise)
        elbos.append(losses.elbo(x, run.model.decode(z), mu, logvar, likelihood))
    density = run.statistics.prior("gmm").log_prob(z)
    return {"elbo": _rounded(torch.stack(elbos).mean(0)), "log_density_of_code": _rounded(density)}


def distances(run: runs.Run, valid: data.Dataset) -> dict[str, dict[str, dict[str, float]]]:
    """Fréchet distances to held-out photographs: features → set → value and error."""
    train = data.load("cifar10", 32, "train")
    photographs, others = (data.all_images(valid)[rows] for rows in (slice(0, IMAGES), slice(IMAGES, 2 * IMAGES)))
    sets = {"other photographs": others, "reconstructions": latent.reconstruct_all(run.model, valid.subset(IMAGES))}
    affine = affine_map(run.model, train.subset(FITTED_ON))
    for name in ("gaussian", "gmm"):
        z = run.statistics.prior(name).sample(IMAGES, torch.Generator().manual_seed(0))
        sets[f"{name}, decoder"] = _in_batches(run.model.decode, z)
        sets[f"{name}, affine map"] = affine(z)
    looks: dict[str, Callable[[Tensor], Tensor]] = {"pixels": metrics.PixelFeatures().fit(data.all_images(train))}
    if imagenet.installed():
        looks["imagenet"] = imagenet.load()
    return {name: _measured(look, sets, photographs) for name, look in looks.items()}


def _measured(look: Callable[[Tensor], Tensor], sets: dict[str, Tensor], real: Tensor) -> dict[str, dict[str, float]]:
    of_real, found = _in_batches(look, real), {}
    for name, images in sets.items():
        paired = name == "reconstructions"
        estimate = metrics.estimate(metrics.frechet_distance, _in_batches(look, images), of_real, paired=paired)
        found[name] = {"value": estimate.value, "error": estimate.error}
    return found


def affine_map(model: models.LatentModel, ds: data.Dataset) -> Callable[[Tensor], Tensor]:
    """The affine map from codes to images that is nearest, in squared error, to the decoder at the codes of `ds`."""
    mu, _ = latent.encode_dataset(model, ds)
    images = _in_batches(model.decode, mu)
    solution = torch.linalg.lstsq(_with_one(mu).double(), images.flatten(1).double()).solution.float()
    return lambda z: (_with_one(z) @ solution).clamp(0, 1).reshape(-1, *images.shape[1:])


def _with_one(z: Tensor) -> Tensor:
    return torch.cat([z, torch.ones(len(z), 1)], dim=1)


@torch.no_grad()
def _in_batches(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    return torch.cat([function(part) for part in values.split(data.BATCH_SIZE)])


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 1) for value in values.tolist()]


if __name__ == "__main__":
    main()
