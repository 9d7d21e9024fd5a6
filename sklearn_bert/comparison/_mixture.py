"""The best convex mixture of what BERT and the cheap models predict, judged out of fold."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from ._baselines import MAJORITY, MEAN
from ._fold_result import FoldResult, judge
from ._statistics import Difference
from ._summary import Pair
from ._verdict import unit_of

_LEAST_WEIGHT = 0.05  # a member that counts for less is not worth its time
_N_PARTS = 5  # of a single test part
_N_STEPS = 1000


@dataclass(frozen=True)
class Mixture:
    """A mixture that is better than each of its parts.

    Attributes
    ----------
    weights : dict of str to float
        Of its members, BERT first; they sum to 1.
    results : list of FoldResult
        Of the mixture. Weights of a fold are found on the texts of the other folds.
    gain : Difference
        By how much it is better than the best of its members.
    part : list of FoldResult
        Of that member.
    left_out : list of str
        Models that give no probabilities.
    """

    weights: dict
    results: list
    gain: Difference
    part: list
    left_out: list

    def told(self, scorer):
        """Return the sentence on it."""
        scale, unit = unit_of(Pair(self.part, self.results), scorer)
        gain, low, high = (
            f"{scale * value:.{1 if scale == 100 else 3}f}"
            for value in (self.gain.mean, self.gain.low, self.gain.high)
        )
        parts = " and ".join(f"{weight:.2f} {name}" for name, weight in self.weights.items())
        lacking = ""
        if self.left_out:
            lacking = f"; in no mixture, without probabilities: {', '.join(self.left_out)}"
        return (
            f"Mixed, {parts} are better than {self.part[0].model} alone by {gain}{unit} (95 % "
            f"interval {low} to {high}){lacking}."
        )


def find_mixture(results, pair, data, scorers, candidates):
    """Return the `Mixture` of BERT and some cheap models, None if none is better than its parts.

    Parameters
    ----------
    results : list of FoldResult
        Of all models.
    pair : Pair
        The best cheap model and BERT: its folds are judged on.
    data : Data
        What is compared on; a text has one label or number.
    scorers : dict of str to callable
        scikit-learn scorers by name; the first decides.
    candidates : collection of str
        What is no cheap model.
    """
    if data.kind == "several labels":
        return None
    bert = pair.bert[0].model
    members, left_out = _find_members(results, pair, {*candidates, MAJORITY, MEAN})
    if bert not in members or len(members) < 2:
        return None
    parts = _parts([len(result.rows) for result in pair.bert])
    fit = _Fit(members, pair, data)
    found = fit.weights(np.ones(len(parts), dtype=bool))
    if bert not in found or len(found) < 2:
        return None
    order = sorted(found, key=lambda name: (name != bert, -found[name]))
    name, main = f"mixture: {' and '.join(order)}", next(iter(scorers))
    part = max(order, key=lambda each: np.mean([fold.scores[main] for fold in members[each]]))
    weights = fit.weights_of_others(parts)
    mixed, start = [], 0
    for number, fold in enumerate(pair.bert):
        rows = slice(start, start := start + len(fold.rows))
        recorded = _mix(members, number, {each: weights[each][rows] for each in members}, data)
        costs = _costs([members[each][number] for each in order])
        result = FoldResult(name, fold.fold, fold.rows, fold.n_train, recorded=recorded, **costs)
        for each, scorer in scorers.items():
            result.scores[each], _ = judge(scorer, recorded, data, fold.rows)
        mixed.append(result)
    gain = Pair(members[part], mixed).difference(scorers, main, data)
    if not gain.low > 0:
        return None
    return Mixture({each: found[each] for each in order}, mixed, gain, members[part], left_out)


def _find_members(results, pair, excluded):
    """Return the results of the models that can be mixed on the folds of a pair, by name."""
    bert = pair.bert[0].model
    by_model = {}
    for result in results:
        if not result.error and (result.model == bert or result.model not in excluded):
            by_model.setdefault(result.model, {})[result.fold] = result
    folds = [result.fold for result in pair.bert]
    members, left_out = {}, []
    for name, of_fold in by_model.items():
        if set(folds) <= set(of_fold):
            done = [of_fold[fold] for fold in folds]
            if all(_can_be_mixed(result.recorded) for result in done):
                members[name] = done
            else:
                left_out.append(name)
    return members, left_out


def _can_be_mixed(recorded):
    """Return whether there are numbers to mix: softened decision values are no probabilities."""
    if recorded.labels.dtype.kind == "f" and not hasattr(recorded, "classes"):
        return bool(np.isfinite(recorded.labels).all())
    return recorded.proba is not None and bool(np.isfinite(recorded.proba).all())


def _parts(sizes):
    """Return the number of the part of each judged text: its fold, or of one fold a fifth."""
    if len(sizes) > 1:
        return np.repeat(np.arange(len(sizes)), sizes)
    n_parts = min(_N_PARTS, sizes[0])
    return np.random.default_rng(0).permutation(sizes[0]) % n_parts


class _Fit:
    """Finds weights on some of the judged texts.

    Probabilities are mixed for the highest likelihood of the labels, numbers for the least squares
    of their errors.
    """

    def __init__(self, members, pair, data):
        rows = np.concatenate([result.rows for result in pair.bert])
        self.y = data.y[rows]
        self.counts = np.ones(len(rows)) if data.weights is None else data.weights[rows]
        self.is_numbers = data.kind == "numbers"
        self.predicted = {
            name: np.concatenate([self._of_truth(each, data) for each in results])
            for name, results in members.items()
        }

    def _of_truth(self, result, data):
        """Return the numbers that a model predicted, or its probabilities of the true labels."""
        if self.is_numbers:
            return result.recorded.labels
        columns = np.searchsorted(data.classes, data.y[result.rows])
        return result.recorded.proba[np.arange(len(columns)), columns]

    def weights(self, used):
        """Return the weights of the members that count, found on the texts that are used."""
        names = list(self.predicted)
        while True:
            predicted = np.array([self.predicted[name][used] for name in names])
            find = _least_squares if self.is_numbers else _most_likely
            weights = find(predicted, self.y[used], self.counts[used])
            if weights.min() >= _LEAST_WEIGHT or len(names) == 1:
                return dict(zip(names, weights.tolist(), strict=True))
            del names[weights.argmin()]

    def weights_of_others(self, parts):
        """Return the weights of each member for each text, found on the texts of other parts."""
        found = [self.weights(parts != part) for part in range(parts.max() + 1)]
        return {
            name: np.array([weights.get(name, 0.0) for weights in found])[parts]
            for name in self.predicted
        }


def _most_likely(probabilities, y, counts):
    """Return the weights of a mixture with the highest likelihood, by expectation-maximization."""
    probabilities = np.maximum(probabilities, 1e-12)
    weights = np.full(len(probabilities), 1 / len(probabilities))
    for _ in range(_N_STEPS):
        shares = weights[:, None] * probabilities
        found = (shares / shares.sum(axis=0)) @ counts / counts.sum()
        if np.abs(found - weights).max() < 1e-6:
            break
        weights = found
    return found


def _least_squares(predicted, y, counts):
    """Return the weights, not negative and with a sum of 1, of the least squared error."""
    # The error of a convex mixture is the mixture of the errors: an equation more holds the sum.
    errors = ((predicted - y) * np.sqrt(counts)).T
    scale = max(np.abs(errors).max(), 1e-12)
    system = np.vstack([errors / scale, np.full(len(predicted), 1e3 * np.sqrt(len(y)))])
    weights, _ = nnls(system, np.append(np.zeros(len(y)), 1e3 * np.sqrt(len(y))))
    return weights / weights.sum()


def _mix(members, number, weights, data):
    """Return the mixed predictions for a fold; each text has weights of its own."""
    recorded = {name: results[number].recorded for name, results in members.items()}
    if data.kind == "numbers":
        return data.record(sum(weights[name] * each.labels for name, each in recorded.items()))
    proba = sum(weights[name][:, None] * each.proba for name, each in recorded.items())
    return data.record(data.classes[proba.argmax(axis=1)], proba)


def _costs(parts):
    """Return what the results of all members cost together, by attribute."""
    names = ("fit_seconds", "predict_seconds", "fit_cpu_seconds", "predict_cpu_seconds", "size_mb")
    costs = {name: sum(getattr(part, name) for part in parts) for name in names}
    for name in ("memory_mb", "gpu_memory_mb"):
        costs[name] = max(getattr(part, name) for part in parts)
    return costs | {"is_busy": any(part.is_busy for part in parts)}
