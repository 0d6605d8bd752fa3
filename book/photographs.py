"""Draw what a shipped model makes of photographs: `python book/photographs.py` writes book/_static/photographs.png.

Every face in it is painted from a draw of the flow that was fitted to the model's codes, and sharpened; below, three of
them are moved along the directions of two attributes. No photograph is shown.
"""

from pathlib import Path

import torch

from vaelib import checkpoints, images

RUN, SEED, COLUMNS = "celeba64", 5, 12
EDITED = (0, 3, 11)  # which samples of the first row
STRENGTHS = torch.tensor([-1.0, 0.0, 1.0, 2.0])


def main() -> None:
    """Two rows of samples, then one row for each attribute."""
    model, statistics = checkpoints.load(RUN), checkpoints.load_statistics(RUN)
    z = statistics.priors["flow"].sample(2 * COLUMNS, torch.Generator().manual_seed(SEED))
    rows = [z]
    for attribute in ("Smiling", "Eyeglasses"):
        steps = STRENGTHS[:, None] * statistics.direction(attribute)  # (strengths, latent_dim)
        rows.append((z[list(EDITED), None] + steps).flatten(0, 1))
    with torch.no_grad():
        painted = statistics.sharpener(model.decode(torch.cat(rows)))
    picture = images.grid(painted, columns=COLUMNS, padding=1)
    images.save(picture, Path(__file__).parent / "_static" / "photographs.png")


if __name__ == "__main__":
    main()
