"""Models as files: safetensors, which hold tensors and a little text and cannot run code.

One file holds the weights, with the architecture in its header. Another holds the pixel flow, and a third the state
that a stopped training run needs to continue. A file may come from an untrusted source, so everything in it is checked
before use. Shipped files are float16; loaded tensors are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..models import MODELS, LatentModel
from ..support.errors import UserError
from ..support.tensorfiles import in_float32, read_about, read_tensors, with_prefix, write_tensors

if TYPE_CHECKING:  # imported only for types: sampling from a model should not wait for them
    from ..detail import Detail
    from ..training import Training


def write_model(path: Path, model: LatentModel, before: Callable[[], None] | None = None) -> None:
    """Write the weights in their own precision, and the architecture in the header.

    `before` is called when they are on the disk, before they replace older ones.
    """
    write_tensors(path, model.state_dict(), {"model": type(model).__name__, "config": model.config}, before)


def read_model(path: Path) -> LatentModel:
    """The model that `write_model` wrote, on the CPU, in evaluation mode.

    Raises `UserError` if the file is missing, is a pickle, is damaged, or describes another architecture than it holds.
    """
    tensors, about = read_tensors(path)
    model = _empty_model(path, about)
    try:
        # Assigned to a model without storage, so a header with false sizes cannot fill the memory.
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
    """The arguments of the model at `path`, without reading its weights. Raises as `read_model` does."""
    return _empty_model(path, read_about(path)).config


def write_detail(path: Path, detail: Detail) -> None:
    """Write the weights of a pixel flow in their own precision."""
    write_tensors(path, detail.tensors(), {})


def read_detail(path: Path, architecture: dict) -> Detail:
    """Read the pixel flow of the model with these arguments.

    Raises `UserError` if the file is missing or damaged, or belongs to a model of another image size.
    """
    from ..detail import Detail, patch_of

    tensors, _ = read_tensors(path)
    try:
        detail = Detail.from_tensors(in_float32(tensors))
        if not all(tensor.isfinite().all() for tensor in detail.tensors().values()):
            raise ValueError("its weights are not finite")
        if detail.network.patch != patch_of(architecture["image_size"]):
            raise ValueError(f"it is not for images of {architecture['image_size']} pixels")
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path} is incomplete or inconsistent ({error}): remove it, and give `vaelib refine {path.parent}`."
        ) from error
    return detail


def write_resume(path: Path, training: Training) -> None:
    """Write weights, Adam's moments and the history to one file, so that all belong to the same epoch."""
    model = training.state
    weights = {f"model.{key}": value for key, value in model.state_dict().items()}
    about = {"model": type(model).__name__, "config": model.config, "history": training.history}
    write_tensors(path, weights | adam_moments(training.optimizer), about)


def adam_moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments and step counts of Adam, by names that begin with "adam."."""
    return {
        f"adam.{index}.{key}": value
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def epochs_in(path: Path) -> int:
    """The number of finished epochs in a file that `write_resume` wrote. Raises `UserError` if it is damaged."""
    history = read_about(path).get("history")
    if not isinstance(history, list):
        raise UserError(f"{path} holds no history: remove the file to train from the first epoch, or copy it again.")
    return len(history)


def read_resume(path: Path, training: Training) -> None:
    """Restore the state that `write_resume` wrote, in place.

    A run that was stopped before its first epoch ended has no such file, so its training starts at the first epoch.
    """
    if not path.is_file():
        return
    tensors, about = read_tensors(path)
    model = training.state
    try:
        model.load_state_dict(with_prefix(tensors, "model."))
        load_moments(training.optimizer, with_prefix(tensors, "adam."))
        training.history = list(about["history"])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} belongs to another architecture than this run's ({type(model).__name__} {model.config}): resume "
            "with the run's own settings, or start another with --out."
        ) from error


def load_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    """Restore each parameter's moments in the memory format of the parameter, as fused Adam requires."""
    state = {}
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        own = with_prefix(moments, f"{index}.")
        if own["exp_avg"].shape != parameter.shape or own["exp_avg_sq"].shape != parameter.shape:
            raise ValueError(f"moments of parameter {index}")
        state[index] = {
            key: torch.empty_like(parameter).copy_(value) if value.dim() else value for key, value in own.items()
        }
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
