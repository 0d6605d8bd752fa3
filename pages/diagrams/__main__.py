"""Write all diagrams: python -m pages.diagrams."""

from __future__ import annotations

from pages.diagrams import curves, graphs, latents, mixtures, networks
from pages.diagrams.drawing import Drawing
from pages.markdown import BOOK
from vaelib.support.errors import run_program
from vaelib.support.files import make_folder

FOLDER = BOOK / "_static" / "diagrams"


def main() -> None:
    run_program("diagrams", write)


def drawings() -> list[Drawing]:
    """All diagrams, in the order of the chapters."""
    return [
        networks.autoencoder(),
        networks.vae_network(),
        graphs.graphical_model(),
        graphs.reparameterisation(),
        graphs.two_stage(),
        latents.holes(),
        latents.beta_sweep(),
        mixtures.aggregate_posterior(),
        curves.elbo_curve(),
    ]


def write() -> None:
    """Write a file for each. Raises `UserError` if the disk is full."""
    make_folder(FOLDER)
    for drawing in drawings():
        (FOLDER / f"{drawing.name}.svg").write_text(drawing.svg())


if __name__ == "__main__":
    main()
