"""What each text, class and label weighs in the loss, checked before anything is trained."""

from numbers import Number, Real

import numpy as np
from sklearn.utils import compute_class_weight

from .._shorten import shorten
from .._text.columns import in_memory

# Of the weights of labels beside each other, whose sum is the loss.
_LEAST, _MOST = 1e-9, 1e9


def check_sample_weight(sample_weight, n_texts):
    """Return the weight of each text.

    Parameters
    ----------
    sample_weight : array-like of shape (n_texts,), float or None
        None weighs them all alike.
    n_texts : int

    Returns
    -------
    weights : ndarray of shape (n_texts,), dtype float64

    Raises
    ------
    ValueError
        If there is not one for each text, one is no finite number or is negative, or all are 0.
    """
    if sample_weight is None:
        return np.ones(n_texts)
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_texts, sample_weight)
    values = _as_numbers(sample_weight)
    if values.shape != (n_texts,):
        raise ValueError(
            f"sample_weight must have one weight for each text, shape {(n_texts,)}, got shape "
            f"{values.shape}; pass one for each row of X."
        )
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        kind = "negative" if values[row] < 0 else "NaN, missing or infinity"
        raise ValueError(
            "sample_weight must hold finite numbers from 0 on, got "
            f"{values[row].item()!r} ({kind}) at row {row}; use 0 to leave a text out."
        )
    if n_texts and not values.any():
        raise ValueError(
            "sample_weight must be above 0 for at least one text, got only zeros; weigh the texts "
            "to learn from."
        )
    return values


def balanced_weights(indices, n_classes, counted):
    """Return the weight of each class such that all of them weigh as much.

    Parameters
    ----------
    indices : ndarray of shape (n_texts,)
        The class of each text.
    n_classes : int
    counted : ndarray of shape (n_texts,), dtype bool
        Whether a text takes part.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        1 for a class without a text.
    """
    weights = np.ones(n_classes)
    present = np.unique(indices[counted])
    if len(present):
        weights[present] = compute_class_weight("balanced", classes=present, y=indices[counted])
    return weights


def balanced_soft_weights(proba, counted):
    """Return the weight of each class such that all of them weigh as much, by probabilities.

    Parameters
    ----------
    proba : ndarray of shape (n_texts, n_classes)
        Of the classes of each text.
    counted : ndarray of shape (n_texts,), dtype bool
        Whether a text takes part.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        1 for a class that no text can be of.
    """
    weights = np.ones(proba.shape[1])
    sums = proba[counted].sum(axis=0)
    present = sums > 0
    weights[present] = sums.sum() / (present.sum() * sums[present])
    return weights


def weigh_classes(values, class_weights):
    """Return what a text weighs by its classes, and its classes so weighed.

    A text of soft labels counts as one of each class, with that share of a text. Together they
    are a text of the mean weight, whose probabilities lean to the classes that weigh more.

    Parameters
    ----------
    values : ndarray of shape (n_texts,) or (n_texts, n_classes)
        Class indices, or probabilities.
    class_weights : ndarray of shape (n_classes,)

    Returns
    -------
    weights : ndarray of shape (n_texts,)
    values : ndarray of the shape of `values`
    """
    if values.ndim == 1:
        return class_weights[values], values
    shares = values * class_weights
    weights = shares.sum(axis=1)
    return weights, shares / np.where(weights > 0, weights, 1.0)[:, None]


def column_weights(class_weight, classes, indices, counted):
    """Return the weight of each class in each of several columns.

    Parameters
    ----------
    class_weight : list of dict, "balanced" or None
        Weights by class, a dict for each column.
    classes : list of ndarray
        Of each column.
    indices : ndarray of shape (n_texts, n_columns)
    counted : ndarray of shape (n_texts,), dtype bool
        Whether a text takes part.

    Returns
    -------
    weights : list of ndarray

    Raises
    ------
    ValueError
        If there is not one dict for each column, or one has a weight or a class that is wrong.
    """
    if class_weight is None:
        return [np.ones(len(each)) for each in classes]
    if class_weight == "balanced":
        columns = zip(indices.T, classes, strict=True)
        return [balanced_weights(column, len(each), counted) for column, each in columns]
    if isinstance(class_weight, dict) or len(class_weight) != len(classes):
        raise ValueError(
            f"class_weight must be a list with a dict for each of the {len(classes)} columns of y, "
            f"or 'balanced', got {shorten(class_weight)}; use {{}} for a column without weights."
        )
    return [named_weights(*pair) for pair in zip(class_weight, classes, strict=True)]


def product_of_columns(class_weights, indices):
    """Return the weight of each text: the product of those of its classes, as in scikit-learn."""
    columns = zip(class_weights, indices.T, strict=True)
    return np.prod([weights[column] for weights, column in columns], axis=0)


