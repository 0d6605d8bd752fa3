"""A Sphinx extension that reads the chapters, which are written in plain Markdown, as if they were written in MyST.

It also folds what the chapters collapse, their solutions and claims, draws diagrams into the page, so that they follow
its light and dark mode, and shows figures, equations and sources as the chapters type them.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from films import fold_films
from plain_markdown import glossary_terms, split_caption, to_myst, to_myst_glossary
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode
from sphinxcontrib.bibtex.roles import CiteRole

GLOSSARY, REFERENCES = "book/glossary", "book/references"
BIBLIOGRAPHY = "```{bibliography}\n:style: alpha\n```\n"
NUMBERED = re.compile(r"(?:equation-eq|fig)-(\d+|[a-z])-(\w+)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx when it loads its extensions."""
    app.add_directive("diagram", Diagram)
    app.add_role("source", Source())
    app.connect("source-read", read_plain)
    app.connect("doctree-read", fold_cells)
    app.connect("write-started", number_as_typed)
    app.connect("missing-reference", find_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# The text


def read_plain(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the source of a chapter or of a page that the chapters link to, in place, as Sphinx requires."""
    if docname == REFERENCES:
        content[0] = re.sub(r"^<a id=.*", BIBLIOGRAPHY, content[0], flags=re.MULTILINE | re.DOTALL)
    elif docname == GLOSSARY:
        content[0] = to_myst_glossary(content[0])
    elif docname.startswith("notebooks/"):
        glossary = Path(app.srcdir, f"{GLOSSARY}.md")
        app.env.note_dependency(str(glossary))
        notebook = nbformat.v4.reads(content[0])
        to_myst_notebook(notebook, glossary_terms(glossary.read_text(encoding="utf-8")))
        content[0] = nbformat.v4.writes(notebook)


def to_myst_notebook(notebook: nbformat.NotebookNode, terms: dict[str, str]) -> None:
    """Rewrite the text cells in MyST; a caption under a picture becomes that of the cell that draws it."""
    above = None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            figure, text = split_caption(cell.source)
            if figure and above:
                above.metadata.setdefault("mystnb", {})["figure"] = figure | {
                    "caption": to_myst(figure["caption"], terms)
                }
                cell.source = text
            cell.source = to_myst(cell.source, terms)
        else:
            fold_films(cell)
        above = cell if cell.cell_type == "code" else None


# Folds


def fold_cells(_app: Sphinx, doctree: nodes.document) -> None:
    """Put the cells of a solution into the fold of its text, and those of claims into a fold that counts them."""
    for cell in list(doctree.findall(is_cell)):
        if "tag_solution" in cell["classes"]:
            move_into_fold_above(cell, "solution")
        elif "tag_claims" in cell["classes"]:
            if not move_into_fold_above(cell, "claims"):
                cell.parent.insert(cell.parent.index(cell), nodes.admonition("", classes=["dropdown", "claims"]))
                move_into_fold_above(cell, "claims")
            count_claims(cell.parent)


def is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def move_into_fold_above(cell: nodes.Element, kind: str) -> bool:
    """Move a cell to the end of the fold of this kind that stands right above it, if there is one."""
    above = cell.parent[: cell.parent.index(cell)][-1:]
    if not above or not isinstance(above[0], nodes.admonition) or kind not in above[0]["classes"]:
        return False
    cell.parent.remove(cell)
    above[0].append(cell)
    return True


def count_claims(fold: nodes.admonition) -> None:
    """Write how many claims its cells have printed. One that fails stops the notebook, so all that are stored hold."""
    printed = [part.astext() for part in fold.findall(nodes.container) if part.get("nb_element") == "cell_code_output"]
    number = len(re.findall(r"^✓ ", "\n".join(printed), re.MULTILINE))
    title = nodes.title("", f"{number} claims, all hold" if number > 1 else "One claim, and it holds")
    fold.children = [part for part in fold.children if not isinstance(part, nodes.title)]
    fold.insert(0, title)


# Pictures, numbers and sources


class Diagram(SphinxDirective):
    """A figure whose SVG stands in the page itself, where the variables of the page's style reach it."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required, "name": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Called by Sphinx for each diagram."""
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        figure = nodes.figure("", nodes.raw("", inline_svg(Path(path), self.options["alt"]), format="html"))
        self.add_name(figure)
        text, messages = self.parse_inline(" ".join(self.content))
        figure += nodes.caption("", "", *text)
        return [figure, *messages]


def inline_svg(path: Path, alt: str) -> str:
    """The drawing as a part of a page. Its ids begin with the file's name, and so are unique in the page."""
    return path.read_text(encoding="utf-8").replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)


def number_as_typed(_app: Sphinx, builder: Builder) -> None:
    """Give figures and equations of the chapters the numbers that stand in their names: fig-4-2 is Fig. 4.2.

    This comes after Sphinx has stored its own numbers. Otherwise it would find them changed at the next build, and
    write a page again.
    """
    for kinds in builder.env.toc_fignumbers.values():
        for numbers in kinds.values():
            for name in numbers:
                if match := NUMBERED.fullmatch(name):
                    numbers[name] = tuple(part.upper() for part in match.groups())


class Source(CiteRole):
    """A citation that is shown as it is typed, as in {source}`Kingma & Welling 2014 <kingma2014>`."""

    def result_nodes(self, document: Any, env: Any, node: Any, is_ref: bool) -> Any:
        """Note that the source is cited, and leave a reference that `find_source` resolves."""
        node["refdomain"] = "cite"
        result = super().result_nodes(document, env, node, is_ref)
        node["refdomain"], node["reftype"] = "", "source"
        return result


def find_source(app: Sphinx, _env: Any, node: pending_xref, text: nodes.TextElement) -> nodes.reference | None:
    """The link from a citation to its entry in the list of references, or None: then Sphinx warns."""
    if node["reftype"] != "source":
        return None
    cited = {citation.key: citation.citation_id for citation in app.env.get_domain("cite").citations}
    if node["reftarget"] not in cited:
        return None
    return make_refnode(app.builder, node["refdoc"], REFERENCES, cited[node["reftarget"]], text)
