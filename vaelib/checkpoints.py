"""Saving and loading models: safetensors files, which hold numbers and a little text and cannot run code.

A run's folder holds `model.safetensors` (the weights, with the architecture in the header), `resume.safetensors` (all
that training needs to go on), `statistics.safetensors` (where the encoder puts the data, attribute directions, the
gains of a sharpener) and `codes.safetensors` (some held-out images, encoded). A file may come from a stranger, so
nothing in it is believed before it is checked. Shipped files are float16; what is loaded is float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from . import experiments, models
from .errors import UserError, unknown
from .files import explained_disk_errors
from .flow import Flow
from .priors import Gaussian, GaussianMixture
from .sharpening import Sharpener, bands
from .tensorfiles import in_float32, read_about, read_tensors, with_prefix, write_tensors

MODEL, RESUME = "model.safetensors", "resume.safetensors"
STATISTICS, CODES = "statistics.safetensors", "codes.safetensors"
SHIPPED = experiments.SHIPPED


def shipped() -> list[str]:
    """The names of the checkpoints that come with the package; of other runs it holds the record alone."""
    folders = (path.parent for path in SHIPPED.glob(f"*/{MODEL}"))
    return sorted(folder.name for folder in folders if (folder / experiments.CONFIG).is_file())


def run_folder(name: str | Path) -> Path:
    """The folder of a run: a path, or the name of a shipped checkpoint.

    Raises `UserError` if there is neither, or if it holds no weights.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / MODEL).is_file():
            raise UserError(f"{folder} holds no {MODEL}: name a folder that `vaelib train` has written.")
        return folder
    if str(name) in shipped():
        return SHIPPED / name
    if (SHIPPED / name / experiments.CONFIG).is_file():
        raise UserError(
            f"Of {name} only the record is shipped, not the weights: `vaelib train {name}` makes them, in runs/{name}."
        )
    if str(name) in experiments.names():
        raise UserError(f"{name} is an experiment, and no run of it is shipped: `vaelib train {name}` makes one.")
    known = [*shipped(), *map(str, Path("runs").glob("*/"))]
    raise unknown("run or shipped checkpoint", str(name), known or ["runs/NAME"])


def save(run: str | Path, model: models.LatentModel) -> None:
    """Write the weights and the architecture to RUN/model.safetensors, in float32 and so bit for bit.

    Statistics and codes that lie there are removed first: they describe the weights that are replaced.
    """
    with explained_disk_errors(run):
        for name in (STATISTICS, CODES):
            (Path(run) / name).unlink(missing_ok=True)
    write_tensors(Path(run) / MODEL, model.state_dict(), {"model": type(model).__name__, "config": model.config})


def load(name: str | Path, device: str | torch.device = "cpu") -> models.LatentModel:
    """The model of a run's folder or of a shipped checkpoint, in evaluation mode.

    Raises `UserError` if the file is missing, is a pickle, is damaged, or describes another architecture than it holds.
    """
    path = run_folder(name) / MODEL
    tensors, about = read_tensors(path)
    model = _empty_model(path, about)
    try:
        # Assigned to a model without storage: a header that lies about its sizes costs no memory.
        model.load_state_dict(in_float32(tensors), assign=True)
    except RuntimeError as error:
        raise UserError(
            f"{path} does not hold the weights of the architecture in its header ({type(model).__name__} "
            f"{model.config}): train or copy the run again."
        ) from error
    return model.to(device).eval()


def _empty_model(path: Path, about: dict) -> models.LatentModel:
    try:
        with torch.device("meta"):
            return experiments.MODELS[about["model"]](**about["config"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path} does not say which of vaelib's architectures it belongs to: only files that `vaelib train` wrote "
            "can be loaded."
        ) from error


