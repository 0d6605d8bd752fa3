"""From the plain Markdown of the chapters to MyST, the Markdown of the book.

A chapter is written so that every front end shows it well: boxes are block quotes, folds are <details>, captions are
lines in italics, and references are links. Here these become directives and roles, and the book gets its boxes,
targets and captions from them. Pure functions of text; `plain_notebooks.py` calls them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import indent

CLASSES = {
    "Before you start": "tip",
    "In the library": "seealso",
    "Question": "question",
    "Exercise": "exercise",
    "Warning": "warning",
}  # of boxes by the beginning of their titles; any other box is a note

BLOCK_QUOTE = re.compile(r"^>.*\n?(?:^>.*\n?)*", re.MULTILINE)
BOX = re.compile(r'(?:<a id="(?P<name>[\w-]+)"></a>\s*)?\*\*(?P<title>[^*]+?)\.?\*\*\s*(?P<body>.*)', re.DOTALL)
FOLD = re.compile(r"^<details>\n<summary>(.+?)</summary>\n(.*?)\n</details>$", re.MULTILINE | re.DOTALL)
EQUATION = re.compile(
    r'(?:<a id="eq-[\w-]+"></a>\n\s*)?\$\$(?P<formula>(?:(?!\$\$).)*?)\\tag\{(?P<number>[\w.-]+)\}(?P<end>.*?)\s*\$\$',
    re.DOTALL,
)
CAPTION = re.compile(
    r'\A<a id="(?P<name>fig-[\w-]+)"></a>\n\*Fig\. [\w.-]*\w\. (?P<caption>.+(?:\n.+)*?)\*(?=\n\n|\n?\Z)'
)
DIAGRAM = re.compile(r"^!\[(?P<alt>[^\]]*)\]\((?P<path>[^)\s]+\.svg)\)\n+", re.MULTILINE)
TERM = re.compile(
    r'^<a id="(?P<name>term-[\w-]+)"></a>\n\*\*(?P<term>.+?)\.\*\* (?P<text>.*?)(?=\n+<a id="term-|\n+#|\s*\Z)',
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]+)\]\((?P<file>(?:[^)\s#:]+\.(?:md|ipynb))?)#(?P<target>[\w-]+)\)")


def to_myst(text: str, terms: Mapping[str, str]) -> str:
    """The text of a cell in MyST. `terms` maps the targets of the glossary to its terms."""
    text = EQUATION.sub(_equation, diagrams(boxes(text)))
    return LINK.sub(lambda link: _reference(link, terms), text)


def glossary_terms(glossary: str) -> dict[str, str]:
    """The terms of the glossary by the names of their anchors."""
    return {entry["name"]: entry["term"] for entry in TERM.finditer(glossary)}


def to_myst_glossary(page: str) -> str:
    """The page of the glossary in MyST, in which its entries are a directive."""
    terms, entries = glossary_terms(page), list(TERM.finditer(page))
    defined = "\n\n".join(f"{entry['term']}\n{indent(to_myst(entry['text'], terms), '  ')}" for entry in entries)
    before, after = page[: entries[0].start()], page[entries[-1].end() :]
    return before + directive("glossary", "", {}, defined) + to_myst(after, terms)


def boxes(text: str) -> str:
    """Block quotes that begin with a bold title, and folds, as admonitions."""
    return FOLD.sub(_fold, BLOCK_QUOTE.sub(_box, text))


def _box(quote: re.Match[str]) -> str:
    content = boxes(re.sub(r"^> ?", "", quote[0], flags=re.MULTILINE)).strip()
    box = BOX.match(content)
    if not box or not box["body"]:
        return quote[0]
    kind = next((kind for start, kind in CLASSES.items() if box["title"].startswith(start)), "note")
    return directive("admonition", box["title"], {"class": kind, "name": box["name"]}, box["body"]) + "\n"


def _fold(fold: re.Match[str]) -> str:
    kind = "dropdown solution" if fold[1].startswith("Solution") else "dropdown"
    return directive("admonition", fold[1], {"class": kind}, fold[2].strip())


def directive(name: str, argument: str, options: Mapping[str, str | None], body: str) -> str:
    """A directive of MyST, in a fence that is longer than any in its body."""
    fence = ":" * max(3, *(len(colons) + 1 for colons in re.findall(r"^:+", body, re.MULTILINE)), 3)
    lines = [f":{key}: {value}" for key, value in options.items() if value]
    return "\n".join([f"{fence}{{{name}}} {argument}".rstrip(), *lines, "", body, fence])


def _equation(equation: re.Match[str]) -> str:
    label = "eq-" + equation["number"].lower().replace(".", "-")
    return f"$${equation['formula'].rstrip()}{equation['end']} $$ ({label})"


def split_caption(text: str) -> tuple[dict[str, str] | None, str]:
    """The caption and the name of the figure above a text that begins with them, and the rest of the text."""
    found = CAPTION.match(text)
    if not found:
        return None, text
    return {"caption": " ".join(found["caption"].split()), "name": found["name"]}, text[found.end() :].lstrip()


def diagrams(text: str) -> str:
    """Each drawing that has a caption as a diagram, which the page takes into itself."""
    drawing = DIAGRAM.search(text)
    if not drawing:
        return text
    before, after = text[: drawing.start()], text[drawing.end() :]
    figure, rest = split_caption(after)
    if not figure:
        return text[: drawing.end()] + diagrams(after)
    options = {"alt": " ".join(drawing["alt"].split()), "name": figure["name"]}
    return before + directive("diagram", drawing["path"], options, figure["caption"]) + "\n\n" + diagrams(rest)


def _reference(link: re.Match[str], terms: Mapping[str, str]) -> str:
    """A link to something in the book, as the role that finds it by its name."""
    text, file, target = " ".join(link["text"].split()), link["file"].rpartition("/")[2], link["target"]
    if target.startswith("term-"):
        return f"{{term}}`{text} <{terms.get(target, target)}>`"
    if file == "references.md":
        return f"{{source}}`{text} <{target}>`"
    if target.startswith("eq-"):
        return f"{{eq}}`{target}`"
    return f"[{text}](#{target})"
