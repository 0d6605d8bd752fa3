"""Make the small form of a run that can be shipped: what is needed to use the model, and how it came about.

    python benchmarks/ship.py runs/celeba64 vaelib/shipped/celeba64
    python benchmarks/ship.py runs/celeba128 vaelib/shipped/celeba128 --record-only
    python benchmarks/ship.py vaelib/shipped/celeba64 vaelib/shipped/celeba64 --flow-steps 5000

Weights, statistics and codes become float16, which halves the files and moves no pixel by a visible amount; the
optimiser's state and the pictures of the epochs stay behind (`originals.png` shows images of the data set, which must
not be passed on); their animation comes along as a small WebP. Small pictures show what the model makes: samples from
its best fitted prior, as they are and sharpened, and from N(0, I); reconstructions without their originals, and walks
between them. The model card, README.md, is written from the run's own records; `vaelib evaluate` adds figures to
metrics.json. With --record-only the weights and the statistics stay behind, too.

A shipped folder can be shipped onto itself: that renews its pictures and its card; it encodes the held-out images and
fits a sharpener to training images (under VAELIB_DATA) if it has no codes or no sharpener yet. With --flow-steps, a
flow is fitted to the training images first and becomes one more prior of the run; its samples are shown once `vaelib
evaluate` has found them to be the best. With --animation, the animation of another run of the same experiment is taken,
one of fewer epochs, say; the record tells which. A record whose weights are gone takes from it the codes and the walks
as well, if it has none.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from model_card import ANIMATION, FROM_NORMAL, INTERPOLATIONS, RECONSTRUCTIONS, SAMPLES, SHARPENED, card
from PIL import Image, ImageSequence
from torch import Tensor

from vaelib import checkpoints, data, experiments, images, latent, records, runs
from vaelib.errors import UserError
from vaelib.files import atomic_write, make_folder
from vaelib.models import LatentModel
from vaelib.tensorfiles import in_float16, read_tensors, write_tensors

GRIDS = {32: (12, 5), 64: (6, 3), 128: (4, 2)}  # columns and rows of the pictures, by the size of the images
WALKS = {32: (12, 4), 64: (8, 4), 128: (6, 3)}  # steps of a walk between two images, and walks
QUALITY, QUALITY_OF_ANIMATION = 90, 25  # of a picture, out of 100
MOST_IN_A_FOLDER, MOST_OF_ALL = 16e6, 40e6  # bytes
USELESS_WITHOUT_WEIGHTS = (checkpoints.MODEL, checkpoints.STATISTICS)


def main() -> None:
    """Copy a run's folder to its small form."""
    parser = argparse.ArgumentParser(description="Make the small form of a run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record-only", action="store_true", help="leave the weights out")
    parser.add_argument("--note", help="a sentence about the training, for the record: what else its machine did, say")
    parser.add_argument("--flow-steps", type=int, help="fit a flow to the codes of RUN first, in that many steps")
    parser.add_argument("--animation", type=Path, help="take the animation of this run of the same experiment")
    arguments = parser.parse_args()
    try:
        if arguments.flow_steps is not None:
            runs.add_flow(arguments.run, arguments.flow_steps)
        if arguments.animation:
            require_same_settings(arguments.run, arguments.animation)
        if arguments.animation and not (arguments.run / checkpoints.MODEL).is_file():
            complete(arguments.run, arguments.folder, arguments.animation)
        else:
            ship(arguments.run, arguments.folder, arguments.record_only, arguments.note, arguments.animation)
    except UserError as error:
        print(f"ship: {error}", file=sys.stderr)
        sys.exit(2)


