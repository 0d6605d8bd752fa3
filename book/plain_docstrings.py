"""A Sphinx extension for the API reference: it shows docstrings, which are plain text with names in backticks.

Sphinx reads docstrings as reStructuredText, in which |x|, a star and a single backtick have other meanings.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

SPECIAL = re.compile(r"([*|_\\])")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx when it loads its extensions."""
    app.connect("autodoc-process-docstring", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def rewrite(_app: Sphinx, _what: str, _name: str, _object: object, _options: Any, lines: list[str]) -> None:
    """Rewrite a docstring's lines in place, as Sphinx requires. Indented tables stay as they are typed."""
    rewritten, in_table = [], False
    for line in lines:
        if line.startswith("    ") and not in_table:
            rewritten += ["::", ""]
        in_table = line.startswith("    ") or (in_table and not line)
        rewritten.append(line if in_table else as_restructured_text(line))
    lines[:] = rewritten


def as_restructured_text(line: str) -> str:
    """A line with its names in double backticks, and with all other special characters escaped."""
    prose, names = line.split("`")[::2], line.split("`")[1::2]
    escaped = [SPECIAL.sub(r"\\\1", part) for part in prose]
    return "".join(part + (f"``{name}``" if name else "") for part, name in zip(escaped, [*names, ""], strict=False))
