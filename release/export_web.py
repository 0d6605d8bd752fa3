"""Write the weights of a shipped checkpoint as scripts that the site's live figures load.

    python -m release.export_web celeba64
    python -m release.export_web celeba64-ae cifar10 faces32 attributes64

Batch normalisation is folded into the layer before it, layer normalisation's weights into the layer after it, and the
weights become small integers (`release.web_format`). The scripts in `book/_static/live/weights/` are NAME.js with the
statistics, and NAME-decoder.js, NAME-encoder.js, NAME-flow.js and NAME-detail.js. Of an encoder only the means are
kept, which is all that the explorer needs. The same checkpoint gives the same bytes. NAME.js states the largest error
of a pixel that the rounding causes, for new draws and for held-out codes; above 0.01 nothing is written. After the
pixel flow's eight steps the mean error has this limit, and the largest is stated beside it. attributes64, the attribute
classifier, becomes one script.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from release import export_detail
from release.web_format import Layer, Writer, rounded, run
from vaelib import runs
from vaelib.flow import Flow
from vaelib.models import AutoEncoder, LatentModel
from vaelib.priors import StandardNormal, cholesky
from vaelib.runs import Run, classifier
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write

FOLDER = Path(__file__).parents[1] / "book" / "_static" / "live" / "weights"
NO_ENCODER = ("cifar10",)  # readers' own pictures are of faces
LARGEST_ERROR = 0.01  # of a pixel in [0, 1]
ONE_PIXEL_OF_DETAIL = "detailLargest"  # the error that may be larger: "detail" is the mean over pixels
LEADING = 10  # directions of the largest variance
ENCODER_FINER = 1.45  # an encoder's errors pass through the decoder, which has its own
FLOW_FINER = 0.5  # a draw is random anyway
PEOPLE = 12  # held-out images whose posteriors the figures start from
MAPPED = 4  # directions along which the places of all held-out codes are given
MEASURED_ON = 64  # faces of each kind
DETAILED = 2  # one of so many of them is measured with detail


def main() -> None:
    run_program("export_web", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    """What to export."""
    parser = argparse.ArgumentParser(description="Write weights for the site's live figures.")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a shipped checkpoint")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    for name in arguments.names:
        is_classifier = name == classifier.SHIPPED.name
        paths = export_classifier(arguments.folder) if is_classifier else export(runs.load(name), arguments.folder)
        for path in paths:
            print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


@torch.no_grad()
def export(run: Run, folder: Path) -> list[Path]:
    """Write the scripts of a run to `folder`, and return their paths. Raises `UserError` if the error is too large."""
    networks = networks_of(run)
    errors = errors_of(run, networks)
    worst = max(error for name, error in errors.items() if name != ONE_PIXEL_OF_DETAIL)
    if worst > LARGEST_ERROR:
        raise UserError(f"Rounding {run} changes a pixel by {worst:.4f}: give its layers more levels.")
    about = {"name": run.name, "size": run.model.image_size, "latent": run.model.latent_dim, "parts": list(networks)}
    about |= {"attributes": run.statistics.attribute_names, "sigma": round(run.statistics.sigma, 4)}
    about |= {"errors": errors, "sources": sources(run)}
    written = [write(folder, run.name, *statistics(run, about))]
    return written + [write(folder, f"{run.name}-{part}", *network(layers)) for part, layers in networks.items()]


@torch.no_grad()
def export_classifier(folder: Path) -> list[Path]:
    """Write the script of the attribute classifier to `folder`, and return its path."""
    network_ = classifier.load()
    head, text = network(classifier_layers(network_))
    return [write(folder, classifier.SHIPPED.name, head | {"attributes": network_.attribute_names}, text)]


def networks_of(run: Run) -> dict[str, Any]:
    """The layers of the networks that the page gets, by the names of their scripts."""
    networks: dict[str, Any] = {"decoder": decoder_layers(run.model)}
    if not isinstance(run.model, AutoEncoder) and run.name not in NO_ENCODER:
        networks["encoder"] = encoder_layers(run.model)
    if "flow" in run.statistics.priors:
        networks["flow"] = flow_layers(run.statistics.priors["flow"])
    if run.has(runs.DETAIL):
        networks["detail"] = export_detail.layers_of(run)
    return networks


# The layers


def decoder_layers(model: LatentModel) -> list[Layer]:
    """The decoder: a linear layer, then transposed convolutions. Normalisation is folded into the layer before it."""
    first, _, *modules = model.decoder
    norms, convolutions = modules[0::3], modules[2::3]
    channels, size = norms[0].num_features, model.image_size >> len(norms)
    weights = first.weight.double().unflatten(0, (channels, size, size)).permute(3, 1, 2, 0)  # latent, y, x, channel
    bias = first.bias.double().unflatten(0, (channels, size, size)).permute(1, 2, 0)
    layers: list[Layer] = []
    for norm, convolution in zip(norms, convolutions, strict=True):
        scale, shift = affine(norm)
        kind = "transposed" if layers else "linear"
        layers.append(Layer(kind, "leaky", (weights * scale).flatten(1), (bias * scale + shift).flatten()))
        weights, bias = convolution.weight.double().permute(0, 2, 3, 1), convolution.bias.double()
    layers[0].size = size
    return [*layers, Layer("transposed", "sigmoid", weights.flatten(1), bias)]


def encoder_layers(model: LatentModel) -> list[Layer]:
    """The encoder up to the means: convolutions with the normalisation that follows each, then a linear layer."""
    *modules, _, last = model.encoder
    layers = [folded_convolution(*pair, "leaky") for pair in zip(modules[0::3], modules[1::3], strict=True)]
    size, channels = model.image_size >> len(layers), model.channels[-1]
    means = last.weight[: model.latent_dim].double().unflatten(1, (channels, size, size)).permute(2, 3, 1, 0)
    layers.append(Layer("linear", "none", means.flatten(0, 2), last.bias[: model.latent_dim].double()))
    return [replace(layer, finer=ENCODER_FINER) for layer in layers]


def classifier_layers(network: classifier.AttributeNetwork) -> list[Layer]:
    """The attribute classifier up to the logits."""
    *modules, _, _ = network.body
    layers = [folded_convolution(*pair, "relu") for pair in zip(modules[0::3], modules[1::3], strict=True)]
    return [*layers, Layer("mean", "none"), linear(network.head)]


def folded_convolution(convolution: nn.Conv2d, norm: nn.BatchNorm2d, then: str) -> Layer:
    """A convolution without bias, and the normalisation that follows it, as one layer."""
    scale, shift = affine(norm)
    return Layer("convolution", then, (convolution.weight.double().permute(2, 3, 1, 0) * scale).flatten(0, 2), shift)


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Batch normalisation in evaluation: x · scale + shift, per channel."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def flow_layers(flow: Flow) -> dict[str, Any]:
    """The velocity's networks by their names in `vaelib.flow.Velocity`, and the scaling of the codes."""
    network = flow.velocity
    return {
        "mean": flow.mean,
        "std": flow.std,
        "inlet": [linear(network.inlet)],
        "time": [linear(network.time[0], then="silu"), linear(network.time[2])],
        "blocks": [[linear(block[1], block[0], "silu"), linear(block[3])] for block in network.blocks],
        "outlet": [linear(network.outlet[1], network.outlet[0])],
    }


