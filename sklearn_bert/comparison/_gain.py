"""By how much BERT scores better than another model on some of the texts of a fold."""

import numpy as np
from sklearn.metrics import accuracy_score

from ._fold_result import score
from ._sums import scores_without


class Gain:
    """The difference of a score.

    Parameters
    ----------
    pair : Pair
        The two models.
    scorer : callable
        A scikit-learn scorer.
    name : str
        Of the score.
    data : Data
        What they were judged on.
    """

    def __init__(self, pair, scorer, name, data):
        self.pair, self.scorer, self.name, self.data = pair, scorer, name, data
        is_accuracy = getattr(scorer, "_score_func", None) is accuracy_score
        self.hits = self._hits() if is_accuracy and data.kind == "labels" else None

    def _hits(self):
        """Return the differences of the texts of each fold: 1 where only BERT is right."""
        return [
            (bert.recorded.labels == self.data.y[bert.rows])
            - (cheap.recorded.labels == self.data.y[bert.rows]).astype(float)
            for cheap, bert in zip(self.pair.cheap, self.pair.bert, strict=True)
        ]

    def __call__(self, fold, kept):
        """Return the difference on some texts of a fold, NaN where it is not defined."""
        rows = self.pair.bert[fold].rows[kept]
        y, weights = self.data.y[rows], self.data.take_weights(rows)
        if self.hits is not None:
            return _weighted_mean(self.hits[fold][kept], weights)
        if not self._is_defined(fold):
            return np.nan
        texts = self.data.take_texts(rows)
        try:
            better, worse = (
                score(self.scorer, each.recorded.take(kept), texts, y, weights)
                for each in self._results(fold)
            )
        except ValueError:  # a class is missing from the texts
            return np.nan
        return better - worse

    def without(self, fold, groups):
        """Return the differences without the texts of each group in turn.

        Parameters
        ----------
        fold : int
        groups : ndarray of int of shape (n_texts,)
            The number of the group of each text of the fold; all from 0 on are there.
        """
        if self.hits is None and not self._is_defined(fold):
            return np.full(1 + groups.max(), np.nan)
        gains = self._by_sums(fold, groups)
        for group in np.flatnonzero(np.isnan(gains)):
            gains[group] = self(fold, np.flatnonzero(groups != group))
        return gains

    def _by_sums(self, fold, groups):
        """Return what follows from sums over the texts, and NaN for the rest."""
        nothing = np.full(1 + groups.max(), np.nan)
        if self.hits is not None:
            return nothing
        rows = self.pair.bert[fold].rows
        y, weights = self.data.y[rows], self.data.take_weights(rows)
        found = [
            scores_without(self.scorer, each.recorded, y, weights, groups)
            for each in self._results(fold)
        ]
        return nothing if any(each is None for each in found) else found[0] - found[1]

    def _results(self, fold):
        """Return what BERT, and then the other model, came to on a fold."""
        return self.pair.bert[fold], self.pair.cheap[fold]

    def _is_defined(self, fold):
        """Return whether both have the score: a model may give no probabilities."""
        return all(np.isfinite(each.scores[self.name]) for each in self._results(fold))


def _weighted_mean(values, weights):
    """Return the mean, NaN if nothing counts."""
    if weights is None:
        return values.mean() if len(values) else np.nan
    total = weights.sum()
    return weights @ values / total if total else np.nan
