"""Models as files: safetensors, which hold numbers and a little text and cannot run code.

The weights lie in one file, with the architecture in its header; all that a stopped training needs to go on lies in
another. A file may come from a stranger, so nothing in it is believed before it is checked. Shipped files are float16;
what is loaded is float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..models import MODELS, LatentModel
from ..support.errors import UserError
from ..support.tensorfiles import in_float32, read_about, read_tensors, with_prefix, write_tensors

if TYPE_CHECKING:  # to draw from a model, nobody should wait for the import of what trains
    from ..training import Training


def write_model(path: Path, model: LatentModel) -> None:
    """Write the weights as they are, and the architecture."""
    write_tensors(path, model.state_dict(), {"model": type(model).__name__, "config": model.config})


def read_model(path: Path) -> LatentModel:
    """The model that `write_model` wrote, on the CPU, in evaluation mode.

    Raises `UserError` if the file is missing, is a pickle, is damaged, or describes another architecture than it holds.
    """
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
    return model.eval()


def _empty_model(path: Path, about: dict) -> LatentModel:
    try:
        with torch.device("meta"):
            return MODELS[about["model"]](**about["config"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path} does not say which of vaelib's architectures it belongs to: only files that `vaelib train` wrote "
            "can be loaded."
        ) from error


def read_architecture(path: Path) -> dict:
    """The arguments of the model whose weights lie at `path`; none of these is read. Raises as `read_model` does."""
    return _empty_model(path, read_about(path)).config


def write_resume(path: Path, training: Training) -> None:
    """Write weights, Adam's moments and the history, in one file and so of one epoch."""
    moments = {
        f"adam.{index}.{key}": value
        for index, state in training.optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }
    model = training.state
    weights = {f"model.{key}": value for key, value in model.state_dict().items()}
    about = {"model": type(model).__name__, "config": model.config, "history": training.history}
    write_tensors(path, weights | moments, about)


def read_resume(path: Path, training: Training) -> None:
    """Put what `write_resume` wrote back into `training`, in place.

    A run that was stopped before its first epoch ended has no such file: its training starts at the first.
    """
    if not path.is_file():
        return
    tensors, about = read_tensors(path)
    model = training.state
    try:
        model.load_state_dict(with_prefix(tensors, "model."))
        _load_moments(training.optimizer, with_prefix(tensors, "adam."))
        training.history = list(about["history"])
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
