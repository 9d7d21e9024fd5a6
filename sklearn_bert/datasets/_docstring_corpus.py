"""The corpus that is always at hand: docstrings of installed packages, read but not imported."""

import ast
import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np

# Import name to class name; the order decides which class keeps a text that stands in two.
_PACKAGES = {
    "sklearn": "scikit-learn",
    "torch": "torch",
    "scipy": "scipy",
    "numpy": "numpy",
    "transformers": "transformers",
    "pandas": "pandas",
}
_KINDS = ("module", "class", "function", "method")
# Those that differ in what is said of them: a method is a function, and a module may be anything.
_THINGS = {"class": "class", "function": "function"}
_MASK = "library"
# "_" bounds a word too: a tokenizer of word pieces would find "torch" in "__torch_function__".
_PACKAGE_NAMES = re.compile(
    r"(?<![A-Za-z0-9])(?:scikits?[-. ]learn|sklearn|pytorch|torch|scipy|numpy|np|transformers"
    r"|pandas|pd|hugging[-_ ]?face|hf)(?![A-Za-z0-9])|\N{HUGGING FACE}",
    re.IGNORECASE,
)
# First paragraphs that are a signature, a section, an entry of a parameter list or a licence.
_NOT_PROSE = re.compile(
    r"(?:args|arguments|parameters?|attributes|returns?|yields|raises|examples?|notes?)(?::| -{3})"
    r"|>>>|\.\. |[\w.]+ ?\(|`?\w+`? ?:|.*\bcopyright\b",
    re.IGNORECASE,
)
# Code spans, numbers and capitalised names: all that differs between texts of one template.
_IDENTIFIERS = re.compile(r"`[^`]*`|\S*[A-Z0-9_]\S*")
_SKIPPED_FOLDERS = {"test", "tests", "testing", "_testing", "externals", "_external", "_vendor"}
_MIN_WORDS = 5
_MAX_PER_FILE = 6


def draw_corpus(n_per_class, rng, target="package"):
    """Return texts and their labels, at most `n_per_class` a label; `target` is what these are."""
    sources = {label: _package_sources(name) for name, label in _PACKAGES.items()}
    sources = {label: files for label, files in sources.items() if files}
    if len(sources) < 2:
        raise ModuleNotFoundError(
            f"At least two of {list(_PACKAGES.values())!r} must be installed, found "
            f"{list(sources)!r}; install another one."
        )
    if target == "kind":
        parts = [([file for files in sources.values() for file in files], _THINGS)]
    else:
        parts = [(files, dict.fromkeys(_KINDS, label)) for label, files in sources.items()]
    X, y, seen = [], [], set()
    for files, labels in parts:
        for label, texts in _draw_texts(files, labels, n_per_class, rng, seen).items():
            X += texts
            y += [label] * len(texts)
    order = rng.permutation(len(X))
    return [X[i] for i in order], np.array(y)[order]


def _package_sources(name):
    """Return the sorted source files of a package, none if it is not installed."""
    spec = importlib.util.find_spec(name)  # does not import a top-level package
    files = []
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in Path(folder).rglob("*.py"):
            if not _SKIPPED_FOLDERS & set(file.relative_to(folder).parts):
                files.append(file)
    return sorted(files)


def _draw_texts(files, labels, n_texts, rng, seen):
    """Return up to `n_texts` texts a label that are not in `seen`, and note them there.

    `labels` maps kinds of what is documented to labels; a kind that it lacks is left out.
    """
    texts, rest = ({label: [] for label in labels.values()} for _ in range(2))
    for i in rng.permutation(len(files)):
        for label, found in _new_texts(files[i], labels, seen).items():
            # A large file must not dominate; what it has left serves if the files run out.
            texts[label] += found[:_MAX_PER_FILE]
            rest[label] += found[_MAX_PER_FILE:]
        if n_texts is not None and min(map(len, texts.values())) >= n_texts:
            break
    return {label: (texts[label] + rest[label])[:n_texts] for label in texts}


def _new_texts(file, labels, seen):
    """Return the masked prose texts of a file that are not in `seen`, and note them there."""
    texts = {label: [] for label in labels.values()}
    for kind, docstring in _docstrings(file):
        if kind not in labels:
            continue
        paragraph = " ".join(docstring.split("\n\n")[0].split())
        text = _PACKAGE_NAMES.sub(_MASK, paragraph)
        template = _IDENTIFIERS.sub("", text[:1].lower() + text[1:])
        if len(text.split()) < _MIN_WORDS or _NOT_PROSE.match(text) or template in seen:
            continue
        seen.add(template)
        texts[labels[kind]].append(text)
    return texts


def _docstrings(file):
    """Return kind and docstring of a module and its public classes, functions and methods."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on invalid escapes in others' sources
            module = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return []
    nodes, functions = [("module", module)], (ast.FunctionDef, ast.AsyncFunctionDef)
    for above, parent in nodes:  # grows by the bodies of classes, so that methods follow
        if isinstance(parent, functions):
            continue
        kind = "method" if above == "class" else "function"
        for node in parent.body:
            if isinstance(node, (ast.ClassDef, *functions)) and not node.name.startswith("_"):
                nodes.append(("class" if isinstance(node, ast.ClassDef) else kind, node))
    return [(kind, text) for kind, node in nodes if (text := ast.get_docstring(node))]
