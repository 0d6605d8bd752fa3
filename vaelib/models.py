"""The two models of the course: a convolutional autoencoder, and the variational autoencoder made from it.

Both compress an image to a vector z of `latent_dim` numbers and decode z to an image. They differ in one layer: the
autoencoder's encoder ends in z itself, the VAE's in the parameters (mean and log-variance) of a density over z.

Shapes: B images in a batch, 3 colours, H = W = `image_size` pixels a side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .support.errors import UserError

IMAGE_SIZES = (32, 64, 128)
SMALLEST_MAP = 2  # pixels a side of the last feature map: batch normalisation needs more than one


class Prior(Protocol):
    """A density over latent vectors that can be sampled: see `vaelib.priors`."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent draws, (n, latent_dim)."""
        ...


def check_fits(image_size: int, latent_dim: int, channels: Sequence[int]) -> None:
    """Raise `UserError` (a `ValueError`) unless every layer can halve the image exactly. The message says what fits."""
    if image_size not in IMAGE_SIZES:
        raise UserError(f"image_size is {image_size}: it must be one of {', '.join(map(str, IMAGE_SIZES))}.")
    if latent_dim < 1:
        raise UserError(f"latent_dim is {latent_dim}: it must be at least 1.")
    most = (image_size // SMALLEST_MAP).bit_length() - 1
    if not 1 <= len(channels) <= most or min(channels) < 1:
        raise UserError(
            f"channels is {tuple(channels)}: images of {image_size} pixels take 1 to {most} layers, "
            "each of at least 1 channel."
        )


class Encoder(nn.Sequential):
    """Images (B, 3, H, W) to vectors (B, outputs). Each layer halves the map: 64 → 32 → 16 → 8 → 4."""

    def __init__(self, image_size: int, outputs: int, channels: Sequence[int]):
        map_size = image_size >> len(channels)
        layers = []
        for c_in, c_out in pairwise((3, *channels)):
            convolution = nn.Conv2d(c_in, c_out, 4, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(c_out), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels[-1] * map_size**2, outputs))


class Decoder(nn.Sequential):
    """Latent vectors (B, latent_dim) to images (B, 3, H, W) in [0, 1]: the encoder's mirror image."""

    def __init__(self, image_size: int, latent_dim: int, channels: Sequence[int]):
        map_size = image_size >> len(channels)
        layers = [
            nn.Linear(latent_dim, channels[-1] * map_size**2),
            nn.Unflatten(1, (channels[-1], map_size, map_size)),
        ]
        for c_in, c_out in pairwise((*reversed(channels), 3)):
            layers += [nn.BatchNorm2d(c_in), nn.LeakyReLU(0.2), nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1)]
        super().__init__(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """z (B, latent_dim) to images (B, 3, H, W)."""
        # In float32 even under bfloat16 autocast, whose 8 bits of precision would quantise the pixels.
        return torch.sigmoid(super().forward(z).float())


class LatentModel(nn.Module, ABC):
    """The layers, decoding and sampling, which the two models share."""

    encoder_outputs_per_latent: int

    def __init__(self, image_size: int = 64, latent_dim: int = 64, channels: Sequence[int] = (32, 64, 128, 256)):
        check_fits(image_size, latent_dim, channels)
        super().__init__()
        self.image_size, self.latent_dim, self.channels = image_size, latent_dim, tuple(channels)
        self.encoder = Encoder(image_size, self.encoder_outputs_per_latent * latent_dim, self.channels)
        self.decoder = Decoder(image_size, latent_dim, self.channels)

    @property
    def config(self) -> dict:
        """The arguments that make another model of the same shape."""
        return {"image_size": self.image_size, "latent_dim": self.latent_dim, "channels": self.channels}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors z (B, latent_dim) to images x_hat (B, 3, H, W) in [0, 1]."""
        return self.decoder(z)

    @abstractmethod
    def encode(self, x: Tensor) -> Any:
        """Images x (B, 3, H, W) in [0, 1] to codes z, or to mu and logvar: see each model."""

    @abstractmethod
    def reconstruct(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) to their deterministic reconstructions, of the same shape."""

    @torch.no_grad()
    def sample(self, n: int, prior: Prior | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Decode n draws from `prior`, by default N(0, I): (n, 3, H, W) in [0, 1].

        `generator` must be on the CPU. Call `model.eval()` first: in training mode batch normalisation would use the
        statistics of this batch.
        """
        if prior is None:
            z = torch.randn(n, self.latent_dim, generator=generator)
        else:
            z = prior.sample(n, generator)
        return self.decode(z.to(self.device, torch.float32))


class AutoEncoder(LatentModel):
    """A convolutional autoencoder: x → z → x_hat, trained to make x_hat equal x (chapter 01).

    `image_size` is 32, 64 or 128; `channels` has one entry per layer, each of which halves the image.
    Raises `UserError` (a `ValueError`) for a shape that does not fit.
    """

    encoder_outputs_per_latent = 1

    def encode(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) in [0, 1] to codes z (B, latent_dim)."""
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) to their reconstructions x_hat, of the same shape."""
        return self.decode(self.encode(x))

    def reconstruct(self, x: Tensor) -> Tensor:
        """The same as `forward`, under the name of the VAE's deterministic reconstruction."""
        return self(x)


class VAE(LatentModel):
    """A variational autoencoder with a Gaussian posterior of diagonal covariance (chapter 03; Kingma & Welling 2014).

    The encoder gives q(z | x) = N(mu, diag(exp(logvar))), the decoder gives the mean of p(x | z). The prior is N(0, I).
    `image_size` is 32, 64 or 128; `channels` has one entry per layer, each of which halves the image.
    Raises `UserError` (a `ValueError`) for a shape that does not fit.
    """

    encoder_outputs_per_latent = 2

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images x (B, 3, H, W) in [0, 1] to mu and logvar, (B, latent_dim) each."""
        mu, logvar = self.encoder(x).float().chunk(2, dim=1)
        return mu, logvar

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Images x (B, 3, H, W) to x_hat, decoded from one draw of z per image, with mu and logvar."""
        mu, logvar = self.encode(x)
        return self.decode(reparameterize(mu, logvar, generator)), mu, logvar

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images x (B, 3, H, W) to the images decoded from their posterior means, so without randomness."""
        mu, _ = self.encode(x)
        return self.decode(mu)


def reparameterize(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw z ~ N(mu, diag(exp(logvar))) as mu + sigma · epsilon, through which gradients flow to mu and logvar.

    mu, logvar and the result are (B, latent_dim). Kingma & Welling 2014, section 2.4; chapter 03.
    """
    epsilon = torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    return at_noise(mu, logvar, epsilon)


def at_noise(mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Tensor:
    """mu + sigma · epsilon, draws of the posteriors for draws epsilon of N(0, I); all are (B, latent_dim)."""
    return mu + torch.exp(0.5 * logvar) * epsilon


# By their names in experiment files.
MODELS: dict[str, Callable[..., LatentModel]] = {"VAE": VAE, "AutoEncoder": AutoEncoder}
