"""Soft labels: probabilities of the classes of each text, such as votes."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .._shorten import shorten
from .columns import column_names
from .indicator import is_indicator, label_names, names_of_columns, values_of
from .label_types import label_array
from .rows import Rows

if TYPE_CHECKING:
    import numpy.typing as npt

# How far a sum may be from 1, since probabilities are rounded, thirds to 0.33.
_TOLERANCE = 0.02


def is_soft(y: Any) -> bool:
    """Return whether `y` of several columns holds probabilities of classes, or is meant to.

    There are fractions in it, and all rows sum to 1 or most of them have fractions: those that do
    not sum to 1 are an error then. A matrix of 0 and 1 is an indicator.

    Parameters
    ----------
    y : object
        What `read_rows` returns.
    """
    if not is_indicator(y):
        return False
    values = _as_numbers(values_of(y))
    if values is None or not values.size:
        return False
    has_fraction = ((values > 0) & (values < 1)).any(axis=1)
    are_sums = _is_valid(values).all() and _sums_to_1(values).all()
    return bool(has_fraction.mean() > 0.5 or (has_fraction.any() and are_sums))


def encode_soft(
    y: Any, classes: Any = None, *, sorts: bool = False
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64], list[Any]]:
    """Return the sorted classes, their probabilities, and the classes in the order of `y`.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_samples, n_classes)
        As `read_rows` returns it.
    classes : array-like of shape (n_classes,), default=None
        The classes that the columns stand for. None takes the names of the columns of a data
        frame, else their numbers.
    sorts : bool, default=False
        Whether `classes` may be in any order where the columns have no names.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted.
    proba : ndarray of shape (n_samples, n_classes)
        In their order; the rows sum to 1.
    columns : list
        The classes in the order of the columns of `y`.

    Raises
    ------
    ValueError
        If `y` does not hold probabilities, or `classes` not the names of its columns.
    """
    if not is_indicator(y):
        raise ValueError(
            "classes must go with probabilities, a column of y for each class, got y of one "
            "column; leave classes out for labels."
        )
    proba = _read_proba(values_of(y), has_classes=classes is not None)
    names = label_names(column_names(y))
    columns = _find_columns(names, classes, proba.shape[1], sorts)
    order = np.argsort(columns, kind="stable")
    proba = proba[:, order]
    return columns[order], proba / proba.sum(axis=1, keepdims=True), columns.tolist()


def most_probable(y: Any, classes: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Return the most probable class of each text, None if `y` does not hold soft labels.

    Parameters
    ----------
    y : object
        What `read_rows` returns. The columns of an array are in the order of `classes`.
    classes : ndarray of shape (n_classes,)
        Sorted.

    Raises
    ------
    ValueError
        If the columns have names that are not those of the classes.
    """
    if not is_indicator(y) or (isinstance(y, Rows) and len(set(map(len, y))) > 1):
        return None
    values = _as_numbers(values_of(y))
    if values is None or values.shape[1] != len(classes):
        return None
    if not (_is_valid(values).all() and _sums_to_1(values).all()):
        return None
    _, proba, _ = encode_soft(y, classes)
    return classes[proba.argmax(axis=1)]


def _as_numbers(values: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    """Return values as float64, None if they are none."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    numbers = (Real, Decimal, np.bool_)
    if all(isinstance(value, numbers) for value in values.ravel().tolist()):
        return values.astype(np.float64)
    return None


def _is_valid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which values can be probabilities; NaN is none."""
    return (values >= 0) & (values <= 1)


def _sums_to_1(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which rows sum to 1, as far as rounded numbers do."""
    return np.abs(values.sum(axis=1) - 1) <= _TOLERANCE


def _read_proba(values: npt.NDArray[Any], *, has_classes: bool) -> npt.NDArray[np.float64]:
    """Return probabilities, or name the first value or row that is none."""
    proba = _as_numbers(values)
    valid = np.zeros(values.shape, dtype=bool) if proba is None else _is_valid(proba)
    if proba is None or not valid.all():
        if proba is None:
            cells = values.ravel().tolist()
            valid = np.reshape([isinstance(cell, Real) for cell in cells], values.shape)
        row, column = np.argwhere(~valid)[0].tolist()
        way_out = "leave classes out for labels" if has_classes else "correct that row, or drop it"
        raise ValueError(
            f"y {'with classes ' * has_classes}must hold probabilities from 0 to 1, got "
            f"{shorten(values[row, column : column + 1].tolist()[0])} at row {row}, column "
            f"{column}; {way_out}."
        )
    wrong = ~_sums_to_1(proba)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            "y must hold probabilities whose rows sum to 1, got the sum "
            f"{proba[row].sum().item():.6g} at row {row}; divide each row by its sum."
        )
    return proba


def _find_columns(names: Any, classes: Any, n_columns: int, sorts: bool) -> npt.NDArray[Any]:
    """Return the class of each column."""
    if classes is None:
        return np.arange(n_columns) if names is None else label_array(names)
    try:
        given = label_array(classes)
    except (TypeError, ValueError) as error:
        raise type(error)(f"classes must be labels as y may hold them, but {error}") from None
    found = given.tolist()
    if len(found) != n_columns or len(set(found)) != n_columns:
        raise ValueError(
            f"classes must name each of the {n_columns} columns of y once, got {shorten(found)}; "
            "pass as many different names."
        )
    if names is not None and set(names.tolist()) == set(found):
        return label_array(names)
    if names is not None and names_of_columns(names.tolist()) is not None:
        raise ValueError(
            f"classes must be the names of the columns of y, {shorten(names.tolist())}, got "
            f"{shorten(found)}; leave classes out, or rename the columns."
        )
    if not sorts and found != sorted(found):
        raise ValueError(
            "classes must be sorted, as they are in predict_proba, where the columns of y have no "
            f"names, got {shorten(found)}; sort them, and the columns of y with them."
        )
    return given
