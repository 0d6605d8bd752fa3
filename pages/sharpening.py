"""The parts of the results page about sharpened images, and about the networks that compare them."""

from __future__ import annotations

import shlex
from pathlib import Path

from torch import Tensor

from pages import plots
from pages.markdown import PICTURES, figure, in_words, number, table, without_empty_columns
from pages.models import DATASETS, FEATURES, grouped, prior_label, protocol, protocol_of, variety_pair
from pages.records import SAMPLES, SHARPENED_SAMPLES, RunRecord
from vaelib.runs import evaluation
from vaelib.runs.statistics import SHARPENED_ON

JUDGES = "tab-results-judges"
SHARPENED, NOISE = "sharpened", "noise"  # the ends of the names of sets, after a comma
ARROW = " → "


def best_samples(run: RunRecord) -> str:
    """The name of the set of samples from the best prior."""
    return evaluation.samples_of(run.evaluation["best_prior"])


def best_distance(run: RunRecord, features: str) -> float:
    """The Fréchet distance of the samples from the best prior."""
    return run.distance(features, best_samples(run))


# In brief


def in_brief(run: RunRecord, recipe: RunRecord | None) -> list[str]:
    """The distance of sharpened samples relative to reconstructions, to plain samples and to the common recipe."""
    sharp, features = run.sharpened, run.main_features
    if sharp is None:
        return []
    times = best_distance(sharp, features) / sharp.distance(features, evaluation.RECONSTRUCTIONS)
    line = (
        f"Sharpened, samples of `{run.name}` from its best prior ({prior_label(sharp.evaluation['best_prior'])}) are "
        f"{number(times)} times as far from held-out faces as its sharpened reconstructions are, and "
        f"{number(best_distance(sharp, features) / best_distance(run, features))} times as far as they were before "
        "({numref}`tab-results-celeba-sharpened`)."
    )
    return [line, *([against(sharp, recipe)] if recipe and recipe.evaluation else [])]


def against(sharp: RunRecord, recipe: RunRecord) -> str:
    """The distance of sharpened samples relative to the best of the common recipe, plain and sharpened."""
    features = sharp.main_features
    ours, theirs = (best_distance(run, features) for run in (sharp, recipe))
    plain = f"They are {number(ours / theirs)} times as far as the best plain samples of `{recipe.name}`"
    if recipe.sharpened is None:
        return f"{plain}."
    sharpened = best_distance(recipe.sharpened, features)
    helps = "helps the common recipe, too" if sharpened < theirs else "does not help the common recipe"
    return f"{plain}, and {number(ours / sharpened)} times as far as its best sharpened ones: sharpening {helps}."


# The section


def section(runs: list[RunRecord], main: RunRecord | None, recipe: RunRecord | None, pictures: Path) -> list[str]:
    """What sharpening is, what it does to samples, its gains, and the metrics; nothing if no run has such metrics."""
    measured = [run for run in runs if run.sharpened]
    if not measured:
        return []
    shown = [run for run in (main, recipe) if run and run.has(SHARPENED_SAMPLES)]
    return [
        "## Sharpened",
        "A decoder that is trained by squared error paints means, and a mean lacks power at high frequencies: it is "
        "blurred. Once the training is over, a *sharpener* gives that power back. It multiplies each spatial frequency "
        f"by one gain, fitted to the power of {SHARPENED_ON:,} training images over that of their reconstructions, and "
        "changes no weight. {doc}`../notebooks/11-second-stage-and-blur` derives it.",
        f"It pays in squared error for looking real. {price(measured)} A smaller Fréchet distance alone proves little "
        "here, since the attribute network also likes white noise, as that chapter shows: look at the pictures, and "
        "ask other judges. All figures on this page are of images as the decoder paints them, unless they are said to "
        "be sharpened. `vaelib generate` and its like sharpen; with `--plain` they do not.",
        *([samples_figure(shown, pictures)] if shown else []),
        *gains_figure(measured, pictures),
        sharpened_table(measured, "celeba"),
    ]


def price(runs: list[RunRecord]) -> str:
    """The cost of sharpening in squared error: the smallest and the largest in the records."""
    costs = [run.sharpened.evaluation["mse"] / run.evaluation["mse"] for run in runs]
    lost = [run.evaluation["psnr"] - run.sharpened.evaluation["psnr"] for run in runs]
    return (
        f"In these records the squared error of reconstructions grows to {span(costs)} times what it was, and their "
        f"PSNR falls by {span(lost)} dB."
    )


