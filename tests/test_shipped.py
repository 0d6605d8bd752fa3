"""What comes with the package loads with no data and no network and carries what it promises; the script that ships."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from vaelib import checkpoints, data, experiments, images, latent, runs, tensorfiles
from vaelib.errors import UserError
from vaelib.flow import Flow
from vaelib.models import VAE, AutoEncoder
from vaelib.priors import Gaussian, GaussianMixture
from vaelib.sharpening import Sharpener

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import ship  # noqa: E402

RECORDS = sorted(path.parent for path in checkpoints.SHIPPED.glob(f"*/{experiments.CONFIG}"))
PICTURES = {ship.SAMPLES, ship.SHARPENED, ship.FROM_NORMAL, ship.RECONSTRUCTIONS, ship.INTERPOLATIONS}


def each_checkpoint(function):
    """Run a test once for each shipped checkpoint."""
    return pytest.mark.parametrize("name", checkpoints.shipped())(function)


@each_checkpoint
def test_a_shipped_model_samples_from_its_priors(name: str):
    model, statistics = checkpoints.load(name), checkpoints.load_statistics(name)
    for prior in (None, *statistics.priors.values()):
        x = model.sample(8, prior, torch.Generator().manual_seed(0))
        assert x.shape == (8, 3, model.image_size, model.image_size)
        assert 0 <= x.min() < x.max() <= 1
        assert prior is None or x.std(0).mean() > 0.05  # eight different pictures
    assert statistics.attribute_names and isinstance(model, VAE) == (not name.endswith("-ae"))


@each_checkpoint
def test_a_shipped_model_has_codes_of_held_out_images(name: str):
    model, codes = checkpoints.load(name), checkpoints.load_codes(name)
    assert codes.mu.shape == (500, model.latent_dim) and (codes.logvar is None) == isinstance(model, AutoEncoder)
    assert codes.attributes.any(0).sum() > len(codes.attribute_names) / 2
    assert set(checkpoints.load_statistics(name).attribute_names) <= set(codes.attribute_names)
    with torch.no_grad():
        assert model.decode(codes.mu[:8]).std(0).mean() > 0.05


@each_checkpoint
def test_shipped_codes_are_those_of_the_validation_images(name: str):
    experiment = experiments.read(checkpoints.run_folder(name) / experiments.CONFIG)
    prepared = data.default_root() / "prepared" / f"{experiment.dataset}-{experiment.size}"
    if not prepared.is_dir():
        pytest.skip(f"{experiment.dataset} is not prepared under VAELIB_DATA")
    valid = data.load(experiment.dataset, experiment.size, "valid").subset(50)
    codes, mu = checkpoints.load_codes(name), latent.encode_dataset(checkpoints.load(name), valid)[0]
    assert torch.equal(codes.attributes[:50], valid.attributes)
    assert (codes.mu[:50] - mu).norm() < 2e-3 * mu.norm()


@pytest.mark.parametrize("folder", RECORDS, ids=lambda folder: folder.name)
def test_a_shipped_folder_has_its_card_and_its_record(folder: Path):
    card = (folder / "README.md").read_text()
    for part in ("Model.", "Data.", "Training.", "Figures.", "Pictures.", "Use.", "Licence."):
        assert f"**{part}**" in card
    for picture in re.findall(r"!\[[^]]*\]\((\S+)\)", card):
        assert (folder / picture).is_file()
    assert "PSNR" in experiments.describe(folder.name)[-1]
    lacking = PICTURES - {path.name for path in folder.glob("*.webp")}
    assert not lacking or (lacking == {ship.SHARPENED} and folder.name not in checkpoints.shipped())


@each_checkpoint
def test_the_figures_of_a_card_are_those_of_the_record(name: str):
    folder = checkpoints.run_folder(name)
    metrics = json.loads((folder / runs.METRICS).read_text())
    prior = ship.best_prior(checkpoints.load_statistics(name).priors, metrics)
    assert (folder / "README.md").read_text() == ship.card(folder, metrics, prior, len(checkpoints.load_codes(name).mu))


@each_checkpoint
def test_the_shipped_pictures_are_made_by_the_model_alone(name: str):
    """Each is made again from what is shipped: so none of them can show an image of a data set."""
    model, folder = checkpoints.load(name), checkpoints.run_folder(name)
    metrics, statistics = json.loads((folder / runs.METRICS).read_text()), checkpoints.load_statistics(name)
    prior = ship.best_prior(statistics.priors, metrics)
    for file, x in ship.decoded(model, statistics, prior, checkpoints.load_codes(name)).items():
        expected = np.asarray(images.grid(x, ship.columns(file, model.image_size))).astype(int)
        shown = np.asarray(Image.open(folder / file).convert("RGB")).astype(int)
        assert shown.shape == expected.shape
        assert max(cell_means(np.abs(shown - expected), model.image_size)) < 8  # what WebP takes away, in grey levels


def cell_means(grid: np.ndarray, size: int, padding: int = 2) -> list[float]:
    """The mean of each image of a grid (height, width, 3): a single image of a data set would stand out."""
    height, width, _ = grid.shape
    step = size + padding
    corners = [(top, left) for top in range(padding, height, step) for left in range(padding, width, step)]
    return [grid[top : top + size, left : left + size].mean() for top, left in corners]


def test_the_shipped_files_are_small_and_of_known_kinds():
    files = [path for path in checkpoints.SHIPPED.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".toml", ".csv", ".json", ".md", ".webp"}
    assert {path.name for path in files if path.suffix == ".webp"} <= PICTURES | {ship.ANIMATION}
    assert max(path.stat().st_size for path in files if path.suffix == ".webp") <= 500e3
    for folder in checkpoints.SHIPPED.iterdir():
        assert sum(path.stat().st_size for path in files if folder in path.parents) <= 16e6
    assert sum(path.stat().st_size for path in files) <= 40e6


def test_the_codes_of_the_shipped_autoencoder_lie_far_outside_of_a_standard_normal():
    codes = checkpoints.load_codes("celeba64-ae").mu
    assert codes.norm(dim=1).median() > 5 * torch.randn(1000, codes.shape[1]).norm(dim=1).median()


def test_sampling_from_a_shipped_checkpoint_imports_torch_and_little_else():
    """What it takes beyond torch's own import is then a fraction of a second; no data are there, and no network."""
    code = "import socket; socket.socket.connect = None\n"
    code += "from vaelib import checkpoints; print(checkpoints.load('celeba64').sample(36).shape)\n"
    code += "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    environment = {"PATH": os.environ["PATH"], "VAELIB_DATA": "/nowhere"}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    assert printed.startswith("torch.Size([36, 3, 64, 64])")
    heavy = {"sklearn", "pandas", "accelerate", "torchvision", "torchmetrics", "scipy", "matplotlib", "PIL"}
    assert set(printed.split()) & heavy == set()


