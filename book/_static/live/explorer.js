// The explorer: one face, and everything that the course does to a code. Its state is a plain object, which is what a link
// holds and what Undo restores. All controls change the state, and `draw` shows it.
"use strict";

liveFigures.explorer = async (figure) => {
  const { h, slider, choice, button, tabs, canvas, paint, withSign } = view;

  // ------------------------------------------------------------------------------------------------------------ Models

  const FACES = ["Smiling", "Mouth_Slightly_Open", "Eyeglasses", "Male", "Young", "Blond_Hair", "Black_Hair", "Gray_Hair",
    "Bangs", "Wavy_Hair", "Bald", "No_Beard", "Heavy_Makeup", "Wearing_Hat", "Pale_Skin", "Bushy_Eyebrows"];
  const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
  const MODELS = {
    celeba64: {
      label: "Photographed faces", thing: "face", attributes: FACES, twin: "celeba64-ae",
      eyes: [[0.368, 0.515], [0.626, 0.515]],
      note: "A VAE of 64 × 64 pixels, trained on 22,000 photographs of CelebA. Non-commercial research only.",
    },
    faces32: {
      label: "Drawn faces", thing: "face", attributes: FACES, eyes: [[0.375, 0.406], [0.638, 0.406]],
      note: "The smallest VAE of the course, 32 × 32 pixels, trained for a minute on faces that vaelib draws. MIT License.",
    },
    cifar10: {
      label: "CIFAR-10", thing: "picture", attributes: CLASSES,
      note: "A VAE of 32 × 32 pixels, trained on the ten classes of CIFAR-10. MIT License.",
    },
  };
  const PRIORS = { normal: "N(0, I)", gaussian: "Gaussian", gmm: "Mixture", flow: "Flow" };

  // What is done to a decoded picture. One with a `part` is offered where the model has weights of that name.
  const FINISHES = {
    plain: { label: "As decoded", apply: (_model, picture) => picture },
    sharp: { label: "Sharpened", apply: (model, picture) => model.sharpen(picture) },
  };
  const THUMBS = 8, LEADING = 10, STEPS = 7;

  const priorOf = (model, prior) => (prior === "flow" && !model.parts.includes("flow") ? "gmm" : prior);
  const labelOf = (name) => (name[0].toUpperCase() + name.slice(1)).replaceAll("_", " ").toLowerCase()
    .replace(/^./, (letter) => letter.toUpperCase());

  // ------------------------------------------------------------------------------------------------------------- State

  const START = {
    model: "celeba64", prior: "flow", seed: 18, temperature: 1, edits: {}, leading: {}, to: 51, t: 0, path: "slerp",
    finish: "plain", compare: false, own: false,
  };
  let state = START, committed = START, own; // own: { picture, code } of the reader's picture
  const past = [];

  // A link holds what differs from the start, apart from the reader's own picture, which stays in the page.
  function toLink({ edits, leading, own: _own, ...rest }) {
    const link = new URLSearchParams();
    for (const [name, value] of Object.entries(rest)) if (value !== START[name]) link.set(name, value);
    for (const [name, value] of Object.entries(edits)) link.set(name, value);
    for (const [number, value] of Object.entries(leading)) link.set(`direction${Number(number) + 1}`, value);
    return `#explorer?${link}`;
  }

  // The inverse. What a link may not say is ignored: it may come from anywhere.
  function fromLink(hash) {
    const read = { ...START, edits: {}, leading: {} };
    const known = { model: MODELS, prior: PRIORS, finish: FINISHES, path: { lerp: 1, slerp: 1 } };
    const limits = { seed: [1, 9999], to: [1, 9999], temperature: [0, 1.5], t: [0, 1] };
    for (const [name, value] of new URLSearchParams(hash.replace(/^#explorer\??/, ""))) {
      const number = Number(value), leading = Number(/^direction(\d+)$/.exec(name)?.[1]) - 1;
      if (known[name]) read[name] = Object.hasOwn(known[name], value) ? value : read[name];
      else if (name === "compare") read.compare = value === "true";
      else if (!Number.isFinite(number)) continue;
      else if (limits[name]) read[name] = Math.min(limits[name][1], Math.max(limits[name][0], number));
      else if (leading >= 0 && leading < LEADING) read.leading[leading] = Math.min(3, Math.max(-3, number));
      else if (MODELS[read.model].attributes.includes(name)) read.edits[name] = Math.min(3, Math.max(-3, number));
    }
    return { ...read, seed: Math.round(read.seed), to: Math.round(read.to) };
  }

  function change(changes) {
    state = { ...state, ...changes };
    draw();
  }

  // The end of a step that Undo takes back.
  function commit() {
    if (state === committed) return;
    past.push(committed);
    committed = state;
    drawAround();
  }

  const step = (changes) => { change(changes); commit(); };

  function replaceState(next) {
    state = committed = next;
    draw();
    drawAround();
  }

  // ------------------------------------------------------------------------------------------------------------- Codes

  const draws = new Map(); // a draw from the flow takes fifty evaluations of its network, so each is kept

  function drawn(model, { prior, temperature }, seed) {
    const key = [model.name, priorOf(model, prior), temperature, seed].join();
    if (!draws.has(key)) {
      if (draws.size > 200) draws.clear();
      draws.set(key, model.draw(priorOf(model, prior), seed, temperature));
    }
    return draws.get(key);
  }

  // The code before edits, at `t` on the way to the other end.
  function startCode(model, wanted, t = wanted.t) {
    const start = wanted.own && own ? own.code : drawn(model, wanted, wanted.seed);
    return t ? vaelib.interpolate(start, drawn(model, wanted, wanted.to), t, wanted.path) : start;
  }

  function editedCode(model, wanted, t) {
    const z = Float32Array.from(startCode(model, wanted, t));
    const move = (direction, times) => direction.forEach((x, i) => { z[i] += times * x; });
    for (const [name, times] of Object.entries(wanted.edits)) {
      const number = model.attributes.indexOf(name);
      if (number >= 0) move(model.direction(number), times);
    }
    for (const [number, times] of Object.entries(wanted.leading)) move(model.leading(Number(number)), times);
    return z;
  }

  const decoded = (model, wanted, z) => FINISHES[wanted.finish].apply(model, model.decode(z));

  // The model and, where they are compared, its autoencoder, with all networks that the state needs.
  async function modelsFor({ model: name, prior, compare }) {
    const model = await vaelib.load(name);
    await model.need("decoder", ...(priorOf(model, prior) === "flow" ? ["flow"] : []));
    const twin = compare && MODELS[name].twin && (await (await vaelib.load(MODELS[name].twin)).need("decoder"));
    return { model, twin };
  }

  // ---------------------------------------------------------------------------------------------------------- The stage

  const main = canvas(384, "A generated face"), beside = canvas(384, "The autoencoder's face"), yours = canvas(128, "Your picture");
  const frame = (picture, caption) => h("figure", { class: "live-frame" }, picture, h("figcaption", {}, caption));
  const frames = { yours: frame(yours, "Your picture"), main: frame(main, "VAE"), beside: frame(beside, "Autoencoder") };
  const status = h("p", { class: "live-status", role: "status" });
  const finish = choice({
    label: "Finish", options: Object.entries(FINISHES).map(([name, { label }]) => [name, label]), start: "plain",
    onchange: (value) => step({ finish: value }),
  });
  const compare = h("input", { type: "checkbox", onchange: () => step({ compare: compare.checked }) });
  const compareLabel = h("label", { class: "live-check" }, compare, h("span", {}, "Autoencoder beside it"));

  // ---------------------------------------------------------------------------------------------------------- The panels

  const prior = choice({
    label: "Draw from", options: Object.entries(PRIORS), start: "flow", onchange: (value) => step({ prior: value, own: false }),
  });
  const temperature = slider({
    label: "Temperature", min: 0, max: 1.5, step: 0.05, start: 1, format: (value) => value.toFixed(2),
    oninput: (value) => change({ temperature: value }), onchange: commit,
  });
  const seed = h("input", {
    type: "number", min: 1, max: 9999, value: 1,
    onchange: () => step({ seed: Math.min(9999, Math.max(1, Math.round(seed.valueAsNumber) || 1)), own: false }),
  });
  const thumbs = Array.from({ length: THUMBS }, () => thumbnail((number) => step({ seed: number, own: false })));
  const drawPanel = h("div", {},
    prior, h("div", { class: "live-thumbs" }, thumbs),
    h("div", { class: "live-row" },
      button("Eight others", () => step({ seed: firstOnPage(state.seed) + THUMBS, own: false })),
      h("label", { class: "live-number" }, "Seed", seed)),
    temperature);

  const firstOnPage = (number) => number - ((number - 1) % THUMBS);

  // A small picture that is a button.
  function thumbnail(onchoose) {
    const picture = h("canvas", { width: 96, height: 96, "aria-hidden": "true" });
    const element = h("button", { type: "button", class: "live-thumb", onclick: () => onchoose(Number(element.dataset.number)) }, picture);
    element.picture = picture;
    return element;
  }

  const attributeSliders = h("div", { class: "live-sliders" });
  const editPanel = h("div", {},
    h("p", { class: "live-hint" }, "Each slider adds one attribute's direction: from the mean code of images without it to the mean code of those with it."),
    attributeSliders, button("Clear the edits", () => step({ edits: {} })));

  const leadingSliders = Array.from({ length: LEADING }, (_, i) => slider({
    label: `Direction ${i + 1}`, min: -3, max: 3, step: 0.1,
    oninput: (value) => change({ leading: without({ ...state.leading, [i]: value }) }), onchange: commit,
  }));
  const directionsPanel = h("div", {},
    h("p", { class: "live-hint" }, "The directions in which the codes vary most, in standard deviations. Nobody has named them: what does each change?"),
    h("div", { class: "live-sliders" }, leadingSliders), button("Clear the directions", () => step({ leading: {} })));
  const without = (table) => Object.fromEntries(Object.entries(table).filter(([, value]) => value !== 0));

  const walk = slider({
    label: "Way", min: 0, max: 1, step: 0.01, format: (value) => `${Math.round(100 * value)} %`,
    oninput: (value) => change({ t: value }), onchange: commit,
  });
  const path = choice({
    label: "Path", options: [["lerp", "Line"], ["slerp", "Arc"]], start: "slerp", onchange: (value) => step({ path: value }),
  });
  const stations = Array.from({ length: STEPS }, () => thumbnail((number) => step({ t: number / 100 })));
  const play = button("Play", () => playWalk());
  const walkPanel = h("div", {},
    h("p", { class: "live-hint" }, "From the face that you drew to another one. All edits stay on the way."),
    h("div", { class: "live-thumbs live-stations" }, stations), walk,
    h("div", { class: "live-row" }, path, play, button("Another end", () => step({ to: (state.to % 9999) + 1 }))));

  const ownPanel = h("div", {});
  const useOwn = (picture, code) => {
    own = { picture, code };
    if (!MODELS[state.model].eyes) return;
    step({ own: true, t: 0, edits: {}, leading: {}, compare: false });
  };
  const panels = tabs("What to do with the face", {
    Draw: drawPanel, Edit: editPanel, Directions: directionsPanel, Walk: walkPanel, "Your picture": ownPanel,
  }, () => drawAround());

  let isPlaying = false;
  function playWalk() {
    isPlaying = !isPlaying;
    play.textContent = isPlaying ? "Stop" : "Play";
    if (!isPlaying) return commit();
    const began = performance.now(), from = state.t < 1 ? state.t : 0;
    const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 800 : 0; // single pictures, not a film
    const next = () => {
      if (!isPlaying) return;
      const t = from + (performance.now() - began) / 5000;
      change({ t: Math.min(1, Math.round(100 * t) / 100) });
      if (t >= 1) playWalk();
      else setTimeout(() => requestAnimationFrame(next), pause);
    };
    next();
  }

  // ---------------------------------------------------------------------------------------------------------- The head

  const model = choice({
    label: "Model", options: Object.entries(MODELS).map(([name, { label }]) => [name, label]), start: "celeba64",
    onchange: (value) => step({ model: value, own: false, edits: {}, leading: {}, compare: false }),
  });
  const undo = button("Undo", () => { if (past.length) replaceState(past.pop()); });
  const reset = button("Reset", () => step({ ...START, model: state.model, own: false }));
  const link = button("Link", () => {
    history.replaceState(null, "", toLink(state));
    address.value = location.href;
    address.hidden = false;
    address.select();
    navigator.clipboard?.writeText(location.href).catch(() => {}); // a page from a disk may not; then the reader copies it
    say(state.own ? "The link is ready. It does not hold your picture." : "The link is ready, and marked for you to copy.");
  });
  const address = h("input", { type: "text", readonly: true, hidden: true, "aria-label": "Link to this face", class: "live-address" });
  const save = button("Save as PNG", () => main.toBlob((blob) => {
    const anchor = h("a", { href: URL.createObjectURL(blob), download: `${state.model}-${state.own ? "mine" : state.seed}.png` });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  }));
  const note = h("p", { class: "live-note" });

  figure.replaceChildren(
    h("div", { class: "live-head" }, model, h("div", { class: "live-actions" }, undo, reset, link, save)), address,
    h("div", { class: "live-columns" },
      h("div", { class: "live-stage" }, h("div", { class: "live-frames" }, Object.values(frames)), status,
        h("div", { class: "live-row" }, finish, compareLabel)),
      h("div", { class: "live-panels" }, panels)),
    note);
  figure.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target.type !== "number") {
      event.preventDefault();
      undo.click();
    }
  });

  // ----------------------------------------------------------------------------------------------------------- Drawing

  let builtFor; // the model whose sliders are shown

  function build(shown) {
    if (builtFor === shown.name) return;
    builtFor = shown.name;
    const about = MODELS[shown.name], names = about.attributes.filter((name) => shown.attributes.includes(name));
    attributeSliders.replaceChildren(...names.map((name) => {
      const element = slider({
        label: labelOf(name), min: -3, max: 3, step: 0.1,
        oninput: (value) => change({ edits: without({ ...state.edits, [name]: value }) }), onchange: commit,
      });
      element.dataset.attribute = name;
      return element;
    }));
    prior.enable("flow", shown.parts.includes("flow"));
    panels.show("Your picture", Boolean(about.eyes));
    if (about.eyes) ownPanel.replaceChildren(...ownPicture(shown, about.eyes, useOwn));
    else if (!ownPanel.hidden) panels.choose("Draw");
    note.textContent = `${about.note} What you see differs from PyTorch's pictures by at most ${shown.errors.decoder} ` +
      "in any colour of any pixel, on a scale from 0 to 1.";
  }

  function showControls(shown) {
    build(shown);
    model.set(state.model);
    prior.set(priorOf(shown, state.prior));
    finish.set(state.finish);
    path.set(state.path);
    temperature.set(state.temperature);
    walk.set(state.t);
    seed.value = state.seed;
    compare.checked = state.compare;
    compareLabel.hidden = !MODELS[state.model].twin || state.own;
    undo.disabled = past.length === 0;
    for (const element of attributeSliders.children) element.set(state.edits[element.dataset.attribute] ?? 0);
    leadingSliders.forEach((element, i) => element.set(state.leading[i] ?? 0));
  }

  function describe(shown) {
    const { thing } = MODELS[state.model];
    const source = state.own ? "Your picture, decoded from its code" : `A ${thing} drawn from ${names[priorOf(shown, state.prior)]}, seed ${state.seed}`;
    const changes = Object.entries(state.edits).map(([name, times]) => `${labelOf(name)} ${withSign(times)}`);
    for (const [number, times] of Object.entries(state.leading)) changes.push(`direction ${Number(number) + 1} ${withSign(times)}`);
    if (state.t) changes.unshift(`${Math.round(100 * state.t)} % of the way to seed ${state.to}`);
    return [source, ...changes].join(", ") + ".";
  }
  const names = { normal: "N(0, I)", gaussian: "the fitted Gaussian", gmm: "the mixture", flow: "the flow" };

  let saying;
  function say(text) {
    clearTimeout(saying); // a live region that changes at every step of a slider would never stop talking
    saying = setTimeout(() => { status.textContent = text; }, 250);
  }

  const draw = view.onceAFrame(async () => {
    const wanted = state;
    const { model: shown, twin } = await modelsFor(wanted);
    if (wanted !== state) return draw();
    showControls(shown);
    paint(main, decoded(shown, wanted, editedCode(shown, wanted)));
    if (twin) paint(beside, decoded(twin, wanted, editedCode(twin, wanted)));
    if (wanted.own) paint(yours, own.picture);
    frames.beside.hidden = !twin;
    frames.yours.hidden = !wanted.own;
    const text = describe(shown);
    main.setAttribute("aria-label", text);
    say(twin && wanted.prior === "flow" ? `${text} The autoencoder has no flow: its face is drawn from its mixture.` : text);
    figure.dataset.pictures = Number(figure.dataset.pictures ?? 0) + 1;
  });

  // The small pictures of the panel that is open, one by one, so that the large one is never kept waiting.
  const enqueue = view.queue();

  async function drawAround() {
    const wanted = state;
    const { model: shown } = await modelsFor(wanted);
    if (wanted !== state) return;
    if (!drawPanel.hidden) {
      enqueue(thumbs.map((element, i) => () => {
        const number = firstOnPage(wanted.seed) + i;
        element.dataset.number = number;
        element.setAttribute("aria-label", `Seed ${number}`);
        element.setAttribute("aria-pressed", String(number === wanted.seed && !wanted.own));
        paint(element.picture, decoded(shown, wanted, drawn(shown, wanted, number)));
      }));
    } else if (!walkPanel.hidden) {
      enqueue(stations.map((element, i) => () => {
        const percent = Math.round((100 * i) / (STEPS - 1));
        element.dataset.number = percent;
        element.setAttribute("aria-label", `${percent} % of the way`);
        paint(element.picture, decoded(shown, wanted, editedCode(shown, wanted, percent / 100)));
      }));
    }
  }

  // Shows what a link says, with the panel in which it was made.
  function follow(hash) {
    const { edits, leading, t } = (state = fromLink(hash));
    const title = t ? "Walk" : Object.keys(edits).length ? "Edit" : Object.keys(leading).length ? "Directions" : "Draw";
    panels.choose(title);
    replaceState(state);
  }

  const isLink = () => location.hash.startsWith("#explorer");
  addEventListener("hashchange", () => {
    if (!isLink()) return;
    past.push(state);
    follow(location.hash);
    figure.scrollIntoView({ block: "nearest" });
  });
  follow(isLink() ? location.hash : "");
  await modelsFor(state);
};
