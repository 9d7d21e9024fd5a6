"""What is compared, and on what: texts, folds, scorers and models, checked before any training."""

from numbers import Integral

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_consistent_length, check_random_state

from ._baselines import FROZEN, cheap_models
from ._labels import encode_labels
from ._runner import Data
from ._texts import check_texts

_FRACTIONS = (0.05, 0.1, 0.2, 0.5)


def check_data(X, y):
    """Return texts and labels, checked."""
    texts = check_texts(X)
    classes, targets = encode_labels(y, estimator_name="compare")
    check_consistent_length(texts, targets)
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least 2 classes, got one class: {classes[0].item()!r}; add texts of "
            "another class."
        )
    return Data(texts, classes[targets], classes)


def draw_seed(random_state):
    """Return an int or None for the folds and the models."""
    if random_state is None or isinstance(random_state, Integral):
        return random_state
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def find_folds(data, cv, groups, seed):
    """Return the folds as a list of pairs of row numbers."""
    if groups is not None:
        check_consistent_length(data.texts, groups)
    if isinstance(cv, Integral):
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(cv, shuffle=True, random_state=seed)
    folds = list(check_cv(cv, data.y, classifier=True).split(data.texts, data.y, groups))
    folds = [(_to_rows(train), _to_rows(test)) for train, test in folds]
    for number, (train, test) in enumerate(folds):
        known = np.unique(data.y[train])
        if len(known) < 2:
            raise ValueError(
                f"The training part of each fold must have at least 2 classes, that of fold "
                f"{number} has {known.tolist()!r}; use fewer folds, or a stratified split."
            )
        unknown = np.setdiff1d(data.y[test], known)
        if len(unknown):
            raise ValueError(
                f"The test part of each fold must hold labels of its training part only, that of "
                f"fold {number} has {unknown[0].item()!r}; use fewer folds, a stratified split, or "
                "drop the texts of that class."
            )
    return folds


def _to_rows(part):
    """Return the row numbers of a part, which may also be given as a mask."""
    part = np.asarray(part)
    return np.flatnonzero(part) if part.dtype == bool else part


def find_scorers(scoring):
    """Return the scorers by name, the deciding one first."""
    if callable(scoring):
        return {getattr(scoring, "__name__", "score"): scoring}
    if isinstance(scoring, str):
        scoring = [scoring]
    if not scoring:
        raise ValueError(
            f"scoring must name at least one scorer, got {scoring!r}; leave it out for 'accuracy'."
        )
    if not isinstance(scoring, dict):
        scoring = {name: name for name in scoring}
    return {name: get_scorer(scorer) for name, scorer in scoring.items()}


def find_models(estimators, scorers, seed, *, with_frozen):
    """Return the cheap models by name, with those of the user."""
    needs_proba = any(
        "predict_proba" in np.ravel(getattr(scorer, "_response_method", "predict"))[:1]
        for scorer in scorers.values()
    )
    models = cheap_models(with_probabilities=needs_proba, random_state=seed)
    if with_frozen:
        models[FROZEN] = FROZEN  # loaded only when its turn comes
    for name, estimator in (estimators or {}).items():
        if isinstance(estimator, str) and estimator == "drop":
            if name not in models:
                raise ValueError(
                    f"estimators can only drop models that there are, got {name!r}; the models "
                    f"are {list(models)!r}."
                )
            del models[name]
        elif not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
            raise TypeError(
                "estimators must map names to classifiers of texts or to 'drop', got "
                f"{estimator!r} for {name!r}; pass an estimator with fit and predict."
            )
        else:
            models[name] = estimator
    if not models:
        raise ValueError(
            "estimators must leave at least one model to compare with, and all are dropped; keep "
            "one."
        )
    return models


def check_fractions(learning_curve):
    """Return the fractions of the training texts that are asked for, in rising order."""
    if isinstance(learning_curve, (bool, np.bool_)):
        return _FRACTIONS if learning_curve else ()
    fractions = sorted({float(fraction) for fraction in np.ravel(learning_curve)})
    wrong = [fraction for fraction in fractions if not 0 < fraction < 1]
    if wrong:
        raise ValueError(
            "learning_curve must be a bool or fractions between 0 and 1 of the training texts, "
            f"got {wrong[0]!r}; all of the texts are always in the curve."
        )
    return tuple(fractions)
