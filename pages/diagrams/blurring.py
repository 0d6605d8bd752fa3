"""The diagram of why a mean is blurred: mouths that differ a little, their mean, and the spectra of both."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from pages.diagrams.drawing import WIDTH, Drawing, number, path_of
from pages.diagrams.plane import Plane

CARD = (100, 72)  # pixels of a picture of a mouth, which are those of its spectrum
LIP = 6  # the width of the stroke
SHOWN, AVERAGED = 4, 160
LEVELS = np.linspace(0.03, 0.5, 12)  # of the mean, of which each is drawn as a contour
FINEST = 15  # the highest frequency that is shown, in periods per card


def mouths(n: int) -> np.ndarray:
    """n mouths as centre x, centre y, and bend (n, 3), in pixels of a card."""
    rng = np.random.default_rng(3)
    return np.array([50, 36, 11]) + [3.5, 4.5, 6.5] * rng.standard_normal((n, 3)).clip(-2, 2)


def curve(mouth: np.ndarray) -> np.ndarray:
    """Points (25, 2) of the line of a mouth, a quadratic Bézier curve."""
    x, y, bend = mouth
    t = np.linspace(0, 1, 25)
    return np.stack([x + 52 * (t - 0.5), y + bend * (4 * t * (1 - t) - 0.5)], axis=1)


def picture(mouth: np.ndarray) -> np.ndarray:
    """A mouth as an image (72, 100) in [0, 1]."""
    pixels = np.stack(np.meshgrid(np.arange(CARD[0]) + 0.5, np.arange(CARD[1]) + 0.5), axis=-1)
    distance = np.linalg.norm(pixels[:, :, None] - curve(mouth), axis=-1).min(-1)
    return (LIP / 2 - distance + 0.5).clip(0, 1)


def spectrum(image: np.ndarray) -> np.ndarray:
    """Mean power at the frequencies 1 … FINEST, in periods per width of a card."""
    power = np.abs(np.fft.fft2(image, s=(CARD[0], CARD[0]))) ** 2
    k = np.fft.fftfreq(CARD[0], 1 / CARD[0])
    rings = np.hypot(*np.meshgrid(k, k)).round()
    return np.array([power[rings == f].mean() for f in range(1, FINEST + 1)])


def blur() -> Drawing:
    """Sharp mouths, their mean, and the spectra of both."""
    d = Drawing(
        "blur",
        "Why a mean is blurred",
        "Above: four sharp mouths that differ a little in place and bend, and the mean of many such mouths, a "
        "blurred band. Below: the power spectrum of a sharp mouth and of the mean. They agree for coarse "
        "structure; the mean loses the fine part.",
        426,
    )
    d.heading(24, 32, "Sharp mouths, equally plausible")
    d.heading(WIDTH - 24 - CARD[0], 32, "Their mean")
    pictures = np.stack([picture(mouth) for mouth in mouths(AVERAGED)])
    for i, mouth in enumerate(mouths(SHOWN)):
        _card(d, 24 + 116 * i, 48, "truth", _line(mouth))
    for i in range(3):
        d.circle(492 + 9 * i, 84, 2.2, fill="muted")
    d.arrow((532, 84), (582, 84), colour="generated", width=2)
    _card(d, WIDTH - 24 - CARD[0], 48, "generated", _contours(pictures.mean(0)))
    _spectra(d, pictures)
    return d


def _card(d: Drawing, x: float, y: float, frame: str, content: str) -> None:
    """A picture of a mouth with its upper left corner at (x, y)."""
    d.rectangle(x, y, *CARD, radius=8, fill="skin-pale")
    d.element("g", content, transform=f"translate({number(x)} {number(y)})")
    d.rectangle(x, y, *CARD, radius=8, fill="none", stroke=frame, stroke_width=2)


def _line(mouth: np.ndarray) -> str:
    """The element of one mouth."""
    inner, (x, y, bend) = Drawing.bare(), mouth
    level, low = number(y - bend / 2), number(y + 1.5 * bend)
    data = f"M{number(x - 26)} {level}Q{number(x)} {low} {number(x + 26)} {level}"
    inner.path(data, stroke="lips", width=LIP, stroke_linecap="round")
    return inner.parts[0]


def _contours(mean: np.ndarray) -> str:
    """The elements of a grey image: areas over each other, which together are as opaque as the image is."""
    inner, before = Drawing.bare(), 0.0
    outlines = Figure().subplots().contour(np.pad(mean, 1), levels=LEVELS).allsegs  # for each level
    for level, rounds in zip(LEVELS, outlines, strict=True):
        opacity = level + (LEVELS[1] - LEVELS[0]) / 2
        data = "".join(path_of(points[::2] - 0.5) + "Z" for points in rounds)
        inner.path(data, fill="lips", fill_opacity=f"{(opacity - before) / (1 - before):.3f}", fill_rule="evenodd")
        before = opacity
    return "".join(inner.parts)


def _spectra(d: Drawing, pictures: np.ndarray) -> None:
    """Power against frequency of the sharp pictures (n, 72, 100), on average, and of their mean."""
    sharp, soft = np.mean([spectrum(p) for p in pictures], axis=0), spectrum(pictures.mean(0))
    k = np.arange(1, FINEST + 1)
    high, low = np.log10(sharp), np.log10(soft)
    plane = Plane(d, (60, 184, WIDTH - 24, 376), (0, FINEST + 0.5), (low.min() - 0.2, high.max() + 0.3))
    d.heading(24, 166, "The mean keeps coarse structure and loses detail")
    d.path(plane.area(k, low, high), fill="error-wash")
    d.path(plane.curve(k, high), stroke="truth", width=3.5)
    d.path(plane.curve(k, low), stroke="generated", width=2.6)
    plane.axes("spatial frequency: periods per picture", "power (logarithmic)")
    plane.ticks(range(5, FINEST + 1, 5))
    d.text(plane.x(8.5), plane.y(high[8]) - 14, "a sharp mouth, on average", fill="muted")
    d.text(plane.x(5), plane.y(low[5]) + 24, "the mean", fill="generated-text", anchor="end")
    d.text(plane.x(11), plane.y((high[10] + low[10]) / 2) + 5, "lost by averaging", fill="error-text", anchor="middle")
