"""What is fitted after training and kept with a model: priors, attribute directions, a sharpener; held-out codes.

`Statistics` describe the distribution of the codes and the contrast that the decoder loses. `Codes` are the codes of
some held-out images. Both are written as safetensors. A file may come from an untrusted source, so everything in it is
checked before use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .. import data
from ..flow import Flow
from ..latent import attribute_direction, encode_dataset, reconstruct_all
from ..models import LatentModel
from ..priors import Gaussian, GaussianMixture
from ..sharpening import Sharpener, bands
from ..support.errors import UserError, unknown
from ..support.tensorfiles import in_float32, read_tensors, with_prefix, write_tensors

FittedPrior = Gaussian | GaussianMixture | Flow
PRIORS: dict[str, type[FittedPrior]] = {"gaussian": Gaussian, "gmm": GaussianMixture}  # of every run
OPTIONAL_PRIORS: dict[str, type[FittedPrior]] = {"flow": Flow}
COMPONENTS = 10  # of the Gaussian mixture
HELD_OUT_CODES = 500  # number of validation images whose codes a run keeps
SHARPENED_ON = 2_000  # number of training images that the sharpener is fitted to


@dataclass
class Statistics:
    """What sampling and editing need besides the model.

    `priors` are stored by their names on the command line. `directions` (A, latent_dim) has one row per attribute name.
    `sigma` is the root-mean-square error on the training images, in units of pixels in [0, 1]: the standard deviation
    of a calibrated decoder. `sharpener` is None in the file of a run that was trained before sharpeners existed.
    """

    priors: dict[str, FittedPrior]
    sigma: float
    attribute_names: list[str] = field(default_factory=list)
    directions: Tensor = field(default_factory=lambda: torch.empty(0))
    sharpener: Sharpener | None = None

    def prior(self, name: str) -> FittedPrior:
        """The fitted prior of that name. Raises a `UserError` that lists the priors and says how to fit a flow."""
        if name not in self.priors:
            known = " or ".join(self.priors)
            raise UserError(
                f"This run has no {name}: choose {known}, or train it with a flow: `vaelib train NAME --set "
                "flow_steps=5000`, and with --resume if the run is yours."
            )
        return self.priors[name]

    def direction(self, attribute: str) -> Tensor:
        """The direction (latent_dim,) of an attribute. Raises a `UserError` that suggests the nearest names."""
        if not self.attribute_names:
            raise UserError("This run's images had no attributes, so nothing can be edited: train on faces or celeba.")
        if attribute not in self.attribute_names:
            raise unknown("attribute", attribute, self.attribute_names)
        return self.directions[self.attribute_names.index(attribute)]


@dataclass
class Codes:
    """The posteriors of some held-out images, from which interpolations and edits can start without the dataset.

    The images are the first images of the validation split, in order. `mu` is (N, latent_dim), `logvar` the same, or
    None for an autoencoder. `attributes` is bool (N, A) with one column per name, or None if there are no labels.
    """

    mu: Tensor
    logvar: Tensor | None = None
    attributes: Tensor | None = None
    attribute_names: list[str] = field(default_factory=list)

    def lacking(self, attribute: str) -> Tensor:
        """The means (n, latent_dim) of images labelled as without the attribute, or of all images if there are none."""
        if self.attributes is None or attribute not in self.attribute_names:
            return self.mu
        lacks = ~self.attributes[:, self.attribute_names.index(attribute)]
        return self.mu[lacks] if lacks.any() else self.mu


def write_statistics(path: Path, statistics: Statistics) -> None:
    """Write statistics to a file; of a covariance only the lower triangle is stored."""
    tensors = {
        f"{name}.{key}": _triangle(value) if "covariance" in key else value
        for name, prior in statistics.priors.items()
        for key, value in prior.tensors().items()
    }
    tensors["directions"] = statistics.directions
    if statistics.sharpener:
        tensors |= {f"sharpener.{key}": value for key, value in statistics.sharpener.tensors().items()}
    about = {"sigma": statistics.sigma, "attribute_names": statistics.attribute_names}
    write_tensors(path, tensors, about)


def read_statistics(path: Path, architecture: dict) -> Statistics:
    """Read the statistics of the model with these arguments.

    Raises `UserError` if the file is missing or damaged, or belongs to another model.
    """
    tensors, about = read_tensors(path)
    d = architecture["latent_dim"]
    with _inconsistency_as_user_error(path):
        tensors = {
            key: _symmetric(value, d) if "covariance" in key else value for key, value in in_float32(tensors).items()
        }
        statistics = Statistics(_priors(tensors), float(about["sigma"]), _names(about), tensors["directions"])
        if sharpening := with_prefix(tensors, "sharpener."):
            statistics.sharpener = Sharpener.from_tensors(sharpening)
        _require_agreement(statistics, d)
        if statistics.sharpener:
            _require("gains", statistics.sharpener.gains, (bands(architecture["image_size"]),))
    return statistics


def _priors(tensors: dict[str, Tensor]) -> dict[str, FittedPrior]:
    parts = {name: with_prefix(tensors, f"{name}.") for name in PRIORS | OPTIONAL_PRIORS}
    kinds = PRIORS | {name: kind for name, kind in OPTIONAL_PRIORS.items() if parts[name]}
    return {name: kind.from_tensors(parts[name]) for name, kind in kinds.items()}


def _triangle(matrices: Tensor) -> Tensor:
    """The lower triangles (..., d (d + 1) / 2) of symmetric matrices (..., d, d)."""
    rows, columns = torch.tril_indices(*matrices.shape[-2:])
    return matrices[..., rows, columns]


def _symmetric(triangles: Tensor, d: int) -> Tensor:
    """The symmetric matrices (..., d, d) with these triangles. Raises `ValueError` for a wrong size."""
    if triangles.shape[-1] != d * (d + 1) // 2:
        raise ValueError(f"covariances have {triangles.shape[-1]} entries and should have {d * (d + 1) // 2}")
    rows, columns = torch.tril_indices(d, d)
    matrices = triangles.new_empty(*triangles.shape[:-1], d, d)
    matrices[..., rows, columns] = matrices[..., columns, rows] = triangles
    return matrices


def _require_agreement(statistics: Statistics, d: int) -> None:
    """Raise `ValueError` unless all tensors are finite, fit latent dimension d, and every name has a direction."""
    gaussian, mixture = (statistics.priors[name].tensors() for name in ("gaussian", "gmm"))
    k = len(mixture["weights"])
    shapes = {"mean": (d,), "covariance": (d, d), "weights": (k,), "means": (k, d), "covariances": (k, d, d)}
    for name, tensor in (gaussian | mixture).items():
        _require(name, tensor, shapes[name])
    if not ((mixture["weights"] >= 0).all() and mixture["weights"].sum() > 0):
        raise ValueError("weights are not those of a mixture")
    if "flow" in statistics.priors:
        weights = statistics.priors["flow"].tensors()  # whose shapes `Flow.from_tensors` has checked
        for name, tensor in weights.items():
            _require(name, tensor, (d,) if name in ("mean", "std") else tensor.shape)
    if statistics.attribute_names:
        _require("directions", statistics.directions, (len(statistics.attribute_names), d))
    for prior in statistics.priors.values():
        prior.sample(1, torch.Generator())  # raises LinAlgError if a covariance is not positive-definite


def write_codes(path: Path, codes: Codes) -> None:
    """Write codes to a file; logvar and attributes only if there are any."""
    tensors = {"mu": codes.mu, "logvar": codes.logvar, "attributes": codes.attributes}
    known = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    write_tensors(path, known, {"attribute_names": codes.attribute_names})


def read_codes(path: Path, architecture: dict) -> Codes:
    """Read the codes of the model with these arguments. Raises `UserError` as `read_statistics` does."""
    tensors, about = read_tensors(path)
    tensors = in_float32(tensors)
    with _inconsistency_as_user_error(path):
        codes = Codes(tensors["mu"], tensors.get("logvar"), tensors.get("attributes"), _names(about))
        shape = (len(codes.mu), architecture["latent_dim"])
        _require("mu", codes.mu, shape)
        if codes.logvar is not None:
            _require("logvar", codes.logvar, shape)
        if codes.attributes is not None:
            _require("attributes", codes.attributes, (shape[0], len(codes.attribute_names)), torch.bool)
    return codes


@contextmanager
def _inconsistency_as_user_error(path: Path) -> Iterator[None]:
    """Turn errors caused by the contents of `path` into a `UserError`."""
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise UserError(f"{path} is incomplete or inconsistent ({error}): train or copy the run again.") from error


def _require(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> None:
    """Raise `ValueError` unless the tensor has that shape and type, and all its values are finite."""
    if tensor.shape != shape:
        raise ValueError(f"{name} is {tuple(tensor.shape)} and should be {shape}")
    if tensor.dtype != dtype:
        raise ValueError(f"{name} is of {tensor.dtype} and should be of {dtype}")
    if not tensor.isfinite().all():
        raise ValueError(f"{name} is not finite")


def _names(about: dict) -> list[str]:
    names = about["attribute_names"]
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise TypeError("attribute_names is no list of names")
    return names


def fit_statistics(
    model: LatentModel,
    ds: data.Dataset,
    sigma: float,
    progress: bool = True,
    flip: bool = False,
    flow_steps: int = 0,
) -> Statistics:
    """Encode `ds` and fit a Gaussian, a Gaussian mixture, the attributes' directions and a sharpener.

    With `flip` the densities are also fitted to the codes of the mirror images; with `flow_steps` a flow is fitted too.
    """
    mu, logvar = encode_for_priors(model, ds, flip, progress)
    fitted: dict[str, FittedPrior] = {
        "gaussian": Gaussian().fit(mu, logvar),
        "gmm": GaussianMixture(COMPONENTS).fit(mu, logvar),
    }
    if flow_steps:
        fitted["flow"] = fit_flow(model, mu, logvar, flow_steps, progress)
    names, directions = _directions(mu[: len(ds)], ds)
    return Statistics(fitted, float(sigma), names, directions, fit_sharpener(model, ds))


def fit_sharpener(model: LatentModel, ds: data.Dataset) -> Sharpener:
    """A sharpener for the model's images, fitted to the first 2,000 images of `ds` and their reconstructions."""
    few = ds.subset(SHARPENED_ON)
    return Sharpener().fit(data.all_images(few), reconstruct_all(model, few))


