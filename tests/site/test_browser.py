"""The pages in Chromium, over http and over file://, with no other host to ask: whatever is not local is blocked."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from tests.site.accessibility import MODES, MODES_OF, violations
from tests.site.pages import CHAPTERS, LAPTOP, NEXT_FRAME, PAGES, PHONE, ROOT, Visit, browser_only, parsed, playwright

pytestmark = browser_only
VISITS = list(product(("file", "http"), [*PAGES, "genindex"]))
FROM_A_DISK = VISITS[: len(VISITS) // 2]


def on(visits: list[tuple[str, str]]) -> pytest.MarkDecorator:
    """On each of these pages, which is opened once for all tests that look at it."""
    return pytest.mark.parametrize("shown", visits, indirect=True, ids="-".join, scope="module")


on_every_page = on(VISITS)


def wait_for_formulas(shown: Visit, site: Path) -> None:
    """Wait until every formula of the page has been drawn."""
    formulas = parsed(site, shown.name).select("article .math")
    shown.page.wait_for_function(f"document.querySelectorAll('article mjx-container svg').length >= {len(formulas)}")


@on_every_page
def test_shows_formulas_and_pictures(shown: Visit, site: Path) -> None:
    opened = shown.page
    wait_for_formulas(shown, site)
    assert opened.locator("mjx-merror, [data-mml-node=merror]").count() == 0
    opened.evaluate("document.querySelectorAll('img').forEach(picture => { picture.loading = 'eager'; })")
    opened.wait_for_function("[...document.images].every(picture => picture.complete)")
    assert opened.evaluate("[...document.images].filter(picture => !picture.naturalWidth).map(p => p.src)") == []


# Wide formulas scroll if they stand alone, and only to the right; those in a line of text have to fit.
CUT_OFF = """() => [...document.querySelectorAll("article mjx-container > svg")].filter(formula => {
  const [box, drawn] = [formula.closest(".math"), formula].map(element => element.getBoundingClientRect());
  return drawn.left < box.left - 1 || (formula.closest("span.math") && drawn.right > box.right + 1);
}).map(formula => formula.parentElement.textContent)"""

# Pictures of cells whose proportions are not their own.
DISTORTED = """() => [...document.querySelectorAll("article .cell_output img")].filter(picture => {
  const shown = picture.clientWidth / picture.clientHeight, own = picture.naturalWidth / picture.naturalHeight;
  return Math.abs(shown / own - 1) > 0.03;
}).map(picture => picture.alt)"""


@on_every_page
def test_fits_a_phone(shown: Visit, site: Path) -> None:
    wait_for_formulas(shown, site)
    shown.page.set_viewport_size(PHONE)
    shown.page.evaluate(NEXT_FRAME)
    assert shown.page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    assert shown.page.evaluate(CUT_OFF) == []
    assert shown.page.evaluate(DISTORTED) == []
    shown.page.set_viewport_size(LAPTOP)


# The titles of folded boxes whose content is shown, or is not shown, as the argument says.
BOXES_THAT_ARE = """isShown => [...document.querySelectorAll("article .dropdown.admonition")].filter(box =>
  box.querySelector(":scope > :not(.admonition-title)").checkVisibility({visibilityProperty: true}) === isShown
).map(box => box.textContent.slice(0, 50))"""

UNFOLD = "document.querySelectorAll('article .dropdown.admonition button.toggle-button').forEach(b => b.click())"


@on_every_page
def test_unfolds_solutions(shown: Visit) -> None:
    assert shown.page.evaluate(BOXES_THAT_ARE, True) == []
    shown.page.evaluate(UNFOLD)
    shown.page.evaluate(NEXT_FRAME)
    assert shown.page.evaluate(BOXES_THAT_ARE, False) == []


# For each option of each question on the page: the letter, the right letter, and what choosing it has shown.
CHOOSE_EVERY_OPTION = """() => [...document.querySelectorAll("article .question")].flatMap(question =>
  [...question.querySelectorAll("li button")].map(button => {
    button.click();
    const right = question.nextElementSibling.querySelector("strong").textContent.slice(0, 3);
    return [button.textContent, right, question.querySelector("[role=status]").innerText];
  })
)"""


@on_every_page
def test_every_option_of_a_quiz_is_answered(shown: Visit) -> None:
    answers = shown.page.evaluate(CHOOSE_EVERY_OPTION)
    assert (len(answers) >= 12) == (shown.name in CHAPTERS)
    for letter, right, said in answers:
        verdict, _, reason = said.partition(":")
        assert verdict == ("Right" if letter == right else "Not right"), said
        assert letter in re.match(r"[\s(a-z)]*", reason)[0], said


@on(FROM_A_DISK)
def test_is_accessible(shown: Visit) -> None:
    found = [finding for mode in MODES_OF[shown.name] for finding in violations(shown.page, *mode)]
    assert found == []


@pytest.mark.parametrize("visit", ["http"], indirect=True)
def test_search_results_are_accessible(visit: Visit) -> None:
    opened = visit.open("search.html?q=variational")
    opened.locator("#search-results .highlighted").first.wait_for()
    assert [found for mode in MODES for found in violations(opened, *mode)] == []


def test_a_quiz_is_answered_by_the_keyboard(visit: Visit) -> None:
    opened = visit.open(f"{CHAPTERS[0]}.html")
    question = opened.locator("article .question").last  # whose options have no formula, which is reached by Tab, too
    question.get_by_role("button", name="(a)").focus()
    opened.keyboard.press("Tab")
    opened.keyboard.press("Enter")
    assert question.get_by_role("status").inner_text().startswith("Right: (b).")
    pressed = [button.get_attribute("aria-pressed") for button in question.get_by_role("button").all()]
    assert pressed == ["false", "true", "false"]


def test_the_script_of_the_quizzes_is_short() -> None:
    assert len((ROOT / "book/_static/quiz.js").read_text().splitlines()) <= 60


def test_searches(visit: Visit) -> None:
    opened = visit.open("search.html?q=reparameterisation")
    opened.locator("#search-results li a").first.wait_for()
    assert "variational" in opened.locator("#search-results").inner_text().lower()


def test_follows_a_dark_system(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark")
    opened = visit.open(f"{CHAPTERS[0]}.html")
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    assert max(background(opened, "body")) < 60
    assert min(background(opened, ".cell_output img")) > 200


def background(page: playwright.Page, selector: str) -> list[int]:
    """Red, green and blue behind the first element that the selector finds."""
    colour = page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", colour)[:3]]
