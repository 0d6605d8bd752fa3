"""The figures of a trained model on images that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product

import torch
from torch import Tensor
from tqdm import tqdm  # not tqdm.auto: its bar for notebooks would be stored with their outputs

from . import attributes, data, inception, losses, metrics
from .checkpoints import Statistics
from .comparison import HELD_OUT, NEIGHBOURS, RECONSTRUCTIONS, TRAINING, Features, compare, samples_of
from .editing import SEEN, edit_figures
from .errors import UserError
from .latent import encode_dataset
from .models import VAE, LatentModel, Prior
from .priors import StandardNormal
from .sharpening import Sharpener

MOST_IMAGES = 2_000  # held-out images, and as many samples: what a figure of two or three digits needs
IMPORTANCE_SAMPLES = 50  # draws per image in the IWAE bound
IWAE_IMAGES = 256  # images in it: few, because each is decoded that many times
COMPONENTS = 64  # principal components of the pixels
EDITED = ("Smiling", "Eyeglasses", "Male", "Blond_Hair")
SEED = 0  # of the samples and of every other draw
AT_ONCE = 256  # images in a batch
REAL = (HELD_OUT, TRAINING)  # sets that no model has painted
SHARPENED_PREFIX = "sharpened "  # before the name of a set

Extractor = Callable[[Tensor], Tensor]  # images (B, 3, H, W) in [0, 1] to features (B, D), on the CPU
Paint = Callable[[Tensor], Tensor]  # codes (B, latent_dim) to images (B, 3, H, W) in [0, 1]


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
    """Figures of `model` on `held_out` (its first 2,000 images), in nats per image and pixels in [0, 1].

    mse, and psnr in decibels; of a VAE `likelihood_figures` under a Gaussian of the training sigma; `distance_figures`
    of training images, reconstructions and samples of every prior; `memorisation_figures`, if the model was trained on
    `train`; `all_edits`. Features are principal components of the pixels; those of the attribute network, for images of
    64 pixels or more; Inception's, if asked for. sharpened: all of these but the likelihood once more, of what the
    model paints after the sharpener of `statistics`, if there is one. not_computed: why a figure is not there, by name.

    Raises `UserError` if there are too few images to compare.
    """
    _require_enough(train, held_out)
    held_out = held_out.subset(MOST_IMAGES)
    x, x_hat = all_images(held_out), reconstruct_all(model, held_out, progress)
    figures = setting(held_out) | reconstruction_figures(x, x_hat)
    if isinstance(model, VAE):
        figures |= likelihood_figures(model, held_out, losses.Gaussian(statistics.sigma), progress)

    judge, not_computed = _judge(model), {}
    extractors, about = feature_extractors(train, judge, with_inception, model.device, not_computed)
    sets = image_sets(model, train, x, x_hat, statistics, progress)
    features = features_of(extractors, with_sharpened(sets, statistics.sharpener), progress)
    seen = first_features(extractors, batches(model, train), progress) if trained_on else None
    if not trained_on:
        not_computed["memorisation"] = "the model was not trained on this dataset"
    sharpen = statistics.sharpener
    paints = {"edits": model.decode}
    if sharpen:
        paints["sharpened edits"] = lambda z: sharpen(model.decode(z))
    edits = all_edits(model, held_out, statistics, judge, paints, not_computed, progress) if judge else {}
    figures |= {"features": about} | compare(plain_features(features), seen)
    if judge:
        figures["edits"] = edits["edits"]
    if sharpen:
        figures["sharpened"] = reconstruction_figures(x, sharpen(x_hat)) | compare(sharpened_features(features), seen)
        if judge:
            figures["sharpened"]["edits"] = edits["sharpened edits"]
    return figures | {"not_computed": not_computed}


def _require_enough(train: data.Dataset, held_out: data.Dataset) -> None:
    fewest = NEIGHBOURS + 1
    if min(len(train), len(held_out)) < fewest:
        raise UserError(
            f"{len(train)} training and {len(held_out)} held-out images are too few to compare: evaluate on a dataset "
            f"with at least {fewest} of each."
        )


def _judge(model: LatentModel) -> attributes.AttributeNetwork | None:
    """The attribute network, where the model's images are large enough for it."""
    return attributes.load(device=model.device) if model.image_size >= attributes.IMAGE_SIZE else None


def setting(held_out: data.Dataset) -> dict:
    """What is measured: the images and how they were cropped, how many, how many samples are drawn, and the seed."""
    return {
        "dataset": held_out.name,
        "split": held_out.split,
        "crop": held_out.crop,
        "size": held_out.images.shape[-1],
        "images": len(held_out),
        "samples": len(held_out),
        "seed": SEED,
    }


def reconstruction_figures(x: Tensor, x_hat: Tensor) -> dict:
    """mse of pixels in [0, 1], and psnr in decibels."""
    mse = (x - x_hat).square().mean().item()
    return {"mse": mse, "psnr": metrics.psnr(mse)}


