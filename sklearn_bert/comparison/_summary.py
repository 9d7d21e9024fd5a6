"""From the results of all models: one row a model, and the two that the verdict is about."""

from dataclasses import dataclass

import numpy as np

from ._gain import Gain
from ._statistics import fold_difference, texts_difference

_LEAST = 1e-9  # seconds, of clocks that tick slowly


def summarize(name, results, scorers, *, with_fits=False):
    """Return the row of a model: its scores with their spread, and what it cost.

    Parameters
    ----------
    name : str
        Of the model.
    results : list of FoldResult
        Its folds.
    scorers : iterable of str
        Names of the scores.
    with_fits : bool, default=False
        Whether to tell how many fits a fold took.

    Returns
    -------
    row : dict
    """
    done = [result for result in results if not result.error]
    row = {"model": name}
    for scorer in scorers:
        values = np.array([result.scores[scorer] for result in done])
        values = values[np.isfinite(values)]
        row[scorer] = float(values.mean()) if len(values) else np.nan
        row[f"{scorer}_std"] = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    if with_fits:
        row["n_fits"] = max((result.n_fits for result in done), default=0)
    predicted = sum(len(result.rows) for result in done)
    row["fit_seconds"] = _mean([result.fit_seconds for result in done])
    row["fit_cpu_seconds"] = _mean([result.fit_cpu_seconds for result in done])
    for kind in ("", "cpu_"):
        seconds = sum(getattr(result, f"predict_{kind}seconds") for result in done)
        row[f"predictions_per_{kind}second"] = predicted / seconds if seconds > 0 else np.nan
    row["size_mb"] = _mean([result.size_mb for result in done])
    row["memory_mb"] = _largest([result.memory_mb for result in done])
    row["gpu_memory_mb"] = _largest([result.gpu_memory_mb for result in done])
    row["n_folds"] = len(done)
    row["error"] = next((result.error for result in results if result.error), "")
    return row


def _mean(values):
    """Return the mean of what is not NaN, NaN if there is nothing."""
    values = [value for value in values if not np.isnan(value)]
    return float(np.mean(values)) if values else np.nan


def _largest(values):
    """Return the largest of what is not NaN, NaN if there is nothing."""
    return max((value for value in values if not np.isnan(value)), default=np.nan)


@dataclass(frozen=True)
class Pair:
    """The best cheap model and BERT on the folds that both have.

    Attributes
    ----------
    cheap, bert : list of FoldResult
        In the same order of folds.
    """

    cheap: list
    bert: list

    def difference(self, scorers, name, data, n_candidates=1):
        """Return by how much BERT, the best of `n_candidates`, is better on texts like these."""
        rows = [result.rows for result in self.bert]
        gain = Gain(self, scorers[name], name, data)
        return texts_difference(rows, gain, data.units, n_candidates, without=gain.without)

    def fold_difference(self, name, n_candidates=1):
        """Return the same for other training texts, too; None where there is one fold only."""
        if len(self.bert) == 1:
            return None
        gains = [
            bert.scores[name] - cheap.scores[name]
            for cheap, bert in zip(self.cheap, self.bert, strict=True)
        ]
        sizes = [(result.n_train, len(result.rows)) for result in self.bert]
        return fold_difference(gains, *zip(*sizes, strict=True), n_candidates)

    def times_longer(self, kind=""):
        """Return how many times longer BERT took to fit, and to predict.

        By the clock, or with the `kind` "cpu_" by the processor.
        """
        return [
            sum(getattr(result, f"{part}_{kind}seconds") for result in self.bert)
            / max(sum(getattr(result, f"{part}_{kind}seconds") for result in self.cheap), _LEAST)
            for part in ("fit", "predict")
        ]


def _done(results, scorer):
    """Return the results with a score that is a number: by model, and in it by fold."""
    done = {}
    for result in results:
        if not result.error and np.isfinite(result.scores[scorer]):
            done.setdefault(result.model, {})[result.fold] = result
    return done


def rank_candidates(results, candidates, scorer):
    """Return the candidates that the verdict may be on, the best mean score first.

    They are those that finished most folds: the fewer folds, the more a mean is luck.

    Parameters
    ----------
    results : list of FoldResult
        Of all models.
    candidates : list of str
        Names of the candidates.
    scorer : str
        Name of the score.
    """
    done = {name: of_fold for name, of_fold in _done(results, scorer).items() if name in candidates}
    most = max(map(len, done.values()), default=0)
    means = {
        name: np.mean([result.scores[scorer] for result in done[name].values()])
        for name in candidates
        if name in done and len(done[name]) == most
    }
    return sorted(means, key=means.get, reverse=True)


def find_pair(results, bert, scorer, candidates=()):
    """Return the `Pair` of BERT and the cheap model with the best mean score, or None.

    Only models that finished all the folds that BERT finished come into question, with a score
    that is a number on each of them, and no other candidates.
    """
    done = _done(results, scorer)
    berts = done.get(bert, {})
    folds = sorted(berts)
    rivals = {
        name: [of_fold[fold] for fold in folds]
        for name, of_fold in done.items()
        if name not in (bert, *candidates) and set(folds) <= set(of_fold)
    }
    if not folds or not rivals:
        return None
    best = max(
        rivals.values(), key=lambda some: np.mean([result.scores[scorer] for result in some])
    )
    return Pair(best, [berts[fold] for fold in folds])


def counts_processor(results):
    """Return whether the processor's seconds say more of the costs than the clock's.

    They do where the machine had other work too, but tell nothing of what a GPU does.
    """
    is_elsewhere = any(
        result.gpu_memory_mb > 0 or (result.training and result.training.device != "cpu")
        for result in results
    )
    return not is_elsewhere and any(result.is_busy for result in results)
