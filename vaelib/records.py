"""What a person looks at during a run: its history as a table, pictures of every epoch, and their animation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from . import data, images
from .files import atomic_write, make_folder
from .models import LatentModel

HISTORY, ANIMATION, PICTURES = "history.csv", "training.gif", "pictures"
SHOWN, COLUMNS = 36, 6  # images per picture, and in each of its rows
LONGEST_ANIMATION = 40  # frames: of a longer run, evenly spaced epochs


@torch.no_grad()
def write_epoch(run: str | Path, model: LatentModel, valid: data.Dataset, history: list[dict]) -> None:
    """Write history.csv, and this epoch's reconstructions and samples.

    The reconstructed images and the latent draws are the same in every epoch, so that the pictures can be compared.
    `model` is in evaluation mode.
    """
    run = Path(run)
    make_folder(run / PICTURES)
    x = next(iter(data.loader(valid.subset(SHOWN), SHOWN, device=model.device)))
    samples = model.sample(SHOWN, generator=torch.Generator().manual_seed(0))
    epoch = history[-1]["epoch"]
    if epoch == 1:
        images.save(images.grid(x, COLUMNS), run / PICTURES / "originals.png")
    images.save(images.grid(model.reconstruct(x), COLUMNS), _picture(run, "reconstructions", epoch))
    images.save(images.grid(samples, COLUMNS), _picture(run, "samples", epoch))
    with atomic_write(run / HISTORY) as partial:
        pd.DataFrame(history).to_csv(partial, index=False)


def write_animation(run: str | Path, epochs: int) -> None:
    """Write training.gif from the pictures of `epochs` epochs, those that are still there."""
    step = -(-epochs // LONGEST_ANIMATION)
    shown = [epoch for epoch in range(epochs, 0, -step) if all(p.is_file() for p in _pair(Path(run), epoch))]
    if shown:
        images.save_gif([_frame(Path(run), epoch) for epoch in reversed(shown)], Path(run) / ANIMATION)


def _picture(run: Path, kind: str, epoch: int) -> Path:
    return run / PICTURES / f"{kind}-{epoch:03}.png"


def _pair(run: Path, epoch: int) -> list[Path]:
    return [_picture(run, kind, epoch) for kind in ("reconstructions", "samples")]


def _frame(run: Path, epoch: int) -> Image.Image:
    """Reconstructions on the left, samples on the right, and a line of text above."""
    pair = images.side_by_side([Image.open(path) for path in _pair(run, epoch)])
    return images.titled(pair, [f"epoch {epoch}: reconstructions", "samples from N(0, I)"])
