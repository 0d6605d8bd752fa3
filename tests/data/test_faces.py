"""The drawn faces: the same pictures on every machine, labels that agree with the factors, factors that can be seen."""

import pytest
import torch

from vaelib.data.faces import ATTRIBUTE_NAMES, FACTOR_NAMES, Factors, attributes, render, sample_factors
from vaelib.data.faces.attributes import _RULES
from vaelib.data.faces.canvas import Canvas
from vaelib.data.faces.factors import FACTORS

PLAIN = {"glasses": 0, "hat": 0, "beard": 0, "mustache": 0, "bald": 0, "blur": 0, "chubby": 0, "bangs": 0, "yaw": 0.3}
NEEDS = {  # factors that are visible only on faces with another feature
    "makeup_hue": {"makeup": 1},
    "beard_density": {"beard": 3},
    "glasses_size": {"glasses": 1},
    "glasses_square": {"glasses": 1},
    "glasses_colour": {"glasses": 1},
    "hat_hue": {"hat": 1},
    "hat_brightness": {"hat": 1},
    "light_y": {"light_x": 0},
}
CIRCLES = {"makeup_hue", "hat_hue", "background_hue", "background_angle"}  # 0 and 1 are the same


@pytest.fixture(scope="module")
def correlated():
    return sample_factors(4000, seed=1)


@pytest.fixture(scope="module")
def strangers():
    return sample_factors(20_000, seed=1, correlated=False)


@pytest.fixture(scope="module")
def uncorrelated():
    return sample_factors(4000, seed=1, correlated=False)


def correlations(labels):
    return torch.corrcoef(labels.float().T)


def change(factors, **changes):
    """Largest change of each pixel, (size, size), when factors are changed."""
    return (render(factors.replace(**changes)) - render(factors)).abs().amax(dim=(0, 1))


@pytest.fixture(scope="module")
def plain():
    return sample_factors(4, seed=2).replace(**PLAIN)


# ---------------------------------------------------------------- the factors


def test_a_face_does_not_depend_on_how_many_are_drawn():
    many = sample_factors(50, seed=3)
    assert torch.equal(sample_factors(7, seed=3).values, many.values[:7])
    assert torch.equal(sample_factors(5, seed=3, start=40).values, many.values[40:45])
    assert not torch.equal(sample_factors(7, seed=4).values, many.values[:7])


def test_factors_stay_in_their_ranges_and_use_them(correlated, uncorrelated):
    for factors in (correlated, uncorrelated):
        assert factors.values.dtype == torch.float32 and factors.values.shape == (4000, len(FACTOR_NAMES))
        for name, (low, high, _) in FACTORS.items():
            assert low <= factors[name].min() and factors[name].max() <= high, name
            assert factors[name].std() > 0.1, name


def test_replace_leaves_the_original_alone():
    factors = sample_factors(3)
    before = factors.values.clone()
    changed = factors.replace(smile=1.0)
    assert torch.equal(factors.values, before)
    assert (changed["smile"] == 1).all() and torch.equal(changed["age"], factors["age"])


def test_both_modes_draw_the_same_frequencies(correlated, uncorrelated):
    difference = correlated.values.mean(0) - uncorrelated.values.mean(0)
    standard_error = correlated.values.std(0) / 4000**0.5
    assert (difference.abs() < 6 * standard_error).all()


# ---------------------------------------------------------------- the attributes


def test_attribute_names_are_celebas():
    assert len(ATTRIBUTE_NAMES) == 39 and "Attractive" not in ATTRIBUTE_NAMES
    assert sorted(ATTRIBUTE_NAMES) == ATTRIBUTE_NAMES  # CelebA's order is alphabetical


def test_every_attribute_is_neither_rare_nor_universal(correlated, uncorrelated):
    for factors in (correlated, uncorrelated):
        frequency = attributes(factors)[0].float().mean(0)
        assert ((frequency > 0.01) & (frequency < 0.99)).all()


@pytest.mark.parametrize(
    ("name", "on", "off"),
    [
        ("Smiling", {"smile": 1.0}, {"smile": 0.2}),
        ("Eyeglasses", {"glasses": 2}, {"glasses": 0}),
        ("Blond_Hair", {"hair_colour": 2, "bald": 0}, {"hair_colour": 2, "bald": 1}),
        ("No_Beard", {"beard": 0, "mustache": 0}, {"beard": 0, "mustache": 1}),
        ("Bangs", {"bangs": 1, "bald": 0, "hat": 0}, {"bangs": 1, "bald": 0, "hat": 2}),
        ("Young", {"age": 0.5}, {"age": 0.9}),
    ],
)
def test_attributes_follow_the_factors(name, on, off):
    factors, column = sample_factors(20), ATTRIBUTE_NAMES.index(name)
    assert attributes(factors.replace(**on))[0][:, column].all()
    assert not attributes(factors.replace(**off))[0][:, column].any()


def test_correlations_are_celebas(correlated):
    r = correlations(attributes(correlated)[0])

    def between(a, b):
        return r[ATTRIBUTE_NAMES.index(a), ATTRIBUTE_NAMES.index(b)]

    assert between("Male", "No_Beard") < -0.5  # CelebA: -.52
    assert between("Male", "Wearing_Lipstick") < -0.5  # -.79
    assert between("Smiling", "High_Cheekbones") > 0.5  # +.68
    assert between("Heavy_Makeup", "Wearing_Lipstick") > 0.5  # +.80


