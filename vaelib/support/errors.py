"""`UserError`, for mistakes that a user can correct, and its messages."""

from __future__ import annotations

import difflib
import errno
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable

SYSTEM_REMEDIES = {  # what to do about an error of the system
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file, not a folder",
    errno.EACCES: "change the permissions, or choose another place",
    errno.EPERM: "change the permissions, or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "repair the links that lead back to themselves",
    errno.ENOSPC: "free some space, and give the command again",
    errno.EDQUOT: "free some space, and give the command again",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENOMEM: "close other programs",
}


UNPRINTABLE = ("Cc", "Zl", "Zp")  # the kinds of characters that move a cursor, change colours or end a line


class UserError(ValueError):
    """A mistake that the user can correct.

    The message is one sentence that names the cause and the remedy. The command line prints it without a traceback
    and exits with status 2. Names in it may come from anywhere, so the message is made `printable`.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    """The text on one line: control characters, which a file's name may hold, become escapes such as \\n or \\x1b."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in UNPRINTABLE else char for char in text
    )


def first_line(error: Exception) -> str:
    """The first line of an error's message, or the error's type if there is no message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """A `UserError` for a name that does not exist; its message suggests the nearest existing names.

    `kind` is the kind of name for the message ("attribute", "experiment"); `known` are the names that exist.
    """
    known = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in known}
    near = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)]
    remedy = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}."
    return UserError(f"There is no {kind} {name!r}: {remedy}")


def run_program(name: str, work: Callable[[], None]) -> None:
    """Run a program. A `UserError` is printed as one sentence on the error stream, and the exit status is then 2.

    So is an error of the system that no part of the program has expected. A character that the output's encoding lacks
    is printed as an escape.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            work()
        finally:
            if sys.stdout:  # None if the program was started without an output
                sys.stdout.flush()  # here, where an error can still be told
    except UserError as error:
        _fail(name, str(error))
    except BrokenPipeError:  # the reader of the output has seen enough, as in `vaelib experiments | head`
        _silence_output()
        sys.exit(1)
    except OSError as error:
        _silence_output()
        _fail(name, _of_the_system(error))
    except MemoryError:
        _fail(name, "The computer's memory is full: close other programs, or take fewer or smaller images.")


def _fail(name: str, message: str) -> None:
    print(f"{name}: {printable(message)}", file=sys.stderr)
    sys.exit(2)


def _of_the_system(error: OSError) -> str:
    """One sentence for an error of the system: the place, the cause and the remedy."""
    place = error.filename if error.filename is not None else "A file or the output"
    remedy = SYSTEM_REMEDIES.get(error.errno or 0, "check the disk and the path, and give the command again")
    return f"{place} cannot be used ({error.strerror or first_line(error)}): {remedy}."


def _silence_output() -> None:
    """Let what is still unwritten go nowhere, so that Python does not try again when it ends."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 (only the descriptor is used)
        try:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        except (OSError, ValueError, AttributeError):  # as in a test, whose output is no file
            return
