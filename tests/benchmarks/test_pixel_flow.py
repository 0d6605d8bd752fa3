"""The choices in the pixel flow: each variant changes what it says, is measured alike, and is made only once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import pixel_flow
from vaelib import data
from vaelib import detail as library
from vaelib.detail import Detail, UNet
from vaelib.models import VAE
from vaelib.runs import imagenet
from vaelib.sharpening import unsharp_mask

STEPS = 2


def pictures(*_: object) -> data.Dataset:
    images = torch.randint(0, 256, (16, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return data.Dataset(images.numpy(), "faces", "train")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An untrained small model; pixel flows have few features, and batches few images."""
    monkeypatch.setattr(library, "BATCH", 4)
    monkeypatch.setattr(pixel_flow, "BATCH", 4)
    monkeypatch.setattr(pixel_flow, "CRITIC_FEATURES", (4, 4))
    torch.manual_seed(0)
    return SimpleNamespace(
        name="small",
        model=VAE(64, 4, (4, 8)).eval(),
        statistics=SimpleNamespace(sharpener=lambda x_hat: 1 - x_hat),
        experiment=SimpleNamespace(dataset="faces", size=64, flip=False),
    )


@pytest.fixture
def task(run: SimpleNamespace) -> pixel_flow.Task:
    return pixel_flow.Task(run, pictures(), STEPS, seed=0, seconds=0.01)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[Detail]:
    """All flows that are fitted."""
    made, fit = [], Detail.fit
    monkeypatch.setattr(Detail, "fit", lambda self, *given, **named: made.append(self) or fit(self, *given, **named))
    return made


def x_hat() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", pixel_flow.VARIANTS)
def test_every_variant_finishes_images(name: str, task: pixel_flow.Task):
    finished = pixel_flow.VARIANTS[name].fit(task)(x_hat())
    assert finished.shape == (2, 3, 64, 64) and finished.min() >= 0 and finished.max() <= 1
    assert torch.equal(finished, x_hat()) == (name == "plain")


@pytest.mark.parametrize(
    ("name", "sigma", "features"),
    [
        (pixel_flow.FLOW, 0.05, 32),
        ("sigma 0.025", 0.025, 32),
        ("sigma 0.1", 0.1, 32),
        ("half the features", 0.05, 16),
        ("decoded means", 0.05, 32),
    ],
)
def test_a_variant_changes_one_choice(name: str, sigma: float, features: int, task: pixel_flow.Task, fits):
    pixel_flow.VARIANTS[name].fit(task)
    (detail,) = fits
    assert (detail.sigma, detail.channels[0], detail.steps, detail.seed) == (sigma, features, STEPS, 0)


def test_filters_are_those_of_the_library(task: pixel_flow.Task):
    assert torch.equal(pixel_flow.VARIANTS["unsharp mask"].fit(task)(x_hat()), unsharp_mask(x_hat()))
    assert torch.equal(pixel_flow.VARIANTS["filter"].fit(task)(x_hat()), 1 - x_hat())


def test_decoded_means_do_not_depend_on_a_draw(task: pixel_flow.Task):
    model = pixel_flow.Means(task.run.model)
    x = x_hat()
    assert torch.equal(library.decode_again(model, x, torch.Generator().manual_seed(0)), task.run.model.reconstruct(x))


@pytest.mark.parametrize("part", [pixel_flow.Attention, library.Block])
def test_new_parts_change_nothing_at_first_and_are_learned(part: type):
    network = UNet((4, 4, 4, 4))
    torch.nn.init.normal_(network.outlet[2].weight)
    optimizer = torch.optim.AdamW(network.parameters())
    given = x_hat(), torch.tensor([0.3, 0.6])
    before, count = network(*given), len(list(network.parameters()))
    pixel_flow.enlarge(SimpleNamespace(network=network, optimizer=optimizer), part, slice(2, None))
    torch.testing.assert_close(network(*given), before)
    new = optimizer.param_groups[1]["params"]
    assert sum(isinstance(module, pixel_flow.Both) for module in network.modules()) == 4
    assert len(list(network.parameters())) == count + len(new)
    pixel_flow.step(optimizer, network(*given).square().mean())
    pixel_flow.step(optimizer, network(*given).square().mean())
    assert all(weights.grad is not None for weights in new)
    assert not torch.allclose(network(*given), before)


