"""How Sphinx builds the site: python -m sphinx -W -b html docs docs/_build."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for our own tools
os.environ["MPLBACKEND"] = "agg"
os.environ["JAX_PLATFORMS"] = "cpu"

from tools.notebooks import copy_notebooks
from tools.public import INTERNAL, hide_how_answers_are_made

import chainopt

project = "chainopt"
author = "The chainopt developers"
version = release = chainopt.__version__
copyright = f"{author}; version {version}"  # noqa: A001 -- the name that Sphinx reads

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "myst_nb",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "tools.blocks",
    "tools.drawn",
    "tools.mathml",
    "tools.measured",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "_templates", "tools", "jupyter_execute"]
templates_path = ["_templates"]
smartquotes = False  # "auto" is typed as it stands

# Every name in code font in a docstring is a link, and every link leads somewhere.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [  # there is no network, so pages of other projects are named and not linked
    ("py:.*", r"(numpy|scipy|jax|torch|networkx|matplotlib|distributed|dask|math|functools)\..*"),
]

# API: a page for every public name; what is internal about a class is not shown.
autosummary_generate = True
autosummary_context = {"internal": INTERNAL}
autodoc_typehints = "none"  # the docstrings say what is taken and returned
autodoc_member_order = "bysource"
autodoc_mock_imports = [name for name in ("torch",) if find_spec(name) is None]  # which is large
numpydoc_show_class_members = False  # the pages of classes do
numpydoc_class_members_toctree = False
viewcode_line_numbers = True
toc_object_entries_show_parents = "hide"

# Pages: code in them is run by pytest, figures are drawn by the build, and notebooks are shown as they are kept.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "substitution", "attrs_inline"]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # notebooks hold pictures in the place of widgets
nb_merge_streams = True
html_math_renderer = "mathml"
copybutton_prompt_text = r">>> ?|\.\.\. ?|\$ "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False  # which outputs leave behind
copybutton_exclude = ".linenos, .go"

html_theme = "pydata_sphinx_theme"
html_title = f"chainopt {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "chainopt"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {
    name: []
    for name in (
        "index",
        "install",
        "quick_start",
        "which_mode",
        "how_it_works",
        "gallery",
        "benchmarks",
        "questions",
        "glossary",
    )
}


def setup(app):
    """Copy the notebooks to where Sphinx finds them, before it looks, and keep what is internal out of signatures."""
    app.connect("autodoc-process-signature", hide_how_answers_are_made)
    app.connect("config-inited", lambda app, _: copy_notebooks(Path(app.srcdir)))