@dataclass
class Statistics:
    """Where an encoder puts the data, and what its decoder leaves out: what painting needs besides the model.

    `priors` by the names that the command line uses; `directions` (A, latent_dim), one row per attribute name; `sigma`
    is the root-mean-square error on the training images, the standard deviation of a calibrated decoder; `sharpener`
    is None in a run from before there were any.
    """

    priors: dict[str, Gaussian | GaussianMixture | Flow]
    sigma: float
    attribute_names: list[str] = field(default_factory=list)
    directions: Tensor = field(default_factory=lambda: torch.empty(0))
    sharpener: Sharpener | None = None

    def prior(self, name: str) -> Gaussian | GaussianMixture | Flow:
        """One of the fitted priors. Raises `UserError` that says which there are, and how a run gets a flow."""
        if name not in self.priors:
            known = " or ".join(self.priors)
            raise UserError(
                f"This run has no {name}: choose {known}, or train it with a flow: `vaelib train NAME --set "
                "flow_steps=5000`, and with --resume if the run is yours."
            )
        return self.priors[name]

    def direction(self, attribute: str) -> Tensor:
        """The direction (latent_dim,) of one attribute. Raises `UserError` that suggests the nearest names."""
        if not self.attribute_names:
            raise UserError("This run's images had no attributes, so nothing can be edited: train on faces or celeba.")
        if attribute not in self.attribute_names:
            raise unknown("attribute", attribute, self.attribute_names)
        return self.directions[self.attribute_names.index(attribute)]


PRIORS = {"gaussian": Gaussian, "gmm": GaussianMixture}  # of every run
OPTIONAL_PRIORS = {"flow": Flow}


def save_statistics(run: str | Path, statistics: Statistics) -> None:
    """Write RUN/statistics.safetensors."""
    tensors = {
        f"{name}.{key}": _triangle(value) if "covariance" in key else value
        for name, prior in statistics.priors.items()
        for key, value in prior.tensors().items()
    }
    tensors["directions"] = statistics.directions
    if statistics.sharpener:
        tensors |= {f"sharpener.{key}": value for key, value in statistics.sharpener.tensors().items()}
    about = {"sigma": statistics.sigma, "attribute_names": statistics.attribute_names}
    write_tensors(Path(run) / STATISTICS, tensors, about)


def load_statistics(name: str | Path) -> Statistics:
    """The statistics of a run's folder or of a shipped checkpoint. Raises `UserError` as `load` does."""
    path = run_folder(name) / STATISTICS
    tensors, about = read_tensors(path)
    with _explained(path):
        architecture = _architecture(name)
        d = architecture["latent_dim"]
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


def _priors(tensors: dict[str, Tensor]) -> dict[str, Gaussian | GaussianMixture | Flow]:
    parts = {name: with_prefix(tensors, f"{name}.") for name in PRIORS | OPTIONAL_PRIORS}
    kinds = PRIORS | {name: kind for name, kind in OPTIONAL_PRIORS.items() if parts[name]}
    return {name: kind.from_tensors(parts[name]) for name, kind in kinds.items()}


def _triangle(matrices: Tensor) -> Tensor:
    """The lower triangles (..., d (d + 1) / 2) of symmetric matrices (..., d, d): the rest says the same again."""
    rows, columns = torch.tril_indices(*matrices.shape[-2:])
    return matrices[..., rows, columns]


def _symmetric(triangles: Tensor, d: int) -> Tensor:
    """The symmetric matrices (..., d, d) of these triangles. Raises `ValueError` if they are of another size."""
    if triangles.shape[-1] != d * (d + 1) // 2:
        raise ValueError(f"covariances have {triangles.shape[-1]} entries and should have {d * (d + 1) // 2}")
    rows, columns = torch.tril_indices(d, d)
    matrices = triangles.new_empty(*triangles.shape[:-1], d, d)
    matrices[..., rows, columns] = matrices[..., columns, rows] = triangles
    return matrices


def _require_agreement(statistics: Statistics, d: int) -> None:
    """Raise `ValueError` unless all is finite and of the model's latent dimension d, with a direction for each name."""
    gaussian, mixture = (statistics.priors[name].tensors() for name in ("gaussian", "gmm"))
    k = len(mixture["weights"])
    shapes = {"mean": (d,), "covariance": (d, d), "weights": (k,), "means": (k, d), "covariances": (k, d, d)}
    for name, tensor in (gaussian | mixture).items():
        _require(name, tensor, shapes[name])
    if not ((mixture["weights"] >= 0).all() and mixture["weights"].sum() > 0):
        raise ValueError("weights are not those of a mixture")
    if "flow" in statistics.priors:
        weights = statistics.priors["flow"].tensors()  # which fit each other
        for name, tensor in weights.items():
            _require(name, tensor, (d,) if name in ("mean", "std") else tensor.shape)
    if statistics.attribute_names:
        _require("directions", statistics.directions, (len(statistics.attribute_names), d))
    for prior in statistics.priors.values():
        prior.sample(1, torch.Generator())  # raises LinAlgError where a covariance is none


