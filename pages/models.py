"""The sections of the results page that compare models: four ways to sample, and tables of all models of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pages import plots
from pages.markdown import PICTURES, figure, in_words, number, percent_with_error, table, with_error
from pages.records import FROM_NORMAL, SAMPLES, RunRecord
from pages.run_record import priors_of
from vaelib.runs import evaluation

PRIORS = {"normal": "N(0, I)", "gaussian": "Gaussian", "gmm": "mixture"}
FEATURES = {
    "attributes": "the attribute classifier",
    "imagenet": "the ImageNet network",
    "pixels": "the pixels",
    "inception": "Inception",
}
DATASETS = {"celeba": "CelebA", "cifar10": "CIFAR-10", "faces": "the drawn faces", "objects": "the drawn objects"}
SPLITS = {"train": "training", "valid": "validation"}
BY_FAR, NEAR = 1.5, 0.15  # the least ratio that counts as "by far", the largest difference that counts as "near"


def prior_label(prior: str) -> str:
    """The name of a prior in the text of the book."""
    return PRIORS.get(prior, prior)


def protocol(runs: list[RunRecord]) -> str:
    """The protocol of the evaluations, run by run where they differ."""
    return grouped(runs, protocol_of)


def protocol_of(held_out: dict) -> str:
    """The protocol of one evaluation: images, crop, number of samples, seed, halves."""
    halves = ""
    if "compared" in held_out:
        halves = f", {held_out['splits']} random halves of {held_out['compared']:,} each"
    return (
        f"{held_out['images']:,} {SPLITS[held_out['split']]} images of {DATASETS[held_out['dataset']]} at "
        f"{held_out['size']} × {held_out['size']} pixels (crop: {held_out['crop']}), {held_out['samples']:,} "
        f"samples of each prior, seed {held_out['seed']}{halves}"
    )


def grouped(runs: list[RunRecord], describe: Callable[[dict], str]) -> str:
    """What `describe` returns for the evaluations: once if it is the same for all, or else with the runs' names."""
    said: dict[str, list[str]] = {}
    for run in runs:
        said.setdefault(describe(run.evaluation), []).append(run.name)
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(f"{in_words(names)}: {text}" for text, names in said.items())


# Four ways to sample


