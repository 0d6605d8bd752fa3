"""Number the figures, equations and exercises of every chapter from 1, in order of appearance, and correct all links.

    python -m notebooks.number           rewrite the notebooks and the pages of the book, in place
    python -m notebooks.number --check   write nothing; the exit status is 1 if a file would change

Whatever is new may carry any label that is unique, say `fig-4-rate`, and any number. A label says what it names and in
which chapter: fig-4-2 is Fig. 4.2. The number of `further.ipynb` is the letter F, and its labels begin with fig-f.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import nbformat

from vaelib.support.files import atomic_write

FOLDER = Path(__file__).parent
PAGES = sorted((FOLDER.parent / "book").glob("*.md"))
LABEL = r"(?:fig|eq|ex)-[\w-]+"
FIGURE = re.compile(r'<a id="(?P<label>fig-[\w-]+)"></a>\n\*Fig\. \S+\. ')
EQUATION = re.compile(
    r'^(?P<margin>[> ]*)(?:<a id="eq-[\w-]+"></a>\n[> ]*)?(?P<formula>\$\$(?:(?!\$\$).)*?)\\tag\{[\w.-]+\}',
    re.MULTILINE | re.DOTALL,
)
EXERCISE = re.compile(r'<a id="(?P<label>ex-[\w-]+)"></a>\*\*Exercise \S+ ')
DEFINITION = re.compile(
    "|".join(re.sub(r"\?P<\w+>", "?:", kind.pattern) for kind in (FIGURE, EQUATION, EXERCISE)), re.MULTILINE | re.DOTALL
)
LINK = re.compile(rf"\[(?P<text>[^\[\]]+)\]\((?P<file>[^)\s#]*)#(?P<label>{LABEL})\)")
ROLE = re.compile(rf"\}}`(?:(?P<text>[^`<>]+) <(?P<of>{LABEL})>|(?P<label>{LABEL}))`")
TYPED_NUMBER = re.compile(r"(?:^|(?<=[. ]))[\w-]+\.[\w-]+$")


class Place(NamedTuple):
    """Where something numbered stands, and its label there."""

    path: Path
    label: str

    @property
    def number(self) -> str:
        """As it is typed: 4.2 for fig-4-2, F.1 for eq-f-1."""
        return ".".join(self.label.upper().split("-")[1:])


def main() -> int:
    """Renumber, and return the exit status."""
    parser = argparse.ArgumentParser(description="Number figures, equations and exercises, and correct all links.")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if a file would change")
    check = parser.parse_args().check
    changed = renumber(chapters(FOLDER), PAGES, write=not check)
    for path in changed:
        print(f"{path.name}: {'the numbers are not consecutive' if check else 'renumbered'}")
    return int(check and bool(changed))


def chapters(folder: Path) -> list[Path]:
    """The notebooks that are numbered."""
    return [*sorted(folder.glob("[0-9]*.ipynb")), *folder.glob("further.ipynb")]


def renumber(notebooks: list[Path], pages: list[Path], write: bool = True) -> list[Path]:
    """Give everything its number, everywhere; return the files that change. Exits if two things have one label."""
    texts = {path: text_cells(path) for path in notebooks}
    places = numbered(texts)
    changed = []
    for path in notebooks:
        after = [rewrite(text, path, places) for text in texts[path]]
        if after != texts[path]:
            changed.append(path)
            if write:
                write_text_cells(path, after)
    for page in pages:
        before = page.read_text(encoding="utf-8")
        after = relink(before, page, places)
        if after != before:
            changed.append(page)
            if write:
                page.write_text(after, encoding="utf-8")
    return changed


def text_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]


def write_text_cells(path: Path, texts: list[str]) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell, text in zip(cells, texts, strict=True):
        cell.source = text
    with atomic_write(path) as partial:
        nbformat.write(notebook, partial)


def numbered(texts: dict[Path, list[str]]) -> dict[str, Place]:
    """The place and the new label of everything that is numbered, by its present label."""
    places: dict[str, Place] = {}
    for path, cells in texts.items():
        counts: Counter[str] = Counter()
        for found in DEFINITION.finditer("\n\n".join(cells)):
            label = label_of(found[0])
            if label in places:
                sys.exit(f"{label} is in {places[label].path.name} and in {path.name}: give one of them another label.")
            kind = label.partition("-")[0]
            counts[kind] += 1
            places[label] = Place(path, f"{kind}-{number_of(path)}-{counts[kind]}")
    return places


def number_of(path: Path) -> str:
    """The number of a chapter, from its file's name; the initial letter of one that has none."""
    digits = re.match(r"\d+", path.name)
    return str(int(digits[0])) if digits else path.name[0]


def label_of(definition: str) -> str:
    """The label of a figure or an exercise is in its anchor; that of an equation is made of the number in its tag."""
    tag = re.search(r"\\tag\{(.+)\}", definition)
    if tag:
        return "eq-" + tag[1].lower().replace(".", "-")
    return re.search(r'id="([\w-]+)"', definition)[1]  # type: ignore[index]


def rewrite(text: str, path: Path, places: dict[str, Place]) -> str:
    """A text with new numbers, at what is numbered and in links."""

    def figure(found: re.Match[str]) -> str:
        place = places[found["label"]]
        return f'<a id="{place.label}"></a>\n*Fig. {place.number}. '

    def equation(found: re.Match[str]) -> str:
        place = places[label_of(found[0])]
        anchor = f'{found["margin"]}<a id="{place.label}"></a>\n'
        return f"{anchor}{found['margin']}{found['formula']}\\tag{{{place.number}}}"

    def exercise(found: re.Match[str]) -> str:
        place = places[found["label"]]
        return f'<a id="{place.label}"></a>**Exercise {place.number} '

    return relink(EXERCISE.sub(exercise, EQUATION.sub(equation, FIGURE.sub(figure, text))), path, places)


def relink(text: str, path: Path, places: dict[str, Place]) -> str:
    """A text with new numbers and addresses in its links, and new labels in the roles of a page of the book."""

    def link(found: re.Match[str]) -> str:
        place = places.get(found["label"])
        if place is None:
            return found[0]
        file = "" if place.path == path else place.path.name
        file = f"../notebooks/{file}" if file and path.suffix == ".md" else file
        return f"[{TYPED_NUMBER.sub(place.number, found['text'])}]({file}#{place.label})"

    def role(found: re.Match[str]) -> str:
        place = places.get(found["of"] or found["label"])
        if place is None:
            return found[0]
        titled = f"{TYPED_NUMBER.sub(place.number, found['text'])} <{place.label}>" if found["text"] else place.label
        return f"}}`{titled}`"

    return ROLE.sub(role, LINK.sub(link, text)) if path.suffix == ".md" else LINK.sub(link, text)


if __name__ == "__main__":
    sys.exit(main())
