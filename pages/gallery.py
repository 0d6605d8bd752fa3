"""Write the gallery from the recorded runs: `python -m pages.gallery` writes book/gallery.md and its figures.

For each run in vaelib/shipped the page shows what the model is and what it cost, its training curves, the distribution
of its codes, and what it generates, in pictures that release/ship.py has recorded. A part without a record is left out.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor

from pages import plots
from pages.markdown import BOOK, figure, number, two_columns, write_page
from pages.models import prior_label
from pages.records import (
    ANIMATION,
    FROM_NORMAL,
    INTERPOLATIONS,
    RECONSTRUCTIONS,
    RECORDED,
    SAMPLES,
    SHARPENED_SAMPLES,
    SHIPPED,
    RunRecord,
    Sources,
    read_sources,
)
from vaelib.losses import Gaussian
from vaelib.support.errors import run_program

PAGE, PICTURES = BOOK / "gallery.md", BOOK / "_static" / "gallery"
SECTIONS = {"celeba": "Faces of CelebA", "cifar10": "CIFAR-10", "faces": "Drawn faces", "objects": "Drawn objects"}

HEAD = """% Written by pages/gallery.py from the recorded files. Do not edit: make results

# Gallery

What every recorded run paints, how it got there, and where its codes lie; {doc}`results` compares the runs in numbers.
Everything shown was painted by a model. Where its training images are photographs, no original is shown, and nobody
that the samples show exists. Pictures are as the decoder paints them, unless they are said to be sharpened
({doc}`../notebooks/11-second-stage-and-blur`).

The figure of the codes has two parts. On the left are all coordinates of the codes together, beside the density of
N(0, 1). On the right, dimension by dimension, is how far the codes of the images spread, and how wide the posterior of
one image is. In a dimension that says nothing about the image, the former is near 0 and the latter near 1."""


def main() -> None:
    """Write the page and its figures."""
    run_program("gallery", lambda: write(read_sources(SHIPPED, RECORDED), PAGE, PICTURES))


def write(sources: Sources, page: Path, pictures: Path) -> None:
    """Write the page, and its figures into a folder of their own."""
    write_page(partial(blocks, sources), page, pictures)


def blocks(sources: Sources, pictures: Path) -> list[str]:
    """The paragraphs and figures of the page."""
    made = [HEAD]
    for dataset, title in SECTIONS.items():
        runs = sources.of(dataset)
        made += [f"## {title}"] if runs else []
        made += [block for run in runs for block in run_section(run, pictures)]
    return made


def run_section(run: RunRecord, pictures: Path) -> list[str]:
    """The paragraphs and figures of one run. Draws its training curves and codes into the folder `pictures`."""
    plots.save(plots.training_curves(run), pictures / f"{run.slug}-curves.png")
    return [
        f"(gallery-{run.slug})=\n### {run.name}",
        run.experiment.about,
        card(run),
        curves(run),
        *codes(run, pictures),
        two_columns(*(grid(run, *which) for which in grids(run)), *interpolations(run)),
        *animation(run),
    ]


def card(run: RunRecord) -> str:
    """What the model is and how it was trained."""
    settings, training = run.experiment, run.training
    likelihood = settings.likelihood
    sigma = f" (σ {likelihood.sigma:.3g})" if isinstance(likelihood, Gaussian) else ""
    beta = f", β {settings.beta:g}" if run.is_vae else ""
    lines = [
        f"**Network**\n: {settings.model}, {settings.size} × {settings.size} pixels, channels "
        f"{', '.join(map(str, settings.channels))}, {settings.latent_dim} latent dimensions, likelihood "
        f"{likelihood.name}{sigma}{beta}",
        f"**Training**\n: {training['train_images']:,} images, {training['epochs']} epochs in {run.seconds} "
        f"({number(training['images_per_second'])} images/s) on {training['hardware']}; seed {training['seed']}, torch "
        f"{training['versions']['torch']}",
    ]
    return "\n\n".join([*lines, *([f"**Note**\n: {training['note']}"] if "note" in training else [])])


def curves(run: RunRecord) -> str:
    """The figure of the training curves."""
    last = run.history.iloc[-1]
    terms = {"reconstruction (nll)": "valid_nll"} | ({"KL": "valid_kl"} if run.is_vae else {})
    skipped = len(run.history) // plots.SKIPPED
    ends = "; ".join(f"{name} {number(last[key])} nats" for name, key in terms.items())
    first = f" The first {skipped} epochs are left out." if skipped > 1 else ""
    return figure(
        f"fig-gallery-{run.slug}-curves",
        f"_static/gallery/{run.slug}-curves.png",
        f"Training and validation curves over {run.training['epochs']} epochs, in nats per image. Validation ends "
        f"at: {ends}.",
        f"Training of `{run.name}`: {ends} at the end, on validation images.{first} `{run.command}`; {run.cost}.",
        width=350 * len(terms),
    )


def codes(run: RunRecord, pictures: Path) -> list[str]:
    """The figure of the codes of held-out images, if they are kept."""
    if not (kept := run.codes):
        return []
    mu, logvar = kept.mu, kept.logvar
    plots.save(plots.codes(mu, logvar), pictures / f"{run.slug}-codes.png")
    spread = mu.std(0)
    within = "" if logvar is None else f", beside the width of the posteriors, {widths(logvar)}"
    return [
        figure(
            f"fig-gallery-{run.slug}-codes",
            f"_static/gallery/{run.slug}-codes.png",
            f"Left: a histogram of the codes' coordinates with the bell curve of N(0, 1). Right: the spread of each of "
            f"{len(spread)} dimensions over the images, from {number(spread.max().item())} down to "
            f"{number(spread.min().item())}{within}.",
            f"The codes of {len(mu)} held-out images by `{run.name}`{by_another(run)}.",
            width=700,
        )
    ]


def by_another(run: RunRecord) -> str:
    """A note on the run that codes and interpolations come from, if they come from another one."""
    if "codes" not in run.training:
        return ""
    return f"; they are those of {another(run, run.training['codes'])} ({run.training['codes']})"


def another(run: RunRecord, cost: str) -> str:
    """Words for another run of the same experiment, from its `cost`, such as "12 epochs in 500 s on ..."."""
    shorter = int(cost.split()[0]) < run.training["epochs"]
    return f"another{', shorter' if shorter else ''} run of the same experiment"


def widths(logvar: Tensor) -> str:
    """The range over the dimensions of the posteriors' standard deviations."""
    width = logvar.exp().mean(0).sqrt()
    return f"from {number(width.min().item())} to {number(width.max().item())}"


