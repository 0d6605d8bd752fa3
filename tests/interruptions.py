"""Stopping a training run as Ctrl-C would, at a place that a test can choose."""

from __future__ import annotations

import pytest

from vaelib import training


def interrupt_second(patch: pytest.MonkeyPatch, name: str) -> None:
    """Make the second call of this function of the loop raise KeyboardInterrupt, until `patch` is undone."""
    owner = training if hasattr(training, name) else training.Training
    calls, function = [], getattr(owner, name)

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return function(*arguments)

    patch.setattr(owner, name, interrupted)
