"""The part of the results page that asks several networks about sharpened images, and about noise."""

from __future__ import annotations

import shlex

from results_markdown import number, table
from results_models import setting_of

from vaelib import comparison

SHARPENED, NOISE = "sharpened", "noise"  # what the name of a set ends in, after a comma
NAME = "tab-results-judges"


def judges(record: dict | None) -> list[str]:
    """The Fréchet distances of the same sets of images by several judges."""
    if not record or not record["judges"]:
        return []
    seen_by = {name: judge["distances"] for name, judge in record["judges"].items()}
    items = [f"- *{name}*, {judge['about']}: {verdict(seen_by[name])}." for name, judge in record["judges"].items()]
    return [
        "### Other judges",
        f"{applause(seen_by)} In {{numref}}`{NAME}` several look at the same images:",
        "\n".join(items),
        judges_table(record, seen_by),
    ]


def applause(seen_by: dict[str, dict[str, float]]) -> str:
    """Why one judge is not enough: what white noise does to its distance, of the first set that was given some."""
    name, distances = next(iter(seen_by.items()))
    found = noisy(distances)
    if not found:
        return "It is not enough to ask one judge."
    (title, noise), *_ = found.items()
    amount = noise.rpartition(", ")[2]
    before, after = distances[title], distances[noise]
    moved = f"with {amount} the distance of *{title}* goes from {number(before)} to {number(after)}"
    if after >= before:
        return f"White noise does not please *{name}*: {moved}. Still, one judge may err."
    return (
        f"White noise makes no picture better, and pleases *{name}* all the same: {moved}. So it is not enough to ask "
        "one judge."
    )


def noisy(distances: dict[str, float]) -> dict[str, str]:
    """Of each set that was given noise, the name of the one with noise."""
    return {title: other for other in distances if (title := without(other, NOISE)) in distances}


def without(title: str, treatment: str) -> str | None:
    """The name of the set that was treated so; None if this one was not."""
    start, comma, end = title.rpartition(", ")
    return start if comma and end.startswith(treatment) else None


def verdict(distances: dict[str, float]) -> str:
    """How many sets come nearer to this judge sharpened, how many with noise, and how often the former wins."""
    sharp = {title: other for other in distances if (title := without(other, SHARPENED)) in distances}
    noises = noisy(distances)
    both = sharp.keys() & noises.keys()
    nearer = sum(distances[other] < distances[title] for title, other in sharp.items())
    pleased = sum(distances[other] < distances[title] for title, other in noises.items())
    won = sum(distances[sharp[title]] < distances[noises[title]] for title in both)
    text = f"{nearer} of {len(sharp)} sets come nearer once they are sharpened"
    return f"{text}, {pleased} of {len(noises)} with noise; {won} of {len(both)} are nearer sharpened than with noise"


def judges_table(record: dict, seen_by: dict[str, dict[str, float]]) -> str:
    """Sets of images down, judges across."""
    titles = dict.fromkeys(title for distances in seen_by.values() for title in distances)
    rows = [
        [title, *(number(distances[title] / distances[comparison.TRAINING]) for distances in seen_by.values())]
        for title in titles
    ]
    units = ", ".join(f"{distances[comparison.TRAINING]:.2g}" for distances in seen_by.values())
    strengths = ", ".join(f"{name} {number(strength)}" for name, strength in record["noise"].items())
    caption = (
        f"Fréchet distances to held-out images in the last features of each judge, smaller is better; each column in "
        f"units of what {comparison.TRAINING} get, {units}. Reconstructions may fall below 1, since they share the "
        "content of the images that they are compared with. Samples are from the prior that is named. White noise "
        f"costs as much squared error of reconstructions as sharpening does; its standard deviation: {strengths}. "
        f"{setting_of(record['setting'])}. {record['hardware']}, torch {record['versions']['torch']}, seed "
        f"{record['seed']}, {number(record['seconds'] / 60)} min. Repeat it: `{command(record)}`."
    )
    return table(NAME, caption, ["", *seen_by], rows)


def command(record: dict) -> str:
    """What measures it again."""
    options = {"--epochs": record.get("epochs"), "--seed": record["seed"]}
    words = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return shlex.join(["python", "benchmarks/sharpening.py", *words])
