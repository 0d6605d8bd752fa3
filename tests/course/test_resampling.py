"""Standard errors of the chapters' tables, where a formula gives them too."""

from __future__ import annotations

import pytest
import torch

from vaelib.course.resampling import bootstrap, table
from vaelib.metrics import Estimate


@pytest.fixture
def images() -> torch.Tensor:
    """One number for each of 400 images, with the standard deviation 3."""
    return 10 + 3 * torch.randn(400, generator=torch.Generator().manual_seed(0))


def test_the_error_of_a_mean_is_the_standard_deviation_by_the_root_of_n(images) -> None:
    found = bootstrap(torch.mean, images, times=500)
    assert found.value == images.mean().item()
    assert found.error == pytest.approx(images.std().item() / 20, rel=0.1)


def test_paired_sets_are_drawn_together(images) -> None:
    """What two sets of the same images have in common does not add to the error of their difference."""

    def gain(a, b):
        return (a - b).mean()

    assert bootstrap(gain, images + 1, images).error == pytest.approx(0, abs=1e-5)
    apart = bootstrap(gain, images + 1, images, paired=False, times=500)
    assert apart.error == pytest.approx(2**0.5 * images.std().item() / 20, rel=0.1)


def test_sets_of_different_images_may_differ_in_length(images) -> None:
    assert bootstrap(lambda a, b: a.mean() - b.mean(), images, images[:100], paired=False).error > 0


def test_the_same_seed_gives_the_same_error(images) -> None:
    assert bootstrap(torch.mean, images) == bootstrap(torch.mean, images)
    assert bootstrap(torch.mean, images) != bootstrap(torch.mean, images, seed=1)


def test_a_table_has_a_row_for_each_name_and_numbers_as_text() -> None:
    written = table({"a VAE": {"kl": Estimate(183.4, 2.1), "units": Estimate(64.0, 0.0), "size": 32, "note": "live"}})
    assert written.loc["a VAE"].to_dict() == {"kl": "183 ± 2", "units": "64", "size": "32", "note": "live"}
