"""Diagrams of a training run: its two loops and its files, and where in a step the exhibits of the bug museum stand."""

from __future__ import annotations

from collections.abc import Sequence

from pages.diagrams.drawing import GRADIENT_DASH, PRIOR_DASH, SMALL, WIDTH, Drawing, Point
from pages.diagrams.faces import Face, face

FACES = (
    Face(0.8),
    Face(0.1, 0.0, "hair-dark", "skin-brown", beard=True),
    Face(0.3, 0.4, "hair-fair", glasses=True),
    Face(0.7, 0.9, "hair-dark", "skin-pale"),
)
FILES = {"history.csv": "a line for each epoch", "pictures/": "faces and samples", "model.safetensors": "the weights"}
STATE = "resume.safetensors"


def training_run() -> Drawing:
    """The step inside of the epoch, and the files that make a run resumable."""
    d = Drawing(
        "training-run",
        "A training run",
        "In every step a shuffled batch is read from the data and goes through encoder and decoder to the loss. Its "
        "gradient goes to the optimiser, which changes the weights. After the last batch of an epoch the model is "
        "validated on held-out images and four files are written. A run that was stopped resumes from the last of "
        "them with the next epoch.",
        438,
    )
    y = 124
    d.heading(24, 34, "Every step")
    _stack(d, 34, y - 31, 56)
    _under(d, 66, y, "data", "bytes in one file")
    _batch(d, 178, y)
    _under(d, 178, y, "batch", "shuffled, mirrored")
    _networks(d, 268, y)
    _under(d, 338, y, "encoder, decoder")
    _pill(d, 484, y, 84, "loss")
    d.text(484, y + 38, "nats per image", size=SMALL, anchor="middle", fill="muted")
    d.rectangle(584, y - 27, 100, 54, radius=8, fill="wash", stroke="ink", stroke_width=1.6)
    d.text(634, y + 5, "optimiser", anchor="middle", bold=True)
    d.text(634, y + 46, "Adam, rate $η(t)$", size=SMALL, anchor="middle", fill="muted")
    for start, end in ((112, 138), (218, 260), (416, 438)):
        d.arrow((start, y), (end, y), colour="muted", width=1.6)
    d.arrow((530, y), (579, y), colour="error", dash=GRADIENT_DASH)
    d.text(554, y - 12, "gradient", size=SMALL, anchor="middle", fill="error-text")
    d.bent_arrow((634, y - 32), (634, y - 88), (338, y - 100), (338, y - 50), "ink")
    d.text(560, y - 83, "new weights", size=SMALL, anchor="middle")
    _epoch(d, 312)
    return d


def _epoch(d: Drawing, y: float) -> None:
    """Validation and files, below the step; the way of a resumed run back to the data."""
    d.heading(140, y - 62, "After every epoch")
    d.arrow((338, y - 116), (338, y - 40), colour="muted", width=1.6)
    d.text(348, y - 78, "after the last batch", size=SMALL, fill="muted")
    face(d, 166, y - 28, 56, FACES[2])
    d.text(194, y + 48, "held-out images", size=SMALL, anchor="middle", fill="muted")
    d.arrow((228, y), (270, y), colour="muted", width=1.6)
    d.rectangle(276, y - 34, 124, 68, radius=8, fill="code-wash", stroke="code", stroke_width=1.6)
    d.lines(338, y - 5, ("validate,", "write files"), anchor="middle", fill="code-text", bold=True)
    d.arrow((406, y), (446, y), colour="muted", width=1.6)
    for i, (name, what) in enumerate(FILES.items()):
        _file(d, 454, y - 52 + 38 * i, name, what, "muted")
    _file(d, 454, y - 52 + 38 * len(FILES), STATE, "written last", "code")
    low = y + 78
    d.dashed([(448, low), (66, low), (66, y - 98)], stroke="code", dash=PRIOR_DASH, width=1.8)
    d.head((66, y - 102), (0, -1), "code")
    d.text(76, low + 24, "--resume: go on with the next epoch", fill="code-text")


