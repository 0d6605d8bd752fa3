// What the four panels show. The page has their lines and dots, styled by its sheet; here each gets its path.
"use strict";

const SHOWN = 120; // posteriors, and errors of reconstructions: more would cover each other

const part = (name) => document.querySelector(`#playground [data-part=${name}]`);
const setPath = (name, ...paths) => part(name).setAttribute("d", paths.join(""));

// Paths in the coordinates of a panel. A dot is a line of no length; the style sheet gives it a round end.
const line = (points) => (points.length ? `M${Array.from(points, (x) => x.toFixed(3)).join(" ")}` : "");
const dots = (points) => pairs(points).map((point) => `${line(point)}h0`).join("");

// Points and their reconstructions, with a line between some of them.
function drawData(points, { xHat }) {
  for (const name of ["truth", "truthAgain"]) setPath(name, dots(points)); // among the samples, too
  setPath("errors", ...pairs(points).slice(0, SHOWN).map((x, k) => line([...x, ...xHat.slice(2 * k, 2 * k + 2)])));
  setPath("reconstructed", dots(xHat));
  part("hint").style.display = points.length ? "none" : "";
}

// Two latent numbers: posteriors as ellipses, mu ± 2 sigma.
function drawPlane({ mu, logvar }) {
  const means = pairs(mu).slice(0, SHOWN), radii = pairs(logvar.map((value) => 2 * Math.exp(0.5 * value)));
  const ellipses = means.map(([x, y], k) => `<ellipse cx="${x}" cy="${y}" rx="${radii[k][0]}" ry="${radii[k][1]}"/>`);
  part("posteriors").innerHTML = ellipses.join("");
  setPath("means", dots(means.flat()));
}

const heightOf = ([x, y]) => 1.9 + (1.6 / Math.PI) * Math.atan2(y, x);
const normalDensity = (z) => Math.exp(-0.5 * z ** 2) / Math.sqrt(2 * Math.PI);

// One latent number: posteriors as bars, mu ± 2 sigma, at the angle of their point. Below, their average and the prior.
function drawLine(points, { mu, logvar }) {
  const heights = pairs(points).slice(0, SHOWN).map(heightOf), sigma = logvar.map((value) => Math.exp(0.5 * value));
  const bars = heights.map((height, k) => line([mu[k] - 2 * sigma[k], height, mu[k] + 2 * sigma[k], height]));
  part("posteriors").innerHTML = `<path d="${bars.join("")}"/>`;
  setPath("means", dots(heights.flatMap((height, k) => [mu[k], height])));
  const along = Array.from({ length: 201 }, (_, j) => -5 + 0.05 * j);
  const curve = (density) => line(along.flatMap((z) => [z, -3.5 + 4.2 * Math.min(density(z), 0.85)]));
  const densities = (z) => heights.map((_, k) => normalDensity((z - mu[k]) / sigma[k]) / sigma[k]);
  setPath("aggregate", curve((z) => sum(densities(z)) / (heights.length || 1)));
  setPath("density", curve(normalDensity));
}

// Decoded draws from the prior, and what the decoder makes of a grid, or a line, of codes.
function drawSamples(vae, samples) {
  const along = Array.from({ length: 41 }, (_, k) => -2 + 0.1 * k), across = along.filter((_, k) => k % 5 === 0);
  const grid = across.flatMap((fixed) => [along.flatMap((z) => [fixed, z]), along.flatMap((z) => [z, fixed])]);
  setPath("grid", ...(vae.latent === 1 ? [along] : grid).map((codes) => line(vae.decode(codes).xHat)));
  setPath("samples", dots(samples));
}

// The way through the plane of rate and distortion, and the points of equal loss with the present one.
function drawPath(path, { rate, distortion, beta, sigma }) {
  const slope = 2 * beta * sigma ** 2; // what a nat costs in squared error
  setPath("tangent", line([0, distortion + slope * rate, 11, distortion + slope * (rate - 11)]));
  setPath("walked", line(path));
  setPath("present", dots([rate, distortion]));
}

// A point of the data or of the latent space, its code, and what the decoder makes of it.
function drawProbe(vae, { name, at }) {
  const isLatent = name === "latent", code = isLatent ? at.slice(0, vae.latent) : vae.encode(at).mu;
  const decoded = dots(vae.decode(code).xHat);
  setPath("probedX", isLatent ? "" : dots(at));
  setPath("probedXHat", isLatent ? "" : decoded);
  setPath("probedZ", dots(isLatent ? at : [code[0], code[1] ?? heightOf(at)]));
  setPath("probedSample", decoded);
}
