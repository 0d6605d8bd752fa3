// The pixel flow, as in vaelib.detail: from a decoded picture and a little noise, eight small steps to a picture with
// detail. The velocity of each step is what a U-Net makes of the picture on its way, and of the time.
//
// A picture takes some seconds, so every function that works long is a generator (function*). It yields after each
// piece of work, and `unhurried` lets the page breathe there. Maps and layers are those of vaelib.js.
"use strict";

const pixelFlow = (() => {
  const SOLVER_STEPS = 8; // of Euler's method
  const PIXELS = 256; // of a map, whose new values are one piece of work
  const SLICE = 12; // milliseconds of work before the page gets its turn

  // A convolution with as many zeros around the map as the kernel needs. The kernels of 4 × 4 halve the map, those of
  // 3 × 3 and 1 × 1 keep its size. As in vaelib.js, each new pixel is one row of a matrix product.
  function* convolution(layer, map) {
    const kernel = Math.sqrt(layer.inner / map.channels), size = kernel === 4 ? map.size / 2 : map.size;
    const values = new Float32Array(size * size * layer.columns);
    for (let first = 0; first < size * size; first += PIXELS) {
      const count = Math.min(PIXELS, size * size - first), rows = patches(map, kernel, size, first, count);
      values.set(vaelib.product(rows, layer.weights, count, layer.inner, layer.columns), first * layer.columns);
      yield;
    }
    for (let i = 0; i < values.length; i++) values[i] += layer.bias[i % layer.columns];
    return { size, channels: layer.columns, values };
  }

  // What the kernel sees at `count` pixels of the new map, one row for each.
  function patches(map, kernel, size, first, count) {
    const rows = new Float32Array(count * kernel * kernel * map.channels), stride = map.size / size;
    const margin = Math.floor((kernel - 1) / 2);
    for (let i = 0; i < count * kernel; i++) {
      const pixel = first + Math.floor(i / kernel), x = stride * (pixel % size) - margin;
      const y = stride * Math.floor(pixel / size) - margin + (i % kernel);
      if (y < 0 || y >= map.size) continue;
      const left = Math.max(0, x), right = Math.min(map.size, x + kernel), start = y * map.size;
      const seen = map.values.subarray((start + left) * map.channels, (start + right) * map.channels);
      rows.set(seen, (i * kernel + left - x) * map.channels);
    }
    return rows;
  }

  // Every pixel normalised over its channels, scaled, shifted, and through the activation SiLU, x · sigmoid(x).
  function activated(map, { weight, bias }) {
    const { channels } = map, values = new Float32Array(map.values.length);
    for (let at = 0; at < values.length; at += channels) {
      let sum = 0, squares = 0;
      for (let c = 0; c < channels; c++) sum += map.values[at + c];
      const mean = sum / channels;
      for (let c = 0; c < channels; c++) squares += (map.values[at + c] - mean) ** 2;
      const scale = 1 / Math.sqrt(squares / channels + 1e-5);
      for (let c = 0; c < channels; c++) {
        const x = (map.values[at + c] - mean) * scale * weight[c] + bias[c];
        values[at + c] = x / (1 + Math.exp(-x));
      }
    }
    return { ...map, values };
  }

  function add(map, other) {
    for (let i = 0; i < map.values.length; i++) map.values[i] += other.values[i];
    return map;
  }

  // Two convolutions beside a shortcut. The time scales and shifts what lies between them.
  function* block({ norms, first, second, time: timeLayer }, map, time) {
    const inner = yield* convolution(first, activated(map, norms[0]));
    const found = vaelib.run([timeLayer], { size: 1, channels: time.length, values: time }).values;
    const scale = (c) => 1 + found[c], shift = (c) => found[inner.channels + c];
    const timed = {
      weight: norms[1].weight.map((x, c) => x * scale(c)),
      bias: norms[1].bias.map((x, c) => x * scale(c) + shift(c)),
    };
    return add(yield* convolution(second, activated(inner, timed)), map);
  }

  // Every pixel becomes 2 × 2 pixels.
  function doubled({ size, channels, values }) {
    const larger = { size: 2 * size, channels, values: new Float32Array(4 * values.length) };
    for (let pixel = 0; pixel < larger.size ** 2; pixel++) {
      const y = Math.floor(pixel / larger.size / 2), x = Math.floor((pixel % larger.size) / 2);
      const from = (y * size + x) * channels;
      for (let c = 0; c < channels; c++) larger.values[pixel * channels + c] = values[from + c];
    }
    return larger;
  }

  // The U-Net: the velocity at the picture x and the time t. Its left side halves the map from level to level, its
  // right side doubles it and adds the left side's map of the same size. Beside it runs the straight path.
  function* velocity(network, x, t) {
    const time = vaelib.timeFeatures(network, t);
    let map = yield* convolution(network.inlet, { ...x, values: x.values.map((value) => 4 * value - 2) });
    const kept = [];
    for (const [level, halve] of network.halve.entries()) {
      kept.push(yield* block(network.left[level], map, time));
      map = yield* convolution(halve, kept[level]);
    }
    for (const middle of network.middle) map = yield* block(middle, map, time);
    while (kept.length) {
      const left = kept.pop(), level = kept.length;
      map = add(doubled(yield* convolution(network.narrow[level], map)), left);
      map = yield* block(network.right[level], map, time);
    }
    const { values } = yield* convolution(network.outlet, activated(map, network.norm));
    const straight = vaelib.run([network.straight], { size: 1, channels: time.length, values: time }).values[0];
    return values.map((value, i) => value + straight * (x.values[i] - 0.5));
  }

  // What a generator returns. Between its pieces of work the page gets its turn, and `signal` may end it.
  async function unhurried(work, signal) {
    for (let began = performance.now(); ;) {
      const { value, done } = work.next();
      if (done) return value;
      if (performance.now() - began < SLICE) continue;
      await new Promise((resume) => setTimeout(resume));
      signal?.throwIfAborted();
      began = performance.now();
    }
  }

  // The picture with the detail that `noise` determines: draws of N(0, 1), one for each of its numbers. `onstep` gets
  // the number of each step and the picture after it.
  async function detailed(network, picture, noise, { onstep = () => {}, signal } = {}) {
    const start = picture.values.map((value, i) => value + network.sigma[0] * noise[i]);
    let x = { ...picture, values: start };
    for (let step = 0; step < SOLVER_STEPS; step++) {
      const slope = await unhurried(velocity(network, x, step / SOLVER_STEPS), signal);
      x = { ...x, values: x.values.map((value, i) => value + slope[i] / SOLVER_STEPS) };
      onstep(step + 1, inRange(x));
    }
    return inRange(x);
  }

  const inRange = (x) => ({ ...x, values: x.values.map((value) => Math.min(1, Math.max(0, value))) });

  return { SOLVER_STEPS, detailed };
})();
