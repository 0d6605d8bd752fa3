"""The diagram of three walks between two pictures, in the latent space and as pictures."""

from __future__ import annotations

import math

from pages.diagrams.drawing import SMALL, Drawing, Point
from pages.diagrams.faces import Face, face, ghosts

ENDS = (Face(0.8), Face(-0.2, 0.0, "hair-dark", "skin-brown", beard=True))
RADIUS = 156  # of both codes, in pixels
ANGLES = (45.0, 135.0)  # of the codes, in degrees: codes of many numbers are nearly at right angles
ROWS = {"pixel blend": "ink", "lerp": "error-text", "slerp": "code-text"}
NOTES = ("the average", "the same average", "more contrast")  # if the decoder is affine
SIDE = 64  # of a picture


def three_walks() -> Drawing:
    """The chord and the arc between two codes, and what is half-way on each walk."""
    d = Drawing(
        "three-walks",
        "Three walks between two pictures",
        "Left: two codes at right angles. Lerp goes along the chord between them, which comes nearer to the origin; "
        "slerp goes along an arc. Right: the two pictures and what an affine decoder gives half-way: the pixel blend "
        "and lerp show two pale ghosts, slerp the same two ghosts with more contrast.",
        334,
    )
    _codes(d, (170, 276))
    d.heading(352, 34, "Half-way, if the decoder is affine")
    columns = (472, 551, 630)
    for row, ((name, colour), note) in enumerate(zip(ROWS.items(), NOTES, strict=True)):
        y = 76 + 80 * row
        d.text(352, y + 28, name, bold=True, fill=colour)
        d.text(352, y + 47, note, size=SMALL, fill="muted")
        for x, who in zip((columns[0], columns[2]), ENDS, strict=True):
            face(d, x, y, SIDE, who, frame="generated")
        _middle(d, columns[1], y, boosted=name == "slerp")
    for x, name in zip(columns, ("$g(z_{0})$", "$t = ½$", "$g(z_{1})$"), strict=True):
        d.text(x + SIDE / 2, 66, name, size=SMALL, anchor="middle")
    return d


def _codes(d: Drawing, origin: Point) -> None:
    """The plane through both codes and the origin."""
    x, y = origin
    d.heading(24, 34, "The chord and the arc")
    ends = [_at(origin, angle) for angle in ANGLES]
    for end in ends:
        d.path([origin, end], stroke="line", width=1.4)
    d.path([ends[0], ends[1]], stroke="error", width=2.6)
    steps = [ANGLES[0] + (ANGLES[1] - ANGLES[0]) * i / 30 for i in range(31)]
    d.path([_at(origin, angle) for angle in steps], stroke="code", width=2.6)
    middle = sum(ANGLES) / 2
    shrunk = math.cos(math.radians(ANGLES[1] - ANGLES[0]) / 2)
    for share, colour, name in ((1.0, "code", "slerp"), (shrunk, "error", "lerp")):
        spot = _at(origin, middle, share)
        d.circle(*spot, 5, fill=colour, stroke="paper", stroke_width=1.5)
        d.text(spot[0] + 4, spot[1] - 12, name, fill=f"{colour}-text", bold=True, anchor="middle")
    d.text(ends[0][0] + 10, ends[0][1] + 4, "$z_{1}$")
    d.text(ends[1][0] - 10, ends[1][1] + 4, "$z_{0}$", anchor="end")
    for spot in (*ends, origin):
        d.circle(*spot, 5, fill="ink", stroke="paper", stroke_width=1.5)
    d.text(x + 12, y + 6, "0, decoded to $c$")


def _at(origin: Point, angle: float, share: float = 1.0) -> Point:
    """A point at an angle in degrees, at that share of the codes' distance from the origin."""
    turn = math.radians(angle)
    return origin[0] + share * RADIUS * math.cos(turn), origin[1] - share * RADIUS * math.sin(turn)


def _middle(d: Drawing, x: float, y: float, boosted: bool) -> None:
    """Half of each picture, with more contrast if boosted."""
    if boosted:
        slopes = "".join(f'<feFunc{c} type="linear" slope="1.41" intercept="-0.33"/>' for c in "RGB")
        transfer = f"<feComponentTransfer>{slopes}</feComponentTransfer>"
        name = d.define("contrast", f'<filter id="{{id}}" color-interpolation-filters="sRGB">{transfer}</filter>')
        d.parts.append(f'<g filter="url(#{name})">')
    ghosts(d, x, y, SIDE, [(ENDS[0], 1, ""), (ENDS[1], 0.5, "")], "generated", 0)
    if boosted:
        d.parts.append("</g>")
    d.rectangle(x, y, SIDE, SIDE, radius=0.08 * SIDE, fill="none", stroke="generated", stroke_width=2)