def test_attention_mixes_all_points():
    attention = pixel_flow.Attention(4)
    torch.nn.init.normal_(attention.outlet.weight)
    h = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    attention(h, None)[0, :, 0, 0].sum().backward()
    assert (h.grad[0, :, 7, 7] != 0).any()


def test_the_moving_average_is_that_of_the_weights_after_each_step():
    network, steps, decay = torch.nn.Linear(1, 1, bias=False), 5, pixel_flow.DECAY
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    pixel_flow.average(SimpleNamespace(network=network, optimizer=optimizer), steps)
    seen = []
    for _ in range(steps):
        pixel_flow.step(optimizer, network.weight.sum())  # moves the weight by -1
        seen.append(network.weight.item())
    expected = start = seen[0]
    for weight in [start - number for number in range(1, steps)]:
        expected = decay * expected + (1 - decay) * weight
    assert seen[-1] == pytest.approx(expected)


def test_the_critic_tells_photographs_from_means(task: pixel_flow.Task):
    torch.manual_seed(0)
    critic = pixel_flow.new_critic()
    real, made = torch.rand(8, 3, 64, 64), torch.full((8, 3, 64, 64), 0.5)
    critic(real)
    optimizer = torch.optim.AdamW(critic.parameters(), 1e-2)
    for _ in range(20):
        loss = (1 - critic(real)).relu().mean() + (1 + critic(made)).relu().mean()
        pixel_flow.step(optimizer, loss)
    assert critic(real).min() > critic(made).max()


# The script


@pytest.fixture
def script(run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Give the command with arguments; returns the record."""
    monkeypatch.setattr(data, "load", pictures)
    monkeypatch.setattr(pixel_flow.runs, "load", lambda name: run)
    monkeypatch.setattr(imagenet, "installed", lambda: True)
    monkeypatch.setattr(imagenet, "load", lambda: lambda x: x.mean((2, 3)))

    def give(*arguments: str) -> list[dict]:
        path = tmp_path / "record.json"
        monkeypatch.setattr(sys, "argv", ["pixel_flow", "--steps", "2", "--output", str(path), *arguments])
        pixel_flow.main()
        return json.loads(path.read_text())["runs"]

    return give


def test_the_record_has_every_variant_once(script, capsys):
    names = ["plain", pixel_flow.FLOW, "critic"]
    made = script("--variants", *names)
    assert [of["variant"] for of in made] == names
    assert all(set(of["quality"]["frechet"]) == {"attributes", "imagenet"} for of in made)
    assert made[0]["seconds"] == 0 and made[1]["seconds"] > 0
    assert made[2]["seconds"] > made[1]["seconds"]  # the critic stops after the first step beyond the flow's time
    assert "psnr" in capsys.readouterr().out
    assert script("--variants", *names) == made  # and seconds would differ if they were made again


def test_mistakes_are_said_before_any_fit(script, monkeypatch, capsys):
    monkeypatch.setattr(Detail, "fit", None)
    for arguments, message in (
        (("--variants", "pixel flows"), "There is no variant 'pixel flows': did you mean pixel flow"),
        (("--steps", "0"), "A pixel flow of 0 steps learns nothing"),
        (("--variants", "critic"), "The critic gets the minutes of the pixel flow: measure that first."),
        (("--images", "3"), "3 held-out images are too few to compare"),
        (("--output", "nowhere/record.json"), "nowhere does not exist"),
    ):
        with pytest.raises(SystemExit) as stopped:
            script(*arguments)
        said = capsys.readouterr().err
        assert stopped.value.code == 2 and message in said and said.count("\n") == 1


def test_the_extra_is_asked_for_first(script, monkeypatch, capsys):
    monkeypatch.setattr(Detail, "fit", None)
    monkeypatch.setattr(imagenet, "installed", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        script()
    assert stopped.value.code == 2 and imagenet.MISSING in capsys.readouterr().err


def test_what_is_recorded_can_be_shown():
    recorded = pixel_flow.read(pixel_flow.RECORD)
    assert len({(of["variant"], of["steps"], of["seed"]) for of in recorded}) == len(recorded) > 0
    assert {of["variant"] for of in recorded if "commit" not in of} <= set(pixel_flow.VARIANTS)
    assert len(pixel_flow.table(recorded)) == len({(of["variant"], of["steps"]) for of in recorded})
