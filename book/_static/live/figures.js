// The live figures of the chapters. Each stands below a still picture and lets its reader try the one thing that the
// picture shows. book/live.py says which figure stands where.
"use strict";

{
  const { h, slider, choice, button, canvas, paint, onceAFrame, withSign } = view;
  const NS = "http://www.w3.org/2000/svg";

  const labelOf = (name) => name[0] + name.slice(1).replaceAll("_", " ").toLowerCase();
  const moved = (z, direction, times) => z.map((x, i) => x + times * direction[i]);
  const row = (table, i, length) => table.subarray(i * length, (i + 1) * length);

  // Lays out a figure: pictures with captions at the left, controls and a row of buttons at the right. `show` draws and
  // returns what is to be said about the picture. `reset` sets all controls back.
  function lay(figure, { pictures, controls, actions, reset, show }) {
    const status = h("p", { class: "live-status", role: "status" });
    let saying;
    const draw = onceAFrame(() => {
      const text = show();
      for (const picture of Object.values(pictures)) if (picture.tagName === "CANVAS") picture.setAttribute("aria-label", text);
      figure.dataset.pictures = Number(figure.dataset.pictures ?? 0) + 1;
      clearTimeout(saying);
      saying = setTimeout(() => { status.textContent = text; }, 250);
    });
    const frames = Object.entries(pictures).map(([caption, picture]) =>
      h("figure", { class: "live-frame" }, picture, h("figcaption", {}, caption)));
    figure.replaceChildren(
      h("div", { class: "live-columns" },
        h("div", { class: "live-stage" }, h("div", { class: "live-frames" }, frames), status),
        h("div", { class: "live-controls" }, controls,
          h("div", { class: "live-row" }, actions, button("Reset", () => { reset(); draw(); })))));
    draw();
    return draw;
  }

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // ------------------------------------------------------------------------------- Chapter 02: leave a code behind

  liveFigures.hole = async (figure) => {
    const model = await (await vaelib.load("celeba64-ae")).need("decoder");
    const { people, latent } = model, start = { person: 3, other: 4, distance: 0, seed: 1 };
    let now = { ...start };

    const pictures = { "Towards another code": canvas(320, ""), "In a random direction": canvas(320, "") };
    const distance = slider({
      label: "Distance from the code", min: 0, max: 2, step: 0.02, format: (value) => value.toFixed(2),
      oninput: (value) => { now.distance = value; draw(); },
    });
    const draw = lay(figure, {
      pictures,
      controls: [
        h("p", { class: "live-hint" }, "An autoencoder's code of a held-out photograph, and two ways to leave it. At distance 1 the left " +
          "picture has reached the code of another photograph. The right picture has gone as far, to where no code lies."),
        distance,
      ],
      actions: [
        button("Another person", () => {
          now.person = (now.person + 1) % 12;
          now.other = (now.person + 1) % 12;
          draw();
        }),
        button("Another direction", () => { now.seed++; draw(); }),
      ],
      reset: () => { now = { ...start }; distance.set(0); },
      show: () => {
        const code = row(people, now.person, latent), towards = moved(row(people, now.other, latent), code, -1);
        const random = vaelib.normal(latent, vaelib.uniform(now.seed));
        const length = Math.hypot(...towards) / Math.hypot(...random);
        const [left, right] = Object.values(pictures);
        paint(left, model.decode(moved(code, towards, now.distance)));
        paint(right, model.decode(moved(code, random, now.distance * length)));
        return `Person ${now.person + 1}, ${now.distance.toFixed(2)} of the distance to the code of person ${now.other + 1}. ` +
          `Random direction ${now.seed}.`;
      },
    });
  };

  // ------------------------------------------------------------------------- Chapter 03: the width of a posterior

  liveFigures.width = async (figure) => {
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
        h("p", { class: "live-hint" }, "Blue: the posterior of one latent dimension of one held-out photograph. Dashed: the prior. Within " +
          "the blue bell the picture should stay the same person. How far can you go outside it?"),
        plot, value, rank,
      ],
      actions: [button("Another person", () => choose({ person: (now.person + 1) % 12 }))],
      reset: () => choose(start),
      show: () => {
        const [mean, width] = [means()[dimension()], widths()[dimension()]];
        posterior.setAttribute("points", curve(mean, width, Math.min(2.5, 0.9 / width)));
        marker.setAttribute("x1", z);
        marker.setAttribute("x2", z);
        plot.setAttribute("aria-label", `Posterior with mean ${withSign(mean, 2)} and standard deviation ${width.toFixed(2)}`);
        const code = Float32Array.from(means());
        code[dimension()] = z;
        paint(picture, model.decode(code));
        return `Dimension ${dimension() + 1}: σ = ${width.toFixed(2)}. The value is ${Math.abs((z - mean) / width).toFixed(1)} σ from the posterior's mean.`;
      },
    });
  };

  // ------------------------------------------------------------------------ Chapter 04: what a weight of the KL does

  liveFigures.beta = async (figure) => {
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
        h("p", { class: "live-hint" }, "The five models of the sweep. The samples decode the same draws from N(0, I) in each of them."),
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
        return `β = ${betas[now]}: a rate of ${rate.toFixed(0)} nats and a distortion of ${distortion.toFixed(1)} per face.`;
      },
    });
  };

  // ------------------------------------------------------------- Chapter 05: a face's place in the aggregate posterior

  liveFigures.map = async (figure) => {
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
        h("p", { class: "live-hint" }, "Each blue dot is the code of a held-out photograph, in standard deviations along two leading directions. " +
          "Drag the orange point, or use the sliders. The rest of the code stays that of one person."),
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

  // -------------------------------------------------------------- Chapter 08: edits, and what else they change

  liveFigures.edits = async (figure) => {
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
        h("p", { class: "live-hint" }, "Move one slider. The bars are what the attribute classifier sees, and the thin lines what it saw " +
          "before. Bars of other attributes that move are leakage."),
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

  // -------------------------------------------------------------------------- Chapter 11: one decoder, four priors

  liveFigures.priors = async (figure) => {
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
        h("p", { class: "live-hint" }, "One decoder, and the same noise behind each place. Only the density that the codes are drawn from changes."),
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
}
