"""Weights of texts: checked, and handed to the models that take them."""

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import has_fit_parameter

_NAME = "sample_weight"


def check_weights(sample_weight, n_texts):
    """Return the weights as an array of float64, None if there are none.

    Raises
    ------
    ValueError
        If there is not one finite weight of at least 0 for each text, or all are 0.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"sample_weight must hold numbers, got {_first_odd(sample_weight)}; pass one number a "
            "text, or None."
        ) from None
    weights = weights.ravel() if weights.shape == (n_texts, 1) else weights
    if weights.shape != (n_texts,):
        raise ValueError(
            f"sample_weight must have one weight for each of the {n_texts} texts, got shape "
            f"{weights.shape}; pass one number a text, or None."
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"sample_weight must be finite and not negative, got {weights[wrong[0]].item()!r} at "
            f"row {wrong[0]}; use 0 for texts that are not to count."
        )
    if not weights.any():
        raise ValueError(
            "sample_weight must be above 0 for at least one text, got only zeros; weigh the texts "
            "that are to count."
        )
    return weights


def _first_odd(values):
    """Return the first value that is no number, with its row."""
    if isinstance(values, (str, bytes, dict, set)) or not hasattr(values, "__iter__"):
        return repr(values)
    for row, value in enumerate(values):
        try:
            float(value)
        except (TypeError, ValueError):
            return f"{value!r} at row {row}"
    return f"a {type(values).__name__}"


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
