"""Faces in a few strokes. They stand for the images that a model reads or generates."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pages.diagrams.drawing import Drawing, number, paint


@dataclass(frozen=True)
class Face:
    """What may differ: `smile` from -1 to 1, the length of `hair` from 0 to 1, the `shift` of the features in 1/100."""

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
    box = d.define("box", '<clipPath id="{id}"><rect width="100" height="100" rx="8"/></clipPath>')
    layers = []
    for who, opacity, turn in people:
        style = (f' opacity="{opacity:.2g}"' if opacity < 1 else "") + (f' transform="{turn}"' if turn else "")
        layers.append(f"<g{style}>{_person(d, who)}</g>" if style else _person(d, who))
    softness = f' filter="url(#{blur(d, soft)})"' if soft else ""
    move = f"translate({number(x)} {number(y)}) scale({size / 100:.3g})"
    content = f'<rect width="100" height="100" fill="{paint("backdrop")}"/><g{softness}>{"".join(layers)}</g>'
    d.element("g", content, transform=move, clip_path=f"url(#{box})")
    d.rectangle(x, y, size, size, radius=0.08 * size, fill="none", stroke=frame, stroke_width=2)


def blur(drawing: Drawing, deviation: float) -> str:
    """The id of a filter."""
    blurring = f'<feGaussianBlur stdDeviation="{number(deviation)}"/>'
    name = f"soft-{number(deviation).replace('.', '-')}"
    return drawing.define(name, f'<filter id="{{id}}" x="0" y="0" width="1" height="1">{blurring}</filter>')


def _person(d: Drawing, who: Face) -> str:
    """The elements of a face in a square of 100. What faces have in common is drawn once and used again."""
    common = replace(who, smile=0, hair=float(who.hair >= 0.5))
    inner = Drawing.bare()
    for part in (_shoulders, _head, _features):
        part(inner, common)
    name = "-".join(("head", who.colour, who.skin, *(f"{float(x):g}" for x in (common.hair, who.glasses, who.beard))))
    head = d.define(f"{name}-{number(who.shift)}", f'<g id="{{id}}">{"".join(inner.parts)}</g>')
    behind, front = Drawing.bare(), Drawing.bare()
    if who.hair > 0.15:
        end = number(50 + 40 * who.hair)
        behind.path(f"M22 44C20 {end} 18 {end} 22 {end}L78 {end}C82 {end} 80 {end} 78 44Z", fill=who.colour)
    mouth(front, 50 + who.shift, 67, who.smile)
    return f'{"".join(behind.parts)}<use href="#{head}"/>{"".join(front.parts)}'


def _shoulders(d: Drawing, who: Face) -> None:
    d.path("M14 101C16 84 34 82 50 82C66 82 84 84 86 101Z", fill="cloth")
    d.path("M42 70L42 84C44 90 56 90 58 84L58 70Z", fill=who.skin)


def _head(d: Drawing, who: Face) -> None:
    """Skin, ears where hair does not hide them, beard, and the hair on top."""
    if not who.hair:
        d.dots([(26.5, 50), (73.5, 50)], 5, who.skin)
    d.path("M27 42C27 24 73 24 73 42C74 64 64 79 50 79C36 79 26 64 27 42Z", fill=who.skin)
    if who.beard:
        lower = "C73 70 63 81 50 81C37 81 27 70 27 52Z"
        d.path(f"M27 52C30 60 36 58 40 59C46 61 54 61 60 59C64 58 70 60 73 52{lower}", fill=who.colour)
    d.path("M24 48C18 12 82 12 76 48C75 40 72 36 68 33C58 38 42 36 34 32C29 36 25 40 24 48Z", fill=who.colour)


def _features(d: Drawing, who: Face) -> None:
    """Eyes, brows, nose, glasses."""
    left, right = 39.5 + who.shift, 60.5 + who.shift
    d.dots([(left, 48), (right, 48)], 4, "white")
    d.dots([(left, 48), (right, 48)], 2.5, "pupil")
    brows = "".join(f"M{number(x - 5)} 41Q{number(x)} 38 {number(x + 5)} 41" for x in (left, right))
    d.path(brows, stroke="shade", width=2, stroke_linecap="round")
    if who.glasses:
        rims = "".join(f"M{number(x - 8)} 48.5a8 8 0 1 0 16 0a8 8 0 1 0-16 0" for x in (left, right))
        d.path(f"{rims}M{number(left + 8)} 47.6h5", stroke="pupil", width=2.4)
    nose = 50 + 1.3 * who.shift
    d.path(f"M{number(nose - 2.5)} 57.5q2.5 2.5 5.5 0", stroke="shade", width=1.6, stroke_opacity=0.6)


def mouth(d: Drawing, x: float, y: float, smile: float, width: float = 9.5) -> None:
    """A mouth around a point: open if it smiles widely, a line otherwise."""
    left, right, bend = number(x - width), number(x + width), 7.5 * smile
    top = number(y - 0.35 * bend)
    lip = f"M{left} {top}Q{number(x)} "
    if smile > 0.5:
        open_mouth = f"{lip}{number(y + 0.4 * bend)} {right} {top}Q{number(x)} {number(y + 2.2 * bend)} {left} {top}Z"
        d.path(open_mouth, fill="white", stroke="lips", width=2)
    else:
        d.path(f"{lip}{number(y + 1.3 * bend)} {right} {top}", stroke="lips", width=2.8, stroke_linecap="round")
