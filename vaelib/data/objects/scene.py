"""A scene: pictures of one class that are drawn together, layer upon layer, each with its own random parameters."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .palettes import Palette
from .shapes import Point, moved, turned


class Scene:
    """`count` pictures of `size` x `size` pixels, and the randomness that makes them differ.

    `image` is float32 (count, 3, size, size). `p` holds the coordinates (x, y) of the pixels' centres, each
    (count, size, size), in the square [-1, 1] x [-1, 1] with y down. All randomness comes from `torch.rand`, whose
    numbers are the same on every machine, and none depends on `size`: a seed gives the same pictures at every size.
    """

    def __init__(self, count: int, size: int, seed: int) -> None:
        self.count, self.size = count, size
        self.generator = torch.Generator().manual_seed(seed)
        self.image = torch.zeros(count, 3, size, size)
        pixel = (torch.arange(size) + 0.5) * 2 / size - 1
        self.p: Point = (pixel.expand(count, size, size), pixel[:, None].expand(count, size, size))

    def uniform(self, low: float, high: float) -> Tensor:
        """One number in [low, high) a picture, (count, 1, 1)."""
        return low + (high - low) * self._rand(1, 1)

    def chance(self, probability: float) -> Tensor:
        """1 with the given probability and else 0, (count, 1, 1): an opacity for what only some pictures have."""
        return (self._rand(1, 1) < probability).float()

    def colour(self, palette: Palette, jitter: float = 0.12) -> Tensor:
        """A colour of the palette for each picture, a little lighter or darker and tinted, (count, 3, 1, 1)."""
        choice = (self._rand() * len(palette)).long()
        brightness = 1 + jitter * (2 * self._rand(1) - 1)
        tint = jitter * (self._rand(3) - 0.5)
        return (torch.tensor(palette)[choice] * brightness + tint).clamp(0.02, 1)[:, :, None, None]

    def noise(self, cells: int, amplitude: float) -> Tensor:
        """Smooth noise in about [-amplitude, amplitude] from cells x cells random values, (count, size, size)."""
        values = amplitude * (2 * self._rand(cells, cells) - 1)
        enlarge = _enlargement(cells, self.size)
        return enlarge @ values @ enlarge.T

    def pose(
        self,
        turn: float,
        size: tuple[float, float] = (0.85, 1.1),
        shift: float = 0.15,
        stretch: float = 0.12,
    ) -> Point:
        """Coordinates in which to draw an object so that it appears somewhere, somehow.

        It is moved by up to `shift`, turned by up to `turn` radians, scaled by a factor in `size`, and by up to 1 +-
        `stretch` in each direction; half of the pictures are mirrored.
        """
        offset = self.uniform(-shift, shift), self.uniform(-shift, shift)
        x, y = turned(moved(self.p, offset), self.uniform(-turn, turn))
        scale = self.uniform(*size)
        facing = 1 - 2 * self.chance(0.5)
        wide, high = self.uniform(1 - stretch, 1 + stretch), self.uniform(1 - stretch, 1 + stretch)
        return x * (facing / (scale * wide)), y * (1 / (scale * high))

    def paint(
        self,
        distance: Tensor,
        colour: Tensor,
        shade: Tensor | None = None,
        opacity: Tensor | float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Lay a shape over the pictures.

        `distance` is the shape's signed distance; its outline is smoothed over one pixel, or over about four times
        `blur` scene units. `colour` (count or 1, 3, 1, 1) is multiplied by 1 + `shade` (count, size, size).
        """
        cover = torch.sigmoid(distance * (-1 / blur)) if blur else (0.5 - distance * (self.size / 2)).clamp_(0, 1)
        if shade is not None:
            colour = colour * (1 + shade).unsqueeze(1)
        self.image.lerp_(colour, (cover * opacity).unsqueeze(1))

    def finish(self) -> Tensor:
        """The pictures in [0, 1], with a light that differs from picture to picture and some grain."""
        light = self.uniform(0.85, 1.15).unsqueeze(1)
        grain = self.noise(cells=16, amplitude=0.03).unsqueeze(1)
        return (self.image * light + grain).clamp_(0, 1)

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(self.count, *shape, generator=self.generator)


@cache
def _enlargement(cells: int, size: int) -> Tensor:
    """The (size, cells) matrix of bicubic enlargement: two small products do what `interpolate` does, much faster."""
    identity = torch.eye(cells)[None, None]
    return F.interpolate(identity, size=(size, cells), mode="bicubic", align_corners=True)[0, 0]
