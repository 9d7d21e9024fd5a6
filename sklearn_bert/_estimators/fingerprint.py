"""What makes a fit the same as another one: in another process, or before a crash."""

from .._engine.checkpoints import fingerprint

# Parameters that say how a fit is shown and what it leaves behind.
_WITHOUT_EFFECT = {"callbacks", "checkpoint_dir", "checkpoint_every", "memory", "verbose"}


def fingerprint_of(fitting, *, without=(), **more):
    """Return digests of the data of a fit and of the parameters that have an effect on it.

    Parameters
    ----------
    fitting : Fitting
        The fit.
    without : set of str, default=()
        Parameters that may differ, too.
    **more : dict
        What the fit depends on beside its parameters, or in their place.

    Returns
    -------
    found : dict of str to str
        By what is compared.
    """
    parameters = {
        name: value
        for name, value in fitting.estimator.get_params(deep=False).items()
        if name not in _WITHOUT_EFFECT and name not in without and _is_comparable(value)
    }
    data = fitting.texts, fitting.target, fitting.validation
    return fingerprint(*data, {**parameters, **more})


def _is_comparable(value):
    """Return whether the text of a parameter is the same in another process."""
    values = value.values() if isinstance(value, dict) else [value]
    return not any(callable(item) or hasattr(item, "randint") for item in values)
