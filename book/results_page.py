"""A page of the book and the pictures that it shows, written together."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

from vaelib import plotting
from vaelib.errors import UserError
from vaelib.files import atomic_write, make_folder


def write_page(blocks: Callable[[Path], list[str]], page: Path, pictures: Path) -> None:
    """Write what `blocks` makes, which draws into the folder `pictures`; pictures of another time are removed there."""
    matplotlib.use("agg")
    plotting.use_style()
    make_folder(pictures)
    text = "\n\n".join(blocks(pictures)).replace("N(0, I)", "N(0,\u00a0I)") + "\n"
    for path in pictures.glob("*.png"):
        if path.name not in text:
            path.unlink()
    with atomic_write(page) as partial:
        partial.write_text(text, encoding="utf-8")


def run_script(name: str, work: Callable[[], None]) -> None:
    """Do the work of a script; what a user can mend ends it in one sentence and exit status 2."""
    try:
        work()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