def linear(layer: nn.Linear, norm: nn.LayerNorm | None = None, then: str = "none") -> Layer:
    """A linear layer, with the weights of the layer normalisation before it."""
    weights, bias = layer.weight.double().T, layer.bias.double()
    if norm is not None:
        bias = bias + norm.bias.double() @ weights
        weights = norm.weight.double()[:, None] * weights
    return Layer("linear", then, weights, bias, finer=FLOW_FINER)


# The errors


def errors_of(run_: Run, networks: dict[str, Any]) -> dict[str, float]:
    """The largest difference of a pixel, of pictures decoded, and encoded and decoded; of detail the mean, too."""
    model, decoder = run_.model, [rounded(layer) for layer in networks["decoder"]]
    noise = torch.Generator().manual_seed(0)
    priors = StandardNormal(model.latent_dim), run_.statistics.priors["gmm"]
    drawn = [prior.sample(MEASURED_ON, noise) for prior in priors]
    z = torch.cat([*drawn, run_.codes.mu[:MEASURED_ON]])
    pictures = model.decode(z)
    errors = {"decoder": largest(run(decoder, z.double()) - pictures)}
    if "encoder" in networks:
        encoder = [rounded(layer) for layer in networks["encoder"]]
        errors["encoder"] = largest(run(decoder, run(encoder, pictures.double())) - model.reconstruct(pictures))
    if "detail" in networks:
        difference = export_detail.difference(run_, pictures[::DETAILED])
        errors |= {"detail": rounded_up(difference.mean()), ONE_PIXEL_OF_DETAIL: largest(difference)}
    return errors


