// Chapter 03: the width of a posterior.
"use strict";

liveFigures.width = async (figure) => {
  const { lay, svg, row } = figures;
  const { h, slider, choice, button, canvas, paint, withSign } = view;
  const model = await (await vaelib.load("celeba64")).need("decoder");
  const { latent } = model, start = { person: 0, rank: "narrow" };
  let now, order, z;

  const reach = 3.2, plot = svg("svg", { viewBox: "-3.2 -0.1 6.4 3", class: "live-plot", role: "img" });
  const curve = (mean, deviation, height) => {
    const points = Array.from({ length: 321 }, (_, i) => {
      const x = -reach + (i * reach) / 160;
      return `${x.toFixed(3)},${(2.6 - height * Math.exp(-0.5 * ((x - mean) / deviation) ** 2)).toFixed(3)}`;
    });
    return points.join(" ");
  };
  const prior = svg("polyline", { class: "live-prior", points: curve(0, 1, 0.9) });
  const posterior = svg("polyline", { class: "live-code" });
  const marker = svg("line", { class: "live-marker", y1: 0, y2: 2.75 });
  plot.append(svg("line", { class: "live-axis", x1: -reach, x2: reach, y1: 2.6, y2: 2.6 }), prior, posterior, marker);

  const picture = canvas(320, "");
  const value = slider({
    label: "Value of the dimension", min: -3, max: 3, step: 0.05, format: (x) => withSign(x, 2),
    oninput: (x) => { z = x; draw(); },
  });
  const rank = choice({
    label: "Posterior", options: [["narrow", "Narrowest"], ["middle", "Median"], ["wide", "Widest"]], start: "narrow",
    onchange: (chosen) => choose({ rank: chosen }),
  });
  const means = () => row(model.people, now.person, latent), widths = () => row(model.widths, now.person, latent);
  const dimension = () => order[{ narrow: 0, middle: latent / 2, wide: latent - 1 }[now.rank]];

  function choose(changes) {
    now = { ...now, ...changes };
    order = Array.from({ length: latent }, (_, i) => i).sort((a, b) => widths()[a] - widths()[b]);
    z = Math.round(20 * means()[dimension()]) / 20;
    value.set(z);
    rank.set(now.rank);
    draw?.();
  }
  let draw;
  choose(start);
  draw = lay(figure, {
    pictures: { "Decoded": picture },
    controls: [
      h("p", { class: "live-hint" }, "Blue: the posterior of one latent dimension of one held-out photograph. " +
        "Dashed: the prior. Within the blue bell the picture should stay the same person. How far can you go outside " +
        "it?"),
      plot, value, rank,
    ],
    actions: [button("Another person", () => choose({ person: (now.person + 1) % 12 }))],
    reset: () => choose(start),
    show: () => {
      const [mean, width] = [means()[dimension()], widths()[dimension()]];
      posterior.setAttribute("points", curve(mean, width, Math.min(2.5, 0.9 / width)));
      marker.setAttribute("x1", z);
      marker.setAttribute("x2", z);
      plot.setAttribute("aria-label", `Posterior with mean ${withSign(mean, 2)} and standard deviation ` +
        `${width.toFixed(2)}`);
      const code = Float32Array.from(means());
      code[dimension()] = z;
      paint(picture, model.decode(code));
      return `Dimension ${dimension() + 1}: σ = ${width.toFixed(2)}. The value is ` +
        `${Math.abs((z - mean) / width).toFixed(1)} σ from the posterior's mean.`;
    },
  });
};
