"""Write the list of references from book/references.bib: `python -m pages.references` writes book/references.md.

The list is for those who come from a chapter and read this page as it is stored. The book prints a list of its own, by
sphinxcontrib-bibtex, from the same file (`book/plain_notebooks.py`).
"""

from __future__ import annotations

import re

from pybtex.database import parse_file
from pybtex.plugin import find_plugin

from pages.markdown import BOOK
from vaelib.support.files import atomic_write

SOURCES, PAGE = BOOK / "references.bib", BOOK / "references.md"

HEAD = """<!-- Written by pages/references.py from references.bib. Do not edit: make results -->

# References"""


def main() -> None:
    """Write the page."""
    with atomic_write(PAGE) as partial:
        partial.write_text(text(), encoding="utf-8")


def text() -> str:
    """The text of the page: for each source an anchor with its key, and a paragraph."""
    style, backend = find_plugin("pybtex.style.formatting", "plain")(), find_plugin("pybtex.backends", "markdown")()
    formatted = style.format_entries(parse_file(SOURCES).entries.values())
    entries = [f'<a id="{entry.key}"></a>\n{legible(entry.text.render(backend))}' for entry in formatted]
    return "\n\n".join([HEAD, *entries]) + "\n"


def legible(markdown: str) -> str:
    """Without the backslashes that Markdown does not need."""
    return re.sub(r"\\([^\w\s*_`\[\]<>])", r"\1", markdown)


if __name__ == "__main__":
    main()
