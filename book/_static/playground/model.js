// A variational autoencoder of points in the plane, and its gradient, written out by hand.
//
// A batch of n vectors is one array of numbers, vector after vector, computed in double precision.
"use strict";

const VALUES = 2, SMALLEST_SIGMA = 1e-3; // numbers of a data point, x and y, and the least noise of the decoder

// A linear layer, y = W x + b. Its parameters are the rows of W, each followed by its number of b.
class Linear {
  constructor(inputs, outputs, random, scale = 1) {
    Object.assign(this, { inputs, outputs });
    const deviation = scale / Math.sqrt(inputs + 1);
    this.parameters = Float64Array.from(vaelib.normal(outputs * (inputs + 1), random), (value) => deviation * value);
    for (const kept of ["gradient", "mean", "meanSquare"]) this[kept] = new Float64Array(this.parameters.length);
  }

  forward(x) {
    const { inputs, outputs, parameters } = this, y = new Float64Array((x.length / inputs) * outputs);
    for (let i = 0, at = 0; at < y.length; i += inputs) for (let p = 0; p < parameters.length; at++) {
      for (let k = 0; k < inputs; k++) y[at] += parameters[p++] * x[i + k];
      y[at] += parameters[p++];
    }
    return y;
  }

  // From the derivative of the loss with respect to y: keeps that of the parameters, and returns that of x.
  backward(x, dy) {
    const { inputs, parameters, gradient } = this, dx = new Float64Array(x.length);
    gradient.fill(0);
    for (let i = 0, at = 0; at < dy.length; i += inputs) for (let p = 0; p < parameters.length; at++) {
      for (let k = 0; k < inputs; k++, p++) {
        gradient[p] += dy[at] * x[i + k];
        dx[i + k] += dy[at] * parameters[p];
      }
      gradient[p++] += dy[at];
    }
    return dx;
  }

  // One step of Adam (Kingma & Ba 2015), the step-th since its start.
  descend(rate, step) {
    const { parameters, gradient, mean, meanSquare } = this;
    for (let p = 0; p < parameters.length; p++) {
      mean[p] = 0.9 * mean[p] + 0.1 * gradient[p];
      meanSquare[p] = 0.999 * meanSquare[p] + 0.001 * gradient[p] ** 2;
      const deviation = Math.sqrt(meanSquare[p] / (1 - 0.999 ** step));
      parameters[p] -= (rate * mean[p]) / (1 - 0.9 ** step) / (deviation + 1e-8);
    }
  }
}

const pairs = (values) => Array.from({ length: values.length / 2 }, (_, k) => [values[2 * k], values[2 * k + 1]]);
const sum = (values) => values.reduce((total, value) => total + value, 0);
const tanh = (a) => a.map(Math.tanh);
const tanhBackward = (h, dh) => dh.map((slope, k) => slope * (1 - h[k] ** 2)); // h = tanh(a); the slope at a

// Encoder and decoder have one hidden layer each. Its large first weights let the units bend in different places.
class VAE {
  constructor(latent, hidden, random) {
    Object.assign(this, { latent, steps: 0, adamStart: 0 });
    this.layers = {
      encoder: new Linear(VALUES, hidden, random, 3),
      mu: new Linear(hidden, latent, random),
      logvar: new Linear(hidden, latent, random),
      decoder: new Linear(latent, hidden, random, 3),
      xHat: new Linear(hidden, VALUES, random),
    };
  }

  // The posteriors: mu and logvar, `latent` numbers for each point.
  encode(x) {
    const encoded = tanh(this.layers.encoder.forward(x));
    return { encoded, mu: this.layers.mu.forward(encoded), logvar: this.layers.logvar.forward(encoded) };
  }

  decode(z) {
    const decoded = tanh(this.layers.decoder.forward(z));
    return { decoded, xHat: this.layers.xHat.forward(decoded) };
  }

  // A draw from each posterior, z = mu + sigma · epsilon, its reconstruction, and the losses as means over the points.
  // If sigma is undefined, the decoder has the best one, the root-mean-square error (chapter 4).
  evaluate(x, epsilon, sigma) {
    const { encoded, mu, logvar } = this.encode(x);
    const z = mu.map((mean, k) => mean + Math.exp(0.5 * logvar[k]) * epsilon[k]);
    const { decoded, xHat } = this.decode(z), n = x.length / VALUES || 1; // there may be no point yet
    const rate = sum(mu.map((mean, k) => 0.5 * (mean ** 2 + Math.exp(logvar[k]) - logvar[k] - 1))) / n;
    const distortion = sum(x.map((value, k) => (value - xHat[k]) ** 2)) / n;
    sigma ??= Math.max(Math.sqrt(distortion / VALUES), SMALLEST_SIGMA);
    const nll = distortion / (2 * sigma ** 2) + VALUES * (Math.log(sigma) + 0.5 * Math.log(2 * Math.PI));
    return { encoded, mu, logvar, z, decoded, xHat, rate, distortion, sigma, nll };
  }

  // Leaves the gradient of the loss nll + beta · rate in the layers, and returns what evaluate does.
  backward(x, epsilon, { beta, sigma }) {
    const found = this.evaluate(x, epsilon, sigma);
    const { encoded, mu, logvar, z, decoded, xHat } = found;
    const { layers } = this, n = x.length / VALUES;
    const dXHat = xHat.map((value, k) => (value - x[k]) / found.sigma ** 2 / n);
    const dz = layers.decoder.backward(z, tanhBackward(decoded, layers.xHat.backward(decoded, dXHat)));
    const dMu = dz.map((slope, k) => slope + (beta * mu[k]) / n);
    const dLogvar = dz.map((slope, k) => 0.5 * (slope * (z[k] - mu[k]) + (beta * (Math.exp(logvar[k]) - 1)) / n));
    const dEncoded = layers.mu.backward(encoded, dMu);
    layers.logvar.backward(encoded, dLogvar).forEach((slope, k) => (dEncoded[k] += slope));
    layers.encoder.backward(x, tanhBackward(encoded, dEncoded));
    return found;
  }

  // One step of training on a batch.
  step(x, epsilon, settings) {
    this.backward(x, epsilon, settings);
    this.steps++;
    for (const layer of Object.values(this.layers)) layer.descend(settings.learningRate, this.steps - this.adamStart);
  }

  // Another loss can have far larger gradients. With the averages of the old ones, Adam would take far too large steps.
  restartAdam() {
    this.adamStart = this.steps;
    for (const { mean, meanSquare } of Object.values(this.layers)) [mean, meanSquare].forEach((kept) => kept.fill(0));
  }
}
