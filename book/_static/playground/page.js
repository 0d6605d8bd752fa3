// The controls of the playground, and the loop that trains and draws.
"use strict";

(() => {
  const STEPS_A_FRAME = 16; // at most, so that fast machines show the same film as slow ones
  const MILLISECONDS_A_FRAME = 30; // of training, at most
  const MILLISECONDS_A_PICTURE = 1000; // for readers who want little motion
  const SLIDERS = ["beta", "sigma", "learningRate"]; // each holds a power of ten
  const STARTING = ["data", "latent", "seed"]; // what needs a new start
  const root = document.getElementById("playground"), form = root.querySelector("form");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let trainer, path, probe, isRunning = false, isSeen = true, lastDrawn = 0;

  function settingsOfForm() {
    const { data, latent, seed, isOptimal, ...powers } = Object.fromEntries(new FormData(form));
    const [beta, sigma, learningRate] = SLIDERS.map((name) => 10 ** powers[name]);
    return { data, latent: +latent, seed: +seed, beta, sigma: isOptimal ? undefined : sigma, learningRate };
  }

  function showInSlider(name, value) {
    const slider = form.elements[name], shown = String(Number(value.toPrecision(2)));
    if (document.activeElement !== slider) slider.value = Math.log10(value);
    slider.nextElementSibling.textContent = shown;
    slider.setAttribute("aria-valuetext", shown);
  }

  function start(settings) {
    [trainer, path] = [new Trainer(settings), []];
    for (const name of STARTING) form.elements[name].value = settings[name];
    draw();
  }

  function run(isOn) {
    if (isOn && !isRunning) requestAnimationFrame(frame);
    isRunning = isOn;
    part("run").textContent = isOn ? "Pause" : "Train";
  }

  function frame(now) {
    if (!isRunning) return;
    requestAnimationFrame(frame);
    if (!isSeen || !trainer.points.length) return;
    const end = performance.now() + MILLISECONDS_A_FRAME;
    for (let step = 0; step < STEPS_A_FRAME && performance.now() < end; step++) trainer.train(1);
    if (still.matches && now < lastDrawn + MILLISECONDS_A_PICTURE) return;
    lastDrawn = now;
    draw();
  }

  function draw() {
    const { vae, points, settings } = trainer, shown = trainer.evaluate();
    if (vae.steps) path.push(shown.rate, shown.distortion);
    if (path.length > 4000) path = path.filter((_, k) => k % 4 < 2); // every second point of a long way
    drawData(points, shown);
    vae.latent === 1 ? drawLine(points, shown) : drawPlane(shown);
    drawSamples(vae, shown.samples);
    drawPath(path, shown);
    if (probe) drawProbe(vae, probe);
    for (const name of SLIDERS) showInSlider(name, { ...settings, ...shown }[name]);
    form.elements.isOptimal.checked = trainer.current.sigma === undefined;
    showNumbers(shown);
  }

  function showNumbers({ nll, rate, distortion, beta, far }) {
    const { steps } = trainer.vae, numbers = { nll, rate, loss: nll + beta * rate, distortion };
    for (const [name, value] of Object.entries(numbers)) part(name).textContent = value.toFixed(2);
    part("steps").textContent = steps.toLocaleString("en");
    part("far").textContent = `${Math.round(100 * far)} %`;
    const verdict = verdictOn(rate, far, steps);
    if (part("verdict").textContent !== verdict) part("verdict").textContent = verdict; // read aloud when it changes
  }

  function verdictOn(rate, far, steps) {
    if (!trainer.points.length) return "There are no data yet.";
    if (!steps) return "Not trained yet.";
    if (rate < 0.05) return "Collapsed: every posterior equals the prior, and all samples are nearly the same point.";
    if (far > 0.25) return "The code carries information, but many samples fall where there are no data.";
    return "The code carries information, and most samples fall near the data.";
  }

  // The probe is a point of the data or of the latent space, under the pointer or moved by the arrow keys. The style
  // sheet hides it when its panel is left. In the data of a drawing it also draws.
  function moveProbe(name, at, isDown) {
    probe = { name, at };
    const isDrawing = isDown && name === "data" && trainer.settings.data === "drawing";
    if (isDrawing) for (let point = 0; point < 3; point++) trainer.add(at);
    if (!isRunning || still.matches) draw();
  }

  const MOVES = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowDown: [0, -0.1], ArrowUp: [0, 0.1], " ": [0, 0] };
  for (const name of ["data", "latent"]) {
    const panel = part(name);
    panel.onpointermove = panel.onpointerdown = ({ clientX, clientY, buttons }) => {
      const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(panel.getScreenCTM().inverse());
      moveProbe(name, [x, -y], buttons > 0);
    };
    panel.onkeydown = (event) => {
      if (!(event.key in MOVES)) return;
      event.preventDefault();
      const [x, y] = probe?.name === name ? probe.at : [0, 0], [dx, dy] = MOVES[event.key];
      moveProbe(name, [x + dx, y + dy], event.key === " ");
    };
  }

  form.oninput = ({ target }) => {
    if (STARTING.includes(target.name)) return start(settingsOfForm());
    trainer.change(settingsOfForm());
    draw();
  };
  form.onsubmit = () => false;
  part("run").onclick = () => run(!isRunning);
  part("reset").onclick = () => start(trainer.settings);
  part("sweep").onclick = () => { trainer.sweepSteps = 0; run(true); };

  // A link may name an experiment: #preset=collapse, or #preset-collapse, which is also a place in the page.
  function follow() {
    const name = location.hash.match(/^#preset[-=](\w+)$/)?.[1];
    const preset = name in PRESETS ? name : "collapse";
    for (const link of root.querySelectorAll("nav a")) link.ariaCurrent = link.dataset.preset === preset;
    for (const text of root.querySelectorAll("div[data-preset]")) text.hidden = text.dataset.preset !== preset;
    start(PRESETS[preset]);
    run(name in PRESETS && !still.matches);
  }
  addEventListener("hashchange", follow);
  root.querySelector("nav").addEventListener("click", ({ target }) => target.hash === location.hash && follow());
  new IntersectionObserver(([{ isIntersecting }]) => (isSeen = isIntersecting)).observe(part("panels"));
  follow();
})();
