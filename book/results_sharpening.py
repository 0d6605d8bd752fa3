"""The parts of the results page about what the models paint once it is sharpened."""

from __future__ import annotations

from pathlib import Path

import results_figures as figures
from results_markdown import PICTURES, figure, in_words, number, table
from results_models import DATASETS, FEATURES, grouped, prior_label, setting, variety_pair
from results_records import Record
from torch import Tensor

from vaelib import checkpoints, comparison
from vaelib.runs import SHARPENED_ON

PICTURE = "samples-sharpened.webp"
ARROW = " → "


def best_samples(run: Record) -> str:
    """The name of the samples that came nearest to the held-out images."""
    return comparison.samples_of(run.evaluation["best_prior"])


def best_distance(run: Record, features: str) -> float:
    """The Fréchet distance of the samples from the best prior."""
    return run.distance(features, best_samples(run))


# In brief


def in_brief(run: Record, recipe: Record | None) -> list[str]:
    """How near sharpened samples come to what the decoder can do, and to those of the common recipe."""
    sharp, features = run.sharpened, run.main_features
    if sharp is None:
        return []
    times = best_distance(sharp, features) / sharp.distance(features, comparison.RECONSTRUCTIONS)
    line = (
        f"Sharpened, samples of `{run.name}` from its best prior ({prior_label(sharp.evaluation['best_prior'])}) are "
        f"{number(times)} times as far from held-out faces as its sharpened reconstructions are, and "
        f"{number(best_distance(sharp, features) / best_distance(run, features))} times as far as they were before "
        "({numref}`tab-results-celeba-sharpened`)."
    )
    return [line, *([against(sharp, recipe)] if recipe and recipe.evaluation else [])]


def against(sharp: Record, recipe: Record) -> str:
    """How sharpened samples stand beside the best of the common recipe, plain and sharpened."""
    features = sharp.main_features
    ours, theirs = (best_distance(run, features) for run in (sharp, recipe))
    plain = f"They are {number(ours / theirs)} times as far as the best plain samples of `{recipe.name}`"
    if recipe.sharpened is None:
        return f"{plain}."
    sharpened = best_distance(recipe.sharpened, features)
    helps = "helps the common recipe, too" if sharpened < theirs else "does not help the common recipe"
    return f"{plain}, and {number(ours / sharpened)} times as far as its best sharpened ones: sharpening {helps}."


# The section


def section(runs: list[Record], main: Record | None, recipe: Record | None, pictures: Path) -> list[str]:
    """What sharpening is, what it does to samples, its gains, and the figures; nothing if no run was measured so."""
    measured = [run for run in runs if run.sharpened]
    if not measured:
        return []
    shown = [run for run in (main, recipe) if run and (run.folder / PICTURE).is_file()]
    return [
        "## Sharpened",
        "A decoder that is trained by squared error paints means, and a mean lacks power at high frequencies: it is "
        "blurred. Once the training is over, a *sharpener* gives that power back. It multiplies each spatial frequency "
        f"by one gain, fitted to the power of {SHARPENED_ON:,} training images over that of their reconstructions, and "
        "changes no weight. {doc}`../notebooks/10-evaluating-and-beyond` derives it.",
        f"It pays in squared error for looking real. {price(measured)} A smaller Fréchet distance alone proves little "
        "here, since the attribute network also likes white noise, as that chapter shows: look at the pictures, and "
        "ask other judges. All figures on this page are of images as the decoder paints them, unless they are said to "
        "be sharpened. `vaelib generate` and its like sharpen; with `--plain` they do not.",
        *([samples_figure(shown, pictures)] if shown else []),
        *gains_figure(measured, pictures),
        sharpened_table(measured, "celeba"),
    ]


def price(runs: list[Record]) -> str:
    """What sharpening costs in squared error, at least and at most."""
    costs = [run.sharpened.evaluation["mse"] / run.evaluation["mse"] for run in runs]
    lost = [run.evaluation["psnr"] - run.sharpened.evaluation["psnr"] for run in runs]
    return (
        f"In these records the squared error of reconstructions grows to {span(costs)} times what it was, and their "
        f"PSNR falls by {span(lost)} dB."
    )


def span(values: list[float]) -> str:
    """The smallest and the largest, or the one that both are."""
    return "–".join(dict.fromkeys(map(number, (min(values), max(values)))))


