"""The metrics of a trained model on images that it has not seen.

Sets of images are compared with the held-out images (`vaelib.runs.comparison`). Decoded images are measured as decoded,
sharpened by the run's filter, sharpened by an unsharp mask, and with the detail of the run's pixel flow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import data, losses, metrics
from ..detail import Detail
from ..latent import batches, encode_dataset, reconstruct_all, sample_all
from ..models import VAE, LatentModel
from ..priors import StandardNormal
from ..sharpening import unsharp_mask
from ..support import devices
from ..support.errors import UserError
from . import classifier
from .comparison import HELD_OUT, NEIGHBOURS, RECONSTRUCTIONS, TRAINING, compare, samples_of
from .edits import Edits
from .features import Extractor, Features, Reasons, feature_extractors, features_of, first_features, progress_bar
from .run import DETAIL, Run
from .statistics import Statistics

FEWEST = 2 * (NEIGHBOURS + 1)  # images of each kind: half of them must hold an image and its k neighbours
MOST_IMAGES = 2_000  # held-out images, and as many samples: half of them give two or three digits of a metric
IMPORTANCE_SAMPLES = 50  # draws per image in the IWAE bound
IWAE_IMAGES = 256  # images in it: few, because each needs 50 decodings
SEED = 0  # of the samples and of every other draw


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
        detail=run.detail if run.has(DETAIL) else None,
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
    detail: Detail | None = None,
    trained_on: bool = True,
    with_inception: bool = False,
    progress: bool = False,
) -> dict:
    """Metrics of `model` on `held_out` (its first 2,000 images), in nats per image and pixels in [0, 1].

    mse, and psnr in decibels; for a VAE `likelihood_metrics` under a Gaussian with the training sigma;
    `distance_metrics` of training images, reconstructions and samples of every prior; `memorisation_metrics`, if the
    model was trained on `train`; `Edits.metrics`. Features are principal components of the pixels; for images of 64
    pixels or more also those of the attribute classifier; if the extra `evaluate` is installed also those of a network
    trained on ImageNet; with `with_inception` also Inception's. A key that ends in _error has the standard error of the
    key without this ending.

    sharpened: all of these except the likelihood, of the decoded images after the sharpener of `statistics`, if there
    is one; unsharp_mask: the same after an unsharp mask, of reconstructions and samples from the best prior alone and
    without edits; detail: as unsharp_mask, after the pixel flow `detail`, if there is one. not_computed: the reason why
    a metric is missing, by name.

    Of fewer than 8 held-out or training images there are only mse, psnr and `likelihood_metrics`. Raises `UserError` if
    there are fewer than two.
    """
    held_out = held_out.subset(MOST_IMAGES)
    if min(len(train), len(held_out)) < FEWEST:
        return _of_few(model, train, held_out, statistics, progress)
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
    few_sets = (RECONSTRUCTIONS, samples_of(plain["best_prior"]))
    results["unsharp_mask"] = decoded.measure(unsharp_mask, few_sets)
    if detail:
        detail.network.to(model.device)
        results["detail"] = decoded.measure(
            lambda images: detail(images, torch.Generator().manual_seed(SEED)), few_sets
        )
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

    def measure(self, finish: Callable[[Tensor], Tensor], titles: Sequence[str] | None = None) -> dict:
        """The metrics of decoded images after `finish` (a filter or the identity), without those of edits.

        `titles` names the sets, which must include the reconstructions and samples from a prior; None stands for all.
        """
        x_hat = finish(self.x_hat)
        sets = ((title, x_hat if title == RECONSTRUCTIONS else finish(images)) for title, images in self._sets(titles))
        made = features_of(self.extractors, sets, self.progress)
        features = {name: self.real[name] | made[name] for name in self.real}
        return reconstruction_metrics(self.x, x_hat) | compare(features, self.training)

    def metrics(self, finish: Callable[[Tensor], Tensor]) -> tuple[dict, Reasons]:
        """The metrics of decoded images after `finish`, with those of edits; and why any is missing."""
        results = self.measure(finish)
        if not self.edits:
            return results, {}
        edits, reasons = self.edits.metrics(lambda z: finish(self.model.decode(z)), self.progress)
        return results | {"edits": edits}, reasons

    def _sets(self, titles: Sequence[str] | None) -> Iterator[tuple[str, Tensor]]:
        """The reconstructions, and as many samples of every prior, by the names of the sets; all, or only these.

        One set at a time, because at 128 pixels each takes 400 MB, and its sharpened copy another 400 MB.
        """
        yield RECONSTRUCTIONS, self.x_hat
        for name, prior in {"normal": StandardNormal(self.model.latent_dim), **self.statistics.priors}.items():
            if titles is None or samples_of(name) in titles:
                yield samples_of(name), sample_all(self.model, len(self.x), prior, SEED, self.progress)


def real_sets(train: data.Dataset, held_out: data.Dataset) -> Iterator[tuple[str, Tensor]]:
    """The held-out images and as many training images, by the names of the sets."""
    yield HELD_OUT, data.all_images(held_out)
    yield TRAINING, data.all_images(train.subset(len(held_out)))


def _of_few(
    model: LatentModel, train: data.Dataset, held_out: data.Dataset, statistics: Statistics, progress: bool
) -> dict:
    """The metrics of images that are too few to be compared as sets."""
    reason = f"{len(train)} training and {len(held_out)} held-out images are too few to compare"
    if len(held_out) < 2:
        raise UserError(f"{reason}: evaluate on a dataset with at least {FEWEST} of each.")
    x_hat = reconstruct_all(model, held_out, progress)
    results = protocol(held_out) | {"features": {}} | reconstruction_metrics(data.all_images(held_out), x_hat)
    if isinstance(model, VAE):
        results |= likelihood_metrics(model, held_out, losses.Gaussian(statistics.sigma), progress)
    return results | {"not_computed": {"distances": f"{reason}, which takes {FEWEST} of each"}}


def _attribute_network(model: LatentModel) -> classifier.AttributeNetwork | None:
    """The attribute classifier, or None if the model's images are too small for it."""
    return classifier.load(device=model.device) if model.image_size >= classifier.IMAGE_SIZE else None


