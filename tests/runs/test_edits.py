"""Success and leakage of edits, with a decoder and an attribute classifier whose answers can be worked out by hand."""

from __future__ import annotations

import pytest
import torch

from vaelib import data
from vaelib.runs import edits
from vaelib.support.errors import UserError

NAMES = ["Smiling", "Male", "Young"]
SMILE = torch.tensor([1.0, 0.0, 0.0])


def decode(z):
    """Each of the three numbers of a code becomes one colour channel of a picture of 2 x 2 pixels."""
    return z[:, :, None, None].expand(-1, 3, 2, 2)


def classify(x):
    """The probability of an attribute is the level of its colour channel."""
    return x.mean((2, 3)).clamp(0, 1)


def measure(z, direction, attribute="Smiling", strengths=(1.0, 2.0)):
    return edits.edit_metrics(decode, z, direction, attribute, classify, NAMES, strengths)


def test_success_is_the_share_that_has_the_attribute_afterwards():
    z = torch.zeros(10, 3)
    z[:4, 0] = 0.3  # with 0.3 added: 0.6 and 0.3, twice: 0.9 and 0.6
    results = measure(z, 0.3 * SMILE)
    assert results["success"] == pytest.approx([0.4, 1])
    assert results["strengths"] == [1, 2] and results["faces"] == 10


def test_faces_that_have_the_attribute_already_are_left_out():
    z = torch.zeros(10, 3)
    z[:7, 0] = 0.9
    results = measure(z, 0.3 * SMILE)
    assert results["faces"] == 3 and results["success"] == [0, 1]


def test_leakage_is_the_mean_change_of_the_others():
    z = torch.full((8, 3), 0.4)
    direction = torch.tensor([1.0, 0.1, -0.2])
    results = measure(z, direction)
    assert results["leakage"] == pytest.approx([0.15, 0.3])  # a change down counts as one up
    assert [most["attribute"] for most in results["most_changed"]] == ["Young", "Young"]
    assert [most["change"] for most in results["most_changed"]] == pytest.approx([0.2, 0.4])


def test_changes_of_faces_do_not_cancel_out():
    z = torch.full((2, 3), 0.4)
    opposite = torch.tensor([[1.0, 0.2, 0.0], [1.0, -0.2, 0.0]])
    assert measure(z, opposite, strengths=[1.0])["leakage"] == pytest.approx([0.1])


def test_an_edit_of_nothing_changes_nothing():
    results = measure(0.2 * torch.rand(300, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(3))
    assert results["success"] == [0, 0] and results["leakage"] == [0, 0]


def test_the_first_faces_are_enough(monkeypatch):
    monkeypatch.setattr(edits, "MOST_FACES", 5)
    monkeypatch.setattr(data, "BATCH_SIZE", 2)
    z = torch.zeros(100, 3)
    z[::2, 0] = 1  # every second one smiles
    z[20:, 1] = torch.nan  # is not looked at
    results = measure(z, SMILE)
    assert results["faces"] == 5 and results["success"] == [1, 1] and results["leakage"] == [0, 0]


def test_an_attribute_that_all_have_cannot_be_added():
    with pytest.raises(UserError, match="in every image already"):
        measure(torch.ones(5, 3), SMILE)


def test_an_attribute_unknown_to_the_classifier_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean Smiling"):
        measure(torch.zeros(5, 3), SMILE, attribute="smilng")
