"""Train the attribute classifier, and write the folder of it that comes with the package.

    VAELIB_DATA=... python -m release.train_classifier

It learns CelebA's 40 attributes from the training images of 64 pixels, is measured on the validation images, and is
written to vaelib/shipped/attributes64: float16 weights, history, accuracies, model card.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from release.model_card import classifier_card, write_card
from vaelib import data, runs
from vaelib.runs import Run, classifier
from vaelib.runs.classifier import AttributeNetwork
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import make_folder
from vaelib.support.schedule import set_learning_rate
from vaelib.support.tensorfiles import in_float16, write_tensors

SHIFT = 3  # training images are moved by at most this many pixels, because faces are not aligned exactly


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the attribute classifier.")
    parser.add_argument("folder", type=Path, nargs="?", default=classifier.SHIPPED)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    run_program("train_classifier", lambda: train_network(arguments.folder, arguments.epochs, arguments.seed))


def train_network(folder: Path, epochs: int, seed: int) -> None:
    """Train on CelebA, measure, and write the folder."""
    train, valid = (data.load("celeba", classifier.IMAGE_SIZE, split) for split in ("train", "valid"))
    torch.manual_seed(seed)
    network = AttributeNetwork(train.attribute_names)
    started = time.perf_counter()
    history = fit(network, train, valid, epochs=epochs, seed=seed)
    seconds = time.perf_counter() - started
    write(folder, network, history, {"images": len(train), "seed": seed, "seconds": seconds}, valid)


def fit(
    network: AttributeNetwork,
    train: data.Dataset,
    valid: data.Dataset,
    *,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Train `network` in place by binary cross-entropy, return its history, and leave it in evaluation mode.

    Images are mirrored and moved by up to 3 pixels at random; a last batch that is not full is left out. Columns:
    epoch, train_loss in nats per attribute, valid_accuracy on average over the attributes.

    Raises `UserError` if the images do not fill a batch.
    """
    if len(train) < batch_size:
        raise UserError(f"{len(train)} images do not fill a batch of {batch_size}: choose a smaller batch_size.")
    generator = torch.Generator().manual_seed(seed)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=weight_decay, fused=True)
    steps = len(train) // batch_size
    history = []
    for epoch in range(epochs):
        network.train()
        total = torch.zeros((), device=network.device)
        order = torch.randperm(len(train), generator=generator)[: steps * batch_size].view(steps, batch_size)
        for step, rows in enumerate(tqdm(order, f"epoch {epoch + 1}", leave=False, disable=None if progress else True)):
            set_learning_rate(optimizer, learning_rate, (epoch * steps + step) / (epochs * steps))
            total += _step(network, train, rows, optimizer, generator)
        accuracy = accuracies(network.eval(), valid).mean().item()
        history.append({"epoch": epoch + 1, "train_loss": total.item() / steps, "valid_accuracy": accuracy})
        if progress:
            print("  ".join(f"{key} {value:.4g}" for key, value in history[-1].items()), flush=True)
    return pd.DataFrame(history)


def _step(
    network: AttributeNetwork,
    train: data.Dataset,
    rows: Tensor,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> Tensor:
    """Take one step on those rows. Returns their mean binary cross-entropy before the step, in nats per attribute."""
    x = _augmented(torch.from_numpy(train.images[rows.numpy()]).to(network.device), generator)
    labels = train.attributes[rows].to(network.device, torch.float32)
    with devices.autocast("auto", network.device):
        logits = network(x)
    loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def _augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """uint8 images (B, 3, H, W) as float32 in [0, 1], half of them mirrored, the batch moved by a few pixels."""
    mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    x = images.to(torch.float32, memory_format=torch.channels_last).div_(255)
    down, right = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
    height, width = x.shape[2:]
    return F.pad(x, (SHIFT,) * 4, mode="replicate")[..., down : down + height, right : right + width]


@torch.no_grad()
def accuracies(network: AttributeNetwork, ds: data.Dataset) -> Tensor:
    """Accuracy of each attribute on `ds`: (A,). The network must be in evaluation mode."""
    said = torch.cat([(network(x) > 0).cpu() for x in data.loader(ds, data.BATCH_SIZE, device=network.device)])
    return (said == ds.attributes).float().mean(0)


def write(folder: Path, network: AttributeNetwork, history: pd.DataFrame, training: dict, valid: data.Dataset) -> None:
    """Write the network, its history, its metrics and its card to `folder`.

    `training` holds the number of images, the seed and the seconds. The metrics are those of the weights in the file.
    """
    make_folder(folder)
    save(folder, network)
    run = Run(folder)
    run.write_history(history)
    training = training | {
        "epochs": len(history),
        "train_loss": history["train_loss"].iloc[-1],
        "hardware": devices.hardware(),
        "versions": {"torch": version("torch")},
    }
    run.write_metrics({"training": training, "evaluation": accuracy_metrics(classifier.load(folder), valid)})
    write_card(run, classifier_card(run))


def save(folder: str | Path, network: AttributeNetwork) -> None:
    """Write the weights, in float16, with names and shape in the header, to FOLDER/model.safetensors."""
    write_tensors(Run(folder).path(runs.MODEL), in_float16(network.state_dict()), network.config)


def accuracy_metrics(network: AttributeNetwork, valid: data.Dataset) -> dict:
    """The accuracy for each attribute, and that of a constant answer, which is the more frequent value."""
    accuracy = accuracies(network, valid)
    share = valid.attributes.float().mean(0)
    majority = torch.maximum(share, 1 - share)
    rows = zip(valid.attribute_names, accuracy.tolist(), majority.tolist(), strict=True)
    return {
        "dataset": valid.name,
        "split": valid.split,
        "images": len(valid),
        "mean_accuracy": accuracy.mean().item(),
        "mean_majority": majority.mean().item(),
        "attributes": {name: {"accuracy": own, "majority": constant} for name, own, constant in rows},
    }


if __name__ == "__main__":
    main()
