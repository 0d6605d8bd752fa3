"""Experiments and metrics as text: what `vaelib experiments` and `vaelib evaluate` print."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from . import experiments
from .experiments import Experiment
from .run import Run, record, shipped

Rows = Mapping[Any, Mapping[Any, float | str | None]]


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
    """The Fréchet distances of a record, in its most informative features, as decoded and sharpened."""
    features = next((name for name in ("attributes", "pixels") if name in held_out["frechet"]), None)
    if features is None:
        return ""
    plain, *sharpened = (
        ", ".join(f"{what} {value:.3g}" for what, value in measured["frechet"][features].items())
        for measured in (held_out, held_out.get("sharpened"))
        if measured
    )
    distances = "; sharpened: ".join([plain, *sharpened]).replace("samples, ", "samples from ")
    return f", Fréchet distances in {held_out['features'][features]}: {distances}"


def evaluation(metrics: dict) -> str:
    """The results of `evaluation.evaluate` as the text that `vaelib evaluate` prints."""
    groups = [_protocol(metrics), *_decoded(metrics)]
    groups.append("\n".join(["features", *(f"  {name}: {what}" for name, what in metrics["features"].items())]))
    if "sharpened" in metrics:
        groups += ["The same, sharpened:", *_decoded(metrics["sharpened"])]
    groups.append("\n".join(f"not computed: {name}: {reason}" for name, reason in metrics["not_computed"].items()))
    return "\n\n".join(filter(None, groups))


def _decoded(metrics: dict) -> list[str]:
    """The tables of decoded images, as decoded or sharpened."""
    groups = [_reconstruction(metrics)]
    if "elbo" in metrics:
        groups.append(_likelihood(metrics))
    groups += [_distances(metrics), _precision_recall(metrics["precision_recall"])]
    if "memorisation" in metrics:
        groups.append(_memorisation(metrics["memorisation"]))
    return groups + [_edit(name, edit) for name, edit in metrics.get("edits", {}).items()]


def _protocol(metrics: dict) -> str:
    return (
        f"{metrics['images']:,} {metrics['split']} images of {metrics['dataset']}, {metrics['size']} pixels a side, "
        f"crop: {metrics['crop']}; {metrics['samples']:,} samples of each prior, seed {metrics['seed']}"
    )


def _reconstruction(metrics: dict) -> str:
    return _table("reconstruction", {"mse": {"": metrics["mse"]}, "psnr, dB": {"": metrics["psnr"]}})


def _likelihood(metrics: dict) -> str:
    bound = f"IWAE bound, {metrics['iwae_draws']} draws, first {metrics['iwae_images']} images"
    rows = {
        "nll": {"nats": metrics["nll"]},
        "kl": {"nats": metrics["kl"]},
        "elbo": {"nats": metrics["elbo"], "bits/dim": metrics["bits_per_dim"]},
        bound: {"nats": metrics["iwae_bound"], "bits/dim": metrics["iwae_bits_per_dim"]},
        "elbo of the same images": {"nats": metrics["elbo_on_the_same"]},
        "active units": {"nats": f"{metrics['active_units']} of {metrics['latent_dim']}"},
    }
    return _table(f"likelihood, Gaussian of sigma {metrics['sigma']:.3g}", rows)


def _distances(metrics: dict) -> str:
    """One row per set of images, one column per kind of features."""
    return _table("Fréchet distance to the held-out images", pd.DataFrame(metrics["frechet"]).to_dict("index"))


def _precision_recall(pairs: dict) -> str:
    rows = pd.DataFrame({key: pairs[key] for key in ("precision", "recall")}).to_dict("index")
    return _table(f"precision and recall, {pairs['features']}, k = {pairs['k']}", rows)


def _memorisation(metrics: dict) -> str:
    rows = {
        name: {"median distance": distance, "/ held-out": metrics["ratio"].get(name, 1.0)}
        for name, distance in metrics["median_distance"].items()
    }
    return _table(f"nearest of {metrics['training_images']:,} training images, {metrics['features']}", rows)


def _edit(name: str, edit: dict) -> str:
    """One row per strength."""
    most = [f"{one['attribute']} {one['change']:.2f}" for one in edit["most_changed"]]
    values = zip(edit["success"], edit["leakage"], most, strict=True)
    rows = {
        f"strength {strength:g}": dict(zip(("success", "leakage", "changes most"), row, strict=True))
        for strength, row in zip(edit["strengths"], values, strict=True)
    }
    accuracy = edit["judge_accuracy"]
    quality = "" if accuracy is None else f"; judge accuracy {100 * accuracy:.1f} %"
    return _table(f"edit: {name}, of {edit['faces']} faces without it{quality}", rows)


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
