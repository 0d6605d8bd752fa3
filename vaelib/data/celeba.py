"""CelebA (Liu, Luo, Wang, Tang: *Deep Learning Face Attributes in the Wild*, ICCV 2015), from the user's own files.

These can be the official files or Kaggle's, zipped or extracted, with all images or some of them. Needed are the
aligned images (`img_align_celeba.zip` or a folder), the attributes (`list_attr_celeba.txt` or `.csv`) and the partition
(`list_eval_partition.txt` or `.csv`), anywhere in the root's `celeba` folder or in the root itself. Zips are read
without being extracted.

The crop is the usual one: the centred 148 x 148 of the 178 x 218 pixels, resized with antialiasing. Metrics depend on
the crop, and other crops (128, 140, 160) are in use too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ..support.errors import UserError
from .cache import SPLITS, Contents
from .decode import DecodedImages
from .download import fetch_celeba
from .sources import Archive, DamagedZip, Folder, Source, is_image, is_zip, stamp_of

CROP = 148  # pixels
IMAGES = "img_align_celeba.zip"
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
NEEDED = (IMAGES, f"{ATTRIBUTES}.txt", f"{PARTITION}.txt")
PLACES = (
    "the official page (http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html), the Google Drive folder that it links to, "
    "or Kaggle (jessicali9530/celeba-dataset)"
)
OURS = re.compile(r"celeba|img_align_celeba|archive|annotations|list_(attr|eval)_|(img|anno|eval)\b", re.IGNORECASE)


@dataclass
class Table:
    """An annotation file: the names of its columns, and for each image (by its stem) a string of its values."""

    path: Path
    columns: list[str]
    rows: dict[str, str]


@dataclass
class Images:
    """One folder of aligned images: the path in the source of each image, by the stem of its name."""

    source: Source
    folder: str
    paths: dict[str, str]


@dataclass
class Found:
    """CelebA's three parts, each None if it was not found, and descriptions of damaged files."""

    images: Images | None
    attributes: Table | None
    partition: Table | None
    damaged: list[str]

    @property
    def missing(self) -> list[str]:
        """The official names of the files that hold the parts that were not found."""
        parts = (self.images, self.attributes, self.partition)
        return [name for name, part in zip(NEEDED, parts, strict=True) if part is None]


def contents(root: Path, size: int) -> Contents:
    """The available images, with their 40 attributes, for the cache.

    Missing files are downloaded if possible. Raises a `UserError` that says which files are needed, where to put them,
    and where to get them.
    """
    found, trouble = find(root), ""
    if found.missing and not found.damaged:
        trouble = fetch_celeba(root / "celeba", found.missing)
        found = find(root)
    if found.images is None or found.attributes is None or found.partition is None:
        raise _incomplete(found, root, trouble)
    return _plan(found.images, found.attributes, found.partition, size)


def find(root: Path) -> Found:
    """Look for CelebA's parts in `root`, in its `celeba` folder and in the zips there."""
    tree = Folder(root, enter=OURS.match)
    tree.files = [name for name in tree.files if OURS.match(name)]
    archives, damaged = _open_archives(tree)
    sources: list[Source] = [tree, *archives]
    attributes, no_attributes = _read_table(sources, ATTRIBUTES)
    partition, no_partition = _read_table(sources, PARTITION)
    return Found(_largest_folder(sources), attributes, partition, damaged + no_attributes + no_partition)


def _open_archives(tree: Folder) -> tuple[list[Archive], list[str]]:
    archives, damaged = [], []
    for name in filter(is_zip, tree.files):
        try:
            archives.append(Archive(tree.path / name))
        except DamagedZip as error:
            damaged.append(str(error))
    return archives, damaged


def _largest_folder(sources: Sequence[Source]) -> Images | None:
    """The folder, in the tree or in a zip, that holds the most aligned images."""
    folders: dict[tuple[int, PurePosixPath], Images] = {}
    for number, source in enumerate(sources):
        for name in filter(is_image, source.files):
            path = PurePosixPath(name)
            images = folders.setdefault((number, path.parent), Images(source, str(path.parent), {}))
            images.paths[path.stem] = name
    return max(folders.values(), key=_rank, default=None)


