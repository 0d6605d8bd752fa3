"""The model card of a shipped folder, README.md, and the names of the pictures that it shows."""

from __future__ import annotations

import textwrap
from pathlib import Path

from vaelib import experiments, tables

SAMPLES, SHARPENED, FROM_NORMAL = "samples.webp", "samples-sharpened.webp", "samples-normal.webp"
RECONSTRUCTIONS, INTERPOLATIONS, ANIMATION = "reconstructions.webp", "interpolations.webp", "training.webp"

CARD = """# {name}

{about}

**Model.** {model} of vaelib, {size} x {size} pixels, {latent_dim} latent dimensions, channels {channels}, likelihood
{likelihood}{beta}. {files}

**Data.** {data}

**Training.** {epochs} epochs in {seconds:.0f} s on {hardware}; seed {seed}, torch {torch}.{note} All settings are in
`config.toml`, every epoch in `history.csv`. Repeat it: `vaelib train {name} --set epochs={epochs}`.

**Figures.** {figures}

**Pictures.** Made by the model alone: `samples.webp` from the prior `{prior}`,{sharpened} `samples-normal.webp` from
N(0, I), `reconstructions.webp` of held-out images, which are not shown, and `interpolations.webp` between
them.{animation}

![samples from {prior}](samples.webp){sharpened_picture} ![samples from N(0, I)](samples-normal.webp)
![reconstructions](reconstructions.webp) ![interpolations](interpolations.webp)

**Use.** Teaching and research on generative models. {ethics}

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
    "measured on others: expect other figures.",
    "cifar10": "{train} of CIFAR-10's training images (Krizhevsky 2009), from JPEG copies of them; validated on "
    "{valid} others.",
    "faces": "{train} faces of {size} pixels that vaelib draws itself; validated on {valid} others.",
    "objects": "{train} objects of ten classes that vaelib draws itself; validated on {valid} others.",
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
}
LICENCE = {
    "celeba": "Non-commercial research only, as CelebA's terms ask.",
    "cifar10": "MIT, as the code.",
    "faces": "MIT, as the code.",
    "objects": "MIT, as the code.",
}


def card(folder: Path, metrics: dict, prior: str, codes: int | None) -> str:
    """The model card of a shipped folder, from its settings and its metrics; `codes` is None without weights."""
    experiment = experiments.read(folder / experiments.CONFIG)
    training = metrics["training"]
    counts = {part: f"{training[f'{part}_images']:,}" for part in ("train", "valid")}
    text = CARD.format(
        name=folder.name,
        about=experiment.about,
        model=experiment.model,
        size=experiment.size,
        latent_dim=experiment.latent_dim,
        channels=", ".join(map(str, experiment.channels)),
        likelihood=experiment.likelihood + (f" (sigma {experiment.sigma:.3g})" if experiment.sigma else ""),
        beta=f", beta {experiment.beta:g}" if experiment.model == "VAE" else "",
        files=FILES.format(codes=codes) if codes else RECORD,
        data=DATA[experiment.dataset].format(size=experiment.size, **counts),
        figures="{figures}",
        prior=prior,
        ethics=ETHICS[experiment.dataset],
        licence=LICENCE[experiment.dataset],
        torch=training["versions"]["torch"],
        note=f" {training['note']}" if "note" in training else "",
        sharpened=f" `{SHARPENED}` the same sharpened," if (folder / SHARPENED).is_file() else "",
        sharpened_picture=f" ![the same, sharpened]({SHARPENED})" if (folder / SHARPENED).is_file() else "",
        animation=animated(folder, training),
        **{key: training[key] for key in ("epochs", "seconds", "hardware", "seed")},
    )
    paragraphs = [textwrap.fill(part, 120, break_on_hyphens=False) for part in text.split("\n\n")]
    return "\n\n".join(paragraphs).replace("{figures}", figures(metrics.get("evaluation"))) + "\n"


def animated(folder: Path, training: dict) -> str:
    """A sentence about the animation, if there is one."""
    if not (folder / ANIMATION).is_file():
        return ""
    if "animation" not in training:
        return f" `{ANIMATION}` shows the epochs."
    too = " The codes and the walks are that run's, too." if "codes" in training else ""
    epochs = int(training["animation"].split()[0])
    other = "another, shorter run" if epochs < training["epochs"] else "another run"
    return f" `{ANIMATION}` shows the epochs of {other} of the same experiment, {training['animation']}.{too}"


def figures(evaluation: dict | None) -> str:
    """What `vaelib evaluate` has measured, as it prints it."""
    if not evaluation:
        return "None were recorded: `vaelib evaluate` measures them."
    return f"By `vaelib evaluate`:\n\n```text\n{tables.evaluation(evaluation)}\n```"
