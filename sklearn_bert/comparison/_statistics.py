"""How sure a difference between two models is, and how honest their probabilities are."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

_CONFIDENCE = 0.95
_N_GROUPS = 100
# The texts that a fit is judged on are in the training parts of the others: errors come in groups,
# the more so the fewer texts there are. How much that takes was found by benchmarks/interval.py.
_SHARED_TEXTS = 100
_N_BINS = 10


@dataclass(frozen=True)
class Difference:
    """How much better one model scored than another, with its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        In units of the score; NaN where it cannot be told.
    method : str
        How the interval was got, for the reader.
    """

    mean: float
    low: float
    high: float
    method: str


def _confidence(n_candidates):
    """Return the confidence of an interval, and what is said of it, by Bonferroni.

    Of several candidates the best was chosen: the intervals of all together are to hold in 95 %.
    """
    if n_candidates == 1:
        return _CONFIDENCE, ""
    said = f", widened for the choice of the best of {n_candidates} candidates (Bonferroni)"
    return 1 - (1 - _CONFIDENCE) / n_candidates, said


def fold_difference(differences, n_train, n_test, n_candidates=1):
    """Return the difference over folds, by the corrected resampled t-test.

    Training sets of different folds share texts, so the scores are not independent and the usual
    variance over the number of folds is too small: it is multiplied by
    ``1 / n_folds + n_test / n_train`` instead.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Difference in score on each fold. Where a score is not defined it is NaN, and the fold is
        left out; fewer than two folds have no interval.
    n_train, n_test : array-like of shape (n_folds,)
        Texts in the two parts of each fold.
    n_candidates : int, default=1
        Models of which the better one of the two was chosen by its score.

    References
    ----------
    C. Nadeau, Y. Bengio (2003). Inference for the Generalization Error. Machine Learning 52,
    239-281.
    """
    differences = np.asarray(differences, dtype=float)
    defined = np.isfinite(differences)
    differences, n_folds = differences[defined], int(defined.sum())
    confidence, widened = _confidence(n_candidates)
    method = f"corrected resampled t-test over {n_folds} folds (Nadeau and Bengio, 2003){widened}"
    if n_folds < 2:
        mean = float(differences[0]) if n_folds else np.nan
        return Difference(mean, np.nan, np.nan, method)
    ratio = float(np.mean(np.divide(n_test, n_train)[defined]))
    error = np.sqrt((1 / n_folds + ratio) * differences.var(ddof=1))
    width = student_t.ppf((1 + confidence) / 2, n_folds - 1) * error
    mean = differences.mean()
    return Difference(float(mean), float(mean - width), float(mean + width), method)


def texts_difference(rows, score, units=None, n_candidates=1, *, without=None):
    """Return the difference over the texts that both were judged on, by a grouped jackknife.

    The texts are put into groups at random, as many from each fold, and the difference is taken
    again without each group in turn: how much that changes it tells how sure it is of the next
    texts. It is as wide as the interval of a paired bootstrap, for a fraction of the scores. Of a
    difference of means it is the interval of the central limit theorem for cross-validation, which
    is too sure of few texts: over several folds, the variance is multiplied by 1 + 100 / n_texts.

    Parameters
    ----------
    rows : list of ndarray of int
        The texts of each fold. One that is in several folds leaves all of them together.
    score : callable
        Takes the number of a fold and the places of some of its texts, and returns the difference
        in score on them, NaN where it is not defined.
    units : ndarray of shape (n_texts,), default=None
        What each text belongs to, such as its author. Those of one unit leave together.
    n_candidates : int, default=1
        Models of which the better one of the two was chosen by its score.
    without : callable, default=None
        Takes the number of a fold and that of the group of each of its texts, from 0 on, and
        returns what `score` gives without each group in turn: a quicker way, where there is one.

    References
    ----------
    P. Bayle, A. Bayle, L. Janson, L. Mackey (2020). Cross-validation Confidence Intervals for Test
    Error. NeurIPS.

    P. S. Kott (2001). The Delete-a-Group Jackknife. Journal of Official Statistics 17, 521-526.
    """
    whole = np.array([score(fold, np.arange(len(some))) for fold, some in enumerate(rows)])
    defined = np.flatnonzero(np.isfinite(whole))
    groups, n_units = jackknife_groups([rows[fold] for fold in defined], units)
    confidence, widened = _confidence(n_candidates)
    what = "texts" if units is None else "groups of texts"
    method = f"grouped jackknife over {n_units:,} {what} (Bayle et al., 2020; Kott, 2001){widened}"
    if not len(defined):
        return Difference(np.nan, np.nan, np.nan, method)
    mean = float(whole[defined].mean())
    means = _means_without(groups, whole, defined, without or _one_by_one(score))
    if len(means) < 2:
        return Difference(mean, np.nan, np.nan, method)
    error = np.sqrt((len(means) - 1) * means.var())
    if len(defined) > 1:
        error *= np.sqrt(1 + _SHARED_TEXTS / n_units)
    width = float(student_t.ppf((1 + confidence) / 2, len(means) - 1) * error)
    return Difference(mean, mean - width, mean + width, method)


def _one_by_one(score):
    """Return the function that takes the score without each group in turn."""

    def without(fold, groups):
        kept = (np.flatnonzero(groups != group) for group in range(1 + groups.max()))
        return [score(fold, rows) for rows in kept]

    return without


def _means_without(groups, whole, folds, scores_without):
    """Return the mean over the folds without each group in turn, of those where there is one.

    A class can be missing from what is left, without which some scores are not defined.
    """
    n_groups = 1 + max(int(each.max()) for each in groups)
    without = np.tile(whole[folds], (n_groups, 1))
    for column, fold in enumerate(folds):
        there, numbers = np.unique(groups[column], return_inverse=True)
        without[there, column] = scores_without(fold, numbers)
    means = without.mean(axis=1)
    return means[np.isfinite(means)]


def jackknife_groups(rows, units):
    """Return the number of the group of each text of each fold, and how many units there are."""
    texts = np.concatenate([np.empty(0, dtype=int), *rows])
    members = texts if units is None else units[texts]
    kept, first, places = np.unique(members, return_index=True, return_inverse=True)
    # Those of a fold one after the other, so that each group gets its share of them.
    fold = np.repeat(np.arange(len(rows)), [len(some) for some in rows])[first]
    order = np.lexsort((np.random.default_rng(0).random(len(kept)), fold))
    group = np.empty(len(kept), dtype=int)
    group[order] = np.arange(len(kept)) % _N_GROUPS
    ends = np.cumsum([len(some) for some in rows])[:-1]
    return np.split(group[places], ends), len(kept)


def reliability(y_true, y_pred, proba):
    """Return what the top probabilities promise and keep, in ten bins of equal width.

    The error of calibration weighs bins by their texts, which scikit-learn's ``calibration_curve``
    does not tell.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_texts,)
        Labels.
    proba : ndarray of shape (n_texts, n_classes)
        Probabilities.

    Returns
    -------
    confidence, accuracy : ndarray of shape (n_bins,)
        Mean top probability and share of right labels in each bin that holds texts.
    count : ndarray of shape (n_bins,)
        Texts in it.
    """
    top = proba.max(axis=1)
    bins = np.minimum((top * _N_BINS).astype(int), _N_BINS - 1)
    count = np.bincount(bins, minlength=_N_BINS)
    used = count > 0
    confidence = np.bincount(bins, weights=top, minlength=_N_BINS)[used] / count[used]
    accuracy = np.bincount(bins, weights=y_true == y_pred, minlength=_N_BINS)[used] / count[used]
    return confidence, accuracy, count[used]


def expected_calibration_error(y_true, y_pred, proba):
    """Return the mean distance of what top probabilities promise from what they keep.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017). On Calibration of Modern Neural Networks.
    ICML.
    """
    confidence, accuracy, count = reliability(y_true, y_pred, proba)
    return float(np.average(np.abs(confidence - accuracy), weights=count))
