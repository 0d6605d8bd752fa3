"""The Markdown of the book: numbers, tables and figures, and a page that is written together with its pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib
import pandas as pd

from vaelib.course import plotting
from vaelib.runs import report
from vaelib.support.files import atomic_write, make_folder

BOOK = Path(__file__).parents[1] / "book"
PICTURES = "_static/results"  # relative to the page of results


def write_page(blocks: Callable[[Path], list[str]], page: Path, pictures: Path) -> None:
    """Write the blocks that `blocks` returns; it draws into the folder `pictures`, from which stale ones are removed.

    Raises `UserError` if the disk is full or the folder cannot be written.
    """
    matplotlib.use("agg")
    plotting.use_style()
    make_folder(pictures)
    text = "\n\n".join(blocks(pictures)).replace("N(0, I)", "N(0,\u00a0I)") + "\n"
    for path in pictures.glob("*.*"):
        if path.name not in text:
            path.unlink()
    with atomic_write(page) as partial:
        partial.write_text(text, encoding="utf-8")


def number(value: float | None) -> str:
    """Three significant digits, written without an exponent; an empty text for None."""
    if value is None or math.isnan(value):
        return ""
    rounded = float(f"{value:.3g}")
    text = f"{rounded:,.0f}" if abs(rounded) >= 100 or not rounded else f"{rounded:#.3g}"
    return text.replace("-", "−")


def percent(share: float | None) -> str:
    """A share as a percentage, rounded as the share itself is on the model cards; nothing for None."""
    return "" if share is None else f"{100 * float(f'{share:.3g}'):.3g} %"


def with_error(value: float | None, error: float | None, scale: float = 1) -> str:
    """A value and its standard error, both times `scale`; the value alone if it has none; nothing for None."""
    if value is None or error is None or math.isnan(error):
        return number(value and value * scale)
    return str(report.with_error(value, error, scale)).replace("-", "−").replace(" ", "\u00a0")


def percent_with_error(share: float | None, error: float | None) -> str:
    """A share and its standard error as percentages; the share alone if it has no error; nothing for None."""
    if share is None or error is None:
        return percent(share)
    return f"{with_error(share, error, 100)}\u00a0%"


def table(name: str, caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of the book: the first `words` columns hold words, the others numbers."""
    cells = pd.DataFrame(rows, columns=header)
    sides = ["left"] * words + ["right"] * (len(header) - words)
    # The cells are rounded already: parsed as numbers, they would lose their last zeros.
    text = cells.to_markdown(index=False, colalign=sides, disable_numparse=True)
    return "\n".join([f":::{{table}} {caption}", f":name: {name}", "", text, ":::"])


def without_empty_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the columns in which some row has a text."""
    known = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return [header[i] for i in known], [[row[i] for i in known] for row in rows]


def figure(name: str, picture: str, alt: str, caption: str, width: int | None = None) -> str:
    """A figure of the book, `width` pixels wide where the window allows it."""
    options = [f":name: {name}", f":alt: {alt}"] + ([f":width: {width}px"] if width else [])
    return "\n".join([f":::{{figure}} {picture}", *options, "", caption, ":::"])


def in_words(names: Sequence[str]) -> str:
    """Names in code, joined as in a sentence."""
    quoted = [f"`{name}`" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
