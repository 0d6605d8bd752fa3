"""The pages around the chapters: complete, linked, and in agreement with the program that they describe."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import nbformat
import pytest
import typer
import yaml

import vaelib
from book.plain_markdown import glossary_terms
from vaelib import cli
from vaelib.runs import experiments

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "book").glob("*.md"))
TEXTS = [ROOT / "README.md", *PAGES]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))

FENCE = re.compile(r"^([`:]{3,}).*?^\1\s*?$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
ROLE = re.compile(r"(?<!`)\{(doc|ref|numref|eq|term|cite(?::\w+)?)\}`([^`]+)`")
LABEL = re.compile(r"^\(([\w-]+)\)=$|^ *:(?:name|label): *([\w-]+)|\$\$ \(([\w-]+)\)", re.MULTILINE)
CALLED = re.compile(r"^(?:\S+/|(?:PYTHONPATH=\S+ )?python3? -m |accelerate launch .*-m )?vaelib (?=[a-z-])")
PLACEHOLDER = re.compile(r"^[A-Z]+$|…")
SLOT = "…"  # what a page writes for the part of a message that varies

# The public names, which must stay and must be documented.
CONTRACT = {
    "data": "load loader all_images Dataset",
    "models": "AutoEncoder AutoEncoder.encode AutoEncoder.decode AutoEncoder.reconstruct AutoEncoder.sample "
    "VAE VAE.encode VAE.decode VAE.reconstruct VAE.sample",
    "losses": "kl_divergence nll elbo Bernoulli Gaussian OptimalGaussian",
    "latent": "encode_dataset reconstruct_all sample_all interpolate attribute_direction",
    "priors": "StandardNormal StandardNormal.sample StandardNormal.log_prob "
    "Gaussian Gaussian.fit Gaussian.sample Gaussian.log_prob "
    "GaussianMixture GaussianMixture.fit GaussianMixture.sample GaussianMixture.log_prob",
    "metrics": "frechet_distance active_units iwae_bound",
    "training": "fit",
    "flow": "Flow Flow.fit Flow.sample Flow.log_prob",
    "sharpening": "Sharpener Sharpener.fit",
    "runs": "load Run Run.name Run.experiment Run.model Run.statistics Run.codes Run.metrics",
}
VERBS = ("prepare", "train", "experiments", "generate", "reconstruct", "interpolate", "manipulate", "evaluate", "grade")


def each(files: list[Path]):
    """Run a test once for each of these files."""
    return pytest.mark.parametrize("path", files, ids=lambda path: path.stem)


@cache
def text_of(path: Path) -> str:
    """A page, or the text cells of a chapter."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.v4.reads(path.read_text(encoding="utf-8")).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def roles(path: Path) -> Iterator[tuple[str, str]]:
    """Each cross-reference of a text: its kind, and its target."""
    for kind, content in ROLE.findall(text_of(path)):
        target = re.search(r"<(.+)>$", content)
        yield kind, " ".join((target[1] if target else content).split())


def labels() -> set[str]:
    """All that a page can refer to, in pages and chapters."""
    in_pages = {label for path in PAGES for groups in LABEL.findall(text_of(path)) for label in groups}
    return in_pages | {label for path in CHAPTERS for label in re.findall(r'<a id="([\w-]+)"', text_of(path))}


def terms() -> dict[str, str]:
    """The terms that the glossary defines, by the names that a chapter's link has for them."""
    return glossary_terms(text_of(ROOT / "book/glossary.md"))


def linked_terms(chapter: Path) -> set[str]:
    return set(re.findall(r"\]\(\.\./book/glossary\.md#([\w-]+)\)", text_of(chapter)))


# The pages themselves


def test_every_page_is_in_the_table_of_contents() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    assert len(listed) == len(set(listed))
    assert {name for name in listed if name.startswith("book/")} == {f"book/{path.stem}" for path in PAGES}


@each(PAGES)
def test_headings_go_down_step_by_step(path: Path) -> None:
    levels = [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", text_of(path)), re.MULTILINE)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@each(TEXTS)
def test_every_picture_says_what_it_shows(path: Path) -> None:
    shown = re.findall(r"^[`:]{3,}\{(?:image|figure)\} .*\n((?: *:.*\n)*)", text_of(path), re.MULTILINE)
    assert [options for options in shown if not re.search(r"^ *:alt: \S+ \S+ \S+", options, re.MULTILINE)] == []
    assert [alt for alt in re.findall(r"!\[([^]]*)\]\(", text_of(path)) if len(alt.split()) < 3] == []


@each(TEXTS)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)", text_of(path))
    local = [target for target in targets if not re.match(r"https?://|mailto:|#", target)]
    known = labels()
    assert [name for name in local if not (path.parent / name.split("#")[0]).is_file() and name not in known] == []


def test_the_first_page_leads_to_every_chapter() -> None:
    page = ROOT / "book/intro.md"
    cards = re.findall(r"^:link: (\S+)$", text_of(page), re.MULTILINE)
    assert [(page.parent / card).resolve() for card in cards] == [path.with_suffix("") for path in CHAPTERS]


