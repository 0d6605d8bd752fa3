"""The live figures in Chromium: what they compute, what they load, and whether every control does what it says."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from book.live import FIGURES
from tests.site.pages import CHAPTERS, CHROMIUM, LAPTOP, PHONE, Visit, browser_only, playwright
from vaelib import runs

AXE_SCRIPT = pytest.importorskip("axe_playwright_python.base", reason="brings axe-core").AXE_SCRIPT

pytestmark = browser_only
in_the_explorer = pytest.mark.parametrize(
    "shown", [("file", "book/explore"), ("http", "book/explore")], indirect=True, ids="-".join, scope="module"
)
in_the_explorer_from_a_disk = pytest.mark.parametrize(
    "shown", [("file", "book/explore")], indirect=True, ids="-".join, scope="module"
)
WEIGHTS = "_static/live/weights/"
AWAKE = "[data-live][data-state=awake]"
SLOWEST = 120_000  # milliseconds that a busy machine may take to load a model

# A number that stands for all pictures that are shown, and how many have been drawn before.
PICTURE = """(() => {
  let sum = 0;
  for (const canvas of document.querySelectorAll(".live-frame:not([hidden]) canvas")) {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    sum = data.reduce((total, value) => (31 * total + value) % 2147483647, sum);
  }
  return sum;
})()"""
PICTURES = "Number(document.querySelector('[data-live]').dataset.pictures ?? 0)"
IS_NEWER = f"count => {PICTURES} > count"

# Collects every text that a line of the page tells.
KEEP_WHAT_IS_SAID = """status => {
  window.said = [];
  new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true, subtree: true });
}"""


def picture_after(opened: playwright.Page, act: Callable[[], object]) -> int:
    """A number that stands for the picture that is shown after an action that draws one."""
    count = opened.evaluate(PICTURES)
    act()
    opened.wait_for_function(IS_NEWER, arg=count, timeout=SLOWEST)
    return opened.evaluate(PICTURE)


# All else in the article is removed first, because axe-core reads the whole page.
ALONE = """() => document.querySelectorAll("article section > :not(section, :has([data-live]), [data-live])")
  .forEach(element => element.remove())"""


def serious(opened: playwright.Page) -> list[str]:
    """What axe-core finds in the live figure of a page, in light and dark."""
    opened.evaluate(AXE_SCRIPT)
    found = []
    for theme in ("dark", "light"):
        opened.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        violations = opened.evaluate("axe.run('[data-live]', {preload: false}).then(result => result.violations)")
        found += [
            f"{theme} {violation['id']}: {node['failureSummary']}"
            for violation in violations
            for node in violation["nodes"]
        ]
    return found


@pytest.fixture(scope="module")
def explorer(shown: Visit) -> Iterator[playwright.Page]:
    """The page with the explorer, awake."""
    shown.page.wait_for_selector(AWAKE, timeout=SLOWEST)
    yield shown.page


# Arrays travel between Python and the page as text, which is much faster than as lists of numbers.
ARRAYS = """() => {
  window.fromText = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
  window.toText = arrays => {
    const bytes = new Uint8Array(Float32Array.from(arrays.flatMap(array => [...array])).buffer);
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
  };
  window.decodedAll = codes => toText(codes.map(code => model.decode(code).values));
}"""


def to_text(tensor: torch.Tensor) -> list[str]:
    """Each row of a tensor as text."""
    return [base64.b64encode(row.contiguous().numpy().tobytes()).decode() for row in tensor]


def pictures_of(text: str, size: int) -> torch.Tensor:
    """Pictures (N, 3, H, W) that come from the page, where the numbers of a pixel stand side by side."""
    values = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32)
    return values.view(-1, size, size, 3).permute(0, 3, 1, 2)


@in_the_explorer_from_a_disk
@pytest.mark.parametrize("name", ["celeba64", "celeba64-ae", "cifar10", "faces32"])
@torch.no_grad()
def test_computes_what_torch_computes(explorer: playwright.Page, name: str) -> None:
    model = runs.load(name).model
    z = torch.randn(8, model.latent_dim, generator=torch.Generator().manual_seed(5))
    pictures = model.decode(z)
    explorer.evaluate(ARRAYS)
    explorer.evaluate("async name => { window.model = await (await vaelib.load(name)).need('decoder'); }", name)
    decoded = explorer.evaluate("all => decodedAll(all.map(fromText))", to_text(z))
    assert (pictures_of(decoded, model.image_size) - pictures).abs().max() <= 0.01
    if "encoder" in explorer.evaluate("model.parts"):
        encode = """async all => {
          await model.need("encoder");
          const picture = text => ({size: model.size, channels: 3, values: fromText(text)});
          return decodedAll(all.map(text => model.encode(picture(text))));
        }"""
        encoded = explorer.evaluate(encode, to_text(pictures.permute(0, 2, 3, 1)))
        assert (pictures_of(encoded, model.image_size) - model.reconstruct(pictures)).abs().max() <= 0.01


@in_the_explorer_from_a_disk
@torch.no_grad()
def test_draws_and_sharpens_as_torch_does(explorer: playwright.Page) -> None:
    statistics = runs.load("celeba64").statistics
    noise = torch.randn(2, 128, generator=torch.Generator().manual_seed(9))
    follow = """async all => {
      window.model = await (await vaelib.load("celeba64")).need("decoder", "flow");
      return all.map(noise => [...vaelib.followFlow(model.networks.flow, Float32Array.from(noise))]);
    }"""
    followed = torch.tensor(explorer.evaluate(follow, noise.tolist()))
    assert (followed - statistics.priors["flow"].sample(2, torch.Generator().manual_seed(9))).abs().max() < 0.1
    explorer.evaluate(ARRAYS)
    picture = pictures_of(explorer.evaluate("decodedAll([model.draw('normal', 1)])"), 64)
    sharpened = explorer.evaluate("toText([model.sharpen(model.decode(model.draw('normal', 1))).values])")
    assert (pictures_of(sharpened, 64) - statistics.sharpener(picture)).abs().max() < 1e-3
    draws = torch.tensor(explorer.evaluate("Array.from({length: 200}, (_, seed) => [...model.draw('gmm', seed)])"))
    assert float((draws.std(0) / statistics.priors["gaussian"].covariance.diagonal().sqrt()).mean()) == pytest.approx(
        1, abs=0.05
    )


@in_the_explorer_from_a_disk
@torch.no_grad()
def test_draws_the_detail_that_torch_draws(explorer: playwright.Page) -> None:
    run = runs.load("celeba64")
    noise = torch.Generator().manual_seed(6)
    pictures = run.model.decode(torch.randn(3, 128, generator=noise))
    start = torch.randn(pictures.shape, generator=noise)
    explorer.evaluate(ARRAYS)
    detail = """async ([pictures, noise]) => {
      window.model = await (await vaelib.load("celeba64")).need("detail");
      const detailed = [];
      for (let i = 0; i < pictures.length; i++) {
        const picture = {size: 64, channels: 3, values: fromText(pictures[i])};
        detailed.push((await pixelFlow.detailed(model.networks.detail, picture, fromText(noise[i]))).values);
      }
      return toText(detailed);
    }"""
    sent = [to_text(part.permute(0, 2, 3, 1)) for part in (pictures, start)]
    difference = (pictures_of(explorer.evaluate(detail, sent), 64) - run.detail.at_noise(pictures, start)).abs()
    assert difference.mean() <= 0.01
    assert difference.max() <= 0.05


@in_the_explorer_from_a_disk
def test_one_core_decodes_ten_pictures_a_second(explorer: playwright.Page) -> None:
    client = explorer.context.new_cdp_session(explorer)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})  # other work on this machine is not counted

    def seconds() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime")

    explorer.evaluate("async () => { window.model = await (await vaelib.load('celeba64')).need('decoder'); }")
    before = seconds()
    explorer.evaluate("for (let seed = 0; seed < 20; seed++) model.sharpen(model.decode(model.draw('gmm', seed)))")
    assert (seconds() - before) / 20 < 0.1


@in_the_explorer_from_a_disk
def test_every_slider_changes_the_picture_and_reset_restores_it(explorer: playwright.Page) -> None:
    choose_drawn_faces(explorer)
    first = explorer.evaluate(PICTURE)
    moved = 0
    for tab in ("Draw", "Edit", "Directions", "Walk"):
        explorer.get_by_role("tab", name=tab).click()
        for slider in explorer.locator("[data-live] [role=tabpanel]:not([hidden]) input[type=range]").all():
            box = slider.bounding_box()
            at = {"x": 0.7 * box["width"], "y": box["height"] / 2}
            by_mouse = picture_after(explorer, lambda slider=slider, at=at: slider.click(position=at))
            by_key = picture_after(explorer, lambda slider=slider: slider.press("ArrowRight"))
            assert len({first, by_mouse, by_key}) == 3
            assert picture_after(explorer, explorer.get_by_role("button", name="Reset").click) == first
            moved += 1
    assert moved >= 1 + 10 + 8 + 1
    explorer.get_by_role("tab", name="Draw").click()


def choose_drawn_faces(explorer: playwright.Page) -> None:
    """The smallest model, which draws quickly on any machine, as it is at the start."""
    explorer.get_by_text("Drawn faces", exact=True).first.click()
    explorer.wait_for_function("document.querySelector('.live-note').textContent.includes('32 × 32')", timeout=SLOWEST)
    explorer.get_by_role("button", name="Reset").click()
    explorer.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@in_the_explorer
def test_undo_takes_back_and_a_link_holds_the_state(explorer: playwright.Page) -> None:
    choose_drawn_faces(explorer)
    first = explorer.evaluate(PICTURE)
    explorer.get_by_role("tab", name="Edit").click()
    smiling = explorer.get_by_role("slider", name="Smiling")
    changed = picture_after(explorer, lambda: smiling.press("End"))
    explorer.get_by_role("button", name="Link").click()
    link = explorer.get_by_label("Link to this").input_value()
    assert link.endswith("#explorer?model=faces32&Smiling=3")
    assert picture_after(explorer, explorer.get_by_role("button", name="Undo").click) == first
    fragment = link.partition("#")[2]
    follow = "fragment => { location.hash = ''; location.hash = fragment; }"
    assert picture_after(explorer, lambda: explorer.evaluate(follow, fragment)) == changed
    hostile = "explorer?model=faces32&seed=x&Smiling=1e9&prior=__proto__&toString=1&t=-4"
    picture_after(explorer, lambda: explorer.evaluate(follow, hostile))
    assert smiling.input_value() == "3"
    assert explorer.locator("[data-live] [role=status]").first.inner_text().count("undefined") == 0


@in_the_explorer
def test_detail_is_loaded_when_asked_for_stops_and_comes_back_by_a_link(
    explorer: playwright.Page, tmp_path: Path
) -> None:
    loaded = "[...document.scripts].filter(script => script.src.endsWith('celeba64-detail.js')).length"
    assert explorer.url.startswith("file:") or explorer.evaluate(loaded) == 0  # from a disk, the test above has used it
    explorer.evaluate("location.hash = '#explorer?model=celeba64&seed=7&prior=gmm'")
    explorer.get_by_text("drawn from the mixture, seed 7").wait_for(timeout=SLOWEST)
    progress, told = explorer.locator(".live-detail progress"), explorer.locator(".live-detail [role=status]")
    assert not progress.is_visible()
    plain = explorer.evaluate(PICTURE)

    told.evaluate(KEEP_WHAT_IS_SAID)  # a step may be over before a test looks at the page
    explorer.get_by_text("With detail", exact=True).click()
    explorer.wait_for_function("said.some(text => text.includes('step 2 of 8'))", timeout=SLOWEST)
    assert explorer.evaluate(PICTURE) != plain
    explorer.get_by_role("slider", name="Temperature").press("ArrowLeft")
    begun = "said.flatMap((text, i) => text.includes('as soon as nothing moves') ? [i] : [])"
    explorer.wait_for_function(f"{begun}.length === 2")
    assert " of 8" in explorer.evaluate(f"said[{begun}[1] - 1]")  # it was stopped in the middle
    explorer.get_by_role("slider", name="Temperature").press("ArrowRight")
    with explorer.expect_download(timeout=SLOWEST) as saved:  # waits until the detail is drawn
        explorer.get_by_role("button", name="Save as PNG").click()
    assert progress.evaluate("bar => bar.value") == 8 and told.inner_text().startswith("Detail drawn")
    detailed = explorer.evaluate(PICTURE)
    shown = explorer.evaluate("document.querySelector('.live-frame:not([hidden]) canvas').toDataURL()")
    saved.value.save_as(tmp_path / "detailed.png")
    stored = base64.b64decode(shown.partition(",")[2])
    assert (tmp_path / "detailed.png").read_bytes() == stored
    assert serious(explorer) == []

    explorer.get_by_role("button", name="Link").click()
    link = explorer.get_by_label("Link to this").input_value()
    assert "finish=detail" in link
    assert explorer.evaluate(loaded) == 1
    explorer.get_by_text("As decoded", exact=True).click()
    explorer.wait_for_function(f"plain => {PICTURE} === plain", arg=plain)
    explorer.evaluate("fragment => { location.hash = ''; location.hash = fragment; }", link.partition("#")[2])
    explorer.wait_for_function(f"detailed => {PICTURE} === detailed", arg=detailed, timeout=SLOWEST)
    choose_drawn_faces(explorer)
    assert not explorer.get_by_text("With detail", exact=True).is_visible() and not progress.is_visible()


@in_the_explorer
def test_an_own_picture_stays_in_the_page(explorer: playwright.Page, tmp_path: Path) -> None:
    choose_drawn_faces(explorer)
    requests: list[str] = []
    explorer.on("request", lambda request: requests.append(request.url))
    explorer.get_by_role("tab", name="Your picture").click()
    (tmp_path / "note.txt").write_text("no picture")
    explorer.locator("input[type=file]").set_input_files(tmp_path / "note.txt")
    explorer.get_by_text("note.txt is no picture").wait_for()
    shades = np.linspace(0, 255, 240 * 320 * 3).reshape(240, 320, 3).astype("uint8")
    Image.fromarray(shades).save(tmp_path / "mine.png")
    explorer.locator("input[type=file]").set_input_files(tmp_path / "mine.png")
    handle = explorer.get_by_role("button", name="Left eye")
    before = explorer.evaluate("document.querySelector('.live-cut canvas').toDataURL()")
    handle.press("ArrowDown")
    assert explorer.evaluate("document.querySelector('.live-cut canvas').toDataURL()") != before
    picture_after(explorer, explorer.get_by_role("button", name="Encode it").click)
    explorer.get_by_text("Encoded into 64 numbers").wait_for()
    explorer.get_by_text("Your picture, decoded").wait_for()
    assert [
        url for url in requests if not (WEIGHTS in url and url.endswith(".js")) and not url.startswith("blob:")
    ] == []
    explorer.get_by_role("tab", name="Draw").click()


@pytest.fixture
def camera(
    browser: playwright.Browser, addresses: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[tuple[Visit, list[str]]]:
    """The explorer in a browser with a camera that it may use, and the requests of the page."""
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with_camera = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    visit = Visit(with_camera, addresses[request.param], LAPTOP)
    requests: list[str] = []
    visit.page.on("request", lambda request: requests.append(request.url))
    visit.page.on("websocket", lambda socket: requests.append(socket.url))
    yield visit, requests
    visit.close()
    with_camera.close()


@pytest.mark.parametrize("camera", ["file", "http"], indirect=True)
def test_a_picture_of_the_camera_stays_in_the_page(camera: tuple[Visit, list[str]]) -> None:
    visit, requests = camera
    opened = visit.open("book/explore.html")
    opened.wait_for_selector(AWAKE, timeout=SLOWEST)
    choose_drawn_faces(opened)
    opened.get_by_role("tab", name="Your picture").click()
    requests.clear()
    opened.get_by_role("button", name="Use the camera").click()
    opened.get_by_text("Look into the camera and take the picture.").wait_for()
    opened.get_by_role("button", name="Take the picture").click()
    colours = opened.evaluate(
        "new Set(document.querySelector('.live-cut canvas').getContext('2d').getImageData(0, 0, 32, 32).data).size"
    )
    assert colours > 2  # the camera's picture, and not an empty canvas
    picture_after(opened, opened.get_by_role("button", name="Encode it").click)
    opened.get_by_text("Encoded into").wait_for()
    assert not opened.evaluate("document.querySelector('video').srcObject.active")  # the camera is off again
    assert [
        url for url in requests if not (WEIGHTS in url and url.endswith(".js")) and not url.startswith("blob:")
    ] == []


@in_the_explorer_from_a_disk
def test_the_explorer_is_accessible(explorer: playwright.Page) -> None:
    found = []
    for tab in ("Draw", "Edit", "Directions", "Walk", "Your picture"):
        explorer.get_by_role("tab", name=tab).click()
        found += serious(explorer)
    explorer.set_viewport_size(PHONE)
    assert explorer.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    explorer.set_viewport_size(LAPTOP)
    assert found == []


EVERY_FIGURE = [(chapter, kind) for chapter, figures in FIGURES.items() for _, kind, _ in figures]


@pytest.mark.parametrize(("chapter", "kind"), EVERY_FIGURE, ids=[kind for _, kind in EVERY_FIGURE])
def test_a_figure_of_a_chapter_wakes_when_it_is_touched(visit: Visit, chapter: str, kind: str) -> None:
    requests: list[str] = []
    visit.page.on("request", lambda request: requests.append(request.url))
    opened = visit.page
    opened.goto(f"{visit.address}/notebooks/{chapter}.html", wait_until="domcontentloaded")  # formulas may come later
    figure = opened.locator(f"[data-live={kind}]")
    figure.scroll_into_view_if_needed()
    assert [url for url in requests if WEIGHTS in url or "vaelib.js" in url] == []
    figure.get_by_role("button").click()
    opened.wait_for_selector(AWAKE, timeout=SLOWEST)
    opened.wait_for_function(IS_NEWER, arg=0)
    slider = figure.get_by_role("slider").first
    if kind != "priors":  # whose eight pictures follow one by one
        first = opened.evaluate(PICTURE)
        changed = picture_after(opened, lambda: slider.press("ArrowLeft" if kind == "map" else "PageUp"))
        assert changed != first
        assert picture_after(opened, figure.get_by_role("button", name="Reset").click) == first
    if visit.address.startswith("file:"):
        opened.evaluate(ALONE)
        assert serious(opened) == []


@pytest.mark.parametrize("visit", ["file"], indirect=True)
def test_two_pixels_end_where_the_formula_leads(visit: Visit) -> None:
    opened = visit.open("notebooks/12-faces-like-photographs.html")
    figure = opened.locator("[data-live=draw]")
    figure.get_by_role("button").click()
    half_way = 0.3 / 2  # u after one step of two from 0.3, because the first velocity is -u
    ends = {"1": "0", "2": f"+{math.tanh(0.5 * half_way / (0.5 * 0.5) ** 2):.2f}", "200": "+1.00"}  # by Eq. 12.3
    for steps, end in ends.items():
        figure.get_by_text(steps, exact=True).click()
        figure.get_by_text(f"From u = +0.30 to {end} in {steps} step").wait_for()


@pytest.mark.parametrize("visit", ["http"], indirect=True)
def test_a_page_without_figures_loads_no_runtime(visit: Visit) -> None:
    requests: list[str] = []
    visit.page.on("request", lambda request: requests.append(request.url))
    visit.open(f"{CHAPTERS[0]}.html")
    loaded = {url.partition("?")[0].rpartition("/")[2] for url in requests if "_static/live/" in url}
    assert loaded == {"start.js", "live.css"}
