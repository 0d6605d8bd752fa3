"""The sections of the results page about edits, and about the attribute classifier that measures them."""

from __future__ import annotations

from pathlib import Path

from pages import plots
from pages.markdown import PICTURES, figure, in_words, number, percent, percent_with_error, table, with_error
from pages.models import protocol
from pages.records import CLASSIFIER, RunRecord

# Edits


def edits(runs: list[RunRecord], main: RunRecord | None, pictures: Path) -> list[str]:
    """Success and leakage of edits: against their strength for `main`, and at the best strength for every run."""
    edited = [run for run in runs if run.evaluation.get("edits")]
    main = main if main in edited else next(iter(edited), None)
    if main is None:
        return []
    plots.save(plots.edits(main), pictures / "edits.png")
    measured = main.evaluation["edits"]
    faces = max(edit["faces"] for edit in measured.values())
    known = {
        name: edit["classifier_accuracy"] for name, edit in measured.items() if edit["classifier_accuracy"] is not None
    }
    accuracies = ", ".join(f"{name} {100 * accuracy:.1f} %" for name, accuracy in known.items())  # as on the card
    return [
        "## Edits",
        "An edit adds a multiple of an attribute's direction to the code of a face. It succeeds if the attribute "
        "classifier, which had no part in training the model, then sees the attribute. Its leakage is the absolute "
        "change in the probabilities of all other attributes, on average. "
        f"{{numref}}`fig-results-edits` shows `{main.name}`; {{numref}}`tab-results-edits` gives, for every model, the "
        f"edit that succeeds most often among those with a leakage under {plots.LEAKAGE:g}.",
        figure(
            "fig-results-edits",
            f"{PICTURES}/edits.png",
            f"Success and leakage against strength. {described(measured)}",
            f"Edits of `{main.name}` on up to {faces} held-out faces without the attribute. The classifier's own "
            f"accuracy on the labels: {accuracies}. Dotted: leakage {plots.LEAKAGE:g}. {protocol([main])}. "
            f"Repeat it: `vaelib evaluate {main.place}`; trained by `{main.command}` ({main.cost}).",
            width=780,
        ),
        edits_table(edited),
        *sharpened_edits([run for run in edited if run.sharpened and run.evaluation["sharpened"].get("edits")]),
    ]


def described(measured: dict) -> str:
    """The values at both ends of each curve, in words."""
    return " ".join(
        f"{name}: from {percent(edit['success'][0])} and {number(edit['leakage'][0])} at strength "
        f"{edit['strengths'][0]:g} to {percent(edit['success'][-1])} and {number(edit['leakage'][-1])} at "
        f"{edit['strengths'][-1]:g}."
        for name, edit in measured.items()
    )


def edits_table(runs: list[RunRecord]) -> str:
    """For every attribute and model, the most successful edit among those that leak little."""
    attributes = list(dict.fromkeys(name for run in runs for name in run.evaluation["edits"]))
    nothing = {"most": "every strength leaks more", "strength": "–", "success": "–", "leakage": "–"}
    rows = [
        [f"`{run.name}`", attribute, *(best_edit(run.evaluation["edits"][attribute]) or nothing).values()]
        for attribute in attributes
        for run in runs
        if attribute in run.evaluation["edits"]
    ]
    caption = (
        f"Edits with a leakage under {plots.LEAKAGE:g}: of the strengths that were tried, the one that succeeds most "
        f"often; ± one standard error over faces. {protocol(runs)}. Repeat a row: `vaelib evaluate NAME`."
    )
    header = ["model", "attribute", "what changes most beside it", "strength", "success", "leakage"]
    return table("tab-results-edits", caption, header, rows, words=3)


def best_edit(edit: dict) -> dict[str, str] | None:
    """The best edit that leaks little, and the attribute that it changes most otherwise; None if all leak more."""
    allowed = [i for i, leakage in enumerate(edit["leakage"]) if is_little(leakage)]
    if not allowed:
        return None
    best = max(allowed, key=lambda i: edit["success"][i])
    most, errors = edit["most_changed"][best], {key: edit.get(f"{key}_error") for key in ("success", "leakage")}
    success, leakage = ((edit[key][best], of and of[best]) for key, of in errors.items())
    return {
        "most": f"{most['attribute']} ({number(most['change'])})",
        "strength": f"{edit['strengths'][best]:g}",
        "success": percent_with_error(*success),
        "leakage": with_error(*leakage),
    }


