"""What is compared on: texts or pairs, and their labels or numbers, checked before any training."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.multiclass import type_of_target

from .._estimators.labels import encode_labels
from .._estimators.recorded import Recorded
from .._estimators.scoring import simplest, some_rows
from .._estimators.targets import check_numbers
from .._estimators.weights import check_sample_weight
from .._text.indicator import encode_indicator, is_indicator
from .._text.rows import Rows, read_rows
from .._text.texts import check_texts_or_pairs, is_pairs
from ._recorded import RecordedLabels, RecordedNumbers


@dataclass(frozen=True)
class Data:
    """What is compared on.

    Attributes
    ----------
    texts : list of str or list of (str, str)
        All texts, or pairs.
    y : ndarray of shape (n_texts,) or (n_texts, n_labels)
        Their labels; where a text may have several, 1 for those that it has; or numbers.
    classes : ndarray of shape (n_classes,)
        The labels that there are, sorted, or as the columns of `y` are called; none of numbers.
    weights : ndarray of shape (n_texts,) or None
        How much each text counts.
    kind : {"labels", "several labels", "numbers"}
        What `y` holds.
    units : ndarray of shape (n_texts,) or None
        The number of the group of each text.
    """

    texts: list
    y: np.ndarray
    classes: np.ndarray
    weights: np.ndarray | None = None
    kind: str = "labels"
    units: np.ndarray | None = None

    @property
    def is_pairs(self):
        """Whether it is pairs of texts."""
        return is_pairs(self.texts)

    @property
    def n_outputs(self):
        """Outputs of a head that learns this."""
        return max(len(self.classes), 1)

    def take_texts(self, rows):
        """Return the texts of some rows."""
        return [self.texts[row] for row in rows]

    def take_weights(self, rows):
        """Return the weights of some rows, None if there are none."""
        return None if self.weights is None else self.weights[rows]

    def record(self, predicted, proba=None, decision=None):
        """Return predictions for texts as a stand-in for what predicted them."""
        if self.kind == "numbers":
            return RecordedNumbers(predicted)
        kind = Recorded if self.kind == "labels" else RecordedLabels
        return kind(self.classes, predicted, proba, decision)

    def some(self):
        """Return rows that are few, their texts and `y`, and the simplest predictions for them."""
        rows = some_rows(self.y, self.kind)
        y = self.y[rows]
        if self.kind == "numbers":
            return self.take_texts(rows), y, RecordedNumbers(np.full(len(y), y.mean()))
        found = simplest(y, self.kind)
        if self.kind == "several labels":
            found = RecordedLabels(self.classes, found.labels, found.proba, found.decision)
        return self.take_texts(rows), y, found

    def counts(self):
        """Return the number of texts of each label, the largest first."""
        if self.kind == "several labels":
            labels, counts = self.classes, self.y.sum(axis=0)
        else:
            labels, counts = np.unique(self.y, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return dict(zip(labels[order].tolist(), counts[order].tolist(), strict=True))

    def names(self, predicted):
        """Return labels as they are shown: of several, the names of those that a text has."""
        if self.kind != "several labels":
            return predicted
        shown = np.empty(len(predicted), dtype=object)
        names = self.classes.tolist()
        shown[:] = [
            tuple(name for name, has in zip(names, row, strict=True) if has) for row in predicted
        ]
        return shown


def check_data(X, y, sample_weight=None, *, regressors=None):
    """Return texts, labels or numbers, and weights, checked.

    Parameters
    ----------
    X, y, sample_weight
        As for `compare`.
    regressors : bool, default=None
        Whether numbers are compared on, and not labels; None if `y` has to tell.
    """
    texts = check_texts_or_pairs(X)
    y = y if y is None else read_rows(y, "number" if regressors else "label")
    kind, classes, values = _read_target(y, regressors)
    if len(texts) != len(values):
        what = "numbers" if kind == "numbers" else "labels"
        raise ValueError(
            f"X and y have inconsistent numbers of samples, {len(texts)} texts and {len(values)} "
            f"{what}; pass one {what[:-1]} for each text."
        )
    _check_differ(kind, classes, values)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, len(texts))
    return Data(texts, values, classes, sample_weight, kind)


def _read_target(y, regressors):
    """Return the kind of what there is to predict, its classes, and the values of the texts."""
    if (regressors and not _is_text(y)) or (regressors is None and _is_numbers(y)):
        return "numbers", np.array([]), _read_numbers(y)
    if y is not None and is_indicator(y):
        classes, indicator = encode_indicator(y)
        return "several labels", classes, indicator.astype(np.int64)
    _check_no_numbers(y)
    classes, indices = encode_labels(y, estimator_name="compare")
    return "labels", classes, classes[indices]


def _is_text(y):
    """Return whether `y` is labels that no regressor can learn."""
    return y is not None and isinstance(next(iter(np.ravel(y[:1])), None), str)


def _is_numbers(y):
    """Return whether `y` holds numbers that are no labels, since some are not whole."""
    if y is None or isinstance(y, Rows):
        return False
    values = np.asarray(y)
    if values.dtype == object and all(isinstance(value, float) for value in values.ravel()):
        values = values.astype(np.float64)  # of a column that knows missing values
    is_float = values.dtype.kind == "f" and np.isfinite(values).all()
    return bool(is_float) and type_of_target(values).startswith("continuous")


def _read_numbers(y):
    """Return one number a text."""
    numbers = check_numbers(y)
    if numbers.ndim > 1:
        raise ValueError(
            f"y must have one number a text for compare, got several, of shape {numbers.shape}; "
            "compare on one column of it at a time."
        )
    return numbers


def _check_no_numbers(y):
    """Refuse numbers that are no labels, where a classifier is to learn them."""
    if _is_numbers(y):
        values = np.asarray(y, dtype=np.float64)
        row = int((values % 1 != 0).argmax())
        raise ValueError(
            f"y must hold labels for a classifier, got the number {values[row].item()!r} at row "
            f"{row}; put the numbers into classes, or pass a regressor as bert, such as "
            "BertTextRegressor()."
        )


def _check_differ(kind, classes, values):
    """Refuse what is the same for all texts."""
    if kind == "numbers":
        if len(np.unique(values)) < 2:
            raise ValueError(
                f"y must hold at least 2 different numbers, got {values[0].item()!r} only; add "
                "texts of another number."
            )
    elif kind == "labels" and len(classes) < 2:
        raise ValueError(
            f"y must have at least 2 classes, got one class: {classes.tolist()[0]!r}; add texts of "
            "another class."
        )
    elif kind == "several labels" and (values == values[0]).all():
        raise ValueError(
            "y must have a label that some texts have and others have not, got the same labels "
            f"for all {len(values):,} texts; add texts with other labels."
        )