def largest(difference: Tensor) -> float:
    """The largest absolute difference, rounded up in the fourth place."""
    return rounded_up(difference.abs().max())


def rounded_up(error: Tensor) -> float:
    """A number with four places, of which the last is rounded up."""
    return round(float(error) + 0.00005, 4)


# The scripts


def network(layers: Any) -> tuple[dict, str]:
    """The head and the characters of a network's script."""
    writer = Writer()
    return {"networks": described(layers, writer)}, writer.text


def described(part: Any, writer: Writer) -> Any:
    """Write all layers and vectors of a nested list or table, and return the same nest of descriptions."""
    if isinstance(part, Layer):
        return writer.layer(part)
    if isinstance(part, Tensor):
        return writer.numbers(part)
    if isinstance(part, list):
        return [described(one, writer) for one in part]
    return {name: described(one, writer) for name, one in part.items()}


def statistics(run: Run, about: dict[str, Any]) -> tuple[dict, str]:
    """The head and the characters of the script with the statistics. A Gaussian is a linear layer applied to noise."""
    found, codes, writer = run.statistics, run.codes, Writer()
    gaussian, mixture = found.priors["gaussian"], found.priors["gmm"]
    principal = leading_directions(gaussian.covariance)
    arrays = {
        "center": gaussian.mean,
        "shares": mixture.weights / mixture.weights.sum(),
        "directions": found.directions,
        "principal": principal,
        "gains": found.sharpener.gains,
        "people": codes.mu[:PEOPLE],
        "places": places(codes.mu - gaussian.mean, principal[:MAPPED]),
    }
    if codes.logvar is not None:
        arrays["widths"] = (0.5 * codes.logvar[:PEOPLE]).exp()
    about |= {"arrays": {name: writer.numbers(array) for name, array in arrays.items()}}
    about |= {"gaussian": writer.layer(density(gaussian.mean, gaussian.covariance))}
    components = zip(mixture.means, mixture.covariances, strict=True)
    return about | {"mixture": [writer.layer(density(*component)) for component in components]}, writer.text


def density(mean: Tensor, covariance: Tensor) -> Layer:
    """The layer that turns noise into draws from a Gaussian."""
    return Layer("linear", "none", cholesky(covariance).double().T, mean.double())


def leading_directions(covariance: Tensor) -> Tensor:
    """The principal directions with the largest variance, one a row, each as long as its standard deviation.

    The sign of such a direction is arbitrary. Here the largest number of each is positive.
    """
    variances, vectors = torch.linalg.eigh(covariance.double())
    rows = (vectors * variances.clamp(min=0).sqrt()).T.flip(0)[:LEADING]
    return rows * rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()


def places(offsets: Tensor, directions: Tensor) -> Tensor:
    """The coordinates of codes along the directions, in standard deviations: (codes, directions)."""
    return offsets.double() @ directions.T / directions.square().sum(1)


def sources(run: Run) -> dict[str, str]:
    """The beginnings of the SHA-256 sums of the files that the scripts were made from."""
    parts = filter(run.has, (runs.MODEL, runs.STATISTICS, runs.DETAIL))
    return {part: hashlib.sha256(run.path(part).read_bytes()).hexdigest()[:16] for part in parts}


def write(folder: Path, name: str, head: dict, text: str) -> Path:
    """Write a script."""
    path = folder / f"{name}.js"
    with atomic_write(path) as partial:
        content = f'// Written by release/export_web.py.\nvaelib.receive("{name}", {json.dumps(head)}, "{text}");\n'
        partial.write_bytes(content.encode("utf-8"))
    return path


if __name__ == "__main__":
    main()
