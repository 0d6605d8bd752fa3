// The explorer: one face, and everything that the course does to a code. All controls change the state (state.js),
// which a link holds and Undo restores, and `draw` shows it.
"use strict";

liveFigures.explorer = async (figure) => {
  const { h, slider, choice, button, tabs, canvas, paint, withSign, labelOf } = view;

  const { MODELS, PRIORS, FINISHES, LEADING, START, priorOf, finishOf, toLink, fromLink, drawn, editedCode } = explorerState;
  const THUMBS = 8, STATIONS = 7;

  // ----------------------------------------------------------------------------------------------------------- State

  let state = START, committed = START;
  const past = [], own = {}; // own: by the model, { picture, code } of the reader's picture

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

  const decoded = (model, wanted, z) => FINISHES[finishOf(model, wanted.finish)].apply(model, model.decode(z));

  // The model and, where they are compared, its autoencoder, with the networks that a decoded picture needs.
  async function modelsFor({ model: name, prior, compare }) {
    const model = await vaelib.load(name);
    await model.need("decoder", ...(priorOf(model, prior) === "flow" ? ["flow"] : []));
    const twin = compare && MODELS[name].twin && (await (await vaelib.load(MODELS[name].twin)).need("decoder"));
    return { model, twin };
  }

  // ------------------------------------------------------------------------------------------------------- The stage

  const main = canvas(384, "A generated face"), beside = canvas(384, "The autoencoder's face"), yours = canvas(128, "Your picture");
  const frame = (picture, caption) => h("figure", { class: "live-frame" }, picture, h("figcaption", {}, caption));
  const frames = { yours: frame(yours, "Your picture"), main: frame(main, "VAE"), beside: frame(beside, "Autoencoder") };
  const status = h("p", { class: "live-status", role: "status" });
  const detail = detailing(main);
  const finish = choice({
    label: "Finish", options: Object.entries(FINISHES).map(([name, { label }]) => [name, label]), start: "plain",
    onchange: (value) => step({ finish: value }),
  });
  const compare = h("input", { type: "checkbox", onchange: () => step({ compare: compare.checked }) });
  const compareLabel = h("label", { class: "live-check" }, compare, h("span", {}, "Autoencoder beside it"));

  // ------------------------------------------------------------------------------------------------------ The panels

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
    h("p", { class: "live-hint" }, "Each slider adds one attribute's direction: from the mean code of images without " +
      "it to the mean code of those with it."),
    attributeSliders, button("Clear the edits", () => step({ edits: {} })));

  const leadingSliders = Array.from({ length: LEADING }, (_, i) => slider({
    label: `Direction ${i + 1}`, min: -3, max: 3, step: 0.1,
    oninput: (value) => change({ leading: without({ ...state.leading, [i]: value }) }), onchange: commit,
  }));
  const directionsPanel = h("div", {},
    h("p", { class: "live-hint" }, "The directions in which the codes vary most, in standard deviations. Nobody has " +
      "named them: what does each change?"),
    h("div", { class: "live-sliders" }, leadingSliders), button("Clear the directions", () => step({ leading: {} })));
  const without = (table) => Object.fromEntries(Object.entries(table).filter(([, value]) => value !== 0));

  const walk = slider({
    label: "Way", min: 0, max: 1, step: 0.01, format: (value) => `${Math.round(100 * value)} %`,
    oninput: (value) => change({ t: value }), onchange: commit,
  });
  const path = choice({
    label: "Path", options: [["lerp", "Line"], ["slerp", "Arc"]], start: "slerp", onchange: (value) => step({ path: value }),
  });
  const stations = Array.from({ length: STATIONS }, () => thumbnail((number) => step({ t: number / 100 })));
  const play = button("Play", () => playWalk());
  const walkPanel = h("div", {},
    h("p", { class: "live-hint" }, "From the face that you drew to another one. All edits stay on the way."),
    h("div", { class: "live-thumbs live-stations" }, stations), walk,
    h("div", { class: "live-row" }, path, play, button("Another end", () => step({ to: (state.to % 9999) + 1 }))));

  const ownPanel = h("div", {});
  const useOwn = (name, result) => {
    own[name] = result;
    if (name === state.model) step({ own: true, t: 0, edits: {}, leading: {}, compare: false });
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

  // -------------------------------------------------------------------------------------------------------- The head

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
  const save = button("Save as PNG", async () => {
    await detail.settled();
    main.toBlob((blob) => {
      const name = `${state.model}-${state.own ? "mine" : state.seed}.png`;
      const anchor = h("a", { href: URL.createObjectURL(blob), download: name });
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
    });
  });
  const note = h("p", { class: "live-note" });

  figure.replaceChildren(
    h("div", { class: "live-head" }, model, h("div", { class: "live-actions" }, undo, reset, link, save)), address,
    h("div", { class: "live-columns" },
      h("div", { class: "live-stage" }, h("div", { class: "live-frames" }, Object.values(frames)),
        h("div", { class: "live-row" }, finish, compareLabel), detail.element, status),
      h("div", { class: "live-panels" }, panels)),
    note);
  figure.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target.type !== "number") {
      event.preventDefault();
      undo.click();
    }
  });

  // --------------------------------------------------------------------------------------------------------- Drawing

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
    for (const [name, { part }] of Object.entries(FINISHES)) finish.enable(name, !part || shown.parts.includes(part));
    panels.show("Your picture", Boolean(about.eyes));
    if (about.eyes) ownPanel.replaceChildren(...ownPicture(shown, about.eyes, (result) => useOwn(shown.name, result)));
    else if (!ownPanel.hidden) panels.choose("Draw");
    const { decoder, detail: mean, detailLargest } = shown.errors;
    note.textContent = `${about.note} What you see differs from PyTorch's pictures by at most ${decoder} in any colour of ` +
      "any pixel, on a scale from 0 to 1." + (mean ? ` With detail, the mean difference is ${mean} and the largest that was ` +
      `measured is ${detailLargest}.` : "");
  }

  function showControls(shown) {
    build(shown);
    model.set(state.model);
    prior.set(priorOf(shown, state.prior));
    finish.set(finishOf(shown, state.finish));
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
    const source = state.own ? "Your picture, decoded from its code" : `A ${thing} drawn from ` +
      `${names[priorOf(shown, state.prior)]}, seed ${state.seed}`;
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
    detail.stop();
    const { model: shown, twin } = await modelsFor(wanted);
    if (wanted !== state) return draw();
    showControls(shown);
    const code = editedCode(shown, wanted, own[shown.name]), picture = decoded(shown, wanted, code);
    paint(main, picture);
    if (finishOf(shown, wanted.finish) === "detail") detail.start(shown, picture, code, wanted.seed);
    else detail.hide();
    if (twin) paint(beside, decoded(twin, wanted, editedCode(twin, wanted)));
    if (wanted.own) paint(yours, own[wanted.model].picture);
    frames.beside.hidden = !twin;
    frames.yours.hidden = !wanted.own;
    const text = describe(shown);
    main.setAttribute("aria-label", text);
    const hints = twin ? [
      wanted.prior === "flow" && "The autoencoder has no flow: its face is drawn from its mixture.",
      wanted.finish === "detail" && "The autoencoder has no pixel flow: its face is shown as decoded.",
    ] : [];
    say([text, ...hints.filter(Boolean)].join(" "));
    figure.dataset.pictures = Number(figure.dataset.pictures ?? 0) + 1;
  });

  // The small pictures of the panel that is open, one by one, so that the large one is never kept waiting.
  const enqueue = view.queue();

  function name(element, number, labelled) {
    element.dataset.number = number;
    element.setAttribute("aria-label", labelled(number));
  }

  async function drawAround() {
    const wanted = state;
    thumbs.forEach((element, i) => name(element, firstOnPage(wanted.seed) + i, (number) => `Seed ${number}`));
    stations.forEach((element, i) => name(element, Math.round((100 * i) / (STATIONS - 1)), (percent) => `${percent} % of the way`));
    const { model: shown } = await modelsFor(wanted);
    if (wanted !== state) return;
    for (const element of thumbs) {
      const isShown = Number(element.dataset.number) === wanted.seed && !wanted.own;
      element.setAttribute("aria-pressed", String(isShown));
    }
    if (!drawPanel.hidden) {
      enqueue(thumbs.map((element) => () => {
        paint(element.picture, decoded(shown, wanted, drawn(shown, wanted, Number(element.dataset.number))));
      }));
    } else if (!walkPanel.hidden) {
      enqueue(stations.map((element) => () => {
        paint(element.picture, decoded(shown, wanted, editedCode(shown, wanted, own[shown.name], Number(element.dataset.number) / 100)));
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
