"""What a fit learns: the values of the loss, the loss itself, and the fitted attributes."""

from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.utils import column_or_1d

from .._shorten import shorten
from .._text.columns import has_method
from .._text.label_columns import beside
from .._text.label_types import is_missing
from .._text.rows import Rows, as_matrix, read_rows
from .weights import balanced_weights, label_weights


@dataclass(frozen=True)
class Target:
    """What a fit learns.

    Attributes
    ----------
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        As scikit-learn's scorers take it.
    values : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        As the loss takes it: class indices, probabilities of classes, an indicator, or
        standardized numbers.
    n_outputs : int
        Of the head.
    weights : ndarray of shape (n_texts,)
        Of the texts in the loss.
    attributes : dict
        Of the fitted estimator.
    is_classes : bool
        Whether each text has one of several classes.
    settings : dict
        Of the loss.
    soft : SoftLabels or None
        How soft labels came, None for any other target.
    sizes : list of int or None
        The number of classes in each of several columns of labels, None for any other target.
    """

    y: np.ndarray
    values: np.ndarray
    n_outputs: int
    weights: np.ndarray
    attributes: dict
    is_classes: bool = False
    settings: dict = field(default_factory=dict)
    soft: "SoftLabels | None" = None
    sizes: list[int] | None = None

    def __len__(self):
        return len(self.y)

    @property
    def is_labels(self):
        """Whether each text has any number of several labels."""
        return self.attributes.get("multilabel_", False)

    @property
    def kind(self):
        """What there is of each text, in words."""
        if self.sizes is not None:
            return "several columns of labels"
        if self.is_labels:
            return "several labels a text"
        return "one label a text" if self.soft is None else "probabilities"

    @property
    def indices(self):
        """The index of the class of each text, of soft labels the most probable one."""
        return self.values if self.values.ndim == 1 else self.values.argmax(axis=1)

    @property
    def one_answer(self):
        """What warnings call it to predict the same for all texts."""
        if self.is_classes:
            return "the same label"
        return "the same labels" if self.is_labels or self.sizes else "the mean"

    def criterion(self):
        """Return the loss."""
        from torch import from_numpy

        from .._engine.losses import (
            BinaryCrossEntropy,
            ColumnsCrossEntropy,
            CrossEntropy,
            SquaredError,
        )

        if self.sizes is not None:
            return ColumnsCrossEntropy(self.sizes, **self.settings)
        if self.is_classes:
            return CrossEntropy(**self.settings)
        if self.is_labels:
            weights = {name: from_numpy(self.settings[name]) for name in ("present", "absent")}
            return BinaryCrossEntropy(**{**self.settings, **weights})
        return SquaredError()

    def take(self, rows):
        """Return the target of some of the texts."""
        return replace(self, y=self.y[rows], values=self.values[rows], weights=self.weights[rows])


@dataclass(frozen=True)
class SoftLabels:
    """How soft labels came.

    Attributes
    ----------
    columns : list
        The classes in the order of the columns.
    class_weights : ndarray of shape (n_classes,)
        By which they were weighed.
    """

    columns: list
    class_weights: np.ndarray


def class_target(classes, values, weights, soft=None, **settings):
    """Return the target of texts with one label each.

    `values` are the indices of their classes or, of soft labels, the probabilities. Where these
    are 0 and 1 only, they are hard labels, and learnt as such.
    """
    indices = values
    if values.ndim == 2:
        indices = values.argmax(axis=1)
        is_hard = np.isin(values, (0, 1)).all()
        values = indices if is_hard else values.astype(np.float32)
    attributes = {"classes_": classes, "multilabel_": False}
    return Target(classes[indices], values, len(classes), weights, attributes, True, settings, soft)


def columns_target(classes, indices, weights, names=None, **settings):
    """Return the target of texts with a label in each of several columns.

    Parameters
    ----------
    classes : list of ndarray
        Of each column.
    indices : ndarray of shape (n_texts, n_columns)
    weights : ndarray of shape (n_texts,)
    names : list of str or None
        Of the columns, if `y` was a frame.
    **settings : dict
        Of the loss.
    """
    sizes = [len(each) for each in classes]
    y = beside([each[column] for each, column in zip(classes, indices.T, strict=True)])
    attributes = {
        "classes_": classes,
        "multilabel_": False,
        "n_outputs_": len(classes),
        "target_names_": names,
    }
    return Target(y, indices, sum(sizes), weights, attributes, settings=settings, sizes=sizes)


