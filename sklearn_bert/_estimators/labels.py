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
