"""The estimators behind numeric data, for scikit-learn's checks, which know no texts.

In a module of its own so that checks that pickle or run in processes find the classes.
"""

import os

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor


class NumericAsText:
    """Render each row as words such as ``x0_3 x1_-2`` and work on these.

    The tags are those of any numeric estimator, so every check runs. The tiny model's folder
    comes from the environment, since checks make estimators without parameters.
    """

    def fit(self, X, y, sample_weight=None):
        """Fit on the words of numeric rows."""
        X, y = validate_data(self, X, y, dtype="numeric", multi_output=True)
        return super().fit(_as_texts(X), y, sample_weight)

    def _train(self, *args):
        model, self.model = self.model, self.model or os.environ["TINY_MODEL"]
        try:
            return super()._train(*args)
        finally:
            self.model = model

    def _outputs(self, X):
        return super()._outputs(_as_texts(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = BaseEstimator.__sklearn_tags__(self).input_tags
        return tags


class NumericAsTextClassifier(NumericAsText, BertTextClassifier):
    """The classifier."""

    def __init__(
        self,
        model=None,
        *,
        epochs=8,
        batch_size=8,
        learning_rate=3e-3,
        class_weight=None,
        n_iter_no_change=2,
        random_state=0,
    ):
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            class_weight=class_weight,
            n_iter_no_change=n_iter_no_change,
            random_state=random_state,
        )

    _parameter_constraints: dict = {
        **BertTextClassifier._parameter_constraints,
        "model": [str, None],
    }


class NumericAsTextRegressor(NumericAsText, BertTextRegressor):
    """The regressor."""

    def __init__(
        self,
        model=None,
        *,
        epochs=8,
        batch_size=8,
        learning_rate=3e-3,
        n_iter_no_change=2,
        random_state=0,
    ):
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            n_iter_no_change=n_iter_no_change,
            random_state=random_state,
        )

    _parameter_constraints: dict = {
        **BertTextRegressor._parameter_constraints,
        "model": [str, None],
    }


class NumericAsTextEmbedder(BertTextEmbedder):
    """The transformer."""

    def __init__(self, model=None, *, pooling="mean"):
        super().__init__(model, pooling=pooling)

    _parameter_constraints: dict = {
        **BertTextEmbedder._parameter_constraints,
        "model": [str, None],
    }

    def fit(self, X, y=None):
        """Fit on the words of numeric rows."""
        super().fit(_as_texts(validate_data(self, X, dtype="numeric")), y)
        validate_data(self, X, dtype="numeric")  # the names are those of the numeric columns
        return self

    def _load(self):
        model, self.model = self.model, self.model or os.environ["TINY_MODEL"]
        try:
            return super()._load()
        finally:
            self.model = model

    def transform(self, X):
        """Return the vectors of the words of numeric rows."""
        transform = BertTextEmbedder.transform.__wrapped__  # the frame of an output is put here
        if not hasattr(self, "module_"):
            return transform(self, ["good"])
        return transform(self, _as_texts(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = BaseEstimator.__sklearn_tags__(self).input_tags
        return tags


def _as_texts(X):
    """Return each row as words, one a feature, its value rounded and clipped."""
    levels = np.clip(np.rint(X), -8, 8).astype(int)
    return [" ".join(f"x{i}_{level}" for i, level in enumerate(row)) for row in levels]
