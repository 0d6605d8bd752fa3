"""The exercises of the course: each has a check that gives a hint for a wrong answer.

A chapter's module holds one function per exercise. It takes the reader's answer and returns a hint about the mistake,
or None if the answer is right. `exercise` turns the function into the check that the notebook calls.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any


class UnansweredError(Exception):
    """The reader has not replaced the `...` of the exercise yet."""


def exercise(find_mistake: Callable[[Any], str | None]) -> Callable[[Any], None]:
    """Make the check of an exercise: it prints one line, and never raises.

    Tests call the undecorated function, which is `__wrapped__`.
    """

    @functools.wraps(find_mistake)
    def check(answer: Any) -> None:
        print(verdict(find_mistake, answer))

    return check


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
    return "✓ Correct." if hint is None else f"✗ Not yet: {hint}"


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
