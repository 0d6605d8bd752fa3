"""What each choice in the pixel flow contributes: the flow as it is, variants that change one choice, and baselines.

    VAELIB_DATA=... python -m benchmarks.pixel_flow --steps 600 --seeds 0

Every variant is fitted from new weights to the training images of celeba64, in equally many steps, and measured on
reconstructions of held-out images in the features of two networks. A critic has the minutes that the flow took, not its
steps. Minutes are those of the processor, which other programs change less than those of a clock. The record is written
after every variant, and a variant that it already has with the same steps and seed is not made again: stop the script
at any time, and continue with the same command.

Some hundred steps show what a choice is worth at the beginning. They do not show where it ends.

Rows of the record with a `commit` are of an earlier form of the flow, whose code that commit has.

Needs the extra `evaluate`: pip install '.[evaluate]'
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.ablation import read, recorded
from benchmarks.detail import compared, held_out_images, two_networks
from vaelib import data, latent, metrics, runs
from vaelib.detail import (
    BATCH,
    Block,
    Detail,
    FeatureNorm,
    Fitting,
    UNet,
    decode_again,
    from_step,
    set_to_zero,
)
from vaelib.models import LatentModel
from vaelib.runs import Run, comparison, evaluation
from vaelib.runs.features import Extractor, features_of
from vaelib.sharpening import unsharp_mask
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program, unknown
from vaelib.support.files import require_folder_of

RECORD = Path(__file__).parent / "recorded" / "pixel-flow.json"
RUN = "celeba64"
FLOW = "pixel flow"
DECAY = 0.99  # of the moving average: over about 100 steps
CRITIC_FEATURES = (32, 64, 128, 256)
CRITIC_LEARNING_RATE = 2e-4
ADVERSARIAL_SHARE = 0.1  # of the critic's gradient in the pixels, relative to that of the squared error

Finish = Callable[[Tensor], Tensor]  # decoded images (N, 3, H, H) in [0, 1] to finished ones


@dataclass(frozen=True)
class Task:
    """What a variant is fitted to, how long, and with which seed. `seconds` is what the flow as it is took."""

    run: Run
    ds: data.Dataset
    steps: int
    seed: int
    seconds: float | None = None


@dataclass(frozen=True)
class Variant:
    """A way from decoded images to finished ones, fitted anew for each seed. Some are fitted to nothing."""

    about: str
    fit: Callable[[Task], Finish]
    fitted: bool = True


# The flow, and one choice changed


def flow(task: Task, attach: Callable[[Fitting], None] | None = None, means: bool = False, **choices: Any) -> Finish:
    """A pixel flow of other `choices`: arguments of `Detail`, something to `attach` before its first step, or `means`.

    With `means` it is fitted to the decoded means of the posteriors, not to decoded draws.
    """
    model = cast(LatentModel, Means(task.run.model)) if means else task.run.model
    detail = Detail(task.steps, task.seed, **choices)
    detail.fit(model, task.ds, flip=task.run.experiment.flip, resume=attach, progress=True)
    return lambda x_hat: detail.at_noise(x_hat, noise_of(x_hat))


class Means(nn.Module):
    """A model that decodes the mean of a posterior wherever another would decode a draw."""

    def __init__(self, model: LatentModel):
        super().__init__()
        self.image_size, self.device, self.reconstruct = model.image_size, model.device, model.reconstruct


class Attention(nn.Module):
    """Self-attention beside a shortcut: every point of the map sees all others (Vaswani et al. 2017)."""

    def __init__(self, features: int):
        super().__init__()
        self.norm, self.inlet = FeatureNorm(features), nn.Conv2d(features, 3 * features, 1)
        self.outlet = nn.Conv2d(features, features, 1)
        set_to_zero(self.outlet)  # it starts as the identity, as a block does

    def forward(self, h: Tensor, _: Tensor) -> Tensor:
        """Feature maps (B, features, H, W) to maps of the same shape; the time is not needed."""
        query, key, value = self.inlet(self.norm(h)).flatten(2).mT.chunk(3, dim=2)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return h + self.outlet(mixed.mT.unflatten(2, h.shape[2:]))


class Both(nn.Module):
    """One part of a network after another."""

    def __init__(self, first: nn.Module, second: nn.Module):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        """Feature maps h and times as in `vaelib.detail.Block`."""
        return self.second(self.first(h, time), time)


def enlarge(state: Fitting, part: Callable[[int], nn.Module], levels: slice) -> None:
    """Put a new part after every block of some levels of the network, counted from the full size, and learn it, too."""
    network, added = state.network, []
    places = [(side, level) for side in (network.left, network.right) for level in range(len(side))[levels]]
    places += [(network.middle, number) for number in range(len(network.middle))]
    for blocks, number in places:
        features = blocks[number].first.out_channels
        added.append(part(features).to(memory_format=torch.channels_last))
        blocks[number] = Both(blocks[number], added[-1])
    state.optimizer.add_param_group({"params": [weights for new in added for weights in new.parameters()]})


def average(state: Fitting, steps: int) -> None:
    """Replace the weights after the last step by their moving average."""
    averaged = AveragedModel(state.network, multi_avg_fn=get_ema_multi_avg_fn(DECAY))

    def after_step(*_: object) -> None:
        averaged.update_parameters(state.network)
        if averaged.n_averaged == steps:
            state.network.load_state_dict(averaged.module.state_dict())

    state.optimizer.register_step_post_hook(after_step)


def sharpener_of(run: Run) -> Finish:
    """The filter that was fitted to the run's model."""
    if run.statistics.sharpener is None:
        raise UserError(f"{run.name} has no filter: give `vaelib train` to fit one.")
    return run.statistics.sharpener