def grids(run: RunRecord) -> list[tuple[str, str, str]]:
    """For each recorded picture its file, what it shows, and the command that makes more."""
    fitted = run.fitted(run.main_features) if run.main_features else None
    source = f"the {prior_label(fitted)} fitted to its codes" if fitted else "the density fitted to its codes"
    generate = f"vaelib generate {run.place}"
    fit = f"{generate} --prior {fitted}" if fitted else generate
    pictures = [
        (
            RECONSTRUCTIONS,
            "reconstructions of held-out images, which are not shown",
            f"vaelib reconstruct {run.place} --plain",
        ),
        (FROM_NORMAL, "samples from N(0, I)", f"{generate} --prior normal --plain"),
        (SAMPLES, f"samples from {source}", f"{fit} --plain"),
    ]
    sharpened = (SHARPENED_SAMPLES, f"the same samples from {source}, sharpened", fit)
    return [*pictures, *([sharpened] if run.has(SHARPENED_SAMPLES) else [])]


def shown(run: RunRecord, picture: str) -> str:
    """The path of a recorded picture, relative to the page."""
    return f"../vaelib/shipped/{run.name}/{picture}"


def grid(run: RunRecord, picture: str, what: str, command: str) -> str:
    """The figure of one recorded picture."""
    return figure(
        f"fig-gallery-{run.slug}-{Path(picture).stem}",
        shown(run, picture),
        f"A grid of small pictures that {run.name} has painted: {what}.",
        f"`{run.name}`: {what}. `{command}`",
    )


def interpolations(run: RunRecord) -> list[str]:
    """The figure of the interpolations between held-out images, if they are recorded."""
    if not run.has(INTERPOLATIONS):
        return []
    return [
        figure(
            f"fig-gallery-{run.slug}-interpolations",
            shown(run, INTERPOLATIONS),
            f"Rows of small pictures that {run.name} has painted, each turning step by step from one image to another.",
            f"`{run.name}`: walks along an arc (slerp) between the codes of held-out images{by_another(run)}. "
            f"`vaelib interpolate {run.place} --plain`",
        )
    ]


def animation(run: RunRecord) -> list[str]:
    """The animation of the epochs, if it is recorded. It is folded: nothing moves until the reader opens it."""
    if not run.has(ANIMATION):
        return []
    of, other = f"{run.training['epochs']} epochs", ""
    if "animation" in run.training:
        of = run.training["animation"]
        other = f", {another(run, of)}"
    moving = figure(
        f"fig-gallery-{run.slug}-training",
        shown(run, ANIMATION),
        "An animation, one frame per epoch: on the left, reconstructions of held-out images gain detail; on the right, "
        "samples from N(0, I) change with them.",
        f"`{run.name}` in training: {of}{other}. `vaelib train` writes one for every run, `training.gif`.",
    )
    return ["\n".join(["::::{dropdown} Watch it train", moving, "::::"])]


if __name__ == "__main__":
    main()
