"""The playground: its gradient and its optimiser against PyTorch's, its experiments on five seeds, and its page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import torch

from tests.site.pages import NEXT_FRAME, PHONE, ROOT, Visit, browser_only, playwright
from vaelib import losses
from vaelib.course import theme

pytestmark = browser_only
SCRIPTS = ROOT / "book/_static/playground"
SEEDS = range(5)
LAYERS = ("encoder", "mu", "logvar", "decoder", "xHat")

# A VAE and a batch with its noise; the loss that the page computes, and the gradient of each layer.
BACKWARD = """([seed, latent, beta, sigma]) => {
  const random = vaelib.uniform(seed);
  const vae = new VAE(latent, 8, random);
  const [x, epsilon] = [2, latent].map(size => Float64Array.from(vaelib.normal(size * 5, random)));
  const parts = name => Object.fromEntries(Object.entries(vae.layers).map(([key, layer]) => [key, [...layer[name]]]));
  const before = parts("parameters");
  const settings = {beta, sigma: sigma ?? undefined, learningRate: 0.01};
  const {nll, rate} = vae.backward(x, epsilon, settings);
  const gradient = parts("gradient");
  for (let step = 0; step < 3; step++) vae.step(x, epsilon, settings);
  return {x: [...x], epsilon: [...epsilon], before, loss: nll + beta * rate, gradient, after: parts("parameters")};
}"""

# What an experiment has come to after some steps, and what it came to after some more with other settings.
EXPERIMENT = """([name, seed, steps, changes, more]) => {
  const trainer = new Trainer({...PRESETS[name], seed});
  trainer.train(steps);
  const {rate, distortion, far} = trainer.evaluate();
  trainer.change({...trainer.settings, ...changes});
  trainer.train(more);
  const after = trainer.evaluate();
  return {rate, distortion, far, after: {rate: after.rate, distortion: after.distortion, far: after.far}};
}"""


@pytest.fixture(scope="module")
def calculator(browser: playwright.Browser) -> Iterator[playwright.Page]:
    """An empty page that has the playground's model and training."""
    page = browser.new_page()
    for script in ("../live/vaelib.js", "model.js", "training.js"):
        page.add_script_tag(path=SCRIPTS / script)
    yield page
    page.close()


