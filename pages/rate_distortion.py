"""The section of the results page about rate and distortion."""

from __future__ import annotations

import math
from pathlib import Path

from pages import plots
from pages.markdown import PICTURES, figure, number
from pages.models import protocol
from pages.records import RunRecord


def rate_distortion(runs: list[RunRecord], pictures: Path) -> list[str]:
    """KL against squared error over the sweep of beta; nothing unless two of its runs are recorded."""
    size = min((run.experiment.size for run in runs), default=None)
    measured = [run for run in runs if run.evaluation and run.experiment.size == size]
    points = {with_beta(run): (run.evaluation["kl"], expected_error(run)) for run in measured if is_gaussian(run)}
    sweep = [run for run in measured if run.experiment.likelihood.name == "gaussian"]
    if len(sweep) < 2:
        return []
    ae = next((run.evaluation["mse"] for run in measured if not run.is_vae), None)
    plots.save(plots.rate_distortion(points, [*map(with_beta, sweep)], ae), pictures / "rate-distortion.png")
    return [
        "## Rate and distortion",
        "The KL is an upper bound on the information that a code conveys about its image. The squared error is what "
        "the reconstruction misses. One setting trades the one for the other: β, which multiplies the KL where the "
        "other term is the sum of squared errors. A Gaussian likelihood of standard deviation σ is such a loss with "
        f"β = 2σ², so a calibrated decoder, which learns σ, chooses its own β. {rate_finding(sweep)}",
        figure(
            "fig-results-rate-distortion",
            f"{PICTURES}/rate-distortion.png",
            "Squared error against KL, one marker for each model: "
            + "; ".join(f"{name} at {number(kl)} nats and {number(mse)}" for name, (kl, mse) in points.items())
            + ".",
            "The rate–distortion curve of CelebA. The line joins the sweep of β. Squared errors are those that "
            f"training minimises, of one draw from the posterior of each image. {protocol(measured)}. Repeat it: "
            "`vaelib evaluate NAME`; commands, hardware, seeds and wall-clock of training are in the gallery.",
            width=780,
        ),
    ]


def is_gaussian(run: RunRecord) -> bool:
    """Whether the run is a VAE whose loss is a multiple of squared errors + beta · KL."""
    return run.is_vae and run.experiment.likelihood.name in ("gaussian", "optimal-gaussian")


def with_beta(run: RunRecord) -> str:
    """A run by its name and the beta of the loss that its own is a multiple of: squared errors + beta · KL."""
    likelihood = run.experiment.likelihood
    sigma = likelihood.sigma if likelihood.name == "gaussian" else run.evaluation["sigma"]
    return f"{run.name} (β = {2 * sigma**2 * run.experiment.beta:.2g})"


def expected_error(run: RunRecord) -> float:
    """The squared error per value of reconstructions from one draw of the posterior, which follows from the nll."""
    sigma, values = run.evaluation["sigma"], 3 * run.experiment.size**2
    return 2 * sigma**2 * (run.evaluation["nll"] / values - math.log(2 * math.pi * sigma**2) / 2)


def rate_finding(sweep: list[RunRecord]) -> str:
    """A sentence that says whether the error falls throughout the sweep as the KL grows."""
    ordered = sorted(sweep, key=lambda run: run.evaluation["kl"])
    errors = [expected_error(run) for run in ordered]
    kls = f"from {number(ordered[0].evaluation['kl'])} to {number(ordered[-1].evaluation['kl'])} nats"
    if errors != sorted(errors, reverse=True):
        return f"In these records the error does not fall throughout as the KL grows {kls}."
    return f"As the KL grows {kls}, the error falls from {number(errors[0])} to {number(errors[-1])}."
