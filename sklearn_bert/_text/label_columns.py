"""Several columns of labels: in each of them, a text has one of several classes."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import Rows, column_names, has_method
from .indicator import is_indicator, label_names, values_of
from .label_types import label_array

if TYPE_CHECKING:
    import numpy.typing as npt


def is_label_columns(y: Any) -> bool:
    """Return whether `y` has several columns of labels, others than 0 and 1.

    Lists of str are none: they are mostly the labels of a text, of which there may be several.

    Parameters
    ----------
    y : object
        What `read_rows` returns.
    """
    if not is_indicator(y) or (isinstance(y, Rows) and y.column_names is None):
        return False
    if has_method(y, "toarray"):
        return False
    values = values_of(y)
    if values.dtype.kind in "iu":
        return bool(((values != 0) & (values != 1)).any())
    if values.dtype.kind == "O":
        return any(map(_is_label, values.ravel().tolist()))
    return values.dtype.kind in "UTmM" and values.size > 0


def _is_label(value: Any) -> bool:
    """Return whether a value of a column can be nothing but a label."""
    return isinstance(value, str) or (isinstance(value, Integral) and value not in (0, 1))


def read_label_columns(y: Any) -> tuple[list[str] | None, list[npt.NDArray[Any]]]:
    """Return the names of the columns, None without, and the labels in each of them.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_columns)
        As `read_rows` returns it.

    Raises
    ------
    ValueError
        If a label is missing or is none, or two columns have one name.
    """
    names = label_names(column_names(y))
    values = values_of(y)
    columns = []
    for number, column in enumerate(values.T):
        try:
            columns.append(label_array(column.tolist() if values.dtype == object else column))
        except ValueError as error:
            name = number if names is None else names.tolist()[number]
            raise ValueError(f"In the column {name!r} of y: {error}") from None
    return None if names is None else [str(name) for name in names], columns


def beside(columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return columns of labels beside each other, as objects where they are of several types."""
    if len({column.dtype.kind for column in columns}) == 1:
        return np.column_stack(columns)
    return np.column_stack([column.astype(object) for column in columns])
