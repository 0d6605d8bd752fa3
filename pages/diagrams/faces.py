"""Faces in a few strokes. They stand for the images that a model reads or generates."""

from __future__ import annotations

from dataclasses import dataclass

from pages.diagrams.drawing import Drawing, number


@dataclass(frozen=True)
class Face:
    """What may differ. `smile` is from -1 to 1, `hair` its length from 0 to 1; the shift moves the features, in 1/100."""

    smile: float = 0.6
    hair: float = 1.0
    colour: str = "hair-red"
    skin: str = "skin-pale"
    glasses: bool = False
    beard: bool = False
    shift: float = 0.0


def face(
    drawing: Drawing, x: float, y: float, size: float, who: Face = Face(), frame: str = "truth", soft: float = 0
) -> None:
    """Draw a face into a square with this upper left corner. `soft` blurs it, by so many hundredths of its size."""
    ghosts(drawing, x, y, size, [(who, 1, "")], frame, soft)


def broken(drawing: Drawing, x: float, y: float, size: float, between: tuple[Face, Face], share: float) -> None:
    """What a decoder may make of a code that it has never seen: parts of two faces, `share` of them from the second."""
    amount = 4 * share * (1 - share)  # 1 half-way, 0 at both ends
    first = (between[0], 1 - 0.45 * share, f"rotate({number(-9 * amount)} 60 70)")
    second = (
        between[1],
        share**0.7,
        f"translate({number(13 * amount)} {number(-9 * amount)}) rotate({number(16 * amount)})",
    )
    ghosts(drawing, x, y, size, [first, second], "error", 2.6 * amount)


def ghosts(
    d: Drawing, x: float, y: float, size: float, people: list[tuple[Face, float, str]], frame: str, soft: float
) -> None:
    """Faces over each other in one square, each with its opacity and with a transform of its own."""
    d.rectangle(x, y, size, size, radius=0.08 * size, fill="backdrop")
    move = f"translate({number(x)} {number(y)}) scale({size / 100:.3g})"
    layers = []
    for who, opacity, turn in people:
        inner = Drawing(d.name, "", "", 0)
        inner.parts.clear()
        for part in (_hair_behind, _head, _features):
            part(inner, who)
        style = (f' opacity="{opacity:.2g}"' if opacity < 1 else "") + (f' transform="{turn}"' if turn else "")
        layers.append(f"<g{style}>{''.join(inner.parts)}</g>" if style else "".join(inner.parts))
    d.element("g", "".join(layers), transform=move, filter=blur(d, soft) if soft else None)
    d.rectangle(x, y, size, size, radius=0.08 * size, fill="none", stroke=frame, stroke_width=2)


def blur(drawing: Drawing, deviation: float) -> str:
    """The reference to a filter, which is defined on first use."""
    name = f"{drawing.name}-soft-{number(deviation).replace('.', '-')}"
    definition = f'<filter id="{name}" x="0" y="0" width="1" height="1"><feGaussianBlur stdDeviation="{number(deviation)}"/></filter>'
    if definition not in drawing.parts:
        drawing.parts.insert(0, definition)
    return f"url(#{name})"


def _hair_behind(d: Drawing, who: Face) -> None:
    """Shoulders, and the hair that falls on them."""
    end = 50 + 40 * who.hair
    if who.hair > 0.15:
        d.path(
            f"M22 44C20 {number(end)} 18 {number(end)} 22 {number(end)}L78 {number(end)}C82 {number(end)} 80 {number(end)} 78 44Z",
            fill=who.colour,
        )
    d.path("M14 99C16 84 34 82 50 82C66 82 84 84 86 99Z", fill="cloth")
    d.path("M42 70L42 84C44 90 56 90 58 84L58 70Z", fill=who.skin)


def _head(d: Drawing, who: Face) -> None:
    """Skin, ears where hair does not hide them, and the hair on top."""
    if who.hair < 0.5:
        d.circle(26.5, 50, 5, fill=who.skin)
        d.circle(73.5, 50, 5, fill=who.skin)
    d.path("M27 42C27 24 73 24 73 42C74 64 64 79 50 79C36 79 26 64 27 42Z", fill=who.skin)
    if who.beard:
        d.path(
            "M27 52C30 60 36 58 40 59C46 61 54 61 60 59C64 58 70 60 73 52C73 70 63 81 50 81C37 81 27 70 27 52Z",
            fill=who.colour,
            fill_opacity=0.9,
        )
    d.path("M24 48C18 12 82 12 76 48C75 40 72 36 68 33C58 38 42 36 34 32C29 36 25 40 24 48Z", fill=who.colour)


def _features(d: Drawing, who: Face) -> None:
    """Eyes, brows, nose, mouth, glasses."""
    for side in (-1, 1):
        x = 50 + side * 10.5 + who.shift
        d.ellipse(x, 48, 4.4, 3.2, fill="white")
        d.circle(x + 0.2 * who.shift, 48, 2.5, fill="pupil")
        d.path(
            f"M{number(x - 5)} 41.6Q{number(x)} 38.6 {number(x + 5)} 41.6",
            stroke="shade",
            width=2,
            stroke_linecap="round",
        )
        if who.glasses:
            d.circle(x, 48.5, 8, fill="none", stroke="pupil", stroke_width=2.4)
    if who.glasses:
        d.path(f"M{number(47.8 + who.shift)} 47.6h4.4", stroke="pupil", width=2.4)
    nose = 50 + 1.3 * who.shift
    d.path(
        f"M{number(nose - 2.5)} 57.5Q{number(nose)} 60 {number(nose + 3)} 57.5",
        stroke="shade",
        width=1.6,
        stroke_opacity=0.6,
    )
    mouth(d, 50 + who.shift, 67, who.smile)


def mouth(d: Drawing, x: float, y: float, smile: float, width: float = 9.5, colour: str = "lips") -> None:
    """A mouth around a point: open if it smiles widely, a line otherwise."""
    left, right, bend = number(x - width), number(x + width), 7.5 * smile
    top = number(y - 0.35 * bend)
    if smile > 0.5:
        d.path(
            f"M{left} {top}Q{number(x)} {number(y + 0.4 * bend)} {right} {top}Q{number(x)} {number(y + 2.2 * bend)} {left} {top}Z",
            fill="white",
            stroke=colour,
            width=2,
        )
    else:
        d.path(
            f"M{left} {top}Q{number(x)} {number(y + 1.3 * bend)} {right} {top}",
            stroke=colour,
            width=2.8,
            stroke_linecap="round",
        )
