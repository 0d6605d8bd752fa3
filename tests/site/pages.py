"""The pages of the book, how it is built, and how a page is opened in a browser and watched."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("jupyter_book", reason="builds the book")
playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
BeautifulSoup = pytest.importorskip("bs4", reason="parses the pages").BeautifulSoup

ROOT = Path(__file__).parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CHAPTERS = [page for page in PAGES if re.match(r"notebooks/\d", page)]
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

# Chromium without its own windows opens pages sooner: it is the first choice where it is installed.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
browser_only = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

# The theme declares one name twice; nothing that is used here depends on it.
KNOWN_ERRORS = ("Identifier 'THEBE_JS_URL' has already been declared",)
FORMULAS_ARE_LOADED = "typeof MathJax === 'undefined' || !MathJax.startup || MathJax.startup.promise"
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def build(folder: Path, *options: str | Path) -> Path:
    """Build the book into `folder`; return the folder of the pages."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT, "--path-output", folder]
    finished = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
    return folder / "_build" / "html"


@functools.cache
def parsed(site: Path, page: str) -> BeautifulSoup:
    """The HTML of a page. It is parsed once for all tests that read it, because a chapter takes a second."""
    return BeautifulSoup((site / f"{page}.html").read_text(), "html.parser")


class Visit:
    """An open page, the requests that it made to others, and the errors that it reported."""

    def __init__(self, browser: playwright.Browser, address: str, screen: dict[str, int]):
        self.page = browser.new_page(viewport=screen)
        self.address, self.strangers, self.errors = address, [], []
        self.page.route("**/*", self._let_through_or_block)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self._note(message.text))

    def open(self, page: str) -> playwright.Page:
        """Load a page and all that it names, and wait until its scripts have run."""
        self.name = page.partition(".")[0]
        self.page.goto(f"{self.address}/{page}")
        self.page.wait_for_function(FORMULAS_ARE_LOADED)
        return self.page

    def _let_through_or_block(self, route: playwright.Route) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()

    def _note(self, error: str) -> None:
        if error not in KNOWN_ERRORS:
            self.errors.append(error)

    def close(self) -> None:
        """Close the page: no request may have gone elsewhere, and no error been reported."""
        self.page.close()
        assert self.strangers == []
        assert self.errors == []
