"""The diagrams of the book: the stored files are what the script draws, follow the page's colours, and can be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pages.diagrams.__main__ import DIAGRAMS, FOLDER
from pages.diagrams.drawing import COLOURS, Drawing

STYLE = (FOLDER.parent / "course.css").read_text()
DARK = dict(re.findall(r"--diagram-([\w-]+): (#\w{6}|var\(--pst-color-background\));", STYLE))
NAMES = sorted(path.stem for path in FOLDER.glob("*.svg"))
DARK_PAGE = "#14181e"  # the theme's background
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)

NUMBER = re.compile(r"-?\d*\.?\d+")
LARGEST = 30_000  # bytes
SMALLEST = 11  # pixels of text, where a diagram is 780 wide


def each_file(function):
    """Run a test once for each diagram."""
    return pytest.mark.parametrize("name", NAMES)(function)


def read(name: str) -> ElementTree.Element:
    return ElementTree.parse(FOLDER / f"{name}.svg").getroot()


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    """What the script draws now, by name."""
    drawings = [draw() for draw in DIAGRAMS]
    return {drawing.name: drawing.svg() for drawing in drawings}


def test_every_diagram_is_stored(drawn: dict[str, str]) -> None:
    assert sorted(drawn) == NAMES


@each_file
def test_a_file_is_what_the_script_draws(name: str, drawn: dict[str, str]) -> None:
    """Coordinates may differ in their last digit, because processors round differently."""
    stored, new = (FOLDER / f"{name}.svg").read_text(), drawn[name]
    assert NUMBER.sub("0", stored) == NUMBER.sub("0", new), "run `python -m pages.diagrams`"
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(new), strict=True)
    assert all(abs(float(a) - float(b)) < 0.11 for a, b in pairs), "run `python -m pages.diagrams`"


@each_file
def test_a_file_is_small_and_says_what_it_shows(name: str) -> None:
    title, description = (read(name).find(f"{{*}}{tag}") for tag in ("title", "desc"))
    assert (FOLDER / f"{name}.svg").stat().st_size < LARGEST
    assert len(title.text) > 5 and len(description.text) > 80


@each_file
def test_several_files_fit_into_one_page(name: str) -> None:
    """All ids begin with the file's name, and all references lead to them."""
    text = (FOLDER / f"{name}.svg").read_text()
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and all(each.startswith(f"{name}-") for each in ids)
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= set(ids)


@each_file
def test_every_colour_follows_the_page(name: str) -> None:
    """A fill or stroke is a variable with its light value as the fallback; the dark value is in course.css."""
    paint = re.compile(r"var\(--diagram-([\w-]+), (#\w{6})\)")
    for element in read(name).iter():
        assert "style" not in element.attrib
        for key in {"fill", "stroke", "stop-color", "color"} & set(element.attrib):
            value = element.get(key, "")
            variable = paint.fullmatch(value)
            assert variable or value == "none" or value.startswith(f"url(#{name}-"), value
            assert not variable or (COLOURS[variable[1]] == variable[2] and variable[1] in DARK)


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast(theme: str) -> None:
    """4.5 : 1, as accessibility asks for: on the paper, on panels, and on the tint of its own colour."""
    values = COLOURS if theme == "light" else COLOURS | DARK | {"paper": DARK_PAGE}
    written = {
        re.search(r"diagram-([\w-]+)", element.get("fill", ""))[1]
        for name in NAMES
        for element in read(name).iterfind(".//{*}text")
    }
    assert {"ink", "muted", "code-text"} < written
    tinted = {text: f"{text.removesuffix('-text')}-wash" for text in written}
    grounds = ((text, ground) for text in written for ground in ("paper", "wash", tinted[text]) if ground in values)
    for text, ground in grounds:
        light, dark = sorted((luminance(values[text]), luminance(values[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {ground}"


# Boxes of all texts, in pixels of the drawing, and the size of the smallest letters.
MEASURE = """svg => {
  const scale = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width, own = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].map(text => {
    const box = text.getBoundingClientRect();
    const sizes = [text, ...text.querySelectorAll("tspan")].map(part => parseFloat(getComputedStyle(part).fontSize));
    return {text: text.textContent, turned: text.hasAttribute("transform"), size: sizes[0],
            left: (box.left - own.left) * scale, right: (box.right - own.left) * scale,
            top: (box.top - own.top) * scale, bottom: (box.bottom - own.top) * scale};
  });
}"""


@pytest.fixture(scope="module")
def texts() -> Iterator[dict[str, list[dict[str, Any]]]]:
    """The texts of every diagram as Chromium sets them."""
    playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 780, "height": 800})
        page.set_content("".join((FOLDER / f"{name}.svg").read_text() for name in NAMES))
        yield {name: svg.evaluate(MEASURE) for name, svg in zip(NAMES, page.query_selector_all("svg"), strict=True)}
        browser.close()


@each_file
def test_text_lies_within_the_drawing_and_is_large_enough(name: str, texts: dict[str, list[dict[str, Any]]]) -> None:
    _, _, width, height = map(float, read(name).get("viewBox", "").split())
    assert texts[name]
    for text in texts[name]:
        inside = text["left"] >= 4 and text["right"] <= width - 4 and text["top"] >= 2 and text["bottom"] <= height - 2
        assert inside, text
        assert text["size"] * 780 / width >= SMALLEST, text


@each_file
def test_no_text_lies_over_another(name: str, texts: dict[str, list[dict[str, Any]]]) -> None:
    """Boxes of lines under each other may touch by their empty margins."""
    for a, b in combinations([text for text in texts[name] if not text["turned"]], 2):
        wide = min(a["right"], b["right"]) - max(a["left"], b["left"])
        high = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
        assert wide <= 0 or high <= 5, (a["text"], b["text"])


def test_mathematics_is_set_as_in_print(tmp_path: Path) -> None:
    d = Drawing("trial", "a title", "a description", 40)
    d.text(0, 0, "KL$(q_{θ} ‖ p(z))$ < 1")
    (tmp_path / "trial.svg").write_text(d.svg())
    text = ElementTree.parse(tmp_path / "trial.svg").find("{*}text")
    slanted = [span.text for span in text.iterfind(".//{*}tspan") if span.get("font-style") == "italic"]
    assert "".join(text.itertext()) == "KL(qθ ‖ p(z)) < 1" and slanted == ["q", "θ", "p", "z"]
