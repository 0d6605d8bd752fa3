"""What the book makes of the plain Markdown of the chapters."""

from __future__ import annotations

from textwrap import dedent

import pytest

from book.plain_markdown import glossary_terms, split_caption, to_myst, to_myst_glossary

TERMS = {"term-kl-divergence": "KL divergence"}


@pytest.mark.parametrize(
    ("plain", "myst"),
    [
        ("> **Predict.** Which?\n> And why?", ":::{admonition} Predict\n:class: note\n\nWhich?\nAnd why?\n:::\n"),
        ("> **Question 2.** Why?", ":::{admonition} Question 2\n:class: question\n\nWhy?\n:::\n"),
        ("> **Before you start.**\n>\n> - b", ":::{admonition} Before you start\n:class: tip\n\n- b\n:::\n"),
        (
            '> <a id="ex-1-2"></a>**Exercise 1.2 (Code). Is it so?** Write it.',
            ":::{admonition} Exercise 1.2 (Code). Is it so?\n:class: exercise\n:name: ex-1-2\n\nWrite it.\n:::\n",
        ),
        (
            "<details>\n<summary>Answer</summary>\n\n**(b).** So.\n\n</details>",
            ":::{admonition} Answer\n:class: dropdown\n\n**(b).** So.\n:::",
        ),
        (
            "<details>\n<summary>Solution</summary>\n\nSo.\n\n</details>",
            ":::{admonition} Solution\n:class: dropdown solution\n\nSo.\n:::",
        ),
        (
            "> **Note.** A fold:\n>\n> <details>\n> <summary>Hint</summary>\n>\n> So.\n>\n> </details>",
            "::::{admonition} Note\n:class: note\n\nA fold:\n\n"
            ":::{admonition} Hint\n:class: dropdown\n\nSo.\n:::\n::::\n",
        ),
        ("> Only quoted.", "> Only quoted."),
        ("> **All of it is bold.**", "> **All of it is bold.**"),
    ],
)
def test_boxes_and_folds_become_admonitions(plain: str, myst: str) -> None:
    assert to_myst(plain, TERMS) == myst


def test_a_box_ends_where_its_quote_ends() -> None:
    myst = to_myst("Before.\n\n> **Note.** Inside.\n\nAfter.", TERMS)
    assert myst == "Before.\n\n:::{admonition} Note\n:class: note\n\nInside.\n:::\n\nAfter."


@pytest.mark.parametrize(
    ("plain", "myst"),
    [
        ('<a id="eq-4-2"></a>\n$$ a = b . \\tag{4.2} $$', "$$ a = b . $$ (eq-4-2)"),
        ("$$ a\n  = b \\tag{4.rate} $$\n\n$$ c $$", "$$ a\n  = b $$ (eq-4-rate)\n\n$$ c $$"),
        ("$$ c $$\n\n$$ a \\tag{4.2} $$", "$$ c $$\n\n$$ a $$ (eq-4-2)"),
    ],
)
def test_equations_get_their_labels(plain: str, myst: str) -> None:
    assert to_myst(plain, TERMS) == myst


@pytest.mark.parametrize(
    ("plain", "myst"),
    [
        ("[Eq. 4.2](#eq-4-2)", "{eq}`eq-4-2`"),
        ("[Fig. 4.2](04-kl-tradeoffs.ipynb#fig-4-2)", "[Fig. 4.2](#fig-4-2)"),
        ("[Exercise 1.2](#ex-1-2)", "[Exercise 1.2](#ex-1-2)"),
        ("[the\nKL](../book/glossary.md#term-kl-divergence)", "{term}`the KL <KL divergence>`"),
        ("([A & B 2014](../book/references.md#b2014))", "({source}`A & B 2014 <b2014>`)"),
        ("[losses](../book/api.md#vaelib-losses)", "[losses](#vaelib-losses)"),
        ("[chapter 3](03-variational-autoencoder.ipynb)", "[chapter 3](03-variational-autoencoder.ipynb)"),
        ("[there](https://example.org/page#part)", "[there](https://example.org/page#part)"),
    ],
)
def test_links_become_references(plain: str, myst: str) -> None:
    assert to_myst(plain, TERMS) == myst


def test_a_caption_is_split_from_what_follows() -> None:
    figure, rest = split_caption('<a id="fig-4-2"></a>\n*Fig. 4.2. One *Smiling* face.\nAnd more.*\n\nText.')
    assert figure == {"caption": "One *Smiling* face. And more.", "name": "fig-4-2"}
    assert rest == "Text."
    assert split_caption("*Not* a caption.") == (None, "*Not* a caption.")


GLOSSARY = """\
# Glossary

<a id="term-frechet-distance"></a>
**Fréchet distance.** A distance, see
[Eq. 2.1](../notebooks/02-b.ipynb#eq-2-1).

<a id="term-kl-divergence"></a>
**KL divergence.** No [distance](#term-frechet-distance).

## Symbols

A table.
"""


def test_the_glossary_has_anchors_and_becomes_a_directive() -> None:
    terms = {"term-frechet-distance": "Fréchet distance", "term-kl-divergence": "KL divergence"}
    assert glossary_terms(GLOSSARY) == terms
    assert to_myst_glossary(GLOSSARY) == dedent("""\
        # Glossary

        :::{glossary}

        Fréchet distance
          A distance, see
          {eq}`eq-2-1`.

        KL divergence
          No {term}`distance <Fréchet distance>`.
        :::

        ## Symbols

        A table.
        """)


def test_a_drawing_with_a_caption_becomes_a_diagram() -> None:
    plain = """\
        Look:

        ![Two networks in a row](../book/_static/diagrams/autoencoder.svg)

        <a id="fig-1-1"></a>
        *Fig. 1.1. An autoencoder.*

        So it is.
        """
    myst = """\
        Look:

        :::{diagram} ../book/_static/diagrams/autoencoder.svg
        :alt: Two networks in a row
        :name: fig-1-1

        An autoencoder.
        :::

        So it is.
        """
    assert to_myst(dedent(plain), TERMS) == dedent(myst)
