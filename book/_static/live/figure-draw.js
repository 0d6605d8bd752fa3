// Chapter 12: a draw of two pixels. The mean velocity has a formula here, so the figure needs no weights.
"use strict";

liveFigures.draw = async (figure) => {
  const { lay, svg } = figures;
  const { h, slider, choice, button, canvas, withSign } = view;
  const start = { noise: 0.6, sigma: 0.5, steps: 8 };
  let now = { ...start };

  // Equation 12.3, and Euler's method: the difference u of the two pixels at the start and after each step.
  const velocity = (u, t, sigma) => (Math.tanh((t * u) / ((1 - t) * sigma) ** 2) - u) / (1 - t);
  function follow(u, steps, sigma) {
    const states = [u];
    for (let i = 0; i < steps; i++) states.push(states[i] + velocity(states[i], i / steps, sigma) / steps);
    return states;
  }

  // Time is 3 units wide, and u points upwards.
  const plot = svg("svg", { viewBox: "-0.1 -1.7 5.1 3.6", class: "live-plot", role: "img" });
  const at = (states) => states.map((u, i) => [((3 * i) / (states.length - 1)).toFixed(3), (-u).toFixed(3)]);
  for (const [u, words] of [[1, "right pixel dark"], [0, "both grey: the mean"], [-1, "left pixel dark"]]) {
    plot.append(svg("line", { class: "live-axis", x1: 0, x2: 3, y1: -u, y2: -u }));
    plot.append(svg("text", { x: 3.15, y: 0.06 - u }, words));
  }
  plot.append(svg("text", { x: 0, y: 1.85 }, "time 0"), svg("text", { x: 2.65, y: 1.85 }, "time 1"));
  const exact = [-1.9, -1.4, -0.9, -0.4, 0.4, 0.9, 1.4, 1.9].map((noise) => [noise, svg("polyline", { opacity: 0.3 })]);
  const way = svg("polyline", { class: "live-code" }), dots = svg("g", { class: "live-dots" });
  plot.append(...exact.map(([, line]) => line), way, dots);

  const pictures = { "Mean and noise": canvas(320, ""), "Your draw": canvas(320, "") };
  function paint(picture, u) {
    const context = picture.getContext("2d"), middle = picture.width / 2;
    for (const [x, value] of [[0, 0.5 + u / 2], [middle, 0.5 - u / 2]]) {
      context.fillStyle = `hsl(0 0% ${(100 * value).toFixed(2)}%)`;
      context.fillRect(x, 0, middle, picture.height);
    }
  }

  const noise = slider({
    label: "Noise ε", min: -2, max: 2, step: 0.05, start: start.noise, format: (x) => withSign(x, 2),
    oninput: (x) => { now.noise = x; draw(); },
  });
  const sigma = slider({
    label: "Its standard deviation σ", min: 0.1, max: 0.8, step: 0.05, start: start.sigma, format: (x) => x.toFixed(2),
    oninput: (x) => { now.sigma = x; draw(); },
  });
  const steps = choice({
    label: "Steps of the solver", options: [1, 2, 4, 8, 200].map((n) => [n, String(n)]), start: start.steps,
    onchange: (n) => { now.steps = n; draw(); },
  });
  const draw = lay(figure, {
    pictures,
    controls: [
      h("p", { class: "live-hint" }, "A strand of hair covers the left pixel or the right one. The sign of the noise " +
        "decides which, if the solver takes enough steps. Where does a single step end?"),
      plot, noise, sigma, steps,
    ],
    actions: [button("The other sign", () => { now.noise = -now.noise; noise.set(now.noise); draw(); })],
    reset: () => {
      now = { ...start };
      noise.set(now.noise);
      sigma.set(now.sigma);
      steps.set(now.steps);
    },
    show: () => {
      for (const [epsilon, line] of exact) line.setAttribute("points", at(follow(now.sigma * epsilon, 200, now.sigma)).join(" "));
      const states = follow(now.sigma * now.noise, now.steps, now.sigma), places = at(states), end = states.at(-1);
      way.setAttribute("points", places.join(" "));
      const marked = now.steps > 8 ? places.slice(-1) : places;
      dots.replaceChildren(...marked.map(([cx, cy]) => svg("circle", { cx, cy, r: 0.06 })));
      paint(pictures["Mean and noise"], states[0]);
      paint(pictures["Your draw"], end);
      const text = `From u = ${withSign(states[0], 2)} to ${withSign(end, 2)} in ${now.steps} step${now.steps > 1 ? "s" : ""}: ` +
        (Math.abs(end) > 0.9 ? "a photograph." : Math.abs(end) < 0.1 ? "the mean." : "neither a photograph nor the mean.");
      plot.setAttribute("aria-label", text);
      return text;
    },
  });
};
