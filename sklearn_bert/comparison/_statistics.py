"""How sure a difference between two models is, and how honest their probabilities are."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

_CONFIDENCE = 0.95
_N_RESAMPLES = 2000
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


def split_difference(score, n_texts, n_resamples=_N_RESAMPLES, n_candidates=1):
    """Return the difference on one test set, by the paired bootstrap: a percentile interval.

    The test texts are drawn with replacement, both models judged on the same draw. A draw without a
    score is left out, for which ``scipy.stats.bootstrap`` would give no interval at all.

    Parameters
    ----------
    score : callable
        Takes row numbers of the test set and returns the difference in score on them, NaN where
        it is not defined.
    n_texts : int
        Size of the test set.
    n_resamples : int, default=2000
        Draws.
    n_candidates : int, default=1
        Models of which the better one of the two was chosen by its score.

    References
    ----------
    B. Efron, R. J. Tibshirani (1993). An Introduction to the Bootstrap. Chapman & Hall.
    """
    confidence, widened = _confidence(n_candidates)
    rng = np.random.default_rng(0)
    draws = [score(rng.integers(n_texts, size=n_texts)) for _ in range(n_resamples)]
    tail = 50 * (1 - confidence)
    # A draw can lack a class, for which some scores are not defined.
    defined = np.asarray(draws, dtype=float)
    defined = defined[np.isfinite(defined)]
    low, high = np.percentile(defined, [tail, 100 - tail]) if len(defined) else (np.nan, np.nan)
    method = (
        f"paired bootstrap over {n_texts:,} test texts, {n_resamples:,} draws (Efron and "
        f"Tibshirani, 1993){widened}"
    )
    return Difference(float(score(np.arange(n_texts))), float(low), float(high), method)


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