class Recorder:
    """Returns factors and records which were read."""

    def __init__(self, factors):
        self.factors, self.asked = factors, set()

    def __getitem__(self, name):
        self.asked.add(name)
        return self.factors[name]


def defining_factors(name):
    recorder = Recorder(sample_factors(1))
    _RULES[name](recorder)
    return recorder.asked


def test_uncorrelated_attributes_do_not_correlate(strangers):
    r = correlations(attributes(strangers)[0])
    asked = [defining_factors(name) for name in ATTRIBUTE_NAMES]
    apart = torch.tensor([[not (a & b) for b in asked] for a in asked])
    assert apart.sum() > 1000  # most of the 39 x 38 pairs
    assert r[apart].abs().max() <= 0.03  # 4 standard errors of a correlation of 0


# ---------------------------------------------------------------- the pictures


@pytest.mark.parametrize("size", [32, 64, 128])
def test_pictures_are_float_and_in_range(size):
    pictures = render(sample_factors(9), size)
    assert pictures.shape == (9, 3, size, size) and pictures.dtype == torch.float32
    assert pictures.min() >= 0 and pictures.max() <= 1
    assert pictures.std() > 0.1


def test_no_faces_give_no_pictures():
    assert render(sample_factors(0), 32).shape == (0, 3, 32, 32)


def test_a_picture_does_not_depend_on_its_neighbours():
    factors = sample_factors(40)
    together = render(factors)
    for i in (0, 31, 32, 39):
        assert (render(factors[i : i + 1])[0] - together[i]).abs().max() < 1e-5


def test_sizes_show_the_same_face():
    factors = sample_factors(16)
    halved = torch.nn.functional.avg_pool2d(render(factors, 64), 2)
    assert (render(factors, 32) - halved).abs().mean() < 0.02


REFERENCE = (  # rows of a few pixels (uint8, hexadecimal) of four faces at size 32
    "8721219c8d61b2a294a59da99a841daf8e201f98914fa99b9493659e97761da1762424867b43a48b80876290854d2395",
    "3cd1ef343a405f3339859b31379e6e3054a8c03a4f3a52354a64732f449e6a2a556370475334454550454a424da16c3f",
    "6e9f9a6b699b6a6564b98a5f5d592b5969a19c65638a63605f9c635a584d2a556ea39e6a687e5e646387555f5d472f59",
    "ca7d65c2d39081cb6da785d465db39dcc95141c2d16957ca477059d23db41bdac7382dbfd0523ec8305040d1276114d9",
)


def test_pictures_are_the_same_on_every_machine():
    """Within one level of 255. The same seed must show the same faces to every reader."""
    pixels = render(sample_factors(4), 32)[..., 4::8, 4::8].flatten(1) * 255
    reference = torch.tensor([list(bytes.fromhex(row)) for row in REFERENCE])
    assert (pixels - reference).abs().max() <= 1.5


def test_windows_cut_nothing_off(monkeypatch):
    """Features are painted in small windows; painting on the whole canvas gives the same pictures."""
    extremes = sample_factors(64, seed=5)
    for i, name in enumerate(("yaw", "pitch", "roll", "shift_x", "shift_y", "scale", "face_width", "smile")):
        low, high, _ = FACTORS[name]
        extremes.values[8 * i : 8 * i + 8, FACTOR_NAMES.index(name)] = torch.tensor([low, high]).repeat(4)
    pictures = render(extremes)
    monkeypatch.setattr(Canvas, "window", lambda self, **borders: self.window_of_everything())
    monkeypatch.setattr(
        Canvas, "window_of_everything", lambda self: Canvas(self.pixels, self.size, self, lambda t: t), raising=False
    )
    assert (render(extremes) - pictures).abs().max() < 1 / 255


@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_every_factor_can_be_seen(name, plain):
    low, high, _ = FACTORS[name]
    factors = plain.replace(**NEEDS.get(name, {}), **{name: low})
    other = (low + high) / 2 if name in CIRCLES else high
    for size in (32, 64):
        difference = (render(factors.replace(**{name: other}), size) - render(factors, size)).abs()
        assert difference.amax(dim=(1, 2, 3)).max() > 0.04, size


def test_a_smile_changes_the_lower_half_of_the_face(plain):
    difference = change(plain.replace(smile=0.0), smile=1.0)
    eyelids = slice(24, 30)  # a smile narrows the eyes a little
    assert difference[:24].max() < 0.02 < difference[eyelids].max() < 0.6
    assert difference[36:54, 20:44].max() > 0.4
    assert difference[58:].max() < 0.02


def test_glasses_change_the_eyes_and_nothing_below(plain):
    difference = change(plain, glasses=1.0)
    assert difference[20:34, 14:50].max() > 0.5
    assert difference[40:].max() < 1e-4 and difference[:12].max() < 1e-4


def test_a_hat_changes_the_top(plain):
    difference = change(plain, hat=2.0)
    assert difference[:16].max() > 0.3 and difference[34:].max() < 1e-4


def test_blur_removes_detail(plain):
    def detail(pictures):
        return (pictures[..., 1:] - pictures[..., :-1]).abs().mean()

    assert detail(render(plain.replace(blur=1.0))) < 0.75 * detail(render(plain))


def test_factors_of_one_face_can_be_picked():
    factors = sample_factors(5)
    assert isinstance(factors[1:3], Factors) and len(factors[1:3]) == 2
    assert torch.equal(factors[torch.tensor([4, 0])]["smile"], factors["smile"][[4, 0]])
