"""How well a model knows each class, what more texts would change, and what it takes for what."""

import math

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ._next_labels import smaller_fits
from ._statistics import fold_difference

PER_DOUBLING = "f1_per_doubling"


def find_class_scores(results, curve, data, scorer):
    """Return a row a class: its scores out of fold, the lowest F1 first.

    Parameters
    ----------
    results : list of FoldResult
        Of a model.
    curve : list of FoldResult
        Of models on fewer training texts.
    data : Data
        What is compared on.
    scorer : str
        Name of the first score.

    Returns
    -------
    scores : DataFrame
        Indexed by class, with the columns ``n_texts``, ``precision``, ``recall`` and ``f1``; where
        there is a learning curve, also ``f1_per_doubling`` with its 95 % interval.
    """
    y_true, y_pred = judged(results, data)
    precision, recall, f1, n_texts = _scores(y_true, y_pred, data)
    columns = {"n_texts": n_texts, "precision": precision, "recall": recall, "f1": f1}
    if (growth := find_growth(results, curve, data, scorer)) is not None:
        columns |= {
            PER_DOUBLING: [each.mean for each in growth],
            f"{PER_DOUBLING}_low": [each.low for each in growth],
            f"{PER_DOUBLING}_high": [each.high for each in growth],
        }
    index = pd.Index(data.classes.tolist(), name="label", dtype=data.classes.dtype)
    return pd.DataFrame(columns, index).sort_values("f1", kind="stable")


def find_growth(results, curve, data, scorer):
    """Return by how much F1 of each class rose when the training texts doubled, None if unknown."""
    smaller, full = smaller_fits(results, curve, scorer)
    if not full:
        return None
    gains = [
        (_f1(more, data) - _f1(less, data)) / math.log2(more.n_train / less.n_train)
        for less, more in zip(smaller, full, strict=True)
    ]
    sizes = [[result.n_train for result in full], [len(result.rows) for result in full]]
    return [fold_difference(of_class, *sizes) for of_class in np.transpose(gains)]


def find_confusions(results, data):
    """Return the pairs of classes that a model confuses, the most frequent first.

    Of several labels a text, one is confused with another where the text has the one, which is not
    predicted, and not the other, which is.

    Returns
    -------
    confusions : DataFrame
        With the columns ``label``, ``predicted``, ``n_texts`` and ``share``, that of the texts with
        the label.
    """
    y_true, y_pred = judged(results, data)
    if y_true.ndim == 1:
        counts = confusion_matrix(y_true, y_pred, labels=data.classes)
        n_of_label = counts.sum(axis=1)
        np.fill_diagonal(counts, 0)
    else:
        y_pred = y_pred.astype(int)  # which may be bool
        counts = (y_true * (1 - y_pred)).T @ (y_pred * (1 - y_true))
        n_of_label = y_true.sum(axis=0)
    order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)]
    rows, columns = np.unravel_index(order, counts.shape)
    n_texts = counts[rows, columns]
    return pd.DataFrame(
        {
            "label": data.classes[rows],
            "predicted": data.classes[columns],
            "n_texts": n_texts,
            "share": n_texts / n_of_label[rows],
        }
    )


def judged(results, data):
    """Return what is true and what was predicted of all texts that a model was judged on."""
    rows = np.concatenate([result.rows for result in results])
    return data.y[rows], np.concatenate([result.recorded.labels for result in results])


def _scores(y_true, y_pred, data):
    """Return precision, recall, F1 and number of texts of each class."""
    labels = data.classes if y_true.ndim == 1 else None
    return precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=0)


def _f1(result, data):
    """Return F1 of each class on a fold, NaN of one that no text of it has."""
    y_true = data.y[result.rows]
    _, _, f1, n_texts = _scores(y_true, result.recorded.labels, data)
    return np.where(n_texts > 0, f1, np.nan)
