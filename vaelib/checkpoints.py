"""Saving and loading models: safetensors files, which hold numbers and a little text and cannot run code.

A run's folder holds `model.safetensors` (the weights, with the architecture in the header), `resume.safetensors` (all
that training needs to go on) and `statistics.safetensors` (where the encoder puts the data, and attribute directions).
A file may come from a stranger, so nothing in it is believed before it is checked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from . import experiments, models, priors
from .errors import UserError, unknown
from .files import atomic_write

MODEL, RESUME, STATISTICS = "model.safetensors", "resume.safetensors", "statistics.safetensors"
SHIPPED = experiments.SHIPPED


def run_folder(name: str | Path) -> Path:
    """The folder of a run: a path, or the name of a shipped checkpoint. Raises `UserError` if there is neither."""
    for folder in (Path(name), SHIPPED / name):
        if folder.is_dir():
            if not (folder / MODEL).is_file():
                raise UserError(f"{folder} holds no {MODEL}: name a folder that `vaelib train` has written.")
            return folder
    shipped = sorted(folder.name for folder in SHIPPED.glob("*/"))
    raise unknown(
        "run or shipped checkpoint", str(name), [*shipped, *map(str, Path("runs").glob("*/"))] or ["runs/NAME"]
    )


def save(run: str | Path, model: models.LatentModel) -> None:
    """Write the weights and the architecture to RUN/model.safetensors, in float32 and so bit for bit."""
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
        model.load_state_dict(
            {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}, assign=True
        )
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
    """Where an encoder puts the data: what sampling and editing need besides the model.

    `priors` by the names that the command line uses; `directions` (A, latent_dim), one row per attribute name; `sigma`
    is the root-mean-square error on the training images, the standard deviation of a calibrated decoder.
    """

    priors: dict[str, priors.Gaussian | priors.GaussianMixture]
    sigma: float
    attribute_names: list[str] = field(default_factory=list)
    directions: Tensor = field(default_factory=lambda: torch.empty(0))

    def direction(self, attribute: str) -> Tensor:
        """The direction (latent_dim,) of one attribute. Raises `UserError` that suggests the nearest names."""
        if not self.attribute_names:
            raise UserError("This run's images had no attributes, so nothing can be edited: train on faces or celeba.")
        if attribute not in self.attribute_names:
            raise unknown("attribute", attribute, self.attribute_names)
        return self.directions[self.attribute_names.index(attribute)]


PRIORS = {"gaussian": priors.Gaussian, "gmm": priors.GaussianMixture}


def save_statistics(run: str | Path, statistics: Statistics) -> None:
    """Write RUN/statistics.safetensors."""
    tensors = {
        f"{name}.{key}": value for name, prior in statistics.priors.items() for key, value in prior.tensors().items()
    }
    about = {"sigma": statistics.sigma, "attribute_names": statistics.attribute_names}
    write_tensors(Path(run) / STATISTICS, tensors | {"directions": statistics.directions}, about)


def load_statistics(name: str | Path) -> Statistics:
    """The statistics of a run's folder or of a shipped checkpoint."""
    path = run_folder(name) / STATISTICS
    tensors, about = read_tensors(path)
    try:
        fitted = {
            name: kind.from_tensors({key.removeprefix(f"{name}."): value for key, value in tensors.items()})
            for name, kind in PRIORS.items()
        }
        statistics = Statistics(fitted, float(about["sigma"]), list(about["attribute_names"]), tensors["directions"])
        _require_agreement(statistics, read_tensors(run_folder(name) / MODEL)[1]["config"]["latent_dim"])
        return statistics
    except (KeyError, TypeError, ValueError, torch.linalg.LinAlgError) as error:
        raise UserError(f"{path} is incomplete or inconsistent ({error}): train or copy the run again.") from error


def _require_agreement(statistics: Statistics, d: int) -> None:
    """Raise `ValueError` unless all is finite and of the model's latent dimension d, with a direction for each name."""
    gaussian, mixture = (statistics.priors[name].tensors() for name in ("gaussian", "gmm"))
    k = len(mixture["weights"])
    shapes = {"mean": (d,), "covariance": (d, d), "weights": (k,), "means": (k, d), "covariances": (k, d, d)}
    expected = {name: (tensor, shapes[name]) for name, tensor in (gaussian | mixture).items()}
    if statistics.attribute_names:
        expected["directions"] = (statistics.directions, (len(statistics.attribute_names), d))
    for name, (tensor, shape) in expected.items():
        if tensor.shape != shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)} and should be {shape}")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} is not finite")
    for prior in statistics.priors.values():
        prior.sample(1)  # raises LinAlgError where a covariance is none


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict) -> None:
    """Write tensors, and `about` as JSON in the header, so that `path` is never half written."""
    stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_write(path) as partial:
        # Not by safetensors' save_file: a full disk is no OSError there, and nobody else could read its files.
        partial.write_bytes(serialize(stored, {"vaelib": json.dumps(about)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of a safetensors file and what its header says about them, or a `UserError`."""
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: train the run to its end with `vaelib train --resume`, or copy it again."
        )
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["vaelib"])
            return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise _unreadable(path, error) from error
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} was not written by vaelib: only files that `vaelib train` wrote can be loaded."
        ) from error


def _unreadable(path: Path, error: SafetensorError) -> UserError:
    """What is wrong with a file that is no safetensors file: these bytes at its head are no proof of a pickle alone."""
    with path.open("rb") as file:
        start = file.read(2)
    if start == b"PK" or start[:1] == b"\x80":  # torch.save's zip archive, or a bare pickle
        return UserError(
            f"{path} is a pickle, which can run any code when it is loaded: ask for the model as safetensors instead."
        )
    return UserError(f"{path} is truncated or damaged ({error}): copy it again or train again.")


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
        model.load_state_dict(_with_prefix(tensors, "model."))
        _load_moments(optimizer, _with_prefix(tensors, "adam."))
        return list(about["history"])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} belongs to another architecture than this run's ({type(model).__name__} {model.config}): resume "
            "with the run's own settings, or start another with --out."
        ) from error


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _load_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    """Give every parameter its state back, in the parameter's own memory format: fused Adam reads them side by side."""
    state = {}
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        own = _with_prefix(moments, f"{index}.")
        if own["exp_avg"].shape != parameter.shape or own["exp_avg_sq"].shape != parameter.shape:
            raise ValueError(f"moments of parameter {index}")
        state[index] = {
            key: torch.empty_like(parameter).copy_(value) if value.dim() else value for key, value in own.items()
        }
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