@dataclass
class Codes:
    """The posteriors of some held-out images: what walks and edits need where the images themselves are not at hand.

    They are the first images of the validation split, in order, which the model was not trained on. `mu` is
    (N, latent_dim), `logvar` the same or, of an autoencoder, None; `attributes` is bool (N, A) with one column per
    name, or None if the images have none.
    """

    mu: Tensor
    logvar: Tensor | None = None
    attributes: Tensor | None = None
    attribute_names: list[str] = field(default_factory=list)

    def lacking(self, attribute: str) -> Tensor:
        """The means (n, latent_dim) of the images without an attribute; of all where none is known to lack it."""
        if self.attributes is None or attribute not in self.attribute_names:
            return self.mu
        lacks = ~self.attributes[:, self.attribute_names.index(attribute)]
        return self.mu[lacks] if lacks.any() else self.mu


def save_codes(run: str | Path, codes: Codes) -> None:
    """Write RUN/codes.safetensors."""
    tensors = {"mu": codes.mu, "logvar": codes.logvar, "attributes": codes.attributes}
    known = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    write_tensors(Path(run) / CODES, known, {"attribute_names": codes.attribute_names})


def load_codes(name: str | Path) -> Codes:
    """The codes of a run's folder or of a shipped checkpoint. Raises `UserError` as `load` does."""
    path = run_folder(name) / CODES
    tensors, about = read_tensors(path)
    tensors = in_float32(tensors)
    with _explained(path):
        codes = Codes(tensors["mu"], tensors.get("logvar"), tensors.get("attributes"), _names(about))
        shape = (len(codes.mu), _architecture(name)["latent_dim"])
        _require("mu", codes.mu, shape)
        if codes.logvar is not None:
            _require("logvar", codes.logvar, shape)
        if codes.attributes is not None:
            _require("attributes", codes.attributes, (shape[0], len(codes.attribute_names)), torch.bool)
    return codes


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what is wrong with the contents of `path` into a `UserError`."""
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise UserError(f"{path} is incomplete or inconsistent ({error}): train or copy the run again.") from error


def _require(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> None:
    """Raise `ValueError` unless the tensor has that shape and type and all of it is finite."""
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


def _architecture(name: str | Path) -> dict:
    """What the header of the run's weights says: its other files must agree."""
    return read_about(run_folder(name) / MODEL)["config"]


def save_resume(
    run: str | Path, model: models.LatentModel, optimizer: torch.optim.Optimizer, history: list[dict]
) -> None:
    """Write RUN/resume.safetensors: weights, Adam's moments and the history, in one file and so of one epoch."""
    moments = {
        f"adam.{index}.{key}": value
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }
    weights = {f"model.{key}": value for key, value in model.state_dict().items()}
    write_tensors(
        Path(run) / RESUME,
        weights | moments,
        {"model": type(model).__name__, "config": model.config, "history": history},
    )


def load_resume(run: str | Path, model: models.LatentModel, optimizer: torch.optim.Optimizer) -> list[dict]:
    """Put RUN/resume.safetensors back into `model` and `optimizer` in place, and return the history so far.

    A run that was stopped before its first epoch ended has no such file: its history is empty, it starts again.
    """
    path = Path(run) / RESUME
    if not path.is_file():
        return []
    tensors, about = read_tensors(path)
    try:
        model.load_state_dict(with_prefix(tensors, "model."))
        _load_moments(optimizer, with_prefix(tensors, "adam."))
        return list(about["history"])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} belongs to another architecture than this run's ({type(model).__name__} {model.config}): resume "
            "with the run's own settings, or start another with --out."
        ) from error


def _load_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    """Give every parameter its state back, in the parameter's own memory format: fused Adam reads them side by side."""
    state = {}
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        own = with_prefix(moments, f"{index}.")
        if own["exp_avg"].shape != parameter.shape or own["exp_avg_sq"].shape != parameter.shape:
            raise ValueError(f"moments of parameter {index}")
        state[index] = {
            key: torch.empty_like(parameter).copy_(value) if value.dim() else value for key, value in own.items()
        }
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
