"""The metrics of a trained model on images that it has not seen.

Sets of images are compared by their features. All sets are compared with the held-out images, under the name
`HELD_OUT`. Decoded images are measured twice: as decoded, and sharpened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import data, losses, metrics
from ..latent import batches, encode_dataset, reconstruct_all, sample_all
from ..models import VAE, LatentModel
from ..priors import StandardNormal
from ..support import devices
from ..support.errors import UserError
from . import classifier
from .edits import Edits
from .features import Extractor, Features, Reasons, feature_extractors, features_of, first_features, progress_bar
from .run import Run
from .statistics import Statistics

HELD_OUT, TRAINING, RECONSTRUCTIONS = "held-out images", "training images", "reconstructions"  # names of sets
NEIGHBOURS = 3  # k of precision and recall
MOST_IMAGES = 2_000  # held-out images, and as many samples: enough for two or three digits of a metric
IMPORTANCE_SAMPLES = 50  # draws per image in the IWAE bound
IWAE_IMAGES = 256  # images in it: few, because each needs 50 decodings
SEED = 0  # of the samples and of every other draw


def samples_of(prior: str) -> str:
    """The name of the set of samples from a prior."""
    return f"samples, {prior}"


@devices.out_of_memory_as_user_error(
    "stop other programs that use it, or set the environment variable ACCELERATE_USE_CPU=true"
)
def evaluate_run(
    run: Run,
    dataset: str | None = None,
    root: str | Path | None = None,
    with_inception: bool = False,
    progress: bool = True,
) -> dict:
    """Metrics of a run on the validation images of its own dataset, or of another one.

    They are computed on the training device. Raises `UserError` as `evaluate` does, and if the GPU's memory is full.
    """
    experiment, statistics = run.experiment, run.statistics
    model = run.model.to(devices.accelerator().device).to(memory_format=torch.channels_last)
    train_set, held_out = (
        data.load(dataset or experiment.dataset, experiment.size, split, root, progress) for split in ("train", "valid")
    )
    return evaluate(
        model,
        train_set,
        held_out,
        statistics,
        trained_on=dataset in (None, experiment.dataset),
        with_inception=with_inception,
        progress=progress,
    )


def evaluate(
    model: LatentModel,
    train: data.Dataset,
    held_out: data.Dataset,
    statistics: Statistics,
    *,
    trained_on: bool = True,
    with_inception: bool = False,
    progress: bool = False,
) -> dict:
    """Metrics of `model` on `held_out` (its first 2,000 images), in nats per image and pixels in [0, 1].

    mse, and psnr in decibels; for a VAE `likelihood_metrics` under a Gaussian with the training sigma;
    `distance_metrics` of training images, reconstructions and samples of every prior; `memorisation_metrics`, if the
    model was trained on `train`; `Edits.metrics`. Features are principal components of the pixels; for images of 64
    pixels or more also those of the attribute classifier; with `with_inception` also Inception's.

    sharpened: all of these except the likelihood, of the decoded images after the sharpener of `statistics`, if there
    is one. not_computed: the reason why a metric is missing, by name.

    Raises `UserError` if there are too few images to compare.
    """
    _require_enough(train, held_out)
    held_out = held_out.subset(MOST_IMAGES)
    network = _attribute_network(model)
    few = train.subset(MOST_IMAGES)
    extractors, about, not_computed = feature_extractors(few, network, with_inception, model.device)
    if not trained_on:
        not_computed["memorisation"] = "the model was not trained on this dataset"
    decoded = Decoded(
        model,
        statistics,
        extractors,
        x=data.all_images(held_out),
        x_hat=reconstruct_all(model, held_out, progress),
        real=features_of(extractors, real_sets(train, held_out), progress),
        training=first_features(extractors, batches(model, train), progress) if trained_on else None,
        edits=Edits(model, held_out, statistics, network) if network else None,
        progress=progress,
    )
    plain, reasons = decoded.metrics(lambda images: images)
    results = protocol(held_out) | {"features": about} | plain
    if isinstance(model, VAE):
        results |= likelihood_metrics(model, held_out, losses.Gaussian(statistics.sigma), progress)
    if statistics.sharpener:
        results["sharpened"], others = decoded.metrics(statistics.sharpener)
        reasons |= {f"sharpened {name}": reason for name, reason in others.items()}
    return results | {"not_computed": not_computed | reasons}


@dataclass
class Decoded:
    """The images that a model decodes, and everything that they are compared with.

    x are held-out images and x_hat their reconstructions. `real` are the features of real images, `training` those of
    all training images, and `edits` the edits of codes, if any.
    """

    model: LatentModel
    statistics: Statistics
    extractors: dict[str, Extractor]
    x: Tensor
    x_hat: Tensor
    real: Features
    training: Tensor | None
    edits: Edits | None
    progress: bool = False

    def metrics(self, finish: Callable[[Tensor], Tensor]) -> tuple[dict, Reasons]:
        """The metrics of decoded images after `finish` (a sharpener or the identity), and why any is missing."""
        sets = ((title, finish(images)) for title, images in self._sets())
        made = features_of(self.extractors, sets, self.progress)
        features = {name: self.real[name] | made[name] for name in self.real}
        results = reconstruction_metrics(self.x, finish(self.x_hat)) | compare(features, self.training)
        if not self.edits:
            return results, {}
        edits, reasons = self.edits.metrics(lambda z: finish(self.model.decode(z)), self.progress)
        return results | {"edits": edits}, reasons

    def _sets(self) -> Iterator[tuple[str, Tensor]]:
        """The reconstructions, and as many samples of every prior, by the names of the sets.

        One set at a time, because at 128 pixels each takes 400 MB, and its sharpened copy another 400 MB.
        """
        yield RECONSTRUCTIONS, self.x_hat
        for name, prior in {"normal": StandardNormal(self.model.latent_dim), **self.statistics.priors}.items():
            yield samples_of(name), sample_all(self.model, len(self.x), prior, SEED, self.progress)


def real_sets(train: data.Dataset, held_out: data.Dataset) -> Iterator[tuple[str, Tensor]]:
    """The held-out images and as many training images, by the names of the sets."""
    yield HELD_OUT, data.all_images(held_out)
    yield TRAINING, data.all_images(train.subset(len(held_out)))


def _require_enough(train: data.Dataset, held_out: data.Dataset) -> None:
    fewest = NEIGHBOURS + 1
    if min(len(train), len(held_out)) < fewest:
        raise UserError(
            f"{len(train)} training and {len(held_out)} held-out images are too few to compare: evaluate on a dataset "
            f"with at least {fewest} of each."
        )


def _attribute_network(model: LatentModel) -> classifier.AttributeNetwork | None:
    """The attribute classifier, or None if the model's images are too small for it."""
    return classifier.load(device=model.device) if model.image_size >= classifier.IMAGE_SIZE else None


