"""The features in which sets of images are compared.

Features are stored by the names of the extractor and of the set. The first extractor is the most informative one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor
from tqdm import tqdm  # not tqdm.auto, whose notebook bar would be stored with the outputs

from .. import data, metrics
from ..support.errors import UserError
from . import classifier, imagenet, inception

COMPONENTS = 64  # principal components of the pixels

Extractor = Callable[[Tensor], Tensor]  # images (B, 3, H, W) in [0, 1] to features (B, D), on the CPU
Features = dict[str, dict[str, Tensor]]  # (N, D) by the names of the extractor and of the set of images
Reasons = dict[str, str]  # why a metric is missing, by its name


def feature_extractors(
    train: data.Dataset, network: classifier.AttributeNetwork | None, with_inception: bool, device: torch.device
) -> tuple[dict[str, Extractor], dict[str, str], Reasons]:
    """The extractors and their descriptions, by name, the most informative one first; and why any is missing."""
    extractors: dict[str, Extractor] = {}
    about, not_computed = {}, {}
    if network:
        extractors["attributes"] = partial(classifier.features, network)
        about["attributes"] = (
            f"{network.channels[-1]} features of {classifier.SHIPPED.name}, which names CelebA's attributes"
        )
    else:
        smallest = classifier.IMAGE_SIZE
        not_computed["attributes"] = not_computed["edits"] = f"the network is for images of {smallest} pixels or more"
    components = min(COMPONENTS, len(train))
    extractors["pixels"] = metrics.PixelFeatures(components).fit(data.all_images(train))
    about["pixels"] = f"{components} principal components of the pixels of training images"
    if imagenet.installed():
        extractors["imagenet"], about["imagenet"] = imagenet.load(device), imagenet.about()
    else:
        not_computed["imagenet"] = imagenet.MISSING
    if not with_inception:
        not_computed["inception"] = "--inception was not given"
        return extractors, about, not_computed
    try:
        extractors["inception"] = inception.load(device)
        about["inception"] = inception.about()
    except UserError as error:
        not_computed["inception"] = str(error)
    return extractors, about, not_computed


def first_features(extractors: dict[str, Extractor], images: Iterable[Tensor], progress: bool = False) -> Tensor:
    """The features (N, D) of batches of training images, by the first extractor."""
    main, extract = next(iter(extractors.items()))
    return torch.cat([extract(part) for part in progress_bar(images, f"{main}: all training images", progress)])


def features_of(
    extractors: dict[str, Extractor], sets: Iterable[tuple[str, Tensor]], progress: bool = False
) -> Features:
    """The features (N, D) of every set, by the names of extractor and set."""
    features: Features = {name: {} for name in extractors}
    for title, images in sets:
        for name, extract in extractors.items():
            bar = progress_bar(images.split(data.BATCH_SIZE), f"{name}: {title}", progress)
            features[name][title] = torch.cat([extract(part) for part in bar])
    return features


def progress_bar(batches: Iterable[Tensor], title: str, progress: bool) -> Iterable[Tensor]:
    """The batches, with a progress bar if `progress` is set and the output is a terminal."""
    return tqdm(batches, title, leave=False, unit="batch", disable=None if progress else True)
