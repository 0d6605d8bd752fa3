"""The pixel flow: that it draws where a mean is blurred, that a stopped fit continues exactly, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vaelib import detail
from vaelib.data import Dataset, loader
from vaelib.detail import Detail, UNet, matching_loss, patch_of
from vaelib.models import VAE, AutoEncoder
from vaelib.support.errors import UserError

DARK, BRIGHT = 0.3, 0.7


class Grey(AutoEncoder):
    """A decoder that generates the mean of all images of `coins`, whatever the code."""

    def decode(self, z: Tensor) -> Tensor:
        return torch.full((len(z), 3, 32, 32), (DARK + BRIGHT) / 2)


def noise(seed=0):
    return torch.Generator().manual_seed(seed)


def coins() -> Dataset:
    """Images whose pixels are dark or bright, each by the toss of a coin."""
    bright = np.random.default_rng(0).random((64, 3, 32, 32)) < 0.5
    return Dataset(np.where(bright, 255 * BRIGHT, 255 * DARK).round().astype(np.uint8), "coins", "train")


def small(kind=VAE, image_size=32):
    torch.manual_seed(0)
    return kind(image_size, 3, (4, 8)).eval()


@pytest.fixture(scope="module")
def fitted() -> Detail:
    return Detail(40, channels=(16, 16)).fit(small(Grey), coins())


def test_where_the_mean_is_grey_the_flow_draws_dark_and_bright_pixels(fitted):
    x_hat = torch.full((8, 3, 32, 32), 0.5)
    x = fitted(x_hat, noise())
    assert 0.4 < (x > 0.5).float().mean() < 0.6
    assert 0.15 < x.std() < 0.25  # that of the coins is 0.2, that of the mean 0, that of the noise at the start 0.1
    assert (x - x_hat).square().mean() > 0.5 * 0.2**2  # a draw costs squared error: here twice as much as the mean


def test_what_is_drawn_depends_on_the_noise_alone(fitted, monkeypatch):
    x_hat = torch.full((3, 3, 32, 32), 0.5)
    first = fitted(x_hat, noise(1))
    assert torch.equal(first, fitted(x_hat, noise(1))) and not torch.equal(first, fitted(x_hat, noise(2)))
    same = fitted.at_noise(x_hat, torch.randn(1, 3, 32, 32, generator=noise()))
    torch.testing.assert_close(same[0], same[2])
    monkeypatch.setattr(detail, "AT_ONCE", 2)
    torch.testing.assert_close(fitted(x_hat, noise(1)), first)


def test_an_untrained_network_has_no_velocity():
    x = torch.rand(2, 3, 64, 64, generator=noise())
    assert torch.equal(UNet()(x, torch.tensor([0.0, 1.0])), torch.zeros_like(x))


@pytest.mark.parametrize(("image_size", "patch"), [(32, 1), (64, 1), (128, 2)])
def test_large_images_are_taken_in_blocks(image_size, patch):
    assert patch_of(image_size) == patch
    x = torch.rand(1, 3, image_size, image_size)
    assert UNet((8, 16, 24), patch)(x, torch.zeros(1)).shape == x.shape


def test_the_image_itself_has_a_straight_path():
    network, x = UNet((8, 16)), torch.rand(2, 3, 32, 32, generator=noise())
    network.straight.bias.data.fill_(-2)  # nothing else is learned yet
    torch.testing.assert_close(network(x, torch.zeros(2)), -2 * (x - 0.5))


def test_a_network_starts_from_that_of_smaller_images(fitted):
    network = UNet((16, 16), patch=2)
    network.start_from(fitted.network)
    coarse, t = torch.rand(3, 3, 32, 32, generator=noise()), torch.tensor([0.0, 0.3, 0.9])
    wanted = functional.interpolate(fitted.network(coarse, t), scale_factor=2)
    torch.testing.assert_close(network(functional.interpolate(coarse, scale_factor=2), t), wanted)


def test_only_networks_of_the_same_features_can_be_started_from(fitted):
    with pytest.raises(UserError, match="has other layers"):
        UNet((16, 24)).start_from(fitted.network)
    with pytest.raises(UserError, match="has other layers"):
        fitted.network.start_from(UNet((16, 16), patch=2))


def test_a_flow_that_starts_from_another_one_begins_as_it():
    first = Detail(40, channels=(16, 16)).fit(small(Grey), coins())
    seen = {}

    def keep(state):
        seen.update({key: value.clone() for key, value in state.network.state_dict().items()})

    Detail(1, channels=(16, 16)).fit(small(Grey), coins(), start=first, resume=keep)
    assert all(torch.equal(seen[key], value) for key, value in first.network.state_dict().items())


def test_the_loss_of_the_true_velocity_is_zero():
    x, x_hat = torch.rand(2, 3, 8, 8, generator=noise()), torch.full((2, 3, 8, 8), 0.5)

    def straight_on(point: Tensor, t: Tensor) -> Tensor:
        return (x - point) / (1 - t)[:, None, None, None]

    assert matching_loss(straight_on, x, x_hat, 0.1, noise()) < 1e-6


@pytest.mark.parametrize("kind", [VAE, AutoEncoder])
def test_a_stopped_fit_continues_exactly(monkeypatch, kind):
    monkeypatch.setattr(detail, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(detail, "BATCH", 24)  # two batches in a pass
    model, ds, kept = small(kind), coins(), {}

    def keep(state):
        if state.step == 2:
            kept.update(step=2, losses=list(state.losses))
            kept["network"] = {key: value.clone() for key, value in state.network.state_dict().items()}
            kept["optimizer"] = state.optimizer.state_dict()
            raise KeyboardInterrupt

    def restore(state):
        state.step, state.losses = kept["step"], kept["losses"]
        state.network.load_state_dict(kept["network"])
        state.optimizer.load_state_dict(kept["optimizer"])

    unbroken = Detail(5, channels=(8, 16)).fit(model, ds, flip=True)
    with pytest.raises(KeyboardInterrupt):
        Detail(5, channels=(8, 16)).fit(model, ds, flip=True, after_steps=keep)
    continued = Detail(5, channels=(8, 16)).fit(model, ds, flip=True, resume=restore)
    for name, tensor in unbroken.tensors().items():
        assert torch.equal(tensor, continued.tensors()[name]), name


def test_batches_go_on_where_they_stopped():
    batches = loader(coins(), 24, True, 3, flip=True, drop_last=True)  # two in a pass
    ahead = detail.from_step(batches, 0)
    all_of_them = [next(ahead) for _ in range(6)]
    later = detail.from_step(batches, 3)
    assert all(torch.equal(next(later), x) for x in all_of_them[3:])


def test_its_tensors_restore_it(fitted):
    restored = Detail.from_tensors(fitted.tensors())
    x_hat = torch.rand(2, 3, 32, 32, generator=noise())
    torch.testing.assert_close(restored(x_hat, noise(1)), fitted(x_hat, noise(1)))
    assert restored.channels == (16, 16) and restored.sigma == pytest.approx(detail.SIGMA)


def test_tensors_that_are_no_pixel_flow_are_refused(fitted):
    tensors = fitted.tensors()
    with pytest.raises(ValueError, match="not those of a pixel flow"):
        Detail.from_tensors(tensors | {"inlet.weight": tensors["inlet.weight"][:8]})
    with pytest.raises(ValueError, match="not those of a pixel flow"):
        Detail.from_tensors({key: value for key, value in tensors.items() if key != "outlet.2.bias"})
    with pytest.raises(LookupError):
        Detail.from_tensors({})


def test_fewer_images_than_a_batch_are_enough():
    few = coins().subset(3)
    assert Detail(1, channels=(8, 8)).fit(small(), few)(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_a_flow_of_no_steps_is_refused():
    with pytest.raises(UserError, match="pixel flow of 0 steps learns nothing"):
        Detail(0)
