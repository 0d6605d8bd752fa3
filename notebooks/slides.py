"""Write a deck of slides for each notebook: `make slides`.

    python -m notebooks.slides              into _build/slides
    python -m notebooks.slides --to FOLDER

The tags of the cells say what becomes a slide. Of a text, `question` is its last section up to the box with the
prediction, `prediction` is that box, and `answer` is what stands before the next section. Of a code cell, `picture`
is its outputs, with the caption below. A deck is one HTML file, which needs no network and no program but a browser.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
from collections.abc import Iterator
from html import escape
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

from notebooks.execute import NOTEBOOKS
from vaelib.support.files import atomic_write, make_folder

FOLDER = Path(__file__).parent
TEMPLATE = FOLDER / "deck.html"
FORMULAS = "tex-svg-full.js"  # MathJax, in one file beside the decks
MOST_WORDS = 90  # of a slide, if its first paragraph has not more

HEADING = re.compile(r"^(?=#+ )", re.MULTILINE)
PREDICTION = re.compile(r"^> \*\*Predict\.\*\*.*(?:\n>.*)*", re.MULTILINE)
BOX_OR_FOLD = re.compile(r"^> .*(?:\n>.*)*|^<details>\n.*?^</details>$", re.MULTILINE | re.DOTALL)
ANSWER_FOLD = re.compile(r"^<details>\n<summary>Answer</summary>\n(.*?)^</details>$", re.MULTILINE | re.DOTALL)
CAPTION = re.compile(r'\A<a id="fig-[\w-]+"></a>\n\*(.+?)\*(?:\n\n|\Z)', re.DOTALL)
# A paragraph with the formulas and the paragraphs that its last sentence goes on with, or a heading.
PARAGRAPH = re.compile(r"#+ .*\n*|.+?(?:[.!?)*|$]|\Z)(?:\n{2,}|\Z)", re.DOTALL)
ANCHOR = re.compile(r'<a id="[\w-]+"></a>\s*')
LOCAL_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!https?:)[^)\s]+\)")
DRAWING = re.compile(r"(?<=\]\()([^)\s]+\.svg)(?=\))")
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/svg+xml")


def main() -> None:
    """Write all decks."""
    parser = argparse.ArgumentParser(description="Write a deck of slides for each notebook.")
    parser.add_argument("--to", type=Path, default=FOLDER.parent / "_build/slides", help="the folder of the decks")
    folder = parser.parse_args().to
    make_folder(folder)
    shutil.copyfile(mathjax(), folder / FORMULAS)
    for path in NOTEBOOKS:
        with atomic_write(folder / f"{path.stem}.html") as partial:
            partial.write_text(deck(nbformat.read(path, as_version=4)), encoding="utf-8")
    print(f"{folder}: {len(NOTEBOOKS)} decks")


def mathjax() -> Path:
    """The file of MathJax that the book uses as well, with all its extensions."""
    return Path(
        str(distribution("sphinx-mathjax-offline").locate_file(f"sphinx-mathjax-offline/static/mathjax/{FORMULAS}"))
    )


def deck(notebook: NotebookNode) -> str:
    """The HTML of a notebook's slides."""
    title = re.match(r"# (.+)", notebook.cells[0].source)[1]  # type: ignore[index]
    slides = [f'<section class="{kind}">\n{content}</section>' for kind, content in slides_of(notebook)]
    template = TEMPLATE.read_text(encoding="utf-8")
    return template.replace("<!-- title -->", escape(title)).replace("<!-- slides -->", "\n".join(slides))


