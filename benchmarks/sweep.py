"""How much chapter 04's rate–distortion curve depends on the seed of training.

    python -m benchmarks.sweep --seeds 1 2

The script trains the chapter's five VAEs again with other seeds, and writes one row for each: rate in nats, distortion
as the sum of squared errors, both means over the validation faces, and the number of active units. The chapter itself
trains with one seed.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from vaelib import data, latent, losses, metrics, models, training
from vaelib.support import devices
from vaelib.support.files import atomic_write

RECORD = Path(__file__).parent / "recorded" / "sweep.json"
SHAPE: dict[str, Any] = {"image_size": 32, "latent_dim": 64, "channels": (16, 32, 64)}
SETTINGS: dict[str, Any] = {"epochs": 4, "batch_size": 16, "learning_rate": 3e-3}
IMAGES = 1600
BETAS = (0.001, 0.01, 0.1, 1, 10)
SUM_OF_SQUARES = losses.Gaussian(0.5**0.5)  # its nll is the squared error, up to a constant


def main() -> None:
    """Train with every seed and weight, and write the record."""
    parser = argparse.ArgumentParser(description="Record the sweep of chapter 04 on other seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    train, valid = (data.load("faces", size=32, split=split, progress=False) for split in ("train", "valid"))
    runs = [(seed, beta) for seed in arguments.seeds for beta in BETAS]
    rows = [measured(seed, beta, train.subset(IMAGES), valid) for seed, beta in tqdm(runs)]
    machine = {"hardware": devices.hardware(), "versions": {"torch": version("torch")}}
    with atomic_write(RECORD) as partial:
        partial.write_text(json.dumps({**machine, "images": IMAGES, **SETTINGS, "rows": rows}, indent=1) + "\n")


def measured(seed: int, beta: float, train: data.Dataset, valid: data.Dataset) -> dict[str, float]:
    """Train the chapter's VAE, and measure it on `valid`, with one draw of z for each face."""
    torch.manual_seed(seed)
    vae = models.VAE(**SHAPE)
    training.fit(vae, train, valid, likelihood=SUM_OF_SQUARES, beta=float(beta), seed=seed, progress=False, **SETTINGS)
    vae.cpu()
    mu, logvar = latent.encode_dataset(vae, valid)
    assert logvar is not None  # the model is a VAE
    with torch.no_grad():
        x_hat = vae.decode(models.reparameterize(mu, logvar, torch.Generator().manual_seed(0)))
    distortion = losses.squared_error(data.all_images(valid), x_hat).mean().item()
    rate = losses.kl_divergence(mu, logvar).mean().item()
    units = metrics.active_units(mu, logvar)
    return {"seed": seed, "beta": beta, "rate": rate, "distortion": distortion, "active units": units}


if __name__ == "__main__":
    main()
