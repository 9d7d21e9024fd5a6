"""Fine-tune BERT on text, inside scikit-learn."""

from ._version import __version__
from .classifier import BertTextClassifier
from .datasets import load_docstrings, load_text_folder, load_text_table

__all__ = [
    "BertTextClassifier",
    "__version__",
    "load_docstrings",
    "load_text_folder",
    "load_text_table",
]
