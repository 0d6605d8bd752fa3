"""The sections of the results page on sharpened images agree with the records, and are left out without records."""

from __future__ import annotations

import copy
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pages import edits, plots, results, sharpening
from pages.records import SAMPLES, SHARPENED_SAMPLES, RunRecord, Sources, read_sources
from vaelib.runs import CONFIG, Run
from vaelib.support.errors import UserError

EDIT = {"faces": 500, "judge_accuracy": 0.9, "strengths": [1.0, 2.0]}
EDIT["most_changed"] = [{"attribute": "Young", "change": 0.25}] * 2


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(results.SHIPPED, results.RECORDED)


def as_measured(run: RunRecord, scale: float = 1.0) -> RunRecord:
    """The run with made-up metrics: its samples have a distance of 30 · scale, and of 10 · scale after sharpening."""
    metrics = {
        "mse": 0.004,
        "psnr": 24.0,
        "frechet": {"attributes": {"training images": 0.5, "reconstructions": 20.0, "samples, gmm": 30.0 * scale}},
        "best_prior": "gmm",
        "precision_recall": {"features": "attributes", "k": 3, "precision": {}, "recall": {}},
        "memorisation": {"ratio": {"samples, gmm": 1.25}},
        "edits": {"Male": EDIT | {"success": [0.5, 0.9], "leakage": [0.05, 0.09]}},
    }
    metrics["precision_recall"]["precision"]["samples, gmm"] = 0.4
    metrics["precision_recall"]["recall"]["samples, gmm"] = 0.1
    sharp = copy.deepcopy(metrics) | {"mse": 0.005, "psnr": 23.0}
    sharp["frechet"]["attributes"] |= {"reconstructions": 8.0, "samples, gmm": 10.0 * scale}
    sharp["precision_recall"]["precision"]["samples, gmm"] = 0.8
    sharp["edits"]["Male"] = EDIT | {"success": [0.7, 0.9], "leakage": [0.08, 0.12]}
    return replace(run, evaluation=run.evaluation | metrics | {"sharpened": sharp})


def unmeasured(run: RunRecord) -> RunRecord:
    """The run as if its sharpened images had not been measured."""
    return replace(run, evaluation={key: value for key, value in run.evaluation.items() if key != "sharpened"})


def one_space(text: str) -> str:
    """The text with one space where a table has several to align its columns."""
    return re.sub(" +", " ", text)


@pytest.fixture
def run(sources: Sources) -> RunRecord:
    return as_measured(sources.run("celeba64"))


# The section


def test_the_table_has_every_metric_plain_and_sharpened(run: RunRecord):
    table = sharpening.sharpened_table([run], "celeba")
    row = "| 24.0 → 23.0 | 20.0 → 8.00 | 30.0 → 10.0 | 1.50 → 1.25 | 40 % → 80 % | 10 % → 10 % | 1.25 → 1.25 |"
    assert f"| `celeba64` {row}" in one_space(table.replace("\u00a0", " "))
    assert "10\u00a0% →\u00a010\u00a0%" in table  # lines break only before an arrow
    assert "from the best prior (mixture)" in table and "are at 0.500. Extractor: 256 features" in table
    assert "Repeat a row: `vaelib evaluate NAME`" in table


def test_a_metric_that_was_not_measured_has_no_column(run: RunRecord):
    silent = replace(run, evaluation={key: value for key, value in run.evaluation.items() if key != "memorisation"})
    assert "memorisation |" not in one_space(sharpening.sharpened_table([silent], "celeba"))


def test_two_best_priors_are_both_named(run: RunRecord):
    run.evaluation["best_prior"] = "normal"
    assert sharpening.best_prior(run.evaluation) == "N(0, I) → mixture"


def test_the_section_states_the_cost_and_shows_the_pictures(run: RunRecord, sources: Sources, tmp_path: Path):
    recipe = as_measured(sources.run("celeba64-common-recipe"))
    page = "\n".join(sharpening.section([run, recipe], run, recipe, tmp_path))
    assert "grows to 1.25 times what it was, and their PSNR falls by 1.00 dB" in page
    assert "`vaelib generate celeba64 --prior gmm` and `vaelib generate celeba64-common-recipe --prior gmm`" in page
    assert {path.name for path in tmp_path.iterdir()} == {"sharpened.png", "gains.png"}
    assert "celeba64 5.5" in page


