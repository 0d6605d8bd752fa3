"""How fast are the live figures of the site, and how much do they add to it?

    make book
    python -m benchmarks.browser

The script opens the explorer of the built site from its folder in headless Chromium. It measures what it takes to show
the first face, to follow the mouse while it drags a slider, and to do single computations. The times are those that
the page's one thread spends on the processor. The sizes are those of the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write, require_folder_of

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).parent / "recorded" / "browser.json"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SECONDS = 4  # of dragging
REPEATS, FEW_REPEATS = 20, 3
AWAKE, LONGEST = "[data-live=explorer][data-state=awake][data-pictures]", 300_000  # milliseconds
COUNT = "Number(document.querySelector('[data-live]').dataset.pictures)"

# What is timed in the page, on the model of photographed faces, by its name in the record.
PREPARE = """async () => {
  window.model = await (await vaelib.load("celeba64")).need("decoder", "encoder", "flow", "detail");
  window.network = await vaelib.classifier();
  window.picture = model.decode(model.draw("gmm", 1));
  window.noise = vaelib.normal(picture.values.length, vaelib.uniform(1));
}"""
COMPUTATIONS = {
    "decode a code": "model.decode(model.draw('normal', seed))",
    "encode a picture": "model.encode(picture)",
    "sharpen a picture": "model.sharpen(picture)",
    "draw from the mixture": "model.draw('gmm', seed)",
    "draw from the flow": "model.draw('flow', seed)",
    "classify a picture": "network.probabilities(picture)",
}
DETAIL = {"draw the detail of a picture": "await pixelFlow.detailed(model.networks.detail, picture, noise)"}


def main() -> None:
    run_program("browser", lambda: work(parse_arguments()))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the live figures of the site in Chromium.")
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html", help="the folder of the built site")
    parser.add_argument("--output", type=Path, default=RECORD, help="the JSON file of the record")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    """Measure, write the record and print it."""
    require_folder_of(arguments.output)
    page = arguments.site / "book" / "explore.html"
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not page.is_file():
        raise UserError(f"{arguments.site} holds no book/explore.html: build the site with `make book`.")
    if browser is None:
        raise UserError("Chromium is not installed, and the figures are measured in it: install Chromium.")
    record = {"hardware": devices.hardware(), **measured(page, browser), "sizes": sizes(arguments.site)}
    with atomic_write(arguments.output) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


def measured(page: Path, browser: str) -> dict[str, Any]:
    """The version of the browser, and all times."""
    from playwright import sync_api as playwright  # here, because only this script needs a browser's driver

    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = chromium.new_page(viewport={"width": 1280, "height": 900})
        clock = Clock(opened)
        opened.goto(page.resolve().as_uri())
        opened.wait_for_selector(AWAKE, timeout=LONGEST)
        times = {"open the page and show the first face": clock.seconds() * 1000}
        times["show a face while the mouse drags a slider"] = drag(opened, clock)
        opened.evaluate(PREPARE)
        for repeats, computations in ((REPEATS, COMPUTATIONS), (FEW_REPEATS, DETAIL)):
            for name, computation in computations.items():
                loop = f"async count => {{ for (let seed = 1; seed <= count; seed++) {computation}; }}"
                opened.evaluate(loop, 1)  # the compiler's work is not counted
                before = clock.seconds()
                opened.evaluate(loop, repeats)
                times[name] = (clock.seconds() - before) / repeats * 1000
        version = chromium.version
        chromium.close()
    return {
        "browser": f"Chromium {version.split('.')[0]}",
        "milliseconds": {name: round(milliseconds, 1) for name, milliseconds in times.items()},
    }


class Clock:
    """The processor time that a page's thread has used. What else the machine does is not counted."""

    def __init__(self, opened: Any):
        self.client = opened.context.new_cdp_session(opened)
        self.client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        """Since the page was made."""
        metrics = self.client.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime")


def drag(opened: Any, clock: Clock) -> float:
    """Milliseconds for each picture while the mouse drags the slider of an attribute back and forth."""
    opened.get_by_role("tab", name="Edit").click()
    box = opened.get_by_role("slider", name="Smiling").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.mouse.move(x, y)
    opened.mouse.down()
    before, pictures, started, step = clock.seconds(), opened.evaluate(COUNT), time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        step += 1
        opened.mouse.move(x + box["width"] * 0.3 * (-1 if step % 2 else 1) * (step % 20) / 20, y)
    used, drawn = clock.seconds() - before, opened.evaluate(COUNT) - pictures
    opened.mouse.up()
    return used / drawn * 1000


def sizes(site: Path) -> dict[str, int]:
    """The bytes of every script of weights, and of all files of the live figures together."""
    live = site / "_static" / "live"
    scripts = {path.stem: path.stat().st_size for path in sorted((live / "weights").glob("*.js"))}
    return scripts | {"all": sum(path.stat().st_size for path in live.rglob("*") if path.is_file())}


if __name__ == "__main__":
    main()
