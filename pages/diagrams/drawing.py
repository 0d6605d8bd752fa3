"""What all diagrams are drawn with: colours by their meaning, lines, arrows, text with mathematics.

Coordinates are pixels of a drawing 720 wide, y downwards; a page shows it at up to 780 pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]

WIDTH = 720
SIZE, SMALL = 14.5, 13  # of text

# By meaning, as everywhere in the book. The values are those of the light theme; course.css has the dark theme's. A
# -text is as dark as small letters need to be.
COLOURS = {
    "paper": "#ffffff",
    "ink": "#1f2937",  # text, and the prior, which is always dashed
    "muted": "#5b6675",
    "line": "#c3ccd8",
    "wash": "#f1f4f8",
    "code": "#0173b2",
    "code-text": "#00609a",
    "code-wash": "#e3f0f9",
    "generated": "#de8f05",
    "generated-wash": "#fdf1da",
    "generated-text": "#8f5800",
    "truth": "#949494",
    "error": "#d55e00",
    "error-wash": "#fde6d8",
    "error-text": "#a84300",
    # Of the drawn faces only.
    "skin-pale": "#f6cfae",
    "skin-brown": "#b97a50",
    "shade": "#7a3b1c",
    "hair-dark": "#33241d",
    "hair-red": "#a4501f",
    "hair-fair": "#dfb456",
    "backdrop": "#cfdbe6",
    "cloth": "#51688c",
    "lips": "#b5413f",
    "white": "#ffffff",
    "pupil": "#20242b",
}
SANS = "'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
SERIF = "'STIX Two Text', 'Times New Roman', 'Liberation Serif', serif"

PRIOR_DASH = "6 4"
GRADIENT_DASH = "5 3"
ITALIC = ' font-style="italic"'
HEAD = 8.5  # the length of an arrow's head

RUN = re.compile(
    r"_\{(?P<sub>[^}]*)\}|(?P<hat>[a-z]\u0302)|(?P<italic>(?<![A-Za-z])[A-Za-zα-ωΔ](?![A-Za-z]))|(?P<upright>[^_])"
)


def paint(colour: str) -> str:
    """The value of a fill or a stroke: a CSS variable and what holds where nobody has set it. "none" stays."""
    return colour if colour == "none" else f"var(--diagram-{colour}, {COLOURS[colour]})"


def number(value: float) -> str:
    """A coordinate with at most one decimal."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )


