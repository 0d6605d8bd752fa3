"""The pictures of a shipped folder. The model generates all of them, so none can show an image of a dataset."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from PIL import Image, ImageSequence
from torch import Tensor

from vaelib import latent, runs
from vaelib.models import LatentModel
from vaelib.runs import Run
from vaelib.runs.statistics import OPTIONAL_PRIORS, PRIORS, Codes
from vaelib.support import images
from vaelib.support.files import atomic_write

SAMPLES, SHARPENED, FROM_NORMAL = "samples.webp", "samples-sharpened.webp", "samples-normal.webp"
DETAILED = "samples-detail.webp"  # of a run that has a pixel flow
RECONSTRUCTIONS, INTERPOLATIONS, ANIMATION = "reconstructions.webp", "interpolations.webp", "training.webp"
STILLS = (SAMPLES, SHARPENED, DETAILED, FROM_NORMAL, RECONSTRUCTIONS, INTERPOLATIONS)

GRIDS = {32: (12, 5), 64: (6, 3), 128: (4, 2)}  # columns and rows of the pictures, by the size of the images
PATHS = {32: (12, 4), 64: (8, 4), 128: (6, 3)}  # steps of an interpolation between two images, and interpolations
QUALITY, QUALITY_OF_ANIMATION = 90, 25  # of a picture, out of 100


def best_prior(run: Run) -> str:
    """The fitted prior with the smallest Fréchet distance; the last one if none was measured."""
    frechet = run.metrics.get("evaluation", {}).get("frechet", {})
    distances = next(iter(frechet.values()), {})  # in the first features, which are the most informative
    return min(reversed(fitted_priors(run)), key=lambda name: distances.get(f"samples, {name}", math.inf))


def fitted_priors(run: Run) -> list[str]:
    """The names of the priors of a run. If it has lost its statistics, they follow from its settings."""
    if run.has(runs.STATISTICS):
        return list(run.statistics.priors)
    return [*PRIORS, *(OPTIONAL_PRIORS if run.experiment.flow_steps else ())]


@torch.no_grad()
def decoded(run: Run, codes: Codes) -> dict[str, Tensor]:
    """The images of each picture, (N, 3, H, W) in [0, 1], by file name."""
    model, statistics = run.model, run.statistics
    n = math.prod(GRIDS[model.image_size])
    samples = model.sample(n, statistics.priors[best_prior(run)], torch.Generator().manual_seed(0))
    detailed = {DETAILED: run.detail(samples, torch.Generator().manual_seed(0))} if run.has(runs.DETAIL) else {}
    return {
        SAMPLES: samples,
        SHARPENED: statistics.sharpener(samples),
        **detailed,
        FROM_NORMAL: model.sample(n, generator=torch.Generator().manual_seed(0)),
        RECONSTRUCTIONS: model.decode(codes.mu[:n]),
        INTERPOLATIONS: decoded_interpolations(model, codes),
    }


@torch.no_grad()
def decoded_interpolations(model: LatentModel, codes: Codes) -> Tensor:
    """The images between the first code and the second, between the third and the fourth, and so on."""
    steps, count = PATHS[model.image_size]
    paths = [latent.interpolate(*codes.mu[2 * i : 2 * i + 2], steps, "slerp") for i in range(count)]
    return model.decode(torch.cat(paths))


def write_pictures(folder: Path, pictures: dict[str, Tensor]) -> None:
    """Write each picture's images (N, 3, H, W) as a grid."""
    for name, x in pictures.items():
        with atomic_write(folder / name) as partial:
            images.grid(x, columns(name, x.shape[-1])).save(partial, "WEBP", quality=QUALITY, method=6)


def columns(picture: str, size: int) -> int:
    """The number of images of `size` pixels in a row of a picture."""
    return (PATHS if picture == INTERPOLATIONS else GRIDS)[size][0]


def write_animation(run: Run, folder: Path) -> None:
    """Write the animation of a run's epochs as a much smaller WebP file, if the run has one."""
    if not run.has(runs.ANIMATION):
        return
    with Image.open(run.path(runs.ANIMATION)) as gif:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    with atomic_write(folder / ANIMATION) as partial:
        options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
        frames[0].save(partial, "WEBP", quality=QUALITY_OF_ANIMATION, method=6, **options)
