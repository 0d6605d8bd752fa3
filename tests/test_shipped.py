"""The checkpoints that come with the package: they load with no data and no network, and carry what they promise."""

from pathlib import Path

import pytest
import torch

from vaelib import checkpoints, experiments
from vaelib.models import VAE

SHIPPED = sorted(checkpoints.SHIPPED.iterdir())


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_shipped_model_samples_from_its_priors(folder: Path):
    model, statistics = checkpoints.load(folder.name), checkpoints.load_statistics(folder.name)
    for prior in (None, *statistics.priors.values()):
        x = model.sample(8, prior, torch.Generator().manual_seed(0))
        assert x.shape == (8, 3, model.image_size, model.image_size)
        assert 0 <= x.min() < x.max() <= 1
        assert prior is None or x.std(0).mean() > 0.05  # eight different pictures
    assert statistics.attribute_names and isinstance(model, VAE) == (not folder.name.endswith("-ae"))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_shipped_checkpoint_has_its_card_and_its_record(folder: Path):
    card = (folder / "README.md").read_text()
    for part in ("Model.", "Data.", "Training.", "Use.", "Licence."):
        assert f"**{part}**" in card
    assert "PSNR" in experiments.describe(folder.name)[-1]


def test_the_shipped_files_are_small_and_hold_no_picture():
    files = [path for path in checkpoints.SHIPPED.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".toml", ".csv", ".json", ".md"}
    assert max(path.stat().st_size for path in files) <= 16e6
    assert sum(path.stat().st_size for path in files) <= 40e6


def test_the_codes_of_the_shipped_autoencoder_lie_far_outside_of_a_standard_normal():
    model, statistics = checkpoints.load("celeba64-ae"), checkpoints.load_statistics("celeba64-ae")
    codes, standard = statistics.priors["gaussian"].sample(1000), torch.randn(1000, model.latent_dim)
    assert codes.norm(dim=1).median() > 5 * standard.norm(dim=1).median()
