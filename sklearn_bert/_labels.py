"""Labels of any type become class indices, or an indicator of several labels."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets


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
    ValueError
        If a label is missing, is of another type than the first, or is no class label.
    """
    if y is None:
        raise ValueError(
            f"{estimator_name} requires y to be passed, but the target y is None; "
            "pass the labels of the texts."
        )
    y = column_or_1d(_as_numpy(y), warn=True)
    _check_complete(y)
    if y.dtype == object:
        y = _check_same_type(y)
    check_classification_targets(y)
    classes, targets = np.unique(y, return_inverse=True)
    return classes, targets.astype(np.int64)


def is_indicator(y):
    """Return whether `y` has several columns: one a label, for texts with several labels."""
    shape = getattr(y, "shape", None)
    if shape is None and isinstance(y, (list, tuple)) and len(y):
        return all(isinstance(row, (list, tuple, np.ndarray)) for row in y) and len(y[0]) != 1
    return shape is not None and len(shape) == 2 and shape[1] != 1


def encode_indicator(y):
    """Return the names of the labels and the indicator matrix of several labels a text.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_samples, n_labels)
        0 or 1. The columns of a data frame are the names of the labels, else their numbers.

    Returns
    -------
    classes : ndarray of shape (n_labels,)
    indicator : ndarray of shape (n_samples, n_labels), dtype float32

    Raises
    ------
    ValueError
        If it holds anything but 0 and 1.
    """
    names = getattr(y, "columns", None)
    if isinstance(y, (list, tuple)) and len({len(row) for row in y}) > 1:
        raise ValueError(
            f"y must have a column of 0 and 1 for each label, got the labels {y[0]!r} at row 0; "
            "convert them with MultiLabelBinarizer().fit_transform(y)."
        )
    values = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    is_valid = (values == 0) | (values == 1)
    if not np.all(is_valid):
        row, column = np.argwhere(~np.broadcast_to(is_valid, values.shape))[0].tolist()
        value = values[row, column : column + 1].tolist()[0]
        raise ValueError(
            f"y of several columns must hold 0 and 1 only, got {value!r} at row "
            f"{row}, column {column}; pass one column of labels, or convert with "
            "MultiLabelBinarizer."
        )
    classes = np.arange(values.shape[1]) if names is None else np.asarray(list(names))
    return classes, values.astype(np.float32)


def _as_numpy(y):
    """Return `y` such that NumPy does not turn its labels into other ones.

    It would read a list of "a" and NaN as texts, and extension arrays of int as floats.
    """
    if isinstance(y, (list, tuple)) and not _is_column(y):
        labels = np.empty(len(y), dtype=object)
        labels[:] = y
        _check_complete(labels)
        _check_same_type(labels)
        return np.asarray(y)
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, np.dtypes.StringDType):
        return np.array(y.tolist())
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(y, "to_numpy"):
        return y.to_numpy()
    return y


def _is_column(y):
    """Return whether all rows are lists of as many labels; lists beside labels are an error."""
    nested = [isinstance(label, (list, tuple)) or getattr(label, "ndim", 0) > 0 for label in y]
    if not any(nested):
        return False
    first = nested.index(True)
    for row, label in enumerate(y):
        if not nested[row] or len(label) != len(y[first]):
            raise ValueError(
                f"y must have one label for each text, got {y[first]!r} at row {first}; for "
                "several labels a text, convert them with MultiLabelBinarizer."
            )
    return True


def _check_complete(y):
    """Name the row of the first missing label."""
    if y.dtype.kind == "f":
        missing = np.isnan(y)
    elif y.dtype == object:
        missing = np.array([_is_missing(label) for label in y], dtype=bool)
    else:
        return
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"y must have a label for each text, got {y[row]!r} (NaN or missing) at row {row}; "
            "drop the rows without a label."
        )


def _is_missing(label):
    """Return whether `label` is None, NaN, or pandas' NA or NaT."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, Real) and bool(label != label)


def _check_same_type(y):
    """Return labels held as objects as an array that sorts, or name the one that differs."""
    if not len(y):
        return y
    kind = _kind(y[0])
    for row, label in enumerate(y):
        if _kind(label) is not kind:
            raise ValueError(
                f"y must have labels of one type, got {label!r} of type {type(label).__name__} "
                f"at row {row} after {y[0]!r} of type {type(y[0]).__name__} at row 0; convert "
                "them all, as in [str(label) for label in y]."
            )
    return y if kind is str else np.array(y.tolist())


def _kind(label):
    """Return what `label` counts as: bool and int differ, int and NumPy's integers do not."""
    if isinstance(label, np.bool_):
        return bool
    for kind in (str, bool, Integral, Real):
        if isinstance(label, kind):
            return kind
    return type(label)
