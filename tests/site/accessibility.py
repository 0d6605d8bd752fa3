"""What excludes readers who cannot see well or who use no mouse, as axe-core finds it.

axe-core is slow: most pages are checked in one mode, in turn, and only the typical pages in all modes. Between them
they have all that occurs: a banner, folded answers, wide tables, code, formulas and pictures.
"""

from __future__ import annotations

from itertools import cycle, product

import pytest

from tests.site.pages import CHAPTERS, LAPTOP, NEXT_FRAME, PAGES, PHONE, playwright

AXE_SCRIPT = pytest.importorskip("axe_playwright_python.base", reason="brings axe-core").AXE_SCRIPT
MODES = list(product((LAPTOP, PHONE), ("light", "dark")))
TYPICAL_PAGES = ("book/intro", "book/questions", "book/results", CHAPTERS[0])
MODES_OF = {
    page: MODES if page in TYPICAL_PAGES else [mode]
    for page, mode in zip([*PAGES, "genindex"], cycle(MODES), strict=False)
}

UNFOLD = """() => {
  document.querySelectorAll("button.toggle-button-hidden").forEach(button => button.click());
  document.querySelectorAll("details").forEach(box => { box.open = true; });
}"""

# Marks the first visible text of each look: its colour, its size and what lies behind it. For the contrast of one text
# axe takes milliseconds. A chapter has thousands of coloured words of code, but fewer than a hundred looks.
MARK_LOOKS = """() => {
  const plain = ["rgba(0, 0, 0, 0)", "none", "1", "static"];
  const backdrops = new Map([[null, ""]]);
  const backdrop = element => {
    if (!backdrops.has(element)) {
      const {backgroundColor, backgroundImage, opacity, position} = getComputedStyle(element);
      const own = [backgroundColor, backgroundImage, opacity, position].filter(value => !plain.includes(value));
      backdrops.set(element, backdrop(element.parentElement) + own);
    }
    return backdrops.get(element);
  };
  const looks = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const {color, fontSize, fontWeight} = getComputedStyle(element);
    const look = [color, fontSize, fontWeight, backdrop(element)].join();
    const hasText = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const isSeen = hasText && element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    element.toggleAttribute("data-look", isSeen && !looks.has(look));
    if (isSeen) looks.add(look);
  }
}"""

RUN_AXE = """async () => {
  axe.configure({rules: [{id: "color-contrast", selector: "[data-look]"}]});
  const {violations} = await axe.run({resultTypes: ["violations"], preload: false});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact)).flatMap(
    ({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target} ${failureSummary}`));
}"""


def violations(opened: playwright.Page, screen: dict[str, int], scheme: str) -> list[str]:
    """The serious and critical findings of axe-core on a screen of this size, in a light or a dark system."""
    opened.set_viewport_size(screen)
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate(UNFOLD)
    opened.evaluate(NEXT_FRAME)
    opened.evaluate("document.getAnimations().forEach(animation => animation.finish())")
    opened.evaluate(MARK_LOOKS)
    opened.evaluate(AXE_SCRIPT)
    return [f"{scheme}, {screen['width']} pixels: {finding}" for finding in opened.evaluate(RUN_AXE)]
