"""Zips and tars as sources of files, with the same interface as `sources.Folder`.

Nothing is ever extracted under a name of the archive. A member is read into memory, so a hostile name (`../x`,
`/etc/x`) or a link cannot reach another file. A member, or a compressed tar, that would grow too large is refused
before it does, and so is an archive whose list of members would fill the memory.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import re
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from ..support.errors import UserError
from .kinds import is_hidden
from .sources import LARGEST_FILE, Aside, Source, Stamp, require_sane, stamp_of

MOST_GROWTH = 100  # times; an archive of pictures hardly grows, one that is made to fill the disk grows 1,000 times
ALWAYS_FINE = 16 * 2**20  # bytes that may grow more: a single colour does
PIECE = 2**20  # bytes copied at a time
MOST_FILES = 1_000_000  # in an archive; each takes about a kilobyte of memory
LONGEST_LIST = 128 * MOST_FILES  # bytes of a zip's list of its members
LONGEST_HEADER = 64 * 2**10  # bytes of a tar's header, which holds a name and attributes
LONG_NUMBER = re.compile(rb"[0-9]{200}")
REPLACED = "replaced by a later file of the same name"
PASSWORD = 1  # the bit of a zip member's flags that says it is encrypted
DECOMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # by the first bytes of a file
UNREAD = {
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"(\xb5/\xfd": "compressed with Zstandard",
}
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF")


UNPACK, AGAIN = "unpack it and name the folder", "get it again, or name a folder, zip or tar of images"


class DamagedArchive(UserError):
    """A file that cannot be opened as a zip or tar. The message names it and says why; the caller adds a remedy."""

    def __init__(self, message: str, remedy: str = AGAIN):
        super().__init__(message)
        self.remedy = remedy


def open_archive(path: str | Path) -> Source:
    """The files in a zip or tar, compressed or not. Raises `DamagedArchive` if it is neither, or cannot be read.

    What a file is shows in its first bytes, whatever its name says.
    """
    path = Path(path).absolute()
    try:
        with path.open("rb") as file:
            start = file.read(512)
        if start[:2] == b"PK" or zipfile.is_zipfile(path):
            return Zip(path)
        if _begins_a_tar(start) or any(start.startswith(mark) for mark in DECOMPRESSED):
            return Tar(path, start)
    except OSError as error:
        raise _unreadable(path, error) from error
    raise _refusal(path, start)


class Zip:
    """The files in a zip. Backslashes in names part folders, as Windows writes them."""

    def __init__(self, path: Path):
        self.path = path
        self._file = Sipped(path.open("rb"), LONGEST_LIST)
        try:
            self._zip = zipfile.ZipFile(cast(IO[bytes], self._file))
        except OSError:
            raise
        except TooLong as error:
            raise _too_many_files(path) from error
        except Exception as error:  # a damaged list of members raises errors of many kinds
            if "disk" in str(error):  # "zipfiles that span multiple disks are not supported"
                raise DamagedArchive(f"{path} is one of several parts of a zip", UNPACK) from error
            raise DamagedArchive(f"{path} is not a complete zip") from error
        require_few_files(path, len(self._zip.infolist()))
        self._file.most = LARGEST_FILE  # from now on members are read
        infos = [info for info in self._zip.infolist() if not info.filename.endswith(("/", "\\"))]
        self._members = {_slashed(info): info for info in infos}  # the last of a name counts, as when it is unpacked
        if any(info.flag_bits & PASSWORD for info in infos):
            raise DamagedArchive(f"{path} is protected by a password", UNPACK)
        self.files, self.aside = _visible(self._members)
        self.aside[REPLACED] = [
            info.filename
            for name, info in zip(map(_slashed, infos), infos, strict=True)
            if self._members[name] is not info
        ]
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes:
        """The bytes of one of `files`. Raises errors of many kinds if the archive is damaged."""
        info = self._members[name]
        require_sane(info.file_size)
        require_little_growth(info.file_size, info.compress_size)
        with self._lock:
            return self._zip.read(info)

    def stamp(self) -> Stamp:
        """The state of the zip itself."""
        return stamp_of([self.path])


def _slashed(info: zipfile.ZipInfo) -> str:
    return info.filename.replace("\\", "/")


class Tar:
    """The files in a tar. A compressed one is first unpacked, into a temporary file without a name."""

    def __init__(self, path: Path, start: bytes):
        self.path = path
        kind = next((kind for mark, kind in DECOMPRESSED.items() if start.startswith(mark)), None)
        self._file: IO[bytes] = _unpacked(path, kind) if kind else path.open("rb")
        try:
            members = [member for member in self._all_members() if not member.isdir()]
        except (OSError, DamagedArchive):
            raise
        except Exception as error:  # a damaged header raises errors of many kinds
            raise DamagedArchive(f"{path} is not a complete tar") from error
        plain = [member for member in members if member.isreg() and not member.issparse()]
        self._members = {_clean(member.name): member for member in plain}  # the last of a name counts
        self.files, self.aside = _visible(self._members)
        self.aside["links or devices"] = [member.name for member in members if not member.isreg() or member.issparse()]
        self.aside[REPLACED] = [member.name for member in plain if self._members[_clean(member.name)] is not member]
        self._lock = threading.Lock()

    def _all_members(self) -> Iterator[tarfile.TarInfo]:
        """The members, one after the other. Raises `ValueError` if one does not lie behind the one before it."""
        headers, place = Headers(self._file, LONGEST_HEADER), 0
        with tarfile.open(fileobj=cast(IO[bytes], headers), mode="r:") as archive:
            for number, member in enumerate(archive, 1):
                if archive.offset <= place:  # after a negative size, and the next would be the same member again
                    raise ValueError("the tar goes backwards")
                require_few_files(self.path, number)
                place = archive.offset
                yield member
            self._require_end(archive.offset)

    def _require_end(self, place: int) -> None:
        """Raise `EOFError` unless a tar's end, a block of zeros, follows the last member at `place`."""
        self._file.seek(place)
        if self._file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("the tar is cut short")

    def read(self, name: str) -> bytes:
        """The bytes of one of `files`. Raises `OSError` if it is too large."""
        member = self._members[name]
        require_sane(member.size)
        with self._lock:
            self._file.seek(member.offset_data)
            return self._file.read(member.size)

    def stamp(self) -> Stamp:
        """The state of the tar itself."""
        return stamp_of([self.path])