def sharpened_edits(runs: list[RunRecord]) -> list[str]:
    """The best edit of every attribute and model after sharpening; nothing if no run was measured that way."""
    if not runs:
        return []
    attributes = list(dict.fromkeys(name for run in runs for name in run.sharpened.evaluation["edits"]))
    rows = [
        [f"`{run.name}`", *(edit_cell(run.sharpened.evaluation["edits"].get(name)) for name in attributes)]
        for run in runs
    ]
    caption = (
        f"Edits after sharpening, of those with a leakage under {plots.LEAKAGE:g} the one that succeeds most "
        "often: its success (strength, leakage); a dash where every strength leaks more. "
        f"{protocol(runs)}. Repeat a row: `vaelib evaluate NAME`."
    )
    return [
        f"Edited faces can be sharpened too ({{numref}}`tab-results-edits-sharpened`). {edits_finding(runs)}",
        table("tab-results-edits-sharpened", caption, ["model", *attributes], rows),
    ]


def edit_cell(edit: dict | None) -> str:
    """Success, strength and leakage of the best edit that leaks little."""
    best = best_edit(edit) if edit else None
    return "{success} ({strength}, {leakage})".format(**best) if best else "–"


def edits_finding(runs: list[RunRecord]) -> str:
    """A comparison of sharpened with plain edits: success and leakage, at equal strength and under the same limit."""
    pairs = [
        (run.evaluation["edits"][name], edit)
        for run in runs
        for name, edit in run.sharpened.evaluation["edits"].items()
        if name in run.evaluation["edits"]
    ]
    count = sum(len(sharp["strengths"]) for _, sharp in pairs)
    succeed, leak = (
        sum(after >= before for plain, sharp in pairs for before, after in zip(plain[key], sharp[key], strict=True))
        for key in ("success", "leakage")
    )
    fewer = sum(best_success(sharp) < best_success(plain) for plain, sharp in pairs)
    return (
        f"At equal strength {succeed} of {count} sharpened edits succeed at least as often as the plain ones, "
        f"and {leak} leak at least as much. Under the limit of leakage, the best sharpened edit succeeds less often "
        f"than the best plain one in {fewer} of {len(pairs)} cases."
    )


def best_success(edit: dict) -> float:
    """The success of the best edit that leaks little; 0 if every strength leaks too much."""
    allowed = [success for success, leakage in zip(edit["success"], edit["leakage"], strict=True) if is_little(leakage)]
    return max(allowed, default=0.0)


def is_little(leakage: float) -> bool:
    """Whether an edit may change the other attributes by that much."""
    return leakage < plots.LEAKAGE


# The attribute classifier


def classifier(record: dict | None, pictures: Path) -> list[str]:
    """The accuracy of the attribute classifier; nothing without its record."""
    if record is None:
        return []
    measured, training = record["evaluation"], record["training"]
    attributes = measured["attributes"]
    plots.save(plots.classifier_accuracies(attributes), pictures / "attributes.png")
    behind = [name for name, facts in attributes.items() if facts["accuracy"] < facts["majority"]]
    lost = f" It does worse than that on {in_words(behind)}." if behind else ""
    best, worst = (pick(attributes, key=lambda name: attributes[name]["accuracy"]) for pick in (max, min))
    command = f"python -m release.train_classifier --epochs {training['epochs']} --seed {training['seed']}"
    return [
        "## The attribute classifier",
        f"The attribute classifier predicts CelebA's {len(attributes)} attributes; its last features are those of the "
        f"distances above. Its accuracy on the labels of {measured['images']:,} validation images is "
        f"{percent(measured['mean_accuracy'])}, on average over the attributes. Always giving the more frequent value "
        f"has an accuracy of {percent(measured['mean_majority'])}.{lost}",
        figure(
            "fig-results-attributes",
            f"{PICTURES}/attributes.png",
            f"The accuracy for each of {len(attributes)} attributes beside that of the more frequent answer; from "
            f"{percent(attributes[worst]['accuracy'])} for {worst} to {percent(attributes[best]['accuracy'])} for "
            f"{best}.",
            f"Accuracy of `{CLASSIFIER}` on {measured['images']:,} validation images of CelebA, sorted by what it "
            f"gains over the more frequent answer. Repeat it: `{command}`; {training['images']:,} training images, "
            f"{training['hardware']}, torch {training['versions']['torch']}, seed {training['seed']}, "
            f"{training['seconds'] / 60:.0f} min.",
            width=780,
        ),
    ]
