"""Settings of `pytest --nbval` for the chapters."""

import os

import pytest

os.environ.setdefault("GOMP_SPINCOUNT", "30000")  # as in the Makefile, for the kernels that nbval starts

SECONDS_FOR_AN_OUTPUT = 300  # nbval gives up after 5, and a cell that trains can be silent for minutes


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let nbval wait for cells that train."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = SECONDS_FOR_AN_OUTPUT
