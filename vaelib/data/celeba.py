"""CelebA (Liu, Luo, Wang, Tang: *Deep Learning Face Attributes in the Wild*, ICCV 2015), from the user's own files.

These can be the official files or Kaggle's, packed or extracted, with all images or some of them. Needed are the
aligned images (`img_align_celeba.zip` or a folder), the attributes (`list_attr_celeba.txt` or `.csv`) and the partition
(`list_eval_partition.txt` or `.csv`), anywhere in the root's `celeba` folder or in the root itself. Zips and
tars are read without being extracted.

The crop is the usual one: the centred 148 x 148 of the 178 x 218 pixels, resized with antialiasing. Metrics depend on
the crop, and other crops (128, 140, 160) are in use too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ..support.errors import UserError
from . import tables
from .archives import DamagedArchive, open_archive
from .cache import Contents
from .decode import DecodedImages
from .download import fetch_celeba
from .kinds import is_archive, is_image
from .sources import Folder, Source, newcomers, stamp_of
from .splits import SPLITS, held_out, held_out_note
from .tables import Table
from .unused import Unused

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
    unused: Unused

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
    stamp = stamp_of(_needed(found.images, found.attributes, found.partition)) | newcomers(root / "celeba")
    planned = _plan(found.images, found.attributes, found.partition, size, found.unused)
    planned.stamp = stamp
    return planned


def find(root: Path) -> Found:
    """Look for CelebA's parts in `root`, in its `celeba` folder and in the archives there."""
    tree, unused = Folder(root, enter=OURS.match), Unused()
    tree.files = [name for name in tree.files if OURS.match(name)]
    unused.add("that cannot be opened", filter(OURS.match, tree.aside["that cannot be opened"]))
    archives, damaged = _open_archives(tree)
    sources: list[Source] = [tree, *archives]
    attributes, no_attributes = _read_table(sources, ATTRIBUTES)
    partition, no_partition = _read_table(sources, PARTITION)
    images = _largest_folder(sources, unused)
    _count_others(tree, archives, unused)
    unused.add("that cannot be opened", damaged + no_attributes + no_partition)
    return Found(images, attributes, partition, damaged + no_attributes + no_partition, unused)


def _count_others(tree: Folder, archives: Sequence[Source], unused: Unused) -> None:
    """Count the files that are no images, no archives in the tree, and no tables that are read."""
    others = [name for name in tree.files if not is_image(name) and not is_archive(name)]
    others += [name for archive in archives for name in archive.files if not is_image(name)]
    read = tuple(f"{stem}.{suffix}" for stem in (ATTRIBUTES, PARTITION) for suffix in ("txt", "csv"))
    unused.add("that are not needed", [name for name in others if not name.endswith(read)])


def _open_archives(tree: Folder) -> tuple[list[Source], list[str]]:
    archives, damaged = [], []
    for name in filter(is_archive, tree.files):
        try:
            archives.append(open_archive(tree.path / name))
        except DamagedArchive as error:
            damaged.append(str(error))
    return archives, damaged


def _largest_folder(sources: Sequence[Source], unused: Unused) -> Images | None:
    """The folder, in the tree or in an archive, that holds the most aligned images; the other images are counted."""
    folders: dict[tuple[int, PurePosixPath], Images] = {}
    every = [(number, PurePosixPath(name)) for number, source in enumerate(sources) for name in source.files]
    found = [(number, path) for number, path in every if is_image(path.name)]
    for number, path in found:
        images = folders.setdefault((number, path.parent), Images(sources[number], str(path.parent), {}))
        images.paths[path.stem] = str(path)
    largest = max(folders.values(), key=_rank, default=None)
    if largest:
        used = set(largest.paths.values())
        others = [str(path) for number, path in found if sources[number] is not largest.source or str(path) not in used]
        unused.add("in another folder than the images used", others)
    return largest


def _rank(images: Images) -> tuple[bool, int]:
    """Folders with "align" in their name come first, because the original photographs have the same file names."""
    archive = "" if isinstance(images.source, Folder) else images.source.path.name
    return "align" in f"{archive}/{images.folder}".lower(), len(images.paths)


def _place(source: Source, name: str) -> Path:
    """The path on the disk of `name`, or of the archive that holds it."""
    return source.path / name if isinstance(source, Folder) else source.path


def _needed(images: Images, attributes: Table, partition: Table) -> list[Path]:
    """The files and the folder that the dataset is made of."""
    return [_place(images.source, images.folder), attributes.path, partition.path]


def _read_table(sources: Sequence[Source], stem: str) -> tuple[Table | None, list[str]]:
    """The first readable annotation file with that stem, and descriptions of the damaged ones before it."""
    damaged: list[str] = []
    for source in sources:
        for name in source.files:
            if PurePosixPath(name).name in (f"{stem}.txt", f"{stem}.csv"):
                table = tables.parse(_place(source, name), partial(source.read, name))
                if table.rows:
                    return table, damaged
                damaged.append(f"{name} in {source.path} is not a table of annotations")
    return None, damaged


def _incomplete(found: Found, root: Path, trouble: str) -> UserError:
    cause = "; ".join(found.damaged) or f"CelebA needs {_and(found.missing)}, not found in {root}"
    trouble = f" (the download failed: {trouble})" if trouble else ""
    return UserError(f"{cause}{trouble}: put {_and(NEEDED)} into {root / 'celeba'}; they can be had from {PLACES}.")


def _plan(images: Images, attributes: Table, partition: Table, size: int, unused: Unused) -> Contents:
    source, paths = images.source, images.paths
    stems = [stem for stem in sorted(paths) if stem in attributes.rows and stem in partition.rows]
    if not stems:
        raise UserError(
            f"None of the {len(paths):,} images in {source.path} has a row in {partition.path} and in "
            f"{attributes.path}: keep the images' original names."
        )
    splits, notes = _splits(tables.partitions(partition, stems))
    stems = [stem for split in SPLITS for stem in splits[split]]
    counts = {split: len(splits[split]) for split in SPLITS}
    decoded = DecodedImages(source, [paths[stem] for stem in stems], size, CROP)
    unused.add("without a row in both tables", [paths[stem] for stem in paths.keys() - set(stems)])
    unused.add_number("rows without an image", len(partition.rows.keys() - paths.keys()))
    return Contents(
        size=size,
        counts=counts,
        batches=decoded,
        attributes=tables.labels(attributes, stems, PLACES),
        attribute_names=attributes.columns,
        facts={"source": str(source.path), "crop": f"the centred {CROP} x {CROP} pixels, resized to {size} x {size}"},
        notes=[f"CelebA: {_and([f'{count:,} {split}' for split, count in counts.items()])} images.", *notes],
        unused=unused,
        broken=decoded.broken,
    )


def _splits(split_of: dict[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """The images of each split; if there are none for validation, the last training images, and a note on that."""
    splits = {split: [stem for stem in split_of if split_of[stem] == split] for split in SPLITS}
    number = held_out(len(splits["train"]))
    if splits["valid"] or not number:
        return splits, []
    splits["train"], splits["valid"] = splits["train"][:-number], splits["train"][-number:]
    return splits, [held_out_note(number)]


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
