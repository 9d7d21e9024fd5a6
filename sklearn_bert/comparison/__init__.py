"""Is BERT worth it? The cheap models and BERT on the same folds, with a verdict."""

from ._comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
