"""From an experiment to a run: its settings, its training, and all that is written to its folder."""

from __future__ import annotations

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
from .run import CONFIG, RESUME, Run
from .statistics import COMPONENTS, encode_held_out, fit_statistics


def start(
    name: str, overrides: Iterable[str] = (), out: Path | None = None, resume: bool = False
) -> tuple[Experiment, Run]:
    """The settings and the folder of a run of experiment `name`; nothing is written yet.

    A resumed run keeps the settings of its config.toml, with `overrides` on top. Raises `UserError` if there is a
    run in the folder already that is not to be resumed, or if the folder cannot be made.
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


@devices.out_of_memory_as_user_error("lower the batch size (--set batch_size=...), or stop other programs that use it")
def train(
    experiment: Experiment, run: Run, root: str | Path | None = None, resume: bool = False, progress: bool = True
) -> pd.DataFrame:
    """Train the experiment's model, write everything to the folder of `run`; statistics, codes and metrics at the end.

    The folder is made once all else is known to be right: a mistake in the settings leaves nothing behind. When a
    resumed run trains on, what described its old weights is removed. Raises `UserError` if the GPU's memory is full.
    """
    accelerator = devices.accelerator()
    accelerator.wait_for_everyone()  # one that is still in `start` would take this run's folder for another's
    torch.manual_seed(experiment.seed)
    model = experiment.build_model()  # before the images, whose preparation may take long: it refuses what does not fit
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
        images = {"train_images": len(train_set), "valid_images": len(valid_set)}
        run.write_metrics({"training": images | training_metrics(experiment, history)})
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
    """`training.fit` into the folder of `run`, which exists; with `resume`, go on after the last epoch written there.

    After every epoch the folder holds the table of all epochs, pictures, the weights, and all that is needed to go on;
    in the end also an animation. However the training ends, metrics.json keeps no metrics of weights that are gone.
    """

    def write_epoch(state: training.Training) -> None:
        run.write_history(pd.DataFrame(state.history))
        snapshots.write_pictures(run, state.kept, valid_set, len(state.history))
        run.write_model(state.kept)
        checkpoints.write_resume(run.path(RESUME), state)  # last: it vouches for all the others

    def go_on(state: training.Training) -> None:
        checkpoints.read_resume(run.path(RESUME), state)

    is_main_process = devices.accelerator().is_main_process
    try:
        history = training.fit(
            model,
            train_set,
            valid_set,
            resume=go_on if resume else None,
            after_epoch=write_epoch,
            progress=progress,
            **settings,
        )
        if is_main_process:
            snapshots.write_animation(run, len(history))
    finally:
        if is_main_process:
            run.forget_old_evaluations()
    return history


def _require_enough(train_set: data.Dataset, experiment: Experiment) -> None:
    """Raise `UserError` unless the images fill a batch and are enough for `fit_statistics`, which comes last."""
    needed = max(experiment.batch_size, experiment.latent_dim + 1, COMPONENTS)
    if len(train_set) < needed:
        raise UserError(
            f"{len(train_set)} training images are too few for batch_size {experiment.batch_size} and latent_dim "
            f"{experiment.latent_dim}: train on at least {needed}, or lower these two."
        )


def training_metrics(experiment: Experiment, history: pd.DataFrame) -> dict:
    """What a run cost and where it ended: the settings are in config.toml, every epoch in history.csv."""
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
