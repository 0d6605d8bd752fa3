"""What a trained run can show: samples, reconstructions, walks between images, edited attributes.

Each function takes a run and returns a picture, or a list of them: the frames of an animation. What is decoded is
sharpened if the run has a sharpener, unless it is asked for `plain`, as the decoder left it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from .. import data, latent
from ..data.celeba import CROP
from ..data.decode import FORMATS, decode
from ..models import VAE, LatentModel, Prior
from ..priors import StandardNormal
from ..sharpening import Sharpener
from ..support import images
from ..support.errors import UserError
from .experiments import Experiment
from .run import CODES, STATISTICS, Run
from .statistics import Codes

ALIGNED = (178, 218)  # pixels of CelebA's aligned images
SHOWN = 8  # held-out images in a column where no others are named
PAIRS = 6  # interpolations where no ends are named
MOST_IN_A_ROW = 8
SCALE = 2  # screen pixels per pixel
ENCODED = 100  # held-out images of a run that has no codes yet
DOWNLOADED = ("celeba", "cifar10")  # data sets that are too large to be fetched for one picture


def samples(run: Run, n: int, prior: str, seed: int, plain: bool = False) -> Image.Image:
    """A grid of n images decoded from a prior: "normal", "gaussian", "gmm" or, where a run has one, "flow"."""
    model = run.model
    density: Prior
    if prior == "normal":  # which a run in training can be asked for, too
        density, sharpener = StandardNormal(model.latent_dim), _sharpener(run, plain)
    else:
        density, sharpener = run.statistics.prior(prior), None if plain else run.statistics.sharpener
    z = density.sample(n, torch.Generator().manual_seed(seed))
    return images.grid(_painter(model, sharpener)(z), columns=math.ceil(math.sqrt(n)), scale=SCALE)


def reconstructions(run: Run, paths: Sequence[Path] | None, root: Path | None, plain: bool = False) -> Image.Image:
    """Images in one row, their reconstructions in the row below, and so on.

    Where no image is named and the run's data set would have to be downloaded, the reconstructions stand alone: they
    are decoded from the codes that are kept with the run.
    """
    experiment = run.experiment
    if not (paths or _at_hand(experiment, root)):
        return _reconstructions_alone(run, experiment.dataset, plain)
    model = run.model
    x = _opened(paths, model) if paths else _first(_held_out(experiment, root), 2 * SHOWN)
    x_hat = _painter(model, _sharpener(run, plain))(_encode(model, x))
    columns = min(MOST_IN_A_ROW, len(x))
    rows = zip(x.split(columns), x_hat.split(columns), strict=True)
    return images.grid(torch.cat([_filled(row, columns) for pair in rows for row in pair]), columns, scale=SCALE)


def _reconstructions_alone(run: Run, dataset: str, plain: bool) -> Image.Image:
    paint = _painter(run.model, _sharpener(run, plain))
    x_hat = paint(run.codes.mu[: 2 * SHOWN])
    picture = images.grid(x_hat, MOST_IN_A_ROW, scale=SCALE)
    return images.titled(picture, [f"reconstructions; for their originals: vaelib prepare {dataset}"])


def _filled(row: Tensor, columns: int) -> Tensor:
    """The row with white images at its end, so that the next one starts on the left."""
    return torch.cat([row, torch.ones(columns - len(row), *row.shape[1:])])


def interpolation(
    run: Run, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None, plain: bool = False
) -> Image.Image:
    """One row per pair of images, one column per step from the first to the second."""
    walks = _interpolations(run, ends, steps, method, root, plain)
    return images.grid(walks.flatten(0, 1), columns=steps, scale=SCALE)


def animated_interpolation(
    run: Run, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None, plain: bool = False
) -> list[Image.Image]:
    """One frame per step, there and back again, every pair in its place."""
    walks = _interpolations(run, ends, steps, method, root, plain)
    there = [images.grid(step, columns=min(3, len(step)), scale=SCALE) for step in walks.transpose(0, 1)]
    return there + there[-2:0:-1]


def _interpolations(
    run: Run, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None, plain: bool
) -> Tensor:
    """Decoded interpolations: (pairs, steps, 3, H, W)."""
    if ends and len(ends) != 2:
        raise UserError(f"An interpolation has two ends and {len(ends)} were given: name two images, or none.")
    model = run.model
    z = _codes(run, model, ends, root).mu[: 2 * PAIRS]
    if len(z) < 2:
        raise UserError(f"The dataset of {run} holds out one image alone: name the two images to walk between.")
    pairs = zip(z[: len(z) // 2 * 2 : 2], z[1::2], strict=True)
    paths = torch.stack([latent.interpolate(z0, z1, steps, method) for z0, z1 in pairs])
    return _painter(model, _sharpener(run, plain))(paths.flatten(0, 1)).unflatten(0, paths.shape[:2])


def manipulation(
    run: Run,
    paths: Sequence[Path] | None,
    attribute: str,
    strengths: Sequence[float],
    root: Path | None,
    plain: bool = False,
) -> Image.Image:
    """One row per image, one column per multiple of the attribute's direction that is added to its code.

    Where no image is named, the rows are held-out images that lack the attribute.
    """
    model = run.model
    statistics = run.statistics
    direction = statistics.direction(attribute)
    codes = _codes(run, model, paths, root)
    z = codes.mu if paths else codes.lacking(attribute)[:SHOWN]
    moved = z[:, None] + torch.tensor(strengths)[:, None] * direction  # (images, strengths, latent_dim)
    paint = _painter(model, None if plain else statistics.sharpener)
    edited = images.grid(paint(moved.flatten(0, 1)), columns=len(strengths), scale=SCALE)
    return images.titled(edited, [f"{strength:+g}" if strength else "0" for strength in strengths])


def _codes(run: Run, model: LatentModel, paths: Sequence[Path] | None, root: Path | None) -> Codes:
    """The codes of the named images, else those kept with the run; a run that is still in training needs its data."""
    if paths:
        return Codes(_encode(model, _opened(paths, model)))
    if run.has(CODES):
        return run.codes
    held_out = _held_out(run.experiment, root).subset(ENCODED)
    return Codes(*latent.encode_dataset(model, held_out), held_out.attributes, held_out.attribute_names)


@torch.no_grad()
def _encode(model: LatentModel, x: Tensor) -> Tensor:
    """The codes (N, latent_dim) of images x (N, 3, H, W): of a VAE the means of their posteriors."""
    encoded = [model.encode(part) for part in x.split(data.BATCH_SIZE)]
    return torch.cat([posterior[0] for posterior in encoded] if isinstance(model, VAE) else encoded)


def _sharpener(run: Run, plain: bool) -> Sharpener | None:
    """The run's sharpener, if it is wanted and there is one: a run in training has no statistics yet."""
    known = not plain and run.has(STATISTICS)
    return run.statistics.sharpener if known else None