@torch.no_grad()
def likelihood_figures(model: VAE, ds: data.Dataset, likelihood: losses.Gaussian, progress: bool = False) -> dict:
    """nll, kl, elbo and IWAE bound in nats per image, elbo and bound in bits per dimension, and active units on `ds`.

    The bound takes 50 draws for each of the first 256 images: elbo_on_the_same is the elbo of those.
    """
    noise = torch.Generator(model.device).manual_seed(SEED)
    every = _bar(batches(model, ds), "likelihood", progress)
    nll = torch.cat([losses.nll(x, model(x, noise)[0], likelihood) for x in every]).mean().item()
    mu, logvar = encode_dataset(model, ds)
    kl = losses.kl_divergence(mu, logvar).mean().item()
    few = list(data.loader(ds.subset(IWAE_IMAGES), 32, device=model.device))
    bounds = {
        k: torch.cat(
            [metrics.iwae_bound(model, x, k, likelihood, noise) for x in _bar(few, f"IWAE, k = {k}", progress)]
        )
        for k in (IMPORTANCE_SAMPLES, 1)
    }
    iwae, pixels = bounds[IMPORTANCE_SAMPLES].mean().item(), few[0][0].numel()
    return {
        "sigma": likelihood.sigma,
        "nll": nll,
        "kl": kl,
        "elbo": -nll - kl,
        "bits_per_dim": bits_per_dim(-nll - kl, pixels),
        "iwae_bound": iwae,
        "iwae_bits_per_dim": bits_per_dim(iwae, pixels),
        "iwae_draws": IMPORTANCE_SAMPLES,
        "iwae_images": len(bounds[1]),
        "elbo_on_the_same": bounds[1].mean().item(),
        "active_units": metrics.active_units(mu, logvar),
        "latent_dim": model.latent_dim,
    }


def bits_per_dim(log_density: float, pixels: int) -> float:
    """Bits per pixel and channel of 8-bit images, from a log-density in nats of pixels scaled to [0, 1].

    A grey level counts as a bin of width 1/256, hence the 8 (Theis, van den Oord & Bethge 2016). The loader's levels
    k / 255 are 1/255 apart: with log2(255) all values would be 0.006 lower.
    """
    return -log_density / pixels / math.log(2) + 8


def feature_extractors(
    train: data.Dataset,
    judge: attributes.AttributeNetwork | None,
    with_inception: bool,
    device: torch.device,
    not_computed: dict[str, str],
) -> tuple[dict[str, Extractor], dict[str, str]]:
    """The ways to look at images and what each is, by name, the most telling one first.

    `not_computed` is told why one is not there.
    """
    extractors, about = {}, {}
    if judge:
        extractors["attributes"] = partial(attributes.features, judge)
        about["attributes"] = (
            f"{judge.channels[-1]} features of {attributes.SHIPPED.name}, which names CelebA's attributes"
        )
    else:
        smallest = attributes.IMAGE_SIZE
        not_computed["attributes"] = not_computed["edits"] = f"the network is for images of {smallest} pixels or more"
    few = train.subset(MOST_IMAGES)
    components = min(COMPONENTS, len(few))
    extractors["pixels"] = metrics.PixelFeatures(components).fit(all_images(few))
    about["pixels"] = f"{components} principal components of the pixels of {TRAINING}"
    if not with_inception:
        not_computed["inception"] = "--inception was not given"
        return extractors, about
    try:
        extractors["inception"] = inception.load(device)
        about["inception"] = inception.about()
    except UserError as error:
        not_computed["inception"] = str(error)
    return extractors, about


