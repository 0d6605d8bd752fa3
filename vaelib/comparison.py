"""Sets of images compared by their features: how far samples are from real images, and whether they are copies.

Features come by the name of the set they were taken of: `HELD_OUT` is what all others are compared with.
"""

from __future__ import annotations

from torch import Tensor

from . import metrics

HELD_OUT, TRAINING, RECONSTRUCTIONS = "held-out images", "training images", "reconstructions"
NEIGHBOURS = 3  # k of precision and recall

Features = dict[str, dict[str, Tensor]]  # (N, D) by the names of the extractor and of the set of images


def samples_of(prior: str) -> str:
    """The name of a set of samples."""
    return f"samples, {prior}"


def compare(features: Features, training: Tensor | None) -> dict:
    """`distance_figures`, and `memorisation_figures` where `training` is not None.

    `training` are the first features of all training images (M, D).
    """
    figures = distance_figures(features)
    if training is not None:
        main, sets = next(iter(features.items()))
        figures["memorisation"] = memorisation_figures(main, sets, training, figures["best_prior"])
    return figures


def distance_figures(features: Features) -> dict:
    """How far every set is from the held-out images, of features as `features_of` gives them.

    frechet: the distances in all features. best_prior: the one whose samples are nearest in the first features.
    precision_recall: in those, of its samples, the reconstructions, and training images as a standard.
    """
    frechet = {
        name: {
            title: metrics.frechet_distance(seen, sets[HELD_OUT]) for title, seen in sets.items() if title != HELD_OUT
        }
        for name, sets in features.items()
    }
    main, sets = next(iter(features.items()))
    best = min((title for title in sets if title.startswith(samples_of(""))), key=frechet[main].get)
    pairs = {
        title: metrics.precision_recall(sets[HELD_OUT], sets[title], NEIGHBOURS)
        for title in (TRAINING, RECONSTRUCTIONS, best)
    }
    return {
        "frechet": frechet,
        "best_prior": best.removeprefix(samples_of("")),
        "precision_recall": {
            "features": main,
            "k": NEIGHBOURS,
            "precision": {title: precision for title, (precision, _) in pairs.items()},
            "recall": {title: recall for title, (_, recall) in pairs.items()},
        },
    }


def memorisation_figures(name: str, sets: dict[str, Tensor], training: Tensor, best_prior: str) -> dict:
    """The median distance of an image to its nearest training image, and its ratio to that of held-out images.

    `sets` are features (N, D) by the name of the set, `training` those of all training images (M, D); `name` says which
    features they are. Samples far nearer to training images than held-out images are would be copies (Meehan, Chaudhuri
    & Dasgupta 2020). Reconstructions of held-out images, which share the blur of samples and cannot be copies, tell
    what the blur alone does to that distance.
    """
    titles = (HELD_OUT, RECONSTRUCTIONS, samples_of(best_prior))
    medians = {title: metrics.nearest(sets[title], training)[0].median().item() for title in titles}
    return {
        "features": name,
        "training_images": len(training),
        "median_distance": medians,
        # No ratio where most held-out images are training images, too.
        "ratio": {title: medians[title] / medians[HELD_OUT] if medians[HELD_OUT] else None for title in titles[1:]},
    }
