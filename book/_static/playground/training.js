// What is trained, on what and how: the data, the experiments that have a name, and the steps of training.
"use strict";

const COUNT = 500, MOST_POINTS = 1000; // points of a dataset, and of a drawing at most
const NOISE = 0.1; // the standard deviation of each point around its curve or its centre
const HIDDEN = 32, BATCH = 100, SAMPLES = 300; // units of each hidden layer, points of a step, draws from the prior
const NEAR = 0.3; // a sample is near the data if it is closer than this to some point
const SWEEP = { steps: 2600, from: 10, to: 0.001, sigma: 0.5 }; // of beta, with a fixed sigma
const BASE = { latent: 2, beta: 1, sigma: 0.5, learningRate: 0.01, seed: 0, sweep: false };
const PRESETS = {
  collapse: { ...BASE, data: "ring", beta: 8 },
  holes: { ...BASE, data: "gaussians", beta: 0.0005 },
  knee: { ...BASE, data: "moons", sigma: undefined, sweep: true }, // without a sigma, each batch has the best one
  cut: { ...BASE, data: "ring", latent: 1, beta: 0.03 },
};

// A random point of the curve, or one of the centres, of each dataset. Mean 0 and variance 1 in x and in y, or nearly.
const SHAPES = {
  ring: (random) => onCircle(2 * Math.PI * random()),
  moons(random) {
    const angle = Math.PI * random();
    const [x, y] = [1.15 * (Math.cos(angle) - 0.5), 2 * (Math.sin(angle) - 0.25)];
    return random() < 0.5 ? [x, y] : [-x, -y];
  },
  gaussians: (random) => onCircle((Math.PI / 4) * Math.floor(8 * random())),
};

const onCircle = (angle) => [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)];
const noisy = (point, random) => [...vaelib.normal(VALUES, random)].map((noise, i) => point[i] + NOISE * noise);

class Trainer {
  // Data and weights come from the seed. A drawing begins without a point.
  constructor(settings) {
    const { data, latent, seed, sweep } = settings, random = vaelib.uniform(seed);
    const points = Array.from({ length: data === "drawing" ? 0 : COUNT }, () => noisy(SHAPES[data](random), random));
    Object.assign(this, { settings, random, points: Float64Array.from(points.flat()) });
    this.vae = new VAE(latent, HIDDEN, random);
    this.noise = vaelib.normal(MOST_POINTS * latent, random); // one for all evaluations, so that pictures move smoothly
    this.draws = vaelib.normal(SAMPLES * latent, random); // from the prior
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

  get isSweeping() { return this.sweepSteps < SWEEP.steps; }

  // The settings, with those of the sweep while there is one: beta falls by the same factor in each step.
  get current() {
    const beta = SWEEP.from * (SWEEP.to / SWEEP.from) ** (this.sweepSteps / SWEEP.steps);
    return this.isSweeping ? { ...this.settings, beta, sigma: SWEEP.sigma } : this.settings;
  }

  train(steps) {
    const points = pairs(this.points);
    for (; steps > 0; steps--) {
      const rows = Array.from({ length: BATCH }, () => points[Math.floor(this.random() * points.length)]);
      const batch = Float64Array.from(rows.flat());
      this.vae.step(batch, vaelib.normal(BATCH * this.settings.latent, this.random), this.current);
      if (this.isSweeping && ++this.sweepSteps === SWEEP.steps) this.vae.restartAdam();
    }
  }

  // The losses on all points, their posteriors and reconstructions, samples from the prior, and the share of samples
  // that are near no point.
  evaluate() {
    const { vae, noise, current } = this, points = pairs(this.points), samples = vae.decode(this.draws).xHat;
    const found = vae.evaluate(this.points, noise.subarray(0, points.length * vae.latent), current.sigma);
    const isNear = (sample) => points.some(([x, y]) => (x - sample[0]) ** 2 + (y - sample[1]) ** 2 < NEAR ** 2);
    return { ...found, beta: current.beta, samples, far: 1 - pairs(samples).filter(isNear).length / SAMPLES };
  }
}
