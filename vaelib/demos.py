"""What a trained run can show: samples, reconstructions, walks between images, edited attributes.

Each function loads a run's folder (or a shipped checkpoint) and returns a picture, or a list of them: the frames of an
animation.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from . import checkpoints, data, experiments, images, latent
from .data.celeba import CROP
from .data.decode import FORMATS, decode
from .errors import UserError
from .models import VAE, LatentModel
from .priors import StandardNormal

ALIGNED = (178, 218)  # pixels of CelebA's aligned images
SHOWN = 8  # held-out images where no others are named
PAIRS = 6  # interpolations where no ends are named
MOST_IN_A_ROW = 8
SCALE = 2  # screen pixels a pixel


def samples(run: str, n: int, prior: str, seed: int) -> Image.Image:
    """A grid of n images decoded from draws of a prior: "normal", "gaussian" or "gmm"."""
    model = checkpoints.load(run)
    density = StandardNormal(model.latent_dim) if prior == "normal" else checkpoints.load_statistics(run).priors[prior]
    drawn = model.sample(n, density, torch.Generator().manual_seed(seed))
    return images.grid(drawn, columns=math.ceil(math.sqrt(n)), scale=SCALE)


@torch.no_grad()
def reconstructions(run: str, paths: Sequence[Path] | None, root: Path | None) -> Image.Image:
    """Images in one row, their reconstructions in the row below, and so on."""
    model = checkpoints.load(run)
    x = _inputs(run, paths, root, 2 * SHOWN)
    x_hat = model.reconstruct(x)
    columns = min(MOST_IN_A_ROW, len(x))
    rows = zip(x.split(columns), x_hat.split(columns), strict=True)
    return images.grid(torch.cat([_filled(row, columns) for pair in rows for row in pair]), columns, scale=SCALE)


def _filled(row: Tensor, columns: int) -> Tensor:
    """The row with white images at its end, so that the next one starts on the left."""
    return torch.cat([row, torch.ones(columns - len(row), *row.shape[1:])])


def interpolation(run: str, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None) -> Image.Image:
    """One row a pair of images, one column a step from the first to the second."""
    walks = _walks(run, ends, steps, method, root)
    return images.grid(walks.flatten(0, 1), columns=steps, scale=SCALE)


def animated_interpolation(
    run: str, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None
) -> list[Image.Image]:
    """One frame a step, there and back again, every pair in its place."""
    walks = _walks(run, ends, steps, method, root)
    there = [images.grid(step, columns=min(3, len(step)), scale=SCALE) for step in walks.transpose(0, 1)]
    return there + there[-2:0:-1]


@torch.no_grad()
def _walks(run: str, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None) -> Tensor:
    """Decoded interpolations: (pairs, steps, 3, H, W)."""
    if ends and len(ends) != 2:
        raise UserError(f"An interpolation has two ends and {len(ends)} were given: name two images, or none.")
    model = checkpoints.load(run)
    x = _inputs(run, ends, root, 2 * PAIRS)
    if len(x) < 2:
        raise UserError(f"The data set of {run} holds out one image alone: name the two images to walk between.")
    z = _encode(model, x[: len(x) // 2 * 2])
    paths = [latent.interpolate(z0, z1, steps, method) for z0, z1 in zip(z[::2], z[1::2], strict=True)]
    return torch.stack([model.decode(path) for path in paths])


@torch.no_grad()
def manipulation(
    run: str, paths: Sequence[Path] | None, attribute: str, strengths: Sequence[float], root: Path | None
) -> Image.Image:
    """One row an image, one column a multiple of the attribute's direction that is added to its code."""
    model = checkpoints.load(run)
    direction = checkpoints.load_statistics(run).direction(attribute)
    z = _encode(model, _inputs(run, paths, root, SHOWN))
    moved = z[:, None] + torch.tensor(strengths)[:, None] * direction  # (images, strengths, latent_dim)
    edited = images.grid(model.decode(moved.flatten(0, 1)), columns=len(strengths), scale=SCALE)
    return images.titled(edited, [f"{strength:+g}" if strength else "0" for strength in strengths])


def _encode(model: LatentModel, x: Tensor) -> Tensor:
    return model.encode(x)[0] if isinstance(model, VAE) else model.encode(x)


def _inputs(run: str, paths: Sequence[Path] | None, root: Path | None, n: int) -> Tensor:
    """The named images, or the first n validation images of the run's data set: (N, 3, H, W) in [0, 1]."""
    experiment = experiments.read(checkpoints.run_folder(run) / experiments.CONFIG)
    if paths:
        return torch.stack([open_image(path, experiment.size) for path in paths])
    held_out = data.load(experiment.dataset, experiment.size, "valid", root).subset(n)
    return next(iter(data.loader(held_out, n)))


def open_image(path: Path, size: int) -> Tensor:
    """An image file as (3, size, size) in [0, 1].

    Of an image in CelebA's own format the centre is taken that the CelebA set is made of, of any other the largest
    centred square. Raises `UserError` if it is no image.
    """
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            crop = CROP if image.size == ALIGNED else None
        return torch.from_numpy(decode(content, size, crop) / 255.0).float()
    except Exception as error:  # Pillow raises errors of a dozen kinds for damaged bytes
        raise UserError(f"{path} cannot be read as an image ({error}): name a JPEG or PNG file.") from error
