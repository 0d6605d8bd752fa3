"""The shipped models load without data and without a network, and their folders are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from release import model_card, pictures, ship
from vaelib import data, latent, runs
from vaelib.models import VAE, AutoEncoder
from vaelib.runs import Run, classifier, report
from vaelib.support import images

ROOT = Path(__file__).parents[2]
RECORDS = sorted(path.parent for path in runs.SHIPPED.glob(f"*/{runs.CONFIG}"))
PICTURES = set(pictures.STILLS) - {pictures.DETAILED}


def each_checkpoint(function):
    """Run a test once for each shipped checkpoint."""
    return pytest.mark.parametrize("name", runs.shipped())(function)


@each_checkpoint
def test_a_shipped_model_samples_from_its_priors(name: str):
    model, fitted = runs.load(name).model, runs.load(name).statistics
    for prior in (None, *fitted.priors.values()):
        x = model.sample(8, prior, torch.Generator().manual_seed(0))
        assert x.shape == (8, 3, model.image_size, model.image_size)
        assert 0 <= x.min() < x.max() <= 1
        assert prior is None or x.std(0).mean() > 0.05  # eight different pictures
    assert fitted.attribute_names and isinstance(model, VAE) == (not name.endswith("-ae"))


@each_checkpoint
def test_a_shipped_model_has_codes_of_held_out_images(name: str):
    model, codes = runs.load(name).model, runs.load(name).codes
    assert codes.mu.shape == (500, model.latent_dim) and (codes.logvar is None) == isinstance(model, AutoEncoder)
    assert codes.attributes.any(0).sum() > len(codes.attribute_names) / 2
    assert set(runs.load(name).statistics.attribute_names) <= set(codes.attribute_names)
    with torch.no_grad():
        assert model.decode(codes.mu[:8]).std(0).mean() > 0.05


@each_checkpoint
def test_shipped_codes_are_those_of_the_validation_images(name: str):
    experiment = runs.load(name).experiment
    prepared = data.default_root() / "prepared" / f"{experiment.dataset}-{experiment.size}"
    if not prepared.is_dir():
        pytest.skip(f"{experiment.dataset} is not prepared under VAELIB_DATA")
    valid = data.load(experiment.dataset, experiment.size, "valid").subset(50)
    codes, mu = runs.load(name).codes, latent.encode_dataset(runs.load(name).model, valid)[0]
    assert torch.equal(codes.attributes[:50], valid.attributes)
    assert (codes.mu[:50] - mu).norm() < 2e-3 * mu.norm()


@pytest.mark.parametrize("folder", RECORDS, ids=lambda folder: folder.name)
def test_a_shipped_folder_has_its_card_and_its_record(folder: Path):
    card = (folder / "README.md").read_text()
    for part in ("Model.", "Data.", "Training.", "Metrics.", "Pictures.", "Use.", "Licence."):
        assert f"**{part}**" in card
    for picture in re.findall(r"!\[[^]]*\]\((\S+)\)", card):
        assert (folder / picture).is_file()
    (recorded,) = (line for line in report.experiment(folder.name).splitlines() if "recorded: " in line)
    assert "PSNR" in recorded
    lacking = PICTURES - {path.name for path in folder.glob("*.webp")}
    assert not lacking or (lacking == {pictures.SHARPENED} and folder.name not in runs.shipped())


@pytest.mark.parametrize("folder", [*RECORDS, classifier.SHIPPED], ids=lambda folder: folder.name)
def test_the_metrics_of_a_card_are_those_of_the_record(folder: Path):
    write = model_card.classifier_card if folder == classifier.SHIPPED else model_card.card
    shipped, written = ModelCard.load(folder / "README.md"), ModelCard(write(Run(folder)))
    assert shipped.text == written.text
    assert shipped.data.to_dict() == written.data.to_dict()  # versions of the hub's library order the keys differently


@pytest.mark.parametrize("folder", [*RECORDS, classifier.SHIPPED], ids=lambda folder: folder.name)
def test_the_head_of_a_card_gives_the_licence_of_the_dataset(folder: Path):
    head = ModelCard.load(folder / "README.md").data
    assert head.library_name == "vaelib" and head.metrics and head.tags and head.pipeline_tag
    restricted = "celeba" in folder.name or folder == classifier.SHIPPED
    assert head.license == ("other" if restricted else "mit")
    assert (head.datasets == ["celeba"]) == restricted
    assert ("non-commercial" in (head.license_name or "")) == (head.license_link is not None) == restricted


@each_checkpoint
def test_the_shipped_pictures_are_generated_by_the_model_alone(name: str):
    """Each can be made again from the shipped files, so none of them can show an image of a dataset."""
    run = runs.load(name)
    size = run.model.image_size
    for file, x in pictures.decoded(run, run.codes).items():
        expected = np.asarray(images.grid(x, pictures.columns(file, size))).astype(int)
        shown = np.asarray(Image.open(run.path(file)).convert("RGB")).astype(int)
        assert shown.shape == expected.shape
        assert max(cell_means(np.abs(shown - expected), size)) < 8  # what WebP takes away, in grey levels


def cell_means(grid: np.ndarray, size: int, padding: int = 2) -> list[float]:
    """The mean of each image of a grid (height, width, 3). A single image of a dataset would differ."""
    height, width, _ = grid.shape
    step = size + padding
    corners = [(top, left) for top in range(padding, height, step) for left in range(padding, width, step)]
    return [grid[top : top + size, left : left + size].mean() for top, left in corners]


def test_the_shipped_files_are_small_and_of_known_kinds():
    files = [path for path in runs.SHIPPED.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".toml", ".csv", ".json", ".md", ".webp"}
    assert {path.name for path in files if path.suffix == ".webp"} <= PICTURES | {pictures.DETAILED, pictures.ANIMATION}
    assert max(path.stat().st_size for path in files if path.suffix == ".webp") <= 600e3
    for folder in runs.SHIPPED.iterdir():
        assert sum(path.stat().st_size for path in files if folder in path.parents) <= 16e6
    assert sum(path.stat().st_size for path in files) <= ship.MOST_OF_ALL == 72e6


def test_the_codes_of_the_shipped_autoencoder_lie_far_outside_of_a_standard_normal():
    codes = runs.load("celeba64-ae").codes.mu
    assert codes.norm(dim=1).median() > 5 * torch.randn(1000, codes.shape[1]).norm(dim=1).median()


def test_sampling_from_a_shipped_checkpoint_imports_torch_and_little_else():
    """Beyond torch's own import it then takes a fraction of a second. There are no data and no network."""
    code = "import socket; socket.socket.connect = None\n"
    code += "from vaelib import runs; print(runs.load('celeba64').model.sample(36).shape)\n"
    code += "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    environment = {"PATH": os.environ["PATH"], "VAELIB_DATA": "/nowhere"}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    assert printed.startswith("torch.Size([36, 3, 64, 64])")
    heavy = {"sklearn", "pandas", "accelerate", "torchvision", "torchmetrics", "scipy", "matplotlib", "PIL"}
    assert set(printed.split()) & heavy == set()


@each_checkpoint
def test_a_shipped_pixel_flow_adds_fine_contrast_and_fits_its_model(name: str):
    run = runs.load(name)
    if not run.has(runs.DETAIL):
        pytest.skip("it has no pixel flow")
    x_hat = run.model.sample(4, run.statistics.priors["gmm"], torch.Generator().manual_seed(0))
    x, other = (run.detail(x_hat, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert x.shape == x_hat.shape and 0 <= x.min() < x.max() <= 1
    assert 1e-5 < (x - x_hat).square().mean() < 0.02  # near the decoded image
    assert (x - other).abs().mean() > 1e-3  # a draw
    fine = [(image - image.roll(1, -1)).square().mean() for image in (x_hat, x)]
    assert fine[1] > 1.2 * fine[0]
    fit = run.metrics["detail"]
    assert run.experiment.detail_steps == (0 if fit.get("start") else fit["steps"])  # no setting can say where it began
