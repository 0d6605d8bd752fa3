"""The scripts that write pages of the book from recorded files, run as `python -m pages.results` and so on.

Each module imports only from those above it:

markdown    numbers, tables and figures in Markdown; a page written together with its pictures
records     the recorded files, read and checked
plots       the pictures of the pages
models      sections of the page of results: the models compared, and the words that all sections share
benchmarks, edits, sharpening   its other sections
results, gallery, status        the pages
banners     two pictures of the book that need no record
"""
