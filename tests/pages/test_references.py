"""The list of references as it is stored."""

from __future__ import annotations

import re

from pages import references


def test_the_page_is_written_from_the_sources() -> None:
    assert references.PAGE.read_text(encoding="utf-8") == references.text(), "run `make results`"


def test_every_source_has_an_anchor_and_a_paragraph() -> None:
    keys = re.findall(r"^@\w+\{([^,]+),", references.SOURCES.read_text(encoding="utf-8"), re.MULTILINE)
    listed = re.findall(r'^<a id="(\w+)"></a>\n\S.+', references.text(), re.MULTILINE)
    assert sorted(listed) == sorted(keys)


def test_markdown_is_escaped_only_where_it_must_be() -> None:
    assert references.legible(r"Hinton, G\. E\. \(2006\)\. a\_b and a\*b") == r"Hinton, G. E. (2006). a\_b and a\*b"
