"""Write all diagrams: python -m pages.diagrams."""

from __future__ import annotations

from pages.diagrams import blurring, curves, draws, features, graphs, latents, mixtures, networks, training, walks
from pages.diagrams.drawing import Drawing
from pages.markdown import BOOK
from vaelib.support.errors import run_program
from vaelib.support.files import atomic_write, make_folder

FOLDER = BOOK / "_static" / "diagrams"

DIAGRAMS = (
    networks.autoencoder,
    latents.holes,
    curves.elbo_curve,
    graphs.graphical_model,
    graphs.reparameterisation,
    networks.vae_network,
    curves.rate_distortion,
    latents.beta_sweep,
    mixtures.aggregate_posterior,
    walks.three_walks,
    training.training_run,
    graphs.two_stage,
    mixtures.attribute_direction,
    training.bug_museum,
    features.feature_space,
    blurring.blur,
    curves.perception_distortion,
    draws.mean_to_draw,
    draws.latent_diffusion,
)


def main() -> None:
    run_program("diagrams", write)


def drawings() -> list[Drawing]:
    """All diagrams, in the order of the chapters."""
    return [draw() for draw in DIAGRAMS]


def write() -> None:
    """Write a file for each. Raises `UserError` if the disk is full."""
    make_folder(FOLDER)
    for drawing in drawings():
        with atomic_write(FOLDER / f"{drawing.name}.svg") as partial:
            partial.write_text(drawing.svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
