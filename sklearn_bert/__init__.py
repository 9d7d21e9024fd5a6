"""Fine-tune BERT on text, inside scikit-learn."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .classifier import BertTextClassifier
    from .comparison import Comparison, compare
    from .datasets import load_docstrings, load_text_folder, load_text_table
    from .distilled_classifier import DistilledTextClassifier
    from .distilled_regressor import DistilledTextRegressor
    from .embedder import BertTextEmbedder
    from .exceptions import NothingLearntWarning, TextsCutWarning
    from .inspection import (
        LearningRateFinderDisplay,
        TrainingCurveDisplay,
        explain,
        top_losses,
    )
    from .onnx_classifier import OnnxTextClassifier
    from .regressor import BertTextRegressor

# Where each name is defined. It is imported when it is first asked for: whoever serves an exported
# model need not wait for scikit-learn, nor hold it in memory.
_MODULES = {
    "BertTextClassifier": "classifier",
    "BertTextEmbedder": "embedder",
    "BertTextRegressor": "regressor",
    "Comparison": "comparison",
    "DistilledTextClassifier": "distilled_classifier",
    "DistilledTextRegressor": "distilled_regressor",
    "LearningRateFinderDisplay": "inspection",
    "NothingLearntWarning": "exceptions",
    "OnnxTextClassifier": "onnx_classifier",
    "TextsCutWarning": "exceptions",
    "TrainingCurveDisplay": "inspection",
    "compare": "comparison",
    "explain": "inspection",
    "load_docstrings": "datasets",
    "load_text_folder": "datasets",
    "load_text_table": "datasets",
    "top_losses": "inspection",
}

__all__ = [
    "BertTextClassifier",
    "BertTextEmbedder",
    "BertTextRegressor",
    "Comparison",
    "DistilledTextClassifier",
    "DistilledTextRegressor",
    "LearningRateFinderDisplay",
    "NothingLearntWarning",
    "OnnxTextClassifier",
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


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    if name in _MODULES.values():
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names, imported or not."""
    return sorted({*globals(), *__all__})
