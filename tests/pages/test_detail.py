"""The section of the results page on detail says what the records say, and is left out without them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pages import detail, results
from pages.markdown import number, with_error
from pages.records import RunRecord, Sources, read_sources
from pages.sharpening import best_samples
from vaelib.runs import evaluation


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(results.SHIPPED, results.RECORDED)


@pytest.fixture(scope="module")
def run(sources: Sources) -> RunRecord:
    return sources.run("celeba64")


def test_without_a_pixel_flow_there_is_no_section(run: RunRecord, sources: Sources, tmp_path: Path):
    plain = {key: value for key, value in run.evaluation.items() if key != "detail"}
    assert detail.section([replace(run, evaluation=plain)], sources, tmp_path) == []


def test_the_section_has_a_picture_the_cost_and_the_distances_of_both_networks(
    run: RunRecord, sources: Sources, tmp_path: Path
):
    text = "\n".join(detail.section([run], sources, tmp_path))
    assert (tmp_path / "detail.webp").is_file()
    assert f"{run.run.metrics['detail']['steps']:,} steps" in text
    for title in (evaluation.RECONSTRUCTIONS, best_samples(run)):
        for record in (run, run.detailed):
            row = [with_error(*record.estimate("frechet", name, title)) for name in detail.NETWORKS]
            assert re.search(" *\\| *".join(map(re.escape, row)), text)


def test_the_finding_is_the_ratio_of_the_distances(run: RunRecord):
    said = detail.finding(run)
    for name in detail.NETWORKS:
        for title in (evaluation.RECONSTRUCTIONS, best_samples(run)):
            plain, detailed = (of.evaluation["frechet"][name][title] for of in (run, run.detailed))
            assert number(detailed / plain) in said
    assert f"falls by {number(run.evaluation['psnr'] - run.evaluation['detail']['psnr'])} dB" in said


def test_the_table_of_settings_has_every_measured_set(run: RunRecord, sources: Sources, tmp_path: Path):
    record = sources.detail
    alone = replace(sources, by_eye=None, pixel_flow=None, continued=None)
    text = "\n".join(detail.section([run], alone, tmp_path))
    rows = [line for line in text.partition("tab-results-detail-settings\n")[2].splitlines() if "±" in line]
    assert len(rows) == len(record["sets"]) > 10
    for of, row in zip(record["sets"], rows, strict=True):
        assert all(with_error(*of["frechet"][name]) in row for name in record["features"])
        assert with_error(*of["recall"]) in row


def test_the_text_on_temperature_is_what_the_record_says():
    """Recall falls and both distances grow as the temperature falls; more steps bring reconstructions nearer."""
    sets = read_sources(results.SHIPPED, results.RECORDED).detail["sets"]
    warm = sorted(
        (of for of in sets if "temperature" in of and of["finish"] == "detail"), key=lambda of: of["temperature"]
    )
    steps = sorted(
        (of for of in sets if "temperature" not in of and "solver_steps" in of), key=lambda of: of["solver_steps"]
    )
    for colder, warmer in pairwise(warm):
        assert colder["recall"][0] < warmer["recall"][0]
        assert all(colder["frechet"][name][0] > warmer["frechet"][name][0] for name in colder["frechet"])
    for fewer, more in pairwise(steps):
        assert fewer["frechet"]["attributes"][0] > more["frechet"]["attributes"][0]


def test_the_table_by_eye_has_the_verdict_of_each_reader_on_every_kind():
    record = read_sources(results.SHIPPED, results.RECORDED).by_eye
    table = "\n".join(detail.verdicts(record)).partition("tab-results-by-eye\n")[2]
    for of in record["sets"]:
        counts = [of[verdict] for verdict in record["verdicts"]]
        assert all(sum(reader) == record["images"] for reader in zip(*counts, strict=True))
        about = [f"`{of['run']}`", of["set"], of["finish"] or "", str(of["temperature"] or "")]
        cells = [*about, *(", ".join(map(str, both)) for both in counts)]
        assert re.search(" *\\| *".join(map(re.escape, cells)), table)


@pytest.mark.parametrize("name", ["celeba64", "celeba128"])
def test_the_text_on_the_count_by_eye_is_what_the_record_says(name: str):
    record = read_sources(results.SHIPPED, results.RECORDED).by_eye
    photographs, reconstructed, plain, detailed, colder = (of for of in record["sets"] if of["run"] == name)
    kinds = [(of["set"], of["finish"], of["temperature"]) for of in (reconstructed, plain, detailed, colder)]
    samples = [("samples", "plain", 1), ("samples", "detail", 1), ("samples", "detail", 0.7)]
    assert kinds == [("reconstructions", "detail", None), *samples]
    count = record["images"]
    assert min(photographs["plausible"]) == count
    assert min(plain["blurred"]) > count / 2 and max(plain["broken"]) < count / 4
    for of in (detailed, reconstructed):
        assert min(of["plausible"]) > max(plain["plausible"])
        assert all(0.35 * count < broken < 0.65 * count for broken in of["broken"])
    assert min(colder["plausible"]) > 0.7 * count > max(detailed["plausible"])


def test_the_table_of_choices_has_every_fit():
    record = read_sources(results.SHIPPED, results.RECORDED).pixel_flow
    text = "\n".join(detail.choices(record))
    for of in record["runs"]:
        distances = [with_error(*of["quality"]["frechet"][name]) for name in ("attributes", "imagenet")]
        cells = [of["variant"], str(of["seed"])]
        assert re.search(" *\\| *".join(map(re.escape, cells)) + ".*" + " *\\| *".join(map(re.escape, distances)), text)
        assert f"- *{of['variant']}*: {of['about']}." in text


def test_rows_of_an_earlier_form_name_the_commit_of_their_code():
    runs = read_sources(results.SHIPPED, results.RECORDED).pixel_flow["runs"]
    assert all(("commit" in of) == ("decoded image" in of["variant"]) for of in runs)
    assert "`8529d67`" in detail.earlier(runs)
    assert detail.earlier([of for of in runs if "commit" not in of]) == ""


def test_fits_of_other_lengths_have_a_table_of_their_own():
    runs = read_sources(results.SHIPPED, results.RECORDED).pixel_flow["runs"]
    longer = [{**of, "steps": 2 * of["steps"]} for of in runs]
    text = "\n".join(detail.choices({"runs": [*runs, *longer]}))
    assert text.count("tab-results-pixel-flow") == 2 and f"tab-results-pixel-flow-{longer[0]['steps']}" in text


def test_the_text_on_choices_is_what_the_record_says():
    runs = read_sources(results.SHIPPED, results.RECORDED).pixel_flow["runs"]
    found = {of["variant"]: of["quality"] for of in runs}
    shown = "decoded image shown, sigma 0.1"
    hidden = found["decoded image hidden, sigma 0.1"]
    assert hidden["psnr"] > found[shown]["psnr"]
    for name in hidden["frechet"]:
        distance, error = found[shown]["frechet"][name]
        assert hidden["frechet"][name][0] < distance - 2 * error
        for other in (f"{shown}, attention", f"{shown}, twice the blocks", "decoded image shown, sigma 0.2"):
            assert found[other]["frechet"][name][0] > distance - error


def test_the_text_on_a_longer_fit_is_what_the_record_says(run: RunRecord):
    """The loss fell by more than 4 %, and no distance is smaller than that of the shipped flow by two errors."""
    record = read_sources(results.SHIPPED, results.RECORDED).continued
    losses = run.run.metrics["detail"]["losses"]
    first = record["fits"][0]
    assert first["fit"]["losses"][-1] < 0.96 * losses[-1]
    assert run.training["sigma"] ** 2 < 0.9 * run.evaluation["mse"]  # training images, and new ones
    assert [of["fit"]["images"] for of in record["fits"]] == [37_540, 37_540 - 22_000]
    for of in record["fits"]:
        for name in detail.NETWORKS:
            for title in (evaluation.RECONSTRUCTIONS, best_samples(run)):
                new, new_error = (of["evaluation"][key][name][title] for key in ("frechet", "frechet_error"))
                old, old_error = run.detailed.estimate("frechet", name, title)
                assert new > old - 2 * (new_error**2 + old_error**2) ** 0.5


def test_the_table_of_longer_fits_has_a_column_for_each(run: RunRecord):
    record = read_sources(results.SHIPPED, results.RECORDED).continued
    text = "\n".join(detail.longer(record, [run]))
    made = [run.detailed.evaluation, *(of["evaluation"] for of in record["fits"])]
    losses = [of["losses"][-1] for of in (run.run.metrics["detail"], *(of["fit"] for of in record["fits"]))]
    rows = [["as shipped", *(of["about"] for of in record["fits"])], [number(1000 * loss) for loss in losses]]
    sets = (evaluation.RECONSTRUCTIONS, best_samples(run))
    rows += [
        [with_error(of["frechet"][name][title], of["frechet_error"][name][title]) for of in made]
        for title in sets
        for name in detail.NETWORKS
    ]
    for cells in rows:
        assert re.search(" *\\| *".join(map(re.escape, cells)), text)
    assert detail.longer(record, []) == []