class TooLong(ValueError):
    """An archive's list of members, or a header, would fill the memory."""


class Sipped:
    """A file of which at most `most` bytes are read at once, because a hostile archive asks for more than there is."""

    def __init__(self, file: IO[bytes], most: int):
        self.file, self.most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all that follow if `size` is negative. Raises `TooLong` if they are too many."""
        content = self.file.read(min(size, self.most + 1) if size >= 0 else self.most + 1)
        if len(content) > self.most:
            raise TooLong
        return content


class Headers(Sipped):
    """A tar's headers. One with a long number is refused: Python's `tarfile` takes the square of its length in time."""

    def read(self, size: int = -1) -> bytes:
        """As `Sipped.read`. Raises `ValueError` for a long number."""
        content = super().read(size)
        if LONG_NUMBER.search(content):
            raise ValueError("a header holds a long number")
        return content


def require_few_files(path: Path, number: int) -> None:
    """Raise `DamagedArchive` if a list of so many members would fill the memory."""
    if number > MOST_FILES:
        raise _too_many_files(path)


def _too_many_files(path: Path) -> DamagedArchive:
    return DamagedArchive(f"{path} holds more than {MOST_FILES:,} files, which are too many for an archive", UNPACK)


def _clean(name: str) -> str:
    """A member's name without the "./" that `tar cf pets.tar .` puts before each."""
    return str(PurePosixPath(name))


def _unpacked(path: Path, opened) -> IO[bytes]:
    """A compressed tar, unpacked into a temporary file that has no name and goes when it is closed."""
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (it is read as long as the source is)
    size, packed = 0, path.stat().st_size
    try:
        with opened(path) as compressed:
            while piece := compressed.read(PIECE):
                size += len(piece)
                require_little_growth(size, packed)
                copy.write(piece)
        copy.seek(0)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DamagedArchive(f"{path} is not a complete tar") from error
    except Growth as error:
        raise DamagedArchive(f"{path} {error}", UNPACK) from error
    return copy


class Growth(ValueError):
    """What is packed would grow more than pictures do."""


def require_little_growth(size: int, packed: int) -> None:
    """Raise `Growth` if `packed` bytes become a suspicious `size`."""
    if size > ALWAYS_FINE and size > MOST_GROWTH * packed:
        raise Growth(f"would grow from {packed:,} to more than {size:,} bytes")


def _visible(members: Iterable[str]) -> tuple[list[str], Aside]:
    """The sorted names of the files that are not hidden, and the hidden ones."""
    hidden = {name for name in members if any(map(is_hidden, PurePosixPath(name).parts))}
    return sorted(set(members) - hidden), {"hidden": sorted(hidden)}


def _unreadable(path: Path, error: OSError) -> DamagedArchive:
    """The error for an archive that the system or a decompressor refuses to read."""
    if error.errno is None:  # as bz2 says that its data are damaged
        return DamagedArchive(f"{path} is not a complete tar")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f"{path} does not fit into {tempfile.gettempdir()} when it is decompressed"
        return DamagedArchive(place, "free some space there, set TMPDIR to another folder, or unpack it yourself")
    return DamagedArchive(f"{path} cannot be read ({error.strerror})", "check its permissions and its disk")


def _begins_a_tar(start: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _refusal(path: Path, start: bytes) -> DamagedArchive:
    """The error for a file with these first bytes, which is no archive that is read."""
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return DamagedArchive(
            f"{path} is a web page that was saved as a zip (Google Drive gives one when its quota is used up)"
        )
    if start.startswith(PICTURES):
        return DamagedArchive(f"{path} is a single picture", "name the folder that it lies in")
    if kind := next((kind for mark, kind in UNREAD.items() if start.startswith(mark)), None):
        return DamagedArchive(f"{path} is {kind}, which is not read", UNPACK)
    return DamagedArchive(f"{path} is {'not a complete zip or tar' if start else 'empty'}")
