"""The sections of the results page on sharpened images agree with the records, and are left out without records."""

from __future__ import annotations

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

EDIT = {"faces": 500, "classifier_accuracy": 0.9, "strengths": [1.0, 2.0]}
EDIT["most_changed"] = [{"attribute": "Young", "change": 0.25}] * 2


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(results.SHIPPED, results.RECORDED)


def distances(samples: float, reconstructions: float) -> dict:
    """Made-up distances in the features of one network; every error is 1."""
    values = {"training images": 0.5, "reconstructions": reconstructions, "samples, gmm": samples}
    return {"frechet": values, "kernel": {title: value / 1000 for title, value in values.items()}}


def measured(attributes: tuple[float, float], imagenet: tuple[float, float]) -> dict:
    """Made-up metrics with these distances of samples and reconstructions in the features of two networks."""
    of = {"attributes": distances(*attributes), "imagenet": distances(*imagenet)}
    metrics = {
        "mse": 0.004,
        "psnr": 24.0,
        "best_prior": "gmm",
        "precision_recall": {
            "features": "attributes",
            "k": 3,
            "precision": {"samples, gmm": 0.4},
            "recall": {"samples, gmm": 0.1},
        },
        "memorisation": {"ratio": {"samples, gmm": 1.25}},
        "edits": {"Male": EDIT | {"success": [0.5, 0.9], "leakage": [0.05, 0.09]}},
    }
    for key, error in (("frechet", 1.0), ("kernel", 0.001)):
        metrics[key] = {name: found[key] for name, found in of.items()}
        metrics[f"{key}_error"] = {name: dict.fromkeys(found[key], error) for name, found in of.items()}
    return metrics


def as_measured(run: RunRecord) -> RunRecord:
    """The run with made-up metrics: sharpening lowers one network's distances and raises the other's."""
    sharp = measured((10, 8), (210, 190)) | {"mse": 0.005, "psnr": 23.0}
    sharp["edits"] = {"Male": EDIT | {"success": [0.7, 0.9], "leakage": [0.08, 0.12]}}
    masked = measured((17, 20.5), (175, 150)) | {"mse": 0.0045, "psnr": 23.5}
    made = measured((30, 20), (180, 160)) | {"sharpened": sharp, "unsharp_mask": masked}
    made |= {"compared": 1000, "splits": 10, "features": {"attributes": "256 features", "imagenet": "1,280 features"}}
    return replace(run, evaluation=run.evaluation | made)


def unmeasured(run: RunRecord) -> RunRecord:
    """The run as if its sharpened images had not been measured."""
    parts = ("sharpened", "unsharp_mask")
    return replace(run, evaluation={key: value for key, value in run.evaluation.items() if key not in parts})


def one_space(text: str) -> str:
    """The text with one space where a table has several to align its columns."""
    return re.sub(" +", " ", text)


@pytest.fixture
def run(sources: Sources) -> RunRecord:
    return as_measured(sources.run("celeba64"))


# The section


def test_the_table_has_both_distances_of_both_networks_for_every_finish(run: RunRecord):
    table = one_space(sharpening.verdict_table([run], "celeba").replace("\u00a0", " "))
    assert "| F: attributes | K: attributes | F: ImageNet | K: ImageNet |" in table
    assert "| `celeba64` | reconstructions | plain | 20.0 ± 1.0 | 20.0 ± 1.0 | 160 ± 1 | 160 ± 1 |" in table
    assert "| `celeba64` | samples, mixture | sharpened | 10.0 ± 1.0 | 10.0 ± 1.0 | 210 ± 1 | 210 ± 1 |" in table
    assert "| `celeba64` | samples, mixture | unsharp mask | 17.0 ± 1.0 | 17.0 ± 1.0 | 175 ± 1 | 175 ± 1 |" in table
    assert "Training images are at (F / K): the attribute classifier 0.5 ± 1.0 / 0.5 ± 1.0" in table
    assert "Repeat a row: `vaelib evaluate NAME`" in table


