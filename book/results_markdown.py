"""Numbers, tables and figures in the Markdown of the book."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

PICTURES = "_static/results"  # seen from the page


def number(value: float | None) -> str:
    """Three significant digits, written out in full; nothing for a figure that is not there."""
    if value is None or math.isnan(value):
        return ""
    rounded = float(f"{value:.3g}")
    text = f"{rounded:,.0f}" if abs(rounded) >= 100 or not rounded else f"{rounded:#.3g}"
    return text.replace("-", "−")


def percent(share: float | None) -> str:
    """A share as a percentage, rounded as the share itself is on the model cards."""
    return "" if share is None else f"{100 * float(f'{share:.3g}'):.3g} %"


def table(name: str, caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of the book: the first `words` columns hold words, the others numbers."""
    marks = [":---"] * words + ["---:"] * (len(header) - words)
    lines = [f"| {' | '.join(cells)} |" for cells in (header, marks, *rows)]
    return "\n".join([f":::{{table}} {caption}", f":name: {name}", "", *lines, ":::"])


def figure(name: str, picture: str, alt: str, caption: str, width: int | None = None) -> str:
    """A figure of the book, `width` pixels wide where the window allows it."""
    options = [f":name: {name}", f":alt: {alt}"] + ([f":width: {width}px"] if width else [])
    return "\n".join([f":::{{figure}} {picture}", *options, "", caption, ":::"])


def two_columns(*cells: str) -> str:
    """Cells beside each other, or below each other on a narrow screen."""
    items = [f"::::{{grid-item}}\n{cell}\n::::" for cell in cells]
    return "\n".join([":::::{grid} 1 1 2 2", ":gutter: 2", "", *items, ":::::"])


def in_words(names: Sequence[str]) -> str:
    """Names in code, joined as in a sentence."""
    quoted = [f"`{name}`" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
