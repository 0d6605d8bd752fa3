"""Draw the banner of the first page: `python book/hero.py` writes book/_static/hero.png."""

from pathlib import Path

from vaelib import images
from vaelib.data import faces

ROWS, COLUMNS, SIZE = 2, 10, 128
SEED = 6  # a lively company, none of it blurred


def main() -> None:
    """Render the first faces of a seed into one wide picture."""
    pictures = faces.render(faces.sample_factors(ROWS * COLUMNS, seed=SEED), size=SIZE)
    banner = images.grid(pictures, columns=COLUMNS, padding=0)
    images.save(banner, Path(__file__).parent / "_static" / "hero.png")


if __name__ == "__main__":
    main()
