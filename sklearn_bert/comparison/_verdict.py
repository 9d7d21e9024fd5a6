"""The sentence that decides: whether BERT is worth its price."""

import numpy as np

from .._durations import in_two_digits
from ._training import find_short

# From here on, a gain that cannot be excluded is too large to say that there is no difference.
_OPEN_POINTS = 3.0


def verdict(
    pair, difference, scorer, label=None, bert="BERT", *, over_folds=None, in_cpu_seconds=False
):
    """Return the sentence that answers whether BERT is worth its price.

    Parameters
    ----------
    pair : Pair
        What is compared.
    difference : Difference
        By how much BERT is better.
    scorer : str
        Name of the score.
    label : label, default=None
        What the score is about, None if it is about all labels.
    bert : str, default="BERT"
        What BERT is called.
    over_folds : Difference, default=None
        The same with other training texts, too: where that may be nothing, a gain is probable.
    in_cpu_seconds : bool, default=False
        Whether costs are in seconds of the processor.
    """
    cheap = pair.cheap[0].model
    scale, unit = _unit(pair, scorer)
    unit += "" if label is None else f" for {label!r}"
    digits = 1 if scale == 100 else 3
    gain, low, high = (
        scale * value for value in (difference.mean, difference.low, difference.high)
    )
    if not low > 0 and (short := find_short(pair.bert)):
        return _too_short(bert, *short, f"{gain:+z.{digits}f}{unit} against {cheap}")
    longer = pair.times_longer("cpu_" if in_cpu_seconds else "")
    less, more = _costs(*longer, in_cpu_seconds)
    if np.isnan(low):
        return (
            f"Too little data to tell ({bert} {gain:+z.{digits}f}{unit}, and no interval): "
            f"until there is more, {cheap} {less}."
        )
    is_sure = over_folds is None or over_folds.low > 0 or over_folds.high < 0
    bert_is = f"{bert} is" if is_sure else f"{bert} is probably"
    if low > 0:
        return (
            f"{bert_is} better by {gain:.{digits}f}{unit} (95 % interval {low:.{digits}f} to "
            f"{high:.{digits}f}), at {more} of {cheap}."
        )
    if high < 0:
        return (
            f"{bert_is} worse by {-gain:.{digits}f}{unit} (95 % interval {-high:.{digits}f} to "
            f"{-low:.{digits}f}), at {more}: stay with {cheap}."
        )
    signed = (
        f"{bert} {gain:+z.{digits}f}{unit}, 95 % interval {low:+z.{digits}f} to {high:+z.{digits}f}"
    )
    if scale == 100 and high > _OPEN_POINTS:
        return f"Too little data to tell ({signed}): until there is more, {cheap} {less}."
    return f"No difference shown ({signed}): {cheap} {less}."


def tell_intervals(pair, scorer, difference, over_folds):
    """Return the sentences on how the interval was got, and on that over the folds."""
    sentences = [f"Interval: {difference.method}."]
    if over_folds is not None and not np.isnan(over_folds.low):
        scale, _ = _unit(pair, scorer)
        digits = 1 if scale == 100 else 3
        low, high = (scale * value for value in (over_folds.low, over_folds.high))
        sentences.append(
            f"With other training texts, too: {low:+z.{digits}f} to {high:+z.{digits}f} "
            f"({over_folds.method})."
        )
    return sentences


def _too_short(bert, why, training, signed):
    """Return the sentence on a BERT that was not trained for long enough to be judged."""
    return (
        f"{bert} was trained for {training.n_steps} steps only, and {why} ({signed}): try "
        f"epochs={training.more_epochs}."
    )


def _costs(training, prediction, in_cpu_seconds):
    """Return how the cheap model compares with BERT, and how BERT with it."""
    kind = "processor time" if in_cpu_seconds else "time"
    more = (
        f"{in_two_digits(training)} times the training {kind} and {in_two_digits(prediction)} "
        f"times the prediction {kind}"
    )
    if in_cpu_seconds:
        less = f"takes {_less(training)} processor time to train and {_less(prediction)} to predict"
        return less, more
    return f"is {_faster(training)} to train and {_faster(prediction)} to predict with", more


def _faster(times):
    """Return how the cheap model compares: "310 times faster", "1.2 times slower"."""
    return _times(times, "faster", "slower") or "about as fast"


def _less(times):
    """Return the same of the processor's time: "310 times less", "1.2 times more"."""
    return _times(times, "less", "more") or "about as much"


def _times(times, word, opposite):
    """Return how many times what, nothing where it rounds to once."""
    word, times = (word, times) if times >= 1 else (opposite, 1 / times)
    shown = in_two_digits(times)
    return "" if shown == "1" else f"{shown} times {word}"


def _unit(pair, scorer):
    """Return the factor and the words for a score: per cent of one from 0 to 1, else as it is."""
    values = [result.scores[scorer] for result in (*pair.cheap, *pair.bert)]
    if min(values) >= 0 and max(values) <= 1:
        return 100, f" percentage points of {scorer}"
    return 1, f" in {scorer}"
