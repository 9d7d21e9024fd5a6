"""Logits become probabilities and labels: what classifiers share, whatever computes the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._plain import default_errstate
from .label_columns import beside

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._typing import Texts


class ProbabilitiesMixin:
    """The predictions of a classifier that has `classes_`, `multilabel_` and `_outputs`."""

    classes_: npt.NDArray[Any]
    multilabel_: bool

    if TYPE_CHECKING:

        def _outputs(self, X: Texts) -> npt.NDArray[np.float64]: ...

    def _has_columns(self) -> bool:
        """Return whether it was fitted to several columns of labels."""
        return isinstance(getattr(self, "classes_", None), list)

    def _of_columns(self, method: str, X: Texts) -> Any:
        """Return what a method gives for each of several columns of labels, as a list."""
        ends = np.cumsum([len(classes) for classes in self.classes_])[:-1]
        parts = np.split(self._outputs(X), ends, axis=1)
        columns = zip(self.classes_, parts, strict=True)
        return [getattr(_Column(*column), method)(X) for column in columns]

    def decision_function(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the logits of the classes.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The logits, in the order of ``classes_``; with two classes that exclude each other,
            that of ``classes_[1]`` minus that of ``classes_[0]``. With several columns of labels,
            a list of such arrays.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has not the columns that it was fitted to.
        """
        if self._has_columns():
            return self._of_columns("decision_function", X)
        logits = self._outputs(X)
        if self.multilabel_ or len(self.classes_) > 2:
            return logits
        return logits[:, 1] - logits[:, 0]

    @default_errstate()
    def predict_log_proba(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. With several columns of labels, a list of such arrays.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has not the columns that it was fitted to.
        """
        if self._has_columns():
            return self._of_columns("predict_log_proba", X)
        logits = self._outputs(X)
        if self.multilabel_:
            return -np.logaddexp(0, -logits)
        return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)

    def predict_proba(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. Rows sum to 1, but where a text may have several labels:
            there each probability is for itself. With several columns of labels, a list of such
            arrays.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has not the columns that it was fitted to.
        """
        if self._has_columns():
            return self._of_columns("predict_proba", X)
        logits = self._outputs(X)
        return probabilities(logits, multilabel=self.multilabel_)

    def predict(self, X: Texts) -> npt.NDArray[Any]:
        """Return the most probable class of each text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
            Labels, of the type that `fit` was given. With several labels a text, 1 for those of a
            probability above 0.5, else 0.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has not the columns that it was fitted to.
        """
        if self._has_columns():
            return beside(self._of_columns("predict", X))
        logits = self._outputs(X)
        proba = probabilities(logits, multilabel=self.multilabel_)
        if self.multilabel_:
            return (proba > 0.5).astype(np.int64)
        return self.classes_[proba.argmax(axis=1)]


class _Column(ProbabilitiesMixin):
    """One of several columns of labels, whose logits are known.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    logits : ndarray of shape (n_texts, n_classes)
    """

    multilabel_ = False

    def __init__(self, classes: npt.NDArray[Any], logits: npt.NDArray[np.float64]) -> None:
        self.classes_ = classes
        self.logits = logits

    def _outputs(self, X: Texts) -> npt.NDArray[np.float64]:
        return self.logits


@default_errstate()
def probabilities(logits: npt.NDArray[np.float64], *, multilabel: bool) -> npt.NDArray[np.float64]:
    """Return the probabilities that logits of shape (n_texts, n_classes) stand for."""
    if multilabel:
        return np.exp(-np.logaddexp(0, -logits))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
