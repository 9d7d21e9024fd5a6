"""Is BERT worth it? The cheap models and BERT on the same folds, with a verdict."""

from __future__ import annotations

from datetime import datetime
from numbers import Real
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._files.atomic import replacing
from ._learning_curve import crossing, find_curves, with_full_size
from ._overlap import score_without
from ._runner import Runner
from ._summary import counts_processor, find_pair, rank_candidates, summarize
from ._table import Table, wrap
from ._verdict import tell_intervals, verdict

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

    from ._fold_result import FoldResult
    from ._forecast import Forecast
    from ._learning_curve import Curve
    from ._overlap import Overlap
    from ._statistics import Difference


class Comparison:
    """What `compare` found; ``print`` shows the table and the verdict.

    It is made by :func:`compare`, and shows its report in a notebook.

    Attributes
    ----------
    rows_ : list of dict
        One dict a model: ``model``, each score by its name with ``NAME_std`` over the folds,
        ``fit_seconds`` (mean of the folds) and ``predictions_per_second`` by the clock,
        ``fit_cpu_seconds`` and ``predictions_per_cpu_second`` by the processor, all threads of
        the process together, ``size_mb`` of the pickled model, ``memory_mb`` and
        ``gpu_memory_mb`` (peaks), ``n_folds`` that were done, and the ``error`` of one that
        failed. What is not known is NaN, printed as "-". A score is the mean over the folds on
        which it is defined.

    table_ : DataFrame
        The same, indexed by model.

    folds_ : DataFrame
        One row a model and fold, with what `rows_` sums up.

    predictions_ : DataFrame
        One row a model and text that it was judged on: ``row``, ``fold``, ``label``,
        ``predicted`` and a probability for each class, NaN where the model gives none. The
        columns of probabilities are called as the classes are; if a class has the name of one of
        the other columns, all of them begin with ``proba_``.

    learning_curve_ : DataFrame or None
        One row a model, fold and size of the training part, with the scores.

    verdict_ : str
        One sentence: what BERT gains, how sure that is, and its price.

    differences_ : dict of str to Difference
        For each scorer, by how much BERT is better than the best cheap model: ``mean``, and the
        95 % interval from ``low`` to ``high``, in units of the score, with its ``method``.

    best_cheap_, bert_ : str
        The names of the two; `best_cheap_` is None if there is nothing to compare. Of several
        candidates, `bert_` is the best one by the first score.

    candidates_ : list of str
        The names of the classifiers that were given as ``bert``.

    forecast_ : Forecast or None
        What BERT was expected to cost: ``fit_seconds`` and ``predict_seconds`` of each fold, the
        ``lengths`` of the texts in tokens, and the ``share_cut`` of them.

    busy_ : bool
        Whether the machine had other work, which the clock counts and the processor does not:
        table and verdict are then by the processor, but for fits on a GPU.

    seconds_ : float
        What all of it took by the clock, the probe and the loading of models included.

    forecasts_ : dict of str to Forecast
        The same for each candidate that there is one of.

    overlap_ : dict
        On test texts that also stand in the training part of their fold: ``n_test`` texts are
        judged on, ``exact`` of them stand there letter for letter, and ``alike`` apart from case
        and white space (the exact ones included). ``scores_without`` has the deciding score of
        the best cheap model and of BERT without the latter, by name of the model, NaN where no
        text is left; it is empty if there are none, or no two models to compare.

    interrupted_ : bool
        Whether Ctrl-C ended it.

    notes_ : list of str
        What was left out, and why; classes that are missing from some folds; test texts that
        also stand in the training part.

    settings_ : dict
        What is needed to do it again.

    date_ : datetime.datetime
        When it ended, in the time zone of the machine.

    See Also
    --------
    compare : Makes one.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_bert import compare
    >>> texts = ["a joy from start to end", "what a waste of time"] * 12
    >>> labels = ["good", "bad"] * 12
    >>> judged = make_pipeline(TfidfVectorizer(), LogisticRegression())  # stands in for BERT
    >>> comparison = compare(texts, labels, cv=2, bert=judged, random_state=0, verbose=0)
    >>> float(comparison.table_["accuracy"].max())
    1.0
    """

    rows_: list[dict[str, Any]]
    verdict_: str
    differences_: dict[str, Difference]
    fold_differences_: dict[str, Difference]
    best_cheap_: str | None
    bert_: str
    candidates_: list[str]
    forecast_: Forecast | None
    busy_: bool
    seconds_: float
    forecasts_: dict[str, Forecast]
    overlap_: dict[str, Any]
    interrupted_: bool
    notes_: list[str]
    settings_: dict[str, Any]
    date_: datetime

    def __init__(
        self,
        runner: Runner,
        candidates: list[str],
        forecasts: dict[str, Forecast],
        settings: dict[str, Any],
        interrupted: bool,
        overlap: Overlap,
    ) -> None:
        self.date_ = datetime.now().astimezone()
        self.candidates_ = candidates
        self.interrupted_ = interrupted
        self.forecasts_ = forecasts
        self.settings_ = settings
        self.notes_ = [*runner.notes, *runner.failures()]
        self._data, self._results, self._curve = runner.data, runner.results, runner.curve
        self._scorers = runner.scorers
        self.seconds_ = perf_counter() - runner.start
        self.busy_ = counts_processor(self._results)
        self._layout = Table(self._scorers, with_gpu=_has_gpu(), in_cpu_seconds=self.busy_)
        names = dict.fromkeys(result.model for result in self._results)
        self.rows_ = [
            summarize(
                name, [result for result in self._results if result.model == name], self._scorers
            )
            for name in names
        ]
        main = next(iter(self._scorers))
        self._label = getattr(self._scorers[main], "label", None)
        best = rank_candidates(self._results, candidates, main)
        self.bert_ = best[0] if best else self._first_tried()
        self.forecast_ = forecasts.get(self.bert_)
        self._pair = find_pair(self._results, self.bert_, main, candidates)
        self.best_cheap_ = self._pair and self._pair.cheap[0].model
        self.differences_, self.fold_differences_ = {}, {}
        if self._pair:
            self.differences_ = {
                name: self._pair.difference(self._scorers, name, self._data, len(best))
                for name in self._scorers
            }
            over_folds = {
                name: self._pair.fold_difference(name, len(best)) for name in self._scorers
            }
            self.fold_differences_ = {k: v for k, v in over_folds.items() if v is not None}
            difference = self.differences_[main]
            self.verdict_ = verdict(
                *(self._pair, difference, main, self._label, self._called()),
                over_folds=over_folds[main],
                in_cpu_seconds=self.busy_,
            )
            if fewer := self._with_fewer_folds(best):
                self.notes_.append(f"Not chosen from, with fewer folds: {', '.join(fewer)}.")
            if len(best) > 1:
                self.notes_.append(
                    f"{self.bert_} is the best of {len(best)} candidates by {main}: having been "
                    "chosen, it looks a little better than it is."
                )
        else:
            self.verdict_ = self._no_verdict()
        self.overlap_ = self._without(overlap)
        if overlap.alike:
            self.notes_.append(self._tell(overlap))

    def _without(self, overlap: Overlap) -> dict[str, Any]:
        """Return the counts of an overlap, and the deciding scores without it."""
        main = next(iter(self._scorers))
        scores = {}
        if overlap.alike and self._pair:
            for results in self._finalists():
                scores[results[0].model] = score_without(
                    overlap, results, self._data, self._scorers[main]
                )
        counts = {name: getattr(overlap, name) for name in ("n_test", "exact", "alike")}
        return {**counts, "scores_without": scores}

    def _tell(self, overlap: Overlap) -> str:
        """Return the sentence on an overlap."""
        scores = self.overlap_["scores_without"]
        if not scores:
            return f"{overlap}."
        if np.isnan(list(scores.values())).any():
            return f"{overlap}; too few are left to judge on without them."
        main = next(iter(self._scorers))
        told = " and ".join(f"{value:.3f} for {model}" for model, value in scores.items())
        return f"{overlap}; without them, {main} is {told}."

    def _first_tried(self) -> str:
        """Return the candidate to name where none has the deciding score."""
        rows = [row for row in self.rows_ if row["model"] in self.candidates_]
        rows.sort(key=lambda row: not row["n_folds"])
        return rows[0]["model"] if rows else self.candidates_[0]

    def _with_fewer_folds(self, best: list[str]) -> list[str]:
        """Return the candidates with scores that were not chosen from."""
        main = next(iter(self._scorers))
        return [
            row["model"]
            for row in self.rows_
            if row["model"] in self.candidates_
            and row["model"] not in best
            and np.isfinite(row[main])
        ]

    def _called(self) -> str:
        """Return what sentences call BERT: its name where there are several."""
        return "BERT" if len(self.candidates_) == 1 else self.bert_

    def _no_verdict(self) -> str:
        """Return the sentence for a comparison that BERT or all others are missing from."""
        row = next((row for row in self.rows_ if row["model"] == self.bert_), None)
        several = len(self.candidates_) > 1
        if row is None:
            if several:
                return "No candidate was run, so there is nothing to say about them."
            return f"{self.bert_} was not run, so there is nothing to say about it."
        if not row["n_folds"]:
            if several:
                return (
                    "No candidate came to the end of a fold, so there is nothing to say about "
                    f"them; {self.bert_} failed: {row['error']}"
                )
            return f"{self.bert_} failed, so there is nothing to say about it: {row['error']}"
        main = next(iter(self._scorers))
        if np.isnan(row[main]):
            whose = "any candidate" if several else self.bert_
            return f"There is no {main} of {whose}, so there is no verdict."
        return f"No other model was run on the folds of {self.bert_}, so there is no verdict."

    def worth_it(self, min_gain: float = 0.0, *, scoring: str | None = None) -> bool | None:
        """Return whether BERT gains more than you ask for.

        Parameters
        ----------
        min_gain : float, default=0.0
            In units of the score: 0.01 is one percentage point of accuracy.
        scoring : str, default=None
            Name of the scorer. None is the first one.

        Returns
        -------
        worth_it : bool or None
            True if all of the 95 % interval is above `min_gain`, False if all of it is not,
            None if that cannot be told.

        Raises
        ------
        ValueError
            If there is no such scorer, or `min_gain` is no number.
        """
        if isinstance(min_gain, bool) or not isinstance(min_gain, Real) or min_gain != min_gain:
            raise ValueError(f"min_gain must be a number, got {min_gain!r}; use 0.01 for a point.")
        scoring = next(iter(self._scorers)) if scoring is None else scoring
        if scoring not in self._scorers:
            raise ValueError(
                f"scoring must be one of {list(self._scorers)!r}, which were compared, got "
                f"{scoring!r}."
            )
        difference = self.differences_.get(scoring)
        if difference is None or not (difference.low > min_gain or difference.high <= min_gain):
            return None
        return difference.low > min_gain

    @property
    def table_(self) -> pd.DataFrame:
        """One row a model."""
        return pd.DataFrame(self.rows_).set_index("model") if self.rows_ else pd.DataFrame()

    @property
    def folds_(self) -> pd.DataFrame:
        """One row a model and fold."""
        return pd.DataFrame(self._fold_rows())

    def _fold_rows(self) -> list[dict[str, Any]]:
        """Return one dict a model and fold."""
        return [result.as_row() for result in self._results]

    @property
    def learning_curve_(self) -> pd.DataFrame | None:
        """One row a model, fold and size of the training part."""
        if not self._curve:
            return None
        return pd.DataFrame(self._curve_rows())

    def _curve_rows(self) -> list[dict[str, Any]]:
        """Return one dict a model, fold and size of the training part."""
        return [result.as_row() for result in self._curve_results()]

    def _curve_results(self) -> list[FoldResult]:
        """Return the results of the learning curve, those on all training texts among them."""
        if not self._curve:
            return []
        return with_full_size(self._curve, [*self._pair.cheap, *self._pair.bert])

    def _curves(self) -> list[Curve]:
        """Return the learning curves of the first score, best cheap model first."""
        return find_curves(self._curve_results(), next(iter(self._scorers)))

    def _crossing(self) -> str:
        """Return the sentence on the number of labels from which BERT is better."""
        cheap, bert = self._curves()
        return crossing(cheap, bert, self.bert_, self._called())

    def _finalists(self) -> tuple[list[FoldResult], list[FoldResult]]:
        """Return the results of the best cheap model and those of BERT."""
        return self._pair.cheap, self._pair.bert

    @property
    def predictions_(self) -> pd.DataFrame:
        """One row a model and text that it was judged on."""
        frames, names = [], self._data.classes.tolist()
        if {"row", "fold", "model", "label", "predicted"} & set(names):
            names = [f"proba_{name}" for name in names]
        for result in self._results:
            if result.recorded is not None:
                frame = pd.DataFrame(
                    {"row": result.rows, "fold": result.fold, "model": result.model}
                )
                frame["label"] = self._data.y[result.rows]
                frame["predicted"] = result.recorded.labels
                # NaN is a float: pandas before 3 would change the type of the others for another.
                proba = pd.DataFrame(result.recorded.proba, frame.index, names, dtype=float)
                frames.append(frame.join(proba))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def __repr__(self) -> str:
        main = next(iter(self._scorers))
        shown = [
            f"{row['model']} {row[main]:.3f}"
            for row in self.rows_
            if row["model"] in (self.best_cheap_, self.bert_) and np.isfinite(row[main])
        ]
        scores = f": {', '.join(shown)}" if shown else ""
        return f"<Comparison of {len(self.rows_)} models by {main}{scores}\n{self.verdict_}>"

    def __str__(self) -> str:
        return "\n".join([*self._layout.lines(self.rows_), "", self.closing()])

    def closing(self) -> str:
        """Return the verdict, how its interval was got, and what was left out.

        Returns
        -------
        text : str
            In lines of at most 79 characters.
        """
        return "\n".join(line for sentence in self._sentences() for line in wrap(sentence))

    def _cost(self) -> tuple[str, str]:
        """Return the column of the training time to go by, and its name with the unit."""
        if self.busy_:
            return "fit_cpu_seconds", "training time in CPU seconds"
        return "fit_seconds", "training time in seconds"

    def _sentences(self) -> list[str]:
        """Return the sentences of the closing."""
        lines = [self.verdict_]
        if self.differences_:
            lines += tell_intervals(
                self._pair,
                next(iter(self._scorers)),
                *(
                    next(iter(some.values()), None)
                    for some in (self.differences_, self.fold_differences_)
                ),
            )
        if self.busy_:
            lines.append("The machine had other work: times are those of the processor.")
        lines += self.notes_
        labels = {
            name: scorer.label
            for name, scorer in self._scorers.items()
            if getattr(scorer, "label", None) is not None
        }
        if labels:
            names, label = ", ".join(labels), next(iter(labels.values()))
            lines.append(f"The positive label of {names} is {label!r}.")
        if self._curve:
            lines.append(self._crossing())
        return lines

    def to_json(
        self, path: str | os.PathLike[str] | None = None, *, data_name: str | None = None
    ) -> str:
        """Write table, folds, learning curve, verdict, settings and classes, but no texts.

        Parameters
        ----------
        path : str or Path, default=None
            The file. None writes nothing.

        data_name : str, default=None
            What the data is called in it, such as the name of its file.

        Returns
        -------
        text : str
            The JSON.
        """
        from ._report import as_json

        return _written(as_json(self, data_name), path)

    def to_html(
        self, path: str | os.PathLike[str] | None = None, *, data_name: str | None = None
    ) -> str:
        """Write the report, a single file that needs neither a network nor scripts.

        Parameters
        ----------
        path : str or Path, default=None
            The file. None writes nothing.

        data_name : str, default=None
            What the data is called in it, such as the name of its file.

        Returns
        -------
        html : str
            The report.
        """
        from ._report import as_html

        return _written(as_html(self, data_name), path)

    def _repr_html_(self) -> str:
        from ._report import as_fragment

        return as_fragment(self)

    def plot(
        self, kind: Literal["cost", "learning_curve"] = "cost", *, ax: Axes | None = None
    ) -> Axes:
        """Plot the score against the training time, or against the number of training texts.

        Parameters
        ----------
        kind : {"cost", "learning_curve"}, default="cost"
            "cost" has one point a model: its first score, with the standard deviation over the
            folds, against its training time. "learning_curve" needs
            ``compare(..., learning_curve=True)``.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ax : matplotlib Axes
            What it was drawn on.

        Raises
        ------
        ValueError
            If `kind` is unknown, or there is no learning curve.
        """
        from ._plots import plot_comparison

        return plot_comparison(self, kind, ax)


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    """Return a text, which goes into a file too if there is a path."""
    if path is not None:
        with replacing(path) as stream:
            stream.write(text.encode())
    return text


def _has_gpu() -> bool:
    """Return whether torch sees a CUDA device."""
    from torch import cuda

    return cuda.is_available()