def linear(x: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """A linear layer whose parameters are stored as in the page: each row of W, followed by its number of b."""
    rows = parameters.reshape(-1, x.shape[1] + 1)
    return x @ rows[:, :-1].T + rows[:, -1]


def loss_in_torch(
    layers: dict[str, torch.Tensor], x: torch.Tensor, epsilon: torch.Tensor, beta: float, sigma: float | None
) -> torch.Tensor:
    """The mean loss of a batch, by the library."""
    hidden = linear(x, layers["encoder"]).tanh()
    mu, logvar = linear(hidden, layers["mu"]), linear(hidden, layers["logvar"])
    z = mu + (0.5 * logvar).exp() * epsilon
    x_hat = linear(linear(z, layers["decoder"]).tanh(), layers["xHat"])
    likelihood = losses.Gaussian(sigma) if sigma else losses.OptimalGaussian()
    return -losses.elbo(x, x_hat, mu, logvar, likelihood, beta).mean()


@pytest.mark.parametrize("sigma", [0.3, None], ids=["fixed", "optimal"])
@pytest.mark.parametrize("latent", [1, 2])
def test_gradient_and_adam_are_those_of_torch(calculator: playwright.Page, latent: int, sigma: float | None) -> None:
    beta = 0.7
    computed = calculator.evaluate(BACKWARD, [latent, latent, beta, sigma])
    x, epsilon = (torch.tensor(computed[name], dtype=torch.float64).reshape(5, -1) for name in ("x", "epsilon"))
    layers = {name: torch.tensor(computed["before"][name], dtype=torch.float64, requires_grad=True) for name in LAYERS}
    adam = torch.optim.Adam(layers.values(), lr=0.01)
    for step in range(3):
        adam.zero_grad()
        loss = loss_in_torch(layers, x, epsilon, beta, sigma)
        loss.backward()
        if step == 0:
            assert computed["loss"] == pytest.approx(loss.item(), rel=1e-9)
            for name in LAYERS:
                assert layers[name].grad.abs().max() > 1e-3
                assert computed["gradient"][name] == pytest.approx(layers[name].grad.tolist(), rel=1e-4, abs=1e-9)
        adam.step()
    for name in LAYERS:
        assert computed["after"][name] == pytest.approx(layers[name].tolist(), rel=1e-4, abs=1e-9)


def test_random_numbers_are_uniform_and_normal_and_come_from_the_seed(calculator: playwright.Page) -> None:
    draw = """seed => {
      const random = vaelib.uniform(seed);
      return [...vaelib.normal(5000, random), ...Array.from({length: 5000}, random)];
    }"""
    first, again, other = (torch.tensor(calculator.evaluate(draw, seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    normal, uniform = first[:5000], first[5000:]
    assert normal.mean().abs() < 0.05 and (normal.std() - 1).abs() < 0.05
    assert uniform.min() >= 0 and uniform.max() < 1 and (uniform.mean() - 0.5).abs() < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_collapse_collapses_until_beta_is_lowered(calculator: playwright.Page, seed: int) -> None:
    found = calculator.evaluate(EXPERIMENT, ["collapse", seed, 400, {"beta": 1}, 500])
    assert found["rate"] < 0.05 and found["distortion"] > 1.8
    assert found["after"]["rate"] > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_holes_close_when_the_posteriors_fill_the_prior(calculator: playwright.Page, seed: int) -> None:
    found = calculator.evaluate(EXPERIMENT, ["holes", seed, 600, {"beta": 0.06}, 900])
    assert found["rate"] > 5 and found["far"] > 0.35
    assert found["after"]["far"] < 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_the_knee_is_no_collapse_and_where_the_sweep_scores_best(calculator: playwright.Page, seed: int) -> None:
    sweep = """seed => {
      const trainer = new Trainer({...PRESETS.knee, seed});
      const path = [];
      while (trainer.isSweeping) {
        trainer.train(100);
        path.push(trainer.evaluate());
      }
      trainer.train(800);
      return [...path, trainer.evaluate()].map(({rate, distortion}) => [rate, distortion]);
    }"""
    rate, distortion = torch.tensor(calculator.evaluate(sweep, seed)).T
    assert rate[0] < 0.05 and rate[-2] > 6
    assert 2.5 < rate[-1] < 4
    score = rate + distortion.log()  # chapter 4: the negative ELBO with the best sigma, up to a constant
    assert score[-1] < score[:-1].min() + 0.25
    assert score[-1] < min(score[0], score[-2]) - 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_line_cuts_the_ring_and_a_plane_does_not(calculator: playwright.Page, seed: int) -> None:
    line = calculator.evaluate(EXPERIMENT, ["cut", seed, 1000, {"beta": 1, "sigma": None}, 0])
    assert line["rate"] > 2.5 and line["distortion"] < 0.25


@pytest.mark.parametrize("seed", SEEDS)
def test_a_code_that_training_has_closed_opens_at_a_lower_beta_and_stays(
    calculator: playwright.Page, seed: int
) -> None:
    detour = """seed => {
      const trainer = new Trainer({...PRESETS.cut, seed, beta: 1, sigma: undefined});
      return [[1, 400], [0.03, 800], [1, 600]].map(([beta, steps]) => {
        trainer.change({...trainer.settings, beta});
        trainer.train(steps);
        const {rate, nll} = trainer.evaluate();
        return {rate, loss: nll + rate};
      });
    }"""
    closed, _, opened = calculator.evaluate(detour, seed)
    assert closed["rate"] < 0.3 and opened["rate"] > 1.5
    assert opened["loss"] < closed["loss"] - 0.1


def test_the_playground_stays_short_enough_to_be_read() -> None:
    lines = [line for script in SCRIPTS.glob("*.js") for line in script.read_text().splitlines()]
    assert len(lines) <= 400 and max(map(len, lines)) <= 120


# The page


@pytest.fixture
def playground(visit: Visit) -> playwright.Page:
    """The page with the experiment of a chapter's link."""
    opened = visit.open("book/playground.html#preset-collapse")
    opened.set_default_timeout(60_000)
    return opened


def number(page: playwright.Page, name: str) -> float:
    return float(page.locator(f"[data-part={name}]").inner_text().strip(" %").replace(",", ""))


def drawn(page: playwright.Page, panel: str) -> str:
    """The panel's paths, with the probe if it is seen."""
    return page.evaluate(
        """name => [...document.querySelectorAll(`svg[data-part=${name}] :is(path, ellipse)`)]
          .filter(shape => shape.getClientRects().length).map(shape => shape.outerHTML).join("")""",
        panel,
    )


def test_a_link_of_a_chapter_starts_its_experiment(playground: playwright.Page) -> None:
    playground.wait_for_function("document.querySelector('[data-part=verdict]').textContent.startsWith('Collapsed')")
    assert number(playground, "rate") < 0.05
    playground.get_by_role("link", name="Holes").click()
    playground.wait_for_function("Number(document.querySelector('[data-part=rate]').textContent) > 4")
    assert playground.get_by_role("link", name="Holes").get_attribute("aria-current") == "true"
    assert playground.get_by_label("8 Gaussians").is_checked()


def test_the_keyboard_is_enough(playground: playwright.Page) -> None:
    def is_pressed(name: str) -> None:
        playground.get_by_role("button", name=name).press("Enter")

    is_pressed("Pause")
    is_pressed("Reset")
    assert number(playground, "steps") == 0
    for panel in ("data", "samplesPanel", "path"):
        assert drawn(playground, panel).count('d="M') >= 3, panel
    beta = playground.get_by_label("Weight of the KL")
    before = beta.get_attribute("aria-valuetext")
    beta.press("ArrowLeft")
    assert float(beta.get_attribute("aria-valuetext")) < float(before)
    playground.get_by_label("Two moons").press("Space")
    latent, samples = drawn(playground, "latent"), drawn(playground, "samplesPanel")
    playground.locator("[data-part=latent]").press("ArrowUp")
    assert drawn(playground, "latent") != latent and drawn(playground, "samplesPanel") != samples
    playground.get_by_role("radio", name="Your own").press("Space")
    assert "no data" in playground.get_by_role("status").inner_text()
    for _ in range(3):
        playground.locator("[data-part=data]").press("ArrowRight")
        playground.keyboard.press("Space")
    is_pressed("Train")
    playground.wait_for_function("document.querySelector('[data-part=steps]').textContent !== '0'")


def test_the_same_seed_gives_the_same_pictures(playground: playwright.Page) -> None:
    playground.get_by_role("button", name="Pause").click()
    seen = []
    for seed in ("3", "4", "3"):
        playground.get_by_label("Seed").fill(seed)
        seen.append(drawn(playground, "samplesPanel"))
    assert seen[0] == seen[2] != seen[1]


@pytest.mark.parametrize("visit", ["file"], indirect=True)
def test_little_motion_for_those_who_ask_for_it(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    opened = visit.open("book/playground.html#preset=holes")
    opened.evaluate(NEXT_FRAME)
    assert number(opened, "steps") == 0
    opened.get_by_role("button", name="Train").click()
    drawn = "new Promise(done => setTimeout(() => done(count), 2500))"
    count = opened.evaluate(f"""() => {{
      let count = 0;
      new MutationObserver(() => count++).observe(document.querySelector("[data-part=steps]"), {{childList: true}});
      return {drawn};
    }}""")
    assert 1 <= count <= 4


@pytest.mark.parametrize("visit", ["file"], indirect=True)
def test_follows_the_mode_of_the_page_and_fits_a_phone(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    opened = visit.open("book/playground.html")
    colours = "[...document.querySelectorAll('.playground svg path')].map(path => getComputedStyle(path).stroke).join()"
    light, in_light = opened.evaluate(colours), opened.locator("svg[data-part=data]").screenshot()
    opened.emulate_media(color_scheme="dark")
    opened.wait_for_function(f"light => {colours} !== light", arg=light)
    assert opened.locator("svg[data-part=data]").screenshot() != in_light
    opened.set_viewport_size(PHONE)
    widths = opened.evaluate("[...document.querySelectorAll('.playground figure > svg')].map(svg => svg.clientWidth)")
    assert len(widths) == 4 and min(widths) > 150


def test_the_colours_are_those_of_the_book() -> None:
    light = (SCRIPTS / "playground.css").read_text().partition("}")[0]
    colours = dict(re.findall(r"--([a-z]+): (#\w+);", light))
    assert {name: colours[name] for name in theme.COLOURS.keys() - {"prior"}} == {
        name: colour for name, colour in theme.COLOURS.items() if name != "prior"
    }


@pytest.mark.parametrize(("chapter", "preset"), [("03", "holes"), ("04", "collapse"), ("04", "knee"), ("05", "holes")])
def test_chapters_link_to_the_experiments(chapter: str, preset: str) -> None:
    text = next((ROOT / "notebooks").glob(f"{chapter}-*.ipynb")).read_text()
    assert f"../book/playground.md#preset-{preset}" in text
    assert f"(preset-{preset})=" in (ROOT / "book/playground.md").read_text()
