"""After training, restore the contrast that decoded images have lost: one gain for each spatial frequency.

A decoder trained by squared error generates the mean of all the images that its code could stand for. Where these
images differ, in hair and at edges, their mean is smooth: it lacks a part of their power, and at high frequencies most.
`Sharpener` corrects pixels as ex-post density estimation corrects codes (`vaelib.priors`): it is fitted after training
and multiplies every frequency so that decoded images have the power of real ones. If the decoder generates conditional
means, its squared error at most doubles. If the cosine coefficients are Gaussian with mean zero, independent, and of
equal variance within a frequency, no map that gives them the distribution of real images moves them less (chapter 11;
Blau & Michaeli 2018; Freirich, Michaeli & Meir 2021).
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from .support.errors import UserError

AT_ONCE = 256  # images transformed in one batch
SMALLEST_POWER = 1e-9  # of pixels in [0, 1]: smaller powers are rounding errors, which must not be amplified


class Sharpener:
    """One gain per spatial frequency. Fit it, then call it with decoded images."""

    gains: Tensor  # (F,), one per spatial frequency: see `radii`

    @torch.no_grad()
    def fit(self, x: Tensor, x_hat: Tensor) -> Self:
        """Learn the gains: the square root of the power of images x divided by that of their reconstructions x_hat.

        Both are (N, 3, H, H) in [0, 1]. Only their average power matters, so 1,000 images are enough. Returns the
        sharpener itself. Raises `UserError` if there is no image, or if the two differ in shape.
        """
        if not len(x) or x.shape != x_hat.shape:
            raise UserError(
                f"A sharpener cannot be fitted to {len(x)} images of {x.shape[-1]} pixels and {len(x_hat)} "
                f"reconstructions of {x_hat.shape[-1]}: give it images and their own reconstructions."
            )
        self.gains = (power(x) / power(x_hat).clamp(min=SMALLEST_POWER)).sqrt()
        return self

    def __call__(self, images: Tensor) -> Tensor:
        """Decoded images (N, 3, H, H) in [0, 1] with every frequency multiplied by its gain, clipped to [0, 1]."""
        size = images.shape[-1]
        if len(self.gains) != bands(size):
            raise UserError(f"This sharpener was not fitted to images of {size} pixels: use that of the same model.")
        gains = self.gains.to(images.device)[radii(size)]
        return from_cosines(gains * to_cosines(images)).clamp(0, 1)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save: the gains (F,)."""
        return {"gains": self.gains}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """Restore a sharpener from its `tensors()`."""
        sharpener = cls()
        sharpener.gains = tensors["gains"]
        return sharpener


def unsharp_mask(images: Tensor, strength: float = 1.0, sigma: float = 0.7) -> Tensor:
    """Images (N, 3, H, W) in [0, 1] plus `strength` times what a Gaussian blur of them loses, clipped to [0, 1].

    The usual sharpening filter of photography, and the baseline of `Sharpener`: it knows nothing of a model and has to
    be fitted to nothing. sigma is the blur's standard deviation in pixels. Beyond the border the image continues with
    its last pixel.
    """
    reach = math.ceil(3 * sigma)  # beyond three standard deviations the weights are below 1 % of the largest
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=images.device) / sigma).square())
    line = (weights / weights.sum()).to(images.dtype).expand(images.shape[1], 1, 1, -1)
    blurred = functional.pad(images, (reach, reach, reach, reach), mode="replicate")
    for kernel in (line, line.mT):  # along the rows, then along the columns
        blurred = functional.conv2d(blurred, kernel, groups=len(kernel))
    return (images + strength * (images - blurred)).clamp(0, 1)


def power(images: Tensor) -> Tensor:
    """The mean square of the cosine coefficients of images (N, 3, H, H), by spatial frequency: (F,).

    The mean is over images, colours and directions; `radii` gives the frequency of each coefficient.
    """
    sums = [to_cosines(part).double().square().sum((0, 1)) for part in images.split(AT_ONCE)]
    squares = torch.stack(sums).sum(0)
    band, count = radii(images.shape[-1]).flatten(), bands(images.shape[-1])
    mean = torch.zeros(count, dtype=torch.double).scatter_reduce_(
        0, band, squares.cpu().flatten(), "mean", include_self=False
    )
    return (mean / (len(images) * images.shape[1])).float()


def to_cosines(images: Tensor) -> Tensor:
    """The coefficients (..., H, H) of images (..., H, H) in an orthonormal basis of cosines.

    This is the discrete cosine transform (Ahmed, Natarajan & Rao 1974). Unlike the Fourier basis, it continues an image
    by its mirror image, so the borders do not act as edges.
    """
    basis = cosines(images.shape[-1]).to(images)
    return basis @ images @ basis.T


def from_cosines(coefficients: Tensor) -> Tensor:
    """The images (..., H, H) with these coefficients: the inverse of `to_cosines`."""
    basis = cosines(coefficients.shape[-1]).to(coefficients)
    return basis.T @ coefficients @ basis


def cosines(size: int) -> Tensor:
    """The basis, one cosine per row in the order of frequency: an orthogonal matrix (size, size)."""
    frequency, pixel = torch.arange(size)[:, None], torch.arange(size)
    basis = math.sqrt(2 / size) * torch.cos(math.pi * frequency * (2 * pixel + 1) / (2 * size))
    basis[0] /= math.sqrt(2)
    return basis


def radii(size: int) -> Tensor:
    """The spatial frequency of each coefficient, whatever its direction, in half periods per image: int64 (H, H)."""
    frequency = torch.arange(size)
    return (frequency[:, None].square() + frequency.square()).float().sqrt().round().long()


def bands(size: int) -> int:
    """The number F of different frequencies that `radii` gives for images of that size."""
    return round(math.sqrt(2) * (size - 1)) + 1
