"""Weights of texts, handed to the models that take them."""

from sklearn import config_context
from sklearn.utils.validation import has_fit_parameter

_NAME = "sample_weight"


def weight_parameter(model):
    """Return the name under which the `fit` of a model takes weights, None if it takes none.

    A pipeline hands them to its last step, a search to what it searches.
    """
    if has_fit_parameter(model, _NAME):
        return _NAME
    if hasattr(model, "steps"):
        name, last = model.steps[-1]
        inner = weight_parameter(last) if hasattr(last, "fit") else None
        return inner and f"{name}__{inner}"
    if hasattr(model, "refit") and hasattr(model, "estimator"):
        return weight_parameter(model.estimator)
    return None


def fit_weighted(model, X, y, weights):
    """Fit a model, with weights where there are some and it takes them."""
    name = None if weights is None else weight_parameter(model)
    if name is None:
        return model.fit(X, y)
    # With metadata routing on, pipelines and searches refuse parameters of their steps by name.
    with config_context(enable_metadata_routing=False):
        return model.fit(X, y, **{name: weights})
