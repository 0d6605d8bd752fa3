"""A Sphinx extension that draws formulas as SVG.

sphinx-mathjax-offline contains MathJax and chooses its HTML output. Some browsers refuse to load the fonts of that
output for a page that was opened from a disk. The SVG output, which is also contained, needs no fonts.
"""

from sphinx.application import Sphinx
from sphinx.config import Config


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx when it loads its extensions."""
    app.connect("config-inited", choose_svg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_svg(_app: Sphinx, config: Config) -> None:
    """Set the script that every page with formulas loads."""
    config.mathjax_path = "mathjax/tex-svg.js"
