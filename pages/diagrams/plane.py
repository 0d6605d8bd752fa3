"""A plane with axes, in which curves are drawn from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.diagrams.drawing import SMALL, Drawing, Point, path_of


@dataclass(frozen=True)
class Plane:
    """A box of a drawing, (left, top, right, bottom), and the range of numbers that it shows."""

    drawing: Drawing
    box: tuple[float, float, float, float]
    xlim: tuple[float, float]
    ylim: tuple[float, float]

    def x(self, value: float) -> float:
        left, _, right, _ = self.box
        return left + (right - left) * (value - self.xlim[0]) / (self.xlim[1] - self.xlim[0])

    def y(self, value: float) -> float:
        _, top, _, bottom = self.box
        return bottom - (bottom - top) * (value - self.ylim[0]) / (self.ylim[1] - self.ylim[0])

    def at(self, x: float, y: float) -> Point:
        return self.x(x), self.y(y)

    def curve(self, xs: np.ndarray, ys: np.ndarray) -> list[Point]:
        """The points of a curve, without those that lie outside of the box."""
        (x0, x1), (y0, y1) = self.xlim, self.ylim
        return [self.at(x, y) for x, y in zip(xs, ys, strict=True) if x0 <= x <= x1 and y0 <= y <= y1]

    def area(self, xs: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
        """The outline of what lies between two curves."""
        return path_of([*self.curve(xs, high), *reversed(self.curve(xs, low))]) + "Z"

    def bump(self, xs: np.ndarray, ys: np.ndarray) -> str:
        """A density over the axis, without its invisible ends. It is open: a line along the axis is not drawn."""
        seen = ys > 0.004 * (self.ylim[1] - self.ylim[0])
        return path_of(self.curve(xs[seen], ys[seen]))

    def axes(self, xlabel: str = "", ylabel: str = "") -> None:
        """Arrows from the lower left corner, with the names of what they show. The vertical one needs a name."""
        left, top, right, bottom = self.box
        self.drawing.arrow((left, bottom), (right, bottom), colour="muted", width=1.2)
        if xlabel:
            self.drawing.text(right, bottom + 36, xlabel, size=SMALL, fill="muted", anchor="end")
        if ylabel:
            self.drawing.arrow((left, bottom), (left, top), colour="muted", width=1.2)
            self.drawing.text(left + 10, top + 5, ylabel, size=SMALL, fill="muted")

    def levels(self, values: Sequence[float]) -> None:
        """Marks with numbers on the vertical axis."""
        left = self.box[0]
        for value in values:
            self.drawing.path([(left - 4, self.y(value)), (left, self.y(value))], stroke="muted", width=1.2)
            label = f"{value:g}".replace("-", "−")
            self.drawing.text(left - 8, self.y(value) + 4.5, label, size=SMALL, fill="muted", anchor="end")

    def ticks(self, values: Sequence[float]) -> None:
        """Marks with numbers on the horizontal axis."""
        bottom = self.box[3]
        for value in values:
            self.drawing.path([(self.x(value), bottom), (self.x(value), bottom + 4)], stroke="muted", width=1.2)
            label = f"{value:g}".replace("-", "−")
            self.drawing.text(self.x(value), bottom + 17, label, size=SMALL, fill="muted", anchor="middle")


def gaussian(z: np.ndarray, mean: float = 0.0, sigma: float = 1.0) -> np.ndarray:
    """The density of N(mean, sigma²) at z."""
    return np.exp(-(((z - mean) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))
