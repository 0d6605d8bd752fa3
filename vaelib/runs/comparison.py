"""Sets of images compared with the held-out images: distances, precision and recall, copies of training images.

A distance is taken of random halves of both sets (`metrics.estimate`), which gives it an error. Reconstructions are
always compared with other held-out images than their own, to which they would be nearer than any sample can be. They
are what the decoder makes of the codes that the encoder gives: a reference for samples, but no bound, because samples
can be better.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from .. import metrics
from .features import Features

HELD_OUT, TRAINING, RECONSTRUCTIONS = "held-out images", "training images", "reconstructions"  # names of sets
NEIGHBOURS = 3  # k of precision and recall


def samples_of(prior: str) -> str:
    """The name of the set of samples from a prior."""
    return f"samples, {prior}"


def compare(features: Features, training: Tensor | None) -> dict:
    """`distance_metrics`, and `memorisation_metrics` where `training` is not None.

    `training` are the first features of all training images (M, D).
    """
    results = distance_metrics(features)
    if training is not None:
        main, sets = next(iter(features.items()))
        results["memorisation"] = memorisation_metrics(main, sets, training, results["best_prior"])
    return results


def distance_metrics(features: Features) -> dict:
    """The distance of every set from the held-out images, from the features that `features_of` returns.

    frechet and kernel: the Fréchet and kernel distances in all features, on halves of the sets. best_prior: the prior
    whose samples have the smallest Fréchet distance in the first features. precision_recall: in the first features, for
    the samples of best_prior, the reconstructions, and training images as a reference.
    """
    distances = {"frechet": metrics.frechet_distance, "kernel": metrics.kernel_distance}
    found = {key: _to_held_out(features, distance) for key, distance in distances.items()}
    main, sets = next(iter(features.items()))
    frechet = found["frechet"][main]
    best = min((title for title in sets if title.startswith(samples_of(""))), key=lambda title: frechet[title].value)
    return {
        **{key: _values(of_sets) for key, of_sets in found.items()},
        **{f"{key}_error": _errors(of_sets) for key, of_sets in found.items()},
        "best_prior": best.removeprefix(samples_of("")),
        "precision_recall": {"features": main, "k": NEIGHBOURS} | _precision_recall(sets, best),
    }


def _to_held_out(
    features: Features, distance: Callable[[Tensor, Tensor], float]
) -> dict[str, dict[str, metrics.Estimate]]:
    """A distance of every set from the held-out images, by the names of features and set."""
    return {
        name: {
            title: metrics.estimate(distance, seen, sets[HELD_OUT], paired=title == RECONSTRUCTIONS)
            for title, seen in sets.items()
            if title != HELD_OUT
        }
        for name, sets in features.items()
    }


def _values(estimates: dict[str, dict[str, metrics.Estimate]]) -> dict[str, dict[str, float]]:
    return {name: {title: found.value for title, found in sets.items()} for name, sets in estimates.items()}


def _errors(estimates: dict[str, dict[str, metrics.Estimate]]) -> dict[str, dict[str, float]]:
    return {name: {title: found.error for title, found in sets.items()} for name, sets in estimates.items()}


def _precision_recall(sets: dict[str, Tensor], best: str) -> dict[str, dict[str, float]]:
    """precision and recall with their errors, each by the name of the set, for three sets."""

    def score(fake: Tensor, real: Tensor) -> tuple[float, float]:
        return metrics.precision_recall(real, fake, NEIGHBOURS)

    results: dict[str, dict[str, float]] = {}
    for title in (TRAINING, RECONSTRUCTIONS, best):
        pairs = metrics.on_halves(score, sets[title], sets[HELD_OUT], paired=title == RECONSTRUCTIONS)
        for key, shares in zip(("precision", "recall"), zip(*pairs, strict=True), strict=True):
            found = metrics.Estimate.of(shares)
            results.setdefault(key, {})[title] = found.value
            results.setdefault(f"{key}_error", {})[title] = found.error
    return results


def memorisation_metrics(name: str, sets: dict[str, Tensor], training: Tensor, best_prior: str) -> dict:
    """The median distance of an image to its nearest training image, and its ratio to that of held-out images.

    `sets` are features (N, D) by the name of the set, `training` those of all training images (M, D), and `name` is the
    name of these features. If samples were much nearer to training images than held-out images are, they would be
    copies (Meehan, Chaudhuri & Dasgupta 2020). Blur alone also changes this distance: reconstructions of held-out
    images show by how much, because they are as blurred as samples and cannot be copies.
    """
    titles = (HELD_OUT, RECONSTRUCTIONS, samples_of(best_prior))
    distances = {title: metrics.nearest(sets[title], training)[0] for title in titles}
    medians = {title: away.median().item() for title, away in distances.items()}
    results = {"features": name, "training_images": len(training), "median_distance": medians}
    if not medians[HELD_OUT]:  # because most of them are training images too
        return results | {"ratio": dict.fromkeys(titles[1:]), "ratio_error": dict.fromkeys(titles[1:])}
    return results | {
        "ratio": {title: medians[title] / medians[HELD_OUT] for title in titles[1:]},
        "ratio_error": {title: _ratio_error(distances[title], distances[HELD_OUT]) for title in titles[1:]},
    }


def _ratio_error(away: Tensor, of_held_out: Tensor) -> float | None:
    """The standard error of the ratio of two medians; None if it is infinite on some halves."""
    error = metrics.estimate(lambda a, b: (a.median() / b.median()).item(), away, of_held_out).error
    return error if math.isfinite(error) else None