def protocol(held_out: data.Dataset) -> dict:
    """How the metrics are measured: dataset, split, crop and size of the images, their number, samples and seed.

    compared: the number of images in a random half; splits: the number of pairs of halves that a distance is taken of.
    """
    return {
        "dataset": held_out.name,
        "split": held_out.split,
        "crop": held_out.crop,
        "size": held_out.images.shape[-1],
        "images": len(held_out),
        "samples": len(held_out),
        "compared": len(held_out) // 2,
        "splits": metrics.SPLITS,
        "seed": SEED,
    }


def reconstruction_metrics(x: Tensor, x_hat: Tensor) -> dict:
    """The mse of images x and x_hat (N, 3, H, W) with pixels in [0, 1], and the psnr in decibels; with their errors."""
    mse, error = metrics.Estimate.of_mean((x - x_hat).square().flatten(1).mean(1))
    return {"mse": mse, "mse_error": error} | {
        "psnr": metrics.psnr(mse),
        "psnr_error": 10 / math.log(10) * error / mse if mse else 0.0,
    }


@torch.no_grad()
def likelihood_metrics(model: VAE, ds: data.Dataset, likelihood: losses.Gaussian, progress: bool = False) -> dict:
    """nll, kl, elbo and IWAE bound in nats per image, elbo and bound in bits per dimension, and active units on `ds`.

    The bound uses 50 draws for each of the first 256 images; elbo_on_the_same is the elbo of the same images. Errors
    are over images; those of the bounds are large beside their difference, because images differ more than bounds do.
    """
    noise = torch.Generator(model.device).manual_seed(SEED)
    every = progress_bar(batches(model, ds), "likelihood", progress)
    nlls = torch.cat([losses.nll(x, model(x, noise)[0], likelihood).cpu() for x in every])
    mu, logvar = encode_dataset(model, ds)
    assert logvar is not None  # because the model is a VAE
    kls = losses.kl_divergence(mu, logvar)
    nll, kl, elbo = nlls.mean().item(), metrics.Estimate.of_mean(kls), metrics.Estimate.of_mean(-nlls - kls)
    few = list(data.loader(ds.subset(IWAE_IMAGES), 32, device=model.device))
    bounds = {
        k: torch.cat(
            [metrics.iwae_bound(model, x, k, likelihood, noise) for x in progress_bar(few, f"IWAE, k = {k}", progress)]
        )
        for k in (IMPORTANCE_SAMPLES, 1)
    }
    iwae, pixels = metrics.Estimate.of_mean(bounds[IMPORTANCE_SAMPLES]), few[0][0].numel()
    bit = math.log(2) * pixels  # nats per image in a bit per dimension
    return {
        "sigma": likelihood.sigma,
        "nll": nll,
        "kl": kl.value,
        "kl_error": kl.error,
        "elbo": elbo.value,
        "elbo_error": elbo.error,
        "bits_per_dim": metrics.bits_per_dim(elbo.value, pixels),
        "bits_per_dim_error": elbo.error / bit,
        "iwae_bound": iwae.value,
        "iwae_bits_per_dim": metrics.bits_per_dim(iwae.value, pixels),
        "iwae_bits_per_dim_error": iwae.error / bit,
        "iwae_draws": IMPORTANCE_SAMPLES,
        "iwae_images": len(bounds[1]),
        "elbo_on_the_same": bounds[1].mean().item(),
        "active_units": metrics.active_units(mu, logvar),
        "latent_dim": model.latent_dim,
    }
