"""The section of the results page on four ways to sample: an autoencoder and a VAE, from N(0, I) and from a mixture."""

from __future__ import annotations

from pathlib import Path

from pages import plots
from pages.markdown import PICTURES, figure, number, table, with_error
from pages.models import FEATURES, prior_label, protocol
from pages.records import FROM_NORMAL, SAMPLES, RunRecord
from vaelib.runs import evaluation

NEGLIGIBLE = 0.1  # of a distance: what may be neglected beside it
BY_FAR, NEAR = 1.5, 0.15  # the least ratio that counts as "by far", the largest difference that counts as "near"


def four_ways(ae: RunRecord | None, vae: RunRecord | None, pictures: Path) -> list[str]:
    """(AE, VAE) × (N(0, I), mixture), compared with the finding of Ghosh et al.; nothing unless both are recorded."""
    mixture = evaluation.samples_of("gmm")
    names = [name for name in FEATURES if ae and vae and comparable(ae, vae, name, mixture)]
    if not names:
        return []
    return [
        "## Four ways to sample",
        "An autoencoder and a VAE with the same layers, each sampled in two ways: by decoding draws from N(0, I), "
        "and by decoding draws from a density that was fitted to its codes after training. "
        "{doc}`../notebooks/02-why-autoencoders-cannot-sample` explains what happens.",
        four_ways_figure(ae, vae, names[0], pictures),
        four_ways_table(ae, vae, names),
        "On CelebA, {cite:t}`ghosh2020` (Table 1) fit densities to an autoencoder's codes: its samples have an FID of "
        "128 from a single Gaussian and of 45.1 from a mixture of ten. The VAE's FID falls from 48.1 for N(0, I) to "
        "45.5 for a mixture. A plain autoencoder samples as well as a VAE if its codes come from a density that fits. "
        f"{four_ways_finding(ae, vae, names)} (Their crop, network and features differ from ours: compare the "
        "pattern, not the numbers.)",
    ]


def comparable(run: RunRecord, other: RunRecord, features: str, images: str) -> bool:
    """Whether the distances of a set of images of two runs can be compared.

    They can if both runs were measured in the same way. If not, the numbers of images differ. This changes a distance
    by about as much as that of training images, which must then be small beside it.
    """
    distances = [of.distance(features, images) for of in (run, other)]
    real = [of.distance(features, evaluation.TRAINING) for of in (run, other)]
    if None in distances + real:
        return False
    return run.compared == other.compared or max(real) < NEGLIGIBLE * min(distances)


def four_ways_figure(ae: RunRecord, vae: RunRecord, features: str, pictures: Path) -> str:
    """The figure with a row of samples for each of the four."""
    rows = {
        f"{label},\n{prior}": (run, picture)
        for prior, picture in (("N(0, I)", FROM_NORMAL), ("fitted prior", SAMPLES))
        for label, run in (("autoencoder", ae), ("VAE", vae))
    }
    plots.save(plots.sample_rows(rows), pictures / "four-ways.webp")
    # The recorded pictures are from the best fitted prior, which may be a flow and not the mixture.
    fitted = [run.evaluation["best_prior"] for run in (ae, vae)]
    titles = map(evaluation.samples_of, ("normal", "normal", *fitted))
    distances = [number(run.distance(features, title)) for run, title in zip((ae, vae, ae, vae), titles, strict=True)]
    return figure(
        "fig-results-four-ways",
        f"{PICTURES}/four-ways.webp",
        "Four rows of small pictures that an autoencoder and a VAE have generated: from N(0, I), at "
        f"distances of {distances[0]} and {distances[1]}; from fitted priors, at {distances[2]} and {distances[3]}.",
        f"Samples of `{ae.name}` and `{vae.name}` from N(0, I), and from the prior fitted to their codes that came "
        f"nearest to held-out images ({' and '.join(map(prior_label, fitted))}). "
        f"No one shown exists. `vaelib generate {ae.place} --prior normal` draws more. Trained by "
        f"`{ae.command}` ({ae.cost}) and `{vae.command}` ({vae.cost}).",
        width=780,
    )


def four_ways_table(ae: RunRecord, vae: RunRecord, names: list[str]) -> str:
    """The Fréchet distances of the four in these features, and those of the reconstructions."""
    columns = {prior_label(prior): evaluation.samples_of(prior) for prior in ("normal", "gmm")}
    said = ""
    if ae.compared and vae.compared:
        columns |= {"reconstructions": evaluation.RECONSTRUCTIONS}
        said = "Reconstructions are those of other held-out images. "
    elif ae.compared != vae.compared:
        said = (
            f"The two were measured with different numbers of images. This changes a distance by less than "
            f"{100 * NEGLIGIBLE:.0f} % in the features shown. "
        )
    rows = [
        [
            f"{FEATURES[name]}: {label}",
            *(with_error(*run.estimate("frechet", name, title)) for title in columns.values()),
        ]
        for name in names
        for label, run in (("autoencoder", ae), ("VAE", vae))
    ]
    caption = (
        f"Fréchet distances to held-out images, ± one standard error where it is recorded; smaller is better. {said}"
        f"{protocol([ae, vae])}. Features: "
        f"{', '.join(ae.evaluation['features'][name] for name in names)}. Repeat it: `vaelib evaluate {ae.place}` and "
        f"`vaelib evaluate {vae.place}`."
    )
    return table("tab-results-four-ways", caption, ["features of", *columns], rows)


def four_ways_finding(ae: RunRecord, vae: RunRecord, names: list[str]) -> str:
    """A sentence that says whether these records show the finding in all features."""
    holds = all(shows_the_finding(ae, vae, name) for name in names)
    measured = four_ways_measured(ae, vae, names[0])
    if not holds:
        return f"**These records do not show that.** {measured}"
    return (
        f"**The same holds here.** {measured} In every kind of features, the autoencoder from N(0, I) is at least "
        f"{BY_FAR:g} times as far as any of the other three, and the two mixtures are within {100 * NEAR:.0f} % of "
        "each other."
    )


def four_ways_measured(ae: RunRecord, vae: RunRecord, features: str) -> str:
    """The four distances, in words."""
    worst, vae_worst, best, vae_best = map(number, four_distances(ae, vae, features))
    return (
        f"From N(0, I), the autoencoder's samples are at a distance of {worst} and the VAE's at {vae_worst}; from the "
        f"mixture, at {best} and {vae_best}."
    )


def four_distances(ae: RunRecord, vae: RunRecord, features: str) -> list[float]:
    """The distances of the autoencoder and the VAE: first from N(0, I), then from the mixture."""
    return [run.distance(features, evaluation.samples_of(of)) for of in ("normal", "gmm") for run in (ae, vae)]


def shows_the_finding(ae: RunRecord, vae: RunRecord, features: str) -> bool:
    """Whether AE + N(0, I) is worst by far and AE + mixture is near VAE + mixture, as Ghosh et al. (2020) found."""
    worst, vae_worst, best, vae_best = four_distances(ae, vae, features)
    return worst >= BY_FAR * max(vae_worst, best, vae_best) and abs(best / vae_best - 1) <= NEAR
