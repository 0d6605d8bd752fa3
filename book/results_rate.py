"""The section of the results page on where each run lies between rate and distortion."""

from __future__ import annotations

import math
from pathlib import Path

import results_figures as figures
from results_markdown import PICTURES, figure, number
from results_models import setting
from results_records import Record

from vaelib import losses


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
            "`vaelib evaluate NAME`; commands, hardware, seeds and wall-clock of training are in the gallery.",
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
