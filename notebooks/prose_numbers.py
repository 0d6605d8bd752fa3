"""Compare every number in a chapter's text with the chapter's outputs.

    python -m notebooks.prose_numbers           list the numbers of all chapters that nothing supports
    python -m notebooks.prose_numbers 04 05     those of two chapters

A number in a Markdown cell or in a figure's alternative text is supported if, rounded as the text rounds it, it equals
a number that a cell of its section (## heading) printed, or if it is a constant of that section's code. Numbers of
three digits, and those of a section without code, such as a summary, may be printed anywhere in the chapter, and whole
numbers may be constants of any cell. Not compared are whole numbers up to 12, 100, numbers in names, code, links,
indices and years, and the options of a quiz. What no cell prints stands in facts.toml with its arithmetic, source or
reason. An entry there can also say which output a number comes from, so that no other number supports it; see `Fact`.
"""

from __future__ import annotations

import argparse
import ast
import math
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from notebooks.numerals import Numeral, in_code, in_outputs, in_prose, is_small, readable, without_tags

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
FACTS = FOLDER / "facts.toml"
EVERY_CHAPTER = "book"  # the table of facts.toml that holds for all chapters
CONTEXT = 60  # characters that are shown before and after a number
TELLING = 3  # digits of a number that is hardly met by chance


@dataclass
class Section:
    """The part of a chapter under one ## heading: its text, its outputs, and the numbers of its code."""

    passages: list[str] = field(default_factory=list)
    printed: set[float] = field(default_factory=set)
    written: set[float] = field(default_factory=set)
    has_code: bool = False
    lines: dict[str, list[str]] = field(default_factory=dict)  # of outputs, by the cell's id


