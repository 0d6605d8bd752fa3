"""The embedded ten-class pictures: CIFAR-10's class names, drawn on textured backgrounds from a seed.

`render` composes them; `vehicles` and `animals` draw one class each function, out of the shapes in `shapes`, the
colours in `palettes` and the backgrounds in `backgrounds`, on a `scene.Scene`.
"""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from . import animals, vehicles
from .scene import Scene

_DRAW = {
    "airplane": vehicles.airplane,
    "automobile": vehicles.automobile,
    "bird": animals.bird,
    "cat": animals.cat,
    "deer": animals.deer,
    "dog": animals.dog,
    "frog": animals.frog,
    "horse": animals.horse,
    "ship": vehicles.ship,
    "truck": vehicles.truck,
}
CLASS_NAMES = list(_DRAW)

# Pictures are drawn in chunks of one class: enough to be fast, few enough to stay in the processor's cache. A block
# holds one chunk of every class, shuffled.
_CHUNK = 128
_BLOCK = _CHUNK * len(CLASS_NAMES)


def render(n: int, size: int = 32, seed: int = 0, start: int = 0) -> tuple[Tensor, Tensor]:
    """Pictures number `start` to `start + n - 1` of the endless series that `seed` fixes, with their classes.

    Gives images, float32 (n, 3, size, size) in [0, 1], and labels, int64 (n,), indices into `CLASS_NAMES`. Picture i
    does not depend on `n` or `start`, so that a series can be rendered in pieces or in parallel; it is the same on
    every machine to within 1/255. Every 1280 pictures hold each class 128 times. A piece costs as much as the whole
    blocks that it touches: pieces of a multiple of 1280 waste nothing.
    """
    images, labels = torch.empty(n, 3, size, size), torch.empty(n, dtype=torch.long)
    for block in range(start // _BLOCK, -(-(start + n) // _BLOCK)):
        first = block * _BLOCK
        low, high = max(start, first), min(start + n, first + _BLOCK)
        here = slice(low - start, high - start)
        images[here], labels[here] = _part_of_block(seed, block, slice(low - first, high - first), size)
    return images, labels


def _part_of_block(seed: int, block: int, part: slice, size: int) -> tuple[Tensor, Tensor]:
    """The pictures and labels of a slice of one block; only the classes that occur in it are drawn."""
    order = _order(seed, block)[part]
    labels, ranks = order // _CHUNK, order % _CHUNK
    images = torch.empty(len(order), 3, size, size)
    for label in labels.unique().tolist():
        of_class = labels == label
        images[of_class] = _chunk(seed, block, label, size)[ranks[of_class]]
    return images, labels


def _order(seed: int, block: int) -> Tensor:
    """The order of a block's pictures: a permutation of class * _CHUNK + rank within the class, (1280,)."""
    generator = torch.Generator().manual_seed(_mix(seed, block, "order"))
    return torch.rand(_BLOCK, generator=generator).argsort(stable=True)


def _chunk(seed: int, block: int, label: int, size: int) -> Tensor:
    """The block's _CHUNK pictures of one class, (_CHUNK, 3, size, size)."""
    name = CLASS_NAMES[label]
    scene = Scene(_CHUNK, size, _mix(seed, block, name))
    _DRAW[name](scene)
    return scene.finish()


def _mix(seed: int, block: int, purpose: str) -> int:
    """One seed out of three parts; hashed, because torch's generator uses no more than 32 bits of a seed."""
    return zlib.crc32(f"{seed} {block} {purpose}".encode())