def span(values: list[float]) -> str:
    """The range of the values, or one number if the smallest and the largest round to the same."""
    return "–".join(dict.fromkeys(map(number, (min(values), max(values)))))


def samples_figure(runs: list[RunRecord], pictures: Path) -> str:
    """The figure with a row of plain samples and a row of the same samples sharpened, for each run."""
    rows = {
        run.name.removeprefix("celeba64-").replace("-", "\n") + f",\n{label}": (run, picture)
        for run in runs
        for label, picture in (("plain", SAMPLES), ("sharpened", SHARPENED_SAMPLES))
    }
    plots.save(plots.sample_rows(rows), pictures / "sharpened.png")
    commands = [f"`vaelib generate {run.place} --prior {run.fitted(run.main_features)}`" for run in runs]
    trained = " and ".join(f"`{run.command}` ({run.cost})" for run in runs)
    return figure(
        "fig-results-sharpened",
        f"{PICTURES}/sharpened.png",
        f"Rows of small pictures that {' and '.join(run.name for run in runs)} have painted: faces with smooth hair "
        "and skin, and below each row the same faces with crisper hair, eyes and contours, and a fine weave on some "
        "plain places.",
        f"Samples of {in_words([run.name for run in runs])}, each row above the same sharpened. No one shown exists. "
        f"{' and '.join(commands)} draw more, sharpened; with `--plain`, as the decoder paints them. Trained by "
        f"{trained}.",
        width=593,
    )


def gains_figure(runs: list[RunRecord], pictures: Path) -> list[str]:
    """The figure of the gains of all runs whose weights are shipped."""
    gains: dict[str, Tensor] = {run.name: run.sharpener.gains for run in runs if run.sharpener}
    if not gains:
        return []
    sizes = {run.name: run.experiment.size for run in runs}
    plots.save(plots.gains(gains, sizes), pictures / "gains.png")
    ends = "; ".join(f"{name} {number(found.max().item())}" for name, found in gains.items())
    return [
        figure(
            "fig-results-gains",
            f"{PICTURES}/gains.png",
            "One curve per model: gains near 1 for coarse shapes, which grow with the spatial frequency and fall at "
            f"its end. The largest are: {ends}.",
            f"The gains by spatial frequency. 1 on the horizontal axis is that of stripes one pixel wide; diagonal "
            f"patterns go beyond. Each model's were fitted to {SHARPENED_ON:,} training images, as `vaelib train NAME` "
            "does at its end.",
            width=640,
        )
    ]


def of_dataset(runs: list[RunRecord], dataset: str) -> list[str]:
    """The table of a dataset, with a sentence on what it cannot show."""
    measured = [run for run in runs if run.sharpened]
    if not measured:
        return []
    said = f"{{numref}}`tab-results-{dataset}-sharpened` has the figures of the same images, sharpened."
    if measured[0].main_features == "pixels":
        said += " Components of the pixels hardly see fine detail: the pictures of the {doc}`gallery` tell more."
    return [said, sharpened_table(measured, dataset)]


def sharpened_table(runs: list[RunRecord], dataset: str) -> str:
    """Every metric, of the images as they are decoded and of the same images sharpened."""
    features = runs[0].main_features
    runs = [run for run in runs if run.main_features == features]
    rows = []
    for run in runs:
        cells = zip(*(sharpened_cells(which, features) for which in (run, run.sharpened)), strict=True)
        rows.append([f"`{run.name}`", *(arrowed(cell) if all(cell) else "" for cell in cells)])
    real = grouped(runs, lambda held_out: number(held_out["frechet"][features][evaluation.TRAINING]))
    best, extractor = (grouped(runs, describe) for describe in (best_prior, lambda of: of["features"][features]))
    caption = (
        f"As the decoder paints{ARROW}sharpened: PSNR of reconstructions; Fréchet distances, as seen by "
        f"{FEATURES[features]}, of reconstructions (rec.) and of samples from the best prior ({best}), and their "
        f"ratio; precision, recall and memorisation of those samples. Training images of {DATASETS[dataset]} are at "
        f"{real}. Extractor: {extractor}. {protocol(runs)}. Repeat a row: `vaelib evaluate NAME`."
    )
    header = ["model", "PSNR, dB", "rec.", "samples", "samples / rec.", "precision", "recall", "memorisation"]
    return table(f"tab-results-{dataset}-sharpened", caption, *without_empty_columns(header, rows))


