"""The texts that a model gets most wrong, from whatever holds it and them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .._estimators.labels import encode_labels
from .._estimators.text_estimator import TextEstimator
from .._text.indicator import is_indicator
from .._text.rows import read_rows
from .._text.texts import check_texts_or_pairs
from ._unwrap import name_of, unwrap

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.base import BaseEstimator

    from .._typing import PerText, SequenceNotStr, SupportsArray, Targets, Texts


def top_losses(
    estimator: BaseEstimator | None,
    X: Texts,
    y: Targets,
    *,
    n: int = 10,
    proba: SupportsArray | SequenceNotStr[Any] | None = None,
    classes: PerText | None = None,
) -> pd.DataFrame:
    """Return the texts that a model gets most wrong, the worst first.

    With out-of-fold probabilities, those are the texts whose labels are most likely wrong: no
    model has learnt them by heart.

    Parameters
    ----------
    estimator : estimator or None
        Any fitted classifier of texts with `predict_proba`. Not used for predicting if `proba`
        is given, when it need not be fitted, and may be None.
    X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
        The texts, or pairs of texts; of a pipeline that ends with a model of this package, what
        the pipeline reads.
    y : array-like of shape (n_samples,)
        Their labels.
    n : int, default=10
        The most texts that are returned.
    proba : array-like or data frame of shape (n_samples, n_classes), default=None
        Probabilities, such as those of ``cross_val_predict(..., method="predict_proba")``. The
        columns of a data frame are those of the classes that they are named after, in any order.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `proba`, where they have no names. None is those of a fitted
        estimator, else the sorted labels of `y`, which is what `cross_val_predict` gives.

    Returns
    -------
    worst : DataFrame
        With the columns ``text``, ``label``, ``predicted`` (the most probable class),
        ``probability`` (of the label) and ``loss`` (minus its logarithm); the index holds the rows
        of `X`, counted from 0.

    Raises
    ------
    NotFittedError
        If `estimator` has to predict and is not fitted.
    TypeError
        If `estimator` has to predict and gives no probabilities, or a text is not a str.
    ValueError
        If `X`, `y`, `proba` and `classes` do not fit together, `proba` holds what is no
        probability or has columns named after no class, `n` is below 1, or texts have several
        labels.

    See Also
    --------
    explain : Which words led a model to its answer.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_bert import top_losses
    >>> texts, labels = ["so good", "so bad", "not bad"], ["pos", "neg", "neg"]
    >>> proba = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    >>> top_losses(None, texts, labels, proba=proba, n=1)
          text label predicted  probability      loss
    2  not bad   neg       pos          0.3  1.203973
    """
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n must be an int above 0, got {n!r}.")
    X = list(X) if isinstance(X, Iterator) else X
    texts = find_texts(estimator, X, y, fitted=proba is None)
    y = find_labels(y, texts)
    if proba is None:
        proba, classes = predict_probabilities(estimator, X, texts), None
    if classes is None:
        classes = getattr(estimator, "classes_", np.unique(y))
    proba, classes = check_probabilities(proba, np.asarray(classes), len(texts))
    of_label = probabilities_of(y, proba, classes)
    worst = np.argsort(of_label, kind="stable")[:n]
    with np.errstate(divide="ignore"):
        losses = -np.log(of_label[worst].clip(0, 1))
    return pd.DataFrame(
        {
            "text": [texts[row] for row in worst],
            "label": y[worst],
            "predicted": classes[proba[worst].argmax(axis=1)],
            "probability": of_label[worst],
            "loss": losses,
        },
        index=worst,
    )


def find_texts(estimator: BaseEstimator | None, X: Texts, y: Targets, *, fitted: bool) -> list[Any]:
    """Return the texts that are shown of X: itself, or what a pipeline's last step reads of it."""
    try:
        return check_texts_or_pairs(X)
    except (TypeError, ValueError):
        if estimator is None or isinstance(estimator, TextEstimator):
            raise
        try:
            _, own = unwrap(estimator, X, y, fitted=fitted)
        except TypeError:
            own = X
        if own is X:
            raise
    return check_texts_or_pairs(own)


def find_labels(y: Targets, texts: list[Any]) -> npt.NDArray[Any]:
    """Return the labels of the texts as an array, one for each."""
    rows = None if y is None else read_rows(y, "label")
    if is_indicator(rows):
        raise ValueError(
            "y must have one label for each text, got several columns; look at one label at a "
            "time, with its column of y, and proba=[1 - p, p] of its probability p."
        )
    labels, targets = encode_labels(rows, estimator_name="top_losses")
    check_consistent_length(texts, targets)
    return labels[targets]