def ship(
    run: Path, folder: Path, record_only: bool = False, note: str | None = None, animation: Path | None = None
) -> None:
    """Write RUN's small form to `folder`. Raises `UserError` if it is too large, once it is written."""
    if checkpoints.load_statistics(run).sharpener is None:
        runs.add_sharpener(run)
    statistics, codes = checkpoints.load_statistics(run), codes_of(run)
    make_folder(folder)
    for name in (experiments.CONFIG, records.HISTORY, runs.METRICS):
        if run.resolve() != folder.resolve():
            shutil.copy(run / name, folder / name)
    metrics = noted(folder / runs.METRICS, {"note": note, "animation": animation and cost_of(animation)})
    write_animation(animation or run, folder)
    prior = best_prior(statistics.priors, metrics)
    if record_only:
        write_pictures(folder, decoded(checkpoints.load(run), statistics, prior, codes))
        save_codes(folder, codes)
        for name in USELESS_WITHOUT_WEIGHTS:
            (folder / name).unlink(missing_ok=True)
    else:
        write_parts(run, folder, statistics, codes)
        shipped = checkpoints.load_statistics(folder), prior, checkpoints.load_codes(folder)
        write_pictures(folder, decoded(checkpoints.load(folder), *shipped))
    write(folder / "README.md", card(folder, metrics, prior, None if record_only else len(codes.mu)))
    require_small(folder)


def require_same_settings(run: Path, other: Path) -> None:
    """Raise `UserError` unless the other run has an animation and all settings of `run` that tell what is learned."""
    if not (other / records.ANIMATION).is_file():
        raise UserError(f"{other} holds no {records.ANIMATION}: train the run to its end first.")
    ours, theirs = (
        dataclasses.replace(experiments.read(folder / experiments.CONFIG), epochs=1, seed=0, flow_steps=0)
        for folder in (run, other)
    )
    if ours != theirs:
        raise UserError(f"{other} is no run of the settings of {run}: name one of the same experiment.")


def complete(run: Path, folder: Path, other: Path) -> None:
    """Give a record without weights the animation of another run of its settings, and that one's codes and walks.

    Codes that the record has already are its own, and stay. Raises `UserError` if `folder` is not the record itself.
    """
    if run.resolve() != folder.resolve():
        raise UserError(f"{run} holds no {checkpoints.MODEL}, and a record is completed where it is: name it twice.")
    notes = {"animation": cost_of(other)}
    write_animation(other, folder)
    if not (folder / checkpoints.CODES).is_file():
        notes["codes"] = cost_of(other)
        model, codes = checkpoints.load(other), codes_of(other)
        save_codes(folder, codes)
        write_pictures(folder, {INTERPOLATIONS: decoded_walks(model, codes)})
    metrics = noted(folder / runs.METRICS, notes)
    write(folder / "README.md", card(folder, metrics, best_prior(checkpoints.PRIORS, metrics), None))
    require_small(folder)


def noted(path: Path, notes: dict[str, str | None]) -> dict:
    """The metrics in a file, to which the notes about the training are added, those that there are."""
    metrics = json.loads(path.read_text(encoding="utf-8"))
    new = {key: note for key, note in notes.items() if note}
    if new:
        metrics["training"] |= new
        write(path, json.dumps(metrics, indent=2) + "\n")
    return metrics


def cost_of(run: Path) -> str:
    """What a run cost, in words. Raises `UserError` for one that is not trained to its end."""
    if not (run / runs.METRICS).is_file():
        raise UserError(f"{run} holds no {runs.METRICS}: train the run to its end first.")
    training = json.loads((run / runs.METRICS).read_text(encoding="utf-8"))["training"]
    return f"{training['epochs']} epochs in {training['seconds']:.0f} s on {training['hardware']}"


def write_animation(run: Path, folder: Path) -> None:
    """Write the animation of a run's epochs as a WebP of a fraction of the size, if it has one."""
    if not (run / records.ANIMATION).is_file():
        return
    with Image.open(run / records.ANIMATION) as gif:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    with atomic_write(folder / ANIMATION) as partial:
        options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
        frames[0].save(partial, "WEBP", quality=QUALITY_OF_ANIMATION, method=6, **options)


def codes_of(run: Path) -> checkpoints.Codes:
    """The codes that the run keeps; those of a run from before runs kept any are encoded now."""
    if (run / checkpoints.CODES).is_file():
        return checkpoints.load_codes(run)
    experiment = experiments.read(run / experiments.CONFIG)
    return runs.encode_held_out(checkpoints.load(run), data.load(experiment.dataset, experiment.size, "valid"))


def best_prior(priors: Iterable[str], metrics: dict) -> str:
    """Of fitted priors, the one whose samples came nearest to held-out images; the last one if none was measured."""
    frechet = metrics.get("evaluation", {}).get("frechet", {})
    distances = next(iter(frechet.values()), {})  # in the first, most telling features
    return min(reversed(list(priors)), key=lambda name: distances.get(f"samples, {name}", math.inf))


