// Chapter 08: edits, and what else they change.
"use strict";

liveFigures.edits = async (figure) => {
  const { lay, moved } = figures;
  const { h, slider, button, canvas, paint, withSign, labelOf } = view;
  const SLIDERS = ["Smiling", "Eyeglasses", "Male", "Young", "Blond_Hair"];
  const BARS = ["Smiling", "Mouth_Slightly_Open", "High_Cheekbones", "Eyeglasses", "Male", "Young", "Heavy_Makeup", "Blond_Hair"];
  const [model, network] = await Promise.all([vaelib.load("celeba64"), vaelib.classifier()]);
  await model.need("decoder", "flow");
  const start = { seed: 18, strengths: {} };
  let now = { ...start }, code, before;

  const probabilities = (picture) => {
    const all = network.probabilities(picture);
    return BARS.map((name) => all[network.attributes.indexOf(name)]);
  };
  function person(seed) {
    now = { seed, strengths: {} };
    code = model.draw("flow", seed);
    before = probabilities(model.decode(code));
    sliders.forEach((element) => element.set(0));
  }

  const bars = BARS.map((name) => {
    const value = h("span", { class: "live-bar-value" });
    const bar = h("div", { class: "live-bar" });
    return { value, bar, element: h("li", {}, h("span", {}, labelOf(name)), bar, value) };
  });
  const sliders = SLIDERS.map((name) => slider({
    label: labelOf(name), min: -3, max: 3, step: 0.1, oninput: (x) => { now.strengths[name] = x; draw(); },
  }));
  const picture = canvas(320, "");
  person(start.seed);
  const draw = lay(figure, {
    pictures: { "Decoded": picture },
    controls: [
      h("p", { class: "live-hint" }, "Move one slider. The bars are what the attribute classifier sees, and the thin " +
        "lines what it saw before. Bars of other attributes that move are leakage."),
      h("div", { class: "live-sliders" }, sliders),
      h("ul", { class: "live-bars", "aria-label": "Probabilities of attributes" }, bars.map(({ element }) => element)),
    ],
    actions: [button("Another person", () => { person(now.seed + 1); draw(); })],
    reset: () => person(start.seed),
    show: () => {
      let z = code;
      for (const [name, times] of Object.entries(now.strengths)) z = moved(z, model.direction(model.attributes.indexOf(name)), times);
      const shown = model.decode(z);
      paint(picture, shown);
      probabilities(shown).forEach((p, i) => {
        bars[i].value.textContent = `${Math.round(100 * p)} %`;
        bars[i].bar.style.setProperty("--now", `${100 * p}%`);
        bars[i].bar.style.setProperty("--before", `${100 * before[i]}%`);
      });
      const edits = Object.entries(now.strengths).filter(([, times]) => times).map(([name, times]) => `${labelOf(name)} ${withSign(times)}`);
      return `An invented person, seed ${now.seed}${edits.length ? `: ${edits.join(", ")}` : ", unchanged"}.`;
    },
  });
};
