"""Make the small form of a run that can be shipped: what is needed to use the model, and how it came about.

    python benchmarks/ship.py runs/celeba64 vaelib/shipped/celeba64

Weights become float16, which halves the file and moves no pixel by a visible amount; the optimiser's state and the
pictures of the epochs stay behind (`originals.png` shows images of the data set, which must not be passed on). The
model card, README.md, is written from the run's own records; `vaelib evaluate` adds figures to metrics.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from vaelib import checkpoints, experiments, records, runs
from vaelib.files import atomic_write

CARD = """# {name}

{about}

**Model.** {model} of vaelib, {size} x {size} pixels, {latent_dim} latent dimensions, channels {channels}, likelihood
{likelihood}{beta}. Weights in float16 (`model.safetensors`), the fitted priors and attribute directions beside them
(`statistics.safetensors`); neither file can run code.

**Data.** {data}

**Training.** {epochs} epochs in {seconds:.0f} s on {hardware}, which ran other trainings at the same time; seed {seed},
torch {torch}. All settings are in `config.toml`, every epoch in `history.csv`, figures on held-out images in
`metrics.json`. Repeat it: `vaelib train {name} --set epochs={epochs}`.

**Use.** Teaching and research on generative models. {ethics}

**Licence.** {licence}
"""

DATA = {
    "celeba": "22,000 images of CelebA's training partition (Liu et al. 2015), centre crop of 148 pixels resized to "
    "64, stored as WebP of quality 95; validated on 2,000 images of its validation partition.",
    "cifar10": "45,000 of CIFAR-10's training images (Krizhevsky 2009), from JPEG copies of them; validated on the "
    "other 5,000.",
}
ETHICS = {
    "celeba": "The images show celebrities, who were never asked. They are no sample of people at large (of the "
    "training images, 75 % are labelled Young), and the labels say what annotators thought they saw ('Attractive', "
    "'Male'). The model repeats all of that. It is not fit to identify, judge or imitate a person, and an edit along "
    "an attribute's direction changes whatever goes along with that attribute in these data.",
    "cifar10": "Its samples are blurred pictures, of no use outside of a lesson.",
}
LICENCE = {
    "celeba": "Non-commercial research only, as CelebA's terms ask.",
    "cifar10": "MIT, as the code.",
}


def main() -> None:
    """Copy a run's folder to its small form."""
    parser = argparse.ArgumentParser(description="Make the small form of a run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    ship(arguments.run, arguments.folder)
    with atomic_write(arguments.folder / "README.md") as partial:
        partial.write_text(card(arguments.folder), encoding="utf-8")


def ship(run: Path, folder: Path) -> None:
    """Write RUN's model in float16, and copy its statistics, settings, history and metrics."""
    tensors, about = checkpoints.read_tensors(run / checkpoints.MODEL)
    halved = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    checkpoints.write_tensors(folder / checkpoints.MODEL, halved, about)
    for name in (checkpoints.STATISTICS, experiments.CONFIG, records.HISTORY, runs.METRICS):
        shutil.copy(run / name, folder / name)


def card(folder: Path) -> str:
    """The model card of a shipped checkpoint, from its settings and its metrics."""
    experiment = experiments.read(folder / experiments.CONFIG)
    training = json.loads((folder / runs.METRICS).read_text(encoding="utf-8"))["training"]
    return CARD.format(
        name=folder.name,
        about=experiment.about,
        model=experiment.model,
        size=experiment.size,
        latent_dim=experiment.latent_dim,
        channels=", ".join(map(str, experiment.channels)),
        likelihood=experiment.likelihood + (f" (sigma {experiment.sigma:.3g})" if experiment.sigma else ""),
        beta=f", beta {experiment.beta:g}" if experiment.model == "VAE" else "",
        data=DATA[experiment.dataset],
        ethics=ETHICS[experiment.dataset],
        licence=LICENCE[experiment.dataset],
        torch=training["versions"]["torch"],
        **{key: training[key] for key in ("epochs", "seconds", "hardware", "seed")},
    )


if __name__ == "__main__":
    main()
