"""The part of the results page about several networks that compare the same images, with white noise as a control."""

from __future__ import annotations

import shlex

from pages.markdown import number, table, with_error
from pages.models import protocol_of
from pages.sharpening import CLEARLY, clear_change
from vaelib.runs import evaluation

TABLE = "tab-results-networks"
SHARPENED, MASK, NOISE = "sharpened", "unsharp mask", "noise"  # the ends of the names of sets, after a comma


def several(record: dict | None) -> list[str]:
    """The Fréchet distances of the same sets of images in the features of several networks."""
    if not record or not record["networks"]:
        return []
    seen_by = {name: network["distances"] for name, network in record["networks"].items()}
    items = [f"- *{name}*, {network['about']}: {changes(network)}." for name, network in record["networks"].items()]
    return [
        "### More networks, and noise as a control",
        f"{noise_finding(seen_by)} {{numref}}`{TABLE}` has the same images in the features of several networks. Again "
        f"a set counts only if its distance changes by more than {CLEARLY} standard errors:",
        "\n".join(items),
        networks_table(record, seen_by),
    ]


def noise_finding(seen_by: dict[str, dict[str, float]]) -> str:
    """Why one network is not enough: the effect of white noise on its distance, for the first set with noise."""
    name, distances = next(iter(seen_by.items()))
    found = treated(distances, NOISE)
    if not found:
        return "One network is not enough."
    (title, noise), *_ = found.items()
    amount = noise.rpartition(", ")[2]
    before, after = distances[title], distances[noise]
    moved = f"with {amount} the distance of *{title}* goes from {number(before)} to {number(after)}"
    if after >= before:
        return f"White noise raises the distance in the features of *{name}*: {moved}. One network may still err."
    return (
        f"White noise makes no picture better, and yet it lowers the distance in the features of *{name}*: {moved}. So "
        "one network is not enough."
    )


def treated(distances: dict[str, float], treatment: str) -> dict[str, str]:
    """The name of each set that was also measured after a treatment, and the name of the treated set."""
    return {title: other for other in distances if (title := without(other, treatment)) in distances}


def without(title: str, treatment: str) -> str | None:
    """The name of the set before that treatment; None if the set of this title was not treated."""
    start, comma, end = title.rpartition(", ")
    return start if comma and end.startswith(treatment) else None


def changes(network: dict) -> str:
    """How many sets clearly come nearer, and how many clearly move away, by each treatment."""
    distances, errors = network["distances"], network["errors"]
    parts = []
    for treatment, words in ((SHARPENED, "sharpened"), (MASK, "after an unsharp mask"), (NOISE, "with noise")):
        found = treated(distances, treatment).items()
        moves = [clear_change(*((distances[name], errors[name]) for name in pair)) for pair in found]
        if moves:
            parts.append(f"{words} {moves.count(-1)} of {len(moves)} sets come nearer and {moves.count(1)} move away")
    return "; ".join(parts)


def networks_table(record: dict, seen_by: dict[str, dict[str, float]]) -> str:
    """A row for each set of images, a column for each network."""
    titles = dict.fromkeys(title for distances in seen_by.values() for title in distances)
    rows = [[title, *(in_units(network, title) for network in record["networks"].values())] for title in titles]
    units = ", ".join(f"{distances[evaluation.TRAINING]:.2g}" for distances in seen_by.values())
    strengths = ", ".join(f"{name} {number(strength)}" for name, strength in record["noise"].items())
    caption = (
        f"Fréchet distances to held-out images in the last features of each network, ± one standard error; smaller is "
        f"nearer. Each column is in units of the distance of {evaluation.TRAINING}: {units}. Reconstructions are those "
        "of other held-out images; samples are from the prior that is named. The unsharp mask has strength 1 and σ 0.7 "
        "pixels. White noise costs as much squared error of reconstructions as sharpening does. Its standard "
        f"deviation: {strengths}. {protocol_of(record['protocol'])}. {record['hardware']}, torch "
        f"{record['versions']['torch']}, seed {record['seed']}, {number(record['seconds'] / 60)} min. Repeat it: "
        f"`{command(record)}`."
    )
    return table(TABLE, caption, ["", *seen_by], rows)


def in_units(network: dict, title: str) -> str:
    """A distance and its error, in units of the distance of training images."""
    return with_error(
        network["distances"][title], network["errors"][title], 1 / network["distances"][evaluation.TRAINING]
    )


def command(record: dict) -> str:
    """The command that repeats the measurement."""
    options = {"--epochs": record.get("epochs"), "--seed": record["seed"]}
    words = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return shlex.join(["python", "-m", "benchmarks.sharpening", *words])
