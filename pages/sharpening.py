"""The parts of the results page about sharpened images: what the filter is, and the verdicts of two networks on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from pages import plots
from pages.markdown import PICTURES, figure, in_words, number, table, with_error
from pages.models import FEATURES, grouped, prior_label, protocol, training_images
from pages.records import SAMPLES, SHARPENED_SAMPLES, RunRecord
from vaelib.runs import evaluation, report
from vaelib.runs.statistics import SHARPENED_ON

PLAIN, SHARPENED, MASK, DETAILED = "plain", "sharpened", "unsharp mask", "detail"
CLEARLY = 2  # standard errors by which two distances must differ before one is called the smaller
NETWORKS = ("attributes", "imagenet")  # a network of this project, which knows CelebA, and one that does not


def best_samples(run: RunRecord) -> str:
    """The name of the set of samples from the best prior."""
    return evaluation.samples_of(run.evaluation["best_prior"])


def finishes(run: RunRecord) -> dict[str, RunRecord]:
    """The run with the metrics of its plain images and of each finish, as far as they are recorded."""
    found = {PLAIN: run, SHARPENED: run.sharpened, MASK: run.masked, DETAILED: run.detailed}
    return {name: record for name, record in found.items() if record}


def networks(runs: Sequence[RunRecord]) -> list[str]:
    """The features by which all these runs are compared: two networks, or, of small images, the pixels and one."""
    names = [*NETWORKS, "pixels"] if any("attributes" not in run.evaluation["frechet"] for run in runs) else NETWORKS
    return [name for name in names if all(name in run.evaluation["frechet"] for run in runs)]


# The verdicts


def verdicts(runs: Sequence[RunRecord], features: str, finish: str) -> tuple[int, int, int]:
    """How many sets of images are clearly nearer after a filter than before, how many clearly farther, and of how many.

    The sets are the reconstructions of each run and its samples from the best prior; the distances are Fréchet's.
    """
    changes = [
        clear_change(
            run.estimate("frechet", features, title), finishes(run)[finish].estimate("frechet", features, title)
        )
        for run in runs
        if finish in finishes(run)
        for title in (evaluation.RECONSTRUCTIONS, best_samples(run))
    ]
    return changes.count(-1), changes.count(1), len(changes)


def clear_change(before: Sequence[float], after: Sequence[float]) -> int:
    """-1 or 1 if the second of two distances, each with its error, is clearly smaller or larger; otherwise 0."""
    difference, error = after[0] - before[0], math.hypot(before[1], after[1])
    return 0 if abs(difference) <= CLEARLY * error else int(math.copysign(1, difference))


def verdict(runs: Sequence[RunRecord], features: str, finish: str) -> str:
    """The counts of `verdicts` in words."""
    nearer, farther, count = verdicts(runs, features, finish)
    return f"in the features of {FEATURES[features]}, {nearer} of {count} sets come nearer and {farther} move away"


def finding(runs: list[RunRecord]) -> str:
    """What both networks say of the filter and of the unsharp mask."""
    names = networks(runs)
    said, masks = ("; ".join(verdict(runs, name, finish) for name in names) for finish in (SHARPENED, MASK))
    text = (
        "Take the reconstructions and the best samples of each model. After the filter, "
        f"{said} ({{numref}}`tab-results-celeba-sharpened`). A set counts only if its distance changes by more than "
        f"{CLEARLY} standard errors."
    )
    if opposite(runs):
        text += (
            " **The same pictures, two networks, opposite verdicts.** A smaller distance in the features of one "
            "network says what this network looks at, not that pictures have come nearer to photographs. So the "
            "filter is not the default of any command."
        )
    return f"{text} After an unsharp mask (strength 1, σ 0.7 pixels), which is not fitted to any model, {masks}."


def opposite(runs: Sequence[RunRecord]) -> bool:
    """Whether one network finds all sharpened sets clearly nearer, and the other one finds all clearly farther."""
    counts = [verdicts(runs, name, SHARPENED) for name in networks(runs)]
    return (
        len(counts) == len(NETWORKS)
        and any(nearer == count for nearer, _, count in counts)
        and any(farther == count for _, farther, count in counts)
    )


def in_brief(run: RunRecord) -> list[str]:
    """The verdicts of both networks on the sharpened samples of one run; nothing unless both are recorded."""
    if not run.compared or not run.sharpened or len(networks([run])) < len(NETWORKS):
        return []
    title = best_samples(run)
    moved = [
        f"from {with_error(*run.estimate('frechet', name, title))} to "
        f"{with_error(*run.sharpened.estimate('frechet', name, title))} in the features of {FEATURES[name]}"
        for name in NETWORKS
    ]
    return [
        f"The sharpening filter moves the distance of the samples of `{run.name}` {' and '.join(moved)}: "
        f"{'two networks, opposite verdicts' if opposite([run]) else 'two networks'} "
        "({numref}`tab-results-celeba-sharpened`)."
    ]


# The section


def section(runs: list[RunRecord], main: RunRecord | None, recipe: RunRecord | None, pictures: Path) -> list[str]:
    """What sharpening is, what it does to samples, its gains, and the verdicts; nothing if no run has such metrics."""
    measured = [run for run in runs if run.compared and run.sharpened]
    if not measured:
        return []
    shown = [run for run in (main, recipe) if run and run.has(SHARPENED_SAMPLES)]
    return [
        "## Sharpened",
        "A decoder that is trained by squared error generates conditional means, and a mean lacks power at high "
        "frequencies: it is blurred. A *sharpener* restores that power after training. It multiplies each spatial "
        f"frequency by one gain, fitted to the power of {SHARPENED_ON:,} training images over that of their "
        "reconstructions, and changes no weight. {doc}`../notebooks/11-second-stage-and-blur` derives it. "
        f"{price(measured)}",
        finding(measured),
        verdict_table(measured, "celeba"),
        *([samples_figure(shown, pictures)] if shown else []),
        *gains_figure(measured, pictures),
    ]


def price(runs: list[RunRecord]) -> str:
    """The cost of sharpening in squared error: the smallest and the largest in the records."""
    costs = [run.sharpened.evaluation["mse"] / run.evaluation["mse"] for run in runs]
    lost = [run.evaluation["psnr"] - run.sharpened.evaluation["psnr"] for run in runs]
    return (
        f"Its price is squared error: that of reconstructions grows to {span(costs)} times what it was, and their PSNR "
        f"falls by {span(lost)} dB."
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
    plots.save(plots.sample_rows(rows), pictures / "sharpened.webp")
    commands = [f"`vaelib generate {run.place} --prior {run.fitted(run.main_features)}`" for run in runs]
    trained = " and ".join(f"`{run.command}` ({run.cost})" for run in runs)
    return figure(
        "fig-results-sharpened",
        f"{PICTURES}/sharpened.webp",
        f"Rows of small pictures that {' and '.join(run.name for run in runs)} have generated: faces with smooth hair "
        "and skin, and below each row the same faces with crisper hair, eyes and contours, and a fine weave on some "
        "plain places.",
        f"Samples of {in_words([run.name for run in runs])}, each row above the same sharpened. No one shown exists. "
        f"{' and '.join(commands)} draw more; `--finish sharpen` sharpens them. Trained by {trained}.",
        width=780,
    )


def gains_figure(runs: list[RunRecord], pictures: Path) -> list[str]:
    """The figure of the gains of all runs whose weights are shipped."""
    gains = {run.name: run.gains for run in runs if run.gains is not None}
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
            width=780,
        )
    ]


def of_dataset(runs: list[RunRecord], dataset: str) -> list[str]:
    """The table of a dataset of small images."""
    measured = [run for run in runs if run.compared and run.sharpened]
    if not measured:
        return []
    said = (
        f"{{numref}}`tab-results-{dataset}-sharpened` shows the same images sharpened. The principal components of the "
        "pixels hardly contain fine detail, so their distances say little about sharpness."
    )
    return [said, verdict_table(measured, dataset)]


def verdict_table(runs: list[RunRecord], dataset: str) -> str:
    """Both distances in the features of both networks: plain and after each finish."""
    names = networks(runs)
    rows = []
    for run in runs:
        for title in (evaluation.RECONSTRUCTIONS, best_samples(run)):
            for finish, record in finishes(run).items():
                cells = [distance_cell(record, metric, name, title) for name in names for metric in report.DISTANCES]
                rows.append([f"`{run.name}`", set_label(title), finish, *cells])
    real = "; ".join(
        f"{FEATURES[name]} {training_images(runs, name)} / {training_images(runs, name, 'kernel', report.THOUSANDS)}"
        for name in names
    )
    extractors = "; ".join(grouped(runs, lambda held_out, name=name: held_out["features"][name]) for name in names)
    caption = (
        "The same images in the features of several networks: Fréchet distance (F) and kernel distance × 1000 (K) to "
        "held-out images, ± one standard error; smaller is nearer. Reconstructions are those of other held-out images, "
        f"samples are from the best prior. Training images are at (F / K): {real}. Features: {extractors}. "
        f"{protocol(runs)}. Repeat a row: `vaelib evaluate NAME`, with the extra `evaluate` installed."
    )
    header = ["model", "images", "finish"] + [f"{kind}: {SHORT[name]}" for name in names for kind in ("F", "K")]
    return table(f"tab-results-{dataset}-sharpened", caption, header, rows, words=3)


SHORT = {"attributes": "attributes", "imagenet": "ImageNet", "pixels": "pixels"}


def distance_cell(run: RunRecord, metric: str, features: str, title: str) -> str:
    """A distance with its error; kernel distances times 1000."""
    return with_error(*run.estimate(metric, features, title), report.THOUSANDS if metric == "kernel" else 1)


def set_label(title: str) -> str:
    """The name of a set of images in a table."""
    prior = title.removeprefix(evaluation.samples_of(""))
    return title if prior == title else f"samples, {prior_label(prior)}"
