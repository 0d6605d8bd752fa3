"""Numbers in the chapters' text are those that the chapters print, or have a reason in facts.toml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import prose_numbers
from notebooks.numerals import in_code, in_outputs, in_prose, without_tags
from notebooks.prose_numbers import (
    Fact,
    Section,
    chapters,
    check,
    is_setting,
    printed,
    printed_number,
    read_facts,
    sections_of,
)

FACTS = read_facts()


@pytest.fixture(scope="module", params=chapters(), ids=lambda path: path.stem)
def chapter(request) -> tuple[str, list[Section]]:
    return request.param.stem, sections_of(nbformat.read(request.param, as_version=4))


def test_every_number_in_the_text_is_printed_or_explained(chapter):
    missing, _ = check(*chapter, FACTS)
    assert list(map(str, missing)) == [], "see python -m notebooks.prose_numbers"


def test_no_fact_is_left_over(chapter):
    _, unused = check(*chapter, FACTS)
    assert unused == []


def test_other_results_would_be_noticed():
    """Of the numbers in the text that a cell printed, most are not supported if the cells print something else."""
    of_outputs, noticed = 0, 0
    for path in chapters():
        sections = sections_of(nbformat.read(path, as_version=4))
        others = [replace(section, printed={1.37 * n for n in section.printed}) for section in sections]
        for section, other in zip(sections, others, strict=True):
            for numeral in (numeral for passage in section.passages for numeral in in_prose(passage)):
                if printed(numeral, section, sections) and not is_setting(numeral, section, sections):
                    of_outputs += 1
                    noticed += not printed(numeral, other, others)
    assert noticed >= 0.8 * of_outputs > 0


def test_another_result_would_be_noticed_where_the_output_is_named(chapter, monkeypatch):
    """If a cell prints another number where an entry of facts.toml takes one from it, the text is wrong."""
    name, sections = chapter
    for place in {tuple(place) for fact in FACTS if fact.table == name for place in fact.of.values()}:

        def other(*found, place=place):
            number = printed_number(*found)
            return 0.63 * number if found[:3] == place else number

        monkeypatch.setattr(prose_numbers, "printed_number", other)
        assert check(name, sections, FACTS)[0] != [], place


def test_facts_belong_to_chapters():
    assert {fact.table for fact in FACTS} <= {"book", *(path.stem for path in chapters())}


def notebook(text: str, output: str, code: str = "show()") -> list[Section]:
    cells = [new_markdown_cell("# Title"), new_markdown_cell(f"## One\n\n{text}")]
    cells += [new_code_cell(code, id="cell", outputs=[new_output("stream", text=output)])]
    return sections_of(new_notebook(cells=cells))


def unsupported(text: str, output: str, facts: list[Fact] | None = None, code: str = "show()") -> list[str]:
    missing, _ = check("one", notebook(text, output, code), facts or [])
    return [number.passage[number.numeral.start : number.numeral.end] for number in missing]


def test_a_changed_output_is_found():
    text = "Reconstructions have a recall of 0.08, samples 0.07 (log-weights near 3,800)."
    assert unsupported(text, "recall  0.08  0.07\nlog-weights 3,781") == []
    assert unsupported(text, "recall  0.04  0.06\nlog-weights 3,659") == ["0.08", "0.07", "3,800"]


@pytest.mark.parametrize(
    ("stated", "output", "agrees"),
    [
        ("0.08", "0.0849", True),
        ("0.08", "0.0851", False),
        ("0.080", "0.08", True),
        ("0.083", "0.08", False),  # more digits than there are
        ("23.4 dB", "23.36", True),
        ("falls by 0.3", "-0.31", True),
        ("6 %", "0.058", True),
        ("6 %", "6.3 %", True),
        ("6 %", "0.066", False),
        ("$6\\,\\%$", "0.058", True),
        ("0.4", "40 %", True),
        ("3,800", "3,841", True),
        ("3,800", "3,851", False),
        ("3{,}072", "3072", True),
        ("200", "183", False),
        ("about 200", "183", True),
        ("160", "163", True),
        ("163", "160", False),
        ("more than 90 %", "0.97", True),
        ("more than 90 %", "0.87", False),
        ("less than 90", "84", True),
        ("1.3 million", "1284000", True),
        ("4.1e3", "4.1e3", True),
        ("0.0003", "3e-4", True),
        ("64 × 48", "64", False),
    ],
)
def test_a_number_agrees_if_it_is_rounded(stated, output, agrees):
    assert (unsupported(f"It is {stated} here.", f"value {output}") == []) == agrees


@pytest.mark.parametrize(
    "text",
    [
        "all ten of 12 pictures, 100 % of them, and 0",
        "[Fig. 14.22](#fig-14-22), Fig. 13.2, chapters 13 and 14, Exercise 13.1, Question 13, exhibits: Exhibit 13",
        "[Kingma & Welling 2014](../book/references.md#kingma2014), in 1936 and 2024",
        "CIFAR-10, faces32, 2D, `n = 77`, EfficientNet-Lite0, 16-bit, 10⁻³³",
        "$x_{17}^{23}$ and $z^{31} \\tag{4.25}$",
        '<a id="fig-4-77"></a>[text](page-44.md)',
        "33. a list",
        "> - (a) 44 nats\n> - (b) 55 nats\n>   on two lines",
        "```python\nx = 77\n```",
        "> **Time** 45 minutes of reading; all cells take about 75 seconds on two CPU cores.",
    ],
)
def test_what_states_no_measurement_is_not_compared(text):
    assert unsupported(text, "nothing") == []


@pytest.mark.parametrize(
    "text", ["$\\beta = 0.3$", "| a | 0.37 |", "> **Note.** 77 nats", "*Fig. 4.2. It takes 77 s.*"]
)
def test_formulas_tables_and_captions_are_compared(text):
    assert len(unsupported(text, "nothing")) == 1


def test_alternative_texts_are_compared():
    sections = notebook("", "0.5")
    picture = new_code_cell("plot()", metadata={"mystnb": {"image": {"alt": "Points around 0.7."}}})
    sections += sections_of(new_notebook(cells=[picture]))
    assert [number.numeral.value for number in check("one", sections, [])[0]] == [0.7]


def test_two_digits_must_be_printed_in_the_same_section():
    first = notebook("A recall of 0.08, a distance of 17.3.", "recall 0.04")
    second = notebook("", "other shares 0.08; 17.3")
    missing, _ = check("one", first + second, [])
    assert [number.numeral.value for number in missing] == [0.08]


def test_a_section_without_code_repeats_the_others():
    summary = sections_of(new_notebook(cells=[new_markdown_cell("## Summary\n\nThe recall is 0.08.")]))
    assert check("one", notebook("", "0.08") + summary, [])[0] == []
    assert len(check("one", notebook("", "0.04") + summary, [])[0]) == 1


def test_settings_in_the_code_support_a_number():
    code = 'model = VAE(latent_dim=64, learning_rate=3e-3)\nrun = load("celeba64-beta-0.01")  # 77'
    assert unsupported("64 dimensions, a rate of 0.003, β = 0.01", "", code=code) == []
    assert unsupported("77", "", code=code) == ["77"]
    assert unsupported("a rate of 0.0031", "", code=code) == ["0.0031"]  # a setting is not rounded
    assert sorted(in_code(code)) == [0.003, 0.01, 64, 64]


def test_outputs_are_tables_and_texts_but_not_sizes_of_figures():
    assert list(in_outputs("<Figure size 780x320 with 1 Axes>")) == []
    assert list(in_outputs(without_tags("<style>p {margin: 7}</style><td>0.5</td><td>1,234</td>"))) == [0.5, 1234]


def test_facts_cover_their_piece_of_the_text_only():
    facts = [Fact("one", "an FID of 15", why="an invented example")]
    assert unsupported("One has an\n> FID of 15, the other 15.", "", facts) == ["15"]
    assert unsupported("an FID of 15.5", "", facts) == ["15.5"]


def test_facts_of_another_chapter_do_not_hold():
    assert unsupported("15 nats", "", [Fact("two", "15 nats", why="measured elsewhere")]) == ["15"]
    assert unsupported("15 nats", "", [Fact("book", "15 nats", why="measured elsewhere")]) == []


def test_a_fact_that_no_number_needs_is_left_over():
    fact = Fact("one", "15 nats", why="a paper")
    assert check("one", notebook("15 nats", ""), [fact]) == ([], [])
    assert check("one", notebook("16 nats", "16"), [fact])[1] == [fact]


def test_arithmetic_and_records_are_compared():
    assert unsupported("49,152 values", "", [Fact("one", "49,152", equals="3 * 128**2")], "side = 128") == []
    assert unsupported("0.7 nats", "", [Fact("one", "0.7 nats", equals="log(2)")]) == []
    assert unsupported("0.8 nats", "", [Fact("one", "0.8 nats", equals="log(2)")]) == ["0.8"]
    record = "vaelib/shipped/celeba64/metrics.json"
    assert unsupported("22,000 images", "", [Fact("one", "22,000", source=record)]) == []
    assert unsupported("23,000 images", "", [Fact("one", "23,000", source=record)]) == ["23,000"]
    assert unsupported("22,000 images", "", [Fact("one", "22,000", source="vaelib/gone.json")]) == ["22,000"]


LOSS = Fact(
    "one", "falls by 45 %", equals="100 * (1 - b / a)", of={"a": ("cell", "plain", 1), "b": ("cell", "sharp", 1)}
)


def test_arithmetic_takes_numbers_from_outputs():
    text = "The distance falls by 45 %."
    assert unsupported(text, "plain 11.3\nsharp 6.24", [LOSS]) == []
    assert unsupported(text, "plain 11.3\nsharp 4.10", [LOSS]) == ["45"]
    assert unsupported(text, "plain 11.3", [LOSS]) == ["45"]
    assert unsupported(text, "plain 11.3\nsharp", [LOSS]) == ["45"]


def test_a_number_with_a_named_output_agrees_with_no_other_one():
    text = "The distance falls by 45 %."
    assert unsupported(text, "plain 11.3\nsharp 4.10\nother 0.45") == []
    assert unsupported(text, "plain 11.3\nsharp 4.10\nother 0.45", [LOSS]) == ["45"]


@pytest.mark.parametrize("equals", ["100 * (1 - 6.24 / 11.3)", "4463 - 4264"])
def test_arithmetic_does_not_repeat_outputs(equals):
    with pytest.raises(ValueError, match="name the output with `of`"):
        unsupported("falls by 45 %, 199 nats", "6.24 11.3 4463 4264", [Fact("one", "by 45 %, 199", equals=equals)])


def test_arithmetic_uses_settings_and_numbers_of_the_text():
    assert unsupported("25 nats", "", [Fact("one", "25 nats", equals="2000 / 80")], code="n, m = 2000, 80") == []
    assert unsupported("Of 0.3 the square is 0.09.", "0.3", [Fact("one", "square is 0.09", equals="0.3**2")]) == []


def test_named_outputs_are_whole_beginnings_of_lines():
    table = "        rate  error\nβ = 10   1.6   74.6\nβ = 1   10.9   42.2\n  x%   3% of 4\n      other\nβ = 1     7"
    sections = notebook("", table)
    assert [printed_number("cell", "β = 1", place, sections) for place in range(5)] == [None, 10.9, 42.2, 7, None]
    assert printed_number("cell", "β = 10", 2, sections) == 74.6
    assert printed_number("cell", "x%", 2, sections) == 4
    assert printed_number("gone", "β = 1", 1, sections) is None


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("15 nats", {}),
        ("15 nats", {"why": "a paper", "equals": "3 * 5"}),
        ("some nats", {"why": "a paper"}),
        ("0.7", {"why": "too short to say which"}),
        ("15 nats", {"equals": "3 * 5", "of": {"a": ("cell", "row", 1)}}),
        ("15 nats", {"why": "a paper", "of": {"a": ("cell", "row", 1)}}),
    ],
)
def test_an_incomplete_fact_is_refused(text, reasons):
    with pytest.raises(ValueError, match=r"facts\.toml, one"):
        Fact("one", text, **reasons)


def test_facts_are_read_from_the_file(tmp_path: Path):
    (tmp_path / "facts.toml").write_text('[[04-kl]]\ntext = "15 nats"\nwhy = "a paper"\n')
    assert read_facts(tmp_path / "facts.toml") == [Fact("04-kl", "15 nats", why="a paper")]


def test_numbers_in_prose_have_their_places():
    (numeral,) = in_prose("about 3,800 nats")
    assert (numeral.value, numeral.start, numeral.end, numeral.digits) == (3800, 6, 11, 2)
