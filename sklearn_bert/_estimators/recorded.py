"""What a classifier predicted for certain texts, in the shape of a classifier."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if


def _has(name):
    """Return the check of whether the predictions of that method were recorded."""
    return lambda recorded: getattr(recorded, name) is not None


class Recorded(ClassifierMixin, BaseEstimator):
    """A stand-in for a fitted classifier that repeats what it predicted for certain texts.

    With it, scorers judge predictions that are made only once, also on draws of the texts.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        All labels.
    labels : ndarray of shape (n_texts,)
        What `predict` gave.
    proba : ndarray of shape (n_texts, n_classes) or None
        What `predict_proba` gave.
    decision : ndarray of shape (n_texts,) or (n_texts, n_classes) or None
        What `decision_function` gave.
    """

    def __init__(self, classes, labels, proba=None, decision=None):
        self.classes = classes
        self.labels = labels
        self.proba = proba
        self.decision = decision

    @property
    def classes_(self):
        """The labels."""
        return self.classes

    def take(self, rows):
        """Return the stand-in for some of the texts."""
        parts = (self.labels, self.proba, self.decision)
        taken = (part if part is None else part[rows] for part in parts)
        return type(self)(self.classes, *taken)

    def without_proba(self):
        """Return the stand-in for a classifier that gives no probabilities."""
        return type(self)(self.classes, self.labels, None, self.decision)

    def as_binary(self, positive):
        """Return the stand-in for labels 0 and 1, of which 1 is the one called `positive`."""
        proba, decision = self.proba, self.decision
        if self.classes[0] == positive:
            proba = None if proba is None else proba[:, ::-1]
            decision = None if decision is None else -decision
        return Recorded(np.arange(2), (self.labels == positive).astype(int), proba, decision)

    def predict(self, X):
        """Return the labels."""
        return self.labels

    @available_if(_has("proba"))
    def predict_proba(self, X):
        """Return the probabilities."""
        return self.proba

    @available_if(_has("decision"))
    def decision_function(self, X):
        """Return the decision values."""
        return self.decision

    def __sklearn_is_fitted__(self):
        return True
