"""Datasets: two that vaelib renders itself, CIFAR-10, CelebA, any folder of images. Each is prepared once."""

from .catalogue import NAMES, default_root, is_prepared, load, located, prepare
from .dataset import Dataset, require_dataset
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
    "located",
    "prepare",
    "require_dataset",
]
