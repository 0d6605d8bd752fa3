"""Pictures of every epoch of a run, and their animation."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from .. import data
from ..models import LatentModel
from ..support import images
from ..support.files import make_folder
from .run import ANIMATION, PICTURES, Run

SHOWN, COLUMNS = 36, 6  # images per picture, and in each of its rows
LONGEST_ANIMATION = 40  # frames; a longer run is shown at evenly spaced epochs


@torch.no_grad()
def write_pictures(run: Run, model: LatentModel, valid: data.Dataset, epoch: int) -> None:
    """Write this epoch's reconstructions and samples; after the first epoch also the original images.

    The images and the latent draws are the same in every epoch, so that the pictures can be compared. `model` must be
    in evaluation mode.
    """
    make_folder(run.path(PICTURES))
    x = next(iter(data.loader(valid.subset(SHOWN), SHOWN, device=model.device)))
    samples = model.sample(SHOWN, generator=torch.Generator().manual_seed(0))
    if epoch == 1:
        images.save(images.grid(x, COLUMNS), run.path(PICTURES) / "originals.png")
    images.save(images.grid(model.reconstruct(x), COLUMNS), _picture(run, "reconstructions", epoch))
    images.save(images.grid(samples, COLUMNS), _picture(run, "samples", epoch))


def write_animation(run: Run, epochs: int) -> None:
    """Write training.gif from the pictures of `epochs` epochs; missing pictures are left out."""
    step = -(-epochs // LONGEST_ANIMATION)
    shown = [epoch for epoch in range(epochs, 0, -step) if all(path.is_file() for path in _pair(run, epoch))]
    if shown:
        images.save_gif([_frame(run, epoch) for epoch in reversed(shown)], run.path(ANIMATION))


def _picture(run: Run, kind: str, epoch: int) -> Path:
    return run.path(PICTURES) / f"{kind}-{epoch:03}.png"


def _pair(run: Run, epoch: int) -> list[Path]:
    return [_picture(run, kind, epoch) for kind in ("reconstructions", "samples")]


def _frame(run: Run, epoch: int) -> Image.Image:
    """Reconstructions on the left, samples on the right, and a line of text above."""
    pair = images.side_by_side([Image.open(path) for path in _pair(run, epoch)])
    return images.titled(pair, [f"epoch {epoch}: reconstructions", "samples from N(0, I)"])