def predict_probabilities(estimator: Any, X: Texts, texts: list[Any]) -> Any:
    """Return what a fitted classifier gives for X, or refuse one that gives no probabilities."""
    if isclass(estimator) or not hasattr(estimator, "predict_proba"):
        raise TypeError(
            "estimator must be a fitted classifier with predict_proba, got "
            f"{name_of(estimator)}; or give the probabilities by proba."
        )
    check_is_fitted(estimator)
    if getattr(estimator, "multilabel_", False):
        raise ValueError(
            f"estimator must give one label a text, got a {type(estimator).__name__} of several; "
            "give proba and y of one label, such as [1 - p, p] and 0 or 1."
        )
    shape: tuple[int, ...] = getattr(X, "shape", ())
    is_table = len(shape) == 2 and (shape[1] > 1 or hasattr(estimator, "n_features_in_"))
    # A list of texts is what any classifier of texts can read.
    return estimator.predict_proba(X if is_table else texts)


def check_probabilities(
    proba: Any, classes: npt.NDArray[Any], n_texts: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Return probabilities as an array, and the classes of its columns.

    Parameters
    ----------
    proba : array-like or data frame of shape (n_samples, n_classes)
        The columns of a data frame may be named after the classes, in any order.
    classes : ndarray of shape (n_classes,)
        Of the columns where they have no names.
    n_texts : int
        Rows that there must be.

    Raises
    ------
    ValueError
        If a name is no class, a class is there twice, the shape is another, a value is no
        probability, or it cannot be told whether columns are named.
    """
    _check_different(classes.tolist(), "classes must be different")
    names = _column_names(proba, classes.tolist())
    try:
        proba = np.asarray(proba, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"proba must be a table of numbers, got {type(proba).__name__}; give the array that "
            "predict_proba returns."
        ) from None
    if names is not None:
        classes = classes[_find_classes(names, classes.tolist())]
        _check_different(classes.tolist(), "proba must have one column for each class")
    if proba.shape != (n_texts, len(classes)):
        raise ValueError(
            f"proba must have the shape (n_samples, n_classes) = {(n_texts, len(classes))}, got "
            f"{proba.shape}; give the labels of its columns by classes."
        )
    _check_range(proba)
    return proba, classes


def probabilities_of(
    y: npt.NDArray[Any], proba: npt.NDArray[np.float64], classes: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the probability of each label."""
    columns = {label: column for column, label in enumerate(classes.tolist())}
    labels = y.tolist()
    unknown = [row for row, label in enumerate(labels) if label not in columns]
    if unknown:
        raise ValueError(
            f"y must hold labels of the classes {classes.tolist()!r} only, got "
            f"{labels[unknown[0]]!r} at row {unknown[0]}; drop those rows."
        )
    return proba[np.arange(len(labels)), [columns[label] for label in labels]]


def _column_names(proba: Any, classes: list[Any]) -> list[Any] | None:
    """Return the names of the columns of a data frame, None where they only count."""
    names = getattr(proba, "column_names", None)  # Arrow; a data frame of pandas or polars:
    names = getattr(proba, "columns", None) if names is None else names
    if names is None:
        return None
    numbers = list(range(len(names)))
    if type(names).__name__ == "RangeIndex" and list(names) == numbers:  # pandas, of an array
        if set(numbers) <= set(classes) and classes[: len(numbers)] != numbers:
            raise ValueError(
                f"proba must have columns that are either named or counted, got {numbers!r} with "
                f"classes={classes!r}, which may be both; give an array, or leave out classes."
            )
        return None
    names = list(names)
    return None if names == [f"column_{number}" for number in numbers] else names  # polars


def _find_classes(names: list[Any], classes: list[Any]) -> list[int]:
    """Return the number of the class that each name stands for: by itself, or as it is written."""
    numbers = {label: number for number, label in enumerate(classes)}
    written = {str(label): number for label, number in numbers.items()}
    for name in names:
        if name not in numbers and str(name) not in written:
            raise ValueError(
                f"proba must have columns named after the classes {classes!r}, got {name!r}; "
                "select and rename them, or give their labels by classes with an array."
            )
    return [numbers[name] if name in numbers else written[str(name)] for name in names]


def _check_different(labels: list[Any], rule: str) -> None:
    """Name a label that is there twice."""
    twice = [label for number, label in enumerate(labels) if label in labels[:number]]
    if twice:
        raise ValueError(f"{rule}, got {twice[0]!r} twice; drop one of the columns.")


def _check_range(proba: npt.NDArray[np.float64]) -> None:
    """Name the first row with a value that is no probability."""
    is_valid = (proba >= -1e-6) & (proba <= 1 + 1e-6)  # which NaN is not
    if not is_valid.all():
        place = tuple(np.argwhere(~is_valid)[0])
        raise ValueError(
            f"proba must hold probabilities from 0 to 1, got {proba[place]} at row {place[0]}; "
            "drop that row, or give what predict_proba returns."
        )
