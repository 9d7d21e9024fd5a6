"""The model of ours inside a pipeline, a search or another wrapper, and the X that it is given."""

from inspect import isclass

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._estimators.text_estimator import TextEstimator


def unwrap(estimator, X=None, y=None, *, fitted=True):
    """Return the BertTextClassifier or BertTextRegressor inside an estimator, and its own X.

    Parameters
    ----------
    estimator : estimator instance
        Ours, or a pipeline that ends with one, a search, a frozen, calibrated or thresholded
        classifier around one, or wrappers of these in each other.
    X : array-like, default=None
        What `estimator` is given. None if there is none.
    y : array-like, default=None
        What a pipeline's steps are fitted to, with `X`, if it is not `fitted`.
    fitted : bool, default=True
        Whether the one inside has to be the one that predicts. If not, it may be what a wrapper
        makes copies of, and steps before it are fitted on copies.

    Returns
    -------
    model : BertTextClassifier or BertTextRegressor
    X : array-like or None
        Transformed by the steps before it.

    Raises
    ------
    TypeError
        If none is inside, or more than one.
    NotFittedError
        If a wrapper has to be `fitted` and is not.
    """
    inner, before = estimator, []
    while not isinstance(inner, TextEstimator):
        if isinstance(inner, Pipeline):
            before += [step for _, step in inner.steps[:-1]]
            inner = inner.steps[-1][1]
        else:
            inner = _inside(inner, estimator, fitted=fitted)
    # Not before it is known that there is one inside.
    return inner, X if X is None else _transform(before, X, y, estimator, fitted=fitted)


def _transform(steps, X, y, estimator, *, fitted):
    """Return what the steps of pipelines make of X."""
    steps = [step for step in steps if step is not None and not isinstance(step, str)]
    for step in steps:
        if not hasattr(step, "transform"):
            raise refusal(
                estimator, f"its {name_of(step)} has no transform, pass the last step and its own X"
            )
    for step in steps:
        X = step.transform(X) if fitted else clone(step).fit(X, y).transform(X)
    return X


def _inside(wrapper, estimator, *, fitted):
    """Return what a wrapper predicts with; if it need not be fitted, else what it copies."""
    if isclass(wrapper):
        raise refusal(estimator, f"make an instance of it, as in {wrapper.__name__}()")
    if isinstance(wrapper, FrozenEstimator):
        return wrapper.estimator
    if isinstance(wrapper, FixedThresholdClassifier):
        return getattr(wrapper, "estimator_", wrapper.estimator)
    if isinstance(wrapper, BaseSearchCV) or hasattr(wrapper, "best_estimator_"):
        return _part(wrapper, "best_estimator_", estimator, fitted=fitted)
    if isinstance(wrapper, TunedThresholdClassifierCV):
        return _part(wrapper, "estimator_", estimator, fitted=fitted)
    if isinstance(wrapper, CalibratedClassifierCV):
        return _calibrated(wrapper, estimator, fitted=fitted)
    raise refusal(estimator, _way_out(wrapper, estimator))


def _part(wrapper, name, estimator, *, fitted):
    """Return the estimator that a wrapper has fitted, under that name."""
    if hasattr(wrapper, name):
        return getattr(wrapper, name)
    if not fitted:
        return wrapper.estimator
    check_is_fitted(wrapper)
    raise refusal(estimator, "it keeps no fitted estimator, fit it with refit=True")


def _calibrated(wrapper, estimator, *, fitted):
    """Return the classifier that is calibrated, if it is only one."""
    if not fitted:
        return wrapper.estimator
    check_is_fitted(wrapper)
    classifiers = wrapper.calibrated_classifiers_
    if len(classifiers) > 1:
        raise refusal(
            estimator,
            f"it holds {len(classifiers)} classifiers of different folds, pass one of them, as "
            "calibrated_classifiers_[0].estimator, or fit it with ensemble=False",
        )
    return classifiers[0].estimator


def _way_out(inner, estimator):
    """Return what to do with an estimator that has none of ours inside, or several."""
    kind = type(inner).__name__
    if kind == "OnnxTextClassifier":
        return "pass the BertTextClassifier that was exported"
    if kind == "BertTextEmbedder":
        part = "estimator_, which it was made from" if hasattr(inner, "estimator_") else None
        return f"pass its {part}" if part else "it gives vectors, which stand for no class"
    for part in ("estimators_", "classifiers_", "estimators"):
        if hasattr(inner, part):
            return f"it combines several models, pass one of its {part}"
    if inner is not estimator:
        return (
            f"of a {type(estimator).__name__}, what is inside must be a BertTextClassifier or "
            f"BertTextRegressor, which {name_of(inner)} is not"
        )
    return (
        "pass one, or a BertTextRegressor, or a pipeline, search, calibrated or thresholded "
        "classifier around one"
    )


def refusal(estimator, way_out):
    """Return the error that names what was given, and the way out."""
    return TypeError(
        f"estimator must be a BertTextClassifier, got {name_of(estimator)}; {way_out}."
    )


def name_of(value):
    """Return the name of an estimator's type, or what was given in its place."""
    if isclass(value):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, (str, int, float)):
        return repr(value)
    return type(value).__name__
