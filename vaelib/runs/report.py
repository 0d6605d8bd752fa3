"""Experiments and metrics as text, for `vaelib experiments` and `vaelib evaluate`; recorded distances as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..metrics import Estimate
from ..support.errors import UserError
from . import experiments
from .comparison import TRAINING
from .experiments import Experiment
from .run import Run, record, shipped

Rows = Mapping[Any, Mapping[Any, float | str | None]]
# What became of decoded images, and where their metrics are.
FINISHES = {"plain": (), "sharpen": ("sharpened",), "unsharp mask": ("unsharp_mask",), "detail": ("detail",)}
DISTANCES = {"frechet": "Fréchet distance", "kernel": "kernel distance × 1000"}  # and their titles
THOUSANDS = 1000  # kernel distances are small, and usually shown times this


def distances(*names: str) -> pd.DataFrame:
    """The recorded distances of shipped models to held-out images; of all models, or of those with these names.

    Columns: model; dataset; finish, "plain", "sharpen", "unsharp mask" or "detail"; set, the name of the set of images;
    network, the features ("attributes", "imagenet", "pixels"); metric, "frechet" or "kernel"; value; error, its
    standard error.
    Training images, which no model has made, appear as "plain". Models whose record has no errors are left out.

    Raises `UserError` if one of `names` is no shipped run with such a record.
    """
    recorded = {name: record(name).metrics.get("evaluation", {}) for name in names or shipped()}
    for name, measured in recorded.items():
        if names and "kernel" not in measured:
            raise UserError(f"The distances of {name} are not recorded: name one of {', '.join(shipped())}.")
    rows = [
        {"model": name, "dataset": measured["dataset"], "finish": finish} | row
        for name, measured in recorded.items()
        if "kernel" in measured
        for finish, path in FINISHES.items()
        if not path or path[0] in measured
        for row in _distance_rows(finish, measured[path[0]] if path else measured)
    ]
    return pd.DataFrame(rows)


def _distance_rows(finish: str, measured: dict) -> Iterator[dict]:
    for metric in DISTANCES:
        for network, values in measured[metric].items():
            for title, value in values.items():
                if finish == "plain" or title != TRAINING:
                    found = {"set": title, "network": network, "metric": metric, "value": value}
                    yield found | {"error": measured[f"{metric}_error"][network][title]}


def experiment(name: str) -> str:
    """What the experiment shows, its settings, the metrics of a recorded run, and whether its weights are shipped.

    Raises `UserError` if there is no experiment of that name.
    """
    settings = experiments.load(name)
    values = " ".join(f"{key}={_as_override(value)}" for key, value in settings.values().items() if key != "about")
    weights = f"shipped: `vaelib generate {name}`" if name in shipped() else f"not shipped: `vaelib train {name}`"
    lines = [name, settings.about, f"settings: {values}", f"recorded: {_recorded(settings, record(name))}"]
    return "\n  ".join([*lines, f"weights: {weights}"])


def _as_override(value: object) -> str:
    """A value as `--set KEY=VALUE` takes it: without spaces, because a shell would split it there."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _recorded(settings: Experiment, run: Run) -> str:
    if "evaluation" not in run.metrics:
        return "no run of it is shipped"
    training, held_out = run.metrics["training"], run.metrics["evaluation"]
    changed = "" if training["epochs"] == settings.epochs else f" (by --set epochs={training['epochs']})"
    return (
        f"{training['epochs']} epochs{changed} in {training['seconds']:.0f} s ({training['hardware']}); on "
        f"{held_out['images']:,} held-out images PSNR {held_out['psnr']:.3g} dB{_recorded_distances(held_out)}"
    )


def _recorded_distances(held_out: dict) -> str:
    """The Fréchet distances of a record, in its most informative features, as decoded and after each finish."""
    features = next((name for name in ("attributes", "pixels") if name in held_out.get("frechet", {})), None)
    if features is None:
        return ""
    parts = {"": held_out, "; sharpened: ": held_out.get("sharpened"), "; with detail: ": held_out.get("detail")}
    distances = "".join(
        before + ", ".join(f"{what} {value:.3g}" for what, value in measured["frechet"][features].items())
        for before, measured in parts.items()
        if measured
    ).replace("samples, ", "samples from ")
    return f", Fréchet distances in {held_out['features'][features]}: {distances}"


def evaluation(metrics: dict) -> str:
    """The results of `evaluation.evaluate` as the text that `vaelib evaluate` prints."""
    groups = [_protocol(metrics), *_decoded(metrics)]
    if metrics["features"]:
        groups.append("\n".join(["features", *(f"  {name}: {what}" for name, what in metrics["features"].items())]))
    titles = {"sharpened": "sharpened", "unsharp_mask": "after an unsharp mask", "detail": "with detail"}
    for part, title in titles.items():
        if part in metrics:
            groups += [f"The same, {title}:", *_decoded(metrics[part])]
    groups.append("\n".join(f"not computed: {name}: {reason}" for name, reason in metrics["not_computed"].items()))
    return "\n\n".join(filter(None, groups))