# The script that ships


@pytest.fixture
def run(tmp_path) -> Path:
    """The folder of a small run that has been evaluated."""
    torch.manual_seed(0)
    folder = tmp_path / "run"
    folder.mkdir()
    model = VAE(32, 4, (4, 8)).eval()
    mu, logvar = torch.randn(2, 60, 4)
    fitted = {"gaussian": Gaussian().fit(mu, logvar), "gmm": GaussianMixture(2).fit(mu, logvar)}
    checkpoints.save(folder, model)
    sharpener = Sharpener().fit(*torch.rand(2, 5, 3, 32, 32))
    checkpoints.save_statistics(folder, checkpoints.Statistics(fitted, 0.1, ["Smiling"], mu[:1], sharpener))
    checkpoints.save_codes(folder, checkpoints.Codes(mu, logvar, mu[:, :1] > 0, ["Smiling"]))
    experiments.write(
        experiments.Experiment("A test.", "celeba", 32, latent_dim=4, channels=(4, 8)), folder / "config.toml"
    )
    (folder / "history.csv").write_text("epoch\n1\n")
    (folder / "resume.safetensors").touch()
    training = {"epochs": 1, "seconds": 2.5, "hardware": "an abacus", "seed": 3, "versions": {"torch": "9.8"}}
    training |= {"train_images": 1234, "valid_images": 56}
    runs.write_metrics(folder, {"training": training, "evaluation": EVALUATION})
    return folder