def noise_of(x_hat: Tensor) -> Tensor:
    """The noise that every variant starts from."""
    return torch.randn(x_hat.shape, generator=torch.Generator().manual_seed(evaluation.SEED))


# A critic in place of the flow


def new_critic() -> nn.Sequential:
    """Images to one number, large for photographs: strided convolutions with spectral norm (Miyato et al. 2018)."""
    widths = zip((3, *CRITIC_FEATURES), CRITIC_FEATURES, strict=False)
    layers = [m for a, b in widths for m in (spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2))]
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(1))


def with_critic(task: Task) -> Finish:
    """The same network in one pass, trained by squared error and a critic (VAE/GAN; Larsen et al. 2016).

    The critic learns by the hinge loss. Its gradient is scaled to a share of that of the squared error.
    """
    torch.manual_seed(task.seed)
    network, critic = UNet().to(memory_format=torch.channels_last), new_critic()
    critic(torch.zeros(1, 3, task.run.model.image_size, task.run.model.image_size))  # its last layer finds its shape
    optimizer = torch.optim.AdamW(network.parameters(), CRITIC_LEARNING_RATE, (0.5, 0.99))
    of_critic = torch.optim.AdamW(critic.parameters(), CRITIC_LEARNING_RATE, (0.5, 0.99))
    batches = data.loader(task.ds, BATCH, True, task.seed, flip=task.run.experiment.flip, drop_last=True)
    started = time.process_time()
    for x in from_step(batches, 0):
        made = one_pass(network, decode_again(task.run.model, x))
        loss = functional.relu(1 - critic(x)).mean() + functional.relu(1 + critic(made.detach())).mean()
        step(of_critic, loss)
        error, realism = (made - x).square().mean(), -critic(made).mean()
        by_error, by_critic = (torch.autograd.grad(of, made, retain_graph=True)[0].norm() for of in (error, realism))
        step(optimizer, error + ADVERSARIAL_SHARE * (by_error / by_critic) * realism)
        if time.process_time() - started > (task.seconds or 0):
            break
    return torch.no_grad()(lambda x_hat: torch.cat([one_pass(network, part).clamp(0, 1) for part in x_hat.split(64)]))


def one_pass(network: UNet, x_hat: Tensor) -> Tensor:
    """x_hat moved by the network's velocity at the start."""
    return x_hat + network(x_hat, torch.zeros(len(x_hat)))


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


VARIANTS = {
    "plain": Variant("images as they are decoded", lambda task: lambda x_hat: x_hat, fitted=False),
    "filter": Variant("the filter of chapter 11", lambda task: sharpener_of(task.run), fitted=False),
    "unsharp mask": Variant("the usual filter of photography", lambda task: unsharp_mask, fitted=False),
    FLOW: Variant(
        "the pixel flow as it is: sigma 0.05, 32 to 128 features, from decoded draws of the posteriors", flow
    ),
    "sigma 0.025": Variant("half of the noise at the start", partial(flow, sigma=0.025)),
    "sigma 0.1": Variant("twice the noise", partial(flow, sigma=0.1)),
    "attention": Variant(
        "self-attention after every block at a quarter and an eighth of the size",
        partial(flow, attach=partial(enlarge, part=Attention, levels=slice(2, None))),
    ),
    "twice the blocks": Variant(
        "another block after every block, except at full size",
        partial(flow, attach=partial(enlarge, part=Block, levels=slice(1, None))),
    ),
    "half the features": Variant("16 to 64 features", partial(flow, channels=(16, 32, 48, 64))),
    "decoded means": Variant("fitted to decoded means of the posteriors, not to draws", partial(flow, means=True)),
    "moving average": Variant(
        f"a moving average of the weights over {1 / (1 - DECAY):.0f} steps",
        lambda task: flow(task, attach=partial(average, steps=task.steps)),
    ),
    "critic": Variant("the same network in one pass, with a critic in place of the flow, for as long", with_critic),
}


