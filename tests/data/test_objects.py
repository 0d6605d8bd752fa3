"""The drawn pictures of ten classes: reproducible in any blocks, balanced, and recognisable."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from vaelib.data import objects
from vaelib.data.objects import shapes
from vaelib.data.objects.scene import Scene

# Mean red, green and blue of the first 50 pictures of each class of seed 0, at 32 pixels.
MEAN_COLOURS = {
    "airplane": (0.592, 0.626, 0.709),
    "automobile": (0.450, 0.451, 0.431),
    "bird": (0.502, 0.576, 0.555),
    "cat": (0.456, 0.432, 0.327),
    "deer": (0.497, 0.539, 0.377),
    "dog": (0.481, 0.442, 0.350),
    "frog": (0.413, 0.461, 0.234),
    "horse": (0.452, 0.490, 0.374),
    "ship": (0.461, 0.536, 0.609),
    "truck": (0.451, 0.455, 0.422),
}


@pytest.fixture(scope="module")
def pictures():
    """The first two blocks of seed 0."""
    return objects.render(2560)


@pytest.fixture(scope="module")
def plane():
    """The coordinates (x, y) of the pixels of one picture."""
    return Scene(count=1, size=40, seed=0).p


def test_shapes_types_and_range(pictures):
    images, labels = pictures
    assert images.shape == (2560, 3, 32, 32) and images.dtype == torch.float32
    assert labels.shape == (2560,) and labels.dtype == torch.int64
    assert 0 <= images.min() < 0.05 and 0.95 < images.max() <= 1
    assert images.isfinite().all()


def test_a_picture_depends_on_its_number_only(pictures):
    images, labels = pictures
    for n, start in [(1, 0), (30, 0), (40, 1260), (100, 2460)]:
        window, window_labels = objects.render(n, start=start)
        assert torch.equal(window, images[start : start + n])
        assert torch.equal(window_labels, labels[start : start + n])


def test_zero_pictures_can_be_asked_for():
    images, labels = objects.render(0, start=1280)
    assert images.shape == (0, 3, 32, 32) and labels.shape == (0,)


def test_every_block_is_balanced_and_shuffled(pictures):
    first, second = pictures[1].split(1280)
    for block in (first, second):
        assert block.bincount(minlength=10).tolist() == [128] * 10
        assert block[:100].bincount(minlength=10).min() > 0
    assert not torch.equal(first, second)


def test_pictures_of_a_class_differ_within_and_between_chunks(pictures):
    images, labels = pictures
    for label in range(10):
        flat = images[labels == label].flatten(1)
        nearest = torch.cdist(flat, flat).fill_diagonal_(math.inf).min()
        assert nearest > 1, f"two pictures of {objects.CLASS_NAMES[label]} are nearly the same"


def test_another_seed_gives_other_pictures(pictures):
    images, labels = objects.render(20, seed=1)
    assert not torch.equal(labels, pictures[1][:20])
    assert (images - pictures[0][:20]).abs().mean() > 0.1


def test_a_larger_size_shows_the_same_pictures(pictures):
    large, labels = objects.render(20, size=64)
    assert torch.equal(labels, pictures[1][:20])
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert (shrunk - pictures[0][:20]).abs().mean() < 0.02


def test_colours_are_the_recorded_ones(pictures):
    images, labels = pictures
    for label, name in enumerate(objects.CLASS_NAMES):
        mean = images[labels == label][:50].mean(dim=(0, 2, 3))
        assert torch.allclose(mean, torch.tensor(MEAN_COLOURS[name]), atol=1 / 255), name


def test_a_linear_classifier_distinguishes_the_classes(pictures):
    images, labels = pictures
    small = torch.nn.functional.avg_pool2d(images, 2).flatten(1).numpy()
    classifier = LogisticRegression(C=0.01, max_iter=500).fit(small[:1280], labels[:1280])
    assert classifier.score(small[1280:], labels[1280:]) > 0.65


def test_an_ellipse_of_equal_radii_is_a_circle(plane):
    x, y = plane
    circle = ((x - 0.2) ** 2 + (y + 0.1) ** 2).sqrt() - 0.5
    assert torch.allclose(shapes.ellipse(plane, (0.2, -0.1), (0.5, 0.5)), circle, atol=1e-6)
    assert torch.allclose(shapes.ellipse(plane, (0.2, -0.1), (0.5, 0.5), tilt=0.7), circle, atol=1e-6)


def test_an_ellipse_is_zero_on_its_outline_and_tilts_clockwise():
    angle = torch.linspace(0, 6, 20)
    outline = 0.6 * angle.cos(), 0.2 * angle.sin()
    assert shapes.ellipse(outline, (0, 0), (0.6, 0.2)).abs().max() < 1e-6
    tip = torch.tensor(0.6 * math.cos(0.5)), torch.tensor(0.6 * math.sin(0.5))
    assert abs(shapes.ellipse(tip, (0, 0), (0.6, 0.2), tilt=0.5)) < 1e-6


def test_distances_to_a_capsule():
    x, y = torch.tensor([0.0, 0.5, -1.0, 1.3]), torch.tensor([0.4, -0.3, 0.0, 0.4])
    distance = shapes.capsule((x, y), (0, 0), (1, 0), 0.1)
    assert torch.allclose(distance, torch.tensor([0.3, 0.2, 0.9, 0.4]), atol=1e-6)
    tapered = shapes.capsule((x, y), (0, 0), (1, 0), 0.1, end_radius=0.2)
    assert torch.allclose(tapered, torch.tensor([0.3, 0.15, 0.9, 0.3]), atol=1e-6)


def test_a_polygon_agrees_with_a_box(plane):
    corners = (-0.5, -0.3), (0.5, -0.3), (0.5, 0.3), (-0.5, 0.3)
    assert torch.allclose(shapes.polygon(plane, *corners), shapes.box(plane, (0, 0), (0.5, 0.3)), atol=1e-6)


def test_a_polygon_is_negative_inside_and_positive_outside():
    triangle = (0, -0.5), (0.5, 0.5), (-0.5, 0.5)
    x, y = torch.tensor([0.0, 0.4, 0.4]), torch.tensor([0.2, -0.4, 0.45])
    assert (shapes.polygon((x, y), *triangle) < 0).tolist() == [True, False, True]


def test_a_union_covers_both_shapes(plane):
    left, right = shapes.ellipse(plane, (-0.5, 0), (0.2, 0.2)), shapes.ellipse(plane, (0.5, 0), (0.2, 0.2))
    assert torch.equal(shapes.union(left, right) < 0, (left < 0) | (right < 0))
    assert torch.allclose(shapes.union(left, right), shapes.ellipse(shapes.mirrored(plane), (0.5, 0), (0.2, 0.2)))


def test_random_numbers_and_colours_stay_in_their_ranges():
    scene = Scene(count=1000, size=8, seed=3)
    number, colour = scene.uniform(2, 3), scene.colour([(0.9, 0.5, 0.1)])
    assert number.shape == (1000, 1, 1) and 2 <= number.min() < 2.1 and 2.9 < number.max() < 3
    assert colour.shape == (1000, 3, 1, 1) and colour.min() >= 0.02 and colour.max() <= 1
    assert 0.25 < scene.chance(0.3).mean() < 0.35


def test_paint_covers_inside_half_on_the_outline_and_nothing_outside():
    scene = Scene(count=1, size=4, seed=0)
    scene.paint(torch.tensor([-1.0, 0.0, 1.0, 1.0]).expand(1, 4, 4), torch.ones(1, 3, 1, 1))
    assert scene.image[0, 0, 0].tolist() == [1, 0.5, 0, 0]
