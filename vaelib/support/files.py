"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` once the block has ended without an error.

    Whatever happens inside the block, `path` holds either its old content or all of the new one. The temporary name
    keeps the suffix of `path`, because image writers choose their format by it.

    Raises `UserError` if the folder does not exist, the disk is full, or the file is larger than the system allows.
    """
    path = Path(path)
    require_folder_of(path)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        with disk_errors_as_user_error(path):
            yield partial
            _flush_to_disk(partial)
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    """Wait until the disk holds the contents, so that a power cut cannot leave the new name on an empty file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def require_folder_of(path: str | Path) -> None:
    """Raise `UserError` unless the folder that is to hold `path` exists: asked before long work, not after it."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist: create it, or write {Path(path).name} somewhere else.")


def make_folder(folder: str | Path) -> None:
    """Make a folder, and those that it is to lie in, unless it is there.

    Raises `UserError` if a file is in the way, the disk is full, or writing is not permitted.
    """
    with disk_errors_as_user_error(folder):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(f"{folder} cannot be made, since a file is in the way: choose another folder.") from error
        except FileNotFoundError as error:  # as in a folder that the system makes itself
            raise UserError(f"{folder} cannot be made there: choose another folder.") from error


@contextmanager
def disk_errors_as_user_error(path: str | Path) -> Iterator[None]:
    """Turn a full disk, a file that is too large or a lack of permission, met while writing `path`, to `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full, so {path} was not written: free some space and give the command again, a training "
                "with --resume."
            ) from error
        if error.errno == errno.EFBIG:
            raise UserError(
                f"{path} would exceed the largest size of a file there: choose a folder on another disk, or raise the "
                "limit (ulimit -f)."
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise UserError(
                f"Writing {path} is not permitted: choose another folder, or change the permissions of this one."
            ) from error
        raise
