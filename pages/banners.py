"""Draw the two banners of the book: `python -m pages.banners` writes hero.png and photographs.webp into book/_static.

The first shows drawn faces. The second shows what a shipped model generates after training on photographs. Each face is
decoded from a draw of the flow that was fitted to the model's codes, and gets its detail from the model's pixel flow.
Below, one of the faces is moved along the direction of a smile. No photograph is shown.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from PIL import Image

from pages import plots
from pages.markdown import BOOK
from vaelib import runs
from vaelib.course import plotting
from vaelib.data import faces
from vaelib.support import images
from vaelib.support.errors import run_program

STATIC = BOOK / "_static"

DRAWN_ROWS, DRAWN_COLUMNS, DRAWN_SIZE = 2, 10, 128
DRAWN_SEED = 6  # many different faces, none of them blurred

RUN, SEED, COLUMNS = "celeba64", 5, 7
EDITED = 3  # which sample of the first row
ATTRIBUTE = "Smiling"
STRENGTHS = torch.linspace(-1, 2, COLUMNS)


def main() -> None:
    run_program("banners", write)


def write() -> None:
    """Write both pictures. Raises `UserError` if the model is missing or the disk is full."""
    images.save(hero(), STATIC / "hero.png")
    plots.save(photographs(), STATIC / "photographs.webp")


def hero() -> Image.Image:
    """One wide picture of the first drawn faces of a seed."""
    factors = faces.sample_factors(DRAWN_ROWS * DRAWN_COLUMNS, seed=DRAWN_SEED)
    return images.grid(faces.render(factors, size=DRAWN_SIZE), columns=DRAWN_COLUMNS, padding=0)


def photographs() -> Figure:
    """Two rows of samples, and one of them with more and more of an attribute, all with detail from the same noise."""
    run = runs.load(RUN)
    model, statistics = run.model, run.statistics
    z = statistics.priors["flow"].sample(2 * COLUMNS, torch.Generator().manual_seed(SEED))
    edited = z[EDITED] + STRENGTHS[:, None] * statistics.direction(ATTRIBUTE)  # (COLUMNS, latent_dim)
    with torch.no_grad():
        rows = {"new faces": z[:COLUMNS], " ": z[COLUMNS:], "from serious\nto smiling": edited}
        decoded = {label: model.decode(codes) for label, codes in rows.items()}
    noise = torch.randn(1, *decoded[" "].shape[1:], generator=torch.Generator().manual_seed(SEED))
    return plotting.image_rows({label: run.detail.at_noise(x_hat, noise) for label, x_hat in decoded.items()})


if __name__ == "__main__":
    main()
