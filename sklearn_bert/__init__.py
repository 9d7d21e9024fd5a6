"""Fine-tune BERT on text, inside scikit-learn."""

from ._version import __version__
from .classifier import BertTextClassifier
from .comparison import Comparison, compare
from .datasets import load_docstrings, load_text_folder, load_text_table
from .inspection import (
    LearningRateFinderDisplay,
    TrainingCurveDisplay,
    explain,
    top_losses,
)

__all__ = [
    "BertTextClassifier",
    "Comparison",
    "LearningRateFinderDisplay",
    "TrainingCurveDisplay",
    "__version__",
    "compare",
    "explain",
    "load_docstrings",
    "load_text_folder",
    "load_text_table",
    "top_losses",
]
