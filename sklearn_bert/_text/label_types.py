"""Labels in arrays, in the type that they came in, without scikit-learn."""

from collections.abc import Mapping
from enum import Enum
from numbers import Integral, Real

import numpy as np

from .._shorten import shorten
from .columns import has_method
from .rows import as_matrix, read_rows

# An array of str takes the space of its longest one for each: longer ones are held as objects.
_LONGEST_IN_ARRAY = 1_000


def _to_one_dimension(y):
    """Return a column of labels as an array of one dimension."""
    y = np.asarray(y)
    if y.ndim != 1 and y.shape[1:] != (1,):
        raise ValueError(
            f"y must have one label for each text, got shape {y.shape}; pass one column of labels."
        )
    return y.ravel()


def label_array(y, flatten=_to_one_dimension):
    """Return one label a text as an array; none is cut, merged or turned into another one.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
    flatten : callable, default=_to_one_dimension
        Makes one dimension of a column.

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        As objects, where NumPy has no type for them: members of an Enum of str, say.

    Raises
    ------
    TypeError
        If `y` is no array-like.
    ValueError
        If a label is missing, is of another type than the first, or is no class label.
    """
    y = read_rows(y, "label")
    is_list = isinstance(y, (list, tuple))
    y = np.asarray(_as_numpy(y))
    if y.size and y.dtype.kind not in "biufUmMO":
        _refuse_type(y.ravel()[0], 0)
    y = flatten(y) if y.ndim == 2 else _to_one_dimension(y)
    _check_complete(y)
    _check_same_type(y)
    if y.dtype != object or not len(y):
        return y
    if _kind(type(y[0])) is not str:
        return _to_numbers(y)
    return labels_of_str(y) if is_list else y


def labels_of_str(labels):
    """Return objects of type str as an array of str, if that cuts and merges none of them."""
    is_plain = all(type(label) in (str, np.str_) for label in labels)
    # NumPy drops null characters at the end.
    if not is_plain or any(label.endswith("\0") for label in labels):
        return labels
    return labels if max(map(len, labels)) > _LONGEST_IN_ARRAY else np.array(labels.tolist())


def label_name(label):
    """Return a label as a plain str; that of a member of an Enum of str is its value."""
    return str.__str__(label) if isinstance(label, str) else str(label)


def is_missing(label):
    """Return whether `label` is None, NaN, or pandas' NA or NaT."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(label, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(label))
    return isinstance(label, Real) and bool(label != label)


def _is_infinite(label):
    """Return whether `label` is a float without an end."""
    return isinstance(label, (float, np.floating)) and bool(np.isinf(label))


def _as_numpy(y):
    """Return `y` such that NumPy does not turn its labels into other ones.

    It would read a list of "a" and NaN as texts, cut members of an Enum of str, and read
    extension arrays of int as floats.
    """
    if has_method(y, "toarray"):
        return y.toarray()
    if isinstance(y, (list, tuple)):
        if len(y) and isinstance(y[0], list):
            _check_widths(y)
            return as_matrix(y)
        return np.fromiter(y, dtype=object, count=len(y))
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, np.dtypes.StringDType):
        return labels_of_str(np.array(y.tolist(), dtype=object))
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(y, "to_numpy"):
        return y.to_numpy()
    return y


def _check_widths(rows):
    """Refuse rows of several labels that are not as many in each."""
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"y must have one label for each text, got {shorten(rows[0])} at row 0; for several "
            "labels a text, convert them with MultiLabelBinarizer."
        )


def _check_complete(y):
    """Name the row of the first missing label."""
    if y.dtype.kind == "f":
        missing = ~np.isfinite(y)
    elif y.dtype.kind in "mM":
        missing = np.isnat(y)
    elif y.dtype == object and not {str, int, bool}.issuperset(map(type, y)):
        missing = np.array([is_missing(label) or _is_infinite(label) for label in y], dtype=bool)
    else:
        return
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"y must have a label for each text, got {y[row]!r} (NaN, infinite or missing) at row "
            f"{row}; drop the rows without a label."
        )


def _check_same_type(y):
    """Name the first label that is of another type than the first, or of one that none takes."""
    kinds = {found: _kind(found) for found in map(type, y if y.dtype == object else ())}
    if None not in kinds.values() and len(set(kinds.values())) < 2:
        return
    for row, label in enumerate(y):
        kind = kinds[type(label)]
        if kind is None:
            _refuse_type(label, row)
        if kind is not kinds[type(y[0])]:
            raise ValueError(
                f"y must have labels of one type, got {shorten(label)} of type "
                f"{type(label).__name__} at row {row} after {shorten(y[0])} of type "
                f"{type(y[0]).__name__} at row 0; convert them all, as in "
                "[str(label) for label in y]."
            )


def _refuse_type(label, row):
    """Name a label that scikit-learn takes for none, and what to make of it."""
    way = "str(label)"
    if isinstance(label, Mapping) and label:
        way = f"label[{next(iter(label))!r}]"
    elif isinstance(label, Enum):
        way = "label.name"
    elif isinstance(label, bytes):
        way = "label.decode()"
    raise ValueError(
        f"y must have labels of type str, bool, int or float, got {shorten(label)} of type "
        f"{type(label).__name__} at row {row}; convert them, as in [{way} for label in y]."
    )


def _kind(label_type):
    """Return what labels of a type count as, None if they are no labels.

    bool and int differ, int and NumPy's integers do not.
    """
    for kind, types in (
        (bool, (bool, np.bool_)),
        (str, str),
        (np.timedelta64, np.timedelta64),  # NumPy counts it as an integer
        (int, Integral),
        (float, (float, np.floating)),
        (np.datetime64, np.datetime64),
    ):
        if issubclass(label_type, types):
            return kind
    return None


def _to_numbers(labels):
    """Return numbers, bools or times held as objects as an array of their type."""
    numbers = np.array(labels.tolist())
    if _kind(type(labels[0])) is not int or numbers.dtype.kind in "iu":
        return numbers
    numbers = np.array([int(label) for label in labels])  # signed beside unsigned ones are floats
    if numbers.dtype.kind not in "iu":
        row = int(np.argmax([abs(int(label)) for label in labels]))
        raise ValueError(
            f"y must have labels that fit into 64 bits, got {labels[row]!r} at row {row}; convert "
            "them all, as in [str(label) for label in y]."
        )
    return numbers