@torch.no_grad()
def decoded(
    model: LatentModel, statistics: checkpoints.Statistics, prior: str, codes: checkpoints.Codes
) -> dict[str, Tensor]:
    """The images of each picture, (N, 3, H, W) in [0, 1]: the model has made all of them."""
    n = math.prod(GRIDS[model.image_size])
    samples = model.sample(n, statistics.priors[prior], torch.Generator().manual_seed(0))
    return {
        SAMPLES: samples,
        SHARPENED: statistics.sharpener(samples),
        FROM_NORMAL: model.sample(n, generator=torch.Generator().manual_seed(0)),
        RECONSTRUCTIONS: model.decode(codes.mu[:n]),
        INTERPOLATIONS: decoded_walks(model, codes),
    }


@torch.no_grad()
def decoded_walks(model: LatentModel, codes: checkpoints.Codes) -> Tensor:
    """The images of the walks between the first of the codes, (N, 3, H, W) in [0, 1]."""
    return model.decode(walks(codes.mu, *WALKS[model.image_size]))


def walks(mu: Tensor, steps: int, count: int) -> Tensor:
    """Codes on the way from image to image, of `count` pairs: (count * steps, latent_dim)."""
    return torch.cat([latent.interpolate(*mu[2 * i : 2 * i + 2], steps, "slerp") for i in range(count)])


def write_pictures(folder: Path, pictures: dict[str, Tensor]) -> None:
    """Write each picture's images as a grid."""
    for name, x in pictures.items():
        with atomic_write(folder / name) as partial:
            images.grid(x, columns(name, x.shape[-1])).save(partial, "WEBP", quality=QUALITY, method=6)


def columns(picture: str, size: int) -> int:
    """Images in a row of a picture: a walk, or what fits."""
    return (WALKS if picture == INTERPOLATIONS else GRIDS)[size][0]


def write_parts(run: Path, folder: Path, statistics: checkpoints.Statistics, codes: checkpoints.Codes) -> None:
    """Write weights, statistics and codes in float16; but a Gaussian and a mixture as they are if rounding breaks them.

    The weights of a flow are rounded in any case, as those of a model are.
    """
    weights, about = read_tensors(run / checkpoints.MODEL)
    write_tensors(folder / checkpoints.MODEL, in_float16(weights), about)
    tensors, about = read_tensors(run / checkpoints.STATISTICS)
    write_tensors(folder / checkpoints.STATISTICS, in_float16(tensors), about)
    if not agree(statistics, folder):
        network = {name: tensor for name, tensor in tensors.items() if name.startswith("flow.")}
        write_tensors(folder / checkpoints.STATISTICS, tensors | in_float16(network), about)
    save_codes(folder, codes)


def save_codes(folder: Path, codes: checkpoints.Codes) -> None:
    """Write the codes in float16."""
    checkpoints.save_codes(folder, codes)
    tensors, about = read_tensors(folder / checkpoints.CODES)
    write_tensors(folder / checkpoints.CODES, in_float16(tensors), about)


def agree(statistics: checkpoints.Statistics, folder: Path) -> bool:
    """Whether Gaussian and mixture in `folder` are those of `statistics`, to a tenth of a nat at 1,000 draws."""
    try:
        stored = checkpoints.load_statistics(folder).priors
    except UserError:  # rounding has made a covariance that is none
        return False
    for name in checkpoints.PRIORS:
        prior = statistics.priors[name]
        z = prior.sample(1000, torch.Generator().manual_seed(0))
        if (stored[name].log_prob(z) - prior.log_prob(z)).abs().max() > 0.1:
            return False
    return True


def require_small(folder: Path) -> None:
    """Raise `UserError` if the folder, or all that is shipped where it is a part of that, is too large."""
    limits = {folder: MOST_IN_A_FOLDER}
    if folder.resolve().parent == checkpoints.SHIPPED.resolve():
        limits[checkpoints.SHIPPED] = MOST_OF_ALL
    for place, most in limits.items():
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        if size > most:
            raise UserError(
                f"{place} holds {size / 1e6:.1f} MB, more than {most / 1e6:.0f} MB: ship a smaller model, or a record "
                "only (--record-only)."
            )


def write(path: Path, text: str) -> None:
    """Write a text file."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