def test_opposite_verdicts_are_said_where_the_records_show_them(run: RunRecord):
    said = sharpening.finding([run])
    assert "the attribute classifier, 2 of 2 sets come nearer and 0 move away; in the features of the ImageNet" in said
    assert "network, 0 of 2 sets come nearer and 2 move away" in said and "opposite verdicts" in said
    # The mask changes one distance by less than two standard errors.
    assert "in the features of the attribute classifier, 1 of 2 sets come nearer and 0 move away" in said


@pytest.mark.parametrize(("features", "value"), [("attributes", 29.0), ("imagenet", 181.0)])
def test_opposite_verdicts_are_not_said_of_differences_within_the_errors(run: RunRecord, features: str, value: float):
    run.evaluation["sharpened"]["frechet"][features]["samples, gmm"] = value
    assert "opposite" not in sharpening.finding([run])
    assert "opposite" not in sharpening.in_brief(run)[0]


def test_a_change_is_clear_beyond_two_standard_errors_of_both():
    assert sharpening.clear_change((10, 1), (7, 1)) == -1
    assert sharpening.clear_change((10, 1), (13, 1)) == 1
    assert sharpening.clear_change((10, 1), (7.5, 1)) == 0


def test_a_network_that_is_not_recorded_has_no_column(run: RunRecord):
    alone = json.loads(json.dumps(run.evaluation))
    for part in (alone, alone["sharpened"], alone["unsharp_mask"]):
        for key in ("frechet", "frechet_error", "kernel", "kernel_error"):
            del part[key]["imagenet"]
    other = replace(run, evaluation=alone)
    assert "ImageNet" not in sharpening.verdict_table([other], "celeba")
    assert "opposite" not in sharpening.finding([other]) and sharpening.in_brief(other) == []


def test_the_section_states_the_cost_and_shows_the_pictures(run: RunRecord, sources: Sources, tmp_path: Path):
    recipe = as_measured(sources.run("celeba64-common-recipe"))
    page = "\n".join(sharpening.section([run, recipe], run, recipe, tmp_path))
    assert "grows to 1.25 times what it was, and their PSNR falls by 1.00 dB" in page
    assert "`vaelib generate celeba64 --prior gmm` and `vaelib generate celeba64-common-recipe --prior gmm`" in page
    assert {path.name for path in tmp_path.iterdir()} == {"sharpened.webp", "gains.png"}
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
    assert sharpening.in_brief(silent) == []


def test_a_run_that_was_measured_before_there_were_errors_is_left_out(run: RunRecord, tmp_path: Path):
    old = replace(run, evaluation={key: value for key, value in run.evaluation.items() if key != "compared"})
    assert sharpening.section([old], old, None, tmp_path) == [] and sharpening.in_brief(old) == []


def test_a_page_without_these_metrics_has_no_such_section(sources: Sources, tmp_path: Path):
    silent = replace(sources, runs=[unmeasured(run) for run in sources.runs], sharpening=None, pythae=None)
    results.write(silent, tmp_path / "results.md", tmp_path / "pictures")
    page = (tmp_path / "results.md").read_text()
    assert "## Edits" in page and "harpen" not in page


def test_small_images_are_compared_by_the_pixels_and_one_network(run: RunRecord):
    of_pixels = json.loads(json.dumps(run.evaluation).replace('"attributes": ', '"pixels": '))
    said, table = sharpening.of_dataset([replace(run, evaluation=of_pixels)], "faces")
    assert "tab-results-faces-sharpened" in said and ":::{table}" in table
    assert "| F: ImageNet | K: ImageNet | F: pixels | K: pixels |" in one_space(table)


# In brief


def test_both_networks_are_quoted(run: RunRecord):
    (line,) = sharpening.in_brief(run)
    said = line.replace("\u00a0", " ")
    assert "from 30.0 ± 1.0 to 10.0 ± 1.0 in the features of the attribute classifier" in said
    assert "from 180 ± 1 to 210 ± 1 in the features of the ImageNet network: two networks, opposite" in said


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


def test_a_damaged_record_is_named(tmp_path: Path):
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
    assert short.get_color() != long.get_color()
