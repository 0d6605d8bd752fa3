// Chapter 05: a face's place in the aggregate posterior.
"use strict";

liveFigures.map = async (figure) => {
  const { lay, svg, row, moved } = figures;
  const { h, slider, choice, button, canvas, paint, withSign } = view;
  const model = await (await vaelib.load("celeba64")).need("decoder");
  const { latent, places } = model, start = { person: 3, pair: "0", at: undefined };
  let now = { ...start };
  const homeOf = () => [0, 1].map((i) => Math.max(-3, Math.min(3, places[4 * now.person + Number(now.pair) + i])));

  const plane = svg("svg", { viewBox: "-3.4 -3.4 6.8 6.8", class: "live-plot live-plane", "aria-hidden": "true" });
  const dots = svg("g", { class: "live-dots" }), point = svg("circle", { class: "live-point", r: 0.16 });
  const rings = [1, 2].map((r) => svg("circle", { class: "live-prior", r }));
  plane.append(dots, ...rings, point);
  const drag = (event) => {
    if (!(event.buttons & 1)) return;
    const box = plane.getBoundingClientRect();
    const part = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    now.at = part.map((x) => Math.max(-3, Math.min(3, Math.round(20 * (6.8 * x - 3.4)) / 20)));
    draw();
  };
  plane.onpointerdown = (event) => { plane.setPointerCapture(event.pointerId); drag(event); };
  plane.onpointermove = drag;

  const sliders = [0, 1].map((i) => slider({
    label: `Direction ${i + 1}`, min: -3, max: 3, step: 0.05, format: (x) => withSign(x, 2),
    oninput: (x) => { now.at[i] = x; draw(); },
  }));
  const pair = choice({
    label: "Directions", options: [["0", "1 and 2"], ["2", "3 and 4"]], start: "0",
    onchange: (chosen) => { now.pair = chosen; place(); draw(); },
  });
  const picture = canvas(320, "");

  function place() {
    now.at = homeOf();
    pair.set(now.pair);
    dots.replaceChildren(...Array.from({ length: places.length / 4 }, (_, k) => svg("circle", {
      cx: places[4 * k + Number(now.pair)].toFixed(2), cy: (-places[4 * k + Number(now.pair) + 1]).toFixed(2), r: 0.045,
    })));
    sliders.forEach((element, i) => { element.querySelector("label").textContent = `Direction ${Number(now.pair) + i + 1}`; });
  }
  place();
  const draw = lay(figure, {
    pictures: { "Decoded": picture },
    controls: [
      h("p", { class: "live-hint" }, "Each blue dot is the code of a held-out photograph, in standard deviations " +
        "along two leading directions. Drag the orange point, or use the sliders. The rest of the code stays that of " +
        "one person."),
      plane, ...sliders, pair,
    ],
    actions: [button("Another person", () => { now.person = (now.person + 1) % 12; place(); draw(); })],
    reset: () => { now = { ...start }; place(); },
    show: () => {
      const home = [0, 1].map((i) => places[4 * now.person + Number(now.pair) + i]);
      let code = row(model.people, now.person, latent);
      now.at.forEach((x, i) => { code = moved(code, model.leading(Number(now.pair) + i), x - home[i]); });
      paint(picture, model.decode(code));
      sliders.forEach((element, i) => element.set(now.at[i]));
      point.setAttribute("cx", now.at[0]);
      point.setAttribute("cy", -now.at[1]);
      const norm = Math.hypot(...now.at), count = places.length / 4;
      let farther = 0;
      for (let k = 0; k < count; k++) {
        if (Math.hypot(places[4 * k + Number(now.pair)], places[4 * k + Number(now.pair) + 1]) > norm) farther++;
      }
      return `${Math.round((100 * farther) / count)} % of the codes lie farther from the mean in this plane.`;
    },
  });
};
