"""Write the results page from the recorded files: `python -m pages.results` writes book/results.md and its pictures.

Every record is optional. A section is written if its record exists, and the end of the page lists the missing ones. The
records are:

    vaelib/shipped/NAME/     config.toml, history.csv, metrics.json and three pictures, by `vaelib train`, `vaelib
                             evaluate` and release/ship.py; where there are weights, also the statistics, which
                             hold the gains of the sharpener, and samples-sharpened.webp
    benchmarks/recorded/
        celeba-sample.csv    the images of CelebA that the runs were trained and measured on, for people
        throughput-*.json    by benchmarks/throughput.py
        ablation.json        by benchmarks/ablation.py
        pythae-quality.json  by benchmarks/pythae_quality.py
        sharpening.json      by benchmarks/sharpening.py
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pages import benchmarks, edits, models, sharpening
from pages.markdown import BOOK, number, write_page
from pages.records import RECORDED, SHIPPED, RunRecord, Sources, read_sources
from vaelib.runs import evaluation
from vaelib.support.errors import run_program

PAGE, PICTURES = BOOK / "results.md", BOOK / "_static" / "results"
MAIN, AUTOENCODER, COMMON_RECIPE = "celeba64", "celeba64-ae", "celeba64-common-recipe"

JPEG_COPIES = (
    "The images were JPEG copies of CIFAR-10's, so the last digits do not compare with figures on the originals."
)

HEAD = """% Written by pages/results.py from the recorded files. Do not edit: make results

# Results

How good the trained models are, what they paint, and how fast they train. Nothing here was typed by hand: `make
results` writes this page from what `vaelib train`, `vaelib evaluate` and the benchmarks have recorded in
`vaelib/shipped` and `benchmarks/recorded`. Figures are rounded to three significant digits; the records have more. No
image of a dataset is shown: whatever looks like a photograph was painted by a model. What each model paints is in the
{doc}`gallery`.

The models of CelebA were trained on a sample of it, 22,000 of the 162,770 training images, and measured on 2,000 of the
19,867 validation images; `benchmarks/recorded/celeba-sample.csv` lists them, and {ref}`setup-data` says how to use the
list. With all of CelebA the same commands train on more images and are measured on others: expect other figures.

A Fréchet distance has no unit and depends on the crop, the split, the number of images and above all on the features,
so each table states them. Compare within a column, and not with published FIDs. *Precision* is the share of images that
lie among held-out ones, *recall* the share of held-out images that lie among these, where the k-th neighbour tells how
far "among" reaches. *Memorisation* is the median distance of an image to its nearest training image, divided by that of
a held-out image: far below 1, samples would be copies."""


def main() -> None:
    """Write the page and its pictures."""
    run_program("results", lambda: write(read_sources(SHIPPED, RECORDED), PAGE, PICTURES))


def write(sources: Sources, page: Path, pictures: Path) -> None:
    """Write the page, and its pictures into a folder of their own."""
    write_page(partial(blocks, sources), page, pictures)


def blocks(sources: Sources, pictures: Path) -> list[str]:
    """The paragraphs, tables and figures of the page."""
    celeba = sources.of("celeba")
    main, recipe = sources.run(MAIN), sources.run(COMMON_RECIPE)
    return [
        HEAD,
        *brief(sources),
        *models.four_ways(sources.run(AUTOENCODER), main, pictures),
        *section("Faces: the models side by side", models.side_by_side(celeba, "celeba")),
        *sharpening.section(celeba, main, recipe, pictures),
        *sharpening.judges(sources.sharpening),
        *benchmarks.pythae(sources.pythae),
        *models.rate_distortion(celeba, pictures),
        *benchmarks.ablation(sources.ablation),
        *edits.edits(celeba, main, pictures),
        *section("CIFAR-10", of_dataset(sources.of("cifar10"), "cifar10", JPEG_COPIES)),
        *section("Drawn faces", of_dataset(sources.of("faces"), "faces")),
        *section("Drawn objects", of_dataset(sources.of("objects"), "objects")),
        *edits.classifier(sources.classifier, pictures),
        *benchmarks.throughput(sources.throughput),
        *missing(sources),
    ]


def of_dataset(runs: list[RunRecord], dataset: str, *notes: str) -> list[str]:
    """Notes on a dataset, then its tables: of images as they are decoded, and sharpened. Nothing without a run."""
    tables = [*models.side_by_side(runs, dataset), *sharpening.of_dataset(runs, dataset)]
    return [*notes, *tables] if tables else []


def section(title: str, content: list[str]) -> list[str]:
    """The content under its title; nothing if there is no content."""
    return [f"## {title}", *content] if content else []


def brief(sources: Sources) -> list[str]:
    """The numbers that matter most, one line each."""
    run, recipe = sources.run(MAIN), sources.run(COMMON_RECIPE)
    lines = []
    if run and run.evaluation:
        lines += [nearness(run), *([against(run, recipe)] if recipe and recipe.evaluation else [])]
        lines += sharpening.in_brief(run, recipe)
        lines += benchmarks.against_pythae(sources.pythae)
        lines += edit_lines(run)
    return ["## In brief", "\n".join(f"- {line}" for line in lines)] if lines else []


def best_distance(run: RunRecord, features: str) -> float:
    """The Fréchet distance of the samples from the best fitted prior."""
    return run.distance(features, evaluation.samples_of(run.fitted(features)))


def nearness(run: RunRecord) -> str:
    """The distance of samples relative to that of reconstructions, which is the best that the decoder can do."""
    features = run.main_features
    best, reconstructions = best_distance(run, features), run.distance(features, evaluation.RECONSTRUCTIONS)
    normal = run.distance(features, evaluation.samples_of("normal"))
    return (
        f"Samples of `{run.name}` from its best prior ({models.prior_label(run.fitted(features))}) are "
        f"{number(best / reconstructions)} times as far from held-out faces as its own reconstructions are, those from "
        f"N(0, I) {number(normal / reconstructions)} times ({{numref}}`tab-results-celeba-{features}`)."
    )


def against(run: RunRecord, recipe: RunRecord) -> str:
    """The distance of its samples relative to that of the common recipe's."""
    times = best_distance(run, run.main_features) / best_distance(recipe, run.main_features)
    return f"They are {number(times)} times as far as the best samples of the widely copied recipe, `{recipe.name}`."


def edit_lines(run: RunRecord) -> list[str]:
    """The best edit of each attribute that leaks little."""
    measured = run.evaluation.get("edits", {})
    best = {name: edits.best_edit(edit) for name, edit in measured.items()}
    return [
        f"Adding *{name.replace('_', ' ')}* at strength {found['strength']} succeeds for {found['success']} of "
        f"{measured[name]['faces']} held-out faces, with a leakage of {found['leakage']} "
        "({numref}`tab-results-edits`)."
        for name, found in best.items()
        if found
    ]


def missing(sources: Sources) -> list[str]:
    """The list of missing records."""
    lines = "\n".join(f"- {line}" for line in sources.missing)
    return ["## What is not here", lines] if lines else []


if __name__ == "__main__":
    main()