def indicator_target(classes, indicator, weights, class_weight, **settings):
    """Return the target of texts with several labels each.

    `class_weight` weighs the texts that have a label: "balanced" such that they count as much as
    those that do not, which is for each label what it is for two classes.
    """
    present, absent = np.ones((2, len(classes)), dtype=np.float32)
    if class_weight == "balanced":
        for label, column in enumerate(indicator.T.astype(np.int64)):
            absent[label], present[label] = balanced_weights(column, 2, weights > 0)
    elif class_weight is not None:
        present = label_weights(class_weight, classes)
    return Target(
        indicator.astype(np.int64),
        indicator,
        len(classes),
        weights,
        {"classes_": classes, "multilabel_": True},
        settings={"present": present, "absent": absent, **settings},
    )


def number_target(numbers, weights, names=None, mean=None, scale=None):
    """Return the target of a regression, standardized.

    Parameters
    ----------
    numbers : ndarray of shape (n_texts,) or (n_texts, n_outputs)
    weights : ndarray of shape (n_texts,)
    names : list of str or None
        Of the outputs, if `y` was a frame.
    mean, scale : float or ndarray of shape (n_outputs,), default=None
        What to standardize by. None is the weighted mean and deviation.
    """
    if mean is None:
        total = weights if weights.any() else None
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(numbers, axis=0, weights=total)
            scale = np.sqrt(np.average((numbers - mean) ** 2, axis=0, weights=total))
        if not np.isfinite(scale).all():
            largest = numbers.flat[np.abs(numbers).argmax()].item()
            raise ValueError(
                f"y must have a finite variance, got {largest!r} at row "
                f"{int(np.abs(numbers).argmax()) // (numbers.size // len(numbers))}; scale it down."
            )
        scale = np.where(scale == 0, 1.0, scale)
        if numbers.ndim == 1:
            mean, scale = float(mean), float(scale)
    values = ((numbers - mean) / scale).reshape(len(numbers), -1).astype(np.float32)
    attributes = {"target_mean_": mean, "target_scale_": scale, "target_names_": names}
    return Target(numbers, values, values.shape[1], weights, attributes)


def check_numbers(y):
    """Return `y` as an array of float64, or name the first row that is no number.

    Parameters
    ----------
    y : array-like of shape (n_texts,) or (n_texts, n_outputs)

    Returns
    -------
    numbers : ndarray of shape (n_texts,) or (n_texts, n_outputs)

    Raises
    ------
    TypeError
        If `y` is no array-like.
    ValueError
        If a value is no finite number.
    """
    if y is None:
        raise ValueError(
            "BertTextRegressor requires y to be passed, but the target y is None; pass the "
            "numbers of the texts."
        )
    values = _as_array(read_rows(y, "number"))
    if values.ndim not in (1, 2) or 0 in values.shape[1:] or values.dtype.kind in "cmM":
        raise ValueError(
            f"y must be one or several columns of real numbers, got {values.dtype} of shape "
            f"{values.shape}; pass one number a text."
        )
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        rows = enumerate(values.reshape(len(values), -1).tolist())
        numbers = np.array([[_number(value, row) for value in line] for row, line in rows])
        numbers = numbers.reshape(values.shape)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = column_or_1d(numbers, warn=True)
    if not np.isfinite(numbers).all():
        row = int(np.argwhere(~np.isfinite(numbers))[0][0])
        raise ValueError(
            f"y must hold finite numbers, got {numbers[row].tolist()!r} (NaN, missing or infinity) "
            f"at row {row}; drop the rows without a number."
        )
    return numbers


def _as_array(y):
    """Return the values of `y` as an array; NumPy must not guess their type."""
    if isinstance(y, Rows):
        for row, line in enumerate(y):
            if len(line) != len(y[0]):
                raise ValueError(
                    f"y must have as many numbers for each text, got {len(line)} at row {row} "
                    f"after {len(y[0])} at row 0; fill or drop that row."
                )
        return as_matrix(y)
    if isinstance(y, (list, tuple)):
        return np.fromiter(y, dtype=object, count=len(y))
    return y.toarray() if has_method(y, "toarray") else np.asarray(y)


def _number(value, row):
    """Return a number, or name the value that is none."""
    try:
        return np.nan if is_missing(value) else float(value)
    except OverflowError:
        return np.inf
    except (TypeError, ValueError):
        raise ValueError(
            f"y must hold numbers, got {shorten(value)} at row {row}; use BertTextClassifier for "
            "labels."
        ) from None
