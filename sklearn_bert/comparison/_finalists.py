"""What the two models of the verdict predicted, and tables of it."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ._theme import MARKERS, kind_of, marker_of

MANY_CLASSES = 12  # from there on, the most important rows of a table are shown, the rest folded
MAX_TEXTS = 10
_SHOWN = 10  # rows of a long table; the rest is folded
_FOLDED = 500


class Finalist:
    """All that a model predicted on the folds, in the order of the results."""

    def __init__(self, comparison, results):
        self.name = results[0].model
        self.kind = kind_of(comparison, self.name)
        self.mark = MARKERS[marker_of(self.kind)]
        self.classes = comparison._data.classes
        self.rows = np.concatenate([result.rows for result in results])
        self.y_true = comparison._data.y[self.rows]
        self.y_pred = np.concatenate([result.recorded.labels for result in results])
        probas = [result.recorded.proba for result in results]
        is_known = all(proba is not None and np.isfinite(proba).all() for proba in probas)
        self.proba = np.concatenate(probas) if is_known else None

    @property
    def is_right(self):
        """Whether each prediction is right, all labels of a text together."""
        right = self.y_pred == self.y_true
        return right if right.ndim == 1 else right.all(axis=1)

    def confidence(self):
        """Return the probability of the truth, or 0 and 1 where there is none."""
        if self.proba is None:
            return self.is_right.astype(float)
        if self.y_true.ndim > 1:
            return np.where(self.y_true, self.proba, 1 - self.proba).prod(axis=1)
        columns = np.searchsorted(self.classes, self.y_true)
        return self.proba[np.arange(len(columns)), columns]

    def confusion(self):
        """Return the confusion matrix."""
        return confusion_matrix(self.y_true, self.y_pred, labels=self.classes)


@dataclass(frozen=True)
class LongTable:
    """The rows of a table that are shown, and those that are folded.

    Attributes
    ----------
    shown, folded : list of list
        Cells.
    n_more : int
        Rows that are not shown, of which only the first are in `folded`.
    """

    shown: list
    folded: list
    n_more: int

    @classmethod
    def of(cls, make_row, order):
        """Make one; rows that are neither shown nor folded are not made."""
        rows = [make_row(index) for index in order[: _SHOWN + _FOLDED]]
        return cls(rows[:_SHOWN], rows[_SHOWN:], len(order) - _SHOWN)


def class_scores(finalists, growths):
    """Return the scores of each class for both models; of many classes, the worst first.

    Parameters
    ----------
    finalists : list of Finalist
    growths : list of (list of Difference or None)
        For each of them, by how much F1 of each class rose when the training texts doubled.

    Returns
    -------
    table : LongTable
        F1, precision and recall, and what F1 rose by where that is known of both.
    """
    classes = finalists[0].classes
    labels = classes if finalists[0].y_true.ndim == 1 else range(len(classes))
    scores = [
        precision_recall_fscore_support(f.y_true, f.y_pred, labels=labels, zero_division=0)
        for f in finalists
    ]

    def row(index):
        cells = [f"{score[part][index]:.3f}" for part in (2, 0, 1) for score in scores]
        if None not in growths:
            cells += [_signed(growth[index].mean) for growth in growths]
        return [classes[index], scores[0][3][index], *cells]

    if len(classes) > MANY_CLASSES:
        return LongTable.of(row, np.argsort(sum(score[2] for score in scores), kind="stable"))
    return LongTable([row(index) for index in range(len(classes))], [], 0)


def _signed(value):
    """Return a difference as it is shown."""
    return "-" if np.isnan(value) else f"{value:+z.3f}"


def differing_texts(finalists, data):
    """Return the texts on which the two differ most.

    Returns
    -------
    lists : list of (right, wrong, n_texts, texts)
        Of each order of the two models, with how many texts only the first one gets right, and the
        most telling ones: text, true and predicted class, and the probability that each of the two
        gives to the true class, None where it has none.
    """
    cheap, bert = finalists
    gain = bert.confidence() - cheap.confidence()
    lists = []
    for right, wrong, sign in ((bert, cheap, 1), (cheap, bert, -1)):
        differ = np.flatnonzero(right.is_right & ~wrong.is_right)
        order = differ[np.argsort(-sign * gain[differ], kind="stable")][:MAX_TEXTS]
        told = [
            (f, [None] * len(order) if f.proba is None else f.confidence()[order])
            for f in (right, wrong)
        ]
        texts = [
            (data.texts[right.rows[i]], true, predicted, [(f, p[n]) for f, p in told])
            for n, (i, true, predicted) in enumerate(
                zip(
                    order,
                    data.names(right.y_true[order]),
                    data.names(wrong.y_pred[order]),
                    strict=True,
                )
            )
        ]
        lists.append((right, wrong, len(differ), texts))
    return lists
