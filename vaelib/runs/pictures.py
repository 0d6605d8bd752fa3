"""Pictures of a trained run: samples, reconstructions, interpolations, edited attributes.

Each function takes a run and returns a picture, or a list of pictures: the frames of an animation. `finish` says what
becomes of decoded images: one of `FINISHES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from .. import data, latent
from ..data.celeba import CROP
from ..data.damage import cause_of
from ..data.decode import decode, dimensions
from ..detail import Detail
from ..models import VAE, LatentModel
from ..priors import StandardNormal
from ..sharpening import Sharpener
from ..support import images
from ..support.errors import UserError, unknown
from .experiments import Experiment
from .run import CODES, DETAIL, STATISTICS, Run
from .statistics import Codes

ALIGNED = (178, 218)  # pixels of CelebA's aligned images
SHOWN = 8  # held-out images in a column if no images are named
PAIRS = 6  # interpolations if no ends are named
MOST_IN_A_ROW = 8
SCALE = 2  # screen pixels per pixel
ENCODED = 100  # held-out images of a run that has no codes yet
PLAIN, SHARPEN, DETAILED = "plain", "sharpen", "detail"
FINISHES = (PLAIN, SHARPEN, DETAILED)  # what the decoder itself gives; after the sharpener; after the pixel flow
DOWNLOADED = ("celeba", "cifar10")  # datasets that are too large to be downloaded for one picture


def samples(
    run: Run, n: int, prior: str, seed: int, finish: str | None = None, temperature: float = 1.0
) -> Image.Image:
    """A grid of n images decoded from a prior: "normal", "gaussian", "gmm" or, where a run has one, "flow".

    `temperature` multiplies the deviations of the draws from the mean; below 1, images are more typical.
    """
    decode = _decoder(run, finish, seed)
    density = StandardNormal(run.model.latent_dim) if prior == "normal" else run.statistics.prior(prior)
    z = density.sample(n, torch.Generator().manual_seed(seed), temperature)
    return images.grid(decode(z), columns=math.ceil(math.sqrt(n)), scale=SCALE)


def reconstructions(
    run: Run, paths: Sequence[Path] | None, root: Path | None, finish: str | None = None
) -> Image.Image:
    """Images in one row, their reconstructions in the row below, and so on.

    If no image is named and the run's dataset would have to be downloaded, the picture shows only reconstructions,
    decoded from the codes that are kept with the run.
    """
    experiment = run.experiment
    if not (paths or _at_hand(experiment, root)):
        return _reconstructions_alone(run, experiment.dataset, finish)
    model = run.model
    x = _opened(paths, model) if paths else _first(_held_out(experiment, root), 2 * SHOWN)
    x_hat = _decoder(run, finish)(_encode(model, x))
    columns = min(MOST_IN_A_ROW, len(x))
    rows = zip(x.split(columns), x_hat.split(columns), strict=True)
    return images.grid(torch.cat([_filled(row, columns) for pair in rows for row in pair]), columns, scale=SCALE)


def _reconstructions_alone(run: Run, dataset: str, finish: str | None) -> Image.Image:
    x_hat = _decoder(run, finish)(run.codes.mu[: 2 * SHOWN])
    picture = images.grid(x_hat, MOST_IN_A_ROW, scale=SCALE)
    return images.titled(picture, [f"reconstructions; for their originals: vaelib prepare {dataset}"])


def _filled(row: Tensor, columns: int) -> Tensor:
    """The row, filled up with white images, so that the next row starts on the left."""
    return torch.cat([row, torch.ones(columns - len(row), *row.shape[1:])])


def interpolation(
    run: Run, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None, finish: str | None = None
) -> Image.Image:
    """One row per pair of images, one column per step from the first to the second."""
    decoded = _interpolations(run, ends, steps, method, root, finish)
    return images.grid(decoded.flatten(0, 1), columns=steps, scale=SCALE)


def animated_interpolation(
    run: Run, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None, finish: str | None = None
) -> list[Image.Image]:
    """One frame per step, forwards and then backwards; every pair keeps its place in the grid."""
    decoded = _interpolations(run, ends, steps, method, root, finish)
    forwards = [images.grid(step, columns=min(3, len(step)), scale=SCALE) for step in decoded.transpose(0, 1)]
    return forwards + forwards[-2:0:-1]


def _interpolations(
    run: Run, ends: Sequence[Path] | None, steps: int, method: str, root: Path | None, finish: str | None
) -> Tensor:
    """The decoded interpolations of all pairs: (pairs, steps, 3, H, W)."""
    if ends and len(ends) != 2:
        raise UserError(f"An interpolation has two ends and {len(ends)} were given: name two images, or none.")
    model = run.model
    z = _codes(run, model, ends, root).mu[: 2 * PAIRS]
    if len(z) < 2:
        raise UserError(f"The dataset of {run} holds out only one image: name the two images to interpolate between.")
    pairs = zip(z[: len(z) // 2 * 2 : 2], z[1::2], strict=True)
    paths = torch.stack([latent.interpolate(z0, z1, steps, method) for z0, z1 in pairs])
    return _decoder(run, finish, same_noise=True)(paths.flatten(0, 1)).unflatten(0, paths.shape[:2])


def manipulation(
    run: Run,
    paths: Sequence[Path] | None,
    attribute: str,
    strengths: Sequence[float],
    root: Path | None,
    finish: str | None = None,
) -> Image.Image:
    """One row per image, one column per multiple of the attribute's direction that is added to its code.

    If no image is named, the rows are held-out images without the attribute.
    """
    model = run.model
    direction = run.statistics.direction(attribute)
    codes = _codes(run, model, paths, root)
    z = codes.mu if paths else codes.lacking(attribute)[:SHOWN]
    moved = z[:, None] + torch.tensor(strengths)[:, None] * direction  # (images, strengths, latent_dim)
    decoded = _decoder(run, finish, same_noise=True)(moved.flatten(0, 1))
    edited = images.grid(decoded, columns=len(strengths), scale=SCALE)
    return images.titled(edited, [f"{strength:+g}" if strength else "0" for strength in strengths])


def _codes(run: Run, model: LatentModel, paths: Sequence[Path] | None, root: Path | None) -> Codes:
    """The codes of the named images, else the codes kept with the run, else (during training) those of its data."""
    if paths:
        return Codes(_encode(model, _opened(paths, model)))
    if run.has(CODES):
        return run.codes
    held_out = _held_out(run.experiment, root).subset(ENCODED)
    return Codes(*latent.encode_dataset(model, held_out), held_out.attributes, held_out.attribute_names)


@torch.no_grad()
def _encode(model: LatentModel, x: Tensor) -> Tensor:
    """The codes (N, latent_dim) of images x (N, 3, H, W); for a VAE the means of their posteriors."""
    encoded = [model.encode(part) for part in x.split(data.BATCH_SIZE)]
    return torch.cat([posterior[0] for posterior in encoded] if isinstance(model, VAE) else encoded)


def _decoder(run: Run, finish: str | None, seed: int = 0, same_noise: bool = False) -> Callable[[Tensor], Tensor]:
    """A function from codes to images: the run's decoder, followed by `finish`.

    By default the finish is `DETAILED` where the run has a pixel flow, and else `PLAIN`. With `same_noise` the pixel
    flow draws the details of all images from the same noise, so that they do not flicker along a path of codes. Raises
    `UserError` if `finish` is unknown, or if the run lacks what it needs.
    """
    model = run.model  # first: a damaged file of weights explains whatever else does not fit
    finishing = _finishing(run, finish or (DETAILED if run.has(DETAIL) else PLAIN), seed, same_noise)

    @torch.no_grad()
    def decode(z: Tensor) -> Tensor:
        return finishing(torch.cat([model.decode(part) for part in z.split(data.BATCH_SIZE)]))

    return decode


def _finishing(run: Run, finish: str, seed: int, same_noise: bool) -> Callable[[Tensor], Tensor]:
    """The function from decoded images to finished ones, of the same shape."""
    if finish not in FINISHES:
        raise unknown("finish", finish, FINISHES)
    if finish == PLAIN:
        return lambda x_hat: x_hat
    if finish == SHARPEN:
        return _sharpener(run)
    detail = _detail(run)

    def detailed(x_hat: Tensor) -> Tensor:
        noise = torch.randn(
            (1 if same_noise else len(x_hat), *x_hat.shape[1:]), generator=torch.Generator().manual_seed(seed)
        )
        return detail.at_noise(x_hat, noise)

    return detailed


def _sharpener(run: Run) -> Sharpener:
    if not run.has(STATISTICS) or run.statistics.sharpener is None:
        raise UserError(
            f"{run} has no sharpener, which is fitted at the end of training: train the run to its end, or give "
            f"--finish {PLAIN}."
        )
    return run.statistics.sharpener


def _detail(run: Run) -> Detail:
    if not run.has(DETAIL):
        raise UserError(
            f"{run} has no pixel flow: fit one with `vaelib refine {run}`, which takes an hour on a CPU and can be "
            f"stopped and continued, or give --finish {PLAIN}."
        )
    return run.detail


def _at_hand(experiment: Experiment, root: Path | None) -> bool:
    """Whether held-out images need no download: the dataset is prepared, or the user has named its folder."""
    if experiment.dataset not in DOWNLOADED or root is not None:
        return True
    return data.is_prepared(experiment.dataset, experiment.size)


def _held_out(experiment: Experiment, root: Path | None) -> data.Dataset:
    return data.load(experiment.dataset, experiment.size, "valid", root)


def _first(ds: data.Dataset, n: int) -> Tensor:
    """The first n images of a dataset, (n, 3, H, W) in [0, 1]."""
    return next(iter(data.loader(ds.subset(n), n)))


def _opened(paths: Sequence[Path], model: LatentModel) -> Tensor:
    """The named images, resized for the model: (N, 3, H, W) in [0, 1]."""
    return torch.stack([open_image(path, model.image_size) for path in paths])


def open_image(path: Path, size: int) -> Tensor:
    """An image file as (3, size, size) in [0, 1].

    An image with the size of CelebA's aligned images gets CelebA's crop; of any other image the largest centred square
    is used. Raises `UserError` if the file is not an image.
    """
    if not path.is_file():
        raise UserError(f"There is no image file {path}: name JPEG or PNG files, as in pictures/*.jpg.")
    content = path.read_bytes()
    try:
        crop = CROP if dimensions(content) == ALIGNED else None
        return torch.from_numpy(decode(content, size, crop) / 255.0).float()
    except UnidentifiedImageError as error:
        raise UserError(f"{path} holds no picture that is known: name a JPEG or PNG file.") from error
    except Exception as error:  # Pillow raises errors of a dozen kinds for damaged bytes
        raise UserError(
            f"{path} cannot be read as an image ({cause_of(error, content).are}): name a JPEG or PNG file."
        ) from error
