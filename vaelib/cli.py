"""The command line: `vaelib VERB`, or `python -m vaelib VERB`.

Each verb imports its modules when it runs, so `vaelib --help` does not wait for torch.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import __version__
from .support.errors import UserError, run_program
from .support.files import require_folder_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from .runs import Run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Prior(StrEnum):
    """The densities that `generate` can sample from."""

    normal = "normal"
    gaussian = "gaussian"
    gmm = "gmm"
    flow = "flow"


class Method(StrEnum):
    """The paths that `interpolate` can follow: an arc or a straight line."""

    slerp = "slerp"
    lerp = "lerp"


class Finish(StrEnum):
    """What becomes of decoded images: `vaelib.runs.pictures.FINISHES`."""

    plain = "plain"
    sharpen = "sharpen"
    detail = "detail"


RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or the name of a shipped checkpoint.")]
Root = Annotated[Path | None, typer.Option(help="The folder of the data; VAELIB_DATA by default.")]
Images = Annotated[list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Images; held-out ones by default.")]
FinishName = Annotated[
    Finish | None,
    typer.Option(
        help="plain: the decoder's own output; sharpen: this through the run's filter; detail: this through its pixel "
        "flow. Default: detail where the run has one, else plain.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="The picture to write.")]


def main() -> None:
    """Run the command line. A `UserError` is printed as one sentence, and the exit status is then 2."""
    run_program("vaelib", app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vaelib {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train variational autoencoders on faces, and play with what they have learned."""


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="faces, objects, cifar10, celeba, or a folder, zip or tar of images.")],
    root: Root = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side: 32, 64 or 128.")] = None,
) -> None:
    """Decode and resize a dataset. The result is a cache that training reads; it is written once."""
    import json

    from . import data

    folder = data.prepare(name, size, root)
    splits = json.loads((folder / "index.json").read_text(encoding="utf-8"))["splits"]
    print(f"{folder}: " + ", ".join(f"{stop - start:,} {split}" for split, (start, stop) in splits.items()))


@app.command()
def train(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="`vaelib experiments` lists them.")],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting, as in epochs=5. The option can be repeated."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/EXPERIMENT by default.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue after the last finished epoch, if there is one.")
    ] = False,
    root: Root = None,
) -> None:
    """Train an experiment. The run's folder gets the model, history, pictures, statistics and metrics."""
    from . import runs
    from .runs import train

    settings, run = train.start(experiment, set_ or [], out, resume)
    prints = os.environ.get("RANK", "0") == "0"  # of several processes, only the first one prints
    if prints and resume and not run.has(runs.RESUME):
        print(f"{run} holds no finished epoch to go on after: training starts at the first.")
    try:
        train.train(settings, run, root, resume)
    except KeyboardInterrupt:
        if prints:
            print(f"\nvaelib: stopped; {_way_on(experiment, run, out)}.", file=sys.stderr)
        sys.exit(130)
    if prints:
        print(f"{run} is trained: look at {run.path(runs.ANIMATION)}, or draw from it by `vaelib generate {run}`.")


def _way_on(experiment: str, run: Run, out: Path | None) -> str:
    """Say how a stopped training run is continued: with --resume, if its settings have already been written."""
    from .runs import CONFIG

    if not run.has(CONFIG):
        return "nothing is written yet, so give the same command again"
    return f"go on by `vaelib train {experiment}{f' --out {out}' if out else ''} --resume`"


@app.command()
def refine(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a trained run.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps of 32 images, or 16 of 128 pixels.")] = 10_000,
    start: Annotated[str | None, typer.Option(metavar="RUN", help="Begin with the pixel flow of this run.")] = None,
    root: Root = None,
) -> None:
    """Add a pixel flow to a trained run, which gives its images detail. Give the command again if it was stopped."""
    from . import runs
    from .runs import refine

    if not Path(run).is_dir():
        raise UserError(f"{run} is not the folder of a run: `vaelib train NAME` makes one, and refine adds to it.")
    refined = runs.load(run)
    try:
        refine.refine(refined, steps, root, start=runs.load(start) if start else None)
    except KeyboardInterrupt:
        begun = f"--steps {steps}" + (f" --start {start}" if start else "")
        print(f"\nvaelib: stopped; go on by `vaelib refine {run} {begun}`.", file=sys.stderr)
        sys.exit(130)
    print(f"{refined} has a pixel flow: draw from it by `vaelib generate {run}`.")


@app.command()
def experiments() -> None:
    """List the experiments, with their settings and recorded results, and whether their weights are shipped."""
    from .runs import experiments as known
    from .runs import report

    for name in known.names():
        print(report.experiment(name), end="\n\n")