# Measuring


def main() -> None:
    run_program("pixel_flow", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what each choice in the pixel flow contributes.")
    parser.add_argument("--steps", type=int, default=600, help="training steps of every variant")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--images", type=int, default=evaluation.MOST_IMAGES, help="held-out images")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    """Fit and measure the variants that are missing, then print the table."""
    require_folder_of(arguments.output)
    for name in arguments.variants:
        if name not in VARIANTS:
            raise unknown("variant", name, VARIANTS)
    Detail(arguments.steps)  # raises for a number of steps that is none
    extractors, run = two_networks(), runs.load(RUN)
    measure = Measure(run, held_out_images(run, arguments.images), extractors)
    train = data.load(run.experiment.dataset, run.experiment.size, "train")
    for seed in arguments.seeds:
        for name in arguments.variants:
            setting = {"variant": name, "steps": arguments.steps, "seed": seed, "images": len(measure.held_out)}
            seconds = seconds_of_flow(arguments.output, setting)
            if name == "critic" and seconds is None:
                raise UserError(f"The critic gets the minutes of the {FLOW}: measure that first.")
            task = Task(run, train, arguments.steps, seed, seconds)
            recorded(arguments.output, setting, partial(fitted, VARIANTS[name], task, measure))
    print(table(read(arguments.output)).to_string(float_format="{:.3g}".format))


def seconds_of_flow(path: Path, setting: dict) -> float | None:
    """How long the flow as it is was fitted in that setting, if the record says it."""
    same = setting | {"variant": FLOW}
    return next((run["seconds"] for run in read(path) if run.items() >= same.items()), None)


def fitted(variant: Variant, task: Task, measure: Measure) -> dict:
    """A variant's cost and quality."""
    started = time.process_time()
    finish = variant.fit(task)
    seconds = time.process_time() - started if variant.fitted else 0.0
    cost = {"about": variant.about, "seconds": seconds, "train_images": len(task.ds) if variant.fitted else 0}
    where = {"hardware": devices.hardware(), "versions": {"torch": version("torch")}}
    return cost | {"quality": measure(finish)} | where


class Measure:
    """Measures finished reconstructions of the held-out images; what all variants share is computed once."""

    def __init__(self, run: Run, held_out: data.Dataset, extractors: dict[str, Extractor]):
        self.held_out, self.x, self.extractors = held_out, data.all_images(held_out), extractors
        self.x_hat = latent.reconstruct_all(run.model, held_out)
        self.real = {name: extract(self.x) for name, extract in self.extractors.items()}

    def __call__(self, finish: Finish) -> dict:
        """PSNR in dB against the originals; distances, precision and recall against other held-out images."""
        images = finish(self.x_hat)
        mse = (images - self.x).square().mean()
        made = features_of(self.extractors, [("", images)])
        scores = compared({name: made[name][""] for name in self.extractors}, self.real, comparison.RECONSTRUCTIONS)
        return evaluation.protocol(self.held_out) | {"psnr": metrics.psnr(mse.item())} | scores


def table(made: list[dict]) -> pd.DataFrame:
    """Means over seeds, one row per variant and number of steps."""
    rows = pd.DataFrame([{"variant": run["variant"], "steps": run["steps"], **columns(run)} for run in made])
    return rows.groupby(["variant", "steps"], sort=False).agg(
        {"seed": "nunique"} | dict.fromkeys(rows.columns[3:], "mean")
    )


def columns(run: dict) -> dict:
    """The values of a variant that the table shows."""
    quality = run["quality"]
    distances = {name: value for name, (value, _) in quality["frechet"].items()}
    return {"seed": run["seed"], "psnr": quality["psnr"], **distances, "minutes": run["seconds"] / 60}


if __name__ == "__main__":
    main()
