"""What is compared, and on what: texts, labels, scorers and models, checked before any training."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Set
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target

from .._estimators.labels import encode_labels
from .._estimators.scoring import (
    check_scoring_of,
    error_of,
    for_label,
    knows_label,
    made_for,
    named_scorer,
    simplest,
    some_rows,
    why_not,
)
from .._estimators.weights import check_sample_weight
from .._shorten import shorten
from .._text.indicator import is_indicator
from .._text.texts import check_texts_or_pairs, is_pairs
from ..classifier import BertTextClassifier
from ._baselines import STATIC, cheap_models
from ._fold_result import FoldResult
from ._runner import Data

_FRACTIONS = (0.05, 0.1, 0.2, 0.5)


def check_data(X, y, sample_weight=None):
    """Return texts, labels and weights, checked."""
    texts = check_texts_or_pairs(X)
    if is_pairs(texts):
        raise ValueError(
            f"X must hold single texts for compare, got pairs, of shape {(len(texts), 2)}; join "
            "the two texts of each pair, or compare by cross_validate."
        )
    y = _check_one_label(y)
    _check_no_numbers(y)
    classes, targets = encode_labels(y, estimator_name="compare")
    if len(texts) != len(targets):
        raise ValueError(
            f"X and y have inconsistent numbers of samples, {len(texts)} texts and {len(targets)} "
            "labels; pass one label for each text."
        )
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least 2 classes, got one class: {classes.tolist()[0]!r}; add texts of "
            "another class."
        )
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, len(texts))
    return Data(texts, classes[targets], classes, sample_weight)


def _check_one_label(y):
    """Return `y`, as a list if it was an iterator; refuse what has not one label a text."""
    if y is None:
        return None
    if isinstance(y, (str, bytes, Mapping, Set)) or not (
        hasattr(y, "shape") or isinstance(y, Iterable)
    ):
        raise TypeError(
            f"y must be an array-like with a label for each text, got {shorten(y)}; pass the "
            "column itself, as in frame['label']."
        )
    if len(getattr(y, "shape", ())) > 1 and is_indicator(y):
        raise ValueError(
            f"y must have one label a text for compare, got several, of shape {y.shape}; compare "
            "on one column of it at a time."
        )
    if isinstance(y, Iterator):
        y = list(y)
    for row, label in enumerate(y if isinstance(y, (list, tuple)) else ()):
        if isinstance(label, (list, tuple, dict, set, np.ndarray)) and np.size(label) != 1:
            raise ValueError(
                f"y must have one label a text for compare, got {shorten(label)} at row {row}; "
                "compare on one label at a time."
            )
    return y


def _check_no_numbers(y):
    """Refuse numbers that are no labels."""
    values = np.asarray(y)
    if values.dtype.kind != "f" or values.ndim != 1 or not np.isfinite(values).all():
        return
    if type_of_target(values) == "continuous":
        row = int((values % 1 != 0).argmax())
        raise ValueError(
            f"y must hold labels for compare, got the number {values[row].item()!r} at row {row}; "
            "put the numbers into classes, or judge BertTextRegressor by cross_validate."
        )


def draw_seed(random_state):
    """Return an int or None for the folds and the models."""
    if random_state is None:
        return None
    if isinstance(random_state, Integral) and not isinstance(random_state, (bool, np.bool_)):
        if 0 <= random_state < 2**32:
            return int(random_state)
    elif isinstance(random_state, np.random.RandomState) or random_state is np.random:
        return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    raise ValueError(
        "random_state must be an int from 0 to 2**32 - 1, a numpy.random.RandomState or None, got "
        f"{random_state!r}."
    )


def check_pos_label(pos_label, classes):
    """Return the positive one of two classes, None if none is given."""
    if pos_label is None:
        return None
    labels = classes.tolist()
    if len(labels) != 2:
        raise ValueError(
            f"pos_label needs 2 classes, and y has {len(labels)}, got {pos_label!r}; leave it out, "
            "and use scorers such as 'f1_macro'."
        )
    if np.ndim(pos_label) or pos_label not in labels:
        raise ValueError(
            f"pos_label must be one of the labels of y, {labels[0]!r} or {labels[1]!r}, got "
            f"{pos_label!r}."
        )
    return labels[labels.index(pos_label)]


def find_scorers(scoring, data, pos_label=None):
    """Return the scorers by name, the deciding one first, once all can judge these labels.

    Parameters
    ----------
    scoring : str, callable, list or dict
        As for `compare`.
    data : Data
        What is judged.
    pos_label : label, default=None
        The positive one of two classes, for scorers that need to know one.
    """
    scorers, named = {}, _named(scoring)
    _check_names(named)
    for name, given in named.items():
        scorer = named_scorer(given) if isinstance(given, str) else given
        is_metric = inspect.isfunction(given) and given.__module__.startswith("sklearn.")
        if not callable(scorer) or is_metric:
            way = f"make_scorer({given.__name__})" if is_metric else "'accuracy'"
            raise TypeError(
                "scoring must be names of scikit-learn's scorers, or scorers, got "
                f"{getattr(given, '__name__', repr(given))}; use {way}."
            )
        if pos_label is not None and not knows_label(scorer):
            scorer = for_label(scorer, pos_label)
        _try(given, scorer, data)
        scorers[name] = scorer
    return scorers


def _named(scoring):
    """Return what is given as `scoring` as a dict by name."""
    given = scoring
    if isinstance(scoring, str) or callable(scoring):
        scoring = [scoring]
    if isinstance(scoring, (list, tuple, np.ndarray)):
        names = [_name(each) for each in scoring]
        twice = [name for name in names if not isinstance(name, str) or names.count(name) > 1]
        if any(map(callable, scoring)) and twice:
            raise ValueError(
                f"scoring must have a name of its own for each scorer, got {twice[0]!r} twice; "
                "pass a dict of names to scorers."
            )
        scoring = dict(zip(names, scoring, strict=True))
    if not isinstance(scoring, Mapping) or not scoring:
        raise ValueError(
            f"scoring must name at least one scorer, got {given!r}; leave it out for 'accuracy', "
            "or pass a name, a list, or a dict of names to scorers."
        )
    return dict(scoring)


def _name(scoring):
    """Return the name of a scorer."""
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")


def _check_names(names):
    """Refuse names of scorers that columns of the results have already."""
    taken = {*FoldResult("", 0, np.arange(0), 0).as_row(), "n_folds"}
    taken |= {"predictions_per_second", "predictions_per_cpu_second"}
    taken |= {f"{name}_std" for name in names}
    for name in names:
        if not isinstance(name, str) or name in taken:
            raise ValueError(
                "scoring must call scorers by a str that is no column of the results already, got "
                f"{name!r}; choose another name."
            )


def _try(given, scorer, data):
    """Refuse a scorer that cannot judge the simplest predictions."""
    rows = some_rows(data.y)
    y, texts = data.y[rows], data.take_texts(rows)
    error = error_of(scorer, simplest(y), texts, y)
    if error is not None:
        way = "pos_label={!r}".format if isinstance(given, str) else made_for(given)
        raise ValueError(why_not(given, scorer, y, error, way=way)) from None
    if data.weights is None:
        return
    error = error_of(scorer, simplest(y), texts, y, sample_weight=np.ones(len(y)))
    if error is not None:
        raise ValueError(
            f"scoring={getattr(given, '__name__', repr(given))} takes no sample_weight; use "
            "another scorer, or leave sample_weight out."
        ) from None


def _needs_proba(scorer, data):
    """Return whether a scorer cannot do without probabilities."""
    rows = some_rows(data.y)
    without = simplest(data.y[rows]).without_proba()
    return error_of(scorer, without, data.take_texts(rows), data.y[rows]) is not None


def find_models(estimators, scorers, data, seed, *, pretrained, bert_names):
    """Return the cheap models by name, with those of the user.

    Parameters
    ----------
    estimators : dict of str to estimator or "drop"
        As for `compare`.
    scorers : dict of str to callable
        scikit-learn scorers by name.
    data : Data
        What is compared on.
    seed : int or None
        Seeds what is random in the models.
    pretrained : dict of str to dict of str to Pretrained
        What needs a checkpoint, by row and name. Where there are several checkpoints, the name of
        the row stands for all of its models.
    bert_names : collection of str
        Names of the candidates, which no cheap model may have.
    """
    needs_proba = any(_needs_proba(scorer, data) for scorer in scorers.values())
    models = cheap_models(with_probabilities=needs_proba, random_state=seed)
    for found in pretrained.values():
        models |= found
    for name, estimator in _by_name(estimators).items():
        meant = [each for each in pretrained.get(name, [name]) if each in models]
        if isinstance(estimator, str) and estimator == "drop":
            # Whoever drops it need not know whether model2vec is installed.
            if not meant and not (name == STATIC and STATIC in pretrained):
                raise ValueError(
                    f"estimators can only drop models that there are, got {name!r}; the models "
                    f"are {list(models)!r}."
                )
            for each in meant:
                del models[each]
            continue
        if not isinstance(name, str) or name in bert_names:
            taken = name if isinstance(name, str) else next(iter(bert_names))
            raise ValueError(
                f"estimators must have names of type str, and not {taken!r}, which is that of "
                f"bert, got {name!r}; choose another name."
            )
        if wrong := _not_a_classifier(estimator):
            raise TypeError(
                "estimators must map names to classifiers of texts or to 'drop', got "
                f"{shorten(estimator)} for {name!r}; {wrong}."
            )
        for each in meant if meant != [name] else ():
            del models[each]
        models[name] = estimator
    if not models:
        raise ValueError(
            "estimators must leave at least one model to compare with, and all are dropped; keep "
            "one."
        )
    for name in bert_names:
        if name in models:
            raise ValueError(
                f"bert must have names that no cheap model has, got {name!r}; choose another name."
            )
    return models


def _by_name(estimators):
    """Return the user's models as a dict."""
    if estimators is None:
        return {}
    if not isinstance(estimators, Mapping):
        raise TypeError(
            "estimators must be a dict of names to classifiers of texts or 'drop', got "
            f"{type(estimators).__name__}; pass {{'my model': model}}."
        )
    return estimators


