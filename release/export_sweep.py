"""Train the sweep over β of chapter 04 and write its decoders as one script for the chapter's live figure.

    python -m release.export_sweep

The five models, their 1,600 drawn faces and their seed are those of the chapter, so training takes a minute. The script
`book/_static/live/weights/sweep.js` holds the decoders, four faces that training has not seen with their codes in each
model, and the rates and distortions of 1,000 such faces. Another processor may give slightly different weights.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from release.export_web import FOLDER, decoder_layers, described, write
from release.web_format import Writer
from vaelib import data, latent, losses, models, training
from vaelib.support.errors import run_program

BETAS = (0.001, 0.01, 0.1, 1, 10)
TRAINED_ON, EPOCHS, SEED = 1600, 4, 0
SHOWN = 4  # faces
COARSER = 0.25  # times the number of levels: the figure compares models that differ much more than that


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the decoders of chapter 04's sweep for its live figure.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    run_program("export_sweep", lambda: export(parser.parse_args().folder))


def export(folder: Path) -> Path:
    """Train all models and write the script to `folder`."""
    train = data.load("faces", size=32).subset(TRAINED_ON)
    valid = data.load("faces", size=32, split="valid")
    faces = data.all_images(valid.subset(SHOWN))
    trained = [part_of(trained_with(beta, train, valid), valid) for beta in BETAS]
    writer = Writer()
    networks = described({"faces": faces.permute(0, 2, 3, 1), "models": trained}, writer)
    return write(folder, "sweep", {"betas": BETAS, "networks": networks}, writer.text)


def trained_with(beta: float, train: data.Dataset, valid: data.Dataset) -> models.VAE:
    """The model of chapter 04 with this weight of the KL."""
    torch.manual_seed(SEED)
    model = models.VAE(image_size=32, latent_dim=64, channels=(16, 32, 64))
    settings = {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 3e-3, "seed": SEED, "progress": False}
    training.fit(model, train, valid, likelihood=losses.Gaussian(math.sqrt(0.5)), beta=float(beta), **settings)
    return model.cpu().eval()


@torch.no_grad()
def part_of(model: models.VAE, valid: data.Dataset) -> dict[str, Any]:
    """What the page needs of a model: its decoder, the codes of the faces, the rate and the distortion."""
    x = data.all_images(valid)
    mu, logvar = latent.encode_dataset(model, valid)
    drawn = model.decode(models.reparameterize(mu, logvar, torch.Generator().manual_seed(SEED)))
    distortion = losses.squared_error(x, drawn).mean()
    return {
        "decoder": [replace(layer, finer=COARSER) for layer in decoder_layers(model)],
        "codes": mu[:SHOWN],
        "curve": torch.stack([losses.kl_divergence(mu, logvar).mean(), distortion]),
    }


if __name__ == "__main__":
    main()
