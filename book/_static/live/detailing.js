// The finish "With detail" of the explorer's picture: the pixel flow (detail.js) runs when the picture has rested for a
// moment, shows each of its steps, and ends when something else is to be shown.
"use strict";

function detailing(canvas) {
  const { h, paint } = view;
  const REST = 300; // milliseconds without a change
  const OTHER_SEED = 10000; // added to the seed of the code, so that code and noise are independent
  const KEPT = 30; // pictures, so that Undo and a comparison need not wait again

  const bar = h("progress", { max: pixelFlow.SOLVER_STEPS, "aria-label": "Steps of the pixel flow" });
  const told = h("p", { role: "status" });
  const element = h("div", { class: "live-detail", hidden: true }, bar, told);
  const kept = new Map();
  let control = new AbortController(), finished = Promise.resolve();

  function tell(text, steps) {
    if (told.textContent !== text) told.textContent = text;
    bar.value = steps;
  }

  const stop = () => control.abort();

  function hide() {
    stop();
    element.hidden = true;
  }

  // Draws detail for a decoded picture. The same code and seed have the same detail.
  function start(model, picture, code, seed) {
    stop();
    control = new AbortController();
    element.hidden = false;
    finished = draw(model, picture, [model.name, seed, ...code].join(), seed, control.signal);
  }

  async function draw(model, picture, key, seed, signal) {
    const done = `Detail drawn with the noise of seed ${seed}. It is one of many that fit this face.`;
    if (kept.has(key)) {
      paint(canvas, kept.get(key));
      return tell(done, pixelFlow.SOLVER_STEPS);
    }
    tell("Detail is drawn as soon as nothing moves.", 0);
    try {
      await new Promise((resume) => setTimeout(resume, REST));
      signal.throwIfAborted();
      if (!model.networks.detail) tell("Loading the pixel flow, 1.9 MB …", 0);
      await model.need("detail");
      signal.throwIfAborted();
      tell(`Drawing detail: step 1 of ${pixelFlow.SOLVER_STEPS}.`, 0);
      const noise = vaelib.normal(picture.values.length, vaelib.uniform(OTHER_SEED + seed));
      const detailed = await pixelFlow.detailed(model.networks.detail, picture, noise, { signal, onstep: showStep });
      if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
      kept.set(key, detailed);
      tell(done, pixelFlow.SOLVER_STEPS);
    } catch (error) {
      if (!signal.aborted) tell(`No detail can be drawn: ${error.message}`, 0);
    }
  }

  function showStep(step, picture) {
    paint(canvas, picture);
    const next = Math.min(step + 1, pixelFlow.SOLVER_STEPS);
    tell(`Drawing detail: step ${next} of ${pixelFlow.SOLVER_STEPS}.`, step);
  }

  // Resolves when no detail is being drawn.
  async function settled() {
    for (let last; last !== finished;) await (last = finished);
  }

  return { element, start, stop, hide, settled };
}
