// What the live figures of the chapters share. Each stands below a still picture and lets its reader try the one
// thing that the picture shows. Each has a script of its own, figure-NAME.js, and book/live.py says which stands
// where.
"use strict";

const figures = (() => {
  const { h, button, onceAFrame } = view;
  const NS = "http://www.w3.org/2000/svg";

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

  return { lay, svg, row, moved };
})();
