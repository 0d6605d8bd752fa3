"""Draw the two banners of the book: `python -m pages.banners` writes hero.png and photographs.png into book/_static.

The first shows drawn faces. The second shows what a shipped model generates after training on photographs. Each face is
decoded from a draw of the flow that was fitted to the model's codes, without any filter. Below, three of the faces are
moved along the directions of two attributes. No photograph is shown.
"""

from __future__ import annotations

import torch
from PIL import Image

from pages.markdown import BOOK
from vaelib import runs
from vaelib.data import faces
from vaelib.support import images
from vaelib.support.errors import run_program

STATIC = BOOK / "_static"

DRAWN_ROWS, DRAWN_COLUMNS, DRAWN_SIZE = 2, 10, 128
DRAWN_SEED = 6  # many different faces, none of them blurred

RUN, SEED, COLUMNS = "celeba64", 5, 12
EDITED = (0, 3, 11)  # which samples of the first row
ATTRIBUTES = ("Smiling", "Eyeglasses")
STRENGTHS = torch.tensor([-1.0, 0.0, 1.0, 2.0])


def main() -> None:
    run_program("banners", write)


def write() -> None:
    """Write both pictures. Raises `UserError` if the model is missing or the disk is full."""
    images.save(hero(), STATIC / "hero.png")
    images.save(photographs(), STATIC / "photographs.png")


def hero() -> Image.Image:
    """One wide picture of the first drawn faces of a seed."""
    factors = faces.sample_factors(DRAWN_ROWS * DRAWN_COLUMNS, seed=DRAWN_SEED)
    return images.grid(faces.render(factors, size=DRAWN_SIZE), columns=DRAWN_COLUMNS, padding=0)


def photographs() -> Image.Image:
    """Two rows of samples, then one row for each attribute."""
    run = runs.load(RUN)
    model, statistics = run.model, run.statistics
    z = statistics.priors["flow"].sample(2 * COLUMNS, torch.Generator().manual_seed(SEED))
    rows = [z]
    for attribute in ATTRIBUTES:
        steps = STRENGTHS[:, None] * statistics.direction(attribute)  # (strengths, latent_dim)
        rows.append((z[list(EDITED), None] + steps).flatten(0, 1))
    with torch.no_grad():
        decoded = model.decode(torch.cat(rows))
    return images.grid(decoded, columns=COLUMNS, padding=1)


if __name__ == "__main__":
    main()
