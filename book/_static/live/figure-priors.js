// Chapter 11: one decoder, four priors.
"use strict";

liveFigures.priors = async (figure) => {
  const { lay } = figures;
  const { h, slider, choice, button, paint } = view;
  const NAMES = { normal: "N(0, I)", gaussian: "Gaussian", gmm: "Mixture", flow: "Flow" };
  const model = await (await vaelib.load("celeba64")).need("decoder", "flow");
  const start = { prior: "normal", temperature: 1, finish: "plain", seed: 1 };
  let now = { ...start };

  const pictures = Array.from({ length: 8 }, () => h("canvas", { width: 128, height: 128, "aria-hidden": "true" }));
  const grid = h("div", { class: "live-thumbs", role: "img", "aria-label": "Eight faces" }, pictures);
  const prior = choice({ label: "Draw from", options: Object.entries(NAMES), start: "normal", onchange: (x) => { now.prior = x; draw(); } });
  const finish = choice({
    label: "Finish", options: [["plain", "As decoded"], ["sharp", "Sharpened"]], start: "plain",
    onchange: (x) => { now.finish = x; draw(); },
  });
  const temperature = slider({
    label: "Temperature", min: 0, max: 1.5, step: 0.05, start: 1, format: (x) => x.toFixed(2),
    oninput: (x) => { now.temperature = x; draw(); },
  });
  const enqueue = view.queue();
  const draw = lay(figure, {
    pictures: { "Eight draws, not selected": grid },
    controls: [
      h("p", { class: "live-hint" }, "One decoder, and the same noise behind each place. Only the density that the " +
        "codes are drawn from changes."),
      prior, finish, temperature,
    ],
    actions: [button("Eight others", () => { now.seed += 8; draw(); })],
    reset: () => {
      now = { ...start };
      prior.set(now.prior);
      finish.set(now.finish);
      temperature.set(1);
    },
    show: () => {
      const { prior: name, seed, temperature: heat, finish: end } = now;
      enqueue(pictures.map((picture, i) => () => {
        const decoded = model.decode(model.draw(name, seed + i, heat));
        paint(picture, end === "sharp" ? model.sharpen(decoded) : decoded);
      }));
      return `Eight faces from ${NAMES[name]}, seeds ${seed} to ${seed + 7}, at temperature ${heat.toFixed(2)}.`;
    },
  });
};
