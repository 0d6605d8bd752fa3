"""Numbers written in prose, in outputs and in code, and whether a written one is another one rounded."""

from __future__ import annotations

import ast
import html
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
# Not a part of a name (CIFAR-10, faces32, 2D), of a decimal number, or of a power of ten.
WRITTEN = re.compile(rf"(?<![\w.,^])(?<![A-Za-zα-ω]-)(?P<digits>{DIGITS})(?![\w⁻⁺]|[.,]\d)(?P<after>[\s\\]*(?:%|\w+)?)")
PRINTED = re.compile(rf"(?<![\w.])(?P<digits>{DIGITS}|\.\d+)(?P<power>[eE][-+]?\d+)?(?P<percent>\s*%)?(?![\w]|[.,]\d)")
IN_STRING = re.compile(rf"(?<![\d.]){DIGITS}")
FACTORS = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
HEDGE = re.compile(
    r"(?:about|some|near|nearly|roughly|around|almost|approximately|≈|~|\\approx|(?P<more>more than|over|above|at least"
    r"|beyond)|(?P<less>less than|fewer than|under|below|at most|up to))[\s$]*$"
)
INEXACT = 0.1  # the part of itself by which "more than 90" may fall short of what it means

REFERENCE = r"(?:Figs?\.|Eqs?\.|[Cc]hapters?|Exercises?|Questions?|Sections?|Tables?|[Ss]teps?|Exhibits?|no\.|seeds?)"
NOT_STATED = [
    re.compile(pattern, re.MULTILINE | re.DOTALL)
    for pattern in (
        r"^([> ]*)```.*?^\1```",  # code
        r"<[^>\n]+>",  # anchors and tags
        r"`[^`\n]+`",
        r"\[[^\]]*\]\([^)\s]*references\.md[^)]*\)",  # citations
        r"\]\([^)]*\)",  # targets of links
        rf"{REFERENCE}[ \n~]*\d+(?:\.\d+)?(?:(?:,| and| or| to|–|-| )+\d+(?:\.\d+)?\b(?! %))*",
        r"^[> ]*\d+\. ",  # numbers of a list
        r"^[> ]*- \([a-z]\).*?(?=^[> ]*(?:- \([a-z]\)|$)|\Z)",  # options of a question
        r"\b(?:19|20)\d\d\b(?! %)",  # years
        r"\\tag\{[^}]*\}",
        r"[_^](?:\{[^{}]*\}|\\?\w+)",  # indices and powers
        r"\b\d+-bit\b",
        r"\*\*Time\*\* \d+ minutes",  # of reading
        r"all cells take about \d+ seconds",  # tested with the measured times
    )
]


class Numeral(NamedTuple):
    """A number as a text writes it: its value, half a unit of its last stated place, and the place in the text."""

    value: float
    tolerance: float
    start: int
    end: int
    percent: bool = False
    more: bool = False  # "more than 90": what it means may be larger
    less: bool = False
    digits: int = 1  # significant digits

    def is_rounded(self, other: float) -> bool:
        """Whether this is `other`, rounded as this one is written, or the hundredth of it if this is a percentage."""
        candidates = (other, 100 * other) if self.percent else (other,)
        return any(self._agrees(abs(candidate)) for candidate in candidates)

    def is_exactly(self, setting: float) -> bool:
        """Whether this is that constant of the code, or the constant in per cent."""
        candidates = (setting, 100 * setting) if self.percent else (setting,)
        return any(math.isclose(self.value, abs(candidate)) for candidate in candidates)

    def _agrees(self, other: float) -> bool:
        slack = 1e-9 * max(1.0, other)
        low = self.value - self.tolerance - (INEXACT * self.value if self.less else 0)
        high = self.value + self.tolerance + (INEXACT * self.value if self.more else 0)
        return low - slack <= other <= high + slack

    @property
    def small(self) -> bool:
        """A whole number that is a word rather than a measurement."""
        return self.value in (100, 0) or (not self.percent and is_small(self.value))


def is_small(number: float) -> bool:
    """Whether this is 0 to 12 or 100."""
    return number in (*range(13), 100)


def readable(source: str) -> str:
    """Markdown with LaTeX's thousands as plain text has them. All positions refer to this text."""
    return source.replace("{,}", ",").replace("\\,%", " %").replace("\\%", "%").replace("\n> ", "\n  ")


def in_prose(text: str) -> Iterator[Numeral]:
    """The numbers that a text states, except small whole numbers."""
    for pattern in NOT_STATED:
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    for match in WRITTEN.finditer(text):
        numeral = _numeral(match, text)
        decimals = "." in match["digits"]
        if decimals or not numeral.small:
            yield numeral


def _numeral(match: re.Match, text: str) -> Numeral:
    digits, after = match["digits"].replace(",", ""), match["after"].strip(" \n\\")
    factor = FACTORS.get(after, 1.0)
    hedge = HEDGE.search(text, max(0, match.start() - 20), match.start())
    whole, _, decimals = digits.partition(".")
    if decimals:
        unit, significant = 10.0 ** -len(decimals), len((whole + decimals).lstrip("0"))
    else:
        zeros = len(whole) - len(whole.rstrip("0"))
        if not hedge or hedge["more"] or hedge["less"]:  # "200" has two digits at least: it is not 183
            zeros = min(zeros, max(0, len(whole) - 2))
        unit, significant = 10.0**zeros, len(whole) - zeros
    return Numeral(
        factor * float(digits),
        factor * unit / 2,
        match.start("digits"),
        match.end("digits"),
        percent=after == "%",
        more=bool(hedge and hedge["more"]),
        less=bool(hedge and hedge["less"]),
        digits=significant,
    )


def in_outputs(text: str, shares: bool = True) -> Iterator[float]:
    """The numbers that a cell printed; a percentage also as a share, if these are wanted."""
    text = re.sub(r"<Figure size [^>]*>", "", text)
    for match in PRINTED.finditer(text):
        value = float(match["digits"].replace(",", "") + (match["power"] or ""))
        yield value
        if match["percent"] and shares:
            yield value / 100


def without_tags(table: str) -> str:
    """The text of an HTML table."""
    table = re.sub(r"<style.*?</style>", " ", table, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", table))


def in_code(source: str) -> Iterator[float]:
    """The constants of a cell, and the numbers within its strings."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool | bytes | complex):
            continue
        if isinstance(node.value, int | float):
            yield float(node.value)
        elif isinstance(node.value, str):
            yield from (float(number.replace(",", "")) for number in IN_STRING.findall(node.value))
