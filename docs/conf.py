"""The site: `python -m sphinx -W docs docs/_build` from the root of the repository."""

import sys
import tomllib
import warnings
from datetime import date
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
from front import draw_front  # noqa: E402
from measurements import write_measurements  # noqa: E402
from reference import write_reference  # noqa: E402

PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "sk_pydelt"
author = PROJECT["authors"][0]["name"]
copyright = f"{date.today().year}, {author}"
version = release = PROJECT["version"]

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx-mathjax-offline",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "generated/accuracy.md",
    "generated/beside_others.md",
    "**/README.txt",
    "**/GALLERY_HEADER.rst",
]
templates_path = ["_templates"]
default_role = "py:obj"  # a name in backticks is a link where it is one of ours

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

numpydoc_show_class_members = False  # the pages of classes list them by the template
autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings say it in words

warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive", UserWarning)
sphinx_gallery_conf = {
    "examples_dirs": ["tutorials", "../examples"],
    "gallery_dirs": ["auto_tutorials", "auto_examples"],
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sk_pydelt",),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 3600,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sk_pydelt {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sk_pydelt"},
    "icon_links": [
        {
            "name": "GitHub",
            "url": PROJECT["urls"]["Repository"],
            "icon": "fa-brands fa-github",
        }
    ],
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "benchmarks": [], "search": []}


def _routing(app, kind, name, thing, skip, options):
    """Leave out scikit-learn's methods of metadata routing, which every estimator has."""
    return True if name == "get_metadata_routing" or name.endswith("_request") else None


def setup(app):
    """Write reference, benchmarks and the picture of the front before Sphinx reads them."""
    app.connect("autodoc-skip-member", _routing)
    app.connect("config-inited", lambda *_: write_reference(DOCS))
    app.connect("config-inited", lambda *_: draw_front(DOCS))
    app.connect("config-inited", lambda *_: write_measurements(DOCS))