EVALUATION = {
    "dataset": "celeba",
    "split": "valid",
    "crop": "the centre",
    "size": 32,
    "images": 56,
    "samples": 56,
    "seed": 0,
    "mse": 0.0045,
    "psnr": 23.456,
    "features": {"attributes": "of a network", "pixels": "components"},
    "frechet": {
        "attributes": {"samples, normal": 1.5, "samples, gaussian": 4.5, "samples, gmm": 5.5},
        "pixels": {"samples, normal": 1.5, "samples, gaussian": 5.5, "samples, gmm": 4.5},
    },
    "precision_recall": {"features": "attributes", "k": 3, "precision": {"samples": 0.5}, "recall": {"samples": 0.25}},
    "not_computed": {"inception": "not asked for"},
}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


PARTS = {"model.safetensors", "statistics.safetensors", "codes.safetensors"}
RECORD = {"config.toml", "history.csv", "metrics.json", "README.md"} | PICTURES


def test_shipping_halves_what_it_copies(run, tmp_path):
    ship.ship(run, tmp_path / "small")
    assert names(tmp_path / "small") == RECORD | PARTS
    for part in PARTS:
        kinds = {value.dtype for value in checkpoints.read_tensors(tmp_path / "small" / part)[0].values()}
        assert kinds <= {torch.float16, torch.int64, torch.bool} and torch.float16 in kinds
    whole, small = (checkpoints.load(folder) for folder in (run, tmp_path / "small"))
    z = checkpoints.load_codes(tmp_path / "small").mu
    torch.testing.assert_close(z, checkpoints.load_codes(run).mu, atol=0, rtol=1e-3)
    torch.testing.assert_close(small.decode(z), whole.decode(z), atol=1 / 255, rtol=0)


def test_shipping_a_folder_onto_itself_changes_nothing(run, tmp_path):
    ship.ship(run, tmp_path / "small", note="Slowly.")
    before = {path.name: path.read_bytes() for path in (tmp_path / "small").iterdir()}
    ship.ship(tmp_path / "small", tmp_path / "small")
    assert {path.name: path.read_bytes() for path in (tmp_path / "small").iterdir()} == before


def test_a_record_alone_has_no_weights(run, tmp_path):
    ship.ship(run, tmp_path / "small")
    ship.ship(run, tmp_path / "small", record_only=True)
    assert names(tmp_path / "small") == RECORD | {"codes.safetensors"}
    assert "Its weights are not shipped" in " ".join((tmp_path / "small" / "README.md").read_text().split())


def test_the_card_is_written_from_the_records(run, tmp_path):
    ship.ship(run, tmp_path / "small", note="The abacus squeaked.")
    card = " ".join((tmp_path / "small" / "README.md").read_text().split())
    for part in (
        "# small A test.",
        "the first 60 of the images that it was validated on",
        "1,234 of the 162,770 images of CelebA's training partition",
        "1 epochs in 2 s on an abacus; seed 3, torch 9.8. The abacus squeaked. All settings",
        "psnr, dB 23.5",
        "samples, gmm 5.5 4.5",
        "not computed: inception: not asked for",
        "`samples.webp` from the prior `gaussian`, `samples-sharpened.webp` the same sharpened,",
    ):
        assert part in card
    assert json.loads((tmp_path / "small" / "metrics.json").read_text())["training"]["note"] == "The abacus squeaked."


def test_a_run_that_was_not_evaluated_says_so(run, tmp_path):
    runs.write_metrics(run, {"evaluation": {}})
    ship.ship(run, tmp_path / "small")
    card = (tmp_path / "small" / "README.md").read_text()
    assert "None were recorded" in card and "from the prior `gmm`" in card


