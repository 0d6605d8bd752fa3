"""The throughput benchmark: its contenders train on the same images, its counts and ratios are right."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from benchmarks import contenders, roofline, throughput
from vaelib.data import celeba
from vaelib.runs import experiments
from vaelib.support.errors import UserError

ROOT = Path(__file__).parents[2]
TINY = ("batch_size=8", "channels=[4,8]", "latent_dim=2", "size=32")
TRAIN, VALID = 24, 2
CPU = torch.device("cpu")


def picture(number: int, form: str = "JPEG") -> bytes:
    """178 x 218 pixels with two gradients, whose colours encode the number."""
    rows, columns = np.mgrid[0:218, 0:178]
    pixels = np.stack([rows, columns, np.full_like(rows, 8 * number)], axis=2).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, quality=95)
    return buffer.getvalue()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CelebA of a few drawn pictures under VAELIB_DATA. The first two are for validation."""
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path))
    write_celeba(tmp_path / "celeba", "jpg", "JPEG")
    return tmp_path


def write_celeba(place: Path, suffix: str, form: str) -> None:
    stems = [f"{number:06}" for number in range(1, VALID + TRAIN + 1)]
    images = place / "img_align_celeba"
    images.mkdir(parents=True)
    for number, stem in enumerate(stems):
        (images / f"{stem}.{suffix}").write_bytes(picture(number, form))
    lines = [f"{stem}.jpg {'-1' if number % 2 else '1'}" for number, stem in enumerate(stems)]
    (place / "list_attr_celeba.txt").write_text("\n".join([str(len(stems)), "Smiling", *lines]))
    parts = [f"{stem}.jpg {1 if number < VALID else 0}" for number, stem in enumerate(stems)]
    (place / "list_eval_partition.txt").write_text("\n".join(parts))


@pytest.fixture
def task(root: Path, tmp_path_factory: pytest.TempPathFactory) -> contenders.Task:
    """Training on 16 of those pictures, as drawn and as files."""
    folder = tmp_path_factory.mktemp("jpegs")
    assert contenders.copy_jpegs(root, 16, folder)
    return contenders.Task(experiments.load("celeba64", TINY), "celeba", 16, folder, workers=(0,))


# What is compared


@pytest.mark.parametrize("name", throughput.CONTENDERS)
def test_every_contender_trains_the_network_of_the_experiment(task: contenders.Task, name: str):
    if name == "pythae":
        pytest.importorskip("pythae", reason="pythae is not installed")
    contender = throughput.CONTENDERS[name](task)
    model = contender.trainer.model if name == "pythae" else contender.model
    before = [weights.detach().clone() for weights in model.parameters()]
    assert contender.epoch() > 0
    after = list(model.parameters())
    shapes = sorted(weights.shape for weights in task.experiment.build_model().parameters())
    assert sorted(weights.shape for weights in after) == shapes
    assert all(weights.isfinite().all() for weights in after)
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_the_contenders_see_the_same_images(task: contenders.Task):
    decoded = sorted_by_number(contenders.JpegBatches(task, workers=0))
    prepared = sorted_by_number(contenders.MemoryBatches(task.load().images, batch_size=8))
    assert decoded.shape == prepared.shape == (16, 3, 32, 32)
    decoded = torch.where(decoded[:, 1:2, :, :1] > decoded[:, 1:2, :, -1:], decoded.flip(3), decoded)  # undo the flips
    assert (decoded - prepared).abs().mean() < 0.01  # two filters that resize, bilinear and bicubic
    assert torch.equal(prepared, torch.from_numpy(np.array(task.load().images)) / 255)


def sorted_by_number(batches) -> torch.Tensor:
    """All images, sorted by the blue level, which encodes their numbers."""
    x = torch.cat(list(batches))
    return x[x[:, 2].mean((1, 2)).argsort()]


