// The controls of the playground, and the loop that trains and draws.
"use strict";

(() => {
  const STEPS_A_FRAME = 16; // at most, so that fast machines show the same film as slow ones
  const MILLISECONDS_A_FRAME = 11; // of training, at most
  const MILLISECONDS_A_PICTURE = 1000; // for readers who want little motion
  const SLIDERS = ["beta", "sigma", "learningRate"]; // each holds a power of ten
  const root = document.getElementById("playground");
  const form = root.querySelector("form");
  const part = (name) => root.querySelector(`[data-part=${name}]`);
  const panels = {
    data: new Panel(part("data"), 2.8, 2.1),
    latent: new Panel(part("latent"), 5, 3.75),
    samples: new Panel(part("samples"), 2.8, 2.1),
    path: new Panel(part("path"), 5.9, 1.35, [4.8, 1.05]),
  };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let trainer, path, probe;
  let [isRunning, isSeen, lastDrawn] = [false, true, 0];

  // The controls

  function settingsOfForm() {
    const { data, latent, seed, isOptimal, ...powers } = Object.fromEntries(new FormData(form));
    const [beta, sigma, learningRate] = SLIDERS.map((name) => 10 ** powers[name]);
    return { data, latent: +latent, seed: +seed, beta, sigma: isOptimal ? undefined : sigma, learningRate };
  }

  function showInSlider(name, value) {
    const slider = form.elements[name];
    const shown = String(Number(value.toPrecision(2)));
    if (document.activeElement !== slider) slider.value = Math.log10(value);
    slider.nextElementSibling.textContent = shown;
    slider.setAttribute("aria-valuetext", shown);
  }

  // Training and drawing

  function start(settings) {
    trainer = new Trainer(settings);
    path = [];
    for (const name of ["data", "latent", "seed"]) form.elements[name].value = settings[name];
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
    const { vae, points } = trainer;
    const shown = trainer.evaluate();
    if (vae.steps) path.push(shown.rate, shown.distortion);
    if (path.length > 4000) path = path.filter((_, k) => k % 4 < 2); // every second point of a long way
    for (const panel of Object.values(panels)) panel.clear();
    drawData(panels.data, points, shown);
    if (vae.latent === 1) drawLine(panels.latent, points, shown);
    else drawPlane(panels.latent, shown);
    drawSamples(panels.samples, points, vae, shown.samples);
    drawPath(panels.path, path, shown);
    if (probe) drawProbe(vae);
    showNumbers(shown);
  }

  function showNumbers({ nll, rate, distortion, beta, sigma, far }) {
    form.elements.isOptimal.checked = trainer.current.sigma === undefined;
    const dials = { beta, sigma, learningRate: trainer.settings.learningRate };
    for (const [name, value] of Object.entries(dials)) showInSlider(name, value);
    part("steps").textContent = trainer.vae.steps.toLocaleString("en");
    const numbers = { nll, rate, loss: nll + beta * rate, distortion };
    for (const [name, value] of Object.entries(numbers)) part(name).textContent = value.toFixed(2);
    part("far").textContent = `${Math.round(100 * far)} %`;
    const verdict = verdictOn(rate, far);
    if (part("verdict").textContent !== verdict) part("verdict").textContent = verdict; // read aloud when it changes
  }

  function verdictOn(rate, far) {
    if (!trainer.points.length) return "There are no data yet.";
    if (!trainer.vae.steps) return "Not trained yet.";
    if (rate < 0.05) return "Collapsed: every posterior equals the prior, and all samples are nearly the same point.";
    if (far > 0.25) return "The code carries information, but many samples fall where there are no data.";
    return "The code carries information, and most samples fall near the data.";
  }

  // The probe is a point of the data or of the latent space, under the pointer or moved by the arrow keys.

  function drawProbe(vae) {
    const { name, at } = probe;
    const code = name === "latent" ? at.slice(0, vae.latent) : vae.encode(at).mu;
    const decoded = vae.decode(code).xHat;
    panels[name].use("ink", { width: 2 }).ellipse(...at, 0.13, 0.13);
    if (name === "data") panels.latent.use("ink").dots([code[0], code[1] ?? heightOf(...at)], 5);
    if (name === "data") panels.data.use("reconstructed").dots(decoded, 6);
    else panels.samples.use("ink").dots(decoded, 5);
  }

  function setProbe(name, at) {
    probe = at && { name, at };
    if (!isRunning || still.matches) draw();
  }

  function drawByHand() {
    if (trainer.settings.data === "drawing") for (let point = 0; point < 3; point++) trainer.add(probe.at);
    if (!isRunning) draw();
  }

  const MOVES = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowDown: [0, -0.1], ArrowUp: [0, 0.1] };
  for (const name of ["data", "latent"]) {
    const { canvas } = panels[name];
    const drawHere = name === "data" ? drawByHand : () => {};
    for (const kind of ["pointermove", "pointerdown"]) {
      canvas.addEventListener(kind, (event) => {
        setProbe(name, panels[name].at(event));
        if (event.buttons) drawHere();
      });
    }
    for (const kind of ["pointerleave", "blur"]) canvas.addEventListener(kind, () => setProbe(name));
    canvas.addEventListener("keydown", (event) => {
      const [x, y] = probe?.name === name ? probe.at : [0, 0];
      const [dx, dy] = MOVES[event.key] ?? [0, 0];
      if (!(event.key in MOVES) && event.key !== " ") return;
      event.preventDefault();
      setProbe(name, [x + dx, y + dy]);
      if (event.key === " ") drawHere();
    });
  }

  // What the reader does

  form.addEventListener("input", ({ target }) => {
    const settings = settingsOfForm();
    if (["data", "latent", "seed"].includes(target.name)) return start(settings);
    trainer.change(settings);
    draw();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  part("run").addEventListener("click", () => run(!isRunning));
  part("reset").addEventListener("click", () => start(trainer.settings));
  part("sweep").addEventListener("click", () => {
    trainer.sweepSteps = 0;
    run(true);
  });

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
  addEventListener("resize", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  new IntersectionObserver(([{ isIntersecting }]) => (isSeen = isIntersecting)).observe(part("panels"));
  follow();
})();
