// Wakes a live figure when its reader touches it, by pointer, keyboard or its button. Until then a page loads neither
// the runtime nor weights. The explorer, which is its page's subject, wakes when it is on the screen.
{
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const scripts = {};

  const loadScript = (name) => (scripts[name] ??= new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.charset = "utf-8";
    script.src = here + name;
    script.onload = loaded;
    script.onerror = () => failed(new Error(`${script.src} could not be loaded.`));
    document.head.append(script);
  }));

  // Besides the runtime and what all figures share. Each figure of a chapter has a script of its own.
  const scriptsOf = (name) =>
    name === "explorer" ? ["state.js", "own.js", "detail.js", "detailing.js", "explorer.js"] : ["figures.js", `figure-${name}.js`];

  async function wake(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "loading";
    figure.setAttribute("aria-busy", "true");
    const name = figure.dataset.live;
    try {
      await Promise.all(["vaelib.js", "view.js"].map(loadScript));
      for (const script of scriptsOf(name)) await loadScript(script);
      await liveFigures[name](figure);
      figure.dataset.state = "awake";
      if (name !== "explorer") figure.querySelector("input").focus({ preventScroll: true }); // where the button was
    } catch (error) {
      figure.dataset.state = "failed";
      figure.append(Object.assign(document.createElement("p"), {
        role: "alert",
        textContent: `This figure cannot be shown: ${error.message} Reload the page, or look at the still picture.`,
      }));
    }
    figure.removeAttribute("aria-busy");
  }

  addEventListener("DOMContentLoaded", () => {
    const onScreen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) wake(target);
    });
    for (const figure of document.querySelectorAll("[data-live]")) {
      const button = figure.querySelector("button");
      if (button) button.addEventListener("click", () => wake(figure));
      else onScreen.observe(figure);
    }
  });
}

// By the names in data-live: each fills its element, and resolves when the first picture is shown.
const liveFigures = {};
