"""CelebA's attributes of the embedded faces, read off their factors.

Of CelebA's 40 names, 39 are here, in CelebA's order, spelled as CelebA spells them. *Attractive* is left out: it is an
opinion of those who labelled CelebA, not a fact about a face, and a rendered face has no factor for it.

A label says what can be seen, so that a network has a chance to learn it: hair has no colour on a bald head, a hairline
does not show under bangs or a hat, waves do not show in short hair. Where CelebA's labels grade into each other
(how broad is a big nose?) the threshold on the factor is ours.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .factors import Factors


def _has_hair(f: Factors) -> Tensor:
    return f["bald"] == 0


def _hair_top_visible(f: Factors) -> Tensor:
    return _has_hair(f) & (f["hat"] == 0)


_RULES: dict[str, Callable[[Factors], Tensor]] = {
    "5_o_Clock_Shadow": lambda f: f["beard"] == 1,
    "Arched_Eyebrows": lambda f: f["brow_arch"] > 0.65,
    "Bags_Under_Eyes": lambda f: f["bags"] > 0.3,
    "Bald": lambda f: (f["bald"] > 0) & (f["hat"] == 0),
    "Bangs": lambda f: (f["bangs"] > 0) & _hair_top_visible(f),
    "Big_Lips": lambda f: f["lips"] > 0.72,
    "Big_Nose": lambda f: f["nose_width"] > 0.70,
    "Black_Hair": lambda f: (f["hair_colour"] == 0) & _has_hair(f),
    "Blond_Hair": lambda f: (f["hair_colour"] == 2) & _has_hair(f),
    "Blurry": lambda f: f["blur"] > 0,
    "Brown_Hair": lambda f: (f["hair_colour"] == 1) & _has_hair(f),
    "Bushy_Eyebrows": lambda f: f["brow_thickness"] > 0.70,
    "Chubby": lambda f: f["chubby"] > 0.25,
    "Double_Chin": lambda f: f["chubby"] > 0.60,
    "Eyeglasses": lambda f: f["glasses"] > 0,
    "Goatee": lambda f: f["beard"] == 2,
    "Gray_Hair": lambda f: (f["hair_colour"] == 3) & _has_hair(f),
    "Heavy_Makeup": lambda f: f["makeup"] > 0,
    "High_Cheekbones": lambda f: f["cheekbones"] > 0.5,
    "Male": lambda f: f["male"] > 0,
    "Mouth_Slightly_Open": lambda f: f["mouth_open"] > 0,
    "Mustache": lambda f: f["mustache"] > 0,
    "Narrow_Eyes": lambda f: f["eye_open"] < 0.35,
    "No_Beard": lambda f: (f["beard"] == 0) & (f["mustache"] == 0),
    "Oval_Face": lambda f: (f["face_height"] > f["face_width"]) & (f["jaw"] < 0.6),
    "Pale_Skin": lambda f: f["skin"] < 0.10,
    "Pointy_Nose": lambda f: f["nose_width"] < 0.25,
    "Receding_Hairline": lambda f: (f["receding"] > 0.2) & (f["bangs"] == 0) & _hair_top_visible(f),
    "Rosy_Cheeks": lambda f: f["rosy"] > 0.25,
    "Sideburns": lambda f: f["beard"] == 3,
    "Smiling": lambda f: f["smile"] > 0.4,
    "Straight_Hair": lambda f: (f["wavy"] == 0) & _hair_top_visible(f),
    "Wavy_Hair": lambda f: (f["wavy"] > 0.3) & (f["hair_length"] > 0.3) & _has_hair(f),
    "Wearing_Earrings": lambda f: f["earrings"] > 0,
    "Wearing_Hat": lambda f: f["hat"] > 0,
    "Wearing_Lipstick": lambda f: f["lipstick"] > 0,
    "Wearing_Necklace": lambda f: f["necklace"] > 0,
    "Wearing_Necktie": lambda f: f["necktie"] > 0,
    "Young": lambda f: f["age"] <= 0.70,
}
ATTRIBUTE_NAMES: list[str] = list(_RULES)


def attributes(factors: Factors) -> tuple[Tensor, list[str]]:
    """The labels of n faces, bool (n, 39), and the 39 names of their columns."""
    return torch.stack([rule(factors) for rule in _RULES.values()], dim=1), list(ATTRIBUTE_NAMES)
