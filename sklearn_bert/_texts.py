"""Anything array-like that holds texts becomes ``list[str]``; anything else, one clear sentence."""

from collections.abc import Mapping, Set
from numbers import Number

import numpy as np


def check_texts(X):
    """Return the texts of `X` as a list of str.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,) or (n_samples, 1)
        A list, tuple, NumPy array, or a pandas, polars or Arrow column, or a data frame with
        one column.

    Returns
    -------
    texts : list of str

    Raises
    ------
    TypeError
        If `X` is no array-like, or a row is not a str.
    ValueError
        If `X` is a single str, is empty, or has more than one column.
    """
    if isinstance(X, str):
        raise ValueError(
            f"X must be an array-like of texts, got the single text {_shorten(X)}; pass [text]."
        )
    values = _as_column(X)
    if not values:
        raise ValueError("X must hold at least one text, got 0 (shape=(0,)); pass one or more.")
    return [_check_text(value, row) for row, value in enumerate(values)]


def _as_column(X):
    """Return the rows of a one-column `X` as a list of Python objects."""
    if isinstance(X, (bytes, Number, Mapping, Set)) or X is None:
        raise TypeError(
            f"X must be an array-like of texts, got {_shorten(X)} of type {type(X).__name__}; "
            "pass a list of str."
        )
    if hasattr(X, "toarray"):
        raise TypeError(
            "X must be an array-like of texts, got a sparse matrix; pass the texts themselves, "
            "BERT does its own vectorizing."
        )
    if len(shape := _shape(X)) > 1:
        return _only_column(X, shape)
    for method in ("to_pylist", "to_list", "tolist"):  # Arrow, pandas and polars, NumPy
        if hasattr(X, method):
            values = getattr(X, method)()
            break
    else:
        try:
            values = list(X)
        except TypeError:
            raise TypeError(
                "X must be an array-like of texts, got an object of type "
                f"{type(X).__name__}; pass a list of str."
            ) from None
    if values and all(isinstance(value, (list, tuple)) for value in values):
        return _only_column(values, (len(values), max(map(len, values))))
    return values


def _shape(X):
    """Return the shape of `X`, or () where it has none of its own."""
    shape = getattr(X, "shape", ())
    return shape if isinstance(shape, tuple) else ()


def _only_column(X, shape):
    """Return the single column of a two-dimensional `X` as a list."""
    if len(shape) != 2 or shape[1] != 1:
        raise ValueError(
            f"X must be one column of texts, got shape {shape}; select one column, as in "
            "X['text'], or use a ColumnTransformer."
        )
    if hasattr(X, "iloc"):  # pandas
        return X.iloc[:, 0].tolist()
    if hasattr(X, "to_series"):  # polars
        return X.to_series().to_list()
    if hasattr(X, "to_pylist"):  # an Arrow table
        return X.column(0).to_pylist()
    if isinstance(X, np.ndarray):
        return X[:, 0].tolist()
    return [row[0] if len(row) else None for row in X]


def _check_text(value, row):
    """Return `value` if it is a str that can be written as UTF-8, else name it and its row."""
    if not isinstance(value, str):
        raise TypeError(
            f"X must hold texts of type str, got {_shorten(value)} of type "
            f"{type(value).__name__} at row {row}; fill missing texts with '' or drop those rows."
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"X must hold texts that can be encoded as UTF-8, got {_shorten(value)} with a "
                f"lone surrogate at row {row}; decode the source with errors='replace'."
            ) from None
    return value


def _shorten(value, width=60):
    """Return the repr of `value`, cut so that an error stays one readable sentence."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
