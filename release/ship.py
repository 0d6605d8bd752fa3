"""Make the small form of a run that can be shipped: what is needed to use the model, and the record of its training.

    python -m release.ship runs/celeba64 vaelib/shipped/celeba64
    python -m release.ship runs/celeba128 vaelib/shipped/celeba128 --record-only
    python -m release.ship vaelib/shipped/celeba64 vaelib/shipped/celeba64 --flow-steps 5000

Weights, statistics, codes and pixel flow become float16, which halves the files and changes no pixel visibly. The
optimiser's state is not copied. The pictures of the epochs are not copied either, because `originals.png` shows images
of the dataset, which must not be passed on. Their animation is written as a small WebP file. Small pictures show what
the model generates: samples from its best fitted prior, plain, sharpened and, where there is a pixel flow, with detail,
samples from N(0, I), reconstructions without their originals, and interpolations between them. The model card,
README.md, is written from the run's own records (`release.model_card` writes it again). `vaelib evaluate` adds metrics
to metrics.json. With --record-only the weights and what was fitted after training are left out, too.

A shipped folder can be shipped onto itself, which renews its pictures and its card. If it has no codes or no sharpener
yet, the held-out images are encoded and a sharpener is fitted to training images (under VAELIB_DATA).

With --flow-steps, a flow is first fitted to the training images and becomes one more prior of the run. Its samples are
shown once `vaelib evaluate` has found them to be the best. With --animation, the animation is that of another run of
the same experiment, for example of one with fewer epochs, and the record says which. A record whose weights are lost
also takes the codes and the interpolations of that run, if it has none.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path

import torch

from release.model_card import card, write_card
from release.pictures import INTERPOLATIONS, decoded, decoded_interpolations, write_animation, write_pictures
from vaelib import data, runs
from vaelib.models import LatentModel
from vaelib.runs import Run
from vaelib.runs.statistics import (
    PRIORS,
    Codes,
    Statistics,
    encode_for_priors,
    encode_held_out,
    fit_flow,
    fit_sharpener,
)
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import make_folder
from vaelib.support.tensorfiles import in_float16, read_tensors, write_tensors

MOST_IN_A_FOLDER, MOST_OF_ALL = 16e6, 72e6  # bytes


def main() -> None:
    run_program("ship", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    """What to ship, and where to."""
    parser = argparse.ArgumentParser(description="Make the small form of a run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record-only", action="store_true", help="leave the weights out")
    parser.add_argument("--note", help="a sentence for the record, for example on what else the machine did")
    parser.add_argument("--flow-steps", type=int, help="fit a flow to the codes of RUN first, in that many steps")
    parser.add_argument("--animation", type=Path, help="take the animation of this run of the same experiment")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    if arguments.flow_steps is not None:
        add_flow(runs.load(arguments.run), arguments.flow_steps)
    run, other = Run(arguments.run), arguments.animation and Run(arguments.animation)
    if other:
        require_same_settings(run, other)
    if other and not run.has(runs.MODEL):
        complete(run, arguments.folder, other)
    else:
        ship(runs.load(arguments.run), arguments.folder, arguments.record_only, arguments.note, other)


def ship(
    run: Run, folder: Path, record_only: bool = False, note: str | None = None, animation: Run | None = None
) -> None:
    """Write the small form of `run` to `folder`. Then raise `UserError` if it is too large."""
    if run.statistics.sharpener is None:
        add_sharpener(run)
    statistics, codes = run.statistics, codes_of(run)  # read before they are rounded in case `folder` is the run's own
    costs = animation and cost_of(animation)
    make_folder(folder)
    small = Run(folder)
    copy_records(run, small)
    add_notes(small, note=note, animation=costs)
    write_animation(animation or run, folder)
    if record_only:
        write_pictures(folder, decoded(run, codes))
        write_codes(small, codes)
        for part in (runs.MODEL, runs.STATISTICS, runs.DETAIL):
            small.path(part).unlink(missing_ok=True)
    else:
        write_parts(run, small, statistics, codes)
        write_pictures(folder, decoded(small, small.codes))
    write_card(small, card(small))
    require_small(folder)


def copy_records(run: Run, small: Run) -> None:
    """Copy settings, epochs and metrics, unless the two folders are one."""
    if not same_folder(run, small):
        for part in (runs.CONFIG, runs.HISTORY, runs.METRICS):
            shutil.copy(run.path(part), small.path(part))


def same_folder(run: Run, other: Run) -> bool:
    """Whether two runs have the same folder, even if their paths differ."""
    return run.folder.resolve() == other.folder.resolve()


def require_same_settings(run: Run, other: Run) -> None:
    """Raise `UserError` unless the other run has an animation and all settings of `run` that affect learning."""
    if not other.has(runs.ANIMATION):
        raise UserError(f"{other} holds no {runs.ANIMATION}: train the run to its end first.")
    ours, theirs = (
        dataclasses.replace(of.experiment, epochs=1, seed=0, flow_steps=0, detail_steps=0) for of in (run, other)
    )
    if ours != theirs:
        raise UserError(f"{other} is no run of the settings of {run}: name one of the same experiment.")


def complete(run: Run, folder: Path, other: Run) -> None:
    """Give a record without weights the animation, the codes and the interpolations of another run of its settings.

    If the record already has codes, they are its own and stay. Raises `UserError` if `folder` is not the record itself.
    """
    if not same_folder(run, Run(folder)):
        raise UserError(f"{run} holds no {runs.MODEL}, and a record is completed where it is: name it twice.")
    cost = cost_of(other)
    write_animation(other, folder)
    if run.has(runs.CODES):
        add_notes(run, animation=cost)
    else:
        codes = codes_of(other)
        write_codes(run, codes)
        write_pictures(folder, {INTERPOLATIONS: decoded_interpolations(other.model, codes)})
        add_notes(run, animation=cost, codes=cost)
    write_card(run, card(run))
    require_small(folder)


def add_notes(run: Run, **notes: str | None) -> None:
    """Add the notes that are not empty to the part `training` of metrics.json."""
    new = {key: note for key, note in notes.items() if note}
    if new:
        run.write_metrics({"training": run.metrics["training"] | new})


def cost_of(run: Run) -> str:
    """What a run cost, in words. Raises `UserError` if its training has not finished."""
    if "training" not in run.metrics:
        raise UserError(f"{run} holds no {runs.METRICS} of a training run: train the run to its end first.")
    training = run.metrics["training"]
    return f"{training['epochs']} epochs in {training['seconds']:.0f} s on {training['hardware']}"


def codes_of(run: Run) -> Codes:
    """The codes of the run. They are encoded now if it is an old run that has none."""
    if run.has(runs.CODES):
        return run.codes
    experiment = run.experiment
    return encode_held_out(run.model, data.load(experiment.dataset, experiment.size, "valid"))


def add_sharpener(run: Run) -> None:
    """Fit a sharpener to the training images of a trained run, and add it to its statistics."""
    model, images = _model_and_its_images(run)
    run.write_statistics(dataclasses.replace(run.statistics, sharpener=fit_sharpener(model, images)))


def add_flow(run: Run, steps: int) -> None:
    """Fit a flow to the training images of a trained run, and add it to its statistics and its settings."""
    model, images = _model_and_its_images(run)
    mu, logvar = encode_for_priors(model, images, run.experiment.flip)
    priors = run.statistics.priors | {"flow": fit_flow(model, mu, logvar, steps)}
    run.write_statistics(dataclasses.replace(run.statistics, priors=priors))
    run.write_experiment(dataclasses.replace(run.experiment, flow_steps=steps))


def _model_and_its_images(run: Run) -> tuple[LatentModel, data.Dataset]:
    """A copy of the run's model on the device that trains, and the images that it was trained on."""
    model = Run(run.folder).model.to(devices.accelerator().device, memory_format=torch.channels_last)
    return model, data.load(run.experiment.dataset, run.experiment.size, "train")