@app.command()
def generate(
    run: RunName,
    n: Annotated[int, typer.Option("-n", min=1, help="How many images.")] = 36,
    prior: Annotated[Prior, typer.Option(help="N(0, I), or a density fitted to the codes.")] = Prior.gmm,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same images.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, help="Below 1, images are more typical and less varied.")] = 1.0,
    finish: FinishName = None,
    output: Output = Path("samples.png"),
) -> None:
    """Sample new images from a prior."""
    from .runs import pictures

    _draw(run, output, lambda shown: pictures.samples(shown, n, prior.value, seed, finish, temperature))


@app.command()
def reconstruct(
    run: RunName,
    image: Images = None,
    finish: FinishName = None,
    output: Output = Path("reconstructions.png"),
    root: Root = None,
) -> None:
    """Show images above their reconstructions."""
    from .runs import pictures

    _draw(run, output, lambda shown: pictures.reconstructions(shown, image, root, finish))


@app.command()
def interpolate(
    run: RunName,
    ends: Annotated[
        list[Path] | None, typer.Argument(metavar="[A B]", help="Two images; held-out pairs by default.")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Images from one end to the other, both included.")] = 10,
    method: Annotated[Method, typer.Option(help="Along an arc (slerp) or a straight line (lerp).")] = Method.slerp,
    finish: FinishName = None,
    output: Output = Path("interpolation.png"),
    root: Root = None,
) -> None:
    """Interpolate between images in latent space. An output that ends in .gif becomes an animation."""
    from .runs import pictures

    if output.suffix.lower() == ".gif":
        _draw(
            run,
            output,
            lambda shown: pictures.animated_interpolation(shown, ends, steps, method.value, root, finish),
        )
    else:
        _draw(run, output, lambda shown: pictures.interpolation(shown, ends, steps, method.value, root, finish))


@app.command()
def manipulate(
    run: RunName,
    image: Images = None,
    attribute: Annotated[str, typer.Option(help="For example Smiling or Eyeglasses.")] = "Smiling",
    strengths: Annotated[str, typer.Option(help="Multiples of the attribute's direction.")] = "-3,-2,-1,0,1,2,3",
    finish: FinishName = None,
    output: Output = Path("manipulation.png"),
    root: Root = None,
) -> None:
    """Add an attribute, or remove it. One row per image, one column per strength."""
    from .runs import pictures

    multiples = _numbers(strengths)
    _draw(run, output, lambda shown: pictures.manipulation(shown, image, attribute, multiples, root, finish))


@app.command()
def evaluate(
    run: RunName,
    dataset: Annotated[str | None, typer.Option(help="Evaluate on this dataset instead of the run's own.")] = None,
    root: Root = None,
    inception: Annotated[
        bool, typer.Option("--inception", help="Compute the usual FID too, with torchmetrics; slow without a GPU.")
    ] = False,
) -> None:
    """Evaluate a run on held-out images. Prints a table; for a run's folder, also writes its metrics.json.

    With the extra `evaluate` installed, distances are also measured in the features of a network trained on ImageNet,
    which takes some minutes on a CPU.
    """
    from . import runs
    from .runs import evaluation, report

    measured = runs.load(run)
    metrics = evaluation.evaluate_run(measured, dataset, root, inception)
    print(report.evaluation(metrics))
    if Path(run).is_dir():  # after the table, which must not be lost if writing fails
        measured.write_metrics({f"evaluation on {dataset}" if dataset else "evaluation": metrics})


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The students' notebooks, in folders or not.")],
    limit: Annotated[float, typer.Option(min=1, help="Seconds that a notebook may take.")] = 600,
    output: Annotated[Path, typer.Option("-o", "--output", help="The table to write, as CSV.")] = Path("grades.csv"),
) -> None:
    """Run students' notebooks and write a table of the checks that pass. Each notebook runs in its own process."""
    require_folder_of(output)
    from .course import grading

    grades = []
    try:
        for graded in grading.grade_all(folder, limit):
            print(graded, flush=True)
            grades.append(graded)
    finally:  # also after Ctrl-C: an hour of grading must not be lost
        if grades:
            grading.write_table(grades, output)
            print(output)


def _draw(run: str, output: Path, make: Callable[[Run], Image | list[Image]]) -> None:
    """Write what `make` returns for a run: a picture, or a list of frames as an animation."""
    require_folder_of(output)
    from . import runs
    from .support import images

    images.require_picture_name(output)
    made = make(runs.load(run))
    if isinstance(made, list):
        images.save_gif(made, output)
    else:
        images.save(made, output)
    print(output)


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not (numbers and all(map(math.isfinite, numbers))):
        raise UserError(f"--strengths takes numbers with commas between them and was given {text!r}: try -2,0,2.")
    return numbers