def image_sets(
    model: LatentModel, train: data.Dataset, x: Tensor, x_hat: Tensor, statistics: Statistics, progress: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """What is compared with the held-out images x, and they themselves: names and images, as many as x has.

    One set at a time, because at 128 pixels each takes 400 MB (and the same sharpened as much again).
    """
    yield HELD_OUT, x
    yield TRAINING, all_images(train.subset(len(x)))
    yield RECONSTRUCTIONS, x_hat
    for name, prior in {"normal": StandardNormal(model.latent_dim), **statistics.priors}.items():
        yield samples_of(name), sample_all(model, len(x), prior, SEED, progress)


def with_sharpened(sets: Iterable[tuple[str, Tensor]], sharpener: Sharpener | None) -> Iterator[tuple[str, Tensor]]:
    """The sets, and after each one that the model has painted the same images sharpened, under a name of their own."""
    for title, images in sets:
        yield title, images
        if sharpener and title not in REAL:
            yield SHARPENED_PREFIX + title, sharpener(images)


def plain_features(features: Features) -> Features:
    """The features of real images and of what the model has painted."""
    return {
        name: {title: seen for title, seen in sets.items() if not title.startswith(SHARPENED_PREFIX)}
        for name, sets in features.items()
    }


def sharpened_features(features: Features) -> Features:
    """The features of real images, and of what the model has painted once it is sharpened, under the same names."""
    return {
        name: {
            title.removeprefix(SHARPENED_PREFIX): seen
            for title, seen in sets.items()
            if title in REAL or title.startswith(SHARPENED_PREFIX)
        }
        for name, sets in features.items()
    }


def first_features(extractors: dict[str, Extractor], images: Iterable[Tensor], progress: bool = False) -> Tensor:
    """The features (N, D) of batches of training images, in the first of these ways to look at them."""
    main, extract = next(iter(extractors.items()))
    return torch.cat([extract(part) for part in _bar(images, f"{main}: all {TRAINING}", progress)])


def features_of(
    extractors: dict[str, Extractor], sets: Iterable[tuple[str, Tensor]], progress: bool = False
) -> Features:
    """The features (N, D) of every set, by the names of extractor and set."""
    features = {name: {} for name in extractors}
    for title, images in sets:
        for name, extract in extractors.items():
            bar = _bar(images.split(AT_ONCE), f"{name}: {title}", progress)
            features[name][title] = torch.cat([extract(part) for part in bar])
    return features


def all_edits(
    model: LatentModel,
    held_out: data.Dataset,
    statistics: Statistics,
    judge: attributes.AttributeNetwork,
    paints: dict[str, Paint],
    not_computed: dict[str, str],
    progress: bool = False,
) -> dict[str, dict]:
    """`editing.edit_figures` of every attribute in `EDITED` that the run has a direction for, for each of `paints`.

    These make images of codes, both where model and judge are; their names are those of their edits. With
    judge_accuracy, that on `held_out` (None without labels). `not_computed` is told why an edit is not there.
    """
    directions = {name: statistics.direction(name) for name in EDITED if name in statistics.attribute_names}
    if not directions:
        not_computed |= dict.fromkeys(paints, f"the run knows no direction of {' or '.join(EDITED)}")
        return {called: {} for called in paints}
    mu, _ = encode_dataset(model, held_out)
    accuracy = judge_accuracies(judge, held_out)
    edits = {called: {} for called in paints}
    for (called, paint), (name, direction) in product(paints.items(), directions.items()):
        try:
            figures = _edit(paint, mu, direction, name, judge, progress)
            edits[called][name] = figures | {"judge_accuracy": accuracy.get(name)}
        except UserError as error:
            not_computed[f"{called}: {name}"] = str(error)
    return edits


def _edit(
    paint: Paint, mu: Tensor, direction: Tensor, name: str, judge: attributes.AttributeNetwork, progress: bool
) -> dict:
    def decode(z: Tensor) -> Tensor:
        return paint(z.to(judge.device))

    ask = partial(attributes.probabilities, judge)
    return edit_figures(decode, mu, direction, name, ask, judge.attribute_names, progress=progress)


def judge_accuracies(judge: attributes.AttributeNetwork, ds: data.Dataset) -> dict[str, float]:
    """The judge's accuracy on the labels of `ds`, by name, for the attributes that both have names for."""
    names = [name for name in ds.attribute_names if name in judge.attribute_names]
    if not names:
        return {}
    said = attributes.probabilities(judge, all_images(ds)) > SEEN
    met = [
        said[:, judge.attribute_names.index(name)] == ds.attributes[:, ds.attribute_names.index(name)] for name in names
    ]
    return {name: column.double().mean().item() for name, column in zip(names, met, strict=True)}


def batches(model: LatentModel, ds: data.Dataset) -> data.Loader:
    """The images of `ds` in order, on the model's device."""
    return data.loader(ds, AT_ONCE, device=model.device)


def all_images(ds: data.Dataset) -> Tensor:
    """Every image of `ds`: float32 (N, 3, H, W) in [0, 1]."""
    return torch.cat(list(data.loader(ds, AT_ONCE)))


@torch.no_grad()
def reconstruct_all(model: LatentModel, ds: data.Dataset, progress: bool = False) -> Tensor:
    """The deterministic reconstruction of every image of `ds`, on the CPU."""
    return torch.cat([model.reconstruct(x).cpu() for x in _bar(batches(model, ds), RECONSTRUCTIONS, progress)])


def sample_all(model: LatentModel, n: int, prior: Prior, seed: int = 0, progress: bool = False) -> Tensor:
    """n samples from `prior`, decoded 256 at a time, on the CPU."""
    noise = torch.Generator().manual_seed(seed)
    starts = _bar(range(0, n, AT_ONCE), "samples", progress)
    return torch.cat([model.sample(min(AT_ONCE, n - start), prior, noise).cpu() for start in starts])


def _bar(batches: Iterable, title: str, progress: bool) -> Iterable:
    return tqdm(batches, title, leave=False, unit="batch", disable=None if progress else True)