def write_parts(run: Run, small: Run, statistics: Statistics, codes: Codes) -> None:
    """Write weights, statistics and codes in float16; Gaussian and mixture stay float32 if rounding breaks one.

    The weights of a flow are always rounded, like those of a model.
    """
    weights, about = read_tensors(run.path(runs.MODEL))
    write_tensors(small.path(runs.MODEL), in_float16(weights), about)
    tensors, about = read_tensors(run.path(runs.STATISTICS))
    write_tensors(small.path(runs.STATISTICS), in_float16(tensors), about)
    if not agree(statistics, Run(small.folder)):
        network = {name: tensor for name, tensor in tensors.items() if name.startswith("flow.")}
        write_tensors(small.path(runs.STATISTICS), tensors | in_float16(network), about)
    write_codes(small, codes)
    if run.has(runs.DETAIL):
        tensors, about = read_tensors(run.path(runs.DETAIL))
        write_tensors(small.path(runs.DETAIL), in_float16(tensors), about)


def write_codes(run: Run, codes: Codes) -> None:
    """Write the codes in float16."""
    run.write_codes(codes)
    tensors, about = read_tensors(run.path(runs.CODES))
    write_tensors(run.path(runs.CODES), in_float16(tensors), about)


def agree(statistics: Statistics, small: Run) -> bool:
    """Whether Gaussian and mixture of `small` agree with `statistics` within 0.1 nats at each of 1,000 draws."""
    try:
        stored = small.statistics.priors
    except UserError:  # the rounded covariance is not positive definite
        return False
    for name in PRIORS:
        prior = statistics.priors[name]
        z = prior.sample(1000, torch.Generator().manual_seed(0))
        if (stored[name].log_prob(z) - prior.log_prob(z)).abs().max() > 0.1:
            return False
    return True


def require_small(folder: Path) -> None:
    """Raise `UserError` if the folder is too large, or if it is a shipped one and all shipped files are too large."""
    limits = {folder: MOST_IN_A_FOLDER}
    if folder.resolve().parent == runs.SHIPPED.resolve():
        limits[runs.SHIPPED] = MOST_OF_ALL
    for place, most in limits.items():
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        if size > most:
            raise UserError(
                f"{place} holds {size / 1e6:.1f} MB, more than {most / 1e6:.0f} MB: ship a smaller model, or a record "
                "only (--record-only)."
            )


if __name__ == "__main__":
    main()
