"""The true labels of texts, as predictions are compared with them."""

import numpy as np

from .columns import column_names
from .indicator import check_order, encode_indicator, is_indicator
from .label_columns import beside, read_label_columns
from .label_types import label_array
from .rows import read_rows
from .soft_labels import most_probable


def read_true_labels(y, classes, multilabel, names=None):
    """Return the labels of texts as they are compared with predictions.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        As `fit` takes it. Of probabilities the most probable class counts; the columns of an
        array are in the order of `classes`.
    classes : ndarray of shape (n_classes,) or list of ndarray
        Those of the fit; of each of several columns.
    multilabel : bool
        Whether each text may have several labels.
    names : list of str, default=None
        Of several columns, in the fit.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)

    Raises
    ------
    TypeError
        If `y` is no array-like.
    ValueError
        If `y` holds no labels, or its columns are in another order than in the fit, or those of
        other classes.
    """
    y = read_rows(y, "label")
    if isinstance(classes, list):
        return _read_columns(y, len(classes), names)
    if not multilabel:
        labels = most_probable(y, classes)
        return label_array(y) if labels is None else labels
    if not is_indicator(y):
        return label_array(y)
    check_order(column_names(y), classes.tolist())
    return encode_indicator(y)[1].astype(np.int64)


def _read_columns(y, n_columns, names):
    """Return several columns of labels, in the order of the fit."""
    if not is_indicator(y):
        raise ValueError(
            f"y must have the {n_columns} columns of labels of the fit, got one; pass all of them."
        )
    check_order(column_names(y), names)
    _, columns = read_label_columns(y)
    if len(columns) != n_columns:
        raise ValueError(
            f"y must have the {n_columns} columns of labels of the fit, got {len(columns)}; pass "
            "all of them."
        )
    return beside(columns)
