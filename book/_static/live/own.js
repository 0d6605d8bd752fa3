// A picture of the reader's own, from a file or the camera: aligned by two handles on the eyes, cut out as CelebA's
// faces are, and encoded. It is drawn on canvases of this page and goes nowhere else.
"use strict";

// The contents of a panel for `model`, whose faces have their eyes at these places of the picture. `use` gets the
// picture and its code.
function ownPicture(model, eyes, use) {
  const { h, button, canvas, paint, pictureFrom } = view;
  const WIDE = 512; // pixels of the longer side at which a picture is kept
  const DETAIL = 4 * model.size; // pixels a side of the cut before it is averaged down

  const photo = h("canvas", { width: WIDE, height: WIDE, "aria-hidden": "true" });
  const cut = h("canvas", { width: DETAIL, height: DETAIL });
  const preview = canvas(128, "What the encoder will see");
  const handles = ["Left eye", "Right eye"].map((name, i) => handle(name, i));
  const outline = h("div", { class: "live-outline" });
  const board = h("div", { class: "live-board", hidden: true }, photo, outline, handles);
  const status = h("p", { class: "live-status", role: "status" });
  const video = h("video", { hidden: true, playsinline: true, class: "live-video" });
  const places = [[0, 0], [0, 0]]; // of the eyes, in pixels of the photo

  const file = h("input", { type: "file", accept: "image/*", class: "live-file", onchange: () => file.files[0] && readFile(file.files[0]) });
  const camera = button("Use the camera", startCamera);
  const shoot = button("Take the picture", takePicture, { hidden: true });
  const encode = button("Encode it", encodePicture, { class: "live-button live-primary" });
  const result = h("div", { class: "live-cut", hidden: true }, h("figure", { class: "live-frame" }, preview, h("figcaption", {}, "What the encoder sees")), encode);
  if (!navigator.mediaDevices) camera.hidden = true;

  async function readFile(chosen) {
    try {
      show(await createImageBitmap(chosen));
    } catch {
      status.textContent = `${chosen.name} is no picture that this browser can read: choose a JPEG or a PNG.`;
    }
  }

  let stream;
  async function startCamera() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, facingMode: "user" } });
    } catch {
      status.textContent = "The camera cannot be used: allow it in the browser, or choose a file.";
      return;
    }
    video.srcObject = stream;
    video.hidden = shoot.hidden = false;
    board.hidden = result.hidden = camera.hidden = true;
    await video.play();
    status.textContent = "Look into the camera and take the picture.";
  }

  function takePicture() {
    show(video);
    for (const track of stream.getTracks()) track.stop();
    video.hidden = shoot.hidden = true;
    camera.hidden = false;
  }

  // Draws the picture, and puts the handles where the eyes of a portrait often are.
  function show(source) {
    const width = source.videoWidth ?? source.width, height = source.videoHeight ?? source.height;
    const scale = WIDE / Math.max(width, height);
    [photo.width, photo.height] = [Math.round(width * scale), Math.round(height * scale)];
    const context = photo.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, photo.width, photo.height);
    const reach = Math.min(photo.width, photo.height) * 0.11;
    [-1, 1].forEach((side, i) => { places[i] = [photo.width / 2 + side * reach, photo.height * 0.44]; });
    board.hidden = result.hidden = false;
    status.textContent = "Put the two handles on the eyes, by pointer or by arrow keys. Then encode the picture.";
    align();
  }

  // Cuts the picture out so that the eyes come to lie where the model expects them: turned, scaled and moved.
  function align() {
    const [[x0, y0], [x1, y1]] = places, [[u0, v0], [u1]] = eyes.map((eye) => eye.map((part) => part * DETAIL));
    const along = (u1 - u0) / Math.max(1, Math.hypot(x1 - x0, y1 - y0)), angle = Math.atan2(y1 - y0, x1 - x0);
    const [a, b] = [along * Math.cos(angle), along * Math.sin(angle)];
    const context = cut.getContext("2d", { willReadFrequently: true });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = meanColour();
    context.fillRect(0, 0, DETAIL, DETAIL);
    context.setTransform(a, -b, b, a, u0 - a * x0 - b * y0, v0 + b * x0 - a * y0);
    context.imageSmoothingQuality = "high";
    context.drawImage(photo, 0, 0);
    paint(preview, pictureFrom(cut, model.size));

    handles.forEach((element, i) => {
      const [x, y] = [places[i][0] / photo.width, places[i][1] / photo.height].map((part) => Math.round(100 * part));
      Object.assign(element.style, { left: `${x}%`, top: `${y}%` });
      element.setAttribute("aria-label", `${element.dataset.name}, ${x} % from the left, ${y} % from the top`);
    });
    const side = DETAIL / along, left = x0 - (u0 * Math.cos(angle) - v0 * Math.sin(angle)) / along;
    const top = y0 - (u0 * Math.sin(angle) + v0 * Math.cos(angle)) / along;
    Object.assign(outline.style, {
      left: `${(100 * left) / photo.width}%`, top: `${(100 * top) / photo.height}%`,
      width: `${(100 * side) / photo.width}%`, height: `${(100 * side) / photo.height}%`, rotate: `${angle}rad`,
    });
  }

  // What fills the cut where it reaches beyond the picture.
  function meanColour() {
    const sample = h("canvas", { width: 1, height: 1 }), context = sample.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(photo, 0, 0, 1, 1);
    return `rgb(${[...context.getImageData(0, 0, 1, 1).data.slice(0, 3)].join(" ")})`;
  }

  function handle(name, i) {
    const move = (x, y) => {
      places[i] = [Math.min(photo.width, Math.max(0, x)), Math.min(photo.height, Math.max(0, y))];
      align();
    };
    const element = h("button", { type: "button", class: "live-handle", "data-name": name });
    element.onpointerdown = (event) => element.setPointerCapture(event.pointerId);
    element.onpointermove = (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      const box = photo.getBoundingClientRect();
      move(((event.clientX - box.left) / box.width) * photo.width, ((event.clientY - box.top) / box.height) * photo.height);
    };
    element.onkeydown = (event) => {
      const step = event.shiftKey ? 20 : 4;
      const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (!by) return;
      event.preventDefault();
      move(places[i][0] + by[0], places[i][1] + by[1]);
    };
    return element;
  }

  async function encodePicture() {
    const picture = pictureFrom(cut, model.size);
    status.textContent = "Loading the encoder …";
    await model.need("encoder", "decoder");
    const code = model.encode(picture), { values } = model.decode(code);
    const error = Math.sqrt(values.reduce((sum, x, i) => sum + (x - picture.values[i]) ** 2, 0) / values.length);
    status.textContent = `Encoded into ${model.latent} numbers. The reconstruction is off by ${error.toFixed(3)} per ` +
      `pixel. For the pictures that this model learned from, it is ${model.sigma.toFixed(3)}. Now edit it, or walk ` +
      `to a stranger.`;
    use({ picture, code });
  }

  return [
    h("p", { class: "live-hint" }, "Your picture stays in this page: nothing is sent anywhere, and nothing is kept " +
      "once you leave."),
    h("div", { class: "live-row" }, h("label", { class: "live-button" }, "Choose a picture", file), camera, shoot),
    video, h("div", { class: "live-align" }, board, result), status,
  ];
}
