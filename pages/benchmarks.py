"""The sections of the results page about the benchmarks: throughput, the ablation, and pythae's VAE."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from statistics import mean

from pages.markdown import number, percent, table, with_error, without_empty_columns
from pages.models import prior_label, protocol_of
from pages.run_record import overrides_of, priors_of
from vaelib.runs import evaluation

BEST_PRIOR = "samples, best prior"  # a ratio in the record of pythae's runs

# Speed

IN_MEMORY = "images in memory"  # the contender that runs the usual loop on images that were decoded beforehand


def throughput(records: dict[str, dict]) -> list[str]:
    """A table for each record of the throughput benchmark."""
    if not records:
        return []
    return [
        "## Throughput",
        "Images per second in training, of vaelib and of what people use instead: the same network on the "
        "same images in batches of the same size. The speed of a machine changes from minute to minute, so each "
        "ratio is taken within a round, in which all are measured in turn; in brackets are the smallest and the "
        "largest.",
        "*jpeg files* decodes CelebA's files in every epoch, *images in memory* is the same loop on decoded images, "
        "*pythae* is its own trainer. The last two columns set the arithmetic, and the bytes moved, against a large "
        "matrix product and a large copy on the same device.",
        *gains_nothing(records),
        *(throughput_table(name, record) for name, record in records.items()),
    ]


def gains_nothing(records: dict[str, dict]) -> list[str]:
    """A sentence for each GPU on which no record shows vaelib to be faster than a plain loop on images in memory."""
    medians: dict[str, list[float]] = {}
    for record in records.values():
        if IN_MEMORY in record["contenders"]:
            median = record["contenders"][IN_MEMORY]["ratio_of_vaelib"]["median"]
            medians.setdefault(record["hardware"]["device"], []).append(median)
    return [
        f"On the {name.removeprefix('NVIDIA ')} vaelib gains nothing over *{IN_MEMORY}*: a network this small leaves "
        "the GPU waiting for Python."
        for name, ratios in medians.items()
        if "CPU" not in name and max(ratios) <= 1
    ]


def throughput_table(name: str, record: dict) -> str:
    """The table of one record, without the columns for which the record has no values."""
    rows = [
        [
            contender,
            number(facts["images_per_second"]),
            ratio(facts.get("ratio_of_vaelib")) if contender != "vaelib" else "",
            number(facts["peak_memory_bytes"] / 1e6) if facts.get("peak_memory_bytes") else "",
            facts.get("precision", ""),
            percent(facts.get("share_of_matrix_product")),
            percent(facts.get("share_of_copy")),
        ]
        for contender, facts in record["contenders"].items()
    ]
    caption = (
        f"Training throughput of `{record['experiment']}` on {record['dataset']}, medians of {record['rounds']} "
        f"rounds; {hardware(record)}. {origin(record)}"
    )
    header = ["", "images/s", "vaelib's speed over it", "peak MB", "precision", "of a matrix product", "of a copy"]
    return table(f"tab-results-{name}", caption, *without_empty_columns(header, rows))


def ratio(spread: dict | None) -> str:
    """A median with its range."""
    return "{median:.3g} ({min:.3g}–{max:.3g})".format(**spread) if spread else ""


def hardware(record: dict) -> str:
    """The device, with the processor and the packages if these are recorded."""
    device, processor = record["hardware"]["device"], record["hardware"].get("processor")
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return device + (f" ({processor})" if processor else "") + (f"; {versions}" if versions else "")


def origin(record: dict) -> str:
    """The record's own note on its origin if it has one, or else the command that repeats the measurement."""
    return record.get("origin") or f"Repeat it: `{throughput_command(record)}`."


