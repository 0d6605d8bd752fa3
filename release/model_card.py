"""The model card of a shipped folder, README.md: a head of YAML that the Hugging Face hub reads, and text for people.

python -m release.model_card vaelib/shipped/*      writes the cards again, from the records in the same folders
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData

from release.pictures import ANIMATION, DETAILED, SHARPENED, best_prior
from vaelib import runs
from vaelib.runs import Run, classifier, report
from vaelib.runs.experiments import Experiment
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write

CARD = "README.md"
OWN = "own"  # images that are none of the library's datasets

TEXT = """# {name}

{about}

**Model.** {model} of vaelib, {size} x {size} pixels, {latent_dim} latent dimensions, channels {channels}, likelihood
{likelihood}{beta}. {files}

**Data.** {data}

**Training.** {epochs} epochs in {seconds:.0f} s on {hardware}; seed {seed}, torch {torch}.{note} All settings are in
`config.toml`, every epoch in `history.csv`. Repeat it: `vaelib train {name} --set epochs={epochs}`.{detail}

**Metrics.** {{evaluation}}

**Pictures.** Made by the model alone, as decoded, without any filter: `samples.webp` from the prior `{prior}`,
`samples-normal.webp` from N(0, I), `reconstructions.webp` of held-out images, which are not shown, and
`interpolations.webp` between them.{sharpened}{detailed}{animation}

![samples from {prior}](samples.webp) ![samples from N(0, I)](samples-normal.webp)
![reconstructions](reconstructions.webp) ![interpolations](interpolations.webp)

**Use.** Teaching and research on generative models. {ethics}

**Licence.** {licence}
"""

CLASSIFIER_TEXT = """# {name}

