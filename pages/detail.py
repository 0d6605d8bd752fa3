"""The part of the results page about detail: what the pixel flow does to samples, and what both networks say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pages import plots
from pages.markdown import PICTURES, figure, number, table, with_error
from pages.models import FEATURES, protocol
from pages.records import DETAILED_SAMPLES, SAMPLES, RunRecord, Sources
from pages.sharpening import NETWORKS, best_samples, set_label
from vaelib.runs import evaluation


def section(runs: Sequence[RunRecord], sources: Sources, pictures: Path) -> list[str]:
    """Samples with detail, and their metrics beside those of plain ones; nothing if no run has them.

    Then what `sources` has of solver steps and temperature, of readers, of the flow's choices, and of a longer fit.
    """
    measured = [run for run in runs if run.compared and run.detailed]
    if not measured:
        return []
    shown = [run for run in measured if run.has(DETAILED_SAMPLES)]
    return [
        "## With detail",
        "A *pixel flow* draws one of the images that a code could stand for, instead of their mean. It starts from the "
        "decoded image plus a little noise, and was trained after the model, which it does not change. "
        "{doc}`../notebooks/12-faces-like-photographs` derives it. "
        f"{' '.join(cost(run) for run in measured)}",
        *([samples_figure(shown, pictures)] if shown else []),
        f"{' '.join(finding(run) for run in measured)} (A draw is farther from its original than the mean.) "
        "{numref}`tab-results-detail` has the distances.",
        detail_table(measured),
        *(settings(sources.detail) if sources.detail else []),
        *(verdicts(sources.by_eye) if sources.by_eye else []),
        *(choices(sources.pixel_flow) if sources.pixel_flow else []),
        *(longer(sources.continued, measured) if sources.continued else []),
    ]


def cost(run: RunRecord) -> str:
    """What the fit of the pixel flow was given, and how long it took."""
    fit = run.run.metrics["detail"]
    return (
        f"That of `{run.name}` was fitted to {fit['images']:,} images in {fit['steps']:,} steps"
        f"{f', starting from that of `{start}`' if (start := fit.get('start')) else ''}, "
        f"{number(fit['seconds'] / 60)} minutes on {fit['hardware']}.{f' {note}' if (note := fit.get('note')) else ''}"
    )


def samples_figure(runs: Sequence[RunRecord], pictures: Path) -> str:
    """The figure with a row of plain samples and a row of the same samples with detail, for each run."""
    rows = {
        f"{run.name},\n{label}": (run, picture)
        for run in runs
        for label, picture in (("plain", SAMPLES), ("with detail", DETAILED_SAMPLES))
    }
    plots.save(plots.sample_rows(rows), pictures / "detail.webp")
    commands = [f"`vaelib generate {run.place} --prior {run.fitted(run.main_features)}`" for run in runs]
    return figure(
        "fig-results-detail",
        f"{PICTURES}/detail.webp",
        f"Rows of faces that {' and '.join(run.name for run in runs)} generated: smooth and blurred ones, and below "
        "each the same face with single strands of hair, skin and crisp contours.",
        "Samples as decoded, each row above the same with detail. No one shown exists, and none was selected. "
        f"More: {' and '.join(commands)}; `--finish plain` leaves the detail out.",
        width=780,
    )


def finding(run: RunRecord) -> str:
    """How much nearer to photographs both networks find the sets of a run with detail, and what it costs."""
    reconstructions, samples = (
        " and ".join(number(ratio(run, name, title)) for name in NETWORKS)
        for title in (evaluation.RECONSTRUCTIONS, best_samples(run))
    )
    lost = run.evaluation["psnr"] - run.detailed.evaluation["psnr"]
    return (
        f"Samples of `{run.name}` with detail are {samples} times as far from photographs as plain ones, in the "
        f"features of {FEATURES[NETWORKS[0]]} and of {FEATURES[NETWORKS[1]]}; reconstructions are {reconstructions} "
        f"times as far, and their PSNR falls by {number(lost)} dB."
    )


def ratio(run: RunRecord, features: str, title: str) -> float:
    """The Fréchet distance of a set with detail, divided by that of the plain set."""
    plain, detailed = (of.estimate("frechet", features, title)[0] for of in (run, run.detailed))
    return detailed / plain


def detail_table(runs: Sequence[RunRecord]) -> str:
    """Precision, recall, memorisation and both distances of samples, plain and with detail."""
    rows = []
    for run in runs:
        for title in (evaluation.RECONSTRUCTIONS, best_samples(run)):
            for finish, record in (("plain", run), ("detail", run.detailed)):
                measured = record.evaluation
                scores = [score(measured["precision_recall"], key, title) for key in ("precision", "recall")]
                distances = [with_error(*record.estimate("frechet", name, title)) for name in NETWORKS]
                copies = score(measured.get("memorisation", {}), "ratio", title)
                rows.append([f"`{run.name}`", set_label(title), finish, *distances, *scores, copies])
    caption = (
        "The same images, plain and with detail: Fréchet distances to held-out images in the features of both networks "
        "(smaller is nearer), precision, recall and memorisation (1: as far from training images as held-out images "
        f"are), ± one standard error. {protocol(runs)}. Repeat a row: `vaelib evaluate NAME`, with the extra "
        "`evaluate` installed."
    )
    header = ["model", "images", "finish", "attributes", "ImageNet", "precision", "recall", "memorisation"]
    return table("tab-results-detail", caption, header, rows, words=3)


def settings(record: dict) -> list[str]:
    """What the number of the solver's steps and the temperature of the samples change."""
    rows = [
        [
            set_label(of["set"]),
            of["finish"],
            str(of.get("solver_steps", "")),
            str(of.get("temperature", "")),
            *(with_error(*of["frechet"][name]) for name in record["features"]),
            *(with_error(*of[key]) for key in ("precision", "recall")),
        ]
        for of in record["sets"]
    ]
    count = record["protocol"]["images"]
    caption = (
        f"Images of `{record['run']}` by the number of the solver's steps and the temperature of the samples: Fréchet "
        f"distances in the features of both networks, precision and recall, ± one standard error; {count:,} held-out "
        f"images, so compare within this table only. Repeat it: `python -m benchmarks.detail --images {count}`, with "
        "the extra `evaluate` installed."
    )
    header = ["images", "finish", "steps", "temperature", "attributes", "ImageNet", "precision", "recall"]
    return [
        "One step of the solver leads back to a mean. More steps come nearer to photographs, and each costs a pass of "
        "the network. A *temperature* below 1 multiplies the noise that samples start from. It makes single samples "
        "more regular, and the set of samples less varied: recall falls, and the distances grow "
        "({numref}`tab-results-detail-settings`).",
        table("tab-results-detail-settings", caption, header, rows, words=1),
    ]


