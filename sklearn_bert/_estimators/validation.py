"""What a fit is judged on after each epoch, and whether the judgement is a number."""

import warnings
from dataclasses import dataclass
from numbers import Real

import numpy as np

from .._plain import with_plain_parameters
from .._text.label_types import is_missing
from .._text.texts import check_texts_or_pairs, is_pairs
from .targets import Target


@dataclass(frozen=True)
class Validation:
    """The texts that a fit is judged on: some of their own, or a part of those to train on.

    Attributes
    ----------
    texts : list of str or of (str, str), or None
        Those of their own.
    target : Target or None
        Theirs.
    groups : ndarray of shape (n_training_texts,) or None
        Number of the group of each training text; one group is not torn apart.
    """

    texts: list | None = None
    target: Target | None = None
    groups: np.ndarray | None = None

    @property
    def is_own(self):
        """Whether there are texts of their own."""
        return self.texts is not None


def read_validation(X, y, texts, target, read_target):
    """Return the texts and the target of validation data, None if there is none.

    Parameters
    ----------
    X, y : array-like or None
        As `fit` was given them.
    texts : list of str or of (str, str)
        Those to train on.
    target : Target
        Theirs.
    read_target : callable
        Takes the texts and `y` of the validation data, and the target to train on.

    Raises
    ------
    TypeError, ValueError
        If they are not what can be judged by.
    """
    if X is None and y is None:
        return None
    if X is None or y is None:
        given, lacking = ("y_val", "X_val") if X is None else ("X_val", "y_val")
        raise ValueError(
            f"X_val and y_val must be given together, got {given} alone; pass {lacking} too."
        )
    try:
        valid_texts = check_texts_or_pairs(X)
        valid_target = read_target(valid_texts, y, target)
    except (TypeError, ValueError) as error:
        raise type(error)(f"X_val and y_val must be what X and y can be, but {error}") from None
    if is_pairs(valid_texts) != is_pairs(texts):
        names = {True: "pairs of texts", False: "single texts"}
        raise ValueError(
            f"X_val must hold {names[is_pairs(texts)]} as X does, got "
            f"{names[is_pairs(valid_texts)]}; pass X_val of the same columns as X."
        )
    return valid_texts, valid_target


def check_lengths(texts, y):
    """Refuse validation texts that do not have one true value each."""
    if len(texts) != len(y):
        raise ValueError(
            f"they are of different lengths, got {len(texts)} texts and {len(y)} true values; "
            "pass one for each text."
        )


def check_groups(groups, n_texts):
    """Return the number of the group of each text, None for no groups.

    Raises
    ------
    ValueError
        If there is not one group for each text.
    """
    if groups is None:
        return None
    if len(shape := getattr(groups, "shape", ())) > 1:
        raise ValueError(
            f"groups must be one column, got shape {tuple(shape)}; select one, frame['author']."
        )
    ways = ("to_pylist", "to_list", "tolist")  # Arrow, pandas and polars, NumPy
    method = next((name for name in ways if hasattr(groups, name)), None)
    if isinstance(groups, str) or not (method or hasattr(groups, "__iter__")):
        raise ValueError(
            f"groups must have one value for each of the {n_texts} texts, got {groups!r}; pass the "
            "group of each text."
        )
    values = list(groups) if method is None else getattr(groups, method)()
    if len(values) != n_texts:
        raise ValueError(
            f"groups must have one value for each of the {n_texts} texts, got {len(values)}; pass "
            "the group of each text."
        )
    numbers = {}
    for row, value in enumerate(values):
        if is_missing(value) or isinstance(value, (list, dict, set)):
            raise ValueError(
                f"groups must be one column of names or numbers, got {value!r} at row {row}; give "
                "each text a group, if need be one of its own."
            )
        numbers.setdefault(value, len(numbers))
    return np.array([numbers[value] for value in values], dtype=np.int64)


def check_score(scorer, estimator, X, y, *, n_outputs, scoring, stops):
    """Refuse a scorer that has no number to give for some texts, whatever is predicted.

    Parameters
    ----------
    scorer : callable
        Takes estimator, texts and their true values.
    estimator : TextEstimator
        With fitted attributes, not changed.
    X, y : list, ndarray
        The texts that it will be judged on.
    n_outputs : int
        Of the module: it is tried with numbers drawn at random in their place.
    scoring : object
        What the user asked for.
    stops : bool
        Whether training depends on it.

    Raises
    ------
    ValueError
        If it fails, or gives NaN.
    TypeError
        If it gives no number.
    """
    drawing = with_plain_parameters(estimator)  # not a copy, which would be one of the weights
    drawing._outputs = lambda X: np.random.RandomState(0).standard_normal((len(X), n_outputs))
    try:
        with warnings.catch_warnings(action="ignore"):
            found = scorer(drawing, X, y)
    except Exception as error:
        raise ValueError(
            f"scoring={scoring!r} must be able to judge the validation texts, but it fails, since "
            f"{_reason(error, estimator, y)}; use another scoring, such as 'loss', or pass X_val "
            "and y_val that it can judge."
        ) from error
    if np.isnan(as_numbers(found, scoring).get("valid_score", 0.0)) and stops:
        raise ValueError(
            f"scoring={scoring!r} must be defined on the validation texts, got nan for any "
            f"prediction of them ({len(X)} of them); raise validation_fraction, pass X_val and "
            "y_val on which it is defined, or use another scoring, such as 'loss'."
        )


def _reason(error, estimator, y):
    """Return why a scorer failed: a class is missing, as far as that can be told."""
    classes = getattr(estimator, "classes_", np.array([])).tolist() if y.ndim == 1 else []
    absent = [label for label in classes if label not in y.tolist()]
    if absent:
        return f"there is no text of the class {absent[0]!r} among the {len(y)}"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def as_numbers(scores, scoring):
    """Return what a scorer gave, a dict by name, as a dict of float.

    Raises
    ------
    TypeError
        If one of them is no number.
    """
    return {name: _as_number(score, scoring) for name, score in scores.items()}


def _as_number(score, scoring):
    """Return a score as a float, or refuse what is no number."""
    if isinstance(score, Real) or (isinstance(score, np.ndarray) and score.ndim == 0):
        return float(score)
    raise TypeError(
        f"scoring={scoring!r} must give a number, got {score!r} of type {type(score).__name__}; "
        "let it return one float."
    )
