"""`UserError`, for mistakes that a user can correct, and its messages."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable


class UserError(ValueError):
    """A mistake that the user can correct.

    The message is one sentence that names the cause and the remedy. The command line prints it without a traceback
    and exits with status 2.
    """


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
    """Run a program. A `UserError` is printed as one sentence on the error stream, and the exit status is then 2."""
    try:
        work()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
