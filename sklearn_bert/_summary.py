"""From the trials of all models: one row a model, and the sentence that decides."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score

from ._durations import in_two_digits
from ._statistics import fold_difference, split_difference
from ._trial import score

# From here on, a gain that cannot be excluded is too large to say that there is no difference.
_OPEN_POINTS = 3.0
_LEAST_SECONDS = 1e-9  # of clocks that tick slowly

_UNKNOWN = "-"
_COSTS = (
    ("fit_seconds", "fit (s)", "{:,.2f}"),
    ("predictions_per_second", "predict (/s)", "{:,.0f}"),
    ("size_mb", "size (MB)", "{:,.1f}"),
    ("memory_mb", "memory (MB)", "{:,.0f}"),
    ("gpu_memory_mb", "GPU memory (MB)", "{:,.0f}"),
)


def summarize(name, trials, scorers):
    """Return the row of a model: its scores with their spread, and what it cost.

    Parameters
    ----------
    name : str
        Of the model.
    trials : list of Trial
        Its folds.
    scorers : iterable of str
        Names of the scores.

    Returns
    -------
    row : dict
    """
    done = [trial for trial in trials if not trial.error]
    row = {"model": name}
    for scorer in scorers:
        values = np.array([trial.scores[scorer] for trial in done])
        values = values[np.isfinite(values)]
        row[scorer] = float(values.mean()) if len(values) else np.nan
        row[f"{scorer}_std"] = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    predicted = sum(len(trial.rows) for trial in done)
    row["fit_seconds"] = _mean([trial.fit_seconds for trial in done])
    seconds = sum(trial.predict_seconds for trial in done)
    row["predictions_per_second"] = predicted / seconds if seconds > 0 else np.nan
    row["size_mb"] = _mean([trial.size_mb for trial in done])
    row["memory_mb"] = _largest([trial.memory_mb for trial in done])
    row["gpu_memory_mb"] = _largest([trial.gpu_memory_mb for trial in done])
    row["n_folds"] = len(done)
    row["error"] = next((trial.error for trial in trials if trial.error), "")
    return row


def _mean(values):
    """Return the mean of what is not NaN, NaN if there is nothing."""
    values = [value for value in values if not np.isnan(value)]
    return float(np.mean(values)) if values else np.nan


def _largest(values):
    """Return the largest of what is not NaN, NaN if there is nothing."""
    return max((value for value in values if not np.isnan(value)), default=np.nan)


def _or_unknown(value, form):
    """Return a figure as it is shown, a dash for one that is not known."""
    return _UNKNOWN if np.isnan(value) else form.format(value)


class Table:
    """Lays out rows as text of aligned columns, also one by one.

    Parameters
    ----------
    names : list of str
        All models that may come.
    scorers : iterable of str
        Names of the scores.
    with_gpu : bool
        Whether there is a column for the memory of a GPU.
    """

    def __init__(self, names, scorers, *, with_gpu):
        self.costs = _COSTS if with_gpu else _COSTS[:-1]
        self.scorers = list(scorers)
        self.headings = ["model", *self.scorers, *(heading for _, heading, _ in self.costs)]
        cell_widths = [15] * len(self.scorers) + [9] * len(self.costs)
        widths = [max(map(len, names)), *cell_widths]
        self.widths = [max(pair) for pair in zip(widths, map(len, self.headings), strict=True)]

    def heading(self):
        """Return the line of the headings."""
        return self._line(self.headings)

    def row(self, row):
        """Return the line of a model."""
        if not row["n_folds"]:
            return f"{row['model'].ljust(self.widths[0])}  failed: {row['error']}"
        return self._line(self.cells(row))

    def cells(self, row):
        """Return what stands in the columns."""
        cells = [row["model"]]
        for scorer in self.scorers:
            spread = row[f"{scorer}_std"]
            spread = "" if np.isnan(spread) else f" \N{PLUS-MINUS SIGN} {spread:.3f}"
            cells.append(_or_unknown(row[scorer], "{:.3f}") + spread)
        for key, _, form in self.costs:
            cells.append(_or_unknown(row[key], form))
        return cells

    def _line(self, cells):
        """Return the cells in columns: the name to the left, the rest to the right."""
        padded = map(str.rjust, cells[1:], self.widths[1:])
        return "  ".join([cells[0].ljust(self.widths[0]), *padded]).rstrip()


def _weighted_mean(values, weights, rows):
    """Return the mean over some rows, NaN if none of them counts."""
    if weights is None:
        return values[rows].mean()
    total = weights[rows].sum()
    return weights[rows] @ values[rows] / total if total else np.nan


@dataclass(frozen=True)
class Pair:
    """The best cheap model and BERT on the folds that both have.

    Attributes
    ----------
    cheap, bert : list of Trial
        In the same order of folds.
    """

    cheap: list
    bert: list

    def difference(self, scorers, name, data, n_candidates=1):
        """Return by how much BERT, the best of `n_candidates`, is better in the score `name`."""
        if len(self.bert) > 1:
            gains = [
                bert.scores[name] - cheap.scores[name]
                for cheap, bert in zip(self.cheap, self.bert, strict=True)
            ]
            sizes = [(trial.n_train, len(trial.rows)) for trial in self.bert]
            return fold_difference(gains, *zip(*sizes, strict=True), n_candidates)
        (cheap,), (bert,) = self.cheap, self.bert
        texts, y = data.take_texts(bert.rows), data.y[bert.rows]
        weights = data.take_weights(bert.rows)
        if getattr(scorers[name], "_score_func", None) is accuracy_score:
            gains = (bert.recorded.labels == y) - (cheap.recorded.labels == y).astype(float)
            return split_difference(
                lambda rows: _weighted_mean(gains, weights, rows), len(y), n_candidates=n_candidates
            )

        def gain(rows):
            """Return the difference on a draw of the test texts, NaN where it is not defined."""
            drawn = [texts[row] for row in rows]
            drawn_weights = None if weights is None else weights[rows]
            try:
                better, worse = (
                    score(scorers[name], trial.recorded.take(rows), drawn, y[rows], drawn_weights)
                    for trial in (bert, cheap)
                )
            except ValueError:  # a class is missing from the draw
                return np.nan
            return better - worse

        if not np.isfinite(bert.scores[name] - cheap.scores[name]):
            return split_difference(lambda rows: np.nan, len(y), 1)

        # Scores of many texts take long: fewer draws, which are enough where there are many. The
        # tails of an interval that is widened hold fewer of them.
        n_resamples = int(np.clip(4_000_000 / len(y), 200 * n_candidates, 2000))
        return split_difference(gain, len(y), n_resamples, n_candidates)

    def times_dearer(self):
        """Return how many times longer BERT took to fit, and to predict."""
        return [
            sum(getattr(trial, seconds) for trial in self.bert)
            / max(sum(getattr(trial, seconds) for trial in self.cheap), _LEAST_SECONDS)
            for seconds in ("fit_seconds", "predict_seconds")
        ]


def _done(trials, scorer):
    """Return the trials with a score that is a number: by model, and in it by fold."""
    done = {}
    for trial in trials:
        if not trial.error and np.isfinite(trial.scores[scorer]):
            done.setdefault(trial.model, {})[trial.fold] = trial
    return done


def rank_candidates(trials, candidates, scorer):
    """Return the candidates that the verdict may be on, the best mean score first.

    They are those that finished most folds: the fewer folds, the more a mean is luck.

    Parameters
    ----------
    trials : list of Trial
        Of all models.
    candidates : list of str
        Names of the candidates.
    scorer : str
        Name of the score.
    """
    done = {name: of_fold for name, of_fold in _done(trials, scorer).items() if name in candidates}
    most = max(map(len, done.values()), default=0)
    means = {
        name: np.mean([trial.scores[scorer] for trial in done[name].values()])
        for name in candidates
        if name in done and len(done[name]) == most
    }
    return sorted(means, key=means.get, reverse=True)


def find_pair(trials, bert, scorer, candidates=()):
    """Return the `Pair` of BERT and the cheap model with the best mean score, or None.

    Only models that finished all the folds that BERT finished come into question, with a score
    that is a number on each of them, and no other candidates.
    """
    done = _done(trials, scorer)
    berts = done.get(bert, {})
    folds = sorted(berts)
    rivals = {
        name: [of_fold[fold] for fold in folds]
        for name, of_fold in done.items()
        if name not in (bert, *candidates) and set(folds) <= set(of_fold)
    }
    if not folds or not rivals:
        return None
    best = max(rivals.values(), key=lambda some: np.mean([trial.scores[scorer] for trial in some]))
    return Pair(best, [berts[fold] for fold in folds])


def verdict(pair, difference, scorer, label=None, bert="BERT"):
    """Return the sentence that answers whether BERT is worth its price.

    `label` is the one that the score is about, None if it is about all of them; `bert` is what
    BERT is called.
    """
    cheap = pair.cheap[0].model
    scale, unit = _unit(pair, scorer)
    unit += "" if label is None else f" for {label!r}"
    gain, low, high = (
        scale * value for value in (difference.mean, difference.low, difference.high)
    )
    dearer = pair.times_dearer()
    costs = f"{_cheaper(dearer[0])} to train and {_cheaper(dearer[1])} to predict with"
    if np.isnan(low):
        return (
            f"Too little data to tell ({bert} {gain:+z.{_digits(scale)}f}{unit}, and no interval): "
            f"until there is more, {cheap} is {costs}."
        )
    training, prediction = map(in_two_digits, dearer)
    if low > 0:
        return (
            f"{bert} is better by {gain:.{_digits(scale)}f}{unit} (95 % interval "
            f"{low:.{_digits(scale)}f} to {high:.{_digits(scale)}f}), at {training} times the "
            f"training time and {prediction} times the prediction time of {cheap}."
        )
    if high < 0:
        return (
            f"{bert} is worse by {-gain:.{_digits(scale)}f}{unit} (95 % interval "
            f"{-high:.{_digits(scale)}f} to {-low:.{_digits(scale)}f}), at {training} times the "
            f"training time and {prediction} times the prediction time: stay with {cheap}."
        )
    signed = (
        f"{bert} {gain:+z.{_digits(scale)}f}{unit}, 95 % interval {low:+z.{_digits(scale)}f} to "
        f"{high:+z.{_digits(scale)}f}"
    )
    if scale == 100 and high > _OPEN_POINTS:
        return f"Too little data to tell ({signed}): until there is more, {cheap} is {costs}."
    return f"No difference shown ({signed}): {cheap} is {costs}."


def _cheaper(times):
    """Return how the cheap model compares: "310 times cheaper", "1.2 times dearer"."""
    word, times = ("cheaper", times) if times >= 1 else ("dearer", 1 / times)
    return f"{in_two_digits(times)} times {word}"


def _unit(pair, scorer):
    """Return the factor and the words for a score: points of scores from 0 to 1, else as it is."""
    values = [trial.scores[scorer] for trial in (*pair.cheap, *pair.bert)]
    if min(values) >= 0 and max(values) <= 1:
        return 100, f" points of {scorer}"
    return 1, f" in {scorer}"


def _digits(scale):
    """Return the decimals that are shown."""
    return 1 if scale == 100 else 3
