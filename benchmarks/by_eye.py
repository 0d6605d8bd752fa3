"""How many faces are plausible? A count by eye, by readers who do not know what made the face they look at.

    VAELIB_DATA=... python -m benchmarks.by_eye sheets FOLDER     write the numbered pictures of all kinds, mixed
    python -m benchmarks.by_eye count A.csv B.csv                 compare the readers' answers with what each was

A reader gets the sheets and `answers.csv`, and writes one of the verdicts beside each number. Samples come from the
best prior of their model, from one seed, and none is selected. Beside them are reconstructions of held-out faces, which
say what a better prior could gain, and held-out photographs, which say how strict the reader is. All have one size.

The sheets show photographs of CelebA: do not publish them.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from benchmarks.detail import sampled
from vaelib import data, latent, runs
from vaelib.support import images
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write, make_folder


@dataclass(frozen=True)
class Kind:
    """Pictures of one kind: held-out photographs at a run's size, its reconstructions of others, or its samples."""

    run: str
    set: str  # PHOTOGRAPHS, RECONSTRUCTIONS or SAMPLES
    finish: str | None = None  # of photographs, none
    temperature: float | None = None  # of samples


PHOTOGRAPHS, RECONSTRUCTIONS, SAMPLES = "photographs", "reconstructions", "samples"
RECORD = Path(__file__).parent / "recorded" / "by-eye.json"
KINDS = [
    kind
    for name in ("celeba64", "celeba128")
    for kind in (
        Kind(name, PHOTOGRAPHS),
        Kind(name, RECONSTRUCTIONS, "detail"),
        Kind(name, SAMPLES, "plain", 1.0),
        Kind(name, SAMPLES, "detail", 1.0),
        Kind(name, SAMPLES, "detail", 0.7),
    )
]
VERDICTS = ("plausible", "blurred", "broken")
QUESTION = (
    "Is this a plausible face, as on a small photograph? Or is it blurred: a right face, but not sharp? Or broken: a "
    "part of the face is missing, smeared, or where it cannot be?"
)
EACH, SEED = 36, 0
COLUMNS, ROWS, SIDE, MARGIN = 4, 3, 224, 26  # of a sheet, its pictures, and the space for a number


def main() -> None:
    run_program("by_eye", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count plausible faces by eye.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sheets", help="write the pictures").add_argument("folder", type=Path)
    count = commands.add_parser("count", help="count what readers have answered")
    count.add_argument("answers", type=Path, nargs="+")
    count.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    """Write the sheets, or the record of the answers."""
    if arguments.command == "sheets":
        write_sheets(arguments.folder)
    else:
        record = tally([read_answers(path) for path in arguments.answers])
        with atomic_write(arguments.output) as partial:
            partial.write_text(json.dumps(record, indent=2) + "\n")
        for of in record["sets"]:
            kind = [of[key] for key in ("run", "set", "finish", "temperature") if of[key]]
            print(*kind, *(f"{verdict} {of[verdict]}" for verdict in VERDICTS))


def order() -> list[tuple[int, int]]:
    """The kind and the number of the picture at each place of the sheets."""
    places = torch.randperm(len(KINDS) * EACH, generator=torch.Generator().manual_seed(SEED))
    return [divmod(int(place), EACH) for place in places]


def write_sheets(folder: Path) -> None:
    """Write sheet-1.png and so on, and answers.csv, whose verdicts a reader fills in."""
    make_folder(folder)
    pictures = [pictures_of(kind) for kind in KINDS]
    shown = [pictures[kind][i] for kind, i in order()]
    on_a_sheet = COLUMNS * ROWS
    for first in range(0, len(shown), on_a_sheet):
        picture = sheet(shown[first : first + on_a_sheet], first + 1)
        with atomic_write(folder / f"sheet-{first // on_a_sheet + 1}.png") as partial:
            picture.save(partial, "PNG")
    with atomic_write(folder / "answers.csv") as partial:
        partial.write_text("number,verdict\n" + "".join(f"{i + 1},\n" for i in range(len(shown))))


@torch.no_grad()
def pictures_of(kind: Kind) -> Tensor:
    """The pictures of a kind, (EACH, 3, H, W). Samples are those of `vaelib generate`."""
    run = runs.load(kind.run)
    if kind.set == SAMPLES:
        pictures = sampled(run, run.metrics["evaluation"]["best_prior"], EACH, kind.temperature)
    else:  # of other photographs for every kind
        last = EACH * (1 + [other for other in KINDS if other.set != SAMPLES].index(kind))
        held_out = data.load(run.experiment.dataset, run.experiment.size, "valid").subset(last)
        every = data.all_images(held_out) if kind.set == PHOTOGRAPHS else latent.reconstruct_all(run.model, held_out)
        pictures = every[-EACH:]
    return run.detail(pictures, torch.Generator().manual_seed(SEED)) if kind.finish == "detail" else pictures


def sheet(pictures: Sequence[Tensor], first: int) -> Image.Image:
    """Pictures (3, H, W) in rows, each above its number, which count from `first`."""
    page = Image.new("RGB", (COLUMNS * (SIDE + MARGIN), ROWS * (SIDE + MARGIN)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for i, pixels in enumerate(pictures):
        left, top = i % COLUMNS * (SIDE + MARGIN), i // COLUMNS * (SIDE + MARGIN)
        picture = images.grid(pixels[None], 1, padding=0)
        page.paste(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, top))
        draw.text((left + SIDE // 2, top + SIDE + 2), str(first + i), "black", font, anchor="ma")
    return page


def read_answers(path: Path) -> list[str]:
    """The verdicts of a reader in the order of the sheets. Raises `UserError` unless each picture has one."""
    with path.open(newline="") as file:
        rows = {row.get("number"): row.get("verdict") for row in csv.DictReader(file)}
    verdicts = [rows.get(str(i + 1)) for i in range(len(order()))]
    for number, verdict in enumerate(verdicts, 1):
        if verdict not in VERDICTS:
            raise UserError(f"{path} says {verdict!r} of picture {number}: write one of {', '.join(VERDICTS)}.")
    return [str(verdict) for verdict in verdicts]


def tally(answers: Sequence[Sequence[str]]) -> dict:
    """The record: how often each reader gave each verdict to each kind of picture."""
    kinds = [kind for kind, _ in order()]
    sets = []
    for i, kind in enumerate(KINDS):
        counts = [Counter(v for of, v in zip(kinds, verdicts, strict=True) if of == i) for verdicts in answers]
        sets.append(asdict(kind) | {v: [count[v] for count in counts] for v in VERDICTS})
    return {"question": QUESTION, "verdicts": VERDICTS, "seed": SEED, "images": EACH, "sets": sets}


if __name__ == "__main__":
    main()
