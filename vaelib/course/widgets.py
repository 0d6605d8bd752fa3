"""Pictures with sliders, for JupyterLab. They need ipywidgets, which comes with the course and not with the library.

A static page cannot call Python, so a chapter first shows a figure for some positions of the sliders, and then the
sliders themselves, which `notebooks/execute.py` does not store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, cast

from PIL import Image

if TYPE_CHECKING:
    from ipywidgets import DOMWidget, VBox

POSITIONS = 48  # of a slider, from end to end

Control = tuple[float, float, float] | Sequence[str]


def explore(draw: Callable[..., Image.Image], **controls: Control) -> VBox:
    """A picture under its controls: whenever one is moved, the picture becomes `draw(**values)`.

    A control is either (lowest, highest, first) for a slider, or a list of texts to choose from, of which the first is
    selected. Its name is the name of the argument of `draw`; with spaces for underscores it is the label.
    """
    from ipywidgets import Image as Picture
    from ipywidgets import Layout, VBox

    handles = {name: _handle(name, control) for name, control in controls.items()}
    picture = Picture(format="png")

    def redraw(_change: object = None) -> None:
        picture.value = _png(draw(**{name: handle.value for name, handle in handles.items()}))

    for handle in handles.values():
        handle.observe(redraw, names="value")
    redraw()
    return VBox([*handles.values(), picture], layout=Layout(align_items="flex-start"))  # not stretched


def _handle(name: str, control: Control) -> DOMWidget:
    from ipywidgets import Dropdown, FloatSlider, Layout

    look = {"description": name.replace("_", " "), "layout": Layout(width="30em")}
    look["style"] = {"description_width": "8em"}
    if all(isinstance(choice, str) for choice in control):
        return Dropdown(options=list(control), **look)
    lowest, highest, first = cast(tuple[float, float, float], control)
    step = (highest - lowest) / POSITIONS
    return FloatSlider(first, min=lowest, max=highest, step=step, readout_format=".2f", **look)


def _png(picture: Image.Image) -> bytes:
    encoded = BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()