def _file(d: Drawing, x: float, y: float, name: str, what: str, colour: str) -> None:
    """A sheet of paper with its name, and what it holds."""
    d.path([(x, y), (x + 13, y), (x + 19, y + 6), (x + 19, y + 25), (x, y + 25), (x, y)], stroke=colour, fill="wash")
    d.text(x + 28, y + 17, name, bold=True, size=SMALL)
    d.text(WIDTH - 24, y + 17, what, size=SMALL, fill="muted", anchor="end")


def _stack(d: Drawing, x: float, y: float, side: float) -> None:
    """Pictures that lie on each other."""
    for i, who in enumerate(FACES[:3]):
        face(d, x + 7 * (2 - i), y - 7 * (2 - i) + 7, side, who)


def _batch(d: Drawing, x: float, y: float) -> None:
    """Four pictures in a square whose centre is (x, y)."""
    for i, who in enumerate(FACES):
        face(d, x - 34 + 36 * (i % 2), y - 34 + 36 * (i // 2), 32, who)


def _networks(d: Drawing, x: float, y: float) -> None:
    """An encoder and a decoder, 140 wide together."""
    d.trapezoid((x, y), 84, (x + 60, y), 40, "code")
    d.trapezoid((x + 80, y), 40, (x + 140, y), 84, "generated")
    d.arrow((x + 63, y), (x + 78, y), colour="muted", width=1.3)


def _pill(d: Drawing, x: float, y: float, width: float, text: str) -> None:
    """A loss, its centre at (x, y)."""
    style = {"fill": "error-wash", "stroke": "error", "stroke_width": 1.6}
    d.rectangle(x - width / 2, y - 19, width, 38, radius=19, **style)
    d.text(x, y + 5, text, anchor="middle")


def _under(d: Drawing, x: float, y: float, name: str, note: str = "") -> None:
    """The name of a thing, and a note if there is one, below it."""
    d.text(x, y + 60, name, anchor="middle")
    if note:
        d.text(x, y + 78, note, size=SMALL, anchor="middle", fill="muted")


ROOMS = {  # of the museum: its exhibits by number, in a few words
    "Room 1: the draw": {1: "σ = exp(logvar)", 2: "rand for randn", 3: "one ε for all", 4: "no gradient"},
    "Room 2: the loss": {5: "sign of the kl", 6: "mean for sum", 7: "two sigmoids", 8: "a floor above 0"},
    "Room 3: model and loop": {9: "sigmoid on μ", 10: "eval() stays", 11: "no zero_grad", 12: "discriminator idle"},
    "Room 4: the pixels": {13: "bytes wrap around", 14: "reshape", 15: "0 to 255"},
}


def bug_museum() -> Drawing:
    """One training step, with the exhibits at their places."""
    d = Drawing(
        "bug-museum",
        "Where the bugs sit",
        "One training step from left to right: pixels, encoder, μ and log-variance, the draw z with ε from outside, "
        "decoder, reconstruction, and the loss, which is the sum of nll and kl. Below, the gradient goes back to the "
        "optimiser. Numbers of the fifteen exhibits stand at the parts that they concern.",
        448,
    )
    y = 132
    d.heading(24, 34, "One training step, and the fifteen exhibits")
    face(d, 24, y - 32, 64, FACES[0])
    d.text(56, y + 52, "pixels $x$", anchor="middle")
    d.trapezoid((116, y), 92, (200, y), 48, "code")
    d.text(157, y + 5, "encoder", anchor="middle", fill="code-text", bold=True)
    for level, name in ((y - 26, "$μ$"), (y + 26, "logvar")):
        d.rectangle(226, level - 15, 58, 30, radius=8, fill="code-wash", stroke="code", stroke_width=1.6)
        d.text(255, level + 5, name, anchor="middle", fill="code-text")
        d.arrow((204, y + 0.4 * (level - y)), (221, level), colour="muted", width=1.3)
        d.arrow((288, level), (322, y + 0.3 * (level - y)), colour="muted", width=1.3)
    d.rectangle(328, y - 18, 36, 36, radius=8, fill="code-wash", stroke="code", stroke_width=1.8)
    d.text(346, y + 6, "$z$", size=17, anchor="middle")
    d.circle(346, y - 66, 17, fill="wash", stroke="ink", stroke_width=1.6, stroke_dasharray="4 3")
    d.text(346, y - 61, "$ε$", size=17, anchor="middle")
    d.arrow((346, y - 46), (346, y - 22))
    d.trapezoid((392, y), 48, (476, y), 92, "generated")
    d.text(436, y + 5, "decoder", anchor="middle", fill="generated-text", bold=True)
    face(d, 502, y - 32, 64, FACES[0], frame="generated", soft=1.6)
    d.text(534, y + 52, "$x\u0302$", anchor="middle")
    for start, end in ((92, 112), (368, 388), (480, 498)):
        d.arrow((start, y), (end, y), colour="muted", width=1.3)
    d.arrow((570, y - 12), (600, y - 22), colour="muted", width=1.3)
    d.arrow((255, y + 45), (255, y + 70), (584, y + 70), (584, y + 24), (600, y + 24), colour="muted", width=1.3)
    _pill(d, 650, y - 24, 92, "nll")
    _pill(d, 650, y + 24, 92, "kl")
    d.arrow((636, y + 48), (636, y + 104), (392, y + 104), colour="error", dash=GRADIENT_DASH)
    d.text(520, y + 96, "gradient", size=SMALL, anchor="middle", fill="error-text")
    d.rectangle(262, y + 84, 124, 40, radius=8, fill="wash", stroke="ink", stroke_width=1.6)
    d.text(324, y + 109, "optimiser step", anchor="middle")
    d.arrow((258, y + 104), (158, y + 104), (158, y + 50), colour="ink")
    d.text(204, y + 122, "new weights", size=SMALL, anchor="middle")
    places: dict[Point, Sequence[int]] = {
        (56, y - 48): (13, 14, 15),
        (158, y - 58): (10,),
        (255, y - 58): (9,),
        (305, y - 36): (1,),
        (394, y - 70): (2, 3),
        (346, y + 36): (4,),
        (446, y - 58): (7, 10),
        (650, y - 62): (6, 7, 8),
        (670, y + 62): (5, 6),
        (324, y + 142): (11, 12),
    }
    for (x, level), numbers in places.items():
        _badges(d, x, level, numbers)
    _rooms(d, 326)
    return d


def _badges(d: Drawing, x: float, y: float, numbers: Sequence[int]) -> None:
    """The numbers of exhibits in circles, side by side, the middle of all at (x, y)."""
    for i, exhibit in enumerate(numbers):
        centre = x + 25 * (i - (len(numbers) - 1) / 2)
        d.circle(centre, y, 11, fill="error-wash", stroke="error", stroke_width=1.4)
        d.text(centre, y + 4.5, str(exhibit), size=SMALL, anchor="middle", fill="error-text", bold=True)


def _rooms(d: Drawing, y: float) -> None:
    """The list of exhibits, a column for each room."""
    d.path([(24, y - 24), (WIDTH - 24, y - 24)], stroke="line", width=1.2)
    for column, (room, exhibits) in enumerate(ROOMS.items()):
        x = 24 + 172 * column
        d.text(x, y, room, size=SMALL, bold=True)
        for row, (exhibit, bug) in enumerate(exhibits.items()):
            d.text(x + 16, y + 24 + 22 * row, str(exhibit), size=SMALL, anchor="end", fill="error-text", bold=True)
            d.text(x + 24, y + 24 + 22 * row, bug, size=SMALL)