def _decoded(metrics: dict) -> list[str]:
    """The tables of decoded images, as decoded or sharpened."""
    groups = [_reconstruction(metrics)]
    if "elbo" in metrics:
        groups.append(_likelihood(metrics))
    groups += _distances(metrics)
    if "precision_recall" in metrics:
        groups.append(_precision_recall(metrics["precision_recall"]))
    if "memorisation" in metrics:
        groups.append(_memorisation(metrics["memorisation"]))
    return groups + [_edit(name, edit) for name, edit in metrics.get("edits", {}).items()]


def _protocol(metrics: dict) -> str:
    return (
        f"{metrics['images']:,} {metrics['split']} images of {metrics['dataset']}, {metrics['size']} pixels a side, "
        f"crop: {metrics['crop']}; {metrics['samples']:,} samples of each prior, seed {metrics['seed']}"
        + _halves(metrics)
    )


def _halves(metrics: dict) -> str:
    """How sets are compared; nothing if none were, or in a record from before they were compared on halves."""
    if "compared" not in metrics or "frechet" not in metrics:
        return ""
    return (
        f"\n{metrics['splits']} random halves of each set, {metrics['compared']:,} images, are compared with halves of "
        "the held-out ones;\nreconstructions are those of the other half; ± is one standard error"
    )


def _reconstruction(metrics: dict) -> str:
    rows = {title: {"": _found(metrics, key)} for title, key in (("mse", "mse"), ("psnr, dB", "psnr"))}
    return _table("reconstruction", rows)


def _likelihood(metrics: dict) -> str:
    bound = f"IWAE bound, {metrics['iwae_draws']} draws, first {metrics['iwae_images']} images"
    rows = {
        "nll": {"nats": metrics["nll"]},
        "kl": {"nats": _found(metrics, "kl")},
        "elbo": {"nats": metrics["elbo"], "bits/dim": _found(metrics, "bits_per_dim")},
        bound: {"nats": metrics["iwae_bound"], "bits/dim": _found(metrics, "iwae_bits_per_dim")},
        "elbo of the same images": {"nats": metrics["elbo_on_the_same"]},
        "active units": {"nats": f"{metrics['active_units']} of {metrics['latent_dim']}"},
    }
    return _table(f"likelihood, Gaussian of sigma {metrics['sigma']:.3g}", rows)


def _distances(metrics: dict) -> list[str]:
    """A table for each distance, with one row per set of images and one column per kind of features."""
    return [
        _table(f"{title} to the held-out images", pd.DataFrame(_cells(metrics, key, scale)).to_dict("index"))
        for (key, title), scale in zip(DISTANCES.items(), (1, THOUSANDS), strict=True)
        if key in metrics
    ]


def _cells(metrics: dict, key: str, scale: float) -> dict[str, dict[str, float | str]]:
    """The values of a distance, times `scale` and with their errors, by the names of features and set."""
    errors = metrics.get(f"{key}_error", {})
    return {
        name: {title: with_error(value, errors.get(name, {}).get(title), scale) for title, value in sets.items()}
        for name, sets in metrics[key].items()
    }


def with_error(value: float, error: float | None, scale: float = 1) -> float | str:
    """A value and its error, both times `scale`, as text; without an error the value as it is."""
    return value * scale if error is None else str(Estimate(value * scale, error * scale))


def _found(metrics: dict, key: str) -> float | str:
    return with_error(metrics[key], metrics.get(f"{key}_error"))


def _precision_recall(pairs: dict) -> str:
    rows: dict[str, dict[str, float | str]] = {}
    for key in ("precision", "recall"):
        errors = pairs.get(f"{key}_error", {})
        for title, value in pairs[key].items():
            rows.setdefault(title, {})[key] = with_error(value, errors.get(title))
    return _table(f"precision and recall, {pairs['features']}, k = {pairs['k']}", rows)


def _memorisation(metrics: dict) -> str:
    ratios, errors = metrics["ratio"], metrics.get("ratio_error", {})
    rows = {
        name: {
            "median distance": distance,
            "/ held-out": with_error(ratios[name], errors.get(name)) if ratios.get(name) else ratios.get(name, 1.0),
        }
        for name, distance in metrics["median_distance"].items()
    }
    return _table(f"nearest of {metrics['training_images']:,} training images, {metrics['features']}", rows)


def _edit(name: str, edit: dict) -> str:
    """One row per strength."""
    columns = {key: _with_errors(edit, key) for key in ("success", "leakage")}
    columns["changes most"] = [f"{one['attribute']} {one['change']:.2f}" for one in edit["most_changed"]]
    rows = {
        f"strength {strength:g}": {key: values[i] for key, values in columns.items()}
        for i, strength in enumerate(edit["strengths"])
    }
    accuracy = edit["classifier_accuracy"]
    quality = "" if accuracy is None else f"; accuracy of the attribute classifier {100 * accuracy:.1f} %"
    return _table(f"edit: {name}, of {edit['faces']} faces without it{quality}", rows)


def _with_errors(edit: dict, key: str) -> list[float | str]:
    errors = edit.get(f"{key}_error", [None] * len(edit[key]))
    return [with_error(value, error) for value, error in zip(edit[key], errors, strict=True)]


def _table(title: str, rows: Rows) -> str:
    cells = pd.DataFrame.from_dict(dict(rows), orient="index").map(_cell)
    lines = cells.to_string(header=any(cells.columns)).splitlines()
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _cell(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
