"""What a model predicted for certain texts, whatever the task, in the shape of an estimator."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from .._estimators.recorded import Recorded


class RecordedLabels(Recorded):
    """A stand-in for a fitted classifier of texts that may have several labels each.

    Parameters
    ----------
    classes : ndarray of shape (n_labels,)
        All labels.
    labels : ndarray of shape (n_texts, n_labels)
        What `predict` gave, 1 for the labels that a text has.
    proba, decision : ndarray of shape (n_texts, n_labels) or None
        What `predict_proba` and `decision_function` gave.
    """

    @property
    def classes_(self):
        """The classes of each label: of two labels, scorers would take their names for classes."""
        return [np.arange(2)] * len(self.classes)


class RecordedNumbers(RegressorMixin, BaseEstimator):
    """A stand-in for a fitted regressor.

    Parameters
    ----------
    labels : ndarray of shape (n_texts,)
        What `predict` gave.
    """

    proba = decision = None

    def __init__(self, labels):
        self.labels = labels

    def take(self, rows):
        """Return the stand-in for some of the texts."""
        return RecordedNumbers(self.labels[rows])

    def without_proba(self):
        """Return itself: a regressor gives none."""
        return self

    def predict(self, X):
        """Return the numbers."""
        return self.labels

    def __sklearn_is_fitted__(self):
        return True
