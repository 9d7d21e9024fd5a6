"""The rows of targets: one label or number a text, or a list of several."""

from collections.abc import Mapping, Set
from numbers import Number

import numpy as np

from .._shorten import shorten
from .columns import Rows, column_names, in_memory, is_structured, refuse_unread, to_list

_SINGLE = {str, int, float, bool, type(None)}


def read_rows(y, of):
    """Return targets in memory; where each row holds several of them, as a list of lists.

    Parameters
    ----------
    y : object
        Labels or numbers as the caller gave them.
    of : {"label", "number"}
        What it holds, for the errors.

    Returns
    -------
    y : object
        `Rows`, if each row is a list, a tuple or an array; else what `in_memory` returns.

    Raises
    ------
    TypeError
        If it holds no rows, or must be computed first.
    ValueError
        If only some of the rows are lists, or they are sets.
    """
    refuse_unread(y, "y")
    _check_array_like(y, of)
    y = in_memory(y, "y")
    if is_structured(y):
        return Rows(y.tolist(), list(y.dtype.names))
    if isinstance(y, (list, tuple)):
        y = values = _unboxed(y)
    else:
        values = _list_of_objects(y)
    if _SINGLE.issuperset(map(type, values)):  # soon seen, of a million labels
        return y
    nested = [_is_nested(value) for value in values]
    if not any(nested):
        return y
    _check_nested(values, nested, of)
    return Rows([_as_list(value) for value in values], column_names(y))


def as_matrix(rows):
    """Return rows of as many objects each as an array of two dimensions, none converted."""
    values = [value for row in rows for value in row]
    matrix = np.fromiter(values, dtype=object, count=len(values))
    return matrix.reshape(len(rows), len(rows[0]))


def _check_array_like(y, of):
    """Refuse what holds no rows."""
    is_single = isinstance(y, (str, bytes, Number, Mapping, Set)) or getattr(y, "shape", 1) == ()
    if not is_single and (hasattr(y, "__iter__") or hasattr(y, "shape")):
        return
    way = f"pass a list with one {of} for each text"
    if isinstance(y, Mapping) and y:
        way = f"pass one column, such as y[{next(iter(y))!r}], or a data frame for several"
    raise TypeError(
        f"y must be an array-like of {of}s, got {shorten(y)} of type {type(y).__name__}; {way}."
    )


def _unboxed(values):
    """Return values of which arrays or tensors without a dimension are plain numbers."""
    types = {kind for kind in map(type, values) if not issubclass(kind, np.generic)}
    if not any(hasattr(kind, "shape") for kind in types):
        return values
    return [value.item() if getattr(value, "shape", None) == () else value for value in values]


def _list_of_objects(y):
    """Return the values of a column that may hold lists, [] of one that cannot."""
    dtype, shape = getattr(y, "dtype", None), getattr(y, "shape", (0,))
    is_numpy = isinstance(dtype, np.dtype)
    if len(shape) != 1 or (is_numpy and dtype.kind != "O"):
        return []
    first = next(iter(y), None)
    first = first.as_py() if hasattr(first, "as_py") else first  # of Arrow
    return to_list(y) if is_numpy or first is None or _is_nested(first) else []


def _is_nested(value):
    """Return whether a row holds several values."""
    if isinstance(value, (list, tuple, Set)):
        return True
    return not isinstance(value, str) and len(getattr(value, "shape", ())) == 1


def _check_nested(values, nested, of):
    """Refuse lists beside single values, and sets, whose values have no order."""
    for row, value in enumerate(values):
        if isinstance(value, Set):
            _refuse_set(value, row, of)
        if nested[row] != nested[0]:
            way = "for several labels a text, convert them with MultiLabelBinarizer"
            raise ValueError(
                f"y must have one {of} for each text, or a list of them for each text, got "
                f"{shorten(value)} at row {row} after {shorten(values[0])} at row 0; "
                f"{way if of == 'label' else 'pass as many numbers for each text'}."
            )


def _refuse_set(value, row, of):
    """Name a set and what to make of it."""
    if of == "number":
        raise ValueError(
            f"y must have one number for each text, or a list of them, got {shorten(value)} at row "
            f"{row}; pass lists, since a set has no order."
        )
    raise ValueError(
        f"y must have a column of 0 and 1 for each label, got the labels {shorten(value)} at row "
        f"{row}; convert them with MultiLabelBinarizer().fit_transform(y)."
    )


def _as_list(value):
    """Return a row of several values as a list."""
    return list(value) if isinstance(value, (list, tuple)) else to_list(value)
