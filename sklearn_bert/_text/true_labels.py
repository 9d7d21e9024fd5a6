"""The true labels of texts, as predictions are compared with them."""

import numpy as np

from .columns import column_names
from .indicator import check_order, encode_indicator, is_indicator
from .label_types import label_array
from .rows import read_rows
from .soft_labels import most_probable


def read_true_labels(y, classes, multilabel):
    """Return the labels of texts as they are compared with predictions.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        As `fit` takes it. Of probabilities the most probable class counts; the columns of an
        array are in the order of `classes`.
    classes : ndarray of shape (n_classes,)
        Those of the fit.
    multilabel : bool
        Whether each text may have several labels.

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
    if not multilabel:
        labels = most_probable(y, classes)
        return label_array(y) if labels is None else labels
    if not is_indicator(y):
        return label_array(y)
    check_order(column_names(y), classes.tolist())
    return encode_indicator(y)[1].astype(np.int64)