def path_of(points: Iterable[Point]) -> str:
    """The data of a path through the points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


class Drawing:
    """An SVG that grows by one element a call. `name` is the file's, and the prefix of all ids."""

    def __init__(self, name: str, title: str, description: str, height: int):
        self.name, self.title, self.description, self.height = name, title, description, height
        self.parts: list[str] = []
        self.definitions: dict[str, str] = {}

    @classmethod
    def bare(cls) -> Drawing:
        """For elements that become part of another drawing."""
        return cls("", "", "", 0)

    def define(self, name: str, element: str) -> str:
        """The full id of an element for later use, in which `{id}` stands for it. Defined at the first call."""
        full = f"{self.name}-{name}"
        self.definitions.setdefault(full, element.replace("{id}", full))
        return full

    def element(self, tag: str, content: str | None = None, **attributes: float | str | None) -> None:
        """Append an element. Names may have _ for -; fills and strokes are names of colours; None is left out."""
        words = [tag]
        for key, value in attributes.items():
            if value is not None:
                value = paint(str(value)) if key in ("fill", "stroke") else value
                value = number(value) if isinstance(value, float | int) and "opacity" not in key else str(value)
                words.append(f"{key.rstrip('_').replace('_', '-')}={quoteattr(value)}")
        self.parts.append(f"<{' '.join(words)}/>" if content is None else f"<{' '.join(words)}>{content}</{tag}>")

    def rectangle(self, x: float, y: float, width: float, height: float, radius: float = 6, **style) -> None:
        self.element("rect", x=x, y=y, width=width, height=height, rx=radius or None, **style)

    def circle(self, x: float, y: float, radius: float, **style) -> None:
        self.element("circle", cx=x, cy=y, r=radius, **style)

    def dots(self, centres: Iterable[Point], radius: float, fill: str = "code") -> None:
        """Many dots in one element."""
        data = "".join(f"M{number(x)} {number(y)}h0" for x, y in centres)
        self.path(data, stroke=fill, width=2 * radius, stroke_linecap="round")

    def ellipse(self, x: float, y: float, rx: float, ry: float, turn: float = 0, **style) -> None:
        """`turn` is in degrees, clockwise."""
        rotation = f"rotate({number(turn)} {number(x)} {number(y)})" if turn else None
        self.element("ellipse", cx=x, cy=y, rx=rx, ry=ry, transform=rotation, **style)

    def path(
        self, points: Iterable[Point] | str, fill: str = "none", stroke: str = "none", width: float = 1.6, **style
    ):
        """A line through points, or any path's data."""
        data = points if isinstance(points, str) else path_of(points)
        line: dict[str, Any] = (
            {} if stroke == "none" else {"stroke": stroke, "stroke_width": width, "stroke_linejoin": "round"}
        )
        self.element("path", d=data, fill=fill, **line, **style)

    def dashed(self, points: Iterable[Point] | str, stroke: str = "ink", dash: str = PRIOR_DASH, **style) -> None:
        self.path(points, stroke=stroke, stroke_dasharray=dash, **style)

    def arrow(self, *points: Point, colour: str = "ink", width: float = 1.6, dash: str | None = None) -> None:
        """A line through the points with a head at the last one."""
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        shaft = (x1 - 0.8 * HEAD * (x1 - x0) / length, y1 - 0.8 * HEAD * (y1 - y0) / length)
        self.path([*points[:-1], shaft], stroke=colour, width=width, stroke_dasharray=dash)
        self.head(points[-1], (x1 - x0, y1 - y0), colour)

    def bent_arrow(
        self, start: Point, c1: Point, c2: Point, end: Point, colour: str = "ink", dash: str | None = None
    ) -> None:
        """An arrow along a cubic Bézier curve."""
        dx, dy = end[0] - c2[0], end[1] - c2[1]
        length = math.hypot(dx, dy)
        tip = (end[0] - 0.8 * HEAD * dx / length, end[1] - 0.8 * HEAD * dy / length)
        numbers = " ".join(f"{number(x)} {number(y)}" for x, y in (c1, c2, tip))
        self.path(f"{path_of([start])}C{numbers}", stroke=colour, stroke_dasharray=dash)
        self.head(end, (dx, dy), colour)

    def head(self, tip: Point, along: Point, colour: str) -> None:
        """An arrow's head that ends at `tip` and looks along a direction."""
        length = math.hypot(*along)
        ux, uy = along[0] / length, along[1] / length
        back, side = HEAD, 0.42 * HEAD
        left = (tip[0] - back * ux - side * uy, tip[1] - back * uy + side * ux)
        right = (tip[0] - back * ux + side * uy, tip[1] - back * uy - side * ux)
        self.path(path_of([tip, left, right]) + "Z", fill=colour)

    def trapezoid(self, start: Point, width0: float, end: Point, width1: float, colour: str) -> None:
        """A network that narrows or widens along its axis, which is horizontal or vertical."""
        (x0, y0), (x1, y1) = start, end
        across = (0, 0.5) if y0 == y1 else (0.5, 0)
        corners = [(x0, y0, -width0), (x1, y1, -width1), (x1, y1, width1), (x0, y0, width0)]
        data = path_of((x + across[0] * w, y + across[1] * w) for x, y, w in corners) + "Z"
        self.path(data, fill=f"{colour}-wash", stroke=colour)

    def prior_circles(self, x: float, y: float, unit: float) -> None:
        """Where a standard normal prior has one and two standard deviations, of `unit` pixels, from (x, y)."""
        for reach in (1, 2):
            self.circle(x, y, reach * unit, fill="none", stroke="ink", stroke_width=1.4, stroke_dasharray=PRIOR_DASH)

    def window(self, x: float, y: float, width: float, height: float) -> None:
        """A tinted panel; what is drawn from now on, up to `end_window`, is cut off at its edges."""
        self.rectangle(x, y, width, height, radius=8, fill="wash")
        frame = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="8"'
        name = f"window-{number(x)}-{number(y)}".replace(".", "-")
        window = self.define(name, f'<clipPath id="{{id}}"><rect {frame}/></clipPath>')
        self.parts.append(f'<g clip-path="url(#{window})">')

    def end_window(self) -> None:
        self.parts.append("</g>")

    def cross(self, x: float, y: float, size: float = 6, colour: str = "error") -> None:
        """A mark that says: not this way."""
        data = path_of([(x - size, y - size), (x + size, y + size)]) + path_of(
            [(x - size, y + size), (x + size, y - size)]
        )
        self.path(data, stroke=colour, width=2.6, stroke_linecap="round")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = SIZE,
        anchor: str = "start",
        fill: str = "ink",
        bold: bool = False,
        turn: float = 0,
    ) -> None:
        """A line of text from (x, y), its baseline. What stands between dollar signs is mathematics: `$z_{n} = μ$`.

        `anchor` is start, middle or end, `turn` in degrees clockwise.
        """
        runs = text.split("$")
        content = "".join(mathematics(run, size) if i % 2 else escape(run) for i, run in enumerate(runs))
        style: dict[str, Any] = {"font_size": size, "fill": fill, "text_anchor": None if anchor == "start" else anchor}
        style |= {"font_weight": "bold"} if bold else {}
        style |= {"transform": f"rotate({number(turn)} {number(x)} {number(y)})"} if turn else {}
        self.element("text", content, x=x, y=y, **style)

    def lines(self, x: float, y: float, texts: Iterable[str], step: float = 18, **style) -> None:
        """Lines of text under each other."""
        for i, text in enumerate(texts):
            self.text(x, y + i * step, text, **style)

    def heading(self, x: float, y: float, text: str, note: str = "") -> None:
        """The finding of a panel, and what else belongs to it."""
        self.text(x, y, text, size=15.5, bold=True)
        if note:
            self.text(x, y + 19, note, size=SMALL, fill="muted")

    def svg(self) -> str:
        """The whole file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {WIDTH} {self.height}" '
            f'width="{WIDTH}" height="{self.height}" font-family="{SANS}">'
        )
        texts = (
            f"<title>{escape(self.title)}</title>",
            f"<desc>{escape(self.description)}</desc>",
        )
        paper = f'<rect width="{WIDTH}" height="{self.height}" rx="10" fill="{paint("paper")}"/>'
        definitions = f"<defs>{''.join(self.definitions.values())}</defs>" if self.definitions else ""
        return "\n".join(filter(None, [head, *texts, definitions, paper, *self.parts, "</svg>"])) + "\n"


def mathematics(text: str, size: float) -> str:
    """Tspans of a formula: single letters are slanted, words and digits upright; _{n} stands lower."""
    content, lowered = "", False
    for match in RUN.finditer(text):
        kind, run = match.lastgroup, match[match.lastgroup or 0]
        sub = kind == "sub"
        drop = f' dy="{number(0.22 * size if sub else -0.22 * size)}"' if sub != lowered else ""
        lowered = sub
        if kind == "hat":  # fonts place the combining sign badly: a circumflex of its own is moved over the letter
            content += f'<tspan{drop} font-style="italic">{run[0]}</tspan><tspan dx="-.36em">ˆ</tspan>'
        elif sub:
            content += f'<tspan{drop} font-size="{number(0.75 * size)}"{ITALIC * (len(run) == 1)}>{escape(run)}</tspan>'
        elif kind == "italic":
            content += f"<tspan{drop}{ITALIC}>{escape(run)}</tspan>"
        else:
            content += f"<tspan{drop}>{escape(run)}</tspan>" if drop else escape(run)
    return f'<tspan font-family="{SERIF}" font-size="{number(1.08 * size)}">{content}</tspan>'