def test_numbers_that_float16_cannot_hold_stay_as_they_are():
    large, small = torch.tensor([1e6, 1.0]), torch.tensor([0.1])
    halves = tensorfiles.in_float16({"large": large, "small": small, "labels": torch.tensor([True])})
    assert torch.equal(halves["large"], large) and halves["small"].dtype == torch.float16
    assert halves["labels"].dtype == torch.bool


def test_a_covariance_that_rounding_would_break_stays_float32(run, tmp_path):
    statistics = checkpoints.load_statistics(run)
    direction = torch.tensor([[1.0, 1.01, 0.99, 1.02]])
    statistics.priors["gaussian"].covariance = direction.T @ direction + 1e-3 * torch.eye(4)
    checkpoints.save_statistics(run, statistics)
    ship.ship(run, tmp_path / "small")
    kept = checkpoints.load_statistics(tmp_path / "small").priors["gaussian"].covariance
    assert torch.equal(kept, statistics.priors["gaussian"].covariance)


def test_the_weights_of_a_flow_are_halved_whatever_the_covariances_need(run, tmp_path):
    statistics = checkpoints.load_statistics(run)
    mu = checkpoints.load_codes(run).mu
    flow = statistics.priors["flow"] = Flow(100, width=32, blocks=2).fit(mu)
    statistics.priors["gaussian"].covariance = torch.eye(4) * 1e-7  # too small for float16
    checkpoints.save_statistics(run, statistics)
    ship.ship(run, tmp_path / "small")
    tensors, _ = checkpoints.read_tensors(tmp_path / "small" / "statistics.safetensors")
    assert {key.split(".")[0] for key, value in tensors.items() if value.dtype == torch.float32} >= {"gaussian"}
    assert {value.dtype for key, value in tensors.items() if key.startswith("flow.")} == {torch.float16}
    halved = checkpoints.load_statistics(tmp_path / "small").priors["flow"]
    whole, small = (prior.sample(500, torch.Generator().manual_seed(0)) for prior in (flow, halved))
    assert (whole - small).abs().max() < 0.02 * whole.std()


def test_a_flow_is_added_to_a_shipped_folder(run, tmp_path, monkeypatch):
    ship.ship(run, tmp_path / "small")
    before = checkpoints.load_statistics(tmp_path / "small").priors
    faces = data.Dataset(np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32), np.uint8), "celeba", "train")
    monkeypatch.setattr(data, "load", lambda *_: faces)
    words = [tmp_path / "small", tmp_path / "small", "--flow-steps", 2]
    monkeypatch.setattr(sys, "argv", ["ship.py", *map(str, words)])
    ship.main()
    after = checkpoints.load_statistics(tmp_path / "small").priors
    assert list(after) == ["gaussian", "gmm", "flow"]
    assert torch.equal(after["gmm"].means, before["gmm"].means)
    assert experiments.read(tmp_path / "small" / "config.toml").flow_steps == 2


def test_a_run_from_before_there_were_sharpeners_gets_one(run, tmp_path, monkeypatch):
    statistics = checkpoints.load_statistics(run)
    statistics.sharpener = None
    checkpoints.save_statistics(run, statistics)
    faces = data.Dataset(np.random.default_rng(0).integers(0, 256, (40, 3, 32, 32), np.uint8), "celeba", "train")
    monkeypatch.setattr(data, "load", lambda *_: faces)
    ship.ship(run, tmp_path / "small")
    sharpener, model = checkpoints.load_statistics(tmp_path / "small").sharpener, checkpoints.load(run)
    expected = runs.fit_sharpener(model, faces).gains
    torch.testing.assert_close(sharpener.gains, expected, atol=0, rtol=1e-3)


def test_what_is_too_large_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ship, "MOST_IN_A_FOLDER", 1000)
    with pytest.raises(UserError, match=r"small holds 0\.\d MB, more than 0 MB: ship a smaller model"):
        ship.ship(run, tmp_path / "small")
    monkeypatch.undo()
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "all")
    monkeypatch.setattr(ship, "MOST_OF_ALL", 1000)
    with pytest.raises(UserError, match=r"all holds 0\.\d MB"):
        ship.ship(run, tmp_path / "all" / "small")
    ship.ship(run, tmp_path / "small")  # what lies elsewhere is no part of it