def _rank(images: Images) -> tuple[bool, int]:
    """Folders with "align" in their name come first, because the original photographs have the same file names."""
    zip_name = images.source.path.name if isinstance(images.source, Archive) else ""
    return "align" in f"{zip_name}/{images.folder}".lower(), len(images.paths)


def _place(source: Source, name: str) -> Path:
    """The path on the disk of `name`, or of the zip that holds it."""
    return source.path if isinstance(source, Archive) else source.path / name


def _read_table(sources: Sequence[Source], stem: str) -> tuple[Table | None, list[str]]:
    """The first readable annotation file with that stem, and descriptions of the damaged ones before it."""
    damaged: list[str] = []
    for source in sources:
        for name in source.files:
            if PurePosixPath(name).name in (f"{stem}.txt", f"{stem}.csv"):
                table = _parse(source, name)
                if table.rows:
                    return table, damaged
                damaged.append(f"{name} in {source.path} is not a table of annotations")
    return None, damaged


def _parse(source: Source, name: str) -> Table:
    """Read both layouts: a line of column names, then lines of a file name and values, split by spaces or commas."""
    table = Table(_place(source, name), [], {})
    try:
        text = source.read(name).decode("utf-8-sig", errors="replace")
    except Exception:  # a damaged zip raises errors of many kinds
        return table
    for line in text.replace(",", " ").splitlines():
        first, _, rest = line.strip().partition(" ")
        if is_image(first):
            table.rows[PurePosixPath(first).stem] = rest.strip()
        elif not table.rows:
            table.columns = [column for column in line.split() if column != "image_id"]
    return table


def _incomplete(found: Found, root: Path, trouble: str) -> UserError:
    cause = "; ".join(found.damaged) or f"CelebA needs {_and(found.missing)}, not found in {root}"
    trouble = f" (the download failed: {trouble})" if trouble else ""
    return UserError(f"{cause}{trouble}: put {_and(NEEDED)} into {root / 'celeba'}; they can be had from {PLACES}.")


def _plan(images: Images, attributes: Table, partition: Table, size: int) -> Contents:
    source, paths, split_of = images.source, images.paths, partition.rows
    stems = [stem for stem in paths if stem in attributes.rows and split_of.get(stem) in ("0", "1", "2")]
    if not stems:
        raise UserError(
            f"None of the {len(paths):,} images in {source.path} has a row in {partition.path} and in "
            f"{attributes.path}: keep the images' original names."
        )
    stems.sort(key=lambda stem: (split_of[stem], stem))
    decoded = DecodedImages(source, [paths[stem] for stem in stems], size, CROP)
    counts = {split: sum(split_of[stem] == str(number) for stem in stems) for number, split in enumerate(SPLITS)}
    return Contents(
        size=size,
        counts=counts,
        batches=decoded,
        attributes=_labels(attributes, stems),
        attribute_names=attributes.columns,
        stamp=stamp_of([_place(source, images.folder), attributes.path, partition.path]),
        facts={"source": str(source.path), "crop": f"the centred {CROP} x {CROP} pixels, resized to {size} x {size}"},
        notes=[_census(counts, len(split_of.keys() - paths.keys()), len(paths) - len(stems))],
        skipped=decoded.skipped,
    )


def _labels(table: Table, stems: Sequence[str]) -> np.ndarray:
    """The labels as bool (N, 40), from the -1 and 1 of the official files."""
    labels = np.zeros((len(stems), len(table.columns)), dtype=bool)
    for row, stem in enumerate(stems):
        values = table.rows[stem].split()
        if len(values) != len(table.columns):
            raise UserError(
                f"{table.path} is damaged, since its row {stem} has {len(values)} values, not {len(table.columns)}: "
                f"get the file again, from {PLACES}."
            )
        labels[row] = [value == "1" for value in values]
    return labels


def _census(counts: dict[str, int], without_image: int, without_row: int) -> str:
    found = _and([f"{count:,} {split}" for split, count in counts.items()])
    return f"CelebA: {found} images; rows without image: {without_image:,}, images without row: {without_row:,}."


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
