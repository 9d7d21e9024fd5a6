"""Scorers, tried on the simplest predictions before anything is trained."""

import difflib
import warnings

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names

from .recorded import Recorded

_TRIED = 1000
_NUMBERS, _BINARY = np.array([1.0, 2.5, 4.5]), np.array([0, 1, 1, 0])
_WORDS = np.array(["no", "yes", "yes", "no"])
SCORER = type(get_scorer("accuracy"))
# What makes the scorers of one label anew, with the label as a parameter.
_FUNCTIONS = {
    "f1": "f1_score, pos_label={!r}",
    "precision": "precision_score, pos_label={!r}",
    "recall": "recall_score, pos_label={!r}",
    "jaccard": "jaccard_score, pos_label={!r}",
    "average_precision": (
        "average_precision_score, pos_label={!r}, response_method='predict_proba'"
    ),
    "neg_brier_score": (
        "brier_score_loss, pos_label={!r}, greater_is_better=False, response_method='predict_proba'"
    ),
    "d2_brier_score": "d2_brier_score, pos_label={!r}, response_method='predict_proba'",
}


class PositiveScorer:
    """A scorer of two classes that is told which of them is the positive one.

    The scorer sees labels 0 and 1, which all of scikit-learn's take, whatever the labels are.

    Parameters
    ----------
    scorer : callable
        One of scikit-learn's.
    positive : label
        The positive class.
    label : label or None, default=None
        The same, where the score would be another one for the other class.
    """

    def __init__(self, scorer, positive, label=None):
        self.scorer = scorer
        self.positive = positive
        self.label = label

    def __call__(self, recorded, X, y, **options):
        """Return the score."""
        y = (np.asarray(y) == self.positive).astype(int)
        return self.scorer(recorded.as_binary(self.positive), X, y, **options)


def for_label(scorer, positive):
    """Return the scorer that takes that label for the positive one, if it needs to know one."""
    if not error_for(scorer, _NUMBERS, "numbers"):
        return scorer
    y, proba = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.4, 0.6, 0.3, 0.9])
    labels = (proba > 0.5).astype(int)
    recorded = Recorded(np.arange(2), labels, np.c_[1 - proba, proba], proba - 0.5)
    both = [PositiveScorer(scorer, label) for label in (0, 1)]
    if any(error_of(each, recorded, None, y) for each in both):
        return scorer
    if not np.isclose(*(each(recorded, None, y) for each in both), equal_nan=True):
        return PositiveScorer(scorer, positive, positive)
    # Some judge both labels alike, and yet do not know labels other than 0 and 1.
    return PositiveScorer(scorer, positive) if error_for(scorer, _WORDS) else scorer


def named_scorer(name):
    """Return the scorer of that name, or name those that come near it."""
    if name not in get_scorer_names():
        near = difflib.get_close_matches(name, get_scorer_names(), 3) or ["accuracy", "f1_macro"]
        raise ValueError(
            f"scoring must be names of scikit-learn's scorers, or scorers, got {name!r}; use "
            f"{_one_of(near)}."
        )
    return get_scorer(name)


def knows_label(scorer):
    """Return whether a scorer has a positive label of its own, or may have one."""
    return not _can_be_tried(scorer) or "pos_label=" in repr(scorer)


def _can_be_tried(scorer):
    """Return whether a scorer looks at predictions only, as those made by scikit-learn do."""
    return isinstance(scorer, SCORER)


def simplest(y, kind="labels"):
    """Return a classifier or regressor that predicts the same for all texts, whatever they are.

    Parameters
    ----------
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        What there is to predict.
    kind : {"labels", "several labels", "numbers"}, default="labels"
        What that is; several labels are an indicator.
    """
    if kind == "numbers":
        return DummyRegressor().fit(np.zeros((len(y), 1)), y)
    if kind == "several labels":
        share = y.mean(axis=0)
        proba = np.tile(share, (len(y), 1))
        return Recorded(np.arange(len(share)), (proba > 0.5).astype(int), proba, proba - 0.5)
    classes, counts = np.unique(y, return_counts=True)
    proba = np.tile(counts / counts.sum(), (len(y), 1))
    decision = proba[:, 1] - 0.5 if len(classes) == 2 else proba
    return Recorded(classes, classes[proba.argmax(axis=1)], proba, decision)


