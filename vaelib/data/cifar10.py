"""CIFAR-10 (Krizhevsky 2009): the official batches through torchvision, or a tree of image files.

The official test set is "test". The last tenth of the training images (5,000 of all 50,000) is "valid". The classes are
the attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..support.errors import UserError
from .cache import Batch, Contents
from .decode import DecodedImages
from .download import reachable
from .kinds import is_image
from .sources import Folder
from .splits import held_out
from .unused import Unused

BATCH = 1000
PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


def contents(root: Path, size: int) -> Contents:
    """`root/cifar10/{train,test}/CLASS/*` if it exists, else the official batches, downloaded if necessary."""
    tree = root / "cifar10"
    return _from_tree(tree, size) if (tree / "train").is_dir() else _from_batches(root, size)


def _from_tree(tree: Path, size: int) -> Contents:
    source = Folder(tree)
    train, test = (_pictures(source, part) for part in ("train", "test"))
    names = train + test
    if not names:
        raise UserError(f"No image lies in {tree} as train/CLASS/NAME.jpg: add the images, or remove its train folder.")
    classes = sorted({PurePosixPath(name).parts[1] for name in names})
    labels = [classes.index(PurePosixPath(name).parts[1]) for name in names]
    decoded, unused = DecodedImages(source, names, size), Unused()
    unused.add_kinds("that lie elsewhere than in train/CLASS or test/CLASS", set(source.files) - set(names))
    return Contents(
        size=size,
        counts=_counts(len(train), len(test)),
        batches=decoded,
        attributes=np.eye(len(classes), dtype=bool)[labels],
        attribute_names=classes,
        stamp=source.stamp(),
        facts={"source": str(tree)},
        unused=unused,
        broken=decoded.broken,
    )


def _pictures(source: Folder, part: str) -> list[str]:
    """The images of a part, sorted by number and then class, so that its last tenth has every class."""
    paths = [PurePosixPath(name) for name in source.files if is_image(name)]
    paths = [path for path in paths if len(path.parts) == 3 and path.parts[0] == part]
    return [str(path) for path in sorted(paths, key=lambda path: (path.name, path.parts[1]))]


def _counts(train: int, test: int) -> dict[str, int]:
    return {"train": train - held_out(train), "valid": held_out(train), "test": test}


def _from_batches(root: Path, size: int) -> Contents:
    train, test = _official(root)
    images = np.concatenate([train.data, test.data])  # uint8 (N, 32, 32, 3)
    return Contents(
        size=size,
        counts=_counts(len(train.data), len(test.data)),
        batches=_batches(images.transpose(0, 3, 1, 2)),
        attributes=np.eye(len(train.classes), dtype=bool)[train.targets + test.targets],
        attribute_names=list(train.classes),
        facts={"source": train.url},
    )


def _batches(images: np.ndarray) -> Iterator[Batch]:
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        yield batch, np.arange(start, start + len(batch))


def _official(root: Path) -> Sequence:
    """torchvision's training and test set.

    The official files are pickles. torchvision checks their MD5 before it reads them, so a file that differs from the
    published one is an error and is never opened.
    """
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    at_top = (root / CIFAR10.base_folder).is_dir() or (root / CIFAR10.filename).is_file()
    folder = root if at_top else root / "cifar10"
    unpacked = all(check_integrity(folder / CIFAR10.base_folder / name, md5) for name, md5 in _files(CIFAR10))
    packed = check_integrity(folder / CIFAR10.filename, CIFAR10.tgz_md5)
    if not (unpacked or packed or reachable(CIFAR10.url)):
        raise UserError(f"CIFAR-10 is not whole in {folder} and its server is out of reach: {_remedy(folder)}")
    try:
        return [CIFAR10(folder, train=train, download=True) for train in (True, False)]
    except Exception as error:  # a download or a damaged file raises errors of many kinds
        raise UserError(f"CIFAR-10 could not be had ({error}): {_remedy(folder)}") from error


def _files(dataset: Any) -> list[tuple[str, str]]:
    return [*dataset.train_list, *dataset.test_list, (dataset.meta["filename"], dataset.meta["md5"])]


def _remedy(folder: Path) -> str:
    return f"put cifar-10-python.tar.gz, from {PAGE}, into {folder}."
