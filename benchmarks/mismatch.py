"""How the mismatch between aggregate posterior and prior changes during training: chapter 05.

    python -m benchmarks.mismatch --epochs 24 --seeds 0 1 2

The script trains the VAE of chapter 05 on 5,000 drawn faces and writes one row for each epoch and seed. A row has the
average KL of the training images, and the mismatch of a Gaussian with the moments of the aggregate posterior: along the
axes, and in the correlations between them. It also has the gap between a diagonal posterior and the exact one, for the
decoder linearised at some codes. All are in nats.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaelib import data, latent, losses, models, priors, training
from vaelib.support import devices
from vaelib.support.files import atomic_write

RECORD = Path(__file__).parent / "recorded" / "mismatch.json"
SHAPE: dict[str, Any] = {"image_size": 32, "latent_dim": 64, "channels": (16, 32, 64)}
SETTINGS = {"batch_size": 64, "learning_rate": 3e-3}
IMAGES = 5000
CODES = 20  # number of codes at which the decoder is linearised


def main() -> None:
    """Train with every seed, and write the record."""
    parser = argparse.ArgumentParser(description="Record the mismatch of chapter 05's VAE after every epoch.")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    rows = [row for seed in arguments.seeds for row in record(arguments.epochs, seed)]
    machine = {"hardware": devices.hardware(), "versions": {"torch": version("torch")}}
    with atomic_write(RECORD) as partial:
        partial.write_text(json.dumps({**machine, "images": IMAGES, **SETTINGS, "rows": rows}, indent=1) + "\n")


def record(epochs: int, seed: int) -> list[dict]:
    """One row for each epoch of a training run."""
    torch.manual_seed(seed)
    model = models.VAE(**SHAPE)
    train = data.load("faces", size=32, progress=False).subset(IMAGES)
    valid = data.load("faces", size=32, split="valid", progress=False)
    rows: list[dict] = []

    def measure(state: training.Training) -> None:
        mu, logvar = latent.encode_dataset(model, train)
        assert logvar is not None  # the model is a VAE
        along_axes, correlation = mismatch_parts(mu, logvar)
        row = {"seed": seed, "epoch": len(state.history), "kl": losses.kl_divergence(mu, logvar).mean().item()}
        row |= {"along_axes": along_axes, "correlation": correlation}
        row |= {"gap": gap(model, mu[:CODES], state.history[-1]["sigma"]), "valid_mse": state.history[-1]["valid_mse"]}
        rows.append(row)

    settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "progress": False, **SETTINGS}
    training.fit(model, train, valid, after_epoch=measure, **settings)
    return rows


def mismatch_parts(mu: Tensor, logvar: Tensor) -> tuple[float, float]:
    """KL(N(m, C) || N(0, I)) in nats, where m and C are the moments of q(z): along the axes, and in the correlations.

    mu and logvar are (N, latent_dim). The second part is the total correlation of N(m, C) (Watanabe 1960).
    """
    fitted = priors.Gaussian().fit(mu, logvar)
    m, C = fitted.mean.double(), fitted.covariance.double()
    along_axes = 0.5 * (C.diag() + m.square() - 1 - C.diag().log()).sum()
    correlation = 0.5 * (C.diag().log().sum() - C.logdet())
    return along_axes.item(), correlation.item()


def gap(model: models.VAE, codes: Tensor, sigma: float) -> float:
    """By how many nats the best diagonal posterior misses the exact one, if the decoder were linear around each code.

    The mean over codes (N, latent_dim) of (sum_i log P_ii - log det P) / 2, where P = I + J^T J / sigma^2 and J is the
    decoder's Jacobian (Rolínek, Zietlow & Martius 2019).
    """
    jacobian = torch.func.jacfwd(lambda z: model.decode(z[None])[0].flatten())
    identity = torch.eye(codes.shape[1], dtype=torch.float64)
    gaps = []
    for z in codes:
        J = jacobian(z).detach().double()  # (pixels, latent_dim)
        P = identity + J.T @ J / sigma**2
        gaps.append(0.5 * (P.diag().log().sum() - P.logdet()))
    return torch.stack(gaps).mean().item()


if __name__ == "__main__":
    main()