def protocol(held_out: data.Dataset) -> dict:
    """How the metrics are measured: dataset, split, crop and size of the images, their number, samples and seed."""
    return {
        "dataset": held_out.name,
        "split": held_out.split,
        "crop": held_out.crop,
        "size": held_out.images.shape[-1],
        "images": len(held_out),
        "samples": len(held_out),
        "seed": SEED,
    }


def reconstruction_metrics(x: Tensor, x_hat: Tensor) -> dict:
    """The mse of images x and x_hat (N, 3, H, W) with pixels in [0, 1], and the psnr in decibels."""
    mse = (x - x_hat).square().mean().item()
    return {"mse": mse, "psnr": metrics.psnr(mse)}


@torch.no_grad()
def likelihood_metrics(model: VAE, ds: data.Dataset, likelihood: losses.Gaussian, progress: bool = False) -> dict:
    """nll, kl, elbo and IWAE bound in nats per image, elbo and bound in bits per dimension, and active units on `ds`.

    The bound uses 50 draws for each of the first 256 images; elbo_on_the_same is the elbo of the same images.
    """
    noise = torch.Generator(model.device).manual_seed(SEED)
    every = progress_bar(batches(model, ds), "likelihood", progress)
    nll = torch.cat([losses.nll(x, model(x, noise)[0], likelihood) for x in every]).mean().item()
    mu, logvar = encode_dataset(model, ds)
    assert logvar is not None  # because the model is a VAE
    kl = losses.kl_divergence(mu, logvar).mean().item()
    few = list(data.loader(ds.subset(IWAE_IMAGES), 32, device=model.device))
    bounds = {
        k: torch.cat(
            [metrics.iwae_bound(model, x, k, likelihood, noise) for x in progress_bar(few, f"IWAE, k = {k}", progress)]
        )
        for k in (IMPORTANCE_SAMPLES, 1)
    }
    iwae, pixels = bounds[IMPORTANCE_SAMPLES].mean().item(), few[0][0].numel()
    return {
        "sigma": likelihood.sigma,
        "nll": nll,
        "kl": kl,
        "elbo": -nll - kl,
        "bits_per_dim": metrics.bits_per_dim(-nll - kl, pixels),
        "iwae_bound": iwae,
        "iwae_bits_per_dim": metrics.bits_per_dim(iwae, pixels),
        "iwae_draws": IMPORTANCE_SAMPLES,
        "iwae_images": len(bounds[1]),
        "elbo_on_the_same": bounds[1].mean().item(),
        "active_units": metrics.active_units(mu, logvar),
        "latent_dim": model.latent_dim,
    }


