"""Sphinx's settings for the site; docs/site/build.py calls it."""

import sys
from pathlib import Path

from docutils.nodes import SkipNode

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import build  # noqa: E402
import mathematics  # noqa: E402

project = "Training vs Transfer Learning"
author = copyright = "the course's authors"
release = version = build.PROJECT["project"]["version"]
extensions = ["myst_nb"]
exclude_patterns = []
language = "en"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}
# Links that differ from ours only in a lesson's own notation.
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]


def inline(writer, node):
    """Write a formula within a line."""
    writer.body.append(mathematics.mathml(node.astext(), display=False))
    raise SkipNode


def block(writer, node):
    """Write a formula on a line of its own."""
    writer.body.append(mathematics.mathml(node.astext(), display=True))
    raise SkipNode


def setup(app):
    """Let Sphinx write formulas as MathML, which needs no script."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