def choices(record: dict) -> list[str]:
    """What each choice in the pixel flow contributes, one table for each number of training steps."""
    about = {run["variant"]: run["about"] for run in record["runs"]}
    steps = sorted({run["steps"] for run in record["runs"]})
    names = ["tab-results-pixel-flow", *(f"tab-results-pixel-flow-{count}" for count in steps[1:])]
    return [
        "What does each choice in the pixel flow contribute? Every variant was fitted from new weights in equally many "
        "steps, far fewer than the shipped flow had. So the table shows what a choice is worth at the beginning. The "
        "first form of the network saw the decoded image beside the moving one. It had more to do: it had to draw from "
        "the photographs that fit *this* image. With the decoded image hidden, both networks find the pictures nearer, "
        "and these cost less squared error. Neither more noise nor attention nor more blocks, which make a step "
        f"longer, showed such a gain.{earlier(record['runs'])}",
        "\n".join(f"- *{name}*: {text}." for name, text in about.items()),
        *(
            choices_table(name, [run for run in record["runs"] if run["steps"] == count])
            for name, count in zip(names, steps, strict=True)
        ),
    ]


def earlier(made: Sequence[dict]) -> str:
    """Which fits are of an earlier form of the flow, and where its code is; nothing if none is."""
    commits = sorted({run["commit"] for run in made if "commit" in run})
    if not commits:
        return ""
    return (
        " All rows whose name says *decoded image* are of earlier forms, with more noise than the present one, and are "
        f"repeated by the code of commit {' or '.join(f'`{commit}`' for commit in commits)}."
    )


