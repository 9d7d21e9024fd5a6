"""What BERT is going to gain with all texts, from a fit to a few of them.

The error of BERT, as a share of that of the best cheap model, falls with the number of texts, and
about equally on all sets: its logarithm by `FALL` times that of the number. So the share that a
short fit leaves is carried over to all texts, on which the cheap models have been judged already.
Fall and spread were found by benchmarks/preview.py, which also tells how well that forecasts.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from .._durations import format_duration, in_two_digits
from .._estimators.scoring import PositiveScorer
from ._fold_result import score
from ._statistics import jackknife_groups
from ._summary import Pair
from ._verdict import unit_of

FALL = 0.07
# Of the logarithm, around what is forecast: other sets and other seeds, but not other test texts.
SPREAD = 0.11
_CONFIDENCE = 0.8
# What a score that has no error may change by, had there been one more.
_LOG_OF_ONE_ERROR = math.log(3)
# Up to so many times the texts it is told from where on BERT is ahead.
_FARTHEST = 10
_NO_BARGAIN = 1 / 3
# These scores of scikit-learn have no best value.
_WITHOUT_BEST = {"positive_likelihood_ratio", "class_likelihood_ratios", "mutual_info_score"}


@dataclass(frozen=True)
class Preview:
    """What BERT is expected to gain over the best cheap model, from a fit to a few texts.

    Attributes
    ----------
    bert, best_cheap : str
        The names of the two.
    gain : float
        With all training texts, in units of the first score.
    interval : tuple of float
        The 80 % interval of the gain.
    n_train : int
        All training texts, of a fold on average.
    n_texts : int
        Those that BERT was fitted to.
    n_ahead : int or None
        From about how many texts on BERT is ahead, in one digit: 0 from the smallest sizes on,
        None if not up to ten times `n_train`.
    times_longer : float
        How many times longer a fit of BERT is expected to take.
    seconds : float
        What the fit to a few texts took, with the prediction.
    share : float
        The same as a share of what the full comparison is expected to take.
    """

    bert: str
    best_cheap: str
    gain: float
    interval: tuple
    n_train: int
    n_texts: int
    n_ahead: int | None
    times_longer: float
    seconds: float
    share: float


def best_value(scorer):
    """Return the best value of a score, 0 of a loss; None where that is not known."""
    scorer = scorer.scorer if isinstance(scorer, PositiveScorer) else scorer
    function = getattr(scorer, "_score_func", None)
    is_known = getattr(function, "__module__", "").startswith("sklearn.metrics.")
    if not is_known or function.__name__ in _WITHOUT_BEST:
        return None
    return 1.0 if scorer._sign > 0 else 0.0


class ErrorRatio:
    """The logarithm of the error of BERT over that of a cheap model, on the same texts.

    An error is what a score lacks to its best value, with half an error of a text more, so that
    none is 0.

    Parameters
    ----------
    pair : Pair
        The two models, each with one result.
    scorer : callable
        A scikit-learn scorer with a known best value.
    data : Data
        What is compared on.

    Attributes
    ----------
    value : float
        NaN where a score is not defined, or better than the best.
    """

    def __init__(self, pair, scorer, data):
        (self.cheap,), (self.bert,) = pair.cheap, pair.bert
        self.scorer, self.data, self.best = scorer, data, best_value(scorer)
        self.errors = self._errors(np.arange(len(self.bert.rows)))
        unit = 1.0 if self.best else np.nanmax([*self.errors, 0.0])
        self._half = max(unit / 2 / len(self.bert.rows), np.finfo(float).tiny)
        self.value = self._log(self.errors)

    def _errors(self, kept):
        """Return the errors of BERT and of the cheap model on some of the texts."""
        rows = self.bert.rows[kept]
        texts, y = self.data.take_texts(rows), self.data.y[rows]
        weights, errors = self.data.take_weights(rows), []
        for result in (self.bert, self.cheap):
            try:
                value = score(self.scorer, result.recorded.take(kept), texts, y, weights)
            except ValueError:  # a class is missing from the texts
                value = np.nan
            errors.append(self.best - value)
        return errors

    def _log(self, errors):
        """Return the logarithm of the ratio."""
        if not min(errors) >= 0:
            return np.nan
        bert, cheap = (error + self._half for error in errors)
        return math.log(bert / cheap)

    def variance(self):
        """Return the variance that the choice of the texts gives it, by a grouped jackknife."""
        (groups,), _ = jackknife_groups([self.bert.rows], self.data.units)
        without = np.array(
            [
                self._log(self._errors(np.flatnonzero(groups != group)))
                for group in range(1 + groups.max())
            ]
        )
        without = without[np.isfinite(without)]
        found = (len(without) - 1) * without.var() if len(without) > 1 else 0.0
        return found + self.errors.count(0.0) * _LOG_OF_ONE_ERROR**2


def find_preview(pair, full, scorers, data, folds, forecast, *, least, n_candidates=1):
    """Return the `Preview` of a BERT, and the sentence on it; None if there is no telling.

    Parameters
    ----------
    pair : Pair
        The best cheap model and BERT on a few texts.
    full : list of FoldResult
        Those of the best cheap model on the folds.
    scorers : dict of str to callable
        scikit-learn scorers by name; the first decides.
    data : Data
        What is compared on.
    folds : list of (train, test) pairs of arrays of int
        What would be done.
    forecast : Forecast
        What that would cost.
    least : float
        Texts below which it has not been looked at which is ahead.
    n_candidates : int, default=1
        Of which the best one is going to be chosen.
    """
    main, (bert,) = next(iter(scorers)), pair.bert
    ratio = ErrorRatio(pair, scorers[main], data)
    if not math.isfinite(ratio.value):
        return None
    n_train = round(np.mean([len(train) for train, _ in folds]))
    error = ratio.best - np.mean([result.scores[main] for result in full])
    log_ratio = ratio.value - FALL * math.log(n_train / bert.n_train)
    # Both the fits to few texts and those to all are judged on texts that might be others.
    n_judged = sum(len(result.rows) for result in full)
    variance = SPREAD**2 + ratio.variance() * (1 + len(bert.rows) / n_judged)
    margin = norm.ppf(1 - (1 - _CONFIDENCE) / 2 / n_candidates) * math.sqrt(variance)
    gain, low, high = (
        float(error * -math.expm1(log_ratio + shift)) for shift in (0.0, margin, -margin)
    )
    seconds = bert.fit_seconds + bert.predict_seconds
    cheap_seconds = np.mean([result.fit_seconds for result in full])
    preview = Preview(
        bert.model,
        full[0].model,
        gain,
        (low, high),
        n_train,
        bert.n_train,
        _n_ahead(ratio.value, bert.n_train, least, _FARTHEST * n_train),
        float(np.mean(forecast.fit_seconds) / max(cheap_seconds, 1e-9)),
        seconds,
        seconds / forecast.seconds,
    )
    return preview, _tell(preview, *unit_of(Pair(full, pair.bert), main), error, forecast.seconds)


def _n_ahead(log_ratio, n_texts, least, most):
    """Return the number of texts at which the errors are equal."""
    log_n = math.log(n_texts) + log_ratio / FALL
    if log_n > math.log(most):
        return None
    return round(float(f"{math.exp(log_n):.1g}")) if log_n > math.log(least) else 0


def _tell(preview, scale, unit, error, full_seconds):
    """Return the sentence on what is expected."""
    digits = 1 if scale == 100 else 3
    gain, low, high = (scale * value for value in (preview.gain, *preview.interval))
    change = f"gain {gain:.{digits}f}{unit} over {preview.best_cheap}"
    if gain < 0:
        change = f"lose {-gain:.{digits}f}{unit} against {preview.best_cheap}"
    expected = (
        f"is expected to {change} (80 % interval {low:+z.{digits}f} to {high:+z.{digits}f}), at "
        f"about {in_two_digits(preview.times_longer)} times its training time; "
        f"{_tell_ahead(preview)}"
    )
    if not error > 0:
        expected = f"has nothing to gain over {preview.best_cheap}, which makes no error"
    ending = ": compare without preview for the verdict"
    if preview.share > _NO_BARGAIN:
        ending = ", which is the better bargain: compare without preview"
    return (
        f"Preview: with all {preview.n_train:,} training texts, {preview.bert} {expected}. It has "
        f"been fitted to {preview.n_texts:,} texts only, in "
        f"{in_two_digits(100 * preview.share)} % of the time of the full comparison (about "
        f"{format_duration(full_seconds)}){ending}."
    )


def _tell_ahead(preview):
    """Return from where on BERT is ahead."""
    if preview.n_ahead is None:
        return "it is not ahead with ten times as many texts either"
    if preview.n_ahead == 0:
        return "it is ahead from the smallest sizes on"
    verb = "is" if preview.n_ahead <= preview.n_train else "would be"
    return f"it {verb} ahead from about {preview.n_ahead:,} texts on"
