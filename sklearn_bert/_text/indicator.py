"""Several labels a text: an indicator matrix and the names of its columns."""

from decimal import Decimal
from numbers import Integral, Real

import numpy as np

from .._shorten import shorten
from .columns import column_names, has_method
from .label_types import is_missing, labels_of_str
from .rows import Rows, as_matrix


def is_indicator(y):
    """Return whether `y` has several columns: one a label, for texts with several labels.

    Parameters
    ----------
    y : object
        What `read_rows` returns.
    """
    if isinstance(y, Rows):
        return len(y[0]) != 1
    shape = getattr(y, "shape", ())
    return len(shape) == 2 and shape[1] != 1


def encode_indicator(y, *, or_soft=False):
    """Return the names of the labels and the indicator matrix of several labels a text.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_samples, n_labels)
        0 or 1, as `read_rows` returns it. The columns of a data frame are the names of the
        labels, else their numbers.
    or_soft : bool, default=False
        Whether it might have been probabilities, for the error.

    Returns
    -------
    classes : ndarray of shape (n_labels,)
    indicator : ndarray of shape (n_samples, n_labels), dtype float32

    Raises
    ------
    ValueError
        If it holds anything but 0 and 1, or two columns have one name.
    """
    classes = label_names(column_names(y))
    values = values_of(y)
    is_valid = _is_valid(values)
    if not np.all(is_valid):
        row, column = np.argwhere(~is_valid)[0].tolist()
        value = values[row, column : column + 1].tolist()[0]
        is_fraction = isinstance(value, Real) and 0 < value < 1
        ways = "probabilities whose rows sum to 1, " if or_soft and is_fraction else ""
        raise ValueError(
            f"y of several columns must hold 0 and 1 only, got {shorten(value)} at row "
            f"{row}, column {column}; pass {ways}one column of labels, or convert with "
            "MultiLabelBinarizer."
        )
    if not values.shape[1]:
        raise ValueError(
            "y must have at least one column, got none; pass a column of 0 and 1 for each label."
        )
    if classes is None:
        classes = np.arange(values.shape[1])
    return classes, values.astype(np.float32)


def check_order(names, classes, *, of="labels"):
    """Refuse the columns of a frame that are not those of the fit, or in another order.

    Parameters
    ----------
    names : list or None
        The names of the columns, None if they have none.
    classes : list or None
        The names of the columns in the fit.
    of : {"labels", "outputs"}
        What the columns are.

    Raises
    ------
    ValueError
        If both have names, and they differ.
    """
    names, classes = names_of_columns(names), names_of_columns(classes)
    if names is not None and classes is not None and names != classes:
        raise order_error(names, classes, of)


def order_error(names, classes, of="labels"):
    """Return the error that says which columns there must be, and which there are."""
    return ValueError(
        f"y must have the columns of the {of} in the order of the fit, {classes!r}, got "
        f"{names!r}; pass y[{classes!r}]."
    )


def check_unique(names):
    """Refuse two columns of one name.

    Raises
    ------
    ValueError
        It names them.
    """
    for number, name in enumerate(names):
        if (first := names.index(name)) != number:
            raise ValueError(
                f"y must have another name for each of its columns, got {name!r} for the columns "
                f"{first} and {number}; rename one."
            )


def names_of_columns(names):
    """Return several names as a list of plain str; None for numbers, as unnamed columns have."""
    if names is None or len(names) < 2 or not all(isinstance(name, str) for name in names):
        return None
    return [str.__str__(name) for name in names]  # of an Enum of str, the value


def label_names(names):
    """Return the names of labels as an array, or None if they have none."""
    if names is None:
        return None
    for number, name in enumerate(names):
        if isinstance(name, tuple) or is_missing(name):
            raise ValueError(
                f"y must have one name for each of its columns, got {name!r} for column {number}; "
                "rename it, since the columns are the labels."
            )
    check_unique(names)
    if all(isinstance(name, Integral) for name in names):
        return np.array(names)
    labels = np.fromiter(names, dtype=object, count=len(names))
    return labels_of_str(labels) if all(isinstance(name, str) for name in names) else labels


def values_of(y):
    """Return the values of `y`, of which NumPy converts none."""
    if isinstance(y, Rows):
        for row in y:
            if len(row) != len(y[0]):
                raise ValueError(
                    "y must have a column of 0 and 1 for each label, got the labels "
                    f"{shorten(y[0])} at row 0; convert them with "
                    "MultiLabelBinarizer().fit_transform(y)."
                )
        return as_matrix(y)
    return y.toarray() if has_method(y, "toarray") else np.asarray(y)


def _is_valid(values):
    """Return which values are 0 or 1."""
    if values.dtype.kind in "biuf":
        return (values == 0) | (values == 1)
    numbers = (Real, Decimal, np.bool_)
    valid = [isinstance(value, numbers) and value in (0, 1) for value in values.ravel().tolist()]
    return np.reshape(np.array(valid, dtype=bool), values.shape)
