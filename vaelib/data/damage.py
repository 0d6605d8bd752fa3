"""Why an image cannot be used, and what to do about it: causes by which broken images are counted and reported."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from PIL import Image

from ..support.errors import UserError
from ..support.files import atomic_write

TOLERATED = 0.01  # the share of images that may be broken
MOST_NAMED = 20  # broken images in a message; longer lists are written to a file
REPLACE = "remove these files, or replace them by good ones"
CONVERT = "convert them to JPEG or PNG"
OTHER_KINDS = {  # bytes at the place 4 (HEIC, AVIF) or 0 of files that are called .jpg all the same
    (4, b"ftyphei"): "HEIC",
    (4, b"ftyphev"): "HEIC",
    (4, b"ftypmif1"): "HEIC",
    (4, b"ftypavi"): "AVIF",
    (4, b"ftyp"): "videos",
    (0, b"\xff\x0a"): "JPEG XL",
    (0, b"\0\0\0\x0cJXL "): "JPEG XL",
    (0, b"\0\0\0\x0cjP  "): "JPEG 2000",
    (0, b"8BPS"): "Photoshop's",
    (0, b"%PDF"): "PDF",
    (0, b"%!PS"): "PostScript",
    (0, b"<svg"): "SVG",
}


@dataclass(frozen=True)
class Cause:
    """Why images cannot be used, as the end of "three of them are …", and the remedy."""

    are: str
    remedy: str = REPLACE


EMPTY = Cause("empty files")
PAGE = Cause("web pages", "download these files again")
POINTER = Cause("pointers of Git LFS", "give `git lfs pull` in the folder that they come from")
LARGE = Cause("too large", "make them smaller")
DAMAGED = Cause("damaged or cut short")
UNKNOWN = Cause("no pictures of a known kind", f"{CONVERT}, or remove them")
MISSING = Cause("links that lead nowhere", "remove these links, or put the files where they lead")
FORBIDDEN = Cause("not readable for you", "change the permissions of these files")
UNREADABLE = Cause("not readable from this disk", "copy them to another disk, or give the command again")
METHOD = Cause("compressed by a method that is not read", "unpack the archive, and name the folder")
GROWING = Cause("packed like an archive that is made to fill the memory", "unpack the archive, and name the folder")


class Refused(ValueError):
    """An image that is whole and still cannot be used, with the cause."""

    def __init__(self, cause: Cause):
        super().__init__(f"such images are {cause.are}")
        self.cause = cause


def cause_of(error: Exception, data: bytes | None) -> Cause:
    """The cause of an error that reading an image (`data` is None) or decoding its bytes raised."""
    if isinstance(error, Refused):
        return error.cause
    if data is None:
        return _cause_in_reading(error)
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return LARGE
    if not data.strip(b"\0"):
        return EMPTY
    return _kind_of(data) or (UNKNOWN if isinstance(error, Image.UnidentifiedImageError) else DAMAGED)


def _cause_in_reading(error: Exception) -> Cause:
    if isinstance(error, NotImplementedError):
        return METHOD
    if isinstance(error, BadZipFile | zlib.error | EOFError):
        return DAMAGED
    if not isinstance(error, OSError):
        return GROWING if "grow" in str(error) else DAMAGED
    kinds = {errno.ENOENT: MISSING, errno.ELOOP: MISSING, errno.EACCES: FORBIDDEN, errno.EPERM: FORBIDDEN, None: LARGE}
    return kinds.get(error.errno, UNREADABLE)


def _kind_of(data: bytes) -> Cause | None:
    """The kind of a file that is no image of a known format, by its first bytes."""
    start = data[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return Cause("SVG files", CONVERT) if b"<svg" in data[:2000] else PAGE
    if start.startswith(b"version https://git-lfs"):
        return POINTER
    kind = next((name for (place, mark), name in OTHER_KINDS.items() if data[place:].startswith(mark)), None)
    return Cause(f"{kind} files", CONVERT) if kind else None


def note(broken: Mapping[str, Cause]) -> list[str]:
    """The names of a few broken images with their causes, for the note on what was not used."""
    return [f"{name}: {cause.are}" for name, cause in broken.items()]


def require_few(broken: Mapping[str, Cause], total: int, source: str, listing: Path) -> None:
    """Raise `UserError` if more than 1 % of the images are broken. All are named: if they are many, in `listing`."""
    if len(broken) <= TOLERATED * total:
        listing.unlink(missing_ok=True)  # of an earlier time
        return
    kinds: dict[Cause, list[str]] = {}
    for name, cause in broken.items():
        kinds.setdefault(cause, []).append(name)
    if len(broken) > MOST_NAMED:
        _write_list(listing, broken)
        parts = [f"{len(names):,} are {cause.are} ({names[0]} is the first)" for cause, names in kinds.items()]
        where = f"; all are named in {listing}"
    else:
        parts, where = [f"{', '.join(names)} are {cause.are}" for cause, names in kinds.items()], ""
    number = "None" if len(broken) == total else f"Only {total - len(broken):,}"
    remedies = list(dict.fromkeys(cause.remedy for cause in kinds))
    raise UserError(
        f"{number} of the {total:,} images in {source} can be read, because {' and '.join(parts)}{where}: "
        f"{'; '.join(remedies)}."
    )


def _write_list(path: Path, broken: Mapping[str, Cause]) -> None:
    lines = [f"{name}\t{cause.are}\n" for name, cause in broken.items()]
    with atomic_write(path) as partial:
        partial.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
