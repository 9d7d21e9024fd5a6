"""What the sections of the report below the table of models show."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from . import _report_charts as charts
from ._theme import MARKERS, kind_of, marker_of

MANY_CLASSES = 12  # from there on, the most important rows of a table are shown, the rest folded
_MAX_TEXTS = 10
_SHOWN = 10  # rows of a long table; the rest is folded
_FOLDED = 500


def find_sections(comparison):
    """Return what each section shows, by its name in the template; None where there is nothing."""
    sections = {
        "finalists": [],
        "cost": charts.cost(comparison),
        "learning_curve": charts.learning_curve(comparison),
        "crossing": comparison._crossing() if comparison._curves() else None,
        "lengths": charts.lengths(comparison),
    }
    if comparison._pair is None:
        return sections
    finalists = [_Finalist(comparison, results) for results in comparison._finalists()]
    has_many = len(finalists[0].classes) > MANY_CLASSES
    return sections | {
        "finalists": finalists,
        "classes": finalists[0].classes.tolist(),
        "has_many_classes": has_many,
        "is_weighted": comparison._data.weights is not None,
        "confusion": _confused_pairs(finalists) if has_many else _matrices(finalists),
        "class_scores": _class_scores(finalists, has_many),
        "differing": _differing_texts(finalists, comparison._data),
        "calibration": [(f, f.proba is not None and charts.calibration(f)) for f in finalists],
    }


class _Finalist:
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
        """Whether each prediction is right."""
        return self.y_pred == self.y_true

    def confidence(self):
        """Return the probability of the true label, or 0 and 1 where there is none."""
        if self.proba is None:
            return self.is_right.astype(float)
        columns = np.searchsorted(self.classes, self.y_true)
        return self.proba[np.arange(len(columns)), columns]

    def confusion(self):
        """Return the confusion matrix."""
        return confusion_matrix(self.y_true, self.y_pred, labels=self.classes)


@dataclass(frozen=True)
class _LongTable:
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


def _matrices(finalists):
    """Return the rows of the confusion matrix of each model, with the name of the class first."""
    return [
        [[label, *counts] for label, counts in zip(f.classes, f.confusion(), strict=True)]
        for f in finalists
    ]


def _confused_pairs(finalists):
    """Return the pairs of classes that are confused, those that both models confuse most first."""
    classes = finalists[0].classes
    matrices = [finalist.confusion() for finalist in finalists]
    both = sum(matrices)
    np.fill_diagonal(both, 0)
    order = np.argsort(-both, axis=None, kind="stable")[: np.count_nonzero(both)]

    def row(place):
        i, j = np.unravel_index(place, both.shape)
        return [classes[i], classes[j], *(matrix[i, j] for matrix in matrices)]

    return _LongTable.of(row, order)


def _class_scores(finalists, has_many):
    """Return F1, precision and recall of each class for both; of many classes, the worst first."""
    classes = finalists[0].classes
    scores = [
        precision_recall_fscore_support(f.y_true, f.y_pred, labels=classes, zero_division=0)
        for f in finalists
    ]

    def row(index):
        cells = [f"{score[part][index]:.3f}" for part in (2, 0, 1) for score in scores]
        return [classes[index], scores[0][3][index], *cells]

    if has_many:
        return _LongTable.of(row, np.argsort(sum(score[2] for score in scores), kind="stable"))
    return _LongTable([row(index) for index in range(len(classes))], [], 0)


def _differing_texts(finalists, data):
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
        order = differ[np.argsort(-sign * gain[differ], kind="stable")][:_MAX_TEXTS]
        told = [
            (f, [None] * len(order) if f.proba is None else f.confidence()[order])
            for f in (right, wrong)
        ]
        texts = [
            (
                data.texts[right.rows[i]],
                right.y_true[i],
                wrong.y_pred[i],
                [(f, p[n]) for f, p in told],
            )
            for n, i in enumerate(order)
        ]
        lists.append((right, wrong, len(differ), texts))
    return lists
