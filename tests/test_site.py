"""The built site: every page alone on a disk or behind a web server, with no other host to ask.

What can be read off the HTML is tested wherever the book can be built. Where Chromium is installed too, every page is
opened in it, over http and over file://, and whatever is not local is blocked and reported. There, axe-core also looks
for what excludes readers who cannot see well or who use no mouse.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, pairwise, product
from pathlib import Path

import pytest
import yaml

pytest.importorskip("jupyter_book", reason="builds the book")
playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
AXE_SCRIPT = pytest.importorskip("axe_playwright_python.base", reason="brings axe-core").AXE_SCRIPT
BeautifulSoup = pytest.importorskip("bs4", reason="parses the pages").BeautifulSoup

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "_config.yml"
# Chromium without its own windows opens pages sooner: it is the first choice where it is installed.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# The theme declares one name twice; nothing that is used here depends on it.
KNOWN_ERRORS = ("Identifier 'THEBE_JS_URL' has already been declared",)

browser_only = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def build(folder: Path, *options: str | Path) -> Path:
    """Build the book into `folder`; return the folder of the pages."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT, "--path-output", folder]
    finished = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages. Every warning is an error."""
    return build(tmp_path_factory.mktemp("book"), "-W", "-n", "--keep-going")


def parsed(site: Path, page: str) -> BeautifulSoup:
    return BeautifulSoup((site / f"{page}.html").read_text(), "html.parser")


# What can be read off the files


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_loads_nothing_from_another_host(site: Path, page: str) -> None:
    loaded = parsed(site, page).select("script[src], img[src], iframe[src], source[src], link[rel=stylesheet]")
    addresses = [tag.get("src") or tag.get("href") for tag in loaded]
    assert [address for address in addresses if re.match(r"(https?:)?//", address)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_what_it_shows(site: Path, page: str) -> None:
    pictures = parsed(site, page).select("article img")
    assert [picture["src"] for picture in pictures if len(picture.get("alt", "").split()) < 3] == []


@pytest.mark.parametrize("page", PAGES)
def test_headings_go_down_step_by_step(site: Path, page: str) -> None:
    levels = [int(heading.name[1]) for heading in parsed(site, page).select("article :is(h1, h2, h3, h4, h5, h6)")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("page", CHAPTERS)
def test_solutions_and_answers_are_folded(site: Path, page: str) -> None:
    folded = parsed(site, page).select("article .dropdown.admonition")
    assert sum("solution" in box["class"] for box in folded) >= 3
    assert sum("solution" not in box["class"] for box in folded) >= 4


def test_a_configured_repository_gives_launch_buttons(site: Path, tmp_path: Path) -> None:
    """The second build has two pages only, whose links to all the others lead nowhere."""
    assert "colab" not in (site / f"{CHAPTERS[0]}.html").read_text()
    config, contents = tmp_path / "_config.yml", tmp_path / "_toc.yml"
    uncommented = re.sub("^#(?=[a-z]|  [a-z])", "", CONFIG.read_text(), flags=re.MULTILINE)
    config.write_text(re.sub(r"(svg_formulas|plain_docstrings|plain_notebooks): book", rf"\1: {ROOT / 'book'}", uncommented))
    contents.write_text(f"format: jb-book\nroot: {PAGES[0]}\nchapters: [{{file: {CHAPTERS[0]}}}]\n")
    options = ["--config", config, "--toc", contents]
    page = (build(tmp_path / "book", *options) / f"{CHAPTERS[0]}.html").read_text()
    assert f"https://colab.research.google.com/github/OWNER/NAME/blob/main/{CHAPTERS[0]}.ipynb" in page
    assert f"https://mybinder.org/v2/gh/OWNER/NAME/main?urlpath=lab/tree/{CHAPTERS[0]}.ipynb" in page


# What only a browser can tell


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each of them."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def addresses(site: Path) -> Iterator[dict[str, str]]:
    """Where the site begins: at a web server on this machine, and in its folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SilentHandler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"file": site.as_uri(), "http": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    """A Chromium without a window."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """An open page, the requests that it made to others, and the errors that it reported."""

    def __init__(self, browser: playwright.Browser, address: str, screen: dict[str, int]):
        self.page = browser.new_page(viewport=screen)
        self.address, self.strangers, self.errors = address, [], []
        self.page.route("**/*", self._let_through_or_block)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self._note(message.text))

    def open(self, page: str) -> playwright.Page:
        """Load a page and wait until its scripts have run."""
        self.name = page.partition(".")[0]
        self.page.goto(f"{self.address}/{page}")
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_function("typeof MathJax === 'undefined' || !MathJax.startup || MathJax.startup.promise")
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


@pytest.fixture(params=["file", "http"])
def visit(browser: playwright.Browser, addresses: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A tab of a laptop's width, for one test."""
    visit = Visit(browser, addresses[request.param], LAPTOP)
    yield visit
    visit.close()


EVERY_FILE = [("file", page) for page in [*PAGES, "genindex"]]
EVERY_PAGE = [*EVERY_FILE, *(("http", page) for _, page in EVERY_FILE)]