def four_ways(ae: RunRecord | None, vae: RunRecord | None, pictures: Path) -> list[str]:
    """(AE, VAE) × (N(0, I), mixture), compared with the finding of Ghosh et al.; nothing unless both are recorded."""
    mixture = evaluation.samples_of("gmm")
    shown = ae and vae and ae.compared and vae.compared
    names = [name for name in FEATURES if shown and ae.distance(name, mixture) and vae.distance(name, mixture)]
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
    columns |= {"reconstructions": evaluation.RECONSTRUCTIONS}
    rows = [
        [
            f"{FEATURES[name]}: {label}",
            *(with_error(*run.estimate("frechet", name, title)) for title in columns.values()),
        ]
        for name in names
        for label, run in (("autoencoder", ae), ("VAE", vae))
    ]
    caption = (
        f"Fréchet distances to held-out images, ± one standard error; smaller is better. Reconstructions are those of "
        f"other held-out images. {protocol([ae, vae])}. Features: "
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


# Side by side


def side_by_side(runs: list[RunRecord], dataset: str) -> list[str]:
    """All runs on a dataset: a list of the models, and tables of reconstruction, distances and variety."""
    measured = [run for run in runs if run.evaluation]
    blocks = ["\n".join(map(about, runs))] if runs else []
    if measured:
        blocks += [coding_table(measured, dataset)]
    if compared := [run for run in measured if run.compared]:
        names = [name for name in FEATURES if any(name in run.evaluation["frechet"] for run in compared)]
        blocks += [distance_table(compared, dataset, name) for name in names]
        blocks += [variety_table(compared, dataset)]
    return blocks


def about(run: RunRecord) -> str:
    """What the model is and what it cost, as an item of a list."""
    cost = f"{run.training['epochs']} epochs in {run.seconds} on {run.training['hardware']}"
    return f"- [`{run.name}`](gallery-{run.slug}): {run.experiment.about} ({cost}.)"


def coding_table(runs: list[RunRecord], dataset: str) -> str:
    """Reconstruction error, and the terms of the bound."""
    keys = {"KL, nats": "kl", "ELBO, bits/dim": "bits_per_dim", "IWAE, bits/dim": "iwae_bits_per_dim"}

    def cell(held_out: dict, key: str) -> str:
        return with_error(held_out[key], held_out.get(f"{key}_error"))

    rows = []
    for run in runs:
        held_out = run.evaluation
        units = f"{held_out['active_units']}/{held_out['latent_dim']}" if run.is_vae else "–"
        terms = [cell(held_out, key) if run.is_vae else "–" for key in keys.values()]
        rows.append([f"`{run.name}`", cell(held_out, "psnr"), cell(held_out, "mse"), *terms, units])
    caption = (
        f"Reconstruction and likelihood on held-out images, ± one standard error over images. {protocol(runs)}. An "
        "autoencoder has no likelihood. The bounds are for pixels of 8 bits, under a Gaussian of each model's own σ. "
        "Repeat a row: `vaelib evaluate NAME`."
    )
    header = ["model", "PSNR, dB", "squared error", *keys, "active units"]
    return table(f"tab-results-{dataset}-coding", caption, header, rows)


def distance_table(runs: list[RunRecord], dataset: str, features: str) -> str:
    """Fréchet distances of reconstructions and of samples from every prior."""
    runs = [run for run in runs if features in run.evaluation["frechet"]]
    priors = list(dict.fromkeys(prior for run in runs for prior in priors_of(run.evaluation["frechet"][features])))
    titles = [evaluation.RECONSTRUCTIONS, *map(evaluation.samples_of, priors)]
    rows = [
        [f"`{run.name}`", *(with_error(*run.estimate("frechet", features, title)) for title in titles)] for run in runs
    ]
    caption = (
        f"Fréchet distances to the held-out images in the features of {FEATURES[features]}, ± one standard error: of "
        "reconstructions of other held-out images, and of samples from each prior. Training images are at "
        f"{training_images(runs, features)}. Features: "
        f"{grouped(runs, lambda held_out: held_out['features'][features])}. {protocol(runs)}. Repeat a row: `vaelib "
        "evaluate NAME`."
    )
    header = ["model", "reconstructions", *map(prior_label, priors)]
    return table(f"tab-results-{dataset}-{features}", caption, header, rows)


def training_images(runs: list[RunRecord], features: str, metric: str = "frechet", scale: float = 1) -> str:
    """The distance of training images, run by run where they differ."""

    def describe(held_out: dict) -> str:
        value, error = (held_out[key][features][evaluation.TRAINING] for key in (metric, f"{metric}_error"))
        return with_error(value, error, scale)

    return grouped(runs, describe)


def variety_table(runs: list[RunRecord], dataset: str) -> str:
    """Precision, recall and memorisation."""
    rows = [[f"`{run.name}`", *variety_cells(run.evaluation)] for run in runs]
    k = grouped(runs, lambda held_out: f"k = {held_out['precision_recall']['k']}")
    seen_by = grouped(runs, lambda held_out: held_out["features"][held_out["precision_recall"]["features"]])
    best = grouped(runs, lambda held_out: prior_label(held_out["best_prior"]))
    real = grouped(runs, lambda held_out: " and ".join(variety_pair(held_out, evaluation.TRAINING)))
    caption = (
        f"Precision and recall ({k}), and memorisation, of reconstructions of other held-out images (rec.) and of "
        f"samples from the best prior ({best}), ± one standard error. Training images reach {real} in precision and "
        f"recall. Features: {seen_by}. {protocol(runs)}. Repeat a row: `vaelib evaluate NAME`."
    )
    header = ["model", "precision: rec.", "samples", "recall: rec.", "samples", "memorisation: rec.", "samples"]
    return table(f"tab-results-{dataset}-variety", caption, header, rows)


def variety_cells(held_out: dict) -> list[str]:
    """A row of `variety_table`, without the name."""
    titles = (evaluation.RECONSTRUCTIONS, evaluation.samples_of(held_out["best_prior"]))
    pairs = [variety_pair(held_out, title) for title in titles]
    copies = held_out.get("memorisation", {})
    ratios = [with_error(*(copies.get(key, {}).get(title) for key in ("ratio", "ratio_error"))) for title in titles]
    return [*(pair[i] for i in (0, 1) for pair in pairs), *ratios]


def variety_pair(held_out: dict, title: str) -> tuple[str, str]:
    """Precision and recall of one set of images."""
    pairs = held_out["precision_recall"]
    precision, recall = (
        percent_with_error(pairs[key].get(title), pairs.get(f"{key}_error", {}).get(title))
        for key in ("precision", "recall")
    )
    return precision, recall
