"""Scores that follow from sums over the texts: without each of many groups of them, all at once."""

import numpy as np
from scipy import sparse
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    precision_score,
    r2_score,
    recall_score,
)

from .._estimators.scoring import PositiveScorer

_RATES = {
    f1_score: lambda hits, true, predicted: (2 * hits, true + predicted),
    precision_score: lambda hits, true, predicted: (hits, predicted),
    recall_score: lambda hits, true, predicted: (hits, true),
}
# What is left of a sum of squares may be nothing but rounding.
_LEAST_SHARE = 1e-6


def scores_without(scorer, recorded, y, weights, groups):
    """Return the score of predictions without the texts of each group in turn.

    It is what the scorer itself gives, for a hundredth of the time.

    Parameters
    ----------
    scorer : callable
        A scikit-learn scorer.
    recorded : Recorded or RecordedNumbers
        What was predicted.
    y : ndarray of shape (n_texts,) or (n_texts, n_labels)
        What is true.
    weights : ndarray of shape (n_texts,) or None
        How much each text counts.
    groups : ndarray of int of shape (n_texts,)
        The number of the group of each text, from 0 on.

    Returns
    -------
    scores : ndarray of shape (n_groups,) or None
        NaN where the scorer has to tell, None if it has to everywhere.
    """
    labels, positive = recorded.labels, None
    if isinstance(scorer, PositiveScorer):
        y, labels = (y == scorer.positive).astype(int), (labels == scorer.positive).astype(int)
        scorer = scorer.scorer
    function, options = (getattr(scorer, name, None) for name in ("_score_func", "_kwargs"))
    sign = getattr(scorer, "_sign", 1)
    sums = _Sums(weights, groups)
    if function is r2_score and not options:
        return sign * _r_squared(y, labels, sums)
    if function is balanced_accuracy_score and not options and y.ndim == 1:
        average = "balanced"
    elif function in _RATES and options.keys() <= {"average", "pos_label"}:
        average, positive = options.get("average", "binary"), options.get("pos_label", 1)
    else:
        return None
    counts = _Counts.of(y, labels, sums)
    scores = None if counts is None else _rate(counts, function, average, positive)
    return None if scores is None else sign * np.where(sums.left > 0, scores, np.nan)


class _Sums:
    """Sums over the texts of all groups but one.

    Attributes
    ----------
    left : ndarray of shape (n_groups,)
        The sum of the weights.
    """

    def __init__(self, weights, groups):
        n_texts, n_groups = len(groups), 1 + groups.max()
        # Sums of what is left, and not differences, which would leave rounding where nothing is.
        self._others = 1 - np.eye(n_groups)
        self._members = sparse.csr_array(
            (np.ones(n_texts), (groups, np.arange(n_texts))), (n_groups, n_texts)
        )
        self._weights = np.ones(n_texts) if weights is None else weights
        self.left = self.of(np.ones(n_texts))

    def of(self, values, *, weighted=True):
        """Return the sums of values of shape (n_texts,) or (n_texts, n_columns), maybe sparse."""
        members = self._members * self._weights if weighted else self._members
        sums = members @ values
        return self._others @ (sums.toarray() if sparse.issparse(sums) else sums)


def _r_squared(y, predicted, sums):
    """Return the coefficient of determination, NaN where hardly any variance is left."""
    centred = y - y.mean()
    error, squares, first = (sums.of(each) for each in ((y - predicted) ** 2, centred**2, centred))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = squares - first**2 / sums.left
        scores = 1 - error / variance
    return np.where(variance > _LEAST_SHARE * squares.max(), scores, np.nan)


class _Counts:
    """How many texts have a label, are predicted to have it, and both; one row for each group.

    Attributes
    ----------
    labels : ndarray of shape (n_labels,) or None
        The classes; None of several labels a text.
    hits, true, predicted : ndarray of shape (n_groups, n_labels)
        The sums of the weights of the texts.
    is_there : ndarray of bool of shape (n_groups, n_labels)
        Whether a class is true or predicted of any text.
    """

    def __init__(self, labels, true, predicted, sums):
        self.labels = labels
        both = true * predicted
        self.hits, self.true, self.predicted = map(sums.of, (both, true, predicted))
        n_texts = sums.of(true + predicted, weighted=False)
        self.is_there = n_texts > 0 if labels is not None else np.ones_like(n_texts, dtype=bool)

    @classmethod
    def of(cls, y, predicted, sums):
        """Return the counts of labels, None of what cannot be told to be some."""
        if y.ndim == 2:
            is_indicator = y.shape[1] > 1 and ((predicted == 0) | (predicted == 1)).all()
            tables = (sparse.csr_array(each.astype(float)) for each in (y, predicted))
            return cls(None, *tables, sums) if is_indicator else None
        if predicted.dtype.kind != y.dtype.kind or predicted.ndim != 1:
            return None
        labels, numbers = np.unique(np.concatenate([y, predicted]), return_inverse=True)
        rows, shape = np.arange(len(y)), (len(y), len(labels))
        tables = (
            sparse.csr_array((np.ones(len(y)), (rows, columns)), shape)
            for columns in np.split(numbers, 2)
        )
        return cls(labels, *tables, sums)


def _rate(counts, function, average, positive):
    """Return the average of the rates of the labels, None of an average that is not known."""
    parts = counts.hits, counts.true, counts.predicted
    if average == "micro":
        return _divided(*_RATES[function](*(part.sum(axis=1) for part in parts)))
    if average == "balanced":
        has_texts = counts.true > 0
        return _mean(_divided(counts.hits, counts.true), has_texts)
    rates = _divided(*_RATES[function](*parts))
    if average == "macro":
        return _mean(rates, counts.is_there)
    if average == "weighted":
        return _mean(rates, counts.true)
    if average == "binary" and counts.labels is not None and len(counts.labels) == 2:
        (column,) = np.nonzero(counts.labels == positive)
        return rates[:, column[0]] if len(column) else None
    return None


def _divided(numerator, denominator):
    """Return the quotient, 0 where nothing is divided by."""
    return np.divide(numerator, denominator, np.zeros_like(numerator), where=denominator > 0)


def _mean(rates, counts):
    """Return the means over the labels, NaN where none counts."""
    return np.divide(
        (rates * counts).sum(axis=1),
        counts.sum(axis=1),
        np.full(len(rates), np.nan),
        where=counts.sum(axis=1) > 0,
    )
