"""From an experiment to a run: its settings, its training, and the files in its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from .. import data, training
from ..models import LatentModel
from ..support import devices
from ..support.errors import UserError
from ..support.files import make_folder, require_folder_of
from . import checkpoints, experiments, snapshots
from .experiments import Experiment
from .refine import refine
from .run import CODES, CONFIG, HISTORY, MODEL, RESUME, STATISTICS, Run
from .statistics import COMPONENTS, encode_held_out, fit_statistics


def start(
    name: str, overrides: Iterable[str] = (), out: Path | None = None, resume: bool = False
) -> tuple[Experiment, Run]:
    """The settings and the folder of a run of experiment `name`; nothing is written yet.

    A resumed run keeps the settings of its config.toml, changed by `overrides`. Raises `UserError` if the folder holds
    a run and `resume` is not set, or if the folder cannot be made.
    """
    run = Run(out or Path("runs") / name)
    if out:
        require_folder_of(run.folder)
    if not run.has(CONFIG):
        return experiments.load(name, overrides), run
    if not resume:
        raise UserError(f"{run} holds a run already: go on with it by --resume, or choose another folder with --out.")
    continued = experiments.read(run.path(CONFIG), overrides)
    _require_same_architecture(run, continued)
    return continued, run


def _require_same_architecture(run: Run, continued: Experiment) -> None:
    for key in ("size", "model", "latent_dim", "channels"):
        if getattr(run.experiment, key) != getattr(continued, key):
            raise UserError(
                f"{run} was trained with {key} = {getattr(run.experiment, key)}, which cannot change: resume without "
                "changing it, or start a new run with --out."
            )


@devices.lost_process_as_user_error("go on by the same command with --resume")
@devices.out_of_memory_as_user_error("lower the batch size (--set batch_size=...), or stop other programs that use it")
def train(
    experiment: Experiment, run: Run, root: str | Path | None = None, resume: bool = False, progress: bool = True
) -> pd.DataFrame:
    """Train the experiment's model and write the folder of `run`; statistics, codes and metrics come at the end.

    The folder is made after the settings and the data have been checked, so a mistake in them leaves nothing behind.
    When a resumed run trains further, the statistics, codes and metrics of its old weights are removed; a run that is
    finished and has these settings is left as it is. Raises `UserError` if the GPU's memory is full, or if another
    process of the run has ended.
    """
    accelerator = devices.accelerator()
    accelerator.wait_for_everyone()  # a process that is still in `start` must not see the folder of this run
    if experiment.compile:
        devices.require_compiler(accelerator)
    experiment = dataclasses.replace(experiment, dataset=data.located(experiment.dataset))
    done = _epochs_done(run) if resume else 0
    if done and _is_finished(run, experiment, done):
        if accelerator.is_main_process and experiment.detail_steps:
            refine(run, experiment.detail_steps, root, progress)
        return run.history
    torch.manual_seed(experiment.seed)
    model = experiment.build_model()  # before the data, which may take long: a bad shape fails here
    train_set = data.load(experiment.dataset, experiment.size, "train", root, progress)
    valid_set = data.load(experiment.dataset, experiment.size, "valid", root, progress)
    _require_enough(train_set, experiment)
    if accelerator.is_main_process:
        make_folder(run.folder)
        run.write_experiment(experiment)
    settings = experiment.training_settings()
    history = fit(run, model, train_set, valid_set, resume=resume, progress=progress, **settings)
    if accelerator.is_main_process:
        sigma = history["sigma"].iloc[-1]
        run.write_statistics(fit_statistics(model, train_set, sigma, progress, experiment.flip, experiment.flow_steps))
        run.write_codes(encode_held_out(model, valid_set))
        if len(history) > done or "training" not in run.metrics:
            images = {"train_images": len(train_set), "valid_images": len(valid_set)}
            run.write_metrics({"training": images | training_metrics(experiment, history)})
        if experiment.detail_steps:
            refine(run, experiment.detail_steps, root, progress)
    return history


def fit(
    run: Run,
    model: LatentModel,
    train_set: data.Dataset,
    valid_set: data.Dataset,
    *,
    resume: bool = False,
    progress: bool = True,
    **settings,
) -> pd.DataFrame:
    """Call `training.fit` and write to the existing folder of `run`; with `resume`, continue after its last epoch.

    After every epoch the folder holds the table of all epochs, pictures, the weights, and the state to resume from; at
    the end also an animation. However training ends, metrics.json keeps no metrics of weights that were replaced.
    """

    trained = []

    def write_epoch(state: training.Training) -> None:
        trained.append(len(state.history))
        run.write_history(pd.DataFrame(state.history))
        snapshots.write_pictures(run, state.kept, valid_set, len(state.history))
        run.write_model(state.kept)
        checkpoints.write_resume(run.path(RESUME), state)  # last: an epoch counts as finished when this file is there

    def restore(state: training.Training) -> None:
        checkpoints.read_resume(run.path(RESUME), state)

    is_main_process = devices.accelerator().is_main_process
    try:
        history = training.fit(
            model,
            train_set,
            valid_set,
            resume=restore if resume else None,
            after_epoch=write_epoch,
            progress=progress,
            **settings,
        )
        if trained:
            snapshots.write_animation(run, len(history))
    finally:
        if is_main_process:
            run.forget_old_evaluations()
    return history


def _epochs_done(run: Run) -> int:
    """The epochs that a resumed run continues after."""
    return checkpoints.epochs_in(run.path(RESUME)) if run.has(RESUME) else 0


def _is_finished(run: Run, experiment: Experiment, done: int) -> bool:
    """Whether a run of these settings has nothing left to train, to fit or to measure."""
    written = all(map(run.has, (CONFIG, MODEL, HISTORY, STATISTICS, CODES)))
    same = written and dataclasses.replace(run.experiment, detail_steps=experiment.detail_steps) == experiment
    return same and done >= experiment.epochs and "training" in run.metrics


def _require_enough(train_set: data.Dataset, experiment: Experiment) -> None:
    """Raise `UserError` unless the images fill a batch and are enough for `fit_statistics` at the end."""
    needed = max(experiment.batch_size, experiment.latent_dim + 1, COMPONENTS)
    if len(train_set) < needed:
        raise UserError(
            f"{len(train_set)} training images are too few for batch_size {experiment.batch_size} and latent_dim "
            f"{experiment.latent_dim}: train on at least {needed}, or lower these two."
        )


def training_metrics(experiment: Experiment, history: pd.DataFrame) -> dict:
    """Time, hardware, versions and the last epoch's losses of a run, in seconds and in nats per image."""
    last = history.iloc[-1]
    return {
        "epochs": int(last["epoch"]),
        "seed": experiment.seed,
        "seconds": history["seconds"].sum(),
        "images_per_second": history["images_per_second"].median(),
        **{key: last[key] for key in ("train_nll", "train_kl", "valid_nll", "valid_kl", "valid_mse", "sigma")},
        "hardware": devices.hardware(),
        "processes": devices.accelerator().num_processes,
        "versions": {name: version(name) for name in ("torch", "torchvision", "accelerate")},
    }
