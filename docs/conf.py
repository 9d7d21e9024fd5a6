"""How Sphinx builds the site: ``make -C docs html``."""

import os
import re
import shutil
from pathlib import Path

from docutils import nodes

import sklearn_bert

# The address of the repository, such as https://github.com/OWNER/sklearn-bert. Where it is not
# given, there is no link to it, and no link to Colab.
repository = os.environ.get("SKLEARN_BERT_REPOSITORY", "").rstrip("/")

project = "sklearn-bert"
author = "The sklearn-bert developers"
copyright = author
release = version = sklearn_bert.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "figures", "paper.md"]
templates_path = ["_templates"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's sections have the types
numpydoc_show_class_members = False  # the templates list them

# References that lead nowhere are errors, but for those into other libraries: their inventories
# may be out of reach.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|pandas|scipy|sklearn|skorch|torch|transformers|matplotlib|joblib)\b.*"),
    (r"py:.*", r"array-like|callable|optional|ndarray|DataFrame"),
]

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-bert"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "coming_from": []},
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
if repository:
    html_theme_options["github_url"] = repository
# Only the guide, the gallery and the reference have pages below them.
html_sidebars = {page.stem: [] for page in Path(__file__).parent.glob("*.md") if page.stem != "api"}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("sklearn_bert",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"sklearn_bert": None},
    "abort_on_example_error": True,
    "show_memory": False,
    "write_computation_times": False,  # its table needs scripts from the network
    "show_signature": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "first_notebook_cell": (
        '%pip install "sklearn-bert[offline,explain,onnx] @ git+' + repository + '"'
        if repository
        else None
    ),
}

# Labels in docstrings that are inherited from scikit-learn.
_LABELS_OF_SKLEARN = {
    "df_output_transform",
    "metadata_routing",
    "sphx_glr_auto_examples_miscellaneous_plot_set_output.py",
}
_INCLUDE = re.compile(r"```\{include\} (\S+)\n```")


def _leave_out(app, env, node, contnode):
    """Show references into scikit-learn's guide and glossary as plain text."""
    if node.get("reftype") == "term" or node.get("reftarget") in _LABELS_OF_SKLEARN:
        return contnode
    return None


def _link_colab(app, docname, source):
    """End each page of the gallery with a link that opens its notebook in Colab."""
    if repository and docname.startswith("auto_examples/plot_"):
        place = repository.removeprefix("https://github.com/")
        notebook = f"{place}/blob/gh-pages/notebooks/{docname.rpartition('/')[2]}.ipynb"
        url = f"https://colab.research.google.com/github/{notebook}"
        source[0] += f"\n\n`Open this example in Colab <{url}>`__\n"


def _keep_notebooks(app, exception):
    """Put the notebooks where the links to Colab look for them."""
    if exception is None and app.builder.name == "html":
        folder = Path(app.outdir, "notebooks")
        folder.mkdir(exist_ok=True)
        for notebook in Path(app.srcdir, "auto_examples").glob("plot_*.ipynb"):
            shutil.copy(notebook, folder)


def _include(app, docname, source):
    """Put files of the repository's root into their pages, with links that lead within the site."""

    def text_of(match):
        path = Path(app.srcdir, match[1]).resolve()
        app.env.note_dependency(str(path))
        text = path.read_text(encoding="utf-8").replace("](SECURITY.md)", "](security.md)")
        conduct = f"({repository}/blob/main/CODE_OF_CONDUCT.md)" if repository else ""
        return re.sub(r"\[([^]]*)\]\(CODE_OF_CONDUCT.md\)", rf"[\1]{conduct}", text)

    source[0] = _INCLUDE.sub(text_of, source[0])


def _describe_pictures(app, doctree):
    """Give a picture of the gallery without an alternative text its page's title."""
    title = next(iter(doctree.findall(nodes.title)), None)
    for image in doctree.findall(nodes.image):
        if not image.get("alt") and title is not None:
            image["alt"] = title.astext()


def setup(app):
    """Connect what is above."""
    app.connect("missing-reference", _leave_out, priority=900)
    app.connect("source-read", _link_colab)
    app.connect("source-read", _include)
    app.connect("doctree-read", _describe_pictures)
    app.connect("build-finished", _keep_notebooks)


os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded by the build
