"""The benchmark of reliability counts what it says it counts; every stage runs, with a trial or two of each row."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reliability import bombs, fuzzing, kills, mutations
from benchmarks.reliability.__main__ import STAGES
from benchmarks.reliability.contents import HALF, contents, temporary
from benchmarks.reliability.records import Record, merge
from vaelib.support.errors import UserError

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark forks processes and asks Linux about them")


def run(record: Path, stage: str, trials: int, only: str | None = None) -> dict[str, dict]:
    """Run a stage, or only a row of it, as from a shell, since it forks processes; return what is recorded of it."""
    command = [sys.executable, "-m", "benchmarks.reliability", "--stage", stage, "--trials", str(trials)]
    command += ["--output", str(record), *(["--only", only] if only else [])]
    finished = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return json.loads(record.read_text())[stage]


# What is counted


@pytest.mark.parametrize(
    ("error", "how"),
    [
        (None, "results"),
        (UserError("Do this."), "sentences"),
        (UserError("Did you mean that?"), "sentences"),
        (UserError("no sentence"), "tracebacks"),
        (KeyError(1), "tracebacks"),
        (fuzzing.TooSlow(), "too slow"),
    ],
)
def test_outcomes_are_told_apart(error, how):
    def work():
        if error:
            raise error

    assert fuzzing.outcome(work)[0] == how


def test_outcomes_are_added_and_maxima_kept():
    row: dict = {"runs": 0}
    for outcome in ({"results": 1, "slowest, s": 2.0, "examples": ["b"]}, {"results": 0, "slowest, s": 1.0}):
        merge(row, outcome)
    merge(row, {"results": 1, "examples": ["a"], "said": "This."})
    assert row == {"runs": 0, "results": 2, "slowest, s": 2.0, "examples": ["a", "b"], "said": "This."}


def test_a_row_goes_on_where_it_was_stopped(tmp_path):
    record, seen = Record(tmp_path / "record.json"), []

    def trial(number):
        seen.append(number)
        return {"results": 1}

    record.run("stage", "row", 2, lambda: trial)
    row = record.run("stage", "row", 5, lambda: trial)
    assert seen == [0, 1, 2, 3, 4] and (row["runs"], row["results"]) == (5, 5)
    assert record.run("stage", "row", 5, lambda: pytest.fail("ran again")) == row
    assert {"date", "seed", "command", "machine", "versions"} <= record.read()["stage"]["row"].keys()
    record.forget("stage", "row")
    assert record.run("stage", "row", 1, lambda: trial)["runs"] == 1


def test_half_written_files_are_noticed(tmp_path):
    good = {"a.json": b'{"seconds": 1, "b": 2}', "a.csv": b"epoch,seconds\n1,2\n", "a.txt": b"x"}
    for name, content in good.items():
        (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "a.npy", np.arange(5))
    (tmp_path / ".a.12.partial.json").write_text("{")
    (tmp_path / "a.lock").write_text("")
    before = contents(tmp_path)
    assert sorted(before) == ["a.csv", "a.json", "a.npy", "a.txt"] and HALF not in before.values()
    assert temporary(tmp_path) == 1
    (tmp_path / "a.json").write_bytes(b'{"seconds": 9, "b": 2}')  # times may differ
    assert contents(tmp_path) == before
    for name, end in {"a.json": -2, "a.csv": -3, "a.npy": -1}.items():
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:end])
    assert [name for name, content in contents(tmp_path).items() if content == HALF] == ["a.csv", "a.json", "a.npy"]


# The mutator


def test_mutations_are_those_of_the_seed():
    content = bytes(range(256)) * 4
    first, second = ([mutations.mutated(content, random.Random(i)) for i in range(50)] for _ in range(2))
    assert first == second and len(set(first)) > 40
    assert 10 < sum(len(changed) == len(content) for changed in first) < 50


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (fuzzing.packed("zip"), mutations.mutated_zip),
        (fuzzing.packed("tar"), mutations.mutated_tar),
        (fuzzing.fitted, mutations.mutated_tensors),
        (fuzzing.annotations, mutations.mutated_lines),
    ],
)
def test_well_formed_mutations_are_those_of_the_seed(tmp_path, make, change):
    content = make(tmp_path / "good")[-1].read_bytes()
    first, second = ([change(content, random.Random(i)) for i in range(20)] for _ in range(2))
    assert first == second or change is mutations.mutated_zip  # which holds the time
    assert len(set(first)) > 10


def test_a_write_outside_of_the_target_is_noticed(tmp_path):
    (tmp_path / "target").mkdir()
    outside = fuzzing.watch_writes(tmp_path / "target")
    (tmp_path / "target" / "a").write_text("")
    (tmp_path / "target" / "a").read_text()
    assert outside == []
    (tmp_path / "b").write_text("")
    (tmp_path / "target" / ".." / "c").mkdir()
    assert [Path(path).name for path in outside[:2]] == ["b", "c"]


# The stages


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory) -> dict[str, dict]:
    """A few inputs of each kind."""
    return run(tmp_path_factory.mktemp("fuzzed") / "record.json", "fuzzing", 40)


@LINUX
@pytest.mark.parametrize("row", fuzzing.ROWS)
def test_a_few_inputs_of_each_kind(fuzzed, row):
    found = fuzzed[row]
    assert found["results"] + found["sentences"] == found["runs"] == 40, found["examples"]
    assert found["files outside"] == found["too large"] == 0


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> dict[str, dict]:
    """A kill of each command."""
    return run(tmp_path_factory.mktemp("killed") / "record.json", "kills", 1)


@LINUX
@pytest.mark.parametrize("row", kills.ROWS)
def test_a_kill_of_each_command(killed, row):
    found = killed[row]
    assert found["killed"] == 1
    assert not any(found[key] for key in ("half-written", "lost", "different afterwards", "temporary files left"))


@LINUX
@pytest.mark.parametrize("row", ["prepare", "train"])
def test_full_disks(tmp_path, row):
    if "linux" in sys.platform and subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("no namespaces for users here")
    found = run(tmp_path / "record.json", "disks", 2, row)[row]
    assert found["sentences"] + found["finished"] == 2
    assert not any(found[key] for key in ("tracebacks", "half-written", "old files lost", "finished and different"))


@LINUX
def test_two_processes_equal_one(tmp_path):
    found = run(tmp_path / "record.json", "processes", 1, "two processes")["two processes"]
    assert found["outside the tolerance"] == 0 and found["largest relative difference"] < 1e-5


@LINUX
@pytest.mark.parametrize("row", ["tar that goes backwards", "zips in zips, five levels"])
def test_bombs(tmp_path, row):
    found = run(tmp_path / "record.json", "bombs", 1, row)[row]
    assert found["ending"] == "sentences" and found["most memory, MB"] < 1000


def test_a_forged_zip_is_what_it_seems(tmp_path):
    import zipfile

    path = bombs.forged(tmp_path / "a.zip", b"\3\0", 0, 0, [b"a.png", b"b.png"])
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a.png", "b.png"] and archive.read("a.png") == b""


def test_every_stage_has_rows():
    assert all(rows and number for rows, number in STAGES.values())
