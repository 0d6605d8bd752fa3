"""Weights for the page: what is written can be read back, repeats itself, and belongs to the shipped checkpoints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from release import export_detail, export_web, web_format
from release.web_format import DIGIT, Layer, Writer, rounded
from vaelib import runs
from vaelib.detail import Detail, UNet
from vaelib.support.errors import UserError

SCRIPT = re.compile(r'vaelib\.receive\("([\w.-]+)", (\{.*\}), "([^"]*)"\);\n$', re.DOTALL)


def parts_of(path: Path) -> tuple[str, dict, str]:
    """The name, the head and the characters of a script."""
    name, head, text = SCRIPT.search(path.read_bytes().decode("utf-8")).groups()
    return name, json.loads(head), text


def integers(text: str) -> list[int]:
    """The integers that characters stand for, by another way than the page's: from the list of all of them."""
    ranks = {code: rank for rank, code in enumerate(code for code in range(2048) if chr(code) not in '\0\n\r"\\')}
    return [-(rank + 1) // 2 if rank % 2 else rank // 2 for rank in (ranks[ord(character)] for character in text)]


def test_a_layer_can_be_read_back() -> None:
    noise = torch.Generator().manual_seed(0)
    weights, bias = torch.randn(7, 12, generator=noise).double(), torch.randn(3, generator=noise).double()
    layer, writer = Layer("transposed", "leaky", weights, bias), Writer()
    about = writer.layer(layer)
    read = torch.tensor(integers(writer.text), dtype=torch.double)
    scales = (read[:24:2] * DIGIT + read[1:24:2]) * 2 * about["scales"]["largest"] / DIGIT**2
    found = read[24 : 24 + 84].view(7, 12) * scales / about["levels"]
    assert (found - rounded(layer).weights).abs().max() < 1e-5
    assert (found - weights).abs().max() < 0.6 * weights.abs().max() / about["levels"]
    digits = read[-6:].view(3, 2)
    assert ((digits[:, 0] * DIGIT + digits[:, 1]) * 2 * about["bias"]["largest"] / DIGIT**2 - bias).abs().max() < 1e-5


def test_characters_end_no_string_and_no_script(tmp_path: Path) -> None:
    weights = torch.linspace(-1, 1, 3000).double().view(-1, 1)
    text = Writer()
    text.layer(Layer("linear", "none", weights, torch.zeros(1)))
    assert not set(text.text) & set('\0\n\r"\\')
    assert max(map(ord, text.text)) < 2048
    path = export_web.write(tmp_path, "some-name", {"a": 1}, text.text)
    assert parts_of(path) == ("some-name", {"a": 1}, text.text)


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        {path.name: path.read_bytes() for path in export_of("faces32", tmp_path / folder)} for folder in "ab"
    )
    assert sorted(first) == ["faces32-decoder.js", "faces32-encoder.js", "faces32.js"]
    assert first == second


def export_of(name: str, folder: Path) -> list[Path]:
    """The scripts of a shipped checkpoint, written to a new folder."""
    folder.mkdir()
    return export_web.export(runs.load(name), folder)


def test_rounding_that_shows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_format, "LEVELS", ((0, 12),))
    with pytest.raises(UserError, match="changes a pixel by 0"):
        export_of("faces32", tmp_path / "a")
    assert list((tmp_path / "a").iterdir()) == []


def test_an_unknown_name_is_an_error_of_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["export_web", "faces33"])
    with pytest.raises(SystemExit) as stopped:
        export_web.main()
    assert stopped.value.code == 2
    assert "faces32" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["celeba64", "celeba64-ae", "cifar10", "faces32"])
def test_the_scripts_of_the_site_are_those_of_the_shipped_checkpoints(name: str) -> None:
    _, head, _ = parts_of(export_web.FOLDER / f"{name}.js")
    assert head["sources"] == export_web.sources(runs.load(name)), f"python -m release.export_web {name}"
    assert max(error for part, error in head["errors"].items() if part != export_web.ONE_PIXEL_OF_DETAIL) <= 0.01
    assert all((export_web.FOLDER / f"{name}-{part}.js").is_file() for part in head["parts"])
    assert (export_web.FOLDER / f"{name}-decoder.js").stat().st_size <= 1.5e6


@torch.no_grad()
def test_the_pixel_flow_of_the_site_is_written_again_byte_by_byte(tmp_path: Path) -> None:
    head, text = export_web.network(export_detail.layers_of(runs.load("celeba64")))
    path = export_web.write(tmp_path, "celeba64-detail", head, text)
    assert path.read_bytes() == (export_web.FOLDER / path.name).read_bytes()
    assert path.stat().st_size <= 1.9e6


@torch.no_grad()
def test_rounding_changes_little_of_the_detail_and_coarser_rounding_more(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    run = with_flow(patch=1)
    for weights in run.detail.network.parameters():
        weights.add_(0.1 * torch.randn_like(weights))  # also where training begins with zeros
    x_hat = torch.rand(2, 3, 16, 16)
    fine = export_detail.difference(run, x_hat)
    monkeypatch.setattr(web_format, "LEVELS", ((0, 40),))
    coarse = export_detail.difference(run, x_hat)
    assert 0 < fine.mean() < 0.01
    assert coarse.mean() > 5 * fine.mean()


def test_a_pixel_flow_of_large_images_is_refused() -> None:
    with pytest.raises(UserError, match="64 pixels a side"):
        export_detail.layers_of(with_flow(patch=2))


def with_flow(patch: int) -> SimpleNamespace:
    """A run of which there is only a small pixel flow, untrained."""
    detail = Detail(channels=(8, 16))
    detail.network = UNet(detail.channels, patch)
    return SimpleNamespace(detail=detail)


def test_the_live_figures_are_small() -> None:
    files = [path for path in export_web.FOLDER.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12e6
