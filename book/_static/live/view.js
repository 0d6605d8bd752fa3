// What the live figures have in common: elements, sliders, choices, and pictures on a canvas.
"use strict";

const view = (() => {
  // An element with attributes, or properties where a name begins with a dot, listeners (onclick, …), and children.
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element[name] = value;
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== undefined));
    return element;
  }

  let ids = 0;
  const newId = () => `live-${++ids}`;

  const withSign = (value, digits = 1) => {
    const text = Math.abs(value).toFixed(digits);
    return Number(text) === 0 ? "0" : (value < 0 ? "−" : "+") + text;
  };

  // "Mouth slightly open" for Mouth_Slightly_Open.
  const labelOf = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ").toLowerCase();

  // A labelled slider. `oninput` is called while it moves, `onchange` when it is let go. A double click restores its
  // start.
  function slider({ label, min, max, step, start = 0, format = withSign, oninput, onchange = () => {} }) {
    const id = newId(), output = h("output", { for: id });
    const input = h("input", { type: "range", id, min, max, step });
    const show = () => {
      const place = (value) => `${(100 * (value - min)) / (max - min)}%`;
      output.value = format(Number(input.value));
      input.setAttribute("aria-valuetext", output.value);
      const [low, high] = [start, Number(input.value)].sort((a, b) => a - b);
      input.style.setProperty("--from", place(low));
      input.style.setProperty("--to", place(high));
      element.classList.toggle("is-moved", Number(input.value) !== start);
    };
    input.oninput = () => { show(); oninput(Number(input.value)); };
    input.onchange = () => onchange(Number(input.value));
    input.ondblclick = () => { input.value = start; input.oninput(); input.onchange(); };
    const element = h("div", { class: "live-slider" }, h("label", { for: id }, label), input, output);
    element.set = (value) => { input.value = value; show(); };
    element.enable = (isEnabled) => { input.disabled = !isEnabled; };
    element.set(start);
    return element;
  }

  // A row of radio buttons that looks like one button. `options` are pairs of a value and its label.
  function choice({ label, options, start, onchange }) {
    const name = newId(), inputs = new Map();
    const element = h("fieldset", { class: "live-choice" }, h("legend", {}, label));
    for (const [value, text] of options) {
      const input = h("input", { type: "radio", name, value, onchange: () => onchange(value) });
      inputs.set(value, input);
      element.append(h("label", {}, input, h("span", {}, text)));
    }
    element.set = (value) => { for (const [other, input] of inputs) input.checked = other === value; };
    element.enable = (value, isEnabled) => {
      inputs.get(value).disabled = !isEnabled;
      inputs.get(value).parentElement.hidden = !isEnabled;
    };
    element.set(start);
    return element;
  }

  const button = (label, onclick, attributes = {}) => h("button", { type: "button", class: "live-button", onclick, ...attributes }, label);

  // Tabs in the order of a table from titles to panels. Arrow keys move between the tabs.
  function tabs(label, panels, onchange = () => {}) {
    const list = h("div", { class: "live-tabs", role: "tablist", "aria-label": label });
    const entries = Object.entries(panels).map(([title, panel]) => {
      const [tabId, panelId] = [newId(), newId()];
      const tab = h("button", { type: "button", role: "tab", id: tabId, "aria-controls": panelId }, title);
      Object.assign(panel, { id: panelId, role: "tabpanel" }).setAttribute("aria-labelledby", tabId);
      list.append(tab);
      return { title, tab, panel };
    });
    const choose = (chosen) => {
      for (const { tab, panel } of entries) {
        tab.setAttribute("aria-selected", String(tab === chosen.tab));
        tab.tabIndex = tab === chosen.tab ? 0 : -1;
        panel.hidden = tab !== chosen.tab;
      }
      onchange(chosen.title);
    };
    const seen = () => entries.filter(({ tab }) => !tab.hidden);
    for (const entry of entries) {
      entry.tab.onclick = () => choose(entry);
      entry.tab.onkeydown = (event) => {
        const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!move) return;
        event.preventDefault();
        const shown = seen(), next = shown[(shown.indexOf(entry) + move + shown.length) % shown.length];
        choose(next);
        next.tab.focus();
      };
    }
    const element = h("div", {}, list, entries.map(({ panel }) => panel));
    element.choose = (title) => choose(entries.find((entry) => entry.title === title));
    element.show = (title, isShown) => { entries.find((entry) => entry.title === title).tab.hidden = !isShown; };
    element.choose(entries[0].title);
    return element;
  }

  // A canvas that is `side` pixels wide; `paint` draws a picture of any size on it, enlarged smoothly.
  function canvas(side, label) {
    return h("canvas", { width: side, height: side, role: "img", "aria-label": label });
  }

  const small = document.createElement("canvas");

  function paint(target, picture) {
    small.width = small.height = picture.size;
    small.getContext("2d").putImageData(imageData(picture), 0, 0);
    const context = target.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, target.width, target.height);
    context.drawImage(small, 0, 0, target.width, target.height);
  }

  function imageData({ size, values }) {
    const image = new ImageData(size, size);
    for (let i = 0, at = 0; i < values.length; at++) {
      image.data[at++] = 255 * values[i++];
      image.data[at++] = 255 * values[i++];
      image.data[at++] = 255 * values[i++];
      image.data[at] = 255;
    }
    return image;
  }

  // The picture on a canvas, averaged down to `size` pixels a side.
  function pictureFrom(source, size) {
    const data = source.getContext("2d").getImageData(0, 0, source.width, source.height).data;
    const block = source.width / size, values = new Float32Array(3 * size * size);
    for (let y = 0; y < source.height; y++) for (let x = 0; x < source.width; x++) {
      const to = 3 * (Math.floor(y / block) * size + Math.floor(x / block)), from = 4 * (y * source.width + x);
      for (let c = 0; c < 3; c++) values[to + c] += data[from + c] / (255 * block * block);
    }
    return { size, channels: 3, values };
  }

  // A function that calls `work` once before the next frame, however often it is called until then.
  function onceAFrame(work) {
    let isDue = false;
    return () => {
      if (!isDue) requestAnimationFrame(() => { isDue = false; work(); });
      isDue = true;
    };
  }

  // Does jobs one after another and lets the page breathe between them. New jobs replace those that are still waiting.
  function queue() {
    let waiting = [], isRunning = false;
    const step = () => {
      const job = waiting.shift();
      if (job) job();
      isRunning = waiting.length > 0;
      if (isRunning) setTimeout(step);
    };
    return (jobs) => {
      waiting = [...jobs];
      if (!isRunning) setTimeout(step);
      isRunning = true;
    };
  }

  return { h, slider, choice, button, tabs, canvas, paint, pictureFrom, onceAFrame, queue, withSign, labelOf };
})();
