"""The exercises of the course: each has a check that says what is wrong with a wrong answer.

A chapter's module holds one function per exercise, which is given the reader's answer and returns the mistake as a
hint, or None if there is none. `exercise` turns it into the check that the notebook calls.
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

    The undecorated function stays at hand as `__wrapped__`, for the tests.
    """

    @functools.wraps(find_mistake)
    def check(answer: Any) -> None:
        print(verdict(find_mistake, answer))

    return check


def verdict(find_mistake: Callable[[Any], str | None], answer: Any) -> str:
    """What the check says about an answer: right, wrong with a hint, not answered, or failing with an error."""
    try:
        if _is_not_finite(given(answer)):  # a NaN would pass every check that compares it with bounds
            return "✗ Not yet: your answer is not a finite number."
        hint = find_mistake(answer)
    except UnansweredError:
        return "… Not answered yet: replace the three dots, then run this cell again."
    except Exception as error:  # whatever the reader's code raises is theirs to see
        kind = " Is it of the kind that the dots stand for?" if isinstance(error, TypeError | AttributeError) else ""
        return f"✗ Your answer stopped with {type(error).__name__}: {error}.{kind}"
    return "✓ Correct." if hint is None else f"✗ Not yet: {hint}"


def _is_not_finite(answer: Any) -> bool:
    """Whether the answer is one real number, of Python's, numpy's or torch's, and infinite or not a number."""
    if isinstance(answer, float) or getattr(answer, "shape", None) == ():
        return not math.isfinite(answer)
    return False


def given(answer: Any) -> Any:
    """The answer, if there is one. Use it on what a reader's function returns, too."""
    if answer is None or answer is ...:
        raise UnansweredError
    return answer