def test_the_rows_are_the_same_samples(run: RunRecord):
    plain, sharp = (plots.images_of(run.path(name), 64) for name in (SAMPLES, SHARPENED_SAMPLES))
    assert plain.shape == sharp.shape
    pairs = torch.stack([plain.flatten(1), sharp.flatten(1)], 1)
    assert all(torch.corrcoef(pair)[0, 1] > 0.9 for pair in pairs)


def test_without_weights_and_pictures_the_table_is_left(run: RunRecord, tmp_path: Path):
    bare, pictures = Run(tmp_path / run.name), tmp_path / "pictures"
    for folder in (bare.folder, pictures):
        folder.mkdir()
    shutil.copy(run.path(CONFIG), bare.folder)
    record = replace(run, run=bare)
    title, *words, table = sharpening.section([record], record, None, pictures)
    assert title == "## Sharpened" and ":::{table}" in table
    assert len(words) == 2 and not list(pictures.iterdir())


def test_without_the_metrics_there_is_no_section(run: RunRecord, tmp_path: Path):
    silent = unmeasured(run)
    assert silent.sharpened is None
    assert sharpening.section([silent], silent, silent, tmp_path) == []
    assert sharpening.of_dataset([silent], "celeba") == []
    assert sharpening.in_brief(silent, silent) == []


def test_a_page_without_these_metrics_is_as_it_was(sources: Sources, tmp_path: Path):
    silent = replace(sources, runs=[unmeasured(run) for run in sources.runs], sharpening=None, pythae=None)
    results.write(silent, tmp_path / "results.md", tmp_path / "pictures")
    page = (tmp_path / "results.md").read_text()
    assert "## Edits" in page and "harpen" not in page


def test_other_datasets_have_the_table_alone(run: RunRecord):
    said, table = sharpening.of_dataset([run], "faces")
    assert "tab-results-faces-sharpened" in said and "gallery" not in said and ":::{table}" in table
    of_pixels = json.loads(json.dumps(run.evaluation).replace('"attributes": {', '"pixels": {'))
    of_pixels["features"] = {"pixels": "components"}
    said, table = sharpening.of_dataset([replace(run, evaluation=of_pixels)], "faces")
    assert "hardly see fine detail" in said and "as seen by the pixels" in table


# In brief


def test_samples_are_compared_with_reconstructions_and_the_common_recipe(run: RunRecord):
    line, other = sharpening.in_brief(run, as_measured(run, scale=4))
    assert "its best prior (mixture) are 1.25 times as far from held-out faces as its sharpened" in line
    assert "are 0.0833 times as far as the best plain samples" in other
    assert other.endswith("0.250 times as far as its best sharpened ones: sharpening helps the common recipe, too.")


def test_sharpening_that_does_not_help_is_not_said_to_help(run: RunRecord):
    recipe = as_measured(run)
    recipe.evaluation["sharpened"]["frechet"]["attributes"]["samples, gmm"] = 31.0
    assert sharpening.in_brief(run, recipe)[1].endswith("sharpening does not help the common recipe.")
    assert "best sharpened" not in sharpening.in_brief(run, unmeasured(recipe))[1]
    assert len(sharpening.in_brief(run, None)) == 1


# Edits


def test_sharpened_edits_are_compared_with_plain_ones(run: RunRecord):
    said, table = edits.sharpened_edits([run])
    assert "At equal strength 2 of 2 sharpened edits succeed at least as often as the plain ones, and 2 leak" in said
    assert "less often than the best plain one in 1 of 1 cases" in said
    assert "| model | Male |" in one_space(table) and "| `celeba64` | 70 % (1, 0.0800) |" in one_space(table)


def test_an_edit_that_always_leaks_is_a_dash():
    leaky = EDIT | {"success": [0.5, 0.9], "leakage": [0.1, 0.2]}
    assert edits.edit_cell(leaky) == edits.edit_cell(None) == "–"
    assert edits.best_success(leaky) == 0


# Other networks


