"""The labels that are most likely wrong, by models that have not learnt from them."""

import numpy as np
import pandas as pd

from ..inspection import top_losses

N_ISSUES = 20


def find_label_issues(results, data):
    """Return the labels that a model contradicts most, the worst first.

    Parameters
    ----------
    results : list of FoldResult
        Of a model that gives probabilities, if there are labels. Of a text that was judged on
        several times, the mean counts.
    data : Data
        What is compared on.

    Returns
    -------
    issues : DataFrame
        Indexed by the row of the text, see `Comparison.label_issues_`.
    """
    rows = np.unique(np.concatenate([result.rows for result in results]))
    y = data.y[rows]
    if data.kind == "numbers":
        return _farthest(rows, y, _means(results, rows, "labels"), data)
    proba = _means(results, rows, "proba")
    if data.kind == "several labels":
        return _of_several(rows, y, proba, data)
    texts = data.take_texts(rows)
    worst = top_losses(None, texts, y, n=len(texts), proba=proba, classes=data.classes)
    issues = worst[worst["label"] != worst["predicted"]].head(N_ISSUES).drop(columns="loss")
    return issues.set_axis(pd.Index(rows[issues.index], name="row"))


def _means(results, rows, what):
    """Return the mean of what was recorded of each row."""
    first = getattr(results[0].recorded, what)
    sums, counts = np.zeros((len(rows), *first.shape[1:])), np.zeros(len(rows))
    for result in results:
        places = np.searchsorted(rows, result.rows)
        sums[places] += getattr(result.recorded, what)
        counts[places] += 1
    return sums / counts.reshape(-1, *[1] * (sums.ndim - 1))


def _of_several(rows, y, proba, data):
    """Return the labels that a text has or lacks against what is predicted, each for itself."""
    predicted = proba > 0.5
    of_given = np.where(y > 0, proba, 1 - proba)
    wrong = np.flatnonzero(predicted != (y > 0))
    worst = wrong[np.argsort(of_given.ravel()[wrong], kind="stable")[:N_ISSUES]]
    places, labels = np.unravel_index(worst, y.shape)
    return pd.DataFrame(
        {
            "text": data.take_texts(rows[places]),
            "label": data.classes[labels],
            "given": y[places, labels] > 0,
            "predicted": predicted[places, labels],
            "probability": of_given[places, labels],
        },
        index=pd.Index(rows[places], name="row"),
    )


def _farthest(rows, y, predicted, data):
    """Return the numbers that are farthest from what is predicted."""
    errors = predicted - y
    worst = np.argsort(-np.abs(errors), kind="stable")[:N_ISSUES]
    return pd.DataFrame(
        {
            "text": data.take_texts(rows[worst]),
            "label": y[worst],
            "predicted": predicted[worst],
            "error": errors[worst],
        },
        index=pd.Index(rows[worst], name="row"),
    )
