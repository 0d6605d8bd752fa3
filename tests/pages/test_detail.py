"""The section of the results page on detail says what the records say, and is left out without them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pages import detail, results
from pages.markdown import number, with_error
from pages.records import RunRecord, read_sources
from pages.sharpening import best_samples
from vaelib.runs import evaluation


@pytest.fixture(scope="module")
def run() -> RunRecord:
    return read_sources(results.SHIPPED, results.RECORDED).run("celeba64")


def test_without_a_pixel_flow_there_is_no_section(run: RunRecord, tmp_path: Path):
    plain = {key: value for key, value in run.evaluation.items() if key != "detail"}
    assert detail.section([replace(run, evaluation=plain)], tmp_path) == []


def test_the_section_has_a_picture_the_cost_and_the_distances_of_both_networks(run: RunRecord, tmp_path: Path):
    text = "\n".join(detail.section([run], tmp_path))
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