def encode_for_priors(
    model: LatentModel, ds: data.Dataset, flip: bool, progress: bool = True
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """mu and logvar of all images (for an autoencoder z and None); with `flip`, followed by their mirror images'."""
    mu, logvar = encode_dataset(model, ds, progress=progress)
    if not flip:
        return mu, logvar
    other_mu, other_logvar = encode_dataset(model, ds, progress=progress, mirrored=True)
    if logvar is None or other_logvar is None:
        return torch.cat([mu, other_mu]), None
    return torch.cat([mu, other_mu]), torch.cat([logvar, other_logvar])


def fit_flow(
    model: LatentModel, mu: torch.Tensor, logvar: torch.Tensor | None, steps: int, progress: bool = True
) -> Flow:
    """A flow that is fitted to these posteriors on the model's device: on a GPU it takes seconds."""
    place = model.device
    return Flow(steps).fit(mu.to(place), None if logvar is None else logvar.to(place), progress)


def _directions(mu: torch.Tensor, ds: data.Dataset) -> tuple[list[str], torch.Tensor]:
    """The attributes that some images have and others lack, and their directions (A, latent_dim)."""
    if ds.attributes is None:
        return [], torch.empty(0)
    kept = [i for i, column in enumerate(ds.attributes.T) if 0 < column.sum() < len(column)]
    directions = [attribute_direction(mu, ds.attributes[:, i]) for i in kept]
    return [ds.attribute_names[i] for i in kept], torch.stack(directions) if directions else torch.empty(0)


def encode_held_out(model: LatentModel, valid: data.Dataset) -> Codes:
    """The codes of the first 500 validation images, from which interpolations and edits can start."""
    shown = valid.subset(HELD_OUT_CODES)
    return Codes(*encode_dataset(model, shown), shown.attributes, shown.attribute_names)
