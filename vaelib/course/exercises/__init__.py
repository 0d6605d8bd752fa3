"""The exercises of the course: each has a check that gives a hint for a wrong answer.

A chapter's module holds one function per exercise. It takes the reader's answer and returns a hint about the mistake,
or None if the answer is right. `exercise` turns the function into the check that the notebook calls.

A check prints its verdict. It also reports it to `vaelib grade`, in the file that `REPORT` names.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CORRECT = "✓ Correct."
REPORT = "VAELIB_REPORT"  # a variable of the environment; `vaelib grade` sets it
_reported: set[tuple[str, bool]] = set()


class UnansweredError(Exception):
    """The reader has not replaced the `...` of the exercise yet."""


def exercise(find_mistake: Callable[[Any], str | None]) -> Callable[[Any], None]:
    """Make the check of an exercise: it prints one line, and never raises.

    Tests call the undecorated function, which is `__wrapped__`.
    """

    @functools.wraps(find_mistake)
    def check(answer: Any) -> None:
        said = verdict(find_mistake, answer)
        print(said)
        report(name_of(find_mistake), said == CORRECT)

    return check


def name_of(check: Callable[[Any], Any]) -> str:
    """The name of an exercise in reports, as in chapter02.midpoint."""
    return f"{check.__module__.rpartition('.')[2]}.{check.__name__}"


def report(name: str, passed: bool) -> None:
    """Add a line to the file of reports, if one is asked for and the line is new. Never raises for a lost file."""
    if REPORT in os.environ and (name, passed) not in _reported:
        _reported.add((name, passed))
        with suppress(OSError), Path(os.environ[REPORT]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"exercise": name, "passed": passed}) + "\n")


def verdict(find_mistake: Callable[[Any], str | None], answer: Any) -> str:
    """The text of the check: the answer is right, wrong (with a hint), missing, or raised an error."""
    try:
        if _is_not_finite(given(answer)):  # a NaN would pass every check that compares it with bounds
            return "✗ Not yet: your answer is not a finite number."
        hint = find_mistake(answer)
    except UnansweredError:
        return "… Not answered yet: replace the three dots, then run this cell again."
    except Exception as error:  # the reader should see any error of their own code
        kind = " Is it of the kind that the dots stand for?" if isinstance(error, TypeError | AttributeError) else ""
        return f"✗ Your answer stopped with {type(error).__name__}: {error}.{kind}"
    return CORRECT if hint is None else f"✗ Not yet: {hint}"


def _is_not_finite(answer: Any) -> bool:
    """Whether the answer is a single number (of Python, numpy or torch) that is infinite or NaN."""
    if isinstance(answer, float) or getattr(answer, "shape", None) == ():
        return not math.isfinite(answer)
    return False


def given(answer: Any) -> Any:
    """Return the answer; raise `UnansweredError` if it is missing. Use it on the results of a reader's function too."""
    if answer is None or answer is ...:
        raise UnansweredError
    return answer