@dataclass(frozen=True)
class Fact:
    """A number in the text that no cell of its chapter prints, or that must come from one output and no other.

    `text` is a piece of the chapter's text, word for word, that contains the number, or several; without letters it is
    a number of at least three digits, wherever it stands. One of three says where the number comes from: `equals`,
    arithmetic that must give it ("3 * 64**2", "log(2)"); `source`, another chapter ("05-latent-space") that must print
    it or a file of the project that must contain it; or `why`, a reason in words that nothing can check.

    Arithmetic does not repeat what a cell prints. `of` gives outputs names that `equals` can use: {a = ["04-table",
    "β = 1", 2]} is the second number of the line that begins with "β = 1" in the output of the cell 04-table. All
    numbers within `text` are then compared with the arithmetic alone.
    """

    table: str
    text: str
    equals: str = ""
    source: str = ""
    why: str = ""
    of: Mapping[str, tuple[str, str, int]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if sum(map(bool, (self.equals, self.source, self.why))) != 1:
            raise ValueError(f"facts.toml, {self.table}: {self.text!r} needs one of equals, source and why.")
        if not re.search(r"\d", self.text):
            raise ValueError(f"facts.toml, {self.table}: {self.text!r} contains no number.")
        if not re.search(r"[^\W\d]", self.text) and len(re.findall(r"\d", self.text)) < TELLING:
            raise ValueError(f"facts.toml, {self.table}: {self.text!r} is too short: add the words around it.")
        if self.of and not set(self.of) <= {name.id for name in self._parts(ast.Name)}:
            raise ValueError(f"facts.toml, {self.table}: {self.text!r} has outputs that equals does not use.")

    def covers(self, passage: str, numeral: Numeral) -> bool:
        """Whether the number is within this piece of text."""
        piece = r"\s+".join(map(re.escape, self.text.split()))
        places = re.finditer(rf"(?<![\w.,]){piece}(?![\w]|[.,]\d)", passage)
        return any(place.start() <= numeral.start and numeral.end <= place.end() for place in places)

    def agrees(self, numeral: Numeral, sections: Sequence[Section]) -> bool:
        """Whether the number is what the arithmetic or the source says. Raises `ValueError` if a number is retyped."""
        return bool(self.why) or any(numeral.is_rounded(number) for number in self._numbers(sections))

    def _numbers(self, sections: Sequence[Section]) -> Iterable[float]:
        if self.source:
            return recorded(self.source)
        for part in self._parts(ast.Constant):
            if not is_given(part.value, sections):
                raise ValueError(
                    f"facts.toml, {self.table}: {part.value} in {self.equals!r} is neither in code nor in text: "
                    "if a cell prints it, name the output with `of`."
                )
        values = {name: printed_number(*place, sections) for name, place in self.of.items()}
        return [] if None in values.values() else [eval(self.equals, vars(math) | values)]

    def _parts(self, kind: type) -> Iterator:
        return (node for node in ast.walk(ast.parse(self.equals or "0", mode="eval")) if isinstance(node, kind))


@dataclass(frozen=True)
class Unsupported:
    """A number in the text that nothing supports."""

    passage: str
    numeral: Numeral

    def __str__(self) -> str:
        start, end = max(0, self.numeral.start - CONTEXT), self.numeral.end + CONTEXT
        before, after = self.passage[start : self.numeral.start], self.passage[self.numeral.end : end]
        number = self.passage[self.numeral.start : self.numeral.end]
        return " ".join(f"{number:>9}   {before}[{number}]{after}".split("\n"))


def main() -> int:
    """List what nothing supports; the exit status is 1 if there is any."""
    parser = argparse.ArgumentParser(description="List the numbers in the chapters' text that no output supports.")
    parser.add_argument("chapters", nargs="*", help="the beginnings of chapters' names (default: all)")
    wanted = tuple(parser.parse_args().chapters)
    facts, total = read_facts(), 0
    for path in chapters():
        if not path.name.startswith(wanted or ""):
            continue
        missing, unused = check(path.stem, sections_of(nbformat.read(path, as_version=4)), facts)
        print(f"{path.stem}: {len(missing)} numbers without support")
        print(*(f"  {number}" for number in missing), sep="\n")
        print(*(f"  facts.toml says too much: {fact.text!r}" for fact in unused), sep="\n")
        total += len(missing) + len(unused)
    return int(total > 0)


def chapters() -> list[Path]:
    """The notebooks whose numbers are compared."""
    return [*sorted(FOLDER.glob("[0-9]*.ipynb")), *FOLDER.glob("further.ipynb")]


def read_facts(path: Path = FACTS) -> list[Fact]:
    """The entries of facts.toml. Raises `ValueError` if one is incomplete."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Fact(table, **entry) for table, entries in tables.items() for entry in entries]


def check(name: str, sections: Sequence[Section], facts: Sequence[Fact]) -> tuple[list[Unsupported], list[Fact]]:
    """The numbers of a chapter that nothing supports, and the facts of that chapter that support no number."""
    missing, used = [], set()
    of_chapter = [fact for fact in facts if fact.table in (name, EVERY_CHAPTER)]
    for section in sections:
        for passage in section.passages:
            for numeral in in_prose(passage):
                about = [fact for fact in of_chapter if fact.covers(passage, numeral)]
                right = [fact for fact in about if fact.agrees(numeral, sections)]
                used.update(right)
                bound = any(fact.of for fact in about)
                if not right and (bound or not supported(numeral, section, sections)):
                    missing.append(Unsupported(passage, numeral))
    return missing, [fact for fact in facts if fact.table == name and fact not in used]


def supported(numeral: Numeral, section: Section, sections: Sequence[Section]) -> bool:
    """Whether outputs, rounded, or settings have the number."""
    return printed(numeral, section, sections) or is_setting(numeral, section, sections)


def printed(numeral: Numeral, section: Section, sections: Sequence[Section]) -> bool:
    """Whether the section printed the number, or where it is telling or the section has no code, the chapter did."""
    anywhere = numeral.digits >= TELLING or not section.has_code
    places = sections if anywhere else [section]
    return any(numeral.is_rounded(number) for place in places for number in place.printed)


def is_setting(numeral: Numeral, section: Section, sections: Sequence[Section]) -> bool:
    """Whether the number is a constant of the section's code, or if it is whole, of the chapter's."""
    whole = numeral.value.is_integer() and not numeral.percent
    places = sections if whole or not section.has_code else [section]
    return any(numeral.is_exactly(number) for place in places for number in place.written)


def is_given(number: float, sections: Sequence[Section]) -> bool:
    """Whether arithmetic may use the number: it is a small one, a constant of the chapter's code, or in its text."""
    in_texts = (numeral.value for part in sections for passage in part.passages for numeral in in_prose(passage))
    written = (constant for part in sections for constant in part.written)
    return is_small(number) or any(math.isclose(number, known) for known in (*written, *in_texts))


def printed_number(cell: str, beginning: str, place: int, sections: Sequence[Section]) -> float | None:
    """The number at this place, from 1, behind the beginning of a line that the cell printed; None if there is none.

    Several lines with this beginning, as of a wide table, count as one.
    """
    named = re.compile(rf"\s*{re.escape(beginning)}(?![\w.-])(?P<rest>.*)")
    found = (named.match(line) for part in sections for line in part.lines.get(cell, []))
    numbers = [number for line in found if line for number in in_outputs(line["rest"], shares=False)]
    return numbers[place - 1] if 0 < place <= len(numbers) else None


def sections_of(notebook: NotebookNode) -> list[Section]:
    """The chapter by its ## headings."""
    sections = [Section()]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            first, *rest = re.split(r"^(?=## )", readable(cell.source), flags=re.MULTILINE)
            sections[-1].passages.append(first)
            sections.extend(Section([passage]) for passage in rest)
        elif cell.cell_type == "code":
            sections[-1].has_code = True
            sections[-1].passages.append(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""))
            sections[-1].printed.update(number for text in texts_of(cell) for number in in_outputs(text))
            sections[-1].lines[cell.id] = [line for text in plain_texts(cell) for line in text.splitlines()]
            sections[-1].written.update(in_code(cell.source))
    return sections


def texts_of(cell: NotebookNode) -> Iterator[str]:
    """The texts that a code cell printed or showed."""
    yield from plain_texts(cell)
    yield from (without_tags(output.get("data", {}).get("text/html", "")) for output in cell.outputs)


def plain_texts(cell: NotebookNode) -> Iterator[str]:
    """The same without HTML, which repeats the tables."""
    for output in cell.outputs:
        shown = output.get("data", {})
        yield output.get("text", "")
        yield shown.get("text/plain", "")
        yield shown.get("text/markdown", "")


@cache
def recorded(source: str) -> frozenset[float]:
    """The numbers that another chapter prints, or that a file of the project contains; none if there is no file."""
    chapter = FOLDER / f"{source}.ipynb"
    if chapter.is_file():
        return frozenset().union(*(part.printed for part in sections_of(nbformat.read(chapter, as_version=4))))
    record = ROOT / source
    return frozenset(in_outputs(record.read_text(encoding="utf-8"))) if record.is_file() else frozenset()


if __name__ == "__main__":
    sys.exit(main())