@pytest.fixture(scope="module", params=EVERY_PAGE, ids="-".join)
def shown(browser: playwright.Browser, addresses: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A page in a tab of a laptop's width: it is loaded once for all tests that look at it, which leave it so wide."""
    kind, page = request.param
    visit = Visit(browser, addresses[kind], LAPTOP)
    visit.open(f"{page}.html")
    yield visit
    visit.close()


def wait_for_formulas(shown: Visit, site: Path) -> None:
    """Wait until every formula of the page has been drawn."""
    formulas = parsed(site, shown.name).select("article .math")
    shown.page.wait_for_function(f"document.querySelectorAll('article mjx-container svg').length >= {len(formulas)}")


@browser_only
def test_shows_formulas_and_pictures(shown: Visit, site: Path) -> None:
    opened = shown.page
    wait_for_formulas(shown, site)
    assert opened.locator("mjx-merror, [data-mml-node=merror]").count() == 0
    opened.evaluate("document.querySelectorAll('img').forEach(picture => { picture.loading = 'eager'; })")
    opened.wait_for_function("[...document.images].every(picture => picture.complete)")
    assert opened.evaluate("[...document.images].filter(picture => !picture.naturalWidth).map(p => p.src)") == []


@browser_only
def test_searches(visit: Visit) -> None:
    opened = visit.open("search.html?q=reparameterisation")
    opened.locator("#search-results li a").first.wait_for()
    assert "variational" in opened.locator("#search-results").inner_text().lower()


NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# Wide formulas scroll if they stand alone, and only to the right; those in a line of text have to fit.
CUT_OFF = """() => [...document.querySelectorAll("article mjx-container > svg")].filter(formula => {
  const [box, drawn] = [formula.closest(".math"), formula].map(element => element.getBoundingClientRect());
  return drawn.left < box.left - 1 || (formula.closest("span.math") && drawn.right > box.right + 1);
}).map(formula => formula.parentElement.textContent)"""


@browser_only
def test_fits_a_phone(shown: Visit, site: Path) -> None:
    wait_for_formulas(shown, site)
    shown.page.set_viewport_size(PHONE)
    shown.page.evaluate(NEXT_FRAME)
    assert shown.page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    assert shown.page.evaluate(CUT_OFF) == []
    shown.page.set_viewport_size(LAPTOP)


@browser_only
def test_unfolds_solutions(shown: Visit) -> None:
    for box in shown.page.locator("article .dropdown.admonition").all():
        content = box.locator("> :not(.admonition-title)").first
        assert not content.is_visible()
        box.locator("button.toggle-button").first.click()
        content.wait_for(state="visible")


@browser_only
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


# What axe-core finds. It is slow: most pages are checked in one mode, in turn, and only the typical pages in all modes.
# Between them they have all that occurs: a banner, folded answers, wide tables, code, formulas and pictures.
MODES = list(product((LAPTOP, PHONE), ("light", "dark")))
TYPICAL_PAGES = ("book/intro", "book/questions", "book/results", CHAPTERS[-1])
MODES_OF = {
    page: MODES if page in TYPICAL_PAGES else [mode]
    for page, mode in zip([*PAGES, "genindex"], cycle(MODES), strict=False)
}

UNFOLD = """() => {
  document.querySelectorAll("button.toggle-button-hidden").forEach(button => button.click());
  document.querySelectorAll("details").forEach(box => { box.open = true; });
}"""

# Marks the first visible text of each look: its colour, its size and what lies behind it. For the contrast of one text
# axe takes milliseconds. A chapter has thousands of coloured words of code, but fewer than a hundred looks.
MARK_LOOKS = """() => {
  const plain = ["rgba(0, 0, 0, 0)", "none", "1", "static"];
  const backdrops = new Map([[null, ""]]);
  const backdrop = element => {
    if (!backdrops.has(element)) {
      const {backgroundColor, backgroundImage, opacity, position} = getComputedStyle(element);
      const own = [backgroundColor, backgroundImage, opacity, position].filter(value => !plain.includes(value));
      backdrops.set(element, backdrop(element.parentElement) + own);
    }
    return backdrops.get(element);
  };
  const looks = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const {color, fontSize, fontWeight} = getComputedStyle(element);
    const look = [color, fontSize, fontWeight, backdrop(element)].join();
    const hasText = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const isSeen = hasText && element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    element.toggleAttribute("data-look", isSeen && !looks.has(look));
    if (isSeen) looks.add(look);
  }
}"""

RUN_AXE = """async () => {
  axe.configure({rules: [{id: "color-contrast", selector: "[data-look]"}]});
  const {violations} = await axe.run({resultTypes: ["violations"], preload: false});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact)).flatMap(
    ({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target} ${failureSummary}`));
}"""


def violations(opened: playwright.Page, screen: dict[str, int], scheme: str) -> list[str]:
    """The serious and critical findings of axe-core on a screen of this size, in a light or a dark system."""
    opened.set_viewport_size(screen)
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate(UNFOLD)
    opened.evaluate(NEXT_FRAME)
    opened.evaluate("document.getAnimations().forEach(animation => animation.finish())")
    opened.evaluate(MARK_LOOKS)
    opened.evaluate(AXE_SCRIPT)
    return [f"{scheme}, {screen['width']} pixels: {finding}" for finding in opened.evaluate(RUN_AXE)]


@browser_only
@pytest.mark.parametrize("shown", EVERY_FILE, indirect=True, ids="-".join, scope="module")
def test_is_accessible(shown: Visit) -> None:
    found = [finding for mode in MODES_OF[shown.name] for finding in violations(shown.page, *mode)]
    shown.page.set_viewport_size(LAPTOP)
    assert found == []


@browser_only
@pytest.mark.parametrize("visit", ["http"], indirect=True)
def test_search_results_are_accessible(visit: Visit) -> None:
    opened = visit.open("search.html?q=variational")
    opened.locator("#search-results .highlighted").first.wait_for()
    assert [found for mode in MODES for found in violations(opened, *mode)] == []