def test_the_script_ends_in_one_sentence(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "ship.py", tmp_path / "no-run", tmp_path / "small"]
    finished = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert finished.returncode == 2 and finished.stderr.startswith("ship: There is no run or shipped checkpoint")
    assert not (tmp_path / "small").exists()


def test_the_animation_is_a_webp_of_the_same_frames(run, tmp_path):
    frames = [Image.new("RGB", (40, 20), colour) for colour in ("red", "lime", "blue")]
    images.save_gif(frames, run / "training.gif")
    ship.ship(run, tmp_path / "small")
    with Image.open(tmp_path / "small" / "training.webp") as moving:
        assert moving.n_frames == 3
        assert [
            max(range(3), key=frame.convert("RGB").getpixel((5, 5)).__getitem__)
            for frame in ImageSequence.Iterator(moving)
        ] == [0, 1, 2]
    assert "`training.webp` shows the epochs." in " ".join((tmp_path / "small" / "README.md").read_text().split())


def test_the_animation_of_another_run_is_told_apart(run, tmp_path):
    images.save_gif([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime")], run / "training.gif")
    ship.ship(run, tmp_path / "small", animation=run)
    card = " ".join((tmp_path / "small" / "README.md").read_text().split())
    assert "shows the epochs of another run of the same experiment, 1 epochs in 2 s on an abacus." in card


def test_a_record_whose_weights_are_gone_is_completed_by_another_run(run, tmp_path, monkeypatch):
    images.save_gif([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime")], run / "training.gif")
    runs.write_metrics(run, {"evaluation": EVALUATION | {"best_prior": "gmm"}})
    record = tmp_path / "record"
    ship.ship(run, record, record_only=True)
    for lost in (checkpoints.CODES, ship.INTERPOLATIONS, ship.ANIMATION):
        (record / lost).unlink()
    before = (record / ship.SAMPLES).read_bytes()
    monkeypatch.setattr(sys, "argv", ["ship.py", str(record), str(record), "--animation", str(run)])
    ship.main()
    assert names(record) == RECORD | {checkpoints.CODES, ship.ANIMATION}
    assert (record / ship.SAMPLES).read_bytes() == before
    card = " ".join((record / "README.md").read_text().split())
    assert (
        "of another run of the same experiment, 1 epochs in 2 s on an abacus. The codes and the walks are that run's"
        in card
    )


def test_a_record_is_completed_only_where_it_is_and_by_a_run_of_its_settings(run, tmp_path, monkeypatch, capsys):
    record, other = tmp_path / "record", shutil.copytree(run, tmp_path / "other")
    ship.ship(run, record, record_only=True)
    before = {path.name: path.read_bytes() for path in record.iterdir()}

    def refused(folder: Path) -> str:
        monkeypatch.setattr(sys, "argv", ["ship.py", str(record), str(folder), "--animation", str(other)])
        with pytest.raises(SystemExit) as stop:
            ship.main()
        assert stop.value.code == 2
        return capsys.readouterr().err

    assert "holds no training.gif: train the run to its end first" in refused(record)
    images.save_gif([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime")], other / "training.gif")
    assert "a record is completed where it is: name it twice" in refused(tmp_path / "elsewhere")
    config = (other / "config.toml").read_text()
    (other / "config.toml").write_text(config.replace("beta = 1.0", "beta = 0.5"))
    assert "is no run of the settings of" in refused(record)
    assert {path.name: path.read_bytes() for path in record.iterdir()} == before


def test_an_animation_of_a_run_that_was_stopped_is_refused(run, tmp_path):
    (tmp_path / "stopped").mkdir()
    with pytest.raises(UserError, match="train the run to its end first"):
        ship.ship(run, tmp_path / "small", animation=tmp_path / "stopped")
