"""Words that the course does not use, because they are private or hard to read, in all prose, drawn text and messages.

A program that draws pictures may paint. The history of changes and the titles of sources stay as they are.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAINTERS = [ROOT / "vaelib" / "data" / name for name in ("faces", "objects")]
# Titles of sources, and claims and messages in the words of the day they were recorded:
QUOTING = {"references.md", "status.md", "reliability.md"}
FILES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(path for path in sorted((ROOT / "book").glob("*.md")) if path.name not in QUOTING),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *(
        path
        for folder in ("benchmarks", "book", "notebooks", "pages", "release", "vaelib")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(path.is_relative_to(painter) for painter in PAINTERS)
    ),
]
DETERMINER = r"\b(?:a|an|the|another|one|this|that|each|every|no|own|our|second|other|two|both|several)"
SUBJECT = r"(?:it|they|the|an?|this|that|these|those|there|we|its|their|you|what|nobody|nothing)"
VERB = r"(?:is|are|was|were|has|have|had|does|do|can|cannot|will|would|must)"
IS_LAST = r"(?=\s*[.,;:)]|\s*$| (?:is|of|that|was|with|on|from|has|ends?|stops?)\b)"  # of its group: no noun follows
OF_A_RUN = r"(?:new|whole|long(?:er)?|short(?:er)?|unbroken|broken|interrupted|resumed|stopped|finished|recorded|live)"
MEASURED = r"(?:recorded|measured|published|reported|quoted|printed|exact|round|rough|total|significant)"
TIME = r"(?:end|start|beginning|reset|page|(?:first|last) (?:time|step|epoch|run))"  # since when
INSTEAD = {  # a pattern, and what to write instead
    r"\b(?:re)?paint(?:s|ed|ing)?\b": "decode, generate, reconstruct",
    rf"{DETERMINER} judges?\b|\bjudge's\b": "attribute classifier, network",
    rf"\b{MEASURED} figures?\b|\bfigures? (?:of|is|was) (?:about |only )?[−-]?\d"
    r"|\b(?:quot|report)(?:es?|s|ed|ing) (?:a |the |no |this |these )?figures?\b"
    r"|\b(?:nll|kl|ELBO|PSNR|FID|loss|speed|throughput) figures?\b": "metric, score, number",
    r"\bin the mean\b(?! and\b)": "on average",
    r"\bderivatives? (?:of \S+ )?by\b": "derivative with respect to",
    r"\bnoise \$?(?:σ|\\sigma)|\ba noise of\b": "noise of standard deviation σ",
    r"\bnats? (?:\w+ )?told\b|\b(?:tells?|told) (?:\S+ ){1,2}nats?\b": "carries, conveys",
    rf"\btrainings\b|\b(?:an?|one|another|each|every) (?:\w+ )?training{IS_LAST}"
    rf"|\b(?:the|no|this|that|its|our|their) {OF_A_RUN} training{IS_LAST}": "training run",
    r"\bdata[- ]sets?\b": "dataset",
    r"\boutside (?:of )?the (?:training )?data\b": "out-of-distribution",
    r"\bwithout (?:a |its |their |the )?signs?\b": "absolute",
    r"\blabels? (?:is |are |was |were )?met\b": "accuracy",
    r"\bmend(?:s|ed|ing)?\b": "repair, correct, fix",
    r"\bshall\b": "should, must",
    r"\bmore quietly\b|\bsoftly\b|\b(?:is|are|was|were|looks?) soft(?:er)?\b": "blurrier, lower",
    rf"[,;] for {SUBJECT} (?:(?!that|which|who)\w+ ){{0,2}}{VERB}\b"
    rf"|(?:^|\(|[,;:.?!]\s)since\s(?!then\b|before\b|\d{{4}}\b|the {TIME}\b)": "because",
}


def words_not_used(text: str) -> list[str]:
    """What stands in the text, each with what to write instead."""
    flat = re.sub(r"\s*\n[>#\s]*", " ", text)
    return [
        f"{found[0]!r} in {flat[max(0, found.start() - 40) : found.end() + 40]!r}: write {better}"
        for pattern, better in INSTEAD.items()
        for found in re.finditer(pattern, flat, re.IGNORECASE)
    ]


def prose(path: Path) -> list[str]:
    """The texts of a file: a page, the cells and alternative texts of a notebook, the strings of code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [text]
    if path.suffix == ".py":
        return strings(text)
    texts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        texts += strings(source) if cell["cell_type"] == "code" else [source]
        texts.append(cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", ""))
    return texts


def strings(code: str) -> list[str]:
    """Docstrings, messages and labels."""
    nodes = ast.walk(ast.parse(code))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_words_that_the_course_uses(path: Path) -> None:
    assert [found for text in prose(path) for found in words_not_used(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "The decoder paints a mouth.",
        "What the judge sees",
        "right in the mean.",
        "the recorded figures",
        "a figure of 55 %",
        "the paper reports no figure",
        "its FID figure",
        "the derivative by z",
        "the derivative of $f$ by $z$",
        "a noise of 0.1",
        "noise $\\sigma$ of 0.1",
        "the nats told by z",
        "z tells us 3 nats",
        "A training of\n> more epochs",
        "all trainings",
        "and so does a resumed training",
        "apart from the unbroken training: 0",
        "It needs no new training of the VAE.",
        "a data set",
        "two data-sets",
        "pictures from outside of the data",
        "the change without sign",
        "the nll without its sign",
        "all labels are met",
        "We mend\nthe decoder",
        "It shall be small.",
        "a face that is soft",
        "It fails, for the codes are elsewhere.",
        "Since $U^\\top U = I$, it is 1.",
        "(a) The training nll, since\nthat was minimised",
        "it cannot be read, since ",
        "0.01 (since it is a mean)",
    ],
)
def test_such_a_word_is_found(text: str) -> None:
    assert len(words_not_used(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "to judge a generator",
        "in the mean and the covariance",
        "The training images, a training image, one training run",
        "a resumed training run, each training and test face, the recorded training loss, longer training is needed",
        "Fig. 2.1 and the figure of the codes, a figure or a number, the live figures, a measured time",
        "It is true. Since then, since 2021, since the last step, and it has changed since the end of the run",
        "without signal, a sign, nats that tell the two apart",
        "a recommendation that softmax gives",
        "a number for each, for the faces that have one, and for a face",
    ],
)
def test_other_words_are_not(text: str) -> None:
    assert words_not_used(text) == []
