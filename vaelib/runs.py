"""A run: an experiment from its settings to a folder that holds a trained model and all that is known of it."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from . import checkpoints, data, devices, experiments, training
from .errors import UserError
from .evaluation import all_images, evaluate, reconstruct_all
from .experiments import Experiment
from .files import atomic_write, make_folder, require_folder_of
from .flow import Flow
from .latent import attribute_direction, encode_dataset
from .models import LatentModel
from .priors import Gaussian, GaussianMixture
from .sharpening import Sharpener

METRICS = "metrics.json"
COMPONENTS = 10  # of the mixture that is fitted to the codes
HELD_OUT_CODES = 500  # validation images whose codes a run keeps
SHARPENED_ON = 2_000  # training images whose power the sharpener learns


def start(
    name: str, overrides: Iterable[str] = (), out: Path | None = None, resume: bool = False
) -> tuple[Experiment, Path]:
    """The settings and the folder of a run of experiment `name`; nothing is written yet.

    A resumed run keeps the settings of its config.toml, with `overrides` on top. Raises `UserError` if there is a
    run in the folder already that is not to be resumed, or if the folder cannot be made.
    """
    run = out or Path("runs") / name
    if out:
        require_folder_of(run)
    if not (run / experiments.CONFIG).is_file():
        return experiments.load(name, overrides), run
    if not resume:
        raise UserError(f"{run} holds a run already: go on with it by --resume, or choose another folder with --out.")
    started, continued = (experiments.read(run / experiments.CONFIG, changes) for changes in ((), overrides))
    _require_same_architecture(run, started, continued)
    return continued, run


def _require_same_architecture(run: Path, started: Experiment, continued: Experiment) -> None:
    for key in ("size", "model", "latent_dim", "channels"):
        if getattr(started, key) != getattr(continued, key):
            raise UserError(
                f"{run} was trained with {key} = {getattr(started, key)}, which cannot change: resume without changing "
                "it, or start a new run with --out."
            )


@devices.explained_lack_of_memory("lower the batch size (--set batch_size=...), or stop other programs that use it")
def train(
    experiment: Experiment, run: Path, root: str | Path | None = None, resume: bool = False, progress: bool = True
) -> pd.DataFrame:
    """Train the experiment's model, write everything to the folder `run`; statistics, codes and metrics at the end.

    The folder is made once all else is known to be right: a mistake in the settings leaves nothing behind. When a
    resumed run trains on, what described its old weights is removed. Raises `UserError` if the GPU's memory is full.
    """
    settings = experiment.training_settings()
    training.Settings(**settings)  # refuses what cannot be trained, before any work
    if experiment.flow_steps < 0:
        raise UserError(f"flow_steps is {experiment.flow_steps}: it must be 0 (no flow) or more.")
    accelerator = devices.connect()
    accelerator.wait_for_everyone()  # one that is still in `start` would take this run's folder for another's
    torch.manual_seed(experiment.seed)
    model = experiment.build_model()  # before the images, whose preparation may take long: it refuses what does not fit
    train_set = data.load(experiment.dataset, experiment.size, "train", root, progress)
    valid_set = data.load(experiment.dataset, experiment.size, "valid", root, progress)
    _require_enough(train_set, experiment)
    if accelerator.is_main_process:
        make_folder(run)
        experiments.write(experiment, run / experiments.CONFIG)
    history = _fit(model, train_set, valid_set, run, resume=resume, progress=progress, **settings)
    if accelerator.is_main_process:
        statistics = fit_statistics(
            model, train_set, history["sigma"].iloc[-1], progress, experiment.flip, experiment.flow_steps
        )
        checkpoints.save_statistics(run, statistics)
        checkpoints.save_codes(run, encode_held_out(model, valid_set))
        images = {"train_images": len(train_set), "valid_images": len(valid_set)}
        write_metrics(run, {"training": images | training_figures(experiment, history)})
    return history


def _fit(model: LatentModel, train_set: data.Dataset, valid_set: data.Dataset, run: Path, **options) -> pd.DataFrame:
    """`training.fit` into the folder `run`; however it ends, its metrics keep no figures of weights that are gone."""
    try:
        return training.fit(model, train_set, valid_set, out=run, **options)
    finally:
        if devices.connect().is_main_process:
            _forget_old_evaluations(run)


def _forget_old_evaluations(run: Path) -> None:
    """Remove the evaluations from metrics.json if the weights were replaced, and with them the statistics."""
    if (run / METRICS).is_file() and not (run / checkpoints.STATISTICS).is_file():
        figures = _read_metrics(run / METRICS)
        _write_json(run / METRICS, {key: value for key, value in figures.items() if not key.startswith("evaluation")})


def _require_enough(train_set: data.Dataset, experiment: Experiment) -> None:
    """Raise `UserError` unless the images fill a batch and are enough for `fit_statistics`, which comes last."""
    needed = max(experiment.batch_size, experiment.latent_dim + 1, COMPONENTS)
    if len(train_set) < needed:
        raise UserError(
            f"{len(train_set)} training images are too few for batch_size {experiment.batch_size} and latent_dim "
            f"{experiment.latent_dim}: train on at least {needed}, or lower these two."
        )


def fit_statistics(
    model: LatentModel,
    ds: data.Dataset,
    sigma: float,
    progress: bool = True,
    flip: bool = False,
    flow_steps: int = 0,
) -> checkpoints.Statistics:
    """Encode `ds` and fit what painting needs: a Gaussian, a mixture, the attributes' directions, a sharpener.

    With `flip` the densities are fitted to the codes of the mirror images, too; with `flow_steps` a flow is one more.
    """
    mu, logvar = encode_for_priors(model, ds, flip, progress)
    fitted = {"gaussian": Gaussian().fit(mu, logvar), "gmm": GaussianMixture(COMPONENTS).fit(mu, logvar)}
    if flow_steps:
        fitted["flow"] = fit_flow(model, mu, logvar, flow_steps, progress)
    names, directions = _directions(mu[: len(ds)], ds)
    return checkpoints.Statistics(fitted, float(sigma), names, directions, fit_sharpener(model, ds))


def fit_sharpener(model: LatentModel, ds: data.Dataset) -> Sharpener:
    """A sharpener for the images that the model decodes, from its reconstructions of the first images of `ds`."""
    few = ds.subset(SHARPENED_ON)
    return Sharpener().fit(all_images(few), reconstruct_all(model, few))


def encode_for_priors(
    model: LatentModel, ds: data.Dataset, flip: bool, progress: bool = True
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """mu and logvar of all images (of an autoencoder: z and None); with `flip` those of their mirror images follow."""
    mu, logvar = encode_dataset(model, ds, progress=progress)
    if not flip:
        return mu, logvar
    mirrored = encode_dataset(model, ds, progress=progress, mirrored=True)
    return torch.cat([mu, mirrored[0]]), None if logvar is None else torch.cat([logvar, mirrored[1]])


def fit_flow(
    model: LatentModel, mu: torch.Tensor, logvar: torch.Tensor | None, steps: int, progress: bool = True
) -> Flow:
    """A flow that is fitted to these posteriors where the model is: on a GPU in seconds."""
    place = model.device
    return Flow(steps).fit(mu.to(place), None if logvar is None else logvar.to(place), progress)


def add_sharpener(name: str | Path, root: str | Path | None = None, progress: bool = True) -> None:
    """Fit a sharpener to the training images of a run that is trained already, and add it to its statistics."""
    run = checkpoints.run_folder(name)
    model, ds = _model_and_its_images(name, root, progress)
    statistics = checkpoints.load_statistics(name)
    statistics.sharpener = fit_sharpener(model, ds)
    checkpoints.save_statistics(run, statistics)


def add_flow(name: str | Path, steps: int, root: str | Path | None = None, progress: bool = True) -> None:
    """Fit a flow to the training images of a run that is trained already, and add it to its statistics and settings."""
    run = checkpoints.run_folder(name)
    experiment = experiments.read(run / experiments.CONFIG)
    model, ds = _model_and_its_images(name, root, progress)
    statistics = checkpoints.load_statistics(name)
    mu, logvar = encode_for_priors(model, ds, experiment.flip, progress)
    statistics.priors["flow"] = fit_flow(model, mu, logvar, steps, progress)
    checkpoints.save_statistics(run, statistics)
    experiments.write(dataclasses.replace(experiment, flow_steps=steps), run / experiments.CONFIG)


def _model_and_its_images(
    name: str | Path, root: str | Path | None, progress: bool
) -> tuple[LatentModel, data.Dataset]:
    """The model of a run on the device that trains, and the images that it was trained on."""
    experiment = experiments.read(checkpoints.run_folder(name) / experiments.CONFIG)
    model = checkpoints.load(name).to(devices.connect().device, memory_format=torch.channels_last)
    return model, data.load(experiment.dataset, experiment.size, "train", root, progress)


def _directions(mu: torch.Tensor, ds: data.Dataset) -> tuple[list[str], torch.Tensor]:
    """The attributes that some images have and some lack, and their directions (A, latent_dim)."""
    if ds.attributes is None:
        return [], torch.empty(0)
    kept = [i for i, column in enumerate(ds.attributes.T) if 0 < column.sum() < len(column)]
    directions = [attribute_direction(mu, ds.attributes[:, i]) for i in kept]
    return [ds.attribute_names[i] for i in kept], torch.stack(directions) if directions else torch.empty(0)


def encode_held_out(model: LatentModel, valid: data.Dataset) -> checkpoints.Codes:
    """The codes of the first validation images: walks and edits start from them where no image is at hand."""
    shown = valid.subset(HELD_OUT_CODES)
    return checkpoints.Codes(*encode_dataset(model, shown), shown.attributes, shown.attribute_names)


def training_figures(experiment: Experiment, history: pd.DataFrame) -> dict:
    """What a run cost and where it ended: the settings are in config.toml, every epoch in history.csv."""
    last = history.iloc[-1]
    return {
        "epochs": int(last["epoch"]),
        "seed": experiment.seed,
        "seconds": history["seconds"].sum(),
        "images_per_second": history["images_per_second"].median(),
        **{key: last[key] for key in ("train_nll", "train_kl", "valid_nll", "valid_kl", "valid_mse", "sigma")},
        "hardware": hardware(),
        "processes": devices.connect().num_processes,
        "versions": {name: version(name) for name in ("torch", "torchvision", "accelerate")},
    }


def hardware() -> str:
    """The device that models run on, in words: the GPUs of all processes, or the number of processor threads."""
    accelerator = devices.connect()
    device, processes = accelerator.device, accelerator.num_processes
    if device.type == "cuda":
        return (f"{processes} × " if processes > 1 else "") + torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return f"{device.type.upper()}, {platform.machine()}"
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''} of a CPU, {platform.machine()}"


@devices.explained_lack_of_memory(
    "stop other programs that use it, or set the environment variable ACCELERATE_USE_CPU=true"
)
def evaluate_run(
    name: str | Path,
    dataset: str | None = None,
    root: str | Path | None = None,
    with_inception: bool = False,
    progress: bool = True,
) -> dict:
    """Figures of a run or a shipped checkpoint on the validation images of its own data set, or of another one.

    They are computed on the device that trains. Raises `UserError` as `evaluate` does, and if the GPU's memory is full.
    """
    run = checkpoints.run_folder(name)
    experiment = experiments.read(run / experiments.CONFIG)
    model, statistics = checkpoints.load(name), checkpoints.load_statistics(name)
    model.to(devices.connect().device, memory_format=torch.channels_last)
    train_set, held_out = (
        data.load(dataset or experiment.dataset, experiment.size, split, root, progress) for split in ("train", "valid")
    )
    return evaluate(
        model,
        train_set,
        held_out,
        statistics,
        trained_on=dataset in (None, experiment.dataset),
        with_inception=with_inception,
        progress=progress,
    )


def write_metrics(name: str | Path, figures: dict) -> None:
    """Merge `figures` into the metrics.json of a run or a shipped checkpoint."""
    path = checkpoints.run_folder(name) / METRICS
    _write_json(path, (_read_metrics(path) if path.is_file() else {}) | figures)


def _read_metrics(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path} is not valid JSON ({error}): fix or remove the file, and give the command again."
        ) from error


def _write_json(path: Path, figures: dict) -> None:
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