@each(PAGES)
def test_references_are_to_something(path: Path) -> None:
    keys = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text(), re.MULTILINE))
    known = {"ref": labels(), "numref": labels(), "eq": labels(), "term": {term.lower() for term in terms().values()}}
    for kind, target in roles(path):
        if kind == "doc":
            place = path.parent / target
            assert place.with_suffix(".md").is_file() or place.with_suffix(".ipynb").is_file(), target
        elif kind.startswith("cite"):
            assert {key.strip() for key in target.split(",")} <= keys, target
        else:
            assert (target.lower() if kind == "term" else target) in known[kind], target


# The glossary


@each(CHAPTERS)
def test_the_terms_of_a_chapter_are_in_the_glossary(path: Path) -> None:
    assert linked_terms(path), "a chapter links its terms where it first uses them"
    assert linked_terms(path) - set(terms()) == set()


def test_every_term_is_used_in_a_chapter() -> None:
    used = {name for path in CHAPTERS for name in linked_terms(path)}
    assert {term for name, term in terms().items() if name not in used} == set()


def test_the_glossary_is_in_alphabetical_order() -> None:
    names = [name.removeprefix("term-") for name in terms()]
    assert names == sorted(names)


# The commands that are shown


def commands(path: Path) -> list[list[str]]:
    """The words after `vaelib` of each command that a text shows, in a block or within a line."""
    lines = [line for block in SHELL.findall(text_of(path)) for line in block.replace("\\\n", " ").splitlines()]
    lines += [" ".join(code.split()) for code in INLINE.findall(FENCE.sub("", text_of(path)))]
    called = [line.strip() for line in lines if CALLED.match(line.strip())]
    return [shlex.split(CALLED.sub("", line), comments=True) for line in called]


def parse(words: list[str]) -> None:
    """Let the command line parse the words. It raises an error for a verb or an option that it does not have."""
    program = typer.main.get_command(cli.app)
    verb, *rest = words
    if verb == "--help":
        return
    assert verb in program.commands, f"there is no vaelib {verb}"
    try:
        program.commands[verb].make_context(verb, rest)
    except Exception as error:
        # `vaelib evaluate --inception` names an option, and is not to be typed as it is.
        assert type(error).__name__ == "MissingParameter", f"vaelib {' '.join(words)}: {error!r}"


@each(TEXTS)
def test_commands_can_be_typed_as_shown(path: Path) -> None:
    for words in commands(path):
        parse(words)
        if words[0] == "train" and len(words) > 1 and not PLACEHOLDER.search(words[1]):
            changes = [after for word, after in pairwise(words) if word == "--set" and not PLACEHOLDER.search(after)]
            experiments.load(words[1], changes)


def test_the_texts_show_commands() -> None:
    """If there were none, the test above would pass without testing anything."""
    shown = {words[0] for path in TEXTS for words in commands(path)}
    assert shown >= set(VERBS)


# The messages of the program


@cache
def templates() -> str:
    """Every text in the sources of vaelib, with a placeholder for each value of an f-string."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "vaelib").rglob("*.py")]
    return "\n".join(filter(None, (literal(node) for tree in trees for node in ast.walk(tree))))


def literal(node: ast.AST) -> str:
    """The text of a string node, "" for any other node."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else SLOT for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def quoted() -> list[str]:
    """The messages of the program that the page on troubleshooting quotes."""
    page = text_of(ROOT / "book/troubleshooting.md")
    headed = [code for code in INLINE.findall(page) if code.startswith(("vaelib: ", "… ", "✗ ", "ClaimError: "))]
    return headed + re.findall(r"`(The prepared cache [^`]+|Google Drive is out [^`]+)`", page)


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_that_vaelib_prints(message: str) -> None:
    if message == "vaelib: command not found":  # the shell says so
        return
    clauses = [clause.strip(" .,;()") for clause in re.split(rf"{SLOT}|: ", message.removeprefix("ClaimError"))]
    assert [clause for clause in clauses if clause not in templates() and clause != "vaelib"] == []


def test_messages_are_quoted() -> None:
    assert len(quoted()) >= 20


def test_a_message_of_make_is_quoted_as_it_is() -> None:
    message = re.search(r"`(This needs Python [^`]+)`", text_of(ROOT / "book/troubleshooting.md"))[1]
    said = re.search(r'echo "(This needs Python [^"]+)"', (ROOT / "Makefile").read_text())[1]
    assert message == said.replace("$(PYTHON)", SLOT)


# The names that stay


@pytest.mark.parametrize("module", CONTRACT)
def test_the_public_names_of_a_module_are_documented(module: str) -> None:
    for name in CONTRACT[module].split():
        found = attrgetter(name)(importlib.import_module(f"vaelib.{module}"))
        assert len((inspect.getdoc(found) or "").split()) >= 4, name


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help_and_is_shown(verb: str) -> None:
    command = typer.main.get_command(cli.app).commands[verb]
    assert command.help
    assert all(option.help for option in command.params if option.param_type_name == "option")
    assert any(words[0] == verb for path in TEXTS for words in commands(path))


def test_the_citation_is_of_this_version() -> None:
    entry = text_of(ROOT / "book/cite.md")
    assert f"Version {vaelib.__version__}" in entry
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["title"] in entry


def test_every_shipped_model_of_faces_is_for_research_only() -> None:
    cards = {path.parent.name: path.read_text() for path in (ROOT / "vaelib/shipped").glob("*/README.md")}
    restricted = {name for name, card in cards.items() if re.search(r"\*\*Licence\.\*\* Non-commercial", card)}
    assert restricted == {name for name, card in cards.items() if "CelebA's training partition" in card}