def some_rows(y, kind="labels"):
    """Return rows that are few, and hold each class or label, or a thousand classes."""
    spread = np.linspace(0, len(y) - 1, min(len(y), _TRIED)).astype(int)
    if kind == "numbers":
        return spread
    if kind == "several labels":
        return np.union1d(spread, y.argmax(axis=0))
    _, first, numbers = np.unique(y, return_index=True, return_inverse=True)
    return np.union1d(spread[numbers[spread] < _TRIED], first[:_TRIED])


def error_of(scorer, predictor, X, y, **options):
    """Return what a scorer raises for the predictions, None if it gives a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            float(scorer(predictor, X, y, **options))
        except Exception as error:  # a scorer may be anybody's, and so may be its errors
            return error
    return None


def error_for(scorer, y, kind="labels"):
    """Return what a scorer raises for the simplest predictions of such a `y`, None if nothing."""
    return error_of(scorer, simplest(y, kind), ["text"] * len(y), y)


def why_not(scoring, scorer, y, error, *, way, kind="labels"):
    """Return the sentence on a scorer that cannot judge these labels or numbers.

    Parameters
    ----------
    scoring : str or callable
        As the user gave it.
    scorer : callable
        The scorer that failed.
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        What it was to judge.
    error : Exception
        What it raised.
    way : callable
        Takes a label, and returns the way to say that this is the positive one.
    kind : {"labels", "several labels", "numbers"}, default="labels"
        What `y` holds.
    """
    name = scoring if isinstance(scoring, str) else ""
    start = f"scoring={getattr(scoring, '__name__', repr(scoring))}"
    if kind == "numbers":
        return f"{start} cannot judge numbers; use 'r2' or 'neg_mean_absolute_error'."
    ways = _one_of(_ways(name, kind))
    if kind == "several labels":
        return f"{start} cannot judge several labels a text; use {ways}."
    classes = np.unique(y).tolist()
    if not error_for(scorer, _NUMBERS, "numbers"):
        return f"{start} judges numbers, got labels such as {classes[0]!r}; use {ways}."
    if len(classes) == 2 and not error_for(PositiveScorer(scorer, classes[1]), y):
        return (
            f"{start} needs to know which of the two labels is the positive one, {classes[0]!r} "
            f"or {classes[1]!r}; pass {way(classes[1])}, or use {ways}."
        )
    if len(classes) > 2 and not error_for(scorer, _BINARY):
        return f"{start} needs 2 classes, got {len(classes)}; use {ways}."
    if not name:
        return (
            f"{start} failed on predictions of the most frequent label, as it would on those of a "
            f"model: {type(error).__name__}: {error}"
        )
    return f"{start} cannot judge one label a text, such as {classes[0]!r}; use {ways}."


def _ways(name, kind):
    """Return the names of scorers that can judge what that one cannot."""
    endings = ("macro", "micro") if kind == "several labels" else ("macro", "weighted", "ovr")
    found = [f"{name}_{ending}" for ending in endings]
    return [each for each in found if each in get_scorer_names()] or (
        ["f1_macro", "f1_micro"] if kind == "several labels" else ["accuracy", "f1_macro"]
    )


def _one_of(names):
    """Return names as alternatives."""
    return " or ".join(map(repr, names))


def made_for(scoring):
    """Return the function that tells how to make a scorer anew for a positive label."""
    function = _FUNCTIONS.get(scoring if isinstance(scoring, str) else "", "..., pos_label={!r}")
    return lambda label: f"scoring=make_scorer({function.format(label)})"


def check_scoring_of(scoring, y, kind):
    """Refuse a scorer for early stopping that cannot judge what there is to learn.

    Parameters
    ----------
    scoring : str, callable or None
        As the user gave it. Callables that look at more than predictions are not tried.
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        As scorers take it.
    kind : {"labels", "several labels", "numbers"}
        What it holds.

    Raises
    ------
    ValueError
        In one sentence, with the way out.
    """
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    if not _can_be_tried(scorer):
        return
    some = y[some_rows(y, kind)]
    error = error_for(scorer, some, kind)
    if error is not None:
        way = made_for(scoring)
        raise ValueError(why_not(scoring, scorer, some, error, way=way, kind=kind))