def test_pythae_gets_the_images_as_they_are(task: contenders.Task):
    pytest.importorskip("pythae", reason="pythae is not installed")
    x = throughput.pythae(task).trainer.train_dataset.data
    assert torch.allclose(x, torch.from_numpy(np.array(task.load().images)) / 255)


def test_flips_are_left_out_where_the_experiment_has_none(task: contenders.Task):
    still = experiments.load("celeba64", (*TINY, "flip=false"))
    unflipped = contenders.Task(still, "celeba", 16, task.jpegs, workers=(0,))
    first, second = (sorted_by_number(contenders.JpegBatches(unflipped, workers=0)) for _ in range(2))
    assert torch.equal(first, second)
    flipping = [sorted_by_number(contenders.JpegBatches(task, workers=0)) for _ in range(2)]
    assert not torch.equal(*flipping)


def test_the_fastest_number_of_loader_processes_is_taken(task: contenders.Task, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contenders, "seconds_with", lambda task, workers: {0: 3.0, 1: 1.0, 2: 2.0}[workers])
    choice = contenders.Task(task.experiment, "celeba", 16, task.jpegs, workers=(0, 1, 2))
    assert contenders.jpeg_files(choice).about == {"loader_processes": 1}


# The JPEG files


def test_the_training_images_are_copied_as_published(root: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("jpegs")
    assert contenders.copy_jpegs(root, 3, folder)
    copied = sorted((folder / "img_align_celeba").iterdir())
    assert [path.read_bytes() for path in copied] == [picture(number) for number in (VALID, VALID + 1, VALID + 2)]


def test_too_few_files_are_not_copied(root: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("jpegs")
    assert not contenders.copy_jpegs(root, TRAIN + 1, folder)
    assert list(folder.iterdir()) == []


def test_packed_images_are_no_jpeg_files(tmp_path: Path):
    write_celeba(tmp_path / "celeba", "webp", "WEBP")
    assert not celeba.find(tmp_path).missing
    assert not contenders.copy_jpegs(tmp_path, 3, tmp_path)


def test_without_celeba_no_files_are_copied(tmp_path: Path):
    assert not contenders.copy_jpegs(tmp_path, 3, tmp_path)


# A contender that cannot run is named in a sentence


def test_without_pythae_the_message_says_how_to_install_it(task: contenders.Task, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throughput, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pythae is not installed: pip install pythae"):
        throughput.pythae(task)


def test_without_jpeg_files_the_message_names_the_remedy():
    with pytest.raises(UserError, match="faces has no published JPEG files here: have CelebA's under VAELIB_DATA"):
        contenders.jpeg_files(contenders.Task(experiments.load("faces32"), "faces", 16, None, (0,)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batches", "0"], "0 batches of 8 images cannot be measured, because celeba has 24 images"),
        (["--batches", "4"], "4 batches of 8 images cannot be measured, because celeba has 24 images"),
        (["--rounds", "0"], "0 rounds of"),
        (["--experiment", "celeba65"], "did you mean celeba64"),
        (["--set", "epochs"], "--set takes key=value"),
        (["--output", "nowhere/record.json"], "nowhere does not exist"),
    ],
)
def test_mistakes_end_in_one_sentence(root: Path, monkeypatch, capsys, arguments: list[str], message: str):
    settings = [word for setting in TINY for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["throughput.py", *settings, *arguments])
    with pytest.raises(SystemExit) as exit_status:
        throughput.main()
    said = capsys.readouterr().err.splitlines()[-1]  # the bar of the preparation may stand above it
    assert exit_status.value.code == 2 and said.startswith("throughput: ") and message in said


# Counting, ceilings and ratios


def test_operations_and_bytes_are_counted():
    a, b = torch.rand(3, 4), torch.rand(4, 5)
    flop, moved = roofline.count(lambda: (a @ b).T.relu())
    assert flop == 2 * 3 * 4 * 5
    assert moved == 4 * (3 * 4 + 4 * 5 + 3 * 5) + 4 * (2 * 3 * 5)  # the transposition is a view


def test_a_training_step_costs_what_its_layers_do(task: contenders.Task):
    """Each of a layer's two gradients costs as much as its output. The images need no gradient."""
    flop, moved = roofline.count(contenders.images_in_memory(task).epoch)
    first, last = (2 * 3 * 4 * 16 * pixels for pixels in (16**2, 16**2))  # a kernel is 4 x 4, a stride 2
    inner = 2 * (2 * 4 * 8 * 16 * 8**2)
    dense = 2 * (2 * 2) * 8 * 8**2 + 2 * 2 * 8 * 8**2
    assert flop == 16 * (3 * (first + inner + dense + last) - first)
    assert moved > 16 * 3 * 32 * 32 * 4


def test_ceilings_are_rates(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roofline, "SIDE", {"cpu": 64})
    monkeypatch.setattr(roofline, "COPIED", 1000)
    monkeypatch.setattr(roofline, "_seconds", lambda work, device: work() is None or 0.5)
    assert roofline.matrix_product(torch.bfloat16, CPU) == 2 * 64**3 / 0.5
    assert roofline.copy(CPU) == 2 * 1000 / 0.5


def test_the_fastest_attempt_counts_and_the_first_does_not(monkeypatch: pytest.MonkeyPatch):
    clock = iter([1.0, 4.0, 2.0, 3.0])
    monkeypatch.setattr(roofline, "_seconds", lambda work, device: next(clock))
    assert roofline._fastest(lambda: None, CPU) == 2.0


def test_ratios_are_taken_within_a_round():
    work = {"precision": "float32", "flop_per_image": 2.0, "bytes_per_image": 3.0}
    rounds = [
        {"vaelib": speed, "pythae": other, "float32": 1000.0, "copy": 600.0}
        for speed, other in ((100.0, 50.0), (10.0, 2.0), (40.0, 10.0))
    ]
    result = throughput.summary(rounds, {"vaelib": work, "pythae": work})
    pythae = result["contenders"]["pythae"]
    assert pythae["ratio_of_vaelib"] == {"min": 2, "median": 4, "max": 5}  # not 40 / 10, the ratio of the medians
    assert pythae["images_per_second"] == 10
    assert pythae["share_of_matrix_product"] == 10 * 2 / 1000 and pythae["share_of_copy"] == 10 * 3 / 600
    assert result["roofline"] == {"flop_per_second": {"float32": 1000}, "bytes_per_second": 600}


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux's /proc")
def test_the_peak_is_what_the_system_says():
    import resource

    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the parent's too, as it was at the start of this
    assert 0.95 * psutil.Process().memory_info().rss <= throughput.peak_memory() <= 1.05 * most


# The script


def test_the_script_measures_and_records(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """Importing pythae raises here. The others are measured nevertheless."""
    broken = tmp_path_factory.mktemp("broken")
    (broken / "pythae.py").write_text("raise RuntimeError('broken for the test')")
    record = root / "record.json"
    command = [sys.executable, "-m", "benchmarks.throughput", "--batches", "2", "--rounds", "1"]
    command += ["--output", str(record)]
    command += [word for setting in TINY for word in ("--set", setting)]
    environment = os.environ | {"PYTHONPATH": str(broken)}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300)
    assert finished.returncode == 0, finished.stderr
    assert "without pythae: The process of pythae has died" in finished.stdout
    assert "broken for the test" in finished.stderr
    measured = json.loads(record.read_text())
    assert set(measured["contenders"]) == {"vaelib", "jpeg files", "images in memory"}
    for name, facts in measured["contenders"].items():
        assert facts["images_per_second"] > 0 and facts["peak_memory_bytes"] != 0 and name in finished.stdout
    assert measured["contenders"]["vaelib"]["ratio_of_vaelib"] == {"min": 1, "median": 1, "max": 1}
    assert measured["images_a_round"] == 16 and measured["versions"]["torch"] == torch.__version__.split("+")[0]
