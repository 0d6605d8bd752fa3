"""From the mean to a draw: a flow in pixels that gives decoded images the detail of photographs.

A decoder trained by squared error generates the mean of all the images that its code could stand for, and a mean is
blurred. `Detail` draws one of these images instead. It is a rectified flow (Liu, Gong & Liu 2023) from the decoded
image, plus a little noise, to the photograph: a network learns by least squares the velocity on the straight line from
one to the other. The line starts at the mean, not at pure noise, so the network learns only what the mean lacks. This
is posterior-mean rectified flow (Ohayon, Michaeli & Elad 2025; chapter 12).

The model is not touched: its encoder, codes and directions stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import trange  # not tqdm.auto, whose notebook bar would be stored with the outputs

from . import data
from .models import VAE, LatentModel, reparameterize
from .support import devices
from .support.errors import UserError
from .support.schedule import set_learning_rate

CHANNELS = (32, 64, 96, 128)  # features at full size, at half of it, and so on
PIXELS_A_SIDE = 64  # the largest map inside the network: of larger images, blocks of pixels become features
FREQUENCIES = 16  # of the sines and cosines that encode the time
TIME_FEATURES = 128
SIGMA = 0.05  # standard deviation of the noise at the start, in units of pixels in [0, 1]
BATCH = 32  # images in a training step; half as many of 128 pixels, which have four times the pixels to learn from
LEARNING_RATE = 1e-3  # at its peak; of blocks of 2 x 2 pixels it is half, because the full one diverged
SOLVER_STEPS = 8  # from the decoded image to the detailed one
CHECKPOINT_EVERY = 200  # training steps
AT_ONCE = 64  # images detailed in one batch


class Block(nn.Module):
    """Two convolutions beside a shortcut. The time scales and shifts every feature between them (Perez et al. 2018)."""

    def __init__(self, features: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(features, features, 3, padding=1) for _ in range(2))
        self.norm_first, self.norm_second = FeatureNorm(features), FeatureNorm(features)
        self.time = nn.Linear(TIME_FEATURES, 2 * features)
        set_to_zero(self.second)  # every block starts as the identity

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        """Feature maps (B, features, H, W) and time (B, TIME_FEATURES) to maps of the same shape."""
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        inner = self.first(functional.silu(self.norm_first(h)))
        return h + self.second(functional.silu(self.norm_second(inner) * (1 + scale) + shift))


class FeatureNorm(nn.LayerNorm):
    """Layer normalisation of each pixel's features. On CPUs it is much faster than normalisation in groups."""

    def forward(self, h: Tensor) -> Tensor:
        """Feature maps (B, features, H, W), of the same shape afterwards."""
        return super().forward(h.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class UNet(nn.Module):
    """The velocity of images at time t: a U-Net (Ronneberger, Fischer & Brox 2015).

    Its left side halves the map and widens the features from level to level, its right side goes back, and at each
    level the left side's map is added. `patch` × `patch` pixels together are the colours of one point of the first map.

    Beside the network a straight path takes the image itself, times a learned number that depends on the time alone. It
    removes most of the noise, which so need not pass through the features (Karras et al. 2022).
    """

    def __init__(self, channels: tuple[int, ...] = CHANNELS, patch: int = 1):
        super().__init__()
        self.channels, self.patch = channels, patch
        self.time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, TIME_FEATURES), nn.SiLU(), nn.Linear(TIME_FEATURES, TIME_FEATURES), nn.SiLU()
        )
        self.inlet = nn.Conv2d(3 * patch**2, channels[0], 3, padding=1)
        self.left = nn.ModuleList(Block(c) for c in channels[:-1])
        self.halve = nn.ModuleList(nn.Conv2d(c, wider, 4, stride=2, padding=1) for c, wider in pairwise(channels))
        self.middle = nn.ModuleList(Block(channels[-1]) for _ in range(2))
        self.narrow = nn.ModuleList(nn.Conv2d(wider, c, 1) for c, wider in pairwise(channels))
        self.right = nn.ModuleList(Block(c) for c in channels[:-1])
        last = nn.Conv2d(channels[0], 3 * patch**2, 3, padding=1)
        set_to_zero(last)  # the velocity starts at 0
        self.outlet = nn.Sequential(FeatureNorm(channels[0]), nn.SiLU(), last)
        self.straight = nn.Linear(TIME_FEATURES, 1)
        set_to_zero(self.straight)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """dx/dt (B, 3, H, W) at images x of that shape and times t (B,) in [0, 1]."""
        angles = t[:, None] * torch.logspace(0, 2, FREQUENCIES, device=t.device)  # 1 to 100 radians
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        pixels = functional.pixel_unshuffle(4 * x - 2, self.patch)  # of a standard deviation near 1
        h = self.inlet(pixels.contiguous(memory_format=torch.channels_last))
        skipped = []
        for block, halve in zip(self.left, self.halve, strict=True):
            h = block(h, time)
            skipped.append(h)
            h = halve(h)
        for block in self.middle:
            h = block(h, time)
        for narrow, block in reversed(list(zip(self.narrow, self.right, strict=True))):
            h = block(functional.interpolate(narrow(h), scale_factor=2.0) + skipped.pop(), time)
        straight = self.straight(time).float()[:, :, None, None] * (x - 0.5)
        return functional.pixel_shuffle(self.outlet(h).float(), self.patch) + straight

    def start_from(self, other: UNet) -> None:
        """Take over the weights of a network of the same features, perhaps of smaller images.

        A block of pixels is then seen as their mean, and all its pixels get the same velocity.
        Raises `UserError` if the features differ, or the other one's blocks are larger.
        """
        pixels = (self.patch // other.patch) ** 2
        if self.channels != other.channels or not pixels:
            raise UserError("The network to start from has other layers: start from a pixel flow of the same features.")
        weights = other.state_dict()
        weights["inlet.weight"] = weights["inlet.weight"].repeat_interleave(pixels, 1) / pixels
        for last in ("outlet.2.weight", "outlet.2.bias"):
            weights[last] = weights[last].repeat_interleave(pixels, 0)
        self.load_state_dict(weights)


@dataclass
class Fitting:
    """The state of `Detail.fit` after some steps: what a stopped one needs to continue.

    `losses` has the mean loss of every 200 steps, in squared pixels.
    """

    network: UNet
    optimizer: torch.optim.Optimizer
    step: int = 0
    losses: list[float] = field(default_factory=list)


class Detail:
    """A pixel flow, fitted by `steps` steps of least squares. Fit it, then call it with decoded images.

    Raises `UserError` if `steps` < 1.
    """

    network: UNet  # once it is fitted

    def __init__(self, steps: int = 10_000, seed: int = 0, channels: tuple[int, ...] = CHANNELS, sigma: float = SIGMA):
        if steps < 1:
            raise UserError(f"A pixel flow of {steps} steps learns nothing: give at least 1, better 10000.")
        self.steps, self.seed, self.channels, self.sigma = steps, seed, channels, sigma

    def fit(
        self,
        model: LatentModel,
        ds: data.Dataset,
        *,
        flip: bool = False,
        start: Detail | None = None,
        resume: Callable[[Fitting], None] | None = None,
        after_steps: Callable[[Fitting], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Learn the way from images that `model` decodes to the images of `ds`, on the model's device.

        The model should be in evaluation mode. With `flip` each image is mirrored with probability 1/2. With `start`,
        the network begins with the weights of another flow (see `UNet.start_from`). `resume` may restore an earlier
        state of the `Fitting` before its first step; `after_steps` is called with it after every 200 steps. Returns the
        flow itself, which is then on the CPU.
        """
        device = model.device
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = UNet(self.channels, patch_of(model.image_size))
        if start:
            network.start_from(start.network)
        network.to(device).to(memory_format=torch.channels_last)
        fused = device.type in ("cpu", "cuda")  # one call per step saves Python's overhead
        state = Fitting(network, torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.01, fused=fused))
        if resume:
            resume(state)
        batch = min(BATCH // network.patch, len(ds))
        batches = data.loader(ds, batch, True, self.seed, device, flip=flip, drop_last=True)
        self._train(state, model, batches, after_steps, progress)
        self.network = network.requires_grad_(False).cpu()
        return self

    def _train(
        self,
        state: Fitting,
        model: LatentModel,
        batches: data.Loader,
        after_steps: Callable[[Fitting], None] | None,
        progress: bool,
    ) -> None:
        total = torch.zeros((), device=model.device)
        bar = trange(state.step, self.steps, desc="detail", leave=False, disable=None if progress else True)
        for step, x in zip(bar, from_step(batches, state.step), strict=False):
            set_learning_rate(state.optimizer, LEARNING_RATE / state.network.patch, step / self.steps)
            noise = torch.Generator(x.device).manual_seed(self.seed * 1_000_003 + step)
            with devices.autocast("auto", x.device):
                loss = matching_loss(state.network, x, decode_again(model, x, noise), self.sigma, noise)
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
            state.step, total = step + 1, total + loss.detach()
            if state.step % CHECKPOINT_EVERY == 0:
                state.losses.append(total.item() / CHECKPOINT_EVERY)
                total.zero_()
                if after_steps:
                    after_steps(state)

    def __call__(self, x_hat: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Decoded images x_hat (N, 3, H, H) in [0, 1] with detail, drawn with noise from `generator` (on the CPU)."""
        return self.at_noise(x_hat, torch.randn(x_hat.shape, generator=generator))

    @torch.no_grad()
    def at_noise(self, x_hat: Tensor, noise: Tensor, solver_steps: int = SOLVER_STEPS) -> Tensor:
        """Decoded images x_hat with the detail that noise determines: draws of N(0, 1), in their shape or (1, 3, H, H).

        With the same noise, images that differ little get details that differ little. Computed where the network is;
        returns images in [0, 1], on the CPU.
        """
        device = self.network.inlet.weight.device
        parts = zip(x_hat.split(AT_ONCE), noise.expand(x_hat.shape).split(AT_ONCE), strict=True)
        return torch.cat(
            [self._moved(images.to(device), start.to(device), solver_steps).cpu() for images, start in parts]
        )

    def _moved(self, x_hat: Tensor, noise: Tensor, solver_steps: int) -> Tensor:
        """Euler's method from t = 0 to 1. The way bends, so more steps come nearer to a draw (chapter 12)."""
        x = x_hat + self.sigma * noise
        for step in range(solver_steps):
            t = torch.full((len(x),), step / solver_steps, device=x.device)
            x = x + self.network(x, t) / solver_steps
        return x.clamp(0, 1)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save: the weights of the network, and sigma."""
        return {"sigma": torch.tensor(self.sigma), **self.network.state_dict()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """Restore a flow from its `tensors()`. Raises `ValueError` if they do not describe one."""
        weights = {key: value for key, value in tensors.items() if key != "sigma"}
        levels = sum(key.startswith("halve.") and key.endswith(".weight") for key in weights)
        first = weights["inlet.weight"]
        wider = [len(weights[f"halve.{level}.weight"]) for level in range(levels)]
        detail = cls(channels=(len(first), *wider), sigma=float(tensors["sigma"]))
        try:
            with torch.device("meta"):  # without storage, so only the tensors of the file take memory
                detail.network = UNet(detail.channels, round((first.shape[1] / 3) ** 0.5))
            detail.network.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            raise ValueError("the weights are not those of a pixel flow") from error
        detail.network.requires_grad_(False).to(memory_format=torch.channels_last)
        return detail


def set_to_zero(layer: nn.Module) -> None:
    """Set all weights of the layer to zero."""
    for weights in layer.parameters():
        nn.init.zeros_(weights)


def patch_of(image_size: int) -> int:
    """The side of the blocks of pixels that the network takes together, so that its first map has at most 64 points."""
    return max(1, image_size // PIXELS_A_SIDE)


def from_step(batches: data.Loader, step: int) -> Iterator[Tensor]:
    """Batches without end, pass after pass; the first is the one that comes after `step` others."""
    batches.epoch, done = divmod(step, len(batches))
    while True:
        yield from islice(batches, done, None)
        done = 0


@torch.no_grad()
def decode_again(model: LatentModel, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Images x (B, 3, H, W) decoded from a draw of their posteriors, or from their codes: the model's x_hat."""
    if isinstance(model, VAE):
        return model.decode(reparameterize(*model.encode(x), generator))
    return model.reconstruct(x)


def matching_loss(
    network: nn.Module, x: Tensor, x_hat: Tensor, sigma: float, generator: torch.Generator | None = None
) -> Tensor:
    """The mean squared error of the velocity at a random point on the line from x_hat plus noise to x (B, 3, H, W).

    On that line the velocity is x minus the start. Through one point pass many lines, and the network learns the mean
    of their velocities (Liu, Gong & Liu 2023).
    """
    start = x_hat + sigma * torch.randn(x.shape, generator=generator, device=x.device)
    t = torch.rand(len(x), generator=generator, device=x.device)
    point = torch.lerp(start, x, t[:, None, None, None])
    return (network(point, t) - (x - start)).square().mean()