PROTOCOL = {"dataset": "celeba", "split": "valid", "crop": "the centre", "size": 64, "images": 2000, "samples": 2000}


def judged(**judges: dict[str, float]) -> dict:
    """A record of benchmarks/sharpening.py: distances of reconstructions, plain, sharpened and with noise."""
    title = "reconstructions"
    names = ("training images", title, f"{title}, sharpened", f"{title}, noise at the same price")
    return {
        "judges": {
            judge: {"about": f"what {judge} is", "distances": dict(zip(names, distances, strict=True))}
            for judge, distances in judges.items()
        },
        "protocol": PROTOCOL | {"seed": 0},
        "hardware": "an abacus",
        "versions": {"torch": "9.8"},
        "seconds": 90.0,
        "seed": 1,
        "epochs": 8,
        "noise": {"celeba64": 0.03},
    }


def test_the_table_has_a_column_for_each_network():
    title, why, verdicts, table = sharpening.judges(judged(one=(0.5, 30, 10, 20), other=(0.25, 6, 5, 7)))
    assert title == "### Other judges"
    assert why.startswith(
        "White noise makes no picture better, and pleases *one* all the same: with noise at the same price "
    )
    assert "*reconstructions* goes from 30.0 to 20.0. So it is not enough to ask one judge." in why
    assert "*one*, what one is: 1 of 1 sets come nearer once they are sharpened, 1 of 1 with noise; 1 of 1 " in verdicts
    assert "*other*, what other is: 1 of 1 sets come nearer once they are sharpened, 0 of 1 with noise" in verdicts
    rows = one_space(table)
    assert "| | one | other |" in rows and "| reconstructions, sharpened | 20.0 | 20.0 |" in rows
    assert "in units of what training images get, 0.5, 0.25." in table and "deviation: celeba64 0.0300." in table
    assert "an abacus, torch 9.8, seed 1, 1.50 min" in table
    assert "Repeat it: `python -m benchmarks.sharpening --epochs 8 --seed 1`" in table


def test_noise_that_raises_the_distance_is_not_said_to_lower_it():
    why = sharpening.judges(judged(one=(0.5, 30, 10, 40)))[1]
    assert "does not please *one*" in why and "all the same" not in why


def test_without_noise_or_without_a_record_no_claim_is_made():
    record = judged(one=(0.5, 30, 10, 20))
    del record["judges"]["one"]["distances"]["reconstructions, noise at the same price"]
    assert "hite noise" not in sharpening.judges(record)[1]
    assert sharpening.judges(None) == []


def test_the_record_is_read_where_it_is(sources: Sources, tmp_path: Path):
    absent = read_sources(tmp_path, tmp_path)
    assert absent.sharpening is None and "No other judge than the attribute network is recorded." in absent.missing
    (tmp_path / "sharpening.json").write_text(json.dumps(judged(one=(0.5, 30, 10, 20))))
    read = read_sources(tmp_path, tmp_path)
    assert not any("judge" in line for line in read.missing)
    results.write(replace(read, runs=sources.runs), tmp_path / "results.md", tmp_path / "pictures")
    assert "| reconstructions | 60.0 |" in one_space((tmp_path / "results.md").read_text())


def test_damaged_records_are_named(tmp_path: Path):
    (tmp_path / "sharpening.json").write_text('{"judges": {}}')
    with pytest.raises(UserError, match=r"sharpening\.json does not say protocol, hardware"):
        read_sources(tmp_path, tmp_path)
    shutil.copytree(results.SHIPPED / "celeba64", tmp_path / "celeba64")
    path = tmp_path / "celeba64" / "metrics.json"
    record = json.loads(path.read_text())
    record["evaluation"]["sharpened"] = {"mse": 0.005}
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"metrics\.json does not say psnr, frechet"):
        read_sources(tmp_path, tmp_path / "nothing")


def test_the_gains_are_drawn_by_frequency():
    fig = plots.gains({"a": torch.ones(45), "b": 2 * torch.ones(90)}, {"a": 32, "b": 64})
    short, long, _one = fig.axes[0].lines
    assert np.allclose(short.get_xdata()[32], 1) and np.allclose(long.get_xdata()[64], 1)
    assert short.get_linestyle() != long.get_linestyle()
