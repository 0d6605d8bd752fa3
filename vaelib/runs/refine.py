"""The pixel flow of a trained run: fitted to the run's own images, and continued if it was stopped."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import torch

from .. import data
from ..detail import Detail, Fitting
from ..support import devices
from ..support.errors import UserError
from ..support.files import disk_errors_as_user_error
from ..support.tensorfiles import read_tensors, with_prefix, write_tensors
from .checkpoints import adam_moments, load_moments
from .run import DETAIL, DETAIL_RESUME, Run

REPORT_EVERY = 1000  # steps: a line each
REMEDY = "stop other programs that use it, or set the environment variable ACCELERATE_USE_CPU=true"


@devices.out_of_memory_as_user_error(REMEDY)
def refine(
    run: Run, steps: int, root: str | Path | None = None, progress: bool = True, start: Run | None = None
) -> None:
    """Fit a pixel flow to the training images of the run's dataset and write it to the run's folder.

    The metrics then say in how many steps it was fitted, and what it cost. The settings say the number of steps, too,
    so that a new run gets such a flow. With `start` the fit begins with the pixel flow of that run, which the metrics
    say and no setting can.

    A stopped fit continues where it stopped; a finished one of as many steps is left as it is. Raises `UserError` if a
    fit of another number of steps, or with another start, was begun and not finished, and if `start` has no pixel flow
    or one of other features.
    """
    plan = {"steps": steps, "start": start.name if start else None}
    if run.has(DETAIL) and {key: run.metrics.get("detail", {}).get(key) for key in plan} == plan:
        return
    experiment = run.experiment
    model = run.model.to(devices.accelerator().device).to(memory_format=torch.channels_last)
    ds = data.load(experiment.dataset, experiment.size, "train", root, progress)
    path, started = run.path(DETAIL_RESUME), time.perf_counter()
    losses: list[float] = []

    def keep(state: Fitting) -> None:
        losses[:] = state.losses
        _write_state(path, state, plan)
        if progress and state.step % REPORT_EVERY == 0:
            print(f"detail {state.step}/{steps}  loss {losses[-1]:.4g}", flush=True)

    detail = Detail(steps, experiment.seed).fit(
        model,
        ds,
        flip=experiment.flip,
        start=start.detail if start else None,
        resume=lambda state: _resume(path, state, plan),
        after_steps=keep,
        progress=progress,
    )
    run.write_detail(detail)
    seconds = time.perf_counter() - started
    run.write_experiment(dataclasses.replace(experiment, detail_steps=0 if start else steps))
    cost = {"seconds": seconds, "hardware": devices.hardware()}
    run.write_metrics({"detail": plan | {"images": len(ds), "losses": losses} | cost})
    with disk_errors_as_user_error(path):
        path.unlink(missing_ok=True)


def _write_state(path: Path, state: Fitting, plan: dict) -> None:
    """Write the network, Adam's moments and the number of the step to one file, so that all belong together."""
    weights = {f"network.{key}": value for key, value in state.network.state_dict().items()}
    write_tensors(path, weights | adam_moments(state.optimizer), plan | {"step": state.step, "losses": state.losses})


def _resume(path: Path, state: Fitting, plan: dict) -> None:
    """Restore the state that `_write_state` wrote, in place, if there is one."""
    if not path.is_file():
        return
    tensors, about = read_tensors(path)
    if {key: about.get(key) for key in plan} != plan:
        raise UserError(
            f"{path} belongs to a fit of {_named(about)}, and {_named(plan)} are asked for: give the old ones to go on "
            "with it, or remove the file to start again."
        )
    try:
        state.network.load_state_dict(with_prefix(tensors, "network."))
        load_moments(state.optimizer, with_prefix(tensors, "adam."))
        state.step, state.losses = int(about["step"]), [float(loss) for loss in about["losses"]]
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path} does not fit this run's pixel flow: remove it to start again.") from error


def _named(plan: dict) -> str:
    return f"{plan.get('steps')} steps" + (f" that start from {plan['start']}" if plan.get("start") else "")