def _not_a_classifier(estimator):
    """Return the way out where something is no classifier that can be cloned, else nothing."""
    if inspect.isclass(estimator):
        return f"pass an instance, {estimator.__name__}()"
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        return "pass an estimator with fit and predict"
    if not hasattr(estimator, "get_params"):
        return "pass an estimator with get_params, as clone needs it"
    if is_regressor(estimator):
        return "pass a classifier, since it is labels that are compared on"
    return ""


def check_bert(bert, data):
    """Refuse what is no classifier of texts, or has parameters that no fit would take."""
    rule = "bert must be a classifier of texts, or a list or dict of them"
    if isinstance(bert, (str, Path)):
        raise TypeError(f"{rule}, got {str(bert)!r}; pass BertTextClassifier({str(bert)!r}).")
    if wrong := _not_a_classifier(bert):
        raise TypeError(f"{rule}, got {shorten(bert)}; {wrong}.")
    if isinstance(bert, BertTextClassifier):
        bert._validate_params()
        if bert.early_stopping and bert.scoring != "loss":
            check_scoring_of(bert.scoring, data.y, "labels")


def check_fractions(learning_curve):
    """Return the fractions of the training texts that are asked for, in rising order."""
    if isinstance(learning_curve, (bool, np.bool_)):
        return _FRACTIONS if learning_curve else ()
    try:
        fractions = [] if learning_curve is None else np.asarray(learning_curve, dtype=np.float64)
        fractions = np.unique(fractions).tolist()
    except (TypeError, ValueError):
        fractions = []
    wrong = [fraction for fraction in fractions if not 0 < fraction < 1]
    if wrong or not fractions:
        raise ValueError(
            "learning_curve must be a bool or fractions between 0 and 1 of the training texts, "
            f"got {wrong[0] if wrong else learning_curve!r}; all of the texts are always in the "
            "curve."
        )
    return tuple(fractions)
