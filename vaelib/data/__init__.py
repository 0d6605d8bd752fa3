"""Images to learn from: two sets that vaelib draws itself, CIFAR-10, CelebA, any folder; prepared once, then fast."""

from .catalogue import NAMES, default_root, is_prepared, load, prepare
from .dataset import Dataset
from .loader import BATCH_SIZE, Loader, all_images, loader

__all__ = [
    "BATCH_SIZE",
    "NAMES",
    "Dataset",
    "Loader",
    "all_images",
    "default_root",
    "is_prepared",
    "load",
    "loader",
    "prepare",
]
