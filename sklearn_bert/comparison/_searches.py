"""What there is to know of searches inside fitted models: their fits, and what they chose."""

from sklearn.linear_model import RidgeCV


def count_fits(model):
    """Return the fits that it took to fit a model, those of searches inside among them.

    Parameters
    ----------
    model : estimator
        Fitted: a search, a pipeline that ends with one, one of ours, or any other, which is one.
    """
    search = _find_search(model)
    if search is None:
        return 1
    if hasattr(search, "n_fits_"):
        return search.n_fits_
    if isinstance(search, RidgeCV):  # all penalties by one decomposition
        return len(search.alphas)
    return len(search.cv_results_["params"]) * search.n_splits_ + 1


def find_best_params(model):
    """Return the parameters that a search inside a fitted model chose, none if there is none."""
    return dict(getattr(_find_search(model), "best_params_", {}))


def _find_search(model):
    """Return the search inside a fitted model, None if there is none."""
    if hasattr(model, "cv_results_") or hasattr(model, "n_fits_") or isinstance(model, RidgeCV):
        return model
    if hasattr(model, "steps"):
        return _find_search(model.steps[-1][1])
    return _find_search(model.head_) if hasattr(model, "head_") else None
