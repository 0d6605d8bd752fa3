"""The diagrams of the book: python -m pages.diagrams writes all of them into book/_static/diagrams.

The colours of each SVG are CSS variables, with the light theme's value as the fallback. The book includes the SVG in
its pages, where course.css gives the dark theme's values. As a plain image (JupyterLab, GitHub) a diagram stands on its
own light paper.
"""
