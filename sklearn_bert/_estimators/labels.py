"""Labels of any type become class indices."""

from functools import partial

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from .._text.label_types import label_array


def encode_labels(y, *, estimator_name):
    """Return the sorted labels and the index of each row's label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of one type: str, bool, int, or anything scikit-learn takes for a class label.
    estimator_name : str
        Whom the error names when there is no `y`.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    targets : ndarray of shape (n_samples,), dtype int64

    Raises
    ------
    TypeError
        If `y` is no array-like.
    ValueError
        If a label is missing, is of another type than the first, or is no class label.
    """
    if y is None:
        raise ValueError(
            f"{estimator_name} requires y to be passed, but the target y is None; "
            "pass the labels of the texts."
        )
    y = label_array(y, flatten=partial(column_or_1d, warn=True))
    check_classification_targets(y)
    classes, targets = np.unique(y, return_inverse=True)
    return classes, targets.astype(np.int64)


def indices_of_columns(columns, classes, name):
    """Return the indices of labels in several columns, among the classes of each.

    Parameters
    ----------
    columns : list of ndarray of shape (n_samples,)
    classes : list of ndarray
        Those of the fit.
    name : str
        Of the parameter, for the errors.

    Returns
    -------
    indices : ndarray of shape (n_samples, n_columns)

    Raises
    ------
    ValueError
        If there are more or fewer columns, or a label is none of the classes.
    """
    if len(columns) != len(classes):
        raise ValueError(
            f"{name} must have the {len(classes)} columns of labels of the fit, got "
            f"{len(columns)}; pass all of them."
        )
    indices = np.empty((len(columns[0]), len(columns)), dtype=np.int64)
    for number, (known, column) in enumerate(zip(classes, columns, strict=True)):
        numbers = {label: index for index, label in enumerate(known.tolist())}
        for row, label in enumerate(column.tolist()):
            if label not in numbers:
                raise ValueError(
                    f"{name} must have the classes of the fit, {known.tolist()!r}, got {label!r} "
                    f"at row {row}, column {number}; drop those rows, or fit with texts of that "
                    "class."
                )
            indices[row, number] = numbers[label]
    return indices


def present_classes(values):
    """Return the indices of the classes that texts have or, of soft labels, may have."""
    return np.unique(values) if values.ndim == 1 else np.flatnonzero(values.any(axis=0))


def among_all(values, places, n_classes):
    """Return indices or probabilities of some classes as those of all classes.

    Parameters
    ----------
    values : ndarray of shape (n_samples,) or (n_samples, n_some)
    places : ndarray of shape (n_some,)
        Of these classes among all.
    n_classes : int
        Of all classes.
    """
    if values.ndim == 1:
        return places[values]
    proba = np.zeros((len(values), n_classes))
    proba[:, places] = values
    return proba
