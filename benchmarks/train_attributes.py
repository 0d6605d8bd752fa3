"""Train the network that judges faces, and write the folder of it that comes with the package.

    VAELIB_DATA=... python benchmarks/train_attributes.py

It learns CelebA's 40 attributes from the training images of 64 pixels, is measured on the validation images, and is
written to vaelib/shipped/attributes64: float16 weights, history, accuracies, model card.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from model_card import DATA, LICENCE

from vaelib import attributes, data, records, runs
from vaelib.errors import UserError
from vaelib.files import atomic_write, make_folder

CARD = """# {name}

Names CelebA's 40 attributes: the judge of edited faces, and the features of the distances that `vaelib evaluate` gives.

**Model.** Convolutions that halve the image ({channels} channels), the mean of each channel, one linear layer;
its {features} inputs are the features. Images of {size} x {size} pixels, larger ones are resized to that. Weights in
float16 (`model.safetensors`), a file that cannot run code.

**Data.** {data}

**Training.** {epochs} epochs in {seconds:.0f} s on {hardware}; seed {seed}, torch {torch}. Every epoch in
`history.csv`. Repeat it: `python benchmarks/train_attributes.py --epochs {epochs} --seed {seed}`.

**Accuracy.** It agrees with {accuracy:.1f} % of the labels of the validation images, as a mean over the attributes;
always giving the more frequent value would agree with {majority:.1f} %. Each attribute is in `metrics.json`.

**Use.** Comparing models of faces in teaching and research. The labels say what annotators thought they saw in pictures
of celebrities, who were never asked; most of these people are young, and rare attributes are learned worst. What the
network says is no fact about a person, and it must not be used to judge, sort or identify anyone. Distances in its
features hold beside each other, not beside published FIDs.

**Licence.** {licence}
"""


def main() -> None:
    """Train the network that the command line asks for; a mistake ends in one sentence and exit status 2."""
    parser = argparse.ArgumentParser(description="Train the network that judges faces.")
    parser.add_argument("folder", type=Path, nargs="?", default=attributes.SHIPPED)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        train_network(arguments.folder, arguments.epochs, arguments.seed)
    except UserError as error:
        print(f"train_attributes: {error}", file=sys.stderr)
        sys.exit(2)


def train_network(folder: Path, epochs: int, seed: int) -> None:
    """Train, measure, write."""
    train, valid = (data.load("celeba", attributes.IMAGE_SIZE, split) for split in ("train", "valid"))
    torch.manual_seed(seed)
    network = attributes.AttributeNetwork(train.attribute_names)
    started = time.perf_counter()
    history = attributes.fit(network, train, valid, epochs=epochs, seed=seed)
    seconds = time.perf_counter() - started
    write(folder, network, history, {"seed": seed, "seconds": seconds}, train, valid)


def write(
    folder: Path,
    network: attributes.AttributeNetwork,
    history: pd.DataFrame,
    training: dict,
    train: data.Dataset,
    valid: data.Dataset,
) -> None:
    """Write the network, its history, its figures and its card to `folder`; the figures are of the file's weights."""
    make_folder(folder)
    attributes.save(folder, network)
    figures = {
        "training": {
            "images": len(train),
            "epochs": len(history),
            **training,
            "train_loss": history["train_loss"].iloc[-1],
            "hardware": runs.hardware(),
            "versions": {"torch": version("torch")},
        },
        "evaluation": accuracy_figures(attributes.load(folder), valid),
    }
    with atomic_write(folder / records.HISTORY) as partial:
        history.to_csv(partial, index=False)
    with atomic_write(folder / runs.METRICS) as partial:
        partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    with atomic_write(folder / "README.md") as partial:
        partial.write_text(card(folder.name, network, figures), encoding="utf-8")


def accuracy_figures(network: attributes.AttributeNetwork, valid: data.Dataset) -> dict:
    """The share of labels met, beside what always saying the more frequent value would meet."""
    accuracy = attributes.accuracies(network, valid)
    share = valid.attributes.float().mean(0)
    majority = torch.maximum(share, 1 - share)
    rows = zip(valid.attribute_names, accuracy.tolist(), majority.tolist(), strict=True)
    return {
        "dataset": valid.name,
        "split": valid.split,
        "images": len(valid),
        "mean_accuracy": accuracy.mean().item(),
        "mean_majority": majority.mean().item(),
        "attributes": {name: {"accuracy": met, "majority": most} for name, met, most in rows},
    }


def card(name: str, network: attributes.AttributeNetwork, figures: dict) -> str:
    """The model card, from the network and its figures."""
    training, evaluation = figures["training"], figures["evaluation"]
    return CARD.format(
        name=name,
        channels=", ".join(map(str, network.channels)),
        features=network.channels[-1],
        size=network.image_size,
        data=DATA["celeba"].format(
            size=network.image_size, train=f"{training['images']:,}", valid=f"{evaluation['images']:,}"
        ),
        accuracy=100 * evaluation["mean_accuracy"],
        majority=100 * evaluation["mean_majority"],
        licence=LICENCE["celeba"],
        torch=training["versions"]["torch"],
        **{key: training[key] for key in ("epochs", "seconds", "hardware", "seed")},
    )


if __name__ == "__main__":
    main()
