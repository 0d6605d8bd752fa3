"""A Sphinx extension that puts live figures below still pictures of the chapters.

The chapters stay plain Markdown and know nothing of it. The table below names a figure of a chapter, what its live
figure is called in `book/_static/live/figures.js`, and what its button says. A page loads nothing before the button is
pressed. A name that a chapter does not have is a warning, which stops the build.
"""

from __future__ import annotations

from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

# By the end of the chapter's name: the figure, the live figure, and the words of its button.
FIGURES = {
    "02-why-autoencoders-cannot-sample": [("fig-2-12", "hole", "Leave a code yourself")],
    "03-variational-autoencoder": [("fig-3-12", "width", "Move one dimension yourself")],
    "04-kl-tradeoffs": [("fig-4-3", "beta", "Turn β yourself")],
    "05-latent-space": [("fig-5-13", "map", "Move a face through the codes")],
    "08-interpolation-and-attributes": [("fig-8-8", "edits", "Edit a face yourself")],
    "11-second-stage-and-blur": [("fig-11-6", "priors", "Switch the prior yourself")],
    "12-faces-like-photographs": [("fig-12-4", "draw", "Choose the noise yourself")],
}

HTML = """<div data-live="{kind}" role="group" aria-label="Live figure: {label}">
<div class="live-invite"><button type="button" class="live-button live-primary">{label}</button>
<span>It runs in this page, without a kernel.</span></div></div>"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx when it loads its extensions."""
    app.connect("doctree-read", add_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Put each live figure of this page below its still picture, outside of the cell that draws it."""
    for name, kind, label in FIGURES.get(app.env.docname.rpartition("/")[2], []):
        place = next((node for node in doctree.findall(nodes.figure) if name in node["ids"] + node["names"]), None)
        if place is None:
            logging.getLogger(__name__).warning("%s has no figure %s: correct book/live.py", app.env.docname, name)
            continue
        while not isinstance(place.parent, nodes.section):
            place = place.parent
        live = nodes.raw("", HTML.format(kind=kind, label=escape(label)), format="html")
        place.parent.insert(place.parent.index(place) + 1, live)
