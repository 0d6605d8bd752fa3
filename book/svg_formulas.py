"""A Sphinx extension: formulas drawn as SVG.

sphinx-mathjax-offline brings MathJax along and chooses its HTML output, whose fonts some browsers refuse to load for a
page that was opened from a disk. The SVG output, which it brings too, needs none.
"""

from sphinx.application import Sphinx
from sphinx.config import Config


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx when it loads its extensions."""
    app.connect("config-inited", choose_svg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_svg(_app: Sphinx, config: Config) -> None:
    """Name the script that every page with formulas loads."""
    config.mathjax_path = "mathjax/tex-svg.js"