def throughput_command(record: dict) -> str:
    """The command that repeats the measurement."""
    command = ["python", "-m", "benchmarks.throughput", "--experiment", record["experiment"]]
    command += ["--dataset", record["dataset"], "--rounds", str(record["rounds"])]
    command += ["--batches", str(record["images_a_round"] // record["batch_size"])]
    for override in record["overrides"]:
        command += ["--set", override]
    return shlex.join(command)


# What each part gives


def ablation(record: dict | None) -> list[str]:
    """The effect of each change of the recipe: one table for each length of training and each machine."""
    if not record or not record["runs"]:
        return []
    about = {run["variant"]: run["about"] for run in record["runs"]}
    return [
        "## What each part gives",
        "The recipe of `celeba64`, and the same with one thing changed:",
        "\n".join(f"- *{name}*: {text}." for name, text in about.items()),
        *tables_of(record["runs"], "tab-results-ablation", ablation_table),
    ]


def tables_of(runs: list[dict], name: str, make: Callable[[str, list[dict]], str]) -> list[str]:
    """One table for each group of runs that can be compared: equally many epochs on the same hardware."""
    groups: dict[tuple, list[dict]] = {}
    for run in runs:
        groups.setdefault((run["training"]["epochs"], run["training"]["hardware"]), []).append(run)
    return [make(name if i == 0 else f"{name}-{i + 1}", group) for i, group in enumerate(groups.values())]


def ablation_table(name: str, runs: list[dict]) -> str:
    """One row per variant, means over its seeds."""
    variants = list(dict.fromkeys(run["variant"] for run in runs))
    priors = priors_of(runs[0]["quality"]["frechet"])
    rows = []
    for variant in variants:
        of_variant = [run["quality"] for run in runs if run["variant"] == variant]
        distances = [
            over_seeds([quality["frechet"][evaluation.samples_of(prior)] for quality in of_variant]) for prior in priors
        ]
        others = [over_seeds([quality.get(key) for quality in of_variant]) for key in ("psnr", "kl", "bits_per_dim")]
        rows.append([variant, str(len(of_variant)), *others, *distances])
    header = ["variant", "seeds", "PSNR, dB", "KL, nats", "bits/dim", *map(prior_label, priors)]
    caption = (
        "Means over seeds, ± half of the range over the seeds where there are several; a row of one seed has no ±, and "
        "differences as small as that of a row with ± may be chance. Right of bits/dim, Fréchet distances of samples "
        f"from each prior in the features of the attribute classifier. {cost(runs)}. "
        f"{protocol_of(runs[0]['quality'])}. Repeat it: `{ablation_command(runs)}`."
    )
    return table(name, caption, header, rows)


def over_seeds(values: list[float | None]) -> str:
    """The mean, and half of the range if there are several; a dash if a value is missing, as an autoencoder's KL is."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    return with_error(mean(known), (max(known) - min(known)) / 2) if len(known) > 1 else number(known[0])


def cost(runs: list[dict]) -> str:
    """Length, hardware, seeds and wall-clock time of the training runs."""
    minutes = sum(run["training"]["seconds"] for run in runs) / 60
    return f"{length(runs)}, {number(minutes)} min of training together"


def length(runs: list[dict]) -> str:
    """Length, hardware and seeds of the training runs."""
    training = runs[0]["training"]
    seeds = sorted({run["seed"] for run in runs})
    named = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return (
        f"{training['epochs']} epochs of {training['train_images']:,} images on {training['hardware']}, torch "
        f"{training['versions']['torch']}, {named}"
    )


def ablation_command(runs: list[dict]) -> str:
    """The command that repeats these runs. The settings of the unchanged recipe show what all runs were given."""
    epochs, seeds = runs[0]["training"]["epochs"], sorted({run["seed"] for run in runs})
    command = ["python", "-m", "benchmarks.ablation", "--epochs", str(epochs), "--seeds", *map(str, seeds)]
    recipe = next((run["settings"] for run in runs if run["variant"] == "recipe"), {})
    for override in overrides_of("celeba64", recipe, leave_out=("epochs", "seed")):
        command += ["--set", override]
    return shlex.join(command)


# pythae's VAE


def pythae(record: dict | None) -> list[str]:
    """The quality of pythae's VAE beside that of the recipe; nothing if no run of pythae is recorded."""
    if not against_pythae(record):
        return []
    return [
        "## Beside pythae",
        "pythae's VAE with the layers of `celeba64`, trained by pythae's own trainer for as many images: with its "
        "defaults, and with another learning rate. Its codes were given the same priors. Each row is one training run "
        "with one seed, so the errors are those of the images alone. Both sides are compared as decoded, without any "
        "filter.",
        *tables_of(record["runs"], "tab-results-pythae", pythae_table),
    ]


def pythae_table(name: str, runs: list[dict]) -> str:
    """One row per run: the distances in the features of both networks, and those of vaelib over them."""
    ours = next((run["quality"] for run in runs if run["variant"] == "vaelib"), None)
    rows = []
    for run in runs:
        quality = run["quality"]
        row = [run["variant"], number(quality["psnr"])]
        for network in (None, "imagenet"):
            found = in_network(quality, network)
            row += [distance(found, title) for title in map(evaluation.samples_of, ("normal", quality["best_prior"]))]
            row.append(number(best_ratio(ours, quality, network) if ours and quality is not ours else None))
        rows.append(row)
    columns = [prior_label("normal"), "best prior", "vaelib's over it"]
    header = ["", "PSNR, dB", *columns, *(f"{column}, ImageNet" for column in columns)]
    caption = (
        "Fréchet distances of samples in the features of the attribute classifier, and in those of the ImageNet "
        "network: from N(0, I) and from the best prior; then the distance of vaelib's samples over that of the row, "
        "each from its best prior. ±: standard error over the images. {numref}`tab-results-throughput-cpu` "
        f"compares the speeds. {length(runs)}. {protocol_of(runs[0]['quality'])}. Repeat it: `python -m "
        f"benchmarks.pythae_quality --epochs {runs[0]['training']['epochs']} --seed {runs[0]['seed']}`."
    )
    return table(name, caption, header, rows)


def in_network(quality: dict, network: str | None) -> dict:
    """The distances of a run in the features of that network; by default, of the attribute classifier."""
    return quality.get(network, {}) if network else quality


def distance(found: dict, title: str) -> str:
    """A Fréchet distance with its error, as far as both are recorded."""
    return with_error(*(found.get(key, {}).get(title) for key in ("frechet", "frechet_error")))


def best_ratio(ours: dict, theirs: dict, network: str | None = None) -> float | None:
    """Our distance over theirs, each of samples from its best prior; None if one is not recorded."""
    distances = [
        in_network(quality, network).get("frechet", {}).get(evaluation.samples_of(quality["best_prior"]))
        for quality in (ours, theirs)
    ]
    return distances[0] / distances[1] if all(distances) else None


def against_pythae(record: dict | None) -> list[str]:
    """The ratio in the features of both networks, one sentence for each run."""
    compared = [run for run in record["runs"] if "ratio" in run] if record else []
    ours = next((run["quality"] for run in record["runs"] if run["variant"] == "vaelib"), None) if record else None
    sentences = []
    for run in compared:
        other = best_ratio(ours, run["quality"], "imagenet") if ours else None
        sentences.append(
            f"Trained for {run['training']['epochs']} epochs, as long as *{run['variant']}*, the recipe gives samples "
            f"that are {number(run['ratio'][BEST_PRIOR])} times as far from held-out faces, each from its best prior "
            "and without a filter, in the features of the attribute classifier"
            + (f", and {number(other)} times in those of the ImageNet network" if other else "")
            + " ({numref}`tab-results-pythae`; one run each)."
        )
    return sentences
