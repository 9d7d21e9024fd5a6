"""Fine-tune BERT on text, inside scikit-learn."""

from ._estimator import TextsCutWarning
from ._version import __version__
from .classifier import BertTextClassifier
from .comparison import Comparison, compare
from .datasets import load_docstrings, load_text_folder, load_text_table
from .embedder import BertTextEmbedder
from .inspection import (
    LearningRateFinderDisplay,
    TrainingCurveDisplay,
    explain,
    top_losses,
)
from .regressor import BertTextRegressor

__all__ = [
    "BertTextClassifier",
    "BertTextEmbedder",
    "BertTextRegressor",
    "Comparison",
    "LearningRateFinderDisplay",
    "TextsCutWarning",
    "TrainingCurveDisplay",
    "__version__",
    "compare",
    "explain",
    "load_docstrings",
    "load_text_folder",
    "load_text_table",
    "top_losses",
]