def compare(features: Features, training: Tensor | None) -> dict:
    """`distance_metrics`, and `memorisation_metrics` where `training` is not None.

    `training` are the first features of all training images (M, D).
    """
    results = distance_metrics(features)
    if training is not None:
        main, sets = next(iter(features.items()))
        results["memorisation"] = memorisation_metrics(main, sets, training, results["best_prior"])
    return results


def distance_metrics(features: Features) -> dict:
    """The distance of every set from the held-out images, from the features that `features_of` returns.

    frechet: the Fréchet distances in all features. best_prior: the prior whose samples are nearest in the first
    features. precision_recall: in the first features, for the samples of best_prior, the reconstructions, and training
    images as a reference.
    """
    frechet = {
        name: {
            title: metrics.frechet_distance(seen, sets[HELD_OUT]) for title, seen in sets.items() if title != HELD_OUT
        }
        for name, sets in features.items()
    }
    main, sets = next(iter(features.items()))
    best = min((title for title in sets if title.startswith(samples_of(""))), key=lambda title: frechet[main][title])
    pairs = {
        title: metrics.precision_recall(sets[HELD_OUT], sets[title], NEIGHBOURS)
        for title in (TRAINING, RECONSTRUCTIONS, best)
    }
    return {
        "frechet": frechet,
        "best_prior": best.removeprefix(samples_of("")),
        "precision_recall": {
            "features": main,
            "k": NEIGHBOURS,
            "precision": {title: precision for title, (precision, _) in pairs.items()},
            "recall": {title: recall for title, (_, recall) in pairs.items()},
        },
    }


def memorisation_metrics(name: str, sets: dict[str, Tensor], training: Tensor, best_prior: str) -> dict:
    """The median distance of an image to its nearest training image, and its ratio to that of held-out images.

    `sets` are features (N, D) by the name of the set, `training` those of all training images (M, D), and `name` is the
    name of these features. If samples were much nearer to training images than held-out images are, they would be
    copies (Meehan, Chaudhuri & Dasgupta 2020). Blur alone also changes this distance: reconstructions of held-out
    images show by how much, because they are as blurred as samples and cannot be copies.
    """
    titles = (HELD_OUT, RECONSTRUCTIONS, samples_of(best_prior))
    medians = {title: metrics.nearest(sets[title], training)[0].median().item() for title in titles}
    return {
        "features": name,
        "training_images": len(training),
        "median_distance": medians,
        # None if the median of held-out images is 0, because most of them are training images too.
        "ratio": {title: medians[title] / medians[HELD_OUT] if medians[HELD_OUT] else None for title in titles[1:]},
    }