def _painter(model: LatentModel, sharpener: Sharpener | None) -> Callable[[Tensor], Tensor]:
    """What makes images of codes: the decoder, then the sharpener if there is one."""

    @torch.no_grad()
    def paint(z: Tensor) -> Tensor:
        x_hat = torch.cat([model.decode(part) for part in z.split(data.BATCH_SIZE)])
        return sharpener(x_hat) if sharpener else x_hat

    return paint


def _at_hand(experiment: Experiment, root: Path | None) -> bool:
    """Whether held-out images can be had without a download: the set is prepared, or the user says where it is."""
    if experiment.dataset not in DOWNLOADED or root is not None:
        return True
    return data.is_prepared(experiment.dataset, experiment.size)


def _held_out(experiment: Experiment, root: Path | None) -> data.Dataset:
    return data.load(experiment.dataset, experiment.size, "valid", root)


def _first(ds: data.Dataset, n: int) -> Tensor:
    """The first n images of a data set, (n, 3, H, W) in [0, 1]."""
    return next(iter(data.loader(ds.subset(n), n)))


def _opened(paths: Sequence[Path], model: LatentModel) -> Tensor:
    """The named images in the size of the model, (N, 3, H, W) in [0, 1]."""
    return torch.stack([open_image(path, model.image_size) for path in paths])


def open_image(path: Path, size: int) -> Tensor:
    """An image file as (3, size, size) in [0, 1].

    Of an image in CelebA's own format the centre is taken that the CelebA set is made of, of any other the largest
    centred square. Raises `UserError` if it is no image.
    """
    if not path.is_file():
        raise UserError(f"There is no image file {path}: name JPEG or PNG files, as in pictures/*.jpg.")
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            crop = CROP if image.size == ALIGNED else None
        return torch.from_numpy(decode(content, size, crop) / 255.0).float()
    except UnidentifiedImageError as error:
        raise UserError(f"{path} holds no picture that is known: name a JPEG or PNG file.") from error
    except Exception as error:  # Pillow raises errors of a dozen kinds for damaged bytes
        raise UserError(f"{path} cannot be read as an image ({error}): name a JPEG or PNG file.") from error
