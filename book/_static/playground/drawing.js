// What the four panels show. Colours come from the style sheet, where they follow the light and the dark mode.
"use strict";

const SHOWN = 120; // posteriors, and errors of reconstructions: more would cover each other

// A canvas with coordinates of its own. They reach from -across to across and from -up to up around a centre.
class Panel {
  constructor(canvas, across, up, [centreX, centreY] = [0, 0]) {
    Object.assign(this, { canvas, across, up, centreX, centreY, pen: canvas.getContext("2d") });
  }
  x(value) {
    return (0.5 + (value - this.centreX) / (2 * this.across)) * this.canvas.clientWidth;
  }
  y(value) {
    return (0.5 - (value - this.centreY) / (2 * this.up)) * this.canvas.clientHeight;
  }
  at({ offsetX, offsetY }) {
    const [right, down] = [offsetX / this.canvas.clientWidth - 0.5, offsetY / this.canvas.clientHeight - 0.5];
    return [this.centreX + 2 * this.across * right, this.centreY - 2 * this.up * down];
  }

  // An empty panel with as many pixels as the screen has.
  clear() {
    const { canvas, pen } = this;
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight].map((size) => size * devicePixelRatio);
    pen.scale(devicePixelRatio, devicePixelRatio);
    this.style = getComputedStyle(canvas);
    pen.font = `${canvas.clientWidth < 220 ? 10 : 12}px ${this.style.fontFamily}`;
  }

  // Colour, opacity, width and dashes of what is drawn next.
  use(colour, { alpha = 1, width = 1, dash = [] } = {}) {
    this.pen.strokeStyle = this.pen.fillStyle = this.style.getPropertyValue(`--${colour}`);
    Object.assign(this.pen, { globalAlpha: alpha, lineWidth: width });
    this.pen.setLineDash(dash);
    return this;
  }

  dots(points, radius) {
    this.pen.beginPath();
    for (let k = 0; k < points.length; k += 2) {
      const [x, y] = [this.x(points[k]), this.y(points[k + 1])];
      this.pen.moveTo(x + radius, y);
      this.pen.arc(x, y, radius, 0, 2 * Math.PI);
    }
    this.pen.fill();
  }

  line(points, isFilled = false) {
    this.pen.beginPath();
    for (let k = 0; k < points.length; k += 2) this.pen.lineTo(this.x(points[k]), this.y(points[k + 1]));
    isFilled ? this.pen.fill() : this.pen.stroke();
  }

  ellipse(x, y, radiusX, radiusY, isFilled = false) {
    const radii = [this.x(radiusX) - this.x(0), this.y(0) - this.y(radiusY)];
    this.pen.beginPath();
    this.pen.ellipse(this.x(x), this.y(y), ...radii, 0, 0, 2 * Math.PI);
    isFilled ? this.pen.fill() : this.pen.stroke();
  }

  text(words, x, y, align = "left") {
    this.pen.textAlign = align;
    this.pen.fillText(words, this.x(x), this.y(y));
  }
}

// Points and their reconstructions, with a line between some of them.
function drawData(panel, points, { xHat }) {
  panel.use("truth", { alpha: 0.5 }).dots(points, 2);
  panel.use("error", { alpha: 0.5 });
  for (let k = 0; k < Math.min(points.length, 2 * SHOWN); k += 2) {
    panel.line([points[k], points[k + 1], xHat[k], xHat[k + 1]]);
  }
  panel.use("reconstructed", { alpha: 0.9 }).dots(xHat, 2);
  if (!points.length) panel.use("ink").text("Draw here", 0, 0, "center");
}

