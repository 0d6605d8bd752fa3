// Chapter 04: what a weight of the KL does.
"use strict";

liveFigures.beta = async (figure) => {
  const { lay, svg, row } = figures;
  const { h, slider, button, paint } = view;
  const { betas, faces, models } = await vaelib.load("sweep");
  const start = 2, count = models[0].codes.length / 64, side = 32;
  let now = start, seed = 1;

  const grid = (label) => {
    const pictures = Array.from({ length: count }, () => h("canvas", { width: 96, height: 96, "aria-hidden": "true" }));
    return Object.assign(h("div", { class: "live-thumbs", role: "img", "aria-label": label }, pictures), { pictures });
  };
  const pictures = { Faces: grid("Drawn faces"), Reconstructions: grid("Their reconstructions"), Samples: grid("Samples") };
  pictures.Faces.pictures.forEach((picture, i) =>
    paint(picture, { size: side, channels: 3, values: row(faces, i, 3 * side * side) }));

  // Rate to the right, distortion upwards, each as a share of the largest.
  const [mostRate, mostDistortion] = [0, 1].map((i) => Math.max(...models.map(({ curve }) => curve[i])));
  const places = models.map(({ curve: [rate, distortion] }) => [4 * (rate / mostRate), 2 - 2 * (distortion / mostDistortion)]);
  const plot = svg("svg", { viewBox: "-0.3 -0.25 4.6 2.6", class: "live-plot", role: "img", "aria-label": "Distortion over rate, one point for each β" });
  const point = svg("circle", { class: "live-point", r: 0.1 });
  plot.append(svg("polyline", { class: "live-axis", points: "0,-0.1 0,2 4.2,2" }),
    svg("polyline", { class: "live-code", points: places.map((place) => place.join()).join(" ") }),
    svg("g", { class: "live-dots" }, ...places.map(([cx, cy]) => svg("circle", { cx, cy, r: 0.06 }))), point,
    svg("text", { x: 4.2, y: 2.2, "text-anchor": "end" }, "rate"), svg("text", { x: -0.05, y: -0.12 }, "distortion"));

  const weight = slider({
    label: "β, the weight of the KL", min: 0, max: betas.length - 1, step: 1, start, format: (i) => String(betas[i]),
    oninput: (i) => { now = i; draw(); },
  });
  const draw = lay(figure, {
    pictures,
    controls: [
      h("p", { class: "live-hint" }, "The five models of the sweep. The samples decode the same draws from N(0, I) " +
        "in each of them."),
      weight, plot,
    ],
    actions: [button("Other samples", () => { seed += count; draw(); })],
    reset: () => { now = start; seed = 1; weight.set(start); },
    show: () => {
      const { decoder, codes, curve: [rate, distortion] } = models[now];
      const decode = (values) => vaelib.run(decoder, { size: 1, channels: 64, values });
      pictures.Reconstructions.pictures.forEach((picture, i) => paint(picture, decode(row(codes, i, 64))));
      pictures.Samples.pictures.forEach((picture, i) => paint(picture, decode(vaelib.normal(64, vaelib.uniform(seed + i)))));
      point.setAttribute("cx", places[now][0]);
      point.setAttribute("cy", places[now][1]);
      return `β = ${betas[now]}: a rate of ${rate.toFixed(0)} nats and a distortion of ${distortion.toFixed(1)} per ` +
        `face.`;
    },
  });
};
