"""The built site, and the browser that opens it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from tests.site.pages import CHROMIUM, LAPTOP, Visit, build, playwright


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the built pages. Every warning is an error. Processes that test at the same time share one."""
    of_all = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    folder, finished = of_all / "book", of_all / "book-is-built"
    with FileLock(of_all / "book.lock"):
        if not finished.exists():
            build(folder, "-W", "-n", "--keep-going")
            finished.touch()
    return folder / "_build" / "html"


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each of them."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
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


@pytest.fixture(params=["file", "http"])
def visit(browser: playwright.Browser, addresses: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A tab of a laptop's width, for one test."""
    visit = Visit(browser, addresses[request.param], LAPTOP)
    yield visit
    visit.close()


@pytest.fixture(scope="module")
def shown(browser: playwright.Browser, addresses: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A page in a tab of a laptop's width: it is loaded once for all tests that look at it, which leave it so wide."""
    kind, page = request.param
    visit = Visit(browser, addresses[kind], LAPTOP)
    visit.open(f"{page}.html")
    yield visit
    visit.close()
