// The state of the explorer: which model, which draw, which edits. It is a plain object. Here it is turned into the
// address of a link, back from one, and into a code.
"use strict";

const explorerState = (() => {
  // ---------------------------------------------------------------------------------------------------------- Models

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
      note: "The smallest VAE of the course, 32 × 32 pixels, trained for a minute on faces that vaelib draws. MIT " +
        "License.",
    },
    cifar10: {
      label: "CIFAR-10", thing: "picture", attributes: CLASSES,
      note: "A VAE of 32 × 32 pixels, trained on the ten classes of CIFAR-10. MIT License.",
    },
  };
  const PRIORS = { normal: "N(0, I)", gaussian: "Gaussian", gmm: "Mixture", flow: "Flow" };

  // What is done to a decoded picture at once. A finish with a `part` is offered where the model has weights of that name.
  // The detail follows later (detailing.js).
  const FINISHES = {
    plain: { label: "As decoded", apply: (_model, picture) => picture },
    sharp: { label: "Sharpened", apply: (model, picture) => model.sharpen(picture) },
    detail: { label: "With detail", part: "detail", apply: (_model, picture) => picture },
  };
  const LEADING = 10; // directions that have a slider

  // What a model has instead of what it has not.
  const priorOf = (model, prior) => (prior === "flow" && !model.parts.includes("flow") ? "gmm" : prior);
  const finishOf = (model, finish) => {
    const { part } = FINISHES[finish];
    return part && !model.parts.includes(part) ? "plain" : finish;
  };

  // ----------------------------------------------------------------------------------------------------------- State

  const START = {
    model: "celeba64", prior: "flow", seed: 18, temperature: 1, edits: {}, leading: {}, to: 51, t: 0, path: "slerp",
    finish: "plain", compare: false, own: false,
  };

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

  // ----------------------------------------------------------------------------------------------------------- Codes

  const draws = new Map(); // a draw from the flow takes fifty evaluations of its network, so each is kept

  function drawn(model, { prior, temperature }, seed) {
    const key = [model.name, priorOf(model, prior), temperature, seed].join();
    if (!draws.has(key)) {
      if (draws.size > 200) draws.clear();
      draws.set(key, model.draw(priorOf(model, prior), seed, temperature));
    }
    return draws.get(key);
  }

  // The code before edits, at `t` on the way to the other end. `own` has the code of the reader's picture.
  function startCode(model, wanted, own, t) {
    const start = wanted.own ? own.code : drawn(model, wanted, wanted.seed);
    return t ? vaelib.interpolate(start, drawn(model, wanted, wanted.to), t, wanted.path) : start;
  }

  function editedCode(model, wanted, own, t = wanted.t) {
    const z = Float32Array.from(startCode(model, wanted, own, t));
    const move = (direction, times) => direction.forEach((x, i) => { z[i] += times * x; });
    for (const [name, times] of Object.entries(wanted.edits)) {
      const number = model.attributes.indexOf(name);
      if (number >= 0) move(model.direction(number), times);
    }
    for (const [number, times] of Object.entries(wanted.leading)) move(model.leading(Number(number)), times);
    return z;
  }

  return { MODELS, PRIORS, FINISHES, LEADING, START, priorOf, finishOf, toLink, fromLink, drawn, editedCode };
})();