def samples_figure(runs: list[Record], pictures: Path) -> str:
    """A row of samples as they are, and one of the same sharpened, for each run."""
    rows = {
        run.name.removeprefix("celeba64-").replace("-", "\n") + f",\n{label}": (run, picture)
        for run in runs
        for label, picture in (("plain", "samples.webp"), ("sharpened", PICTURE))
    }
    figures.save(figures.sample_rows(rows), pictures / "sharpened.png")
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


def gains_figure(runs: list[Record], pictures: Path) -> list[str]:
    """The gains of those runs whose weights are here, side by side."""
    gains = {run.name: found for run in runs if (found := gains_of(run)) is not None}
    if not gains:
        return []
    sizes = {run.name: run.experiment.size for run in runs}
    figures.save(figures.gains(gains, sizes), pictures / "gains.png")
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


def gains_of(run: Record) -> Tensor | None:
    """The gains (F,) in the statistics of a run; None where there are no weights or no gains."""
    if not (run.folder / checkpoints.MODEL).is_file():
        return None
    sharpener = checkpoints.load_statistics(run.folder).sharpener
    return sharpener.gains if sharpener else None


def of_dataset(runs: list[Record], dataset: str) -> list[str]:
    """The table alone, with a word on what it can tell."""
    measured = [run for run in runs if run.sharpened]
    if not measured:
        return []
    told = f"{{numref}}`tab-results-{dataset}-sharpened` has the figures of the same images, sharpened."
    if measured[0].main_features == "pixels":
        told += " Components of the pixels hardly see fine detail: the pictures of the {doc}`gallery` tell more."
    return [told, sharpened_table(measured, dataset)]


def sharpened_table(runs: list[Record], dataset: str) -> str:
    """Every figure as the decoder paints, and after sharpening."""
    features = runs[0].main_features
    runs = [run for run in runs if run.main_features == features]
    rows = []
    for run in runs:
        cells = zip(*(sharpened_cells(which, features) for which in (run, run.sharpened)), strict=True)
        rows.append([f"`{run.name}`", *(arrowed(cell) if all(cell) else "" for cell in cells)])
    real = grouped(runs, lambda held_out: number(held_out["frechet"][features][comparison.TRAINING]))
    best, extractor = (grouped(runs, describe) for describe in (best_prior, lambda of: of["features"][features]))
    caption = (
        f"As the decoder paints{ARROW}sharpened: PSNR of reconstructions; Fréchet distances, as seen by "
        f"{FEATURES[features]}, of reconstructions (rec.) and of samples from the best prior ({best}), and their "
        f"ratio; precision, recall and memorisation of those samples. Training images of {DATASETS[dataset]} are at "
        f"{real}. Extractor: {extractor}. {setting(runs)}. Repeat a row: `vaelib evaluate NAME`."
    )
    header = ["model", "PSNR, dB", "rec.", "samples", "samples / rec.", "precision", "recall", "memorisation"]
    known = [i for i in range(len(header)) if any(row[i] for row in rows)]
    header, *rows = ([row[i] for i in known] for row in (header, *rows))
    return table(f"tab-results-{dataset}-sharpened", caption, header, rows)


def arrowed(cell: tuple[str, ...]) -> str:
    """Plain → sharpened, to be broken nowhere but before the arrow."""
    return " →\u00a0".join(value.replace(" ", "\u00a0") for value in cell)


def best_prior(held_out: dict) -> str:
    """The prior whose samples came nearest, plain and sharpened; once if it is the same."""
    best = (part["best_prior"] for part in (held_out, held_out["sharpened"]))
    return ARROW.join(dict.fromkeys(map(prior_label, best)))


def sharpened_cells(run: Record, features: str) -> list[str]:
    """A row of `sharpened_table` for one of the two, without the name."""
    held_out, title = run.evaluation, best_samples(run)
    reconstructions, samples = run.distance(features, comparison.RECONSTRUCTIONS), best_distance(run, features)
    copies = held_out.get("memorisation", {}).get("ratio", {}).get(title)
    return [
        *map(number, (held_out["psnr"], reconstructions, samples, samples / reconstructions)),
        *variety_pair(held_out, title),
        number(copies),
    ]
