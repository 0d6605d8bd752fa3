"""The embedded faces: rendered from a seed, with every ground-truth factor and CelebA's attribute names.

    factors = sample_factors(8, seed=0)            # 8 faces; factors.values is float32 (8, F)
    pictures = render(factors, size=64)            # float32 (8, 3, 64, 64) in [0, 1]
    labels, names = attributes(factors)            # bool (8, 39)
    smiling = render(factors.replace(smile=1.0))   # the same faces, smiling

The factors are listed in `factors.FACTORS`. The painter works with signed distances and layers on coordinate planes,
in plain PyTorch: `head`, `features`, `hair` and `wardrobe` hold one function a feature, `rendering` their order.
"""

from .attributes import ATTRIBUTE_NAMES, attributes
from .factors import FACTOR_NAMES, Factors, sample_factors
from .rendering import render

__all__ = ["ATTRIBUTE_NAMES", "FACTOR_NAMES", "Factors", "attributes", "render", "sample_factors"]
