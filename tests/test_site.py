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
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# The theme declares one name twice; nothing that is used here depends on it.
KNOWN_ERRORS = ("Identifier 'THEBE_JS_URL' has already been declared",)

browser_only = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def build(folder: Path, config: Path = CONFIG) -> Path:
    """Build the book into `folder`, every warning an error; return the folder of the pages."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT, "--path-output", folder]
    options = ["--config", config, "-W", "-n", "--keep-going"]
    finished = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages."""
    return build(tmp_path_factory.mktemp("book"))


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
    assert "colab" not in (site / f"{CHAPTERS[0]}.html").read_text()
    config = tmp_path / "_config.yml"
    uncommented = re.sub("^#(?=[a-z]|  [a-z])", "", CONFIG.read_text(), flags=re.MULTILINE)
    config.write_text(uncommented.replace("svg_formulas: book", f"svg_formulas: {ROOT / 'book'}"))
    page = (build(tmp_path / "book", config) / f"{CHAPTERS[0]}.html").read_text()
    assert f"https://colab.research.google.com/github/OWNER/NAME/blob/main/{CHAPTERS[0]}.ipynb" in page
    assert f"https://mybinder.org/v2/gh/OWNER/NAME/main?urlpath=lab/tree/{CHAPTERS[0]}.ipynb" in page


# What only a browser can tell


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each of them."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module", params=["http", "file"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Where the site begins: at a web server on this machine, or in its folder."""
    if request.param == "file":
        yield site.as_uri()
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SilentHandler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
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


@pytest.fixture
def visit(browser: playwright.Browser, address: str) -> Iterator[Visit]:
    """A page of a laptop's width; afterwards, no request may have gone elsewhere and no error been reported."""
    visit = Visit(browser, address, LAPTOP)
    yield visit
    visit.page.close()
    assert visit.strangers == []
    assert visit.errors == []


def wait_for_formulas(opened: playwright.Page, site: Path, page: str) -> None:
    """Wait until every formula of the page has been drawn."""
    formulas = parsed(site, page).select("article .math")
    opened.wait_for_function(f"document.querySelectorAll('article mjx-container svg').length >= {len(formulas)}")


@browser_only
@pytest.mark.parametrize("page", PAGES)
def test_shows_formulas_and_pictures(visit: Visit, site: Path, page: str) -> None:
    opened = visit.open(f"{page}.html")
    wait_for_formulas(opened, site, page)
    assert opened.locator("mjx-merror, [data-mml-node=merror]").count() == 0
    opened.evaluate("document.querySelectorAll('img').forEach(picture => { picture.loading = 'eager'; })")
    opened.wait_for_function("[...document.images].every(picture => picture.complete)")
    assert opened.evaluate("[...document.images].filter(picture => !picture.naturalWidth).map(p => p.src)") == []


@browser_only
@pytest.mark.parametrize("page", CHAPTERS)
def test_unfolds_solutions(visit: Visit, page: str) -> None:
    opened = visit.open(f"{page}.html")
    for box in opened.locator("article .dropdown.admonition").all():
        content = box.locator("> :not(.admonition-title)").first
        assert not content.is_visible()
        box.locator("button.toggle-button").first.click()
        content.wait_for(state="visible")


@browser_only
def test_searches(visit: Visit) -> None:
    opened = visit.open("search.html?q=reparameterisation")
    opened.locator("#search-results li a").first.wait_for()
    assert "variational" in opened.locator("#search-results").inner_text().lower()


# Wide formulas scroll if they stand alone, and only to the right; those in a line of text have to fit.
CUT_OFF = """() => [...document.querySelectorAll("article mjx-container > svg")].filter(formula => {
  const [box, drawn] = [formula.closest(".math"), formula].map(element => element.getBoundingClientRect());
  return drawn.left < box.left - 1 || (formula.closest("span.math") && drawn.right > box.right + 1);
}).map(formula => formula.parentElement.textContent)"""


@browser_only
@pytest.mark.parametrize("page", PAGES)
def test_fits_a_phone(visit: Visit, site: Path, page: str) -> None:
    visit.page.set_viewport_size(PHONE)
    opened = visit.open(f"{page}.html")
    wait_for_formulas(opened, site, page)
    assert opened.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    assert opened.evaluate(CUT_OFF) == []


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

NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

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
@pytest.mark.parametrize("address", ["file"], indirect=True)
@pytest.mark.parametrize("page", MODES_OF)
def test_is_accessible(visit: Visit, page: str) -> None:
    opened = visit.open(f"{page}.html")
    assert [found for mode in MODES_OF[page] for found in violations(opened, *mode)] == []


@browser_only
@pytest.mark.parametrize("address", ["http"], indirect=True)
def test_search_results_are_accessible(visit: Visit) -> None:
    opened = visit.open("search.html?q=variational")
    opened.locator("#search-results .highlighted").first.wait_for()
    assert [found for mode in MODES for found in violations(opened, *mode)] == []