def arrowed(cell: tuple[str, ...]) -> str:
    """Plain → sharpened, with spaces that allow a line break only before the arrow."""
    return " →\u00a0".join(value.replace(" ", "\u00a0") for value in cell)


def best_prior(held_out: dict) -> str:
    """The best prior of plain and of sharpened samples; named once if it is the same."""
    best = (part["best_prior"] for part in (held_out, held_out["sharpened"]))
    return ARROW.join(dict.fromkeys(map(prior_label, best)))


def sharpened_cells(run: RunRecord, features: str) -> list[str]:
    """A row of `sharpened_table` for plain or for sharpened images, without the name."""
    held_out, title = run.evaluation, best_samples(run)
    reconstructions, samples = run.distance(features, evaluation.RECONSTRUCTIONS), best_distance(run, features)
    copies = held_out.get("memorisation", {}).get("ratio", {}).get(title)
    return [
        *map(number, (held_out["psnr"], reconstructions, samples, samples / reconstructions)),
        *variety_pair(held_out, title),
        number(copies),
    ]


# Other networks


def judges(record: dict | None) -> list[str]:
    """The Fréchet distances of the same sets of images in the features of several networks."""
    if not record or not record["judges"]:
        return []
    seen_by = {name: judge["distances"] for name, judge in record["judges"].items()}
    items = [f"- *{name}*, {judge['about']}: {verdict(seen_by[name])}." for name, judge in record["judges"].items()]
    return [
        "### Other judges",
        f"{noise_finding(seen_by)} In {{numref}}`{JUDGES}` several look at the same images:",
        "\n".join(items),
        judges_table(record, seen_by),
    ]


def noise_finding(seen_by: dict[str, dict[str, float]]) -> str:
    """Why one network is not enough: the effect of white noise on its distance, for the first set with noise."""
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
    """The name of each set that was measured with noise, too, and the name of the noisy set."""
    return {title: other for other in distances if (title := without(other, NOISE)) in distances}


def without(title: str, treatment: str) -> str | None:
    """The name of the set before that treatment; None if the set of this title was not treated."""
    start, comma, end = title.rpartition(", ")
    return start if comma and end.startswith(treatment) else None


def verdict(distances: dict[str, float]) -> str:
    """How many sets come nearer when sharpened, how many with noise, and how often sharpening beats noise."""
    sharp = {title: other for other in distances if (title := without(other, SHARPENED)) in distances}
    noises = noisy(distances)
    both = sharp.keys() & noises.keys()
    nearer = sum(distances[other] < distances[title] for title, other in sharp.items())
    pleased = sum(distances[other] < distances[title] for title, other in noises.items())
    won = sum(distances[sharp[title]] < distances[noises[title]] for title in both)
    text = f"{nearer} of {len(sharp)} sets come nearer once they are sharpened"
    return f"{text}, {pleased} of {len(noises)} with noise; {won} of {len(both)} are nearer sharpened than with noise"


def judges_table(record: dict, seen_by: dict[str, dict[str, float]]) -> str:
    """A row for each set of images, a column for each network."""
    titles = dict.fromkeys(title for distances in seen_by.values() for title in distances)
    rows = [
        [title, *(number(distances[title] / distances[evaluation.TRAINING]) for distances in seen_by.values())]
        for title in titles
    ]
    units = ", ".join(f"{distances[evaluation.TRAINING]:.2g}" for distances in seen_by.values())
    strengths = ", ".join(f"{name} {number(strength)}" for name, strength in record["noise"].items())
    caption = (
        f"Fréchet distances to held-out images in the last features of each judge, smaller is better; each column in "
        f"units of what {evaluation.TRAINING} get, {units}. Reconstructions may fall below 1, since they share the "
        "content of the images that they are compared with. Samples are from the prior that is named. White noise "
        f"costs as much squared error of reconstructions as sharpening does; its standard deviation: {strengths}. "
        f"{protocol_of(record['protocol'])}. {record['hardware']}, torch {record['versions']['torch']}, seed "
        f"{record['seed']}, {number(record['seconds'] / 60)} min. Repeat it: `{judges_command(record)}`."
    )
    return table(JUDGES, caption, ["", *seen_by], rows)


def judges_command(record: dict) -> str:
    """The command that repeats the measurement."""
    options = {"--epochs": record.get("epochs"), "--seed": record["seed"]}
    words = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return shlex.join(["python", "-m", "benchmarks.sharpening", *words])
