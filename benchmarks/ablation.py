"""What each part of the recipe of `celeba64` contributes: the recipe, and variants that change one part of it.

    python -m benchmarks.ablation --epochs 3 --seeds 0 1 --output benchmarks/recorded/ablation.json

The script trains on real CelebA, under VAELIB_DATA, and measures on its validation images. The record is written after
every run. A run that the record already has with the same settings is not made again, so you can stop the script at any
time and continue with the same command. All variants are trained with one seed before the next seed begins.

The effect of density estimation after training (Ghosh et al. 2020) needs no variant. Every run is sampled from N(0, I),
from the Gaussian and from the mixture that were fitted to its codes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from vaelib import data, latent, metrics, training
from vaelib.models import VAE, LatentModel
from vaelib.runs import classifier, evaluation, experiments, imagenet
from vaelib.runs.features import Extractor, features_of
from vaelib.runs.statistics import fit_statistics
from vaelib.runs.train import training_metrics
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program, unknown
from vaelib.support.files import atomic_write, require_folder_of

RECIPE = "celeba64"
RECORD = Path(__file__).parent / "recorded" / "ablation.json"
PRIORS = ("normal", "gaussian", "gmm")


class Residual(nn.Module):
    """An identity plus two 3 x 3 convolutions, with normalisation and activation before each (He et al. 2016, ECCV).

    The last convolution starts at zero, so an untrained block changes nothing.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(*self.layer(channels, bias=False), *self.layer(channels, bias=True))
        for parameter in self.body[-1].parameters():
            nn.init.zeros_(parameter)

    @staticmethod
    def layer(channels: int, bias: bool) -> tuple[nn.Module, ...]:
        """Normalisation, activation and convolution."""
        return nn.BatchNorm2d(channels), nn.LeakyReLU(0.2), nn.Conv2d(channels, channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps x (B, channels, H, W) to feature maps of the same shape."""
        return x + self.body(x)


def with_residual_blocks(model: LatentModel) -> LatentModel:
    """Put a residual block after every layer of `model`, except for the layer with the largest map on either side."""
    # A layer is three modules, and two other modules precede those of the decoder. Blocks are inserted from the last
    # layer to the first, so that the indices of the layers before stay valid.
    for layer, channels in reversed(list(enumerate(model.channels))[1:]):
        model.encoder.insert(3 * layer + 3, Residual(channels))
    for layer, channels in reversed(list(enumerate(reversed(model.channels[:-1])))):
        model.decoder.insert(2 + 3 * layer + 3, Residual(channels))
    return model


def with_full_size_layer(model: LatentModel) -> LatentModel:
    """Give the decoder one more layer at full size. Without it the last layer only enlarges the map before it."""
    channels = model.channels[0] // 2
    model.decoder[-1] = nn.ConvTranspose2d(model.channels[0], channels, 4, stride=2, padding=1)
    for module in (nn.BatchNorm2d(channels), nn.LeakyReLU(0.2), nn.Conv2d(channels, 3, 3, padding=1)):
        model.decoder.append(module)
    return model


@dataclass(frozen=True)
class Variant:
    """The recipe with settings changed, in the form of `--set`, or with the model altered after it is built."""

    about: str
    changes: tuple[str, ...] = ()
    alter: Callable[[LatentModel], LatentModel] | None = None

    def experiment(self, epochs: int, seed: int, overrides: list[str]) -> experiments.Experiment:
        """All settings: those of the recipe, changed by `overrides` and then by the variant."""
        return experiments.load(RECIPE, (*overrides, f"epochs={epochs}", f"seed={seed}", *self.changes))

    def build_model(self, experiment: experiments.Experiment) -> LatentModel:
        """The untrained model of `experiment`, which belongs to this variant; its seed also fixes the weights."""
        torch.manual_seed(experiment.seed)
        model = experiment.build_model()
        return self.alter(model) if self.alter else model


SSE = ("likelihood=gaussian", "sigma=0.7071067811865476")
VARIANTS = {
    "recipe": Variant(f"{RECIPE} as it is: a calibrated decoder, 128 latent dimensions, flips, batches of 128"),
    "fixed sigma": Variant("sigma² = 1/2 in place of the calibrated decoder: sum of squared errors + KL", SSE),
    "256 latent dimensions": Variant("twice as many latent dimensions", ("latent_dim=256",)),
    "moving average 0.99": Variant("measured with a moving average of the weights over about 100 steps", ("ema=0.99",)),
    "residual blocks": Variant(
        "a residual block after each layer but that with the largest map", alter=with_residual_blocks
    ),
    "full-size layer": Variant("one more layer of the decoder, at full size", alter=with_full_size_layer),
    "no flips": Variant("images as they are", ("flip=false",)),
    "batches of 64": Variant("twice as many steps, each on half as many images", ("batch_size=64",)),
    "autoencoder": Variant("the same network as a plain autoencoder", ("model=AutoEncoder",)),
    "moving average 0.999": Variant("the same over about 1,000 steps: for long training runs", ("ema=0.999",)),
}


def main() -> None:
    run_program("ablation", lambda: work(parse_arguments()))


def work(arguments: argparse.Namespace) -> None:
    """Make the runs that are missing, then print the table."""
    check(arguments)
    made = [
        recorded_run(arguments.output, name, arguments.epochs, seed, arguments.overrides)
        for seed in arguments.seeds
        for name in arguments.variants
    ]
    print(table(made).to_string(float_format="{:.4g}".format))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Measure what each part of the recipe of {RECIPE} contributes.")
    parser.add_argument("--epochs", type=int, default=experiments.load(RECIPE).epochs)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def check(arguments: argparse.Namespace) -> None:
    """Raise `UserError` for a run that cannot be trained, before the first run and not after hours."""
    require_folder_of(arguments.output)
    for name in arguments.variants:
        if name not in VARIANTS:
            raise unknown("variant", name, VARIANTS)
        for seed in arguments.seeds:
            VARIANTS[name].experiment(arguments.epochs, seed, arguments.overrides)


def recorded_run(path: Path, name: str, epochs: int, seed: int, overrides: list[str]) -> dict:
    """The run of variant `name` from the record at `path`. If it is missing, it is made and added."""
    variant = VARIANTS[name]
    experiment = variant.experiment(epochs, seed, overrides)
    described = {"about": variant.about, "changed": list(variant.changes)}
    setting = {"variant": name, "seed": seed, "settings": settings_of(experiment)}
    return recorded(path, setting, lambda: described | train(variant.build_model(experiment), experiment))


def settings_of(experiment: experiments.Experiment) -> dict:
    """The settings that affect the trained model, as in a JSON file. A run is identified by these alone."""
    return {key: value for key, value in experiment.values().items() if key not in ("about", "flow_steps")}


def recorded(path: Path, setting: dict, make: Callable[[], dict]) -> dict:
    """The run of that setting from the record at `path`. If it is missing, it is made and added."""
    known = read(path)
    for run in known:
        if run.items() >= setting.items():
            return run
    print(f"{setting['variant']}, seed {setting['seed']}", file=sys.stderr, flush=True)
    run = setting | make()
    with atomic_write(path) as unfinished:
        text = json.dumps({"runs": [*known, run]}, indent=2, ensure_ascii=False)
        unfinished.write_text(text + "\n", encoding="utf-8")
    return run


def train(model: LatentModel, experiment: experiments.Experiment) -> dict:
    """Train `model`. Returns the cost, as `vaelib train` records it, and the quality."""
    train_set, held_out = (data.load(experiment.dataset, experiment.size, split) for split in ("train", "valid"))
    history = training.fit(model, train_set, held_out, progress=False, **experiment.training_settings())
    cost = {"train_images": len(train_set)} | training_metrics(experiment, history)
    return {"training": cost, "quality": quality(model, train_set, held_out, history["sigma"].iloc[-1])}


def quality(model: LatentModel, train_set: data.Dataset, held_out: data.Dataset, sigma: float) -> dict:
    """Metrics of `model` on the first 2,000 images of `held_out`, by the functions of `vaelib.runs.evaluation`.

    mse and psnr are those of reconstructions. A VAE also gets nll and kl in nats per image, bits per dimension (all
    under a Gaussian of that `sigma`) and active units. Fréchet distances are those of equally many reconstructions,
    samples of every prior and training images, in the features of the attribute classifier, with their errors; if the
    extra `evaluate` is installed, `imagenet` has those in the features of a network trained on ImageNet. `sharpened`
    has all of these after sharpening.
    """
    held_out = held_out.subset(evaluation.MOST_IMAGES)
    unlabelled = dataclasses.replace(train_set, attributes=None, attribute_names=[])  # no directions are needed
    statistics = fit_statistics(model, unlabelled, sigma, progress=False)
    extractors: dict[str, Extractor] = {
        "attributes": partial(classifier.features, classifier.load(device=model.device))
    }
    if imagenet.installed():
        extractors["imagenet"] = imagenet.load(model.device)
    decoded = evaluation.Decoded(
        model,
        statistics,
        extractors,
        x=data.all_images(held_out),
        x_hat=latent.reconstruct_all(model, held_out),
        real=features_of(extractors, evaluation.real_sets(train_set, held_out)),
        training=None,
        edits=None,
    )
    plain, sharpened = decoded.measure(lambda images: images), decoded.measure(statistics.sharpener)
    results = evaluation.protocol(held_out) | {key: plain[key] for key in ("mse", "psnr")}
    if isinstance(model, VAE):
        results |= likelihood_metrics(model, held_out, sigma)
    return results | distances(plain) | {"sharpened": distances(sharpened)}


def distances(found: dict) -> dict:
    """The distances in the features of the classifier, the best prior by them, and those of the ImageNet network."""
    keys = [f"{key}{error}" for key in ("frechet", "kernel") for error in ("", "_error")]
    results = {key: found[key]["attributes"] for key in keys} | {"best_prior": found["best_prior"]}
    if "imagenet" in found["frechet"]:
        results["imagenet"] = {key: found[key]["imagenet"] for key in keys}
    return results


def likelihood_metrics(model: VAE, held_out: data.Dataset, sigma: float) -> dict:
    """nll, kl and bits per dimension from one draw of z per image; active units."""
    measured = validate(model, held_out, sigma)
    nll, kl = measured["valid_nll"], measured["valid_kl"]
    bits = metrics.bits_per_dim(-nll - kl, held_out.images[0].size)
    active = metrics.active_units(*latent.encode_dataset(model, held_out))
    return {"sigma": sigma, "nll": nll, "kl": kl, "bits_per_dim": bits, "active_units": active}


def validate(model: LatentModel, ds: data.Dataset, sigma: float) -> dict[str, float]:
    """The metrics that `training.fit` takes of `model` on `ds` after an epoch, under a Gaussian of that `sigma`."""
    settings = training.Settings()
    batches = data.loader(ds, settings.batch_size, device=model.device)
    return training.validate(model, batches, settings, devices.accelerator(), sigma)


def read(path: Path) -> list[dict]:
    """The runs of the record at `path`; an empty list if there is no such file."""
    if not path.exists():
        return []
    try:
        return [dict(run) for run in json.loads(path.read_text(encoding="utf-8"))["runs"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} is no record of runs ({error!r}): choose another --output, or remove it.") from error


def table(made: list[dict]) -> pd.DataFrame:
    """Means over seeds, one row per variant; distances in the features of the attribute classifier."""
    rows = pd.DataFrame([{"variant": run["variant"], **columns(run)} for run in made])
    return rows.groupby("variant", sort=False).agg({"seed": "nunique"} | dict.fromkeys(rows.columns[2:], "mean"))


def columns(run: dict) -> dict:
    """The values of a run that the table shows."""
    quality, distances = run["quality"], run["quality"]["frechet"]
    keys = ("psnr", "nll", "kl", "bits_per_dim", "active_units")  # an autoencoder has the first alone
    return {
        "seed": run["seed"],
        **{key: quality.get(key) for key in keys},
        evaluation.RECONSTRUCTIONS: distances[evaluation.RECONSTRUCTIONS],
        **{prior: distances[evaluation.samples_of(prior)] for prior in PRIORS},
        "images/s": run["training"]["images_per_second"],
    }


if __name__ == "__main__":
    main()
