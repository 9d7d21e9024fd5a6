"""Is BERT worth it? The cheap models and BERT on the same folds, with a verdict."""

from ._compare import compare
from ._comparison import Comparison

__all__ = ["Comparison", "compare"]
