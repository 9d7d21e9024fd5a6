"""What is compared, and by what: scorers and models, checked before anything is trained."""

import inspect
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_random_state

from .._estimators.epoch_scores import scoring_entries
from .._estimators.scoring import (
    check_scoring_of,
    error_of,
    for_label,
    knows_label,
    made_for,
    named_scorer,
    why_not,
)
from .._estimators.text_estimator import TextEstimator
from .._shorten import shorten
from ._baselines import cheap_models
from ._fold_result import FoldResult

# What is judged by where nothing else is asked for; the first decides.
_SCORING = {
    "labels": "accuracy",
    "several labels": ["f1_micro", "f1_macro"],
    "numbers": "r2",
}
_FRACTIONS = (0.05, 0.1, 0.2, 0.5)


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


def check_pos_label(pos_label, data):
    """Return the positive one of two classes, None if none is given."""
    if pos_label is None:
        return None
    if data.kind != "labels":
        raise ValueError(
            f"pos_label needs 2 classes, and y has {data.kind}, got {pos_label!r}; leave it out."
        )
    labels = data.classes.tolist()
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
    scoring : str, callable, list, dict or None
        As for `compare`.
    data : Data
        What is judged.
    pos_label : label, default=None
        The positive one of two classes, for scorers that need to know one.
    """
    scorers, named = {}, _named(_SCORING[data.kind] if scoring is None else scoring)
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
    taken = {*FoldResult("", 0, np.arange(0), 0).as_row(), "n_folds", "n_fits"}
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
    texts, y, simplest = data.some()
    error = error_of(scorer, simplest, texts, y)
    if error is not None:
        way = "pos_label={!r}".format if isinstance(given, str) else made_for(given)
        raise ValueError(why_not(given, scorer, y, error, way=way, kind=data.kind)) from None
    if data.weights is None:
        return
    error = error_of(scorer, simplest, texts, y, sample_weight=np.ones(len(y)))
    if error is not None:
        raise ValueError(
            f"scoring={getattr(given, '__name__', repr(given))} takes no sample_weight; use "
            "another scorer, or leave sample_weight out."
        ) from None


def _needs_proba(scorer, data):
    """Return whether a scorer cannot do without probabilities."""
    texts, y, simplest = data.some()
    return error_of(scorer, simplest.without_proba(), texts, y) is not None


def find_models(estimators, scorers, data, seed, *, pretrained, bert_names, tuning=None):
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
    tuning : Tuning, default=None
        Tunes those that are not the user's.
    """
    needs_proba = any(_needs_proba(scorer, data) for scorer in scorers.values())
    models = cheap_models(
        with_probabilities=needs_proba,
        random_state=seed,
        kind=data.kind,
        pairs=data.is_pairs,
    )
    for found in pretrained.values():
        models |= found
    if tuning is not None:
        models = {name: tuning.cheap(model) for name, model in models.items()}
    for name, estimator in _by_name(estimators).items():
        meant = [each for each in pretrained.get(name, [name]) if each in models]
        if isinstance(estimator, str) and estimator == "drop":
            # Whoever drops it need not know whether model2vec is installed.
            if not meant and name not in pretrained:
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
        if wrong := _unfit(estimator, data.kind):
            raise TypeError(
                f"estimators must map names to {_wanted(data.kind)}s of texts or to 'drop', got "
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


def _wanted(kind):
    """Return what predicts labels or numbers."""
    return "regressor" if kind == "numbers" else "classifier"


def _unfit(estimator, kind):
    """Return the way out where something is no estimator of that kind, else nothing."""
    if inspect.isclass(estimator):
        return f"pass an instance, {estimator.__name__}()"
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        return "pass an estimator with fit and predict"
    if not hasattr(estimator, "get_params"):
        return "pass an estimator with get_params, as clone needs it"
    if kind != "numbers" and is_regressor(estimator):
        return "pass a classifier, since it is labels that are compared on"
    if kind == "numbers" and is_classifier(estimator):
        return "pass a regressor, since it is numbers that are compared on"
    return ""


def are_regressors(berts):
    """Return whether candidates are regressors, None if there are none that could tell."""
    known = [each for each in berts if hasattr(each, "get_params") and not inspect.isclass(each)]
    if any(map(is_regressor, known)):
        return True
    return False if any(map(is_classifier, known)) else None


def check_bert(bert, data):
    """Refuse what is no estimator for the task, or has parameters that no fit would take."""
    wanted = _wanted(data.kind)
    rule = f"bert must be a {wanted} of texts, or a list or dict of them"
    if isinstance(bert, (str, Path)):
        ours = "BertTextRegressor" if data.kind == "numbers" else "BertTextClassifier"
        raise TypeError(f"{rule}, got {str(bert)!r}; pass {ours}({str(bert)!r}).")
    if wrong := _unfit(bert, data.kind):
        raise TypeError(f"{rule}, got {shorten(bert)}; {wrong}.")
    if isinstance(bert, TextEstimator):
        bert._validate_params()
        bert._check_kind(data.texts, fitted=False)
        for scoring in scoring_entries(bert.scoring).values() if bert.early_stopping else ():
            if scoring != "loss":
                check_scoring_of(scoring, data.y, data.kind)


def check_n_jobs(n_jobs):
    """Refuse what is no number of processes."""
    is_int = isinstance(n_jobs, Integral) and not isinstance(n_jobs, (bool, np.bool_))
    if n_jobs is not None and (not is_int or n_jobs == 0):
        raise ValueError(
            f"n_jobs must be an int other than 0, or None, got {n_jobs!r}; use -1 for all cores."
        )


def check_tune(tune):
    """Return whether to tune."""
    if not isinstance(tune, (bool, np.bool_)):
        raise TypeError(
            f"tune must be a bool, got {tune!r}; use True to tune the models inside each fold."
        )
    return bool(tune)


def check_earlier(earlier):
    """Return a comparison that is to be continued, None if there is none."""
    if earlier is not None and not hasattr(earlier, "settings_"):
        raise TypeError(
            f"earlier must be a Comparison, got {shorten(earlier)}; load a file by "
            "Comparison.load(path)."
        )
    return earlier


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
