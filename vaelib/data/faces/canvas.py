"""The canvas: a batch of pictures, and every tensor that is needed to paint on them, by name.

Lengths are in head units, y pointing down: the origin is the middle of the face, a face is some 0.9 wide and 1.25
high. What a canvas knows has one of three shapes, all of which broadcast against each other:

    a plane, one number for each pixel            (n, height, width)
    a measure or a factor, one for each face      (n, 1, 1)
    a colour                                      (n, 3, 1, 1)
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

VIEW = 0.84  # the picture's edge is this far from its middle
RISE = 0.045  # the middle of the face is this far above the middle of the picture
POSE_MARGIN = 0.13  # no feature moves farther than this by turning, tilting and moving the head


class Canvas:
    """Pictures to paint on, `pixels` (n, 3, height, width), with planes, measures and colours as attributes.

    `window` and `only` give a part of the canvas, cut out in space or to some faces. A part's tensors are cut from the
    whole's when they are first asked for, so a small window costs little.
    """

    def __init__(self, pixels: Tensor, size: int, whole: "Canvas | None" = None, cut: Callable | None = None):
        self.pixels = pixels
        self.size = size
        self._whole = whole
        self._cut = cut

    def __getattr__(self, name: str) -> Tensor:  # called only for what this part has not cut yet
        if self.__dict__.get("_whole") is None:
            raise AttributeError(f"the canvas has no {name}")
        part = self._cut(getattr(self._whole, name))
        setattr(self, name, part)
        return part

    def window(self, top: float = -1.0, bottom: float = 1.0, half_width: float = 1.0) -> "Canvas":
        """The part that can hold what lies between these borders (head units); painting on it paints the whole."""
        rows = slice(self._pixel(top - POSE_MARGIN - RISE), self._pixel(bottom + POSE_MARGIN - RISE))
        columns = slice(self._pixel(-half_width - POSE_MARGIN), self._pixel(half_width + POSE_MARGIN))

        def cut(values: Tensor) -> Tensor:
            return values[
                ..., rows if values.shape[-2] > 1 else slice(1), columns if values.shape[-1] > 1 else slice(1)
            ]

        return Canvas(cut(self.pixels), self.size, self, cut)

    def _pixel(self, position: float) -> int:
        return min(max(round((position / VIEW + 1) / 2 * self.size), 0), self.size)

    @contextmanager
    def only(self, faces: Tensor) -> Iterator["Canvas"]:
        """Only those faces where `faces`, a measure, is not 0; the whole is painted when the block ends."""
        index = faces.flatten().nonzero()[:, 0]
        part = Canvas(self.pixels[index], self.size, self, lambda values: values[index])
        yield part
        self.pixels[index] = part.pixels

    def edge(self, distance: Tensor) -> Tensor:
        """Coverage of a shape with a sharp, anti-aliased edge: from 1 inside to 0 outside within one pixel."""
        return (distance * (-0.5 * self.size / VIEW)).add_(0.5).clamp_(0, 1)

    def paint(self, colour: Tensor, coverage: Tensor) -> None:
        """Lay a colour over the pictures, where coverage is 0 not at all, where it is 1 fully."""
        self.pixels.lerp_(colour, coverage.unsqueeze(1))

    def darken(self, amount: Tensor) -> None:
        """Take away this share of the light."""
        self.pixels.mul_((1 - amount).unsqueeze(1))


def soft(distance: Tensor, width: float) -> Tensor:
    """Coverage of a shape whose edge is blurred over about `width` on both sides."""
    return torch.sigmoid(distance * (-1 / width))


def rgb(red: float, green: float, blue: float) -> Tensor:
    """One colour for all faces, (1, 3, 1, 1)."""
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1)


def plane(values: Tensor) -> Tensor:
    """Measures (n, 1, 1) or a plane (n, height, width), ready to be multiplied with colours."""
    return values.unsqueeze(1)


def picture_planes(size: int) -> tuple[Tensor, Tensor]:
    """x (1, 1, size) and y (1, size, 1) of the pixels' middles, between -1 and 1."""
    middles = (torch.arange(size) + 0.5) / size * 2 - 1
    return middles.view(1, 1, size), middles.view(1, size, 1)


def gaussian_blur(pixels: Tensor, sigma: float) -> Tensor:
    """Pictures (n, 3, h, w) blurred by a Gaussian of this standard deviation in pixels."""
    radius = math.ceil(2.5 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = torch.outer(kernel, kernel) / kernel.sum() ** 2
    padded = torch.nn.functional.pad(pixels, 4 * [radius], mode="replicate")
    weight = kernel.expand(3, 1, *kernel.shape)
    return torch.nn.functional.conv2d(padded, weight, groups=3)
