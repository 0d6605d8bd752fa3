"""A second stage: a flow that transforms N(0, I) into the aggregate posterior, whatever its shape.

The two-stage VAE (Dai & Wipf 2019) fits a second model to the codes of the first. Here it is a continuous normalising
flow: a network gives the velocity of a point z at each time t. At t = 0 the points are distributed as N(0, I), at t = 1
as the codes. The network is trained by flow matching (Lipman et al. 2023): it learns the velocity on straight lines
from noise to codes by least squares, so no differential equation is solved in training. `Flow` has the interface of the
densities in `vaelib.priors`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap
from tqdm import trange  # not tqdm.auto, whose notebook bar would be stored with the outputs

from .models import reparameterize
from .support.errors import UserError
from .support.schedule import set_learning_rate

FREQUENCIES = 32  # of the sines and cosines that encode the time
BATCH = 512  # codes in a training step
LEARNING_RATE = 1e-3  # at its peak
SOLVER_STEPS = 25  # from noise to codes, and back
MOVED_AT_ONCE = 4096  # points per batch in sampling
MATCHING_DRAWS = 4096  # samples for `_match_moments`: enough to detect a difference of 1 %
DENSITIES_AT_ONCE = 64  # points per batch; each needs a Jacobian: latent_dim times the time and memory of a velocity
SMALLEST_STD = 1e-6  # a dimension that does not vary must not lead to a division by 0


class Velocity(nn.Module):
    """The velocity at points z (B, latent_dim) and times t (B,) in [0, 1]: residual blocks of `width` features."""

    def __init__(self, latent_dim: int, width: int, blocks: int):
        super().__init__()
        self.inlet = nn.Linear(latent_dim, width)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        last = nn.Linear(width, latent_dim)
        nn.init.zeros_(last.weight)  # the velocity starts near 0
        self.outlet = nn.Sequential(nn.LayerNorm(width), last)

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """dz/dt, (B, latent_dim)."""
        angles = t[:, None] * torch.logspace(0, 2, FREQUENCIES, device=z.device)  # 1 to 100 radians
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        h = self.inlet(z)
        for block in self.blocks:
            h = h + block(h + time)
        return self.outlet(h)


class Flow:
    """A continuous normalising flow, fitted by `steps` steps of flow matching. Raises `UserError` if `steps` < 1."""

    def __init__(self, steps: int = 5000, seed: int = 0, width: int = 384, blocks: int = 3):
        if steps < 1:
            raise UserError(f"A flow of {steps} steps learns nothing: give at least 1, better 5000.")
        self.steps, self.seed, self.width, self.blocks = steps, seed, width, blocks

    def fit(self, mu: Tensor, logvar: Tensor | None = None, progress: bool = False) -> Self:
        """Learn the aggregate posterior: every step draws new z from the posteriors of a random batch of images.

        mu is (N, latent_dim), logvar the same or None. Training runs on the device of mu; the fitted flow is on the
        CPU. Returns the flow itself.
        """
        if len(mu) < 2:
            raise UserError(f"{len(mu)} codes are too few for a flow: encode at least 2 images.")
        variance = mu.var(0) if logvar is None else mu.var(0) + logvar.exp().mean(0)
        # Each dimension is scaled separately: on fully whitened codes the same network learns far less.
        self.mean, self.std = mu.mean(0), variance.sqrt().clamp(min=SMALLEST_STD)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            self.velocity = Velocity(mu.shape[1], self.width, self.blocks).to(mu.device)
        self._train(mu, logvar, progress)
        self.mean, self.std = self.mean.cpu(), self.std.cpu()
        self.velocity.requires_grad_(False).cpu()
        self._match_moments()
        return self

    def _match_moments(self) -> None:
        """Shift and scale each dimension so that samples have the mean and the standard deviation of the codes.

        A network that regresses velocities underestimates their extremes: in 128 dimensions its samples' standard
        deviation was 3 % too small, which is visible in the images of a sharp decoder.
        """
        noise = torch.Generator().manual_seed(self.seed + 1)  # differs from a caller's `manual_seed(seed)`
        y = (self.sample(MATCHING_DRAWS, noise) - self.mean) / self.std
        std = self.std / y.std(0).clamp(min=0.1)  # where all codes are equal, all samples may be equal too
        self.mean, self.std = self.mean - std * y.mean(0), std

    def _train(self, mu: Tensor, logvar: Tensor | None, progress: bool) -> None:
        noise = torch.Generator(mu.device).manual_seed(self.seed)
        fused = mu.device.type in ("cpu", "cuda")  # one call per step saves Python's overhead
        optimizer = torch.optim.AdamW(self.velocity.parameters(), LEARNING_RATE, weight_decay=0.01, fused=fused)
        for step in trange(self.steps, desc="flow", leave=False, disable=None if progress else True):
            set_learning_rate(optimizer, LEARNING_RATE, step / self.steps)
            chosen = torch.randint(len(mu), (BATCH,), generator=noise, device=mu.device)
            z = mu[chosen] if logvar is None else reparameterize(mu[chosen], logvar[chosen], noise)
            loss = matching_loss(self.velocity, (z - self.mean) / self.std, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """n independent draws, (n, latent_dim): noise that follows the velocity from t = 0 to 1.

        `temperature` multiplies the noise. Below 1 the draws are more typical and less varied (Kingma & Dhariwal 2018).
        """
        noise = temperature * torch.randn(n, len(self.mean), generator=generator)
        moved = [heun(self._moved, z, 0.0, 1.0) for z in noise.split(MOVED_AT_ONCE)]
        return self.mean + self.std * torch.cat(moved)

    @torch.no_grad()
    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of z (n, latent_dim): (n,) nats, by the instantaneous change of variables (Chen et al. 2018).

        The points are moved back to noise, and the divergence of the velocity is integrated along the way. It is the
        exact trace of the Jacobian, which takes a minute for 500 codes of 128 dimensions on one CPU core.
        """
        standardised = (z - self.mean) / self.std
        parts = [self._log_prob(part) for part in standardised.split(DENSITIES_AT_ONCE)]
        return torch.cat(parts) - self.std.log().sum()

    def _log_prob(self, z: Tensor) -> Tensor:
        end = heun(self._moved_with_density, torch.cat([z, z.new_zeros(len(z), 1)], dim=1), 1.0, 0.0)
        noise, change = end[:, :-1], end[:, -1]
        return torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum(1) + change

    def _moved(self, z: Tensor, t: Tensor) -> Tensor:
        return self.velocity(z, t.expand(len(z)))

    def _moved_with_density(self, state: Tensor, t: Tensor) -> Tensor:
        """The velocity (B, d) at the points, and its divergence as one more column."""

        def of_one(z: Tensor) -> tuple[Tensor, Tensor]:
            velocity = self._moved(z[None], t)[0]
            return velocity, velocity

        jacobian, velocity = vmap(jacrev(of_one, has_aux=True))(state[:, :-1])  # (B, d, d), (B, d)
        return torch.cat([velocity, jacobian.diagonal(dim1=1, dim2=2).sum(1, keepdim=True)], dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save: mean and std (latent_dim,), and the weights of the network."""
        weights = {f"velocity.{key}": value for key, value in self.velocity.state_dict().items()}
        return {"mean": self.mean, "std": self.std, **weights}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """Restore a flow from its `tensors()`. Raises `ValueError` if they do not describe one."""
        weights = {key: value for key, value in tensors.items() if key.startswith("velocity.")}
        width, _ = tensors["velocity.inlet.weight"].shape
        blocks = sum(key.startswith("velocity.blocks.") and key.endswith(".1.weight") for key in weights)
        flow = cls(width=width, blocks=blocks)
        flow.mean, flow.std = tensors["mean"], tensors["std"]
        if not (flow.std > 0).all():
            raise ValueError("std is not above 0")
        try:
            with torch.device("meta"):  # without storage, so only the tensors of the file take memory
                flow.velocity = Velocity(len(flow.mean), width, blocks)
            flow.velocity.load_state_dict({key.removeprefix("velocity."): weights[key] for key in weights}, assign=True)
        except RuntimeError as error:
            raise ValueError("the weights are not those of a flow") from error
        flow.velocity.requires_grad_(False)
        return flow


def matching_loss(velocity: nn.Module, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The mean squared error of the velocity at a random point on the line from a draw of noise to each z (B, d).

    On that line the velocity is z - noise, which is constant. Through one point pass many lines, and the network learns
    the mean of their velocities (Lipman et al. 2023, with the optimal-transport path and no noise left at its end).
    """
    noise = torch.randn(z.shape, generator=generator, device=z.device)
    t = torch.rand(len(z), generator=generator, device=z.device)
    point = torch.lerp(noise, z, t[:, None])
    return (velocity(point, t) - (z - noise)).square().mean()


def heun(slope: Callable[[Tensor, Tensor], Tensor], state: Tensor, start: float, stop: float) -> Tensor:
    """Solve d state / dt = slope(state, t) from `start` to `stop` by 25 steps of Heun's second-order method."""
    times = torch.linspace(start, stop, SOLVER_STEPS + 1)
    step = (stop - start) / SOLVER_STEPS
    for t, t_next in pairwise(times):
        first = slope(state, t)
        second = slope(state + step * first, t_next)
        state = state + step * (first + second) / 2
    return state
