"""Anything array-like of texts or pairs becomes a list; anything else, one clear sentence."""

from collections.abc import Mapping, Set
from numbers import Number

import numpy as np

# Enough of them for batches of equal lengths; their token ids take some ten megabytes.
_TEXTS_AT_ONCE = 32_768


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
    texts = check_texts_or_pairs(X)
    if is_pairs(texts):
        raise ValueError(
            f"X must be one column of texts, got shape {(len(texts), 2)}; select one column, as in "
            "X['text'], or use a ColumnTransformer."
        )
    return texts


def check_texts_or_pairs(X):
    """Return the texts of `X` as a list of str, or its pairs as a list of tuples of two str.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
        As for `check_texts`. Two columns are pairs; so is a list of tuples of two. A list of two
        str is two texts.

    Returns
    -------
    texts : list of str or list of (str, str)

    Raises
    ------
    TypeError
        If `X` is no array-like, or a text is not a str.
    ValueError
        If `X` is a single str, is empty, or has more than two columns.
    """
    if isinstance(X, np.ndarray) and X.ndim == 0:
        X = X.item()
    if isinstance(X, str):
        raise ValueError(
            f"X must be an array-like of texts, got the single text {_shorten(X)}; pass [text]."
        )
    columns = _columns(X)
    if not len(columns[0]):
        raise ValueError("X must hold at least one text, got 0 (shape=(0,)); pass one or more.")
    checked = [[_check_text(value, row) for row, value in enumerate(column)] for column in columns]
    return checked[0] if len(checked) == 1 else list(zip(*checked, strict=True))


def is_pairs(texts):
    """Return whether what `check_texts_or_pairs` gave is pairs."""
    return isinstance(texts[0], tuple)


def by_portions(function, texts):
    """Return the rows that `function` gives for texts, and gives for a portion of them at a time.

    So the memory beside the texts and their rows is bounded, however many texts there are.
    """
    if len(texts) <= _TEXTS_AT_ONCE:
        return function(texts)
    starts = range(0, len(texts), _TEXTS_AT_ONCE)
    return np.concatenate([function(texts[start : start + _TEXTS_AT_ONCE]) for start in starts])


def _columns(X):
    """Return the one or two columns of `X` as lists of Python objects."""
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
        return _columns_of_table(X, shape)
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
        return _columns_of_table(values, (len(values), max(map(len, values))))
    return [values]


def _shape(X):
    """Return the shape of `X`, or () where it has none of its own."""
    shape = getattr(X, "shape", ())
    return shape if isinstance(shape, tuple) else ()


def _columns_of_table(X, shape):
    """Return the one or two columns of a two-dimensional `X` as lists."""
    if len(shape) != 2 or shape[1] not in (1, 2):
        raise ValueError(
            f"X must be one column of texts, or two of text pairs, got shape {shape}; select one "
            "column, as in X['text'], or use a ColumnTransformer."
        )
    numbers = range(shape[1])
    if hasattr(X, "iloc"):  # pandas
        return [X.iloc[:, number].tolist() for number in numbers]
    if hasattr(X, "to_series"):  # polars
        return [X.to_series(number).to_list() for number in numbers]
    if hasattr(X, "to_pylist"):  # an Arrow table
        return [X.column(number).to_pylist() for number in numbers]
    if isinstance(X, np.ndarray):
        return [X[:, number].tolist() for number in numbers]
    return [[row[number] if len(row) > number else None for row in X] for number in numbers]


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
