"""Writing files so that a reader never sees an incomplete file."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import UserError

LEFTOVER = re.compile(r"\..*\.(\d+)\.partial(\.\w+)?", re.DOTALL)  # a temporary name of `atomic_write`
LONG_AGO = 24 * 3600  # seconds after which a temporary file is a leftover where processes cannot be asked for


@contextmanager
def atomic_write(path: str | Path, before: Callable[[], None] | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block ends without an error.

    `before` is called when the new content is on the disk, before it gets its name.

    Whatever happens inside the block, `path` holds either its old content or the complete new content. The temporary
    name keeps the suffix of `path`, because image writers choose their format by it. What killed processes have left in
    the folder under such names is removed.

    Raises `UserError` if the folder does not exist, the disk is full, or the file is larger than the system allows.
    """
    path = Path(path)
    require_folder_of(path)
    partial = path.with_name(f".{path.stem[:60]}.{os.getpid()}.partial{path.suffix}")
    try:
        with disk_errors_as_user_error(path):
            _remove_leftovers(path.absolute().parent)
            yield partial
            _flush_to_disk(partial)
            if before:
                before()
            os.replace(partial, path)
    finally:
        with suppress(OSError):  # on a read-only disk, say, whose own error must reach the user
            partial.unlink(missing_ok=True)


def _remove_leftovers(folder: Path) -> None:
    with suppress(OSError):  # what cannot be listed or removed does not stop the writing
        for path in folder.iterdir():
            match = LEFTOVER.fullmatch(path.name)
            if match and int(match[1]) != os.getpid() and _is_abandoned(path, int(match[1])):
                path.unlink(missing_ok=True)


def _is_abandoned(path: Path, process: int) -> bool:
    """Whether the process that wrote a temporary file has ended; on Windows, whether the file is old."""
    if os.name != "posix":
        return path.exists() and time.time() - path.stat().st_mtime > LONG_AGO
    try:
        os.kill(process, 0)  # sends nothing, and asks whether the process is there
    except PermissionError:
        return False
    except (ProcessLookupError, OverflowError):
        return True
    return False


def expanded(path: str | Path) -> Path:
    """The path with the home folder in place of `~`. Raises `UserError` if the system knows no such folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path} begins with a home folder that is not known here: write the whole path.") from error


def _flush_to_disk(path: Path) -> None:
    """Wait until the contents are on the disk, so that a power failure cannot leave an empty file at the new name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def require_folder_of(path: str | Path) -> None:
    """Raise `UserError` unless the folder of `path` exists. Call it before long work, not after."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist: create it, or write {Path(path).name} somewhere else.")


def make_folder(folder: str | Path) -> None:
    """Make a folder and its parents, unless they exist.

    Raises `UserError` if a file is in the way, the disk is full, or writing is not permitted.
    """
    with disk_errors_as_user_error(folder):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(f"{folder} cannot be made because a file is in the way: choose another folder.") from error
        except FileNotFoundError as error:  # as in a folder that only the system writes to
            raise UserError(f"{folder} cannot be made there: choose another folder.") from error


@contextmanager
def disk_errors_as_user_error(path: str | Path) -> Iterator[None]:
    """Turn a full disk, a file that is too large, or a lack of permission to write `path` into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full, so {path} was not written: free some space and give the command again (vaelib "
                "train with --resume)."
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
