"""Learning curves: from how many labels on is BERT the better one?"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Scores of a model by the number of training texts.

    Attributes
    ----------
    model : str
        Its name.
    sizes : ndarray of shape (n_sizes,)
        Mean number of training texts, rising.
    mean, std : ndarray of shape (n_sizes,)
        Of the score over the folds.
    """

    model: str
    sizes: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def with_full_size(curve, full):
    """Return the results on fewer texts with those on all of them, without those that failed."""
    return [result for result in [*full, *curve] if not result.error]


def find_curves(results, scorer):
    """Return a `Curve` a model.

    Sizes that lie close together, as those of folds of unequal size do, are one point. Where the
    score of a model is not defined, the results of the others on the same texts are left out too.
    """
    failed = {_place(result) for result in results if not np.isfinite(result.scores[scorer])}
    results = [result for result in results if _place(result) not in failed]
    curves = []
    for name in dict.fromkeys(result.model for result in results):
        ordered = sorted((t for t in results if t.model == name), key=lambda result: result.n_train)
        points = [[ordered[0]]]
        for result in ordered[1:]:
            if result.n_train > 1.2 * points[-1][0].n_train:
                points.append([])
            points[-1].append(result)
        scores = [[result.scores[scorer] for result in point] for point in points]
        curves.append(
            Curve(
                name,
                np.array([np.mean([result.n_train for result in point]) for point in points]),
                np.array([np.mean(values) for values in scores]),
                np.array([np.std(values, ddof=1) if len(values) > 1 else 0.0 for values in scores]),
            )
        )
    return curves


def _place(result):
    """Return what tells the texts of a result from those of others."""
    return result.fold, result.n_train


def crossing(first, second, bert, called="BERT"):
    """Return the sentence on the number of texts from which BERT is better to the end.

    Between two sizes, the scores are interpolated over the logarithm of the size. `bert` is the
    name of its curve, `called` what the sentence calls it.
    """
    curve, cheap = (first, second) if first.model == bert else (second, first)
    sizes = np.intersect1d(curve.sizes, cheap.sizes)
    if not len(sizes):
        return f"{called} and {cheap.model} have no size of the learning curve in common."
    gain = np.interp(sizes, curve.sizes, curve.mean) - np.interp(sizes, cheap.sizes, cheap.mean)
    behind = np.flatnonzero(gain <= 0)
    if not len(behind):
        return f"{called} is ahead of {cheap.model} from {sizes[0]:,.0f} training texts on."
    last = behind[-1]
    if last == len(sizes) - 1:
        return f"Up to {sizes[-1]:,.0f} training texts, {called} is not ahead of {cheap.model}."
    share = -gain[last] / (gain[last + 1] - gain[last])
    n_texts = np.exp(np.interp(share, [0, 1], np.log(sizes[last : last + 2])))
    n_texts = float(f"{n_texts:.2g}")
    return f"{called} overtakes {cheap.model} at about {n_texts:,.0f} training texts."