// Two latent numbers: posteriors as ellipses, mu ± 2 sigma, and circles of 1, 2 and 3 standard deviations of the prior.
function drawPlane(panel, { mu, logvar }) {
  for (let k = 0; k < Math.min(mu.length, 2 * SHOWN); k += 2) {
    const ellipse = [mu[k], mu[k + 1], 2 * Math.exp(0.5 * logvar[k]), 2 * Math.exp(0.5 * logvar[k + 1])];
    panel.use("codes", { alpha: 0.04 }).ellipse(...ellipse, true);
    panel.use("codes", { alpha: 0.5 }).ellipse(...ellipse);
    panel.use("codes").dots(ellipse.slice(0, 2), 1.3);
  }
  panel.use("ink", { alpha: 0.8, dash: [5, 4] });
  for (const radius of [1, 2, 3]) panel.ellipse(0, 0, radius, radius);
}

// One latent number: posteriors as bars, mu ± 2 sigma, at the angle of their point. Below, their average and the prior.
function drawLine(panel, points, { mu, logvar }) {
  const count = Math.min(mu.length, SHOWN);
  const aggregate = new Float64Array(201);
  const z = aggregate.map((_, j) => -5 + 0.05 * j);
  for (let k = 0; k < count; k++) {
    const sigma = Math.exp(0.5 * logvar[k]);
    const height = heightOf(points[2 * k], points[2 * k + 1]);
    panel.use("codes", { alpha: 0.5, width: 2 }).line([mu[k] - 2 * sigma, height, mu[k] + 2 * sigma, height]);
    panel.use("codes").dots([mu[k], height], 1.5);
    for (let j = 0; j < z.length; j++) aggregate[j] += normalDensity((z[j] - mu[k]) / sigma) / sigma / count;
  }
  const curve = (density) => Array.from(z).flatMap((_, j) => [z[j], -3.5 + 4.2 * Math.min(density(j), 0.85)]);
  panel.use("codes", { alpha: 0.25 }).line(curve((j) => aggregate[j]), true);
  panel.use("ink", { dash: [5, 4] }).line(curve((j) => normalDensity(z[j])));
}

const heightOf = (x, y) => 1.9 + (1.6 / Math.PI) * Math.atan2(y, x);
const normalDensity = (z) => Math.exp(-0.5 * z ** 2) / Math.sqrt(2 * Math.PI);

// Decoded draws from the prior, and what the decoder makes of a grid, or a line, of codes.
function drawSamples(panel, points, vae, samples) {
  panel.use("truth", { alpha: 0.3 }).dots(points, 2);
  panel.use("generated", { alpha: 0.45 });
  const along = Array.from({ length: 41 }, (_, k) => -2 + 0.1 * k);
  const across = vae.latent === 1 ? [] : along.filter((_, k) => k % 5 === 0);
  const lines = across.flatMap((fixed) => [along.flatMap((z) => [fixed, z]), along.flatMap((z) => [z, fixed])]);
  for (const codes of vae.latent === 1 ? [along] : lines) panel.line(vae.decode(codes).xHat);
  panel.use("generated", { alpha: 0.9 }).dots(samples, 2.2);
}

// The way through the plane of rate and distortion, and the points of equal loss with the present one.
function drawPath(panel, path, { rate, distortion, beta, sigma }) {
  const [right, slope] = [11, 2 * beta * sigma ** 2]; // the slope: what a nat costs in squared error
  panel.use("ink", { alpha: 0.35 }).line([0, 3, 0, 0, right, 0]);
  panel.use("ink", { alpha: 0.85 }).text("rate, nats", 10.5, 0.08, "right");
  panel.text("squared error", 0.2, 2.2);
  for (const tick of [2, 4, 6, 8, 10]) panel.text(tick, tick, -0.2, "center");
  for (const tick of [0.5, 1, 1.5, 2]) panel.text(tick, -0.15, tick - 0.04, "right");
  panel.use("ink", { alpha: 0.7, dash: [5, 4] });
  panel.line([0, distortion + slope * rate, right, distortion + slope * (rate - right)]);
  panel.use("codes", { width: 1.5, alpha: 0.8 }).line(path);
  panel.use("codes").dots([rate, distortion], 5);
}
