// What is trained, on what and how: the data, the experiments that have a name, and the steps of training.
"use strict";

const COUNT = 500; // points of a dataset
const MOST_POINTS = 1000; // of a drawing
const NOISE = 0.1; // the standard deviation of each point around its curve or its centre
const HIDDEN = 32; // hidden units of the encoder, and of the decoder
const BATCH = 100;
const SAMPLES = 300;
const NEAR = 0.3; // a sample is near the data if it is closer than this to some point
const SWEEP = { steps: 2600, from: 10, to: 0.001, sigma: 0.5 }; // of beta, with a fixed sigma

// If sigma is undefined, the best one is measured on each batch.
const BASE = { latent: 2, beta: 1, sigma: 0.5, learningRate: 0.01, seed: 0, sweep: false };
const PRESETS = {
  collapse: { ...BASE, data: "ring", beta: 8 },
  holes: { ...BASE, data: "gaussians", beta: 0.0005 },
  knee: { ...BASE, data: "moons", sigma: undefined, sweep: true },
  cut: { ...BASE, data: "ring", latent: 1, beta: 0.03 },
};

// A random point of the curve, or one of the centres, of each dataset. Mean 0 and variance 1 in x and in y, or nearly.
const SHAPES = {
  ring: (random) => onCircle(2 * Math.PI * random.uniform()),
  moons(random) {
    const angle = Math.PI * random.uniform();
    const [x, y] = [1.15 * (Math.cos(angle) - 0.5), 2 * (Math.sin(angle) - 0.25)];
    return random.uniform() < 0.5 ? [x, y] : [-x, -y];
  },
  gaussians: (random) => onCircle((Math.PI / 4) * Math.floor(8 * random.uniform())),
};

const onCircle = (angle) => [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)];
const noisy = ([x, y], random) => [x + NOISE * random.normal(), y + NOISE * random.normal()];

class Trainer {
  constructor(settings) {
    this.settings = settings;
    this.restart();
  }

  // New data, new weights and no step yet, all from the seed. A drawing begins without a point.
  restart() {
    const { data, latent, seed, sweep } = this.settings, count = data === "drawing" ? 0 : COUNT;
    this.random = new Random(seed);
    this.points = Float64Array.from(Array.from({ length: count }, () => noisy(SHAPES[data](this.random), this.random)).flat());
    this.vae = new VAE(latent, HIDDEN, this.random);
    this.noise = this.random.normals(MOST_POINTS * latent); // one for all evaluations, so that pictures move smoothly
    this.draws = this.random.normals(SAMPLES * latent); // from the prior
    this.sweepSteps = sweep ? 0 : SWEEP.steps;
  }

  // A point that is drawn by hand. The oldest one goes when there are too many.
  add(point) {
    const kept = this.points.slice(this.points.length < VALUES * MOST_POINTS ? 0 : VALUES);
    this.points = Float64Array.from([...kept, ...noisy(point, this.random)]);
  }

  // New settings for the same network and data. They end a sweep.
  change(settings) {
    this.settings = settings;
    this.sweepSteps = SWEEP.steps;
    this.vae.restartAdam();
  }

  get isSweeping() {
    return this.sweepSteps < SWEEP.steps;
  }

  // The settings, with those of the sweep while there is one: beta falls by the same factor in each step.
  get current() {
    const beta = SWEEP.from * (SWEEP.to / SWEEP.from) ** (this.sweepSteps / SWEEP.steps);
    return this.isSweeping ? { ...this.settings, beta, sigma: SWEEP.sigma } : this.settings;
  }

  train(steps) {
    const batch = new Float64Array(VALUES * BATCH);
    for (; steps > 0; steps--) {
      for (let k = 0; k < batch.length; k += VALUES) {
        const row = VALUES * Math.floor((this.random.uniform() * this.points.length) / VALUES);
        batch.set(this.points.subarray(row, row + VALUES), k);
      }
      this.vae.step(batch, this.random.normals(BATCH * this.settings.latent), this.current);
      if (this.isSweeping && ++this.sweepSteps === SWEEP.steps) this.vae.restartAdam();
    }
  }

  // The losses on all points, their posteriors and reconstructions, and samples from the prior.
  evaluate() {
    const { vae, points, noise, current } = this;
    const found = vae.evaluate(points, noise.subarray(0, (points.length / VALUES) * vae.latent), current.sigma);
    const samples = vae.decode(this.draws).xHat;
    return { ...found, beta: current.beta, samples, far: this.shareFar(samples) };
  }

  // The share of samples that are near no point.
  shareFar(samples) {
    const { points } = this;
    let far = 0;
    for (let s = 0; s < samples.length; s += VALUES) {
      let isFar = true;
      for (let k = 0; isFar && k < points.length; k += VALUES) {
        isFar = (points[k] - samples[s]) ** 2 + (points[k + 1] - samples[s + 1]) ** 2 > NEAR ** 2;
      }
      far += isFar;
    }
    return far / SAMPLES;
  }
}
