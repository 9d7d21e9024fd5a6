"""What more labels are worth: the slope of the learning curve where it ends."""

import math
from dataclasses import replace

from ._statistics import fold_difference
from ._summary import Pair
from ._verdict import unit_of

N_LABELS = 100
# Scores of sizes that lie closer together differ by chance rather than by the texts.
_LEAST_TIMES = 1.5


def smaller_fits(results, curve, scorer):
    """Return the results on fewer texts that a model's results are compared with, fold by fold.

    They are those on at most two thirds of the training texts, as many as there are, since a curve
    bends: what is far from its end tells little of what comes next.

    Parameters
    ----------
    results : list of FoldResult
        Of a model on all training texts.
    curve : list of FoldResult
        Of all models on fewer of them.
    scorer : str
        Name of the score that must be defined.

    Returns
    -------
    smaller, full : list of FoldResult
        In the same order of folds; those folds that have both.
    """
    pairs = []
    for full in results:
        smaller = [
            each
            for each in curve
            if (each.model, each.fold) == (full.model, full.fold)
            and not each.error
            and math.isfinite(each.scores[scorer])
            and each.n_train * _LEAST_TIMES <= full.n_train
        ]
        if smaller:
            pairs.append((max(smaller, key=lambda each: each.n_train), full))
    return [small for small, _ in pairs], [full for _, full in pairs]


def find_next_labels(pair, curve, scorers, data):
    """Return what the next labels are expected to gain, by model.

    The score rises in proportion to the logarithm of the number of texts, as it did at the end of
    the curve.

    Parameters
    ----------
    pair : Pair
        The best cheap model and BERT.
    curve : list of FoldResult
        Of both on fewer training texts.
    scorers : dict of str to callable
        scikit-learn scorers by name; the first decides.
    data : Data
        What is compared on.

    Returns
    -------
    gains : dict of str to Difference
        Empty where there is no curve, or labels are so few that it would have to double.
    """
    if len(data.texts) < N_LABELS:
        return {}
    main, gains = next(iter(scorers)), {}
    for results in (pair.cheap, pair.bert):
        smaller, full = smaller_fits(results, curve, main)
        if not full:
            continue
        longer = math.log1p(N_LABELS / len(data.texts))
        shares = [
            longer / math.log(more.n_train / less.n_train)
            for less, more in zip(smaller, full, strict=True)
        ]
        gains[results[0].model] = _gain(Pair(smaller, full), shares, scorers, data)
    return gains


def _gain(pair, shares, scorers, data):
    """Return those shares of what the larger parts gained."""
    main = next(iter(scorers))
    if len(shares) == 1:
        found = pair.difference(scorers, main, data)
        figures = {name: shares[0] * getattr(found, name) for name in ("mean", "low", "high")}
        return replace(found, **figures)
    scores = zip(pair.cheap, pair.bert, shares, strict=True)
    gained = [share * (full.scores[main] - less.scores[main]) for less, full, share in scores]
    sizes = [(full.n_train, len(full.rows)) for full in pair.bert]
    return fold_difference(gained, *zip(*sizes, strict=True))


def tell_next_labels(gains, pair, scorer):
    """Return the sentence on the next labels."""
    scale, unit = unit_of(pair, scorer)
    digits = 2 if scale == 100 else 4
    told = []
    for name, gain in gains.items():
        mean, low, high = (
            f"{scale * value:+z.{digits}f}" for value in (gain.mean, gain.low, gain.high)
        )
        interval = f" (95 % interval {low} to {high})" if math.isfinite(gain.low) else ""
        told.append(f"{mean}{unit if not told else ''} to {name}{interval}")
    return f"The next {N_LABELS} labels are worth about {' and '.join(told)}."
