"""The figures of an evaluation as text, in groups that a person can read."""

from __future__ import annotations

import pandas as pd

Rows = dict[str, dict[str, float | str | None]]


def evaluation(figures: dict) -> str:
    """What `vaelib evaluate` prints: `figures` are those of `evaluation.evaluate`."""
    groups = [_setting(figures), *_painted(figures)]
    groups.append("\n".join(["features", *(f"  {name}: {what}" for name, what in figures["features"].items())]))
    if "sharpened" in figures:
        groups += ["The same, sharpened:", *_painted(figures["sharpened"])]
    groups.append("\n".join(f"not computed: {name}: {reason}" for name, reason in figures["not_computed"].items()))
    return "\n\n".join(filter(None, groups))


def _painted(figures: dict) -> list[str]:
    """The figures of what a model has painted, as it is or sharpened."""
    groups = [_reconstruction(figures)]
    if "elbo" in figures:
        groups.append(_likelihood(figures))
    groups += [_distances(figures), _precision_recall(figures["precision_recall"])]
    if "memorisation" in figures:
        groups.append(_memorisation(figures["memorisation"]))
    return groups + [_edit(name, edit) for name, edit in figures.get("edits", {}).items()]


def _setting(figures: dict) -> str:
    return (
        f"{figures['images']:,} {figures['split']} images of {figures['dataset']}, {figures['size']} pixels a side, "
        f"crop: {figures['crop']}; {figures['samples']:,} samples of each prior, seed {figures['seed']}"
    )


def _reconstruction(figures: dict) -> str:
    return _table("reconstruction", {"mse": {"": figures["mse"]}, "psnr, dB": {"": figures["psnr"]}})


def _likelihood(figures: dict) -> str:
    bound = f"IWAE bound, {figures['iwae_draws']} draws, first {figures['iwae_images']} images"
    rows = {
        "nll": {"nats": figures["nll"]},
        "kl": {"nats": figures["kl"]},
        "elbo": {"nats": figures["elbo"], "bits/dim": figures["bits_per_dim"]},
        bound: {"nats": figures["iwae_bound"], "bits/dim": figures["iwae_bits_per_dim"]},
        "elbo of the same images": {"nats": figures["elbo_on_the_same"]},
        "active units": {"nats": f"{figures['active_units']} of {figures['latent_dim']}"},
    }
    return _table(f"likelihood, Gaussian of sigma {figures['sigma']:.3g}", rows)


def _distances(figures: dict) -> str:
    """Sets down, features across."""
    return _table("Fréchet distance to the held-out images", pd.DataFrame(figures["frechet"]).to_dict("index"))


def _precision_recall(pairs: dict) -> str:
    rows = pd.DataFrame({key: pairs[key] for key in ("precision", "recall")}).to_dict("index")
    return _table(f"precision and recall, {pairs['features']}, k = {pairs['k']}", rows)


def _memorisation(figures: dict) -> str:
    rows = {
        name: {"median distance": distance, "/ held-out": figures["ratio"].get(name, 1.0)}
        for name, distance in figures["median_distance"].items()
    }
    return _table(f"nearest of {figures['training_images']:,} training images, {figures['features']}", rows)


def _edit(name: str, edit: dict) -> str:
    """Strengths down."""
    most = [f"{one['attribute']} {one['change']:.2f}" for one in edit["most_changed"]]
    values = zip(edit["success"], edit["leakage"], most, strict=True)
    rows = {
        f"strength {strength:g}": dict(zip(("success", "leakage", "changes most"), row, strict=True))
        for strength, row in zip(edit["strengths"], values, strict=True)
    }
    accuracy = edit["judge_accuracy"]
    judge = "" if accuracy is None else f"; judge accuracy {100 * accuracy:.1f} %"
    return _table(f"edit: {name}, of {edit['faces']} faces without it{judge}", rows)


def _table(title: str, rows: Rows) -> str:
    cells = pd.DataFrame.from_dict(rows, orient="index").map(_cell)
    lines = cells.to_string(header=any(cells.columns)).splitlines()
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _cell(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