def named_weights(class_weight, classes, known=()):
    """Return the weight of each class, 1 where a dict has none.

    As for scikit-learn, a key that is no class is a mistake where a class has no weight, but else
    may be a class that a fold of the texts lacks.

    Parameters
    ----------
    class_weight : dict
        Weight by class.
    classes : ndarray of shape (n_classes,)
        The classes of `y`.
    known : iterable, default=()
        Other keys that are right.

    Returns
    -------
    weights : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a weight is no finite number or is negative, all are 0, or a key is a mistake.
    """
    weights = _checked(class_weight)
    unknown = [name for name in weights if name not in {*classes, *known}]
    without = [name for name in classes if name not in weights]
    if unknown and without:
        raise ValueError(
            f"class_weight must have classes of y as keys, got {unknown[0]!r}: the classes of y, "
            f"{_plain(without)!r}, are not in class_weight."
        )
    values = np.array([weights.get(name, 1.0) for name in classes])
    _check_any(values, class_weight)
    return values


def label_weights(class_weight, classes):
    """Return the weight of the texts that have a label, for each of several labels.

    Parameters
    ----------
    class_weight : dict
        Weight by label.
    classes : ndarray of shape (n_labels,)

    Returns
    -------
    weights : ndarray of shape (n_labels,), dtype float32

    Raises
    ------
    ValueError
        If a key is no label, or a weight is no number that the loss can hold.
    """
    weights = _checked(class_weight)
    for name, weight in weights.items():
        if name not in {*classes}:
            raise ValueError(
                f"class_weight must have labels of y as keys, got {name!r}; the labels are "
                f"{classes.tolist()!r}."
            )
        if weight and not _LEAST <= weight <= _MOST:
            raise ValueError(
                f"class_weight of several labels a text must be 0 or from {_LEAST:g} to {_MOST:g}, "
                f"got {weight!r} for {_plain([name])[0]!r}; texts without the label weigh 1."
            )
    values = np.array([weights.get(name, 1.0) for name in classes])
    _check_any(values, class_weight)
    return values.astype(np.float32)


def combine(sample_weights, class_weights):
    """Return the product of two weights of each text, scaled since only the ratios count.

    Returns
    -------
    weights : ndarray of shape (n_texts,)
        The largest is about 1.

    Raises
    ------
    ValueError
        If a product is so small that float32, which training computes in, would make it 0.
    """
    weights = _scaled(_scaled(sample_weights) * _scaled(class_weights))
    smallest = np.finfo(np.float32).tiny * weights.mean()
    lost = (sample_weights > 0) & (class_weights > 0) & (weights < smallest)
    if lost.any():
        raise ValueError(
            "sample_weight and class_weight must not differ by more than float32 can hold, a "
            f"factor of 1e38 from the mean, got next to nothing for the text at row "
            f"{int(lost.argmax())}; use 0 to leave texts out."
        )
    return weights


def _checked(class_weight):
    """Return the weights of a dict as float, or name the class whose weight is none."""
    checked = {}
    for name, value in class_weight.items():
        is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
        checked[name] = _to_float(value) if is_number else np.nan
        if not 0 <= checked[name] < np.inf:
            raise ValueError(
                "class_weight must be finite numbers that are not negative, got "
                f"{shorten(value)} for {_plain([name])[0]!r}; pass a number such as 2.0."
            )
    return checked


def _check_any(values, class_weight):
    """Refuse weights that leave nothing to learn."""
    if not values.any():
        raise ValueError(
            f"class_weight must be above 0 for at least one class of y, got {shorten(class_weight)}"
            "; weigh the classes to learn."
        )


def _as_numbers(values):
    """Return weights as float64, or name the first that is no number."""
    values = in_memory(values, "sample_weight")
    if isinstance(values, (list, tuple)):  # of which NumPy must not guess the shape
        values = np.fromiter(values, dtype=object, count=len(values))
    values = np.asarray(values)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    numbers = np.full(values.size, np.nan)
    for place, value in enumerate(values.ravel().tolist()):
        if isinstance(value, Real):
            numbers[place] = _to_float(value)
        elif value is not None:
            row = place // (values.size // len(values)) if values.ndim else 0
            raise ValueError(
                f"sample_weight must hold numbers, got {shorten(value)} of type "
                f"{type(value).__name__} at row {row}; convert them with float."
            )
    return numbers.reshape(values.shape)


def _to_float(value):
    """Return a number as float, infinity if it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _scaled(weights):
    """Return weights times the power of two that brings the largest to about 1: an exact change."""
    return np.ldexp(weights, -np.frexp(weights.max(initial=0.0))[1])


def _plain(names):
    """Return names as Python shows them, NumPy's scalars without their type."""
    return [name.item() if isinstance(name, np.generic) else name for name in names]
