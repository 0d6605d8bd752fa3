// Chapter 02: leave a code behind.
"use strict";

liveFigures.hole = async (figure) => {
  const { lay, row, moved } = figures;
  const { h, slider, button, canvas, paint } = view;
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
      h("p", { class: "live-hint" }, "An autoencoder's code of a held-out photograph, and two ways to leave it. At " +
        "distance 1 the left picture has reached the code of another photograph. The right picture has gone as far, " +
        "to where no code lies."),
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
      return `Person ${now.person + 1}, ${now.distance.toFixed(2)} of the distance to the code of person ` +
        `${now.other + 1}. Random direction ${now.seed}.`;
    },
  });
};
