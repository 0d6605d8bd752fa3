"""The decks of slides: which parts of the chapters they show, and that a browser can show them with nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import slides
from notebooks.execute import CHAPTERS, NOTEBOOKS

PREDICT = "> **Predict.** Which\n> of both?"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    """Each notebook."""
    return nbformat.read(request.param, as_version=4)


def kinds(notebook: NotebookNode) -> list[str]:
    return [kind for kind, _ in slides.slides_of(notebook)]


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_every_prediction_is_a_slide_and_has_a_picture_before_the_next(notebook: NotebookNode) -> None:
    asking = [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and PREDICT[:14] in cell.source]
    assert asking == [cell.source for cell in tagged(notebook, "prediction")], "tag the cell: prediction"
    episodes = " ".join(kinds(notebook)).split("prediction")[1:]
    assert [episode for episode in episodes if not {"picture", "answer"} & set(episode.split())] == []


def test_every_slide_shows_something(notebook: NotebookNode) -> None:
    for kind, content in slides.slides_of(notebook):
        assert re.search(r"<(?:p|img|table|pre|li|h1)\b", content), (kind, content)
        assert "../" not in content and "<details" not in content and "> **" not in content, content
    assert all(cell.outputs for cell in tagged(notebook, "picture"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_deck_begins_with_the_title_and_ends_with_the_summary(chapter: Path) -> None:
    first, *_, last = slides.slides_of(nbformat.read(chapter, as_version=4))
    assert first[0] == "title" and first[1].startswith("<h1>")
    assert last[0] == "answer" and ">Summary</h2>" in last[1]


def test_a_text_is_taken_apart() -> None:
    text = f"It is so.\n\n## Next\n\nA $z$, then\n\n$$ z < 1 \\tag{{1}} $$\n\n{PREDICT}\n\nMore."
    assert slides.answer(text) == "It is so."
    assert slides.question(text) == "## Next\n\nA $z$, then\n\n$$ z < 1 \\tag{1} $$"
    assert slides.prediction(text) == "**Predict.** Which\nof both?"
    assert (
        slides.answer("## Summary\n\n- One.\n- Two.\n\n### What comes next\n\nMore.") == "## Summary\n\n- One.\n- Two."
    )
    assert slides.answer('<a id="fig-1-2"></a>\n*Fig. 1.2. A face.*\n\nIt smiles.') == "It smiles."


def test_a_lone_heading_stands_above_its_prediction() -> None:
    text = f"### Its place\n\n{PREDICT}"
    assert slides.question(text) == ""
    assert slides.prediction(text).startswith("### Its place\n\n**Predict.**")


def test_a_folded_answer_comes_after_its_prediction() -> None:
    text = f"## Faces\n\nLook.\n\n{PREDICT}\n\n<details>\n<summary>Answer</summary>\n\nThe second.\n\n</details>"
    cells = [
        new_markdown_cell("# Title"),
        new_markdown_cell(text, metadata={"tags": ["answer", "prediction", "question"]}),
    ]
    shown = list(slides.slides_of(new_notebook(cells=cells)))
    assert [kind for kind, _ in shown] == ["title", "question", "prediction", "answer"]
    assert shown[-1][1] == "<p>The second.</p>\n"


def test_long_texts_are_shortened_at_a_paragraph() -> None:
    paragraph = " ".join(40 * ["word"]) + "."
    assert slides.shortened("\n\n".join([paragraph] * 5)) == f"{paragraph}\n\n{paragraph}"
    assert slides.shortened(" ".join(200 * ["word"]) + ".").count("word") == 200


def test_outputs_are_shown_with_their_caption() -> None:
    picture = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    printed = new_output("stream", text="a < b\n")
    metadata = {"tags": ["picture"], "mystnb": {"image": {"alt": 'A "face".'}}}
    html = slides.picture(
        new_code_cell("", outputs=[picture, printed], metadata=metadata), '<a id="fig-1-2"></a>\n*Fig. $z$.*'
    )
    assert '<img src="data:image/png;base64,iVBORw0KGgo=" alt="A &quot;face&quot;.">' in html
    assert "<pre>a &lt; b\n</pre>" in html and r"\(z\)</span>.</p>" in html


def test_a_film_is_a_picture_of_a_slide() -> None:
    film = new_output("execute_result", {"image/webp": "UklGRg==", "text/plain": "<Image object>"})
    html = slides.picture(new_code_cell("", outputs=[film], metadata={"tags": ["picture"]}), "")
    assert '<img src="data:image/webp;base64,UklGRg=="' in html and "object" not in html


CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the disk: formulas are drawn, keys turn the pages, nothing is asked of other hosts, and every slide fits."""
    playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
    monkeypatch.setattr(slides, "NOTEBOOKS", [CHAPTERS[1]])
    monkeypatch.setattr("sys.argv", ["slides", "--to", str(tmp_path)])
    slides.main()
    asked: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))
        page.goto((tmp_path / f"{CHAPTERS[1].stem}.html").as_uri())
        page.wait_for_function("slides[0].style.fontSize")  # the slides have been fitted, and so the formulas drawn
        assert page.locator("mjx-container").count() > 20 and page.locator("mjx-merror").count() == 0
        assert page.locator("#place").inner_text().startswith("1 / ")
        for key, place in (
            ("ArrowRight", 2),
            ("Space", 3),
            ("PageUp", 2),
            ("Home", 1),
            ("ArrowLeft", 1),
            ("End", None),
        ):
            page.keyboard.press(key)
            place = place or page.evaluate("slides.length")
            assert page.locator("#place").inner_text().startswith(f"{place} / ")
            assert (
                page.evaluate("slides.findIndex(slide => slide.checkVisibility({visibilityProperty: true}))")
                == place - 1
            )
        page.get_by_role("button", name="Back").click()
        assert page.evaluate("location.hash") == f"#{page.evaluate('slides.length') - 1}"
        assert page.evaluate("slides.filter(slide => slide.scrollHeight > slide.clientHeight).length") == 0
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
