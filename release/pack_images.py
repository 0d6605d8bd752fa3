"""Pack a prepared CelebA into one zip of about 50 MB, for a machine with a limit on uploads.

    python -m release.pack_images packed/celeba     then there: VAELIB_DATA=packed vaelib train celeba64

The images are those of the cache at 64 pixels, already cropped and resized. They are stored as WebP files of high
quality (on average 2.6 grey levels of 255 away from the originals) and numbered from 1 in the order of the splits. The
annotations are reduced to these images. `vaelib` reads the folder like any other copy of CelebA.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from vaelib import data
from vaelib.support.errors import run_program
from vaelib.support.files import make_folder

SPLITS = ("train", "valid")


def main() -> None:
    """Pack the images into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Pack the prepared 64-pixel CelebA into a small zip.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", type=int, default=95)
    arguments = parser.parse_args()
    run_program("pack_images", lambda: pack(arguments.folder, arguments.quality))


def pack(folder: Path, quality: int) -> None:
    """Write img_align_celeba.zip and the two annotation files to `folder`."""
    datasets = {split: data.load("celeba", 64, split) for split in SPLITS}
    make_folder(folder)
    write_images(folder / "img_align_celeba.zip", datasets, quality)
    write_annotations(folder, datasets)


def write_images(path: Path, datasets: dict[str, data.Dataset], quality: int) -> None:
    """Write all images of all splits, numbered from 1 in order."""
    images = (image for ds in datasets.values() for image in ds.images)
    total = sum(map(len, datasets.values()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, image in enumerate(tqdm(images, "pack", total), start=1):
            archive.writestr(f"img_align_celeba/{number:06}.webp", encoded(image, quality))


def encoded(image: np.ndarray, quality: int) -> bytes:
    """A uint8 image (3, H, W) as the bytes of a WebP file."""
    buffer = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(buffer, "WEBP", quality=quality)
    return buffer.getvalue()


def write_annotations(folder: Path, datasets: dict[str, data.Dataset]) -> None:
    """Write the attributes and the partition of the packed images in the official format."""
    names = next(iter(datasets.values())).attribute_names
    attributes = np.concatenate([ds.attributes.numpy() for ds in datasets.values()]) * 2 - 1
    parts = np.concatenate([np.full(len(ds), part) for part, ds in enumerate(datasets.values())])
    files = [f"{number:06}.jpg" for number in range(1, len(parts) + 1)]
    rows = [f"{file} {' '.join(map(str, row))}" for file, row in zip(files, attributes, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(rows)), " ".join(names), *rows]) + "\n")
    partition = [f"{file} {part}" for file, part in zip(files, parts, strict=True)]
    (folder / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")


if __name__ == "__main__":
    main()
