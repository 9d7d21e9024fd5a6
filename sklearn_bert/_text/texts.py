"""Anything array-like of texts or pairs becomes a list; anything else, one clear sentence."""

from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from numbers import Number

import numpy as np

from .._shorten import shorten
from .._warn import warn
from .columns import (
    column_names,
    has_method,
    in_memory,
    is_structured,
    refuse_unread,
    to_list,
)

# Enough of them for batches of equal lengths; their token ids take some ten megabytes.
_TEXTS_AT_ONCE = 32_768
# Fewer where the next ones are prepared meanwhile: nothing is done while the first are.
_TEXTS_AHEAD = 8_192


def check_texts(X):
    """Return the texts of `X` as a list of str.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,) or (n_samples, 1)
        A list, tuple, generator, NumPy array, or a pandas, polars, Arrow or Hugging Face
        column, or a data frame, Hugging Face dataset or relation of DuckDB with one column.

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
            f"X must be an array-like of texts, got the single text {shorten(X)}; pass [text]."
        )
    columns = _columns(X)
    if not len(columns[0]):
        raise ValueError("X must hold at least one text, got 0 (shape=(0,)); pass one or more.")
    checked = [[_check_text(value, row) for row, value in enumerate(column)] for column in columns]
    return checked[0] if len(checked) == 1 else list(zip(*checked, strict=True))


def is_pairs(texts):
    """Return whether what `check_texts_or_pairs` gave is pairs."""
    return isinstance(texts[0], tuple)


def check_names(X, names, estimator_name):
    """Refuse a frame of pairs whose columns are not those that were learnt from.

    Parameters
    ----------
    X : object
        As `check_texts_or_pairs` takes it.
    names : ndarray of shape (2,) or None
        The `feature_names_in_` of the estimator; None if it has none.
    estimator_name : str
        Whom a warning names.

    Raises
    ------
    ValueError
        If the columns have other names, or another order.

    Warns
    -----
    UserWarning
        If the columns of `X` have no names to compare, as scikit-learn's estimators do.
    """
    if names is None:
        return
    expected, found = list(names), names_of_pairs(X)
    if found is None:
        warn(
            f"X does not have valid feature names, but {estimator_name} was fitted with feature "
            f"names: the first text of a pair is read as {expected[0]!r}, the second as "
            f"{expected[1]!r}."
        )
    elif found != expected:
        raise ValueError(
            "The feature names should match those that were passed during fit, in the same order: "
            f"X must have the columns {expected!r}, got {found!r}; pass X[{expected!r}]."
        )


def names_of_pairs(X):
    """Return the names of two columns as a list of str, None where they have none."""
    names = column_names(X)
    if names is None or len(names) != 2 or not all(isinstance(name, str) for name in names):
        return None
    return [str.__str__(name) for name in names]  # of an Enum of str, the value


def in_chunks(function, texts):
    """Return the rows that `function` gives for texts, called on one chunk of them at a time.

    So the memory beside the texts and their rows is bounded, however many texts there are.
    """
    if len(texts) <= _TEXTS_AT_ONCE:
        return function(texts)
    return np.concatenate([function(some) for some in _chunks(texts, _TEXTS_AT_ONCE)])


def in_chunks_ahead(prepare, function, texts):
    """Return the rows that `function` gives for what `prepare` makes of texts, chunk by chunk.

    While `function` waits for a device, the next chunk is prepared in a thread, and no more than
    that one. The thread has ended when this returns or raises.
    """
    if len(texts) <= _TEXTS_AHEAD:
        return function(prepare(texts))
    rows = []
    with ThreadPoolExecutor(1, thread_name_prefix="sklearn_bert") as executor:
        first, *others = _chunks(texts, _TEXTS_AHEAD)
        ahead = executor.submit(prepare, first)
        for some in others:
            ready, ahead = ahead.result(), executor.submit(prepare, some)
            rows.append(function(ready))
        rows.append(function(ahead.result()))
    return np.concatenate(rows)


def _chunks(texts, size):
    """Return texts as lists of at most so many."""
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def _columns(X):
    """Return the one or two columns of `X` as lists of Python objects."""
    _check_array_like(X)
    refuse_unread(X, "X")
    names = column_names(X)
    if names is not None:
        _check_shape((len(X), len(names)))  # before anything of a large table is read
    X = in_memory(X, "X")
    if is_structured(X):
        return [X[name].tolist() for name in names]
    if len(shape := _shape(X)) > 1:
        return _columns_of_table(X, shape)
    try:
        values = to_list(X)
    except TypeError:
        raise TypeError(
            "X must be an array-like of texts, got an object of type "
            f"{type(X).__name__}; pass a list of str."
        ) from None
    if values and all(_is_row(value) for value in values):
        return _columns_of_table(values, (len(values), max(map(len, values))))
    return [values]


def _check_array_like(X):
    """Refuse what holds no rows of texts."""
    if isinstance(X, (bytes, Number, Mapping, Set)) or X is None:
        example = ""
        if isinstance(X, Mapping) and X:
            example = f", such as X[{next(iter(X))!r}]"
        raise TypeError(
            f"X must be an array-like of texts, got {shorten(X)} of type {type(X).__name__}; "
            f"pass a list of str{example}."
        )
    if has_method(X, "toarray"):
        raise TypeError(
            "X must be an array-like of texts, got a sparse matrix; pass the texts themselves, "
            "BERT does its own vectorizing."
        )


def _is_row(value):
    """Return whether `value` is a row of texts: a list, a tuple, or an array such as a Series."""
    return isinstance(value, (list, tuple)) or len(_shape(value)) == 1


def _shape(X):
    """Return the shape of `X`, or () where it has none of its own."""
    shape = getattr(X, "shape", ())
    return shape if isinstance(shape, tuple) else ()


def _check_shape(shape):
    """Refuse all but one or two columns."""
    if len(shape) != 2 or shape[1] not in (1, 2):
        raise ValueError(
            f"X must be one column of texts, or two of text pairs, got shape {shape}; select one "
            "column, as in X['text'], or use a ColumnTransformer."
        )


def _columns_of_table(X, shape):
    """Return the one or two columns of a two-dimensional `X` as lists."""
    _check_shape(shape)
    numbers = range(shape[1])
    if hasattr(X, "iloc"):  # pandas
        return [X.iloc[:, number].tolist() for number in numbers]
    if has_method(X, "to_series"):  # polars
        return [X.to_series(number).to_list() for number in numbers]
    if has_method(X, "to_pylist"):  # an Arrow table
        return [X.column(number).to_pylist() for number in numbers]
    if not isinstance(X, list) and hasattr(X, "__array__"):
        X = X if isinstance(X, np.ndarray) else np.asarray(X)  # a masked array stays one
        return [X[:, number].tolist() for number in numbers]
    rows = [row if isinstance(row, (list, tuple)) else to_list(row) for row in X]
    return [[row[number] if len(row) > number else None for row in rows] for number in numbers]


def _check_text(value, row):
    """Return `value` if it is a str that can be written as UTF-8, else name it and its row."""
    if not isinstance(value, str):
        way = "fill missing texts with '' or drop those rows"
        if isinstance(value, Mapping):
            key = repr(next(iter(value), "text"))
            way = f"pass the texts alone, as in [row[{key}] for row in X]"
        raise TypeError(
            f"X must hold texts of type str, got {shorten(value)} of type "
            f"{type(value).__name__} at row {row}; {way}."
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"X must hold texts that can be encoded as UTF-8, got {shorten(value)} with a "
                f"lone surrogate at row {row}; decode the source with errors='replace'."
            ) from None
    return value
