"""The command line: `vaelib VERB`, or `python -m vaelib VERB`.

Each verb imports what it needs when it runs, so that `vaelib --help` answers before torch is loaded.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from . import __version__
from .errors import UserError
from .files import require_folder_of

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Prior(StrEnum):
    """The densities that `generate` can draw from."""

    normal = "normal"
    gaussian = "gaussian"
    gmm = "gmm"
    flow = "flow"


class Method(StrEnum):
    """The paths that `interpolate` can take."""

    slerp = "slerp"
    lerp = "lerp"


Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or the name of a shipped checkpoint.")]
Root = Annotated[Path | None, typer.Option(help="Where the data are; VAELIB_DATA if this is not given.")]
Images = Annotated[list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Images; held-out ones by default.")]
Plain = Annotated[bool, typer.Option("--plain", help="Do not sharpen: show what the decoder itself has painted.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The picture to write.")]


def main() -> None:
    """Run the command line; an error that the user can fix ends in one sentence and exit status 2."""
    try:
        app()
    except UserError as error:
        print(f"vaelib: {error}", file=sys.stderr)
        sys.exit(2)


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
    name: Annotated[str, typer.Argument(help="faces, objects, cifar10, celeba, or a folder or zip of images.")],
    root: Root = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side: 32, 64 or 128.")] = None,
) -> None:
    """Decode and resize a dataset. This is done once, into the cache that training reads."""
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
            "--set", metavar="KEY=VALUE", help="Change a setting, as in epochs=5; may be given several times."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/EXPERIMENT if this is not given.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last finished epoch, if there is one.")
    ] = False,
    root: Root = None,
) -> None:
    """Train an experiment. Its folder gets the model, history, pictures of every epoch, statistics and metrics."""
    from . import checkpoints, runs

    settings, run = runs.start(experiment, set_ or [], out, resume)
    speaks = os.environ.get("RANK", "0") == "0"  # one process speaks for all
    if speaks and resume and not (run / checkpoints.RESUME).is_file():
        print(f"{run} holds no finished epoch to go on after: training starts at the first.")
    try:
        runs.train(settings, run, root, resume)
    except KeyboardInterrupt:
        if speaks:
            print(f"\nvaelib: stopped; {_way_on(experiment, run, out)}.", file=sys.stderr)
        sys.exit(130)
    if speaks:
        print(f"{run} is trained: look at {run / 'training.gif'}, or draw from it by `vaelib generate {run}`.")


def _way_on(experiment: str, run: Path, out: Path | None) -> str:
    """How to go on with a stopped training: by its folder, once the settings have been written there."""
    from .experiments import CONFIG

    if not (run / CONFIG).is_file():
        return "nothing is written yet, so give the same command again"
    return f"go on by `vaelib train {experiment}{f' --out {out}' if out else ''} --resume`"


@app.command()
def experiments() -> None:
    """List the experiments. Each with settings, recorded results, and whether its weights are shipped."""
    from . import checkpoints
    from . import experiments as known

    shipped = checkpoints.shipped()
    for name in known.names():
        weights = f"shipped: `vaelib generate {name}`" if name in shipped else f"not shipped: `vaelib train {name}`"
        print("\n  ".join([name, *known.describe(name), f"weights: {weights}"]), end="\n\n")


@app.command()
def generate(
    run: Run,
    n: Annotated[int, typer.Option("-n", min=1, help="How many images.")] = 36,
    prior: Annotated[Prior, typer.Option(help="N(0, I), or what was fitted to the codes.")] = Prior.gmm,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed, the same images.")] = 0,
    plain: Plain = False,
    output: Output = Path("samples.png"),
) -> None:
    """Draw new images from a prior."""
    _draw(output, lambda demos: demos.samples(run, n, prior.value, seed, plain))


@app.command()
def reconstruct(
    run: Run,
    image: Images = None,
    plain: Plain = False,
    output: Output = Path("reconstructions.png"),
    root: Root = None,
) -> None:
    """Show images above their reconstructions."""
    _draw(output, lambda demos: demos.reconstructions(run, image, root, plain))


@app.command()
def interpolate(
    run: Run,
    ends: Annotated[
        list[Path] | None, typer.Argument(metavar="[A B]", help="Two images; held-out pairs by default.")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Images from one end to the other, both included.")] = 10,
    method: Annotated[Method, typer.Option(help="Along an arc, or a straight line.")] = Method.slerp,
    plain: Plain = False,
    output: Output = Path("interpolation.png"),
    root: Root = None,
) -> None:
    """Walk from image to image in latent space. An output that ends in .gif becomes an animation."""
    if output.suffix.lower() == ".gif":
        _draw(output, lambda demos: demos.animated_interpolation(run, ends, steps, method.value, root, plain))
    else:
        _draw(output, lambda demos: demos.interpolation(run, ends, steps, method.value, root, plain))


@app.command()
def manipulate(
    run: Run,
    image: Images = None,
    attribute: Annotated[str, typer.Option(help="For example Smiling or Eyeglasses.")] = "Smiling",
    strengths: Annotated[str, typer.Option(help="Multiples of the attribute's direction.")] = "-3,-2,-1,0,1,2,3",
    plain: Plain = False,
    output: Output = Path("manipulation.png"),
    root: Root = None,
) -> None:
    """Add an attribute, or take it away. One row per image, one column per strength."""
    multiples = _numbers(strengths)
    _draw(output, lambda demos: demos.manipulation(run, image, attribute, multiples, root, plain))


@app.command()
def evaluate(
    run: Run,
    dataset: Annotated[str | None, typer.Option(help="Another dataset than the run's own.")] = None,
    root: Root = None,
    inception: Annotated[
        bool, typer.Option("--inception", help="The usual FID, too: by torchmetrics, slow without a GPU.")
    ] = False,
) -> None:
    """Measure a run on held-out images. Prints a table and writes the run's metrics.json, but to no shipped record."""
    from . import runs, tables

    figures = runs.evaluate_run(run, dataset, root, inception)
    print(tables.evaluation(figures))
    if Path(run).is_dir():  # after the table, which is not to be lost if writing is refused
        runs.write_metrics(run, {f"evaluation on {dataset}" if dataset else "evaluation": figures})


def _draw(output: Path, make: Callable[[ModuleType], object]) -> None:
    """Write what `make` gets out of `vaelib.demos`, which is imported here: a picture, or a list of them, animated."""
    require_folder_of(output)
    from . import demos, images

    images.require_picture_name(output)
    made = make(demos)
    save = images.save_gif if isinstance(made, list) else images.save
    save(made, output)
    print(output)


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not (numbers and all(map(math.isfinite, numbers))):
        raise UserError(f"--strengths takes numbers with commas between them and was given {text!r}: try -2,0,2.")
    return numbers
