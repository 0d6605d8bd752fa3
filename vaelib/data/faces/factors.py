"""The factors of the embedded faces: everything that is decided before a face is drawn.

`FACTORS` is the one list of them: name, smallest and largest value, meaning. Whole numbers such as `hair_colour`
choose one of a few kinds; every other factor is continuous. The functions `_person`, `_hair`, `_eyes` ... say how each
is drawn, and which depends on which.

With `correlated=True` the factors hang together as they do among the celebrities of CelebA: men wear beards and
neckties, women lipstick and long hair, a smile lifts the cheeks, age turns hair gray. With `correlated=False` every
factor keeps its frequencies and loses its company.

Only `torch.rand` and exactly rounded arithmetic are used, so the factors are the same on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

FACTORS: dict[str, tuple[float, float, str]] = {
    # the person
    "male": (0, 1, "0 a woman, 1 a man: jaw, neck, brows, lashes; and, when correlated, much of the rest"),
    "age": (0, 1, "wrinkles from .60 on"),
    "skin": (0, 1, "from pale to dark"),
    "skin_warmth": (-1, 1, "from bluish to reddish"),
    # the head
    "face_width": (-1, 1, "from narrow to wide"),
    "face_height": (-1, 1, "from short to long"),
    "jaw": (0, 1, "from a pointed chin to a square one"),
    "chubby": (0, 1, "full cheeks; from .50 on a double chin"),
    "cheekbones": (0, 1, "from flat to high cheekbones"),
    "rosy": (0, 1, "red of the cheeks"),
    # the hair
    "hair_colour": (0, 4, "0 black, 1 brown, 2 blond, 3 gray, 4 red"),
    "hair_brightness": (-1, 1, "from darker to lighter"),
    "hair_warmth": (-1, 1, "from ashen to golden"),
    "hair_length": (0, 1, "below .3 above the ears, at 1 on the shoulders"),
    "hair_volume": (0, 1, "from flat to full"),
    "wavy": (0, 1, "from straight to wavy"),
    "parting": (-1, 1, "where the hair is parted, from left to right"),
    "bangs": (0, 1, "1: hair over the forehead"),
    "receding": (0, 1, "how far the hairline has receded"),
    "bald": (0, 1, "1: no hair"),
    # the eyes
    "eye_distance": (-1, 1, "from close to wide apart"),
    "eye_size": (-1, 1, "from small to large"),
    "eye_open": (0, 1, "from narrow to wide open"),
    "gaze_x": (-1, 1, "looking left or right"),
    "gaze_y": (-1, 1, "looking up or down"),
    "eye_colour": (0, 3, "0 brown, 1 blue, 2 green, 3 gray"),
    "bags": (0, 1, "bags under the eyes"),
    "brow_height": (0, 1, "from high to low eyebrows"),
    "brow_thickness": (0, 1, "from thin to bushy"),
    "brow_arch": (0, 1, "from straight to arched"),
    "brow_tilt": (-1, 1, "from angry to worried"),
    # the nose and the mouth
    "nose_width": (0, 1, "from pointed to broad"),
    "nose_length": (0, 1, "from short to long"),
    "smile": (-0.3, 1, "below 0 the corners of the mouth hang, from .4 on it is a smile"),
    "mouth_open": (0, 1, "0: closed"),
    "mouth_width": (0, 1, "from narrow to wide"),
    "lips": (0, 1, "from thin to full"),
    # make-up and facial hair
    "lipstick": (0, 1, "0: none"),
    "makeup": (0, 1, "1: eye shadow and long lashes"),
    "makeup_hue": (0, 1, "hue of the eye shadow"),
    "beard": (0, 3, "0 none, 1 stubble, 2 a goatee, 3 a full beard"),
    "beard_density": (0, 1, "from thin to thick"),
    "mustache": (0, 1, "1: a mustache"),
    # what is worn
    "glasses": (0, 2, "0 none, 1 clear glasses, 2 sunglasses"),
    "glasses_size": (0, 1, "from small to large lenses"),
    "glasses_square": (0, 1, "from round to square lenses"),
    "glasses_colour": (0, 2, "0 black, 1 tortoise, 2 red frames"),
    "hat": (0, 2, "0 none, 1 a beanie, 2 a hat with a brim"),
    "hat_hue": (0, 1, "hue of the hat"),
    "hat_brightness": (0, 1, "from dark to bright"),
    "earrings": (0, 1, "1: earrings"),
    "necklace": (0, 1, "1: a necklace"),
    "necktie": (0, 1, "1: a shirt with a necktie"),
    "clothes_colour": (0, 6, "0 blue, 1 red, 2 green, 3 white, 4 black, 5 ochre, 6 violet"),
    "clothes_brightness": (0, 1, "from dark to bright"),
    # the pose, the light, the picture
    "yaw": (-1, 1, "head turned left or right"),
    "pitch": (-1, 1, "head raised or lowered"),
    "roll": (-1, 1, "head tilted left or right"),
    "shift_x": (-1, 1, "head moved left or right"),
    "shift_y": (-1, 1, "head moved up or down"),
    "scale": (-1, 1, "from near to far"),
    "light_x": (-1, 1, "light from the left or from the right"),
    "light_y": (-1, 1, "light from the front or from above"),
    "exposure": (0, 1, "from a dark picture to a bright one"),
    "background_hue": (0, 1, "hue of the background"),
    "background_saturation": (0, 1, "from gray to coloured"),
    "background_brightness": (0, 1, "from dark to bright"),
    "background_spread": (0, 1, "how much its two hues differ"),
    "background_angle": (0, 1, "direction of its gradient, in turns"),
    "blur": (0, 1, "1: out of focus"),
}
FACTOR_NAMES: list[str] = list(FACTORS)

__doc__ += "\n" + "\n".join(
    f"    {name:21} {low:4} ... {high}   {meaning}" for name, (low, high, meaning) in FACTORS.items()
)

_COLUMNS = 128  # uniform numbers set aside for one face; more than are used, so that a factor can be added


@dataclass(frozen=True)
class Factors:
    """The factors of n faces: `values` is float32 (n, F), its columns in the order of `FACTOR_NAMES`.

    `factors["smile"]` is the column of that name, `factors[0:8]` the first eight faces.
    """

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, key: str | slice | Tensor) -> "Tensor | Factors":
        if isinstance(key, str):
            return self.values[:, FACTOR_NAMES.index(key)]
        return Factors(self.values[key])

    def replace(self, **changes: float | Tensor) -> "Factors":
        """The same faces with some factors changed: `factors.replace(smile=1.0)`."""
        values = self.values.clone()
        for name, value in changes.items():
            values[:, FACTOR_NAMES.index(name)] = value
        return Factors(values)


def sample_factors(n: int, seed: int = 0, correlated: bool = True, start: int = 0) -> Factors:
    """Draw the factors of faces number start, ..., start + n - 1 of a seed.

    Face i of a seed is the same whatever n and start are. `correlated=False` draws the same people, but what depended
    on sex, age, skin or smile now depends on a stranger's: frequencies stay, correlations go.
    """
    draw = _Draws(n, seed, start, correlated)
    f: dict[str, Tensor] = {}
    for group in (_person, _head, _hair, _eyes, _brows, _nose_and_mouth, _makeup, _facial_hair, _accessories, _picture):
        group(f, draw)
    return Factors(torch.stack([f[name] for name in FACTOR_NAMES], dim=1))


class _Draws:
    """Random numbers for n faces, each call using up the next column of a fixed table of uniform numbers."""

    def __init__(self, n: int, seed: int, start: int, correlated: bool):
        generator = torch.Generator().manual_seed(seed)
        table = torch.rand(start + n, _COLUMNS, generator=generator)[start:]
        self._columns = iter(table.unbind(1))
        self._correlated = correlated

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * next(self._columns)

    def bell(self) -> Tensor:
        """Between -1 and 1, mostly near 0 (triangular)."""
        return self.uniform() + self.uniform() - 1

    def chance(self, probability: float | Tensor) -> Tensor:
        """1 with this probability, else 0."""
        return (self.uniform() < probability).float()

    def choice(self, *weights: float | Tensor) -> Tensor:
        """0, 1, 2, ... with these probabilities; the last takes what is left to 1."""
        u, total, kind = self.uniform(), 0.0, 0.0
        for weight in weights[:-1]:
            total = total + weight
            kind = kind + (u >= total).float()
        return kind

    def tail(self, share: float | Tensor) -> Tensor:
        """0 for most faces; uniform between 0 and 1 for this share of them."""
        return ((self.uniform() - (1 - share)) / share).clamp(0)

    def given(self, value: Tensor, redraw: Callable[["_Draws"], Tensor]) -> Tensor:
        """The value that the next draws depend on: this person's, or a stranger's if nothing is to be correlated."""
        stranger = redraw(self)
        return value if self._correlated else stranger


def _male(draw: _Draws) -> Tensor:
    return draw.chance(0.45)


def _smiling(draw: _Draws) -> Tensor:
    return draw.chance(0.48)


def _person(f: dict, draw: _Draws) -> None:
    f["male"] = _male(draw)
    f["age"] = draw.uniform()
    f["skin"] = draw.uniform()
    f["skin_warmth"] = draw.uniform(-1, 1)


def _head(f: dict, draw: _Draws) -> None:
    f["face_width"], f["face_height"] = draw.bell(), draw.bell()
    f["jaw"] = draw.uniform()
    f["chubby"] = draw.tail(0.25)
    f["rosy"] = draw.tail(0.32)


def _hair(f: dict, draw: _Draws) -> None:
    f["hair_colour"] = _hair_colour(draw, draw.given(f["age"], _Draws.uniform), draw.given(f["skin"], _Draws.uniform))
    f["hair_brightness"], f["hair_warmth"] = draw.uniform(-1, 1), draw.uniform(-1, 1)
    short = draw.chance(0.08 + 0.84 * draw.given(f["male"], _male))
    f["hair_length"] = torch.where(short > 0, draw.uniform(0, 0.22), draw.uniform(0.35, 1))
    f["hair_volume"] = draw.uniform()
    f["wavy"] = draw.uniform(-0.6, 1).clamp(0)
    f["parting"] = draw.uniform(-1, 1)
    f["bangs"] = draw.chance(0.28 - 0.16 * draw.given(f["male"], _male))
    male, age = draw.given(f["male"], _male), draw.given(f["age"], _Draws.uniform)
    f["receding"] = male * draw.tail(0.15 + 0.35 * age)
    male, age = draw.given(f["male"], _male), draw.given(f["age"], _Draws.uniform)
    f["bald"] = draw.chance(male * (0.04 + 0.12 * age))


def _hair_colour(draw: _Draws, age: Tensor, skin: Tensor) -> Tensor:
    """Dark skin mostly goes with black or brown hair, age with gray."""
    any_colour = draw.choice(0.30, 0.28, 0.28, 0.04, 0.10)
    black_or_brown = draw.choice(0.6, 0.4)
    colour = torch.where(draw.chance(0.85 * (skin > 0.55)) > 0, black_or_brown, any_colour)
    gray = torch.full_like(colour, 3.0)
    return torch.where(draw.chance(0.3 * (age > 0.70)) > 0, gray, colour)


def _eyes(f: dict, draw: _Draws) -> None:
    f["eye_distance"], f["eye_size"] = draw.bell(), draw.bell()
    f["eye_open"] = draw.uniform(0.12, 1.12).clamp(max=1)
    f["gaze_x"], f["gaze_y"] = draw.uniform(-1, 1), draw.uniform(-1, 1)
    brown = draw.chance(0.95 * (draw.given(f["skin"], _Draws.uniform) > 0.55))
    f["eye_colour"] = torch.where(brown > 0, torch.zeros_like(brown), draw.choice(0.45, 0.27, 0.18, 0.10))
    f["bags"] = draw.tail(0.20 + 0.30 * draw.given(f["age"], _Draws.uniform))


def _brows(f: dict, draw: _Draws) -> None:
    f["brow_height"] = draw.uniform()
    f["brow_thickness"] = 0.7 * draw.uniform() + 0.3 * draw.given(f["male"], _male)
    f["brow_arch"] = 0.75 * draw.uniform() + 0.25 * (1 - draw.given(f["male"], _male))
    f["brow_tilt"] = draw.uniform(-1, 1)


def _nose_and_mouth(f: dict, draw: _Draws) -> None:
    """A smile is there or not (two humps, not one): a smiling mouth is open more often, and lifts the cheeks."""
    f["nose_width"] = 0.85 * draw.uniform() + 0.15 * draw.given(f["male"], _male)
    f["nose_length"] = draw.uniform()
    smiling = _smiling(draw)
    f["smile"] = torch.where(smiling > 0, draw.uniform(0.5, 1), draw.uniform(-0.3, 0.25))
    is_open = draw.chance(0.30 + 0.35 * draw.given(smiling, _smiling))
    f["mouth_open"] = is_open * draw.uniform(0.25, 1)
    f["mouth_width"], f["lips"] = draw.uniform(), draw.uniform()
    f["cheekbones"] = 0.6 * draw.uniform() + 0.4 * draw.given(smiling, _smiling)


def _wears_lipstick(draw: _Draws, male: Tensor) -> Tensor:
    return draw.chance(0.70 * (1 - male))


def _makeup(f: dict, draw: _Draws) -> None:
    lipstick = _wears_lipstick(draw, draw.given(f["male"], _male))
    f["lipstick"] = lipstick * draw.uniform(0.55, 1)
    f["makeup"] = draw.chance(0.65 * draw.given(lipstick, lambda draw: _wears_lipstick(draw, _male(draw))))
    f["makeup_hue"] = draw.uniform()


def _beard(draw: _Draws, male: Tensor) -> Tensor:
    return male * draw.choice(0.50, 0.16, 0.14, 0.20)


def _facial_hair(f: dict, draw: _Draws) -> None:
    f["beard"] = _beard(draw, draw.given(f["male"], _male))
    f["beard_density"] = draw.uniform()
    beard = draw.given(f["beard"], lambda draw: _beard(draw, _male(draw)))
    male = draw.given(f["male"], _male)
    f["mustache"] = draw.chance(torch.where(beard >= 2, 0.65, 0.14 * male))


def _accessories(f: dict, draw: _Draws) -> None:
    old = draw.given(f["age"], _Draws.uniform) > 0.70
    f["glasses"] = draw.chance(0.18 + 0.06 * old + 0.05 * draw.given(f["male"], _male)) * (1 + draw.chance(0.15))
    f["glasses_size"], f["glasses_square"] = draw.uniform(), draw.uniform()
    f["glasses_colour"] = draw.choice(0.6, 0.2, 0.2)
    f["hat"] = draw.chance(0.08 + 0.08 * draw.given(f["male"], _male)) * (1 + draw.chance(0.5))
    f["hat_hue"], f["hat_brightness"] = draw.uniform(), draw.uniform()
    f["earrings"] = draw.chance(0.32 - 0.30 * draw.given(f["male"], _male))
    f["necklace"] = draw.chance(0.24 - 0.22 * draw.given(f["male"], _male))
    f["necktie"] = draw.chance(0.01 + 0.24 * draw.given(f["male"], _male))
    f["clothes_colour"] = draw.choice(*[1 / 7] * 7)
    f["clothes_brightness"] = draw.uniform()


def _picture(f: dict, draw: _Draws) -> None:
    for name in ("yaw", "pitch", "roll", "shift_x", "shift_y", "scale", "light_y"):
        f[name] = draw.bell()
    f["light_x"] = draw.uniform(-1, 1)
    for name in ("exposure", *(name for name in FACTOR_NAMES if name.startswith("background_"))):
        f[name] = draw.uniform()
    f["blur"] = draw.chance(0.05)
