"""At the border: numbers of any library become Python's, and NumPy's error state stays outside."""

from numbers import Integral, Real

import numpy as np


def plain(value):
    """Return a parameter with NumPy's and other libraries' numbers, flags, texts as Python's."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def with_plain_parameters(estimator):
    """Return a stand-in for an estimator that shares all with it but has plain parameters."""
    stand_in = object.__new__(type(estimator))
    parameters = estimator.get_params(deep=False)
    vars(stand_in).update(vars(estimator))
    vars(stand_in).update({name: plain(value) for name, value in parameters.items()})
    return stand_in


def default_errstate() -> np.errstate:
    """Return the context of NumPy's own defaults: what the caller set does not reach in."""
    return np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