def choices_table(name: str, runs: Sequence[dict]) -> str:
    """A row for each fit: its cost, PSNR, and the distances of reconstructions in both networks."""
    networks = list(runs[0]["quality"]["frechet"])
    rows = [
        [
            run["variant"],
            str(run["seed"]),
            number(run["seconds"] / 60) if run["seconds"] else "–",
            number(run["quality"]["psnr"]),
            *(with_error(*run["quality"]["frechet"][network]) for network in networks),
            with_error(*run["quality"]["recall"]),
        ]
        for run in runs
    ]
    steps, images, trained = runs[0]["steps"], runs[0]["quality"]["images"], runs[-1]["train_images"]
    seeds = sorted({run["seed"] for run in runs})
    caption = (
        f"Reconstructions of {images:,} held-out images by `celeba64`, finished in several ways. Flows were fitted in "
        f"{steps:,} steps to {trained:,} images. Minutes are those of the fit "
        f"({runs[-1]['hardware']}); Fréchet distances are from other held-out images, ± one standard error "
        f"over images. Repeat it: `python -m benchmarks.pixel_flow --steps {steps} --images {images} --seeds "
        f"{' '.join(map(str, seeds))}`, with the extra `evaluate` installed."
    )
    header = ["variant", "seed", "minutes", "PSNR, dB", "attributes", "ImageNet", "recall"]
    return table(name, caption, header, rows, words=1)


def longer(record: dict, measured: Sequence[RunRecord]) -> list[str]:
    """What became of a shipped flow that was trained on; nothing if its run is not among those that are measured."""
    run = next((run for run in measured if run.name == record["run"]), None)
    if not run:
        return []
    later = [replace(run.detailed, evaluation=of["evaluation"]) for of in record["fits"]]
    made = [run.detailed, *later]
    losses = [fit["losses"] for fit in (run.run.metrics["detail"], *(of["fit"] for of in record["fits"]))]
    samples = best_samples(run)
    distances = [
        [f"{set_label(title)}: {FEATURES[name]}", *(with_error(*of.estimate("frechet", name, title)) for of in made)]
        for title in (evaluation.RECONSTRUCTIONS, samples)
        for name in NETWORKS
    ]
    rows = [
        ["loss × 1000", *(number(1000 * of[-1]) for of in losses)],
        ["PSNR, dB", *(number(of.evaluation["psnr"]) for of in made)],
        *distances,
        ["recall of samples", *(score(of.evaluation["precision_recall"], "recall", samples) for of in made)],
    ]
    header = ["", "as shipped", *(of["about"] for of in record["fits"])]
    caption = (
        f"The pixel flow of `{run.name}`, and the same flow after more training: the loss of its last steps, and what "
        "`vaelib evaluate` measures (Fréchet distances in the features of two networks). Repeat it: `vaelib refine RUN "
        f"--steps {record['fits'][0]['fit']['steps']} --start {run.name}`, where RUN is a copy of the shipped folder, "
        f"then the same with {record['fits'][1]['fit']['steps']:,} steps on the photographs of "
        "`benchmarks/recorded/celeba-sample-more.csv` alone."
    )
    return [
        "Would a longer fit help? The loss went on falling, but neither network finds the pictures clearly nearer "
        "({numref}`tab-results-detail-longer`). The last steps saw only photographs that the model itself had not been "
        "trained on. It reconstructs its training images with less error than new ones, so these are the pairs that a "
        "new face gives, and their loss is larger. This did not help either, so the shipped flow is the shorter one.",
        table("tab-results-detail-longer", caption, header, rows),
    ]


def verdicts(record: dict) -> list[str]:
    """What readers said of single pictures, who did not know what they saw."""
    rows = [
        [
            f"`{of['run']}`",
            of["set"],
            of["finish"] or "",
            str(of["temperature"] or ""),
            *(", ".join(map(str, of[verdict])) for verdict in record["verdicts"]),
        ]
        for of in record["sets"]
    ]
    caption = (
        f"How many of {record['images']} pictures of each kind two readers called plausible, blurred and broken. None "
        f"was selected (seed {record['seed']}). The readers saw all pictures mixed and at one size, without a name. "
        "Photographs and reconstructions are of held-out faces, each of others. Repeat it: "
        "`python -m benchmarks.by_eye sheets FOLDER`."
    )
    header = ["model", "pictures", "finish", "temperature", *record["verdicts"]]
    return [
        "A distance compares sets, and says nothing of a single face. Two readers looked at each picture and were "
        f"asked: *{record['question']}* All photographs were called plausible. Plain samples are called blurred, and "
        "few of them broken. With detail about half are plausible and half are broken: either blur hid their faults, "
        "or the draw made them. Reconstructions with detail, whose codes are those of photographs, break in about half "
        "of the cases, too. So a better prior would not be enough. At temperature 0.7 the faces are more regular, and "
        "more than seven in ten are plausible ({numref}`tab-results-by-eye`).",
        table("tab-results-by-eye", caption, header, rows, words=3),
    ]


def score(measured: dict, key: str, title: str) -> str:
    """A score of a set of images with its error."""
    return with_error(measured.get(key, {}).get(title), measured.get(f"{key}_error", {}).get(title))
