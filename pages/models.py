"""The sections of the results page that compare the models of a dataset: a list and tables."""

from __future__ import annotations

from collections.abc import Callable

from pages.markdown import in_words, number, percent_with_error, table, with_error
from pages.records import RunRecord
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
    if earlier := [run for run in measured if not run.compared]:
        blocks += earlier_tables(earlier, dataset)
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


def earlier_tables(runs: list[RunRecord], dataset: str) -> list[str]:
    """Fréchet distances of samples of runs that were measured before there were errors, one table for each features.

    Their reconstructions were compared with the very images that they reconstruct, and are left out.
    """
    names = [name for name in FEATURES if any(name in run.evaluation["frechet"] for run in runs)]
    verb = "have" if len(runs) > 1 else "has"
    return [
        f"{in_words([run.name for run in runs])} {verb} not been measured with errors and with the ImageNet network "
        "yet. The distances below compare all held-out images with as many samples at once, so they are smaller than "
        "distances on halves. Do not set them beside the tables above.",
        *(earlier_table([run for run in runs if name in run.evaluation["frechet"]], dataset, name) for name in names),
    ]


def earlier_table(runs: list[RunRecord], dataset: str, features: str) -> str:
    """Fréchet distances of samples from every prior, without errors."""
    priors = list(dict.fromkeys(prior for run in runs for prior in priors_of(run.evaluation["frechet"][features])))
    rows = [
        [f"`{run.name}`", *(number(run.distance(features, evaluation.samples_of(prior))) for prior in priors)]
        for run in runs
    ]
    caption = (
        f"Earlier measurements: Fréchet distances of samples to the held-out images in the features of "
        f"{FEATURES[features]}, without errors. Training images are at "
        f"{grouped(runs, lambda held_out: number(held_out['frechet'][features][evaluation.TRAINING]))}. Features: "
        f"{grouped(runs, lambda held_out: held_out['features'][features])}. {protocol(runs)}. Repeat a row with "
        "errors: `vaelib evaluate NAME`."
    )
    return table(f"tab-results-{dataset}-earlier-{features}", caption, ["model", *map(prior_label, priors)], rows)


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
