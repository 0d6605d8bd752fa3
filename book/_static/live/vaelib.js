// What vaelib computes, once more, in the page: decoder, encoder, flow, priors, walks, sharpening. No dependency.
//
// A picture or a feature map is { size, channels, values }, and the numbers of a pixel stand side by side:
// values[(y * size + x) * channels + c]. A vector is a Float32Array. Almost all time is spent in `product`.
//
// Weights come as scripts, because a page that was opened from a disk may not fetch a file. `python -m
// release.export_web` writes them. `await vaelib.load("celeba64")` loads the statistics of a model, `await
// model.need("decoder")` a network.
"use strict";

const vaelib = (() => {
  // ------------------------------------------------------------------------------------------- Numbers as characters
  // A weight is a small integer times the scale of its column. The commonest integers 0, -1, 1, -2, 2, … are the
  // characters that take one byte in UTF-8. The others take two bytes.

  const FORBIDDEN = [0, 10, 13, 34, 92]; // what ends a string of JavaScript or has a special meaning in it
  const DIGIT = 1000; // a number that needs six digits is two integers, of which the first counts thousands
  const integers = new Int16Array(2048); // by the code of the character
  for (let code = 0, rank = 0; code < integers.length; code++) {
    if (FORBIDDEN.includes(code)) continue;
    integers[code] = rank % 2 ? -(rank + 1) / 2 : rank / 2;
    rank++;
  }

  // Reads the arrays of a network or of statistics in the order in which they were written.
  class Reader {
    constructor(text) {
      this.text = text;
      this.at = 0;
    }

    integer() {
      return integers[this.text.charCodeAt(this.at++)];
    }

    // Numbers of which the largest absolute value is `largest`.
    numbers({ count, largest }) {
      const values = new Float32Array(count);
      const step = (2 * largest) / DIGIT ** 2;
      for (let i = 0; i < count; i++) values[i] = (this.integer() * DIGIT + this.integer()) * step;
      return values;
    }

    // A layer with its weights, (inner, columns), and its bias.
    layer(description) {
      const { inner, columns, levels } = description;
      const scales = this.numbers(description.scales);
      const weights = new Float32Array(inner * columns);
      for (let k = 0, at = 0; k < inner; k++) {
        for (let column = 0; column < columns; column++) weights[at++] = (this.integer() * scales[column]) / levels;
      }
      return { ...description, weights, bias: this.numbers(description.bias) };
    }
  }

  // ------------------------------------------------------------------------------------------------- Matrix products

  // The product of a, (rows, inner), and b, (inner, columns).
  function product(a, b, rows, inner, columns) {
    if (rows === 1) return vectorProduct(a, b, inner, columns);
    const result = new Float32Array(rows * columns), inFours = columns - (columns % 4);
    // Two rows and four columns at a time: the eight sums stay in registers, and what is read is used more than once.
    // The second of an odd last row is this row again.
    for (let row = 0; row < rows; row += 2) {
      const here = row * inner, isLast = row + 1 === rows, below = isLast ? here : here + inner;
      for (let column = 0; column < inFours; column += 4) {
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0, t0 = 0, t1 = 0, t2 = 0, t3 = 0;
        for (let k = 0, at = column; k < inner; k++, at += columns) {
          const x = a[here + k], y = a[below + k];
          const w0 = b[at], w1 = b[at + 1], w2 = b[at + 2], w3 = b[at + 3];
          s0 += x * w0; s1 += x * w1; s2 += x * w2; s3 += x * w3;
          t0 += y * w0; t1 += y * w1; t2 += y * w2; t3 += y * w3;
        }
        const to = row * columns + column, under = isLast ? to : to + columns;
        result[to] = s0; result[to + 1] = s1; result[to + 2] = s2; result[to + 3] = s3;
        result[under] = t0; result[under + 1] = t1; result[under + 2] = t2; result[under + 3] = t3;
      }
    }
    for (let row = 0; row < rows; row++) for (let column = inFours; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[row * inner + k] * b[k * columns + column];
      result[row * columns + column] = sum;
    }
    return result;
  }

  function vectorProduct(a, b, inner, columns) {
    const result = new Float32Array(columns);
    for (let k = 0, at = 0; k < inner; k++, at += columns) {
      const x = a[k];
      for (let column = 0; column < columns; column++) result[column] += x * b[at + column];
    }
    return result;
  }

  // ---------------------------------------------------------------------------------------------------------- Layers
  // A function for every kind of layer: from the layer and a map to a map. Batch normalisation is no kind of its own:
  // in evaluation it is linear, so the export multiplies it into the weights of the layer before it.

  const kinds = {
    // All numbers of the map to `columns` numbers, as a map of `size` pixels a side.
    linear(layer, map) {
      const values = product(map.values, layer.weights, 1, layer.inner, layer.columns);
      return withBias(layer, { size: layer.size, channels: layer.columns / layer.size ** 2, values });
    },

    // A 4 × 4 convolution of stride 2, which halves the map. Each output pixel is one row of a matrix product: the
    // patch of the input below it, times the weights.
    convolution(layer, map) {
      const size = map.size / 2, channels = layer.columns, width = 4 * map.channels;
      const patches = new Float32Array(size * size * layer.inner);
      eachTap(size, map.size, (small, large, tapY, tapX) => {
        const from = large * map.channels, to = small * layer.inner + tapY * width + tapX * map.channels;
        for (let c = 0; c < map.channels; c++) patches[to + c] = map.values[from + c];
      });
      const values = product(patches, layer.weights, size * size, layer.inner, channels);
      return withBias(layer, { size, channels, values });
    },

    // Its transpose, which doubles the map: each input pixel gives a patch of 4 × 4 output pixels, and patches that
    // overlap are added.
    transposed(layer, map) {
      const size = map.size * 2, channels = layer.columns / 16;
      const patches = product(map.values, layer.weights, map.size ** 2, layer.inner, layer.columns);
      const values = new Float32Array(size * size * channels);
      eachTap(map.size, size, (small, large, tapY, tapX) => {
        const from = small * layer.columns + (4 * tapY + tapX) * channels, to = large * channels;
        for (let c = 0; c < channels; c++) values[to + c] += patches[from + c];
      });
      return withBias(layer, { size, channels, values });
    },

    // The mean of every channel, which the attribute classifier ends with.
    mean(_layer, map) {
      const values = new Float32Array(map.channels), pixels = map.size ** 2;
      for (let i = 0; i < map.values.length; i++) values[i % map.channels] += map.values[i] / pixels;
      return { size: 1, channels: map.channels, values };
    },
  };

  // Calls use(small, large, tapY, tapX) for all pixels that a 4 × 4 kernel of stride 2 and padding 1 connects: the
  // numbers of a pixel in the small and in the large map, and the place in the kernel.
  function eachTap(smallSize, largeSize, use) {
    for (let y = 0; y < smallSize; y++) for (let x = 0; x < smallSize; x++) {
      for (let tapY = 0; tapY < 4; tapY++) for (let tapX = 0; tapX < 4; tapX++) {
        const largeY = 2 * y - 1 + tapY, largeX = 2 * x - 1 + tapX;
        const isInside = largeY >= 0 && largeX >= 0 && largeY < largeSize && largeX < largeSize;
        if (isInside) use(y * smallSize + x, largeY * largeSize + largeX, tapY, tapX);
      }
    }
  }

  function withBias(layer, map) {
    const { values } = map, { bias } = layer;
    for (let i = 0, c = 0; i < values.length; i++, c++) {
      if (c === bias.length) c = 0;
      values[i] += bias[c];
    }
    return map;
  }

  const activations = {
    none: (x) => x,
    relu: (x) => (x > 0 ? x : 0),
    leaky: (x) => (x > 0 ? x : 0.2 * x),
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    silu: (x) => x / (1 + Math.exp(-x)),
  };

  function apply(layer, map) {
    const result = kinds[layer.kind](layer, map), activation = activations[layer.then];
    for (let i = 0; i < result.values.length; i++) result.values[i] = activation(result.values[i]);
    return result;
  }

  const vectorMap = (values) => ({ size: 1, channels: values.length, values });

  // A network whose layers follow one another: decoder, encoder, classifier.
  const run = (layers, map) => layers.reduce((current, layer) => apply(layer, current), map);

  // -------------------------------------------------------------------------------------------------------- The flow

  const SOLVER_STEPS = 25; // as in vaelib.flow

  // Layer normalisation. Its weights are folded into the layer that follows.
  function normalised(values) {
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    return values.map((x) => (x - mean) / Math.sqrt(variance + 1e-5));
  }

  const add = (a, b, times = 1) => a.map((x, i) => x + times * b[i]);

  // The velocity at z; `time` are the features of the time. The layers are named as in vaelib.flow.Velocity.
  function velocity({ inlet, blocks, outlet }, z, time) {
    let h = run(inlet, vectorMap(z)).values;
    for (const block of blocks) h = add(h, run(block, vectorMap(normalised(add(h, time)))).values);
    return run(outlet, vectorMap(normalised(h))).values;
  }

  function timeFeatures({ time }, t) {
    const frequencies = time[0].inner / 2;
    const angles = Float32Array.from({ length: frequencies }, (_, i) => t * 100 ** (i / (frequencies - 1)));
    return run(time, vectorMap(Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]))).values;
  }

  // Noise that follows the velocity from t = 0 to 1 by Heun's method.
  function followFlow(flow, noise) {
    const step = 1 / SOLVER_STEPS;
    let z = noise, now = timeFeatures(flow, 0);
    for (let i = 1; i <= SOLVER_STEPS; i++) {
      const next = timeFeatures(flow, i * step);
      const first = velocity(flow, z, now);
      const second = velocity(flow, add(z, first, step), next);
      z = z.map((x, k) => x + (step * (first[k] + second[k])) / 2);
      now = next;
    }
    return z.map((x, k) => flow.mean[k] + flow.std[k] * x);
  }

  // -------------------------------------------------------------------------------------------------- Random numbers

  // Uniform numbers in (0, 1): a xorshift generator of 32 bits (Marsaglia 2003). One seed, one sequence, in every
  // browser.
  function uniform(seed) {
    let state = Math.imul(seed + 1, 2654435761) | 1;
    const next = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return ((state >>> 0) + 0.5) / 2 ** 32;
    };
    for (let i = 0; i < 8; i++) next(); // similar seeds have similar first numbers
    return next;
  }

  // `count` draws from N(0, 1), by the method of Box and Muller.
  function normal(count, next) {
    return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next()));
  }

  // ------------------------------------------------------------------------------------------------------- The model

  class Model {
    constructor(head, text) {
      Object.assign(this, head); // name, size, latent, parts, attributes, error, …
      const reader = new Reader(text);
      for (const [name, about] of Object.entries(head.arrays)) this[name] = reader.numbers(about);
      this.gaussian = reader.layer(head.gaussian);
      this.mixture = head.mixture.map((component) => reader.layer(component));
      this.networks = {};
    }

    // Loads a network unless that has been done: "decoder", "encoder", "flow", or "detail" for detail.js.
    async need(...parts) {
      for (const part of parts) this.networks[part] ??= await loadScript(`${this.name}-${part}`);
      return this;
    }

    // A code to a picture with values in [0, 1].
    decode(z) {
      return run(this.networks.decoder, vectorMap(z));
    }

    // A picture to the mean of its posterior.
    encode(picture) {
      return run(this.networks.encoder, picture).values;
    }

    // A draw from "normal", "gaussian", "gmm" or "flow". `temperature` multiplies the noise that it begins with.
    draw(prior, seed, temperature = 1) {
      const next = uniform(seed);
      const noise = normal(this.latent, next).map((x) => temperature * x);
      if (prior === "normal") return noise;
      if (prior === "gaussian") return run([this.gaussian], vectorMap(noise)).values;
      if (prior === "gmm") return run([this.mixture[chosen(this.shares, next())]], vectorMap(noise)).values;
      return followFlow(this.networks.flow, noise);
    }

    // The change of a code that an attribute's direction is, by the number of the attribute.
    direction(i) {
      return this.directions.subarray(i * this.latent, (i + 1) * this.latent);
    }

    // One standard deviation along a leading direction of the codes.
    leading(i) {
      return this.principal.subarray(i * this.latent, (i + 1) * this.latent);
    }

    // The picture with every spatial frequency multiplied by its gain: see vaelib.sharpening.
    sharpen(picture) {
      const { size, channels } = picture, basis = cosines(size), values = new Float32Array(picture.values.length);
      for (let c = 0; c < channels; c++) {
        const plane = Float32Array.from({ length: size * size }, (_, i) => picture.values[i * channels + c]);
        const waves = between(basis, plane, size, false);
        for (let i = 0; i < waves.length; i++) {
          waves[i] *= this.gains[Math.round(Math.hypot(Math.floor(i / size), i % size))];
        }
        const sharp = between(basis, waves, size, true);
        for (let i = 0; i < sharp.length; i++) values[i * channels + c] = Math.min(1, Math.max(0, sharp[i]));
      }
      return { size, channels, values };
    }
  }

  // The number of a component, drawn by its share.
  function chosen(shares, number) {
    let left = number, i = 0;
    while (i < shares.length - 1 && left > shares[i]) left -= shares[i++];
    return i;
  }

  // The orthonormal basis of cosines, one in a row: the discrete cosine transform is a product with it.
  function cosines(size) {
    return Float32Array.from({ length: size * size }, (_, i) => {
      const frequency = Math.floor(i / size), pixel = i % size;
      const scale = Math.sqrt((frequency ? 2 : 1) / size);
      return scale * Math.cos((Math.PI * frequency * (2 * pixel + 1)) / (2 * size));
    });
  }

  // basis · plane · basisᵀ, or with `back` its inverse, basisᵀ · plane · basis.
  function between(basis, plane, size, back) {
    const flipped = basis.map((_, i) => basis[(i % size) * size + Math.floor(i / size)]);
    const [left, right] = back ? [flipped, basis] : [basis, flipped];
    return product(product(left, plane, size, size, size), right, size, size, size);
  }

  // ----------------------------------------------------------------------------------------------------------- Walks

  // The point at t in [0, 1] between two codes: on the line, or on the arc of White 2016, as in vaelib.latent.
  function interpolate(z0, z1, t, method) {
    const line = z0.map((x, i) => x + t * (z1[i] - x));
    if (method === "lerp") return line;
    const [n0, n1] = [z0, z1].map((z) => Math.hypot(...z));
    const angle = Math.acos(Math.min(1, Math.max(-1, z0.reduce((sum, x, i) => sum + (x * z1[i]) / (n0 * n1), 0))));
    if (angle < 1e-4 || angle > Math.PI - 1e-4) return line;
    return z0.map((x, i) => (Math.sin((1 - t) * angle) * x + Math.sin(t * angle) * z1[i]) / Math.sin(angle));
  }

  // --------------------------------------------------------------------------------------------------------- Loading

  const here = typeof document === "undefined" ? "" : document.currentScript.src.replace(/[^/]*$/, "");
  const loading = {}; // by the name of the script: the promise, and how it is kept

  // The head and the text that a script of weights brings, or what `read` makes of them.
  function loadScript(name) {
    loading[name] ??= {};
    loading[name].promise ??= new Promise((keep, breakIt) => {
      loading[name].keep = keep;
      const script = document.createElement("script");
      script.charset = "utf-8";
      script.src = `${here}weights/${name}.js`;
      script.onerror = () => {
        delete loading[name];
        breakIt(new Error(`${script.src} could not be loaded.`));
      };
      document.head.append(script);
    });
    return loading[name].promise;
  }

  // Called by every script of weights: the statistics of a model, or networks and what else the head says.
  function receive(name, { networks, ...head }, text) {
    if (networks) loading[name].keep(Object.assign(networksOf(networks, new Reader(text)), head));
    else loading[name].keep(new Model(head, text));
  }

  // The attribute classifier: the names of its attributes, and a function from a picture to their probabilities.
  async function classifier() {
    const layers = await loadScript("attributes64");
    const probabilities = (picture) => run(layers, picture).values.map(activations.sigmoid);
    return { attributes: layers.attributes, probabilities };
  }

  // Descriptions of layers to layers: a list is a network, a table has several by their names.
  function networksOf(described, reader) {
    if (Array.isArray(described)) return described.map((part) => networksOf(part, reader));
    if (described.kind) return described.inner ? reader.layer(described) : described;
    if (described.count) return reader.numbers(described);
    return Object.fromEntries(Object.entries(described).map(([name, part]) => [name, networksOf(part, reader)]));
  }

  return { load: loadScript, receive, classifier, run, product, interpolate, uniform, normal, followFlow, timeFeatures };
})();
