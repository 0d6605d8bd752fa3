// Opened from a disk, a page may not fetch another one, which Sphinx's search does for the excerpts of what it finds.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
