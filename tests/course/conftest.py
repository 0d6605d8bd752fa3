"""The look of the book, for tests of what is drawn in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def style() -> Iterator[None]:
    """The style of the chapters' figures, for one test; its figures are closed afterwards."""
    import matplotlib
    from matplotlib import pyplot as plt

    from vaelib.course import plotting

    with matplotlib.rc_context():
        plotting.use_style()
        yield
    plt.close("all")