def slides_of(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The kind and the HTML of each slide: first the title and its question, then the tagged cells in their order."""
    yield "title", html(shortened(without_boxes(notebook.cells[0].source)))
    for cell, below in pairwise([*notebook.cells, None]):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and "picture" in tags:
            yield "picture", picture(cell, below.source if below and below.cell_type == "markdown" else "")
        elif cell.cell_type == "markdown":
            kinds = [kind for kind in PARTS if kind in tags]
            if ANSWER_FOLD.search(cell.source):  # it is the answer to the prediction above it
                kinds.sort(key="answer".__eq__)
            parts = ((kind, PARTS[kind](cell.source)) for kind in kinds)
            yield from ((kind, html(part)) for kind, part in parts if part)


# The parts of a text


def answer(text: str) -> str:
    """A folded answer, or the text up to a box or to the next heading; a heading at its beginning stays."""
    fold = ANSWER_FOLD.search(text)
    if fold:
        return shortened(fold[1])
    text = CAPTION.sub("", text)
    ends = [found.start() for pattern in (HEADING, PREDICTION) for found in pattern.finditer(text) if found.start()]
    return shortened(without_boxes(text[: min(ends, default=len(text))]))


def question(text: str) -> str:
    """The last section of a text up to the box with the prediction, or up to its end, if it is more than a heading."""
    section = last_section(text)
    return "" if re.fullmatch(r"#+ .*", section) else shortened(section)


def prediction(text: str) -> str:
    """The boxes that ask for a prediction, below the heading if nothing else stands between."""
    boxes = (re.sub(r"^> ?", "", box, flags=re.MULTILINE) for box in PREDICTION.findall(text))
    heading = [] if question(text) else [last_section(text)]
    return "\n\n".join([*heading, *boxes])


def last_section(text: str) -> str:
    before = PREDICTION.split(CAPTION.sub("", text))[0]
    return without_boxes(HEADING.split(before)[-1]) if HEADING.search(before) else ""


PARTS = {"answer": answer, "question": question, "prediction": prediction}  # in the order within a cell


def without_boxes(text: str) -> str:
    return BOX_OR_FOLD.sub("", text).strip()


def shortened(text: str) -> str:
    """The first paragraphs of a text, a heading and one paragraph at least, as long as they have few words."""
    kept: list[str] = []
    for paragraph in PARAGRAPH.findall(text.strip()):
        is_enough = any(not part.startswith("#") for part in kept)
        if is_enough and len(" ".join([*kept, paragraph]).split()) > MOST_WORDS:
            break
        kept.append(paragraph)
    return "".join(kept).strip()


# HTML


def picture(cell: NotebookNode, below: str) -> str:
    """The outputs of a cell as a figure. `below` is the text that may begin with its caption."""
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    caption = CAPTION.match(below)
    shown = "\n".join(output(each, alt) for each in cell.outputs)
    return f"<figure>\n{shown}\n<figcaption>{html(caption[1]) if caption else ''}</figcaption>\n</figure>\n"


def output(output: NotebookNode, alt: str) -> str:
    """An output of a cell: a picture, a table, or what was printed."""
    data = output.get("data", {})
    for mime in PICTURES:
        if mime in data:
            return f'<img src="data:{mime};base64,{data[mime].strip()}" alt="{escape(alt)}">'
    if "text/html" in data:
        return data["text/html"]
    return f"<pre>{escape(output.get('text') or data.get('text/plain', ''))}</pre>"


def html(text: str) -> str:
    """The HTML of a text of a chapter, without links into the book. MathJax will draw its formulas."""
    text = LOCAL_LINK.sub(r"\1", ANCHOR.sub("", text))
    return MARKDOWN.render(DRAWING.sub(lambda drawing: inline(FOLDER / drawing[1]), text))


def inline(path: Path) -> str:
    """A drawing as an address that contains it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def markdown() -> MarkdownIt:
    """A reader of the chapters' Markdown."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.use(dollarmath_plugin, renderer=formula)
    reader.validateLink = lambda _: True  # type: ignore[method-assign]  # drawings are inline
    return reader


def formula(content: str, options: dict) -> str:
    """A formula between the signs that MathJax looks for."""
    return rf"\[{escape(content)}\]" if options["display_mode"] else rf"\({escape(content)}\)"


MARKDOWN = markdown()

if __name__ == "__main__":
    main()
