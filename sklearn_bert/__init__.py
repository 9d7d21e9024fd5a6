"""Fine-tune BERT on text, inside scikit-learn."""

from ._version import __version__
from .classifier import BertTextClassifier
from .comparison import Comparison, compare
from .datasets import load_docstrings, load_text_folder, load_text_table

__all__ = [
    "BertTextClassifier",
    "Comparison",
    "__version__",
    "compare",
    "load_docstrings",
    "load_text_folder",
    "load_text_table",
]
