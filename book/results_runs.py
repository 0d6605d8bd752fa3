"""The sections of the results page about single runs: where each lies between rate and distortion, and its gallery."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import results_figures as figures
from results_markdown import PICTURES, figure, number, two_columns
from results_models import prior_label, setting
from results_records import Record

from vaelib import losses

# Rate and distortion


def rate_distortion(runs: list[Record], pictures: Path) -> list[str]:
    """KL against squared error over the sweep of beta; nothing unless two of its runs are recorded."""
    size = min((run.experiment.size for run in runs), default=None)
    measured = [run for run in runs if run.evaluation and run.experiment.size == size]
    points = {label(run): (run.evaluation["kl"], expected_error(run)) for run in measured if is_gaussian(run)}
    sweep = [run for run in measured if run.experiment.likelihood == "gaussian"]
    if len(sweep) < 2:
        return []
    ae = next((run.evaluation["mse"] for run in measured if not run.is_vae), None)
    fig = figures.rate_distortion(points, [label(run) for run in sweep], ae)
    figures.save(fig, pictures / "rate-distortion.png")
    return [
        "## Rate and distortion",
        "The KL is what a code may tell about its image, the squared error is what it fails to tell. One setting "
        "trades the one for the other: β, which multiplies the KL where the other term is the sum of squared errors. "
        "A Gaussian likelihood of standard deviation σ is such a loss with β = 2σ², so that a calibrated decoder, "
        f"which learns σ, chooses its own β. {rate_finding(sweep)}",
        figure(
            "fig-results-rate-distortion",
            f"{PICTURES}/rate-distortion.png",
            "Squared error against KL, one marker for each model: "
            + "; ".join(f"{name} at {number(kl)} nats and {number(mse)}" for name, (kl, mse) in points.items())
            + ".",
            "The rate–distortion curve of CelebA. The line joins the sweep of β. Squared errors are those that "
            f"training minimises, of one draw from the posterior of each image. {setting(measured)}. Repeat it: "
            "`vaelib evaluate NAME`; commands, hardware, seeds and wall-clock of training are with each model below.",
            width=700,
        ),
    ]


def is_gaussian(run: Record) -> bool:
    """Whether the run is a VAE whose loss is a multiple of squared errors + beta · KL."""
    return run.is_vae and isinstance(run.experiment.build_likelihood(), losses.Gaussian | losses.OptimalGaussian)


def label(run: Record) -> str:
    """A run by its name and the beta of the loss that its own is a multiple of: squared errors + beta · KL."""
    likelihood = run.experiment.build_likelihood()
    sigma = likelihood.sigma if isinstance(likelihood, losses.Gaussian) else run.evaluation["sigma"]
    return f"{run.name} (β = {2 * sigma**2 * run.experiment.beta:.2g})"


def expected_error(run: Record) -> float:
    """The squared error per value of reconstructions from one draw of the posterior, which the nll tells."""
    sigma, values = run.evaluation["sigma"], 3 * run.experiment.size**2
    return 2 * sigma**2 * (run.evaluation["nll"] / values - math.log(2 * math.pi * sigma**2) / 2)


def rate_finding(sweep: list[Record]) -> str:
    """Whether a smaller beta bought a smaller error by a larger KL throughout the sweep."""
    ordered = sorted(sweep, key=lambda run: run.evaluation["kl"])
    errors = [expected_error(run) for run in ordered]
    kls = f"from {number(ordered[0].evaluation['kl'])} to {number(ordered[-1].evaluation['kl'])} nats"
    if errors != sorted(errors, reverse=True):
        return f"In these records the error does not fall throughout as the KL grows {kls}."
    return f"As the KL grows {kls}, the error falls from {number(errors[0])} to {number(errors[-1])}."


# One by one


def one_by_one(runs: Iterable[Record], pictures: Path) -> list[str]:
    """What each run cost, its curves and what it paints."""
    return [block for run in runs for block in gallery(run, pictures)]


def gallery(run: Record, pictures: Path) -> list[str]:
    """A run: its card, its training curves, its reconstructions and samples."""
    figures.save(figures.training_curves(run), pictures / f"{run.slug}-curves.png")
    return [
        f"(results-{run.slug})=\n### {run.name}",
        run.experiment.about,
        curves(run),
        two_columns(card(run), *(grid(run, *which) for which in grids(run))),
    ]


def card(run: Record) -> str:
    """What the run is and how it came about."""
    settings, training = run.experiment, run.training
    sigma = f" (σ {settings.sigma:.3g})" if settings.sigma else ""
    beta = f", β {settings.beta:g}" if run.is_vae else ""
    lines = [
        f"**Network**\n: {settings.model}, {settings.size} × {settings.size} pixels, channels "
        f"{', '.join(map(str, settings.channels))}, {settings.latent_dim} latent dimensions, likelihood "
        f"{settings.likelihood}{sigma}{beta}",
        f"**Training**\n: {training['train_images']:,} images, {training['epochs']} epochs in {run.seconds} "
        f"({number(training['images_per_second'])} images/s) on {training['hardware']}; seed {training['seed']}, torch "
        f"{training['versions']['torch']}",
    ]
    return "\n\n".join([*lines, *([f"**Note**\n: {training['note']}"] if "note" in training else [])])


def curves(run: Record) -> str:
    """The figure of the training curves."""
    last = run.history.iloc[-1]
    terms = {"reconstruction (nll)": "valid_nll"} | ({"KL": "valid_kl"} if run.is_vae else {})
    skipped = len(run.history) // figures.SKIPPED
    ends = "; ".join(f"{name} {number(last[key])} nats" for name, key in terms.items())
    first = f" The first {skipped} epochs are left out." if skipped > 1 else ""
    return figure(
        f"fig-results-{run.slug}-curves",
        f"{PICTURES}/{run.slug}-curves.png",
        f"Training and validation curves over {run.training['epochs']} epochs, in nats per image. Validation ends "
        f"at: {ends}.",
        f"Training of `{run.name}`: {ends} at the end, on validation images.{first} `{run.command}`; {run.cost}.",
        width=350 * len(terms),
    )


def grids(run: Record) -> list[tuple[str, str, str]]:
    """The recorded pictures: file, what they are, and the command that makes more."""
    fitted = run.fitted(run.main_features) if run.main_features else None
    source = f"the {prior_label(fitted)} fitted to its codes" if fitted else "the density fitted to its codes"
    option = f" --prior {fitted}" if fitted else ""
    return [
        (
            "reconstructions",
            "reconstructions of held-out images, which are not shown",
            f"vaelib reconstruct {run.place}",
        ),
        ("samples-normal", "samples from N(0, I)", f"vaelib generate {run.place} --prior normal"),
        ("samples", f"samples from {source}", f"vaelib generate {run.place}{option}"),
    ]


def grid(run: Record, picture: str, what: str, command: str) -> str:
    """The figure of one recorded picture."""
    return figure(
        f"fig-results-{run.slug}-{picture}",
        f"../vaelib/shipped/{run.name}/{picture}.png",
        f"A grid of small pictures that {run.name} has painted: {what}.",
        f"`{run.name}`: {what}. `{command}`",
    )