Predicts CelebA's 40 attributes: it measures edits of faces, and its features are those of distances that `vaelib
evaluate` computes.

**Model.** Convolutions that halve the image ({channels} channels), the mean of each channel, one linear layer;
its {features} inputs are the features. Images of {size} x {size} pixels, larger ones are resized to that. Weights in
float16 (`model.safetensors`), a file that cannot run code.

**Data.** {data}

**Training.** {epochs} epochs in {seconds:.0f} s on {hardware}; seed {seed}, torch {torch}. Every epoch in
`history.csv`. Repeat it: `python -m release.train_classifier --epochs {epochs} --seed {seed}`.

**Accuracy.** {accuracy:.1f} % on the labels of the validation images, on average over the attributes; always giving the
more frequent value has an accuracy of {majority:.1f} %. Each attribute is in `metrics.json`.

**Use.** Comparing models of faces in teaching and research. The labels say what annotators thought they saw in pictures
of celebrities, who were never asked; most of these people are young, and rare attributes are learned worst. What the
network says is no fact about a person, and it must not be used to judge, sort or identify anyone. Distances in its
features can be compared with each other, not with published FIDs. They say what this network looks at: it finds
sharpened images nearer to photographs, where a network trained on ImageNet finds them farther.

**Licence.** {licence}
"""

FILES = (
    "Weights in float16 (`model.safetensors`); beside them the fitted priors, the attribute directions and the gains "
    "that sharpen its images (`statistics.safetensors`), and the codes of the first {codes:,} of the images that it "
    "was validated on, with their attributes (`codes.safetensors`). None of these files can run code."
)
RECORD = "Its weights are not shipped: this is the record of a run."
DATA = {
    "celeba": "{train} of the 162,770 images of CelebA's training partition (Liu et al. 2015), centre crop of 148 "
    "pixels resized to {size}; validated on {valid} of the 19,867 of its validation partition. The list is "
    "`benchmarks/recorded/celeba-sample.csv`. With all of CelebA, the same command trains on more images and is "
    "measured on others: expect other numbers.",
    "cifar10": "{train} of CIFAR-10's training images (Krizhevsky 2009), from JPEG copies of them; validated on "
    "{valid} others.",
    "faces": "{train} faces of {size} pixels that vaelib draws itself; validated on {valid} others.",
    "objects": "{train} objects of ten classes that vaelib draws itself; validated on {valid} others.",
    OWN: "{train} images of {size} pixels from a folder of its maker; validated on {valid} others.",
}
ETHICS = {
    "celeba": "The images show celebrities, who were never asked; a code decodes to a likeness of one of them, blurred "
    "or sharpened. They are no sample of people at large (three quarters of the training images are labelled Young), "
    "and the labels say what annotators thought they saw ('Attractive', 'Male'). The model repeats all of that. It is "
    "not fit to identify, judge or imitate a person, and an edit along an attribute's direction changes whatever goes "
    "along with that attribute in these data.",
    "cifar10": "Its samples are small and vague pictures, of no use outside of a lesson.",
    "faces": "No person was ever depicted: the faces are drawn from random numbers.",
    "objects": "Its samples are toys, of no use outside of a lesson.",
    OWN: "What it is fit for depends on its images, and so do its faults.",
}
LICENCE = {
    "celeba": "Non-commercial research only, as CelebA's terms ask.",
    "cifar10": "MIT, as the code.",
    "faces": "MIT, as the code.",
    "objects": "MIT, as the code.",
    OWN: "The one that the images' owner gives.",
}
# The licence in the form of the hub, and the name of the dataset if it is known outside of vaelib.
CELEBA_TERMS = {
    "license": "other",
    "license_name": "celeba-non-commercial-research-only",
    "license_link": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
}
HEAD = {
    "celeba": CELEBA_TERMS | {"datasets": ["celeba"]},
    "cifar10": {"license": "mit", "datasets": ["cifar10"]},
    "faces": {"license": "mit"},
    "objects": {"license": "mit"},
    OWN: {"license": "unknown"},
}
MEASURED = ("psnr", "bits_per_dim", "frechet", "precision_recall")  # the head names those that are in metrics.json


def main() -> None:
    """Write the cards of the folders that the command line names."""
    parser = argparse.ArgumentParser(description="Write model cards again, from the records in their folders.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    arguments = parser.parse_args()
    run_program("model_card", lambda: write_cards(arguments.folders))


def write_cards(folders: list[Path]) -> None:
    """Write the cards of runs and of attribute classifiers. Raises `UserError` for any other folder."""
    for folder in folders:
        run = Run(folder)
        if not run.has(runs.METRICS):
            raise UserError(f"{folder} holds no {runs.METRICS}: name folders that were shipped.")
        write_card(run, card(run) if run.has(runs.CONFIG) else classifier_card(run))


def write_card(run: Run, text: str) -> None:
    """Write README.md."""
    with atomic_write(run.path(CARD)) as partial:
        partial.write_text(text, encoding="utf-8")


def card(run: Run) -> str:
    """The model card of a shipped run, from its settings, its metrics and the files in its folder."""
    experiment, training = run.experiment, run.metrics["training"]
    dataset = experiment.dataset if experiment.dataset in DATA else OWN
    prior, has_sharpened = best_prior(run), run.has(SHARPENED)
    counts = {part: f"{training[f'{part}_images']:,}" for part in ("train", "valid")}
    text = TEXT.format(
        name=run.name,
        about=experiment.about,
        model=experiment.model,
        size=experiment.size,
        latent_dim=experiment.latent_dim,
        channels=", ".join(map(str, experiment.channels)),
        likelihood=likelihood(experiment),
        beta=f", beta {experiment.beta:g}" if experiment.model == "VAE" else "",
        files=FILES.format(codes=len(run.codes.mu)) if run.has(runs.MODEL) else RECORD,
        data=DATA[dataset].format(size=experiment.size, **counts),
        prior=prior,
        ethics=ETHICS[dataset],
        licence=LICENCE[dataset],
        torch=training["versions"]["torch"],
        note=f" {training['note']}" if "note" in training else "",
        sharpened=f" `{SHARPENED}` has the samples after the sharpening filter." if has_sharpened else "",
        detailed=f" `{DETAILED}` has them with detail." if run.has(DETAILED) else "",
        detail=detail(run),
        animation=animation(run),
        **{key: training[key] for key in ("epochs", "seconds", "hardware", "seed")},
    )
    evaluation = run.metrics.get("evaluation", {})
    paragraphs = [textwrap.fill(part, 120, break_on_hyphens=False) for part in text.split("\n\n")]
    # The tables are inserted after the text is wrapped, because they must keep their lines.
    body = "\n\n".join(paragraphs).replace("{evaluation}", measured(evaluation)) + "\n"
    head = ModelCardData(
        library_name="vaelib",
        pipeline_tag="unconditional-image-generation",
        tags=["variational-autoencoder" if experiment.model == "VAE" else "autoencoder", "safetensors"],
        metrics=[name for name in MEASURED if name in evaluation] or None,
        **HEAD[dataset],
    )
    return with_head(head, body)


def likelihood(experiment: Experiment) -> str:
    """The name of the likelihood, and its sigma if that is a setting."""
    values = experiment.values()
    return values["likelihood"] + (f" (sigma {values['sigma']:.3g})" if "sigma" in values else "")


def detail(run: Run) -> str:
    """What the pixel flow was fitted to and what it cost, if there is one."""
    if not run.has(runs.DETAIL):
        return ""
    cost = run.metrics["detail"]
    note = f" {cost['note']}" if "note" in cost else ""
    start = f", starting from that of `{cost['start']}`" if cost.get("start") else ""
    return (
        f" The pixel flow (`{runs.DETAIL}`) was fitted to {cost['images']:,} images in {cost['steps']:,} steps{start}, "
        f"{cost['seconds'] / 60:.0f} minutes on {cost['hardware']}.{note}"
    )


def animation(run: Run) -> str:
    """A sentence about the animation, if there is one."""
    if not run.has(ANIMATION):
        return ""
    training = run.metrics["training"]
    if "animation" not in training:
        return f" `{ANIMATION}` shows the epochs."
    too = " The codes and the interpolations are that run's, too." if "codes" in training else ""
    epochs = int(training["animation"].split()[0])
    other = "another, shorter run" if epochs < training["epochs"] else "another run"
    return f" `{ANIMATION}` shows the epochs of {other} of the same experiment, {training['animation']}.{too}"


def measured(evaluation: dict) -> str:
    """The results of `vaelib evaluate`, as the command prints them."""
    if not evaluation:
        return "None were recorded: `vaelib evaluate` measures them."
    return f"By `vaelib evaluate`:\n\n```text\n{report.evaluation(evaluation)}\n```"


def classifier_card(run: Run) -> str:
    """The model card of the attribute classifier in a folder, from its metrics and its weights."""
    network = classifier.load(run.folder)
    training, evaluation = run.metrics["training"], run.metrics["evaluation"]
    counts = {"train": f"{training['images']:,}", "valid": f"{evaluation['images']:,}"}
    text = CLASSIFIER_TEXT.format(
        name=run.name,
        channels=", ".join(map(str, network.channels)),
        features=network.channels[-1],
        size=network.image_size,
        data=DATA["celeba"].format(size=network.image_size, **counts),
        accuracy=100 * evaluation["mean_accuracy"],
        majority=100 * evaluation["mean_majority"],
        licence=LICENCE["celeba"],
        torch=training["versions"]["torch"],
        **{key: training[key] for key in ("epochs", "seconds", "hardware", "seed")},
    )
    head = ModelCardData(
        library_name="vaelib",
        pipeline_tag="image-classification",
        tags=["face-attributes", "safetensors"],
        metrics=["accuracy"],
        **HEAD["celeba"],
    )
    return with_head(head, text)


def with_head(head: ModelCardData, text: str) -> str:
    """A card: its head as YAML, and its text."""
    return str(ModelCard(f"---\n{head.to_yaml()}\n---\n\n{text}"))


if __name__ == "__main__":
    main()
