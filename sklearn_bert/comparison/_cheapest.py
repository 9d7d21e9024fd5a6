"""Of several candidates, the cheapest that is not shown to be worse than the best."""

from .._durations import in_two_digits
from ._summary import Pair
from ._verdict import unit_of


def find_cheapest(results, best, scorers, data, *, in_cpu_seconds):
    """Return the name of the candidate, and a list with the sentence on it, if there is one.

    Parameters
    ----------
    results : list of FoldResult
        Of all models.
    best : list of str
        The candidates that finished most folds, the best one first.
    scorers : dict of str to callable
        scikit-learn scorers by name; the first decides.
    data : Data
        What is compared on.
    in_cpu_seconds : bool
        Whether costs are in seconds of the processor.
    """
    main, kind = next(iter(scorers)), "cpu_" if in_cpu_seconds else ""
    done = {
        name: sorted(
            (each for each in results if each.model == name and not each.error),
            key=lambda result: result.fold,
        )
        for name in best
    }

    def seconds(name):
        """Return what a candidate took to train."""
        return sum(getattr(result, f"fit_{kind}seconds") for result in done[name])

    first = best[0]
    for name in sorted(best, key=seconds):
        if name == first:
            return first, []
        pair = Pair(done[first], done[name])
        if not _on_same_folds(pair):
            continue
        gain = pair.difference(scorers, main, data)
        if gain.high >= 0:
            times = in_two_digits(seconds(first) / max(seconds(name), 1e-9))
            return name, [_sentence(pair, gain, main, times, "processor " if kind else "")]
    return first, []


def _on_same_folds(pair):
    """Return whether both were judged on the same folds."""
    return [each.fold for each in pair.cheap] == [each.fold for each in pair.bert]


def _sentence(pair, gain, scorer, times, kind):
    """Return the sentence on the cheapest candidate that is not shown to be worse."""
    scale, unit = unit_of(pair, scorer)
    digits = 1 if scale == 100 else 3
    mean, low, high = (scale * value for value in (gain.mean, gain.low, gain.high))
    return (
        f"{pair.bert[0].model} is the cheapest candidate that is not shown to be worse: "
        f"{mean:+z.{digits}f}{unit} against {pair.cheap[0].model} (95 % interval "
        f"{low:+z.{digits}f} to {high:+z.{digits}f}), at a training {kind}time {times} times "
        "shorter."
    )
