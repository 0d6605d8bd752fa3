"""The GPU job, rehearsed on the CPU: every stage runs, and brings its result back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from torchvision.transforms.functional import to_pil_image

from vaelib.data import faces

SCRIPT = Path(__file__).parents[2] / "release" / "gpu.sh"


def job(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    settings = {key: value for key, value in os.environ.items() if key != "OUT"} | environment
    return subprocess.run(
        ["bash", SCRIPT, *arguments], env=settings | {"PYTHON": sys.executable}, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the results of a rehearsal on few pictures."""
    few = tmp_path_factory.mktemp("few")
    for split, number in (("train", 64), ("valid", 24)):
        (few / split).mkdir()
        for i, picture in enumerate(faces.render(faces.sample_factors(number, seed=number), size=32)):
            to_pil_image(picture).save(few / split / f"{i}.png")
    folder = tmp_path_factory.mktemp("gpu") / "results"
    finished = job("--tiny", OUT=str(folder), SETTINGS=f"dataset={few} latent_dim=8 batch_size=16")
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-1000:]
    return folder


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return {Path(name).name for name in tar.getnames()}


def read(archive: Path, name: str) -> dict:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return json.load(file)


def test_a_rehearsal_brings_weights_metrics_and_records_back(results: Path) -> None:
    assert {path.name for path in results.iterdir()} == {"faces32.tar", "records.tar"}
    assert {"model.safetensors", "statistics.safetensors", "detail.safetensors"} <= names(results / "faces32.tar")
    metrics = read(results / "faces32.tar", "faces32/metrics.json")
    assert metrics["detail"]["steps"] == 2
    assert metrics["evaluation"]["psnr"] > 0
    assert "throughput-faces-16-compile-false.json" in names(results / "records.tar")
    assert read(results / "records.tar", "./throughput-faces-16-compile-false.json")["batch_size"] == 16


def test_a_record_with_changed_settings_has_no_weights(results: Path) -> None:
    with tarfile.open(results / "records.tar") as tar:
        files = {name for name in tar.getnames() if "faces32+ema=0.9/" in name}
    assert any(name.endswith("metrics.json") for name in files)
    assert not any(name.endswith("model.safetensors") for name in files)


def test_a_stage_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    settings = {"OUT": str(tmp_path), "DATASETS": "nothing", "RUNS": "", "RECORDS": ""}
    finished = job("--tiny", **settings)
    assert finished.returncode == 1
    assert "nothing" in finished.stdout
    assert names(tmp_path / "records.tar") >= {"log.txt"}


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--fast"], {"OUT": "out"}, "--fast"),
        ([], {}, "OUT"),
        ([], {"OUT": "/dev/null/x", "VAELIB_DATA": ""}, "VAELIB_DATA"),
        ([], {"OUT": "/dev/null/x", "VAELIB_DATA": "data"}, "/dev/null"),
    ],
)
def test_a_mistake_is_told_before_work_begins(arguments: list[str], environment: dict[str, str], said: str) -> None:
    finished = job(*arguments, **environment)
    assert finished.returncode != 0
    assert said in finished.stderr
    assert finished.stdout == ""
