"""What the report shows of predicted numbers: how far they are off, and on which texts most."""

import numpy as np

from . import _report_charts as charts
from ._finalists import MAX_TEXTS

_SHARES = (0.5, 0.9)


def find_numbers(finalists, comparison):
    """Return what the sections on numbers show, by its name in the template."""
    return {
        "errors": [_errors(finalist) for finalist in finalists],
        "scatter": [(finalist, charts.predicted_numbers(finalist)) for finalist in finalists],
        "farthest": [
            (finalist, _farthest(finalist, finalists, comparison._data)) for finalist in finalists
        ],
    }


def _errors(finalist):
    """Return a row of the table of errors: the name, their mean, and how large they are."""
    errors = finalist.y_pred - finalist.y_true
    sizes = np.abs(errors)
    figures = [errors.mean(), sizes.mean(), *np.quantile(sizes, _SHARES), sizes.max()]
    return [finalist.name, *(f"{figure:.3g}" for figure in figures)]


def _farthest(finalist, finalists, data):
    """Return the texts on which a model is off by most: text, number, and both predictions."""
    order = np.argsort(-np.abs(finalist.y_pred - finalist.y_true), kind="stable")[:MAX_TEXTS]
    return [
        (
            data.texts[finalist.rows[row]],
            f"{finalist.y_true[row]:.4g}",
            [(each, f"{each.y_pred[row]:.4g}") for each in finalists],
        )
        for row in order
    ]
