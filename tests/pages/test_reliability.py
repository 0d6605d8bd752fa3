"""The page on reliability is that of its record, and its benchmark counts what it says it counts."""

import json
import random

import pytest

from benchmarks import reliability as benchmark
from pages import reliability
from vaelib.support.errors import UserError


def test_the_page_is_that_of_the_record():
    record = json.loads(reliability.RECORD.read_text(encoding="utf-8"))
    assert reliability.PAGE.read_text(encoding="utf-8") == reliability.text(record)
    assert all(found["tracebacks"] == 0 for found in record["fuzzing"].values())


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "results"),
        (UserError("Do this."), "sentences"),
        (UserError("a\nb"), "tracebacks"),
        (KeyError(1), "tracebacks"),
    ],
)
def test_outcomes_are_told_apart(error, outcome):
    def work():
        if error:
            raise error

    assert benchmark._outcome(work, set()) == outcome


def test_mutations_are_those_of_the_seed():
    content = bytes(range(256)) * 4
    first, second = ([benchmark.mutated(content, random.Random(i)) for i in range(50)] for _ in range(2))
    assert first == second and len(set(first)) > 40


@pytest.mark.parametrize("kind", [kind for kind in benchmark.KINDS if kind != "settings"])
def test_a_few_of_each_kind(tmp_path, kind):
    found = benchmark.fuzz(kind, 20, tmp_path)
    assert found["results"] + found["sentences"] == 20 and found["files outside the target"] == 0


def test_a_few_settings(tmp_path):
    assert benchmark.fuzz_settings(200, tmp_path)["tracebacks"] == 0
