// What the theme and Docutils leave undone for readers who use a keyboard or a screen reader.
addEventListener("DOMContentLoaded", () => {
  // What scrolls must be within the Tab key's reach. The theme sees to it when a page opens and when the window changes
  // its size, but not when a solution is unfolded, whose code may be wider than its box.
  const article = document.querySelector("article");
  const mayScroll = "pre, figure:has(> svg.diagram), .cell_output > .output, .pst-scrollable-table-container";
  const observer = new ResizeObserver(() => {
    for (const block of article.querySelectorAll(mayScroll)) {
      if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    }
  });
  if (article) observer.observe(article);

  // The list of references must hold list items: Docutils gives them a role that is no longer in use.
  for (const reference of document.querySelectorAll("[role=doc-biblioentry]")) {
    reference.role = "listitem";
  }
});
