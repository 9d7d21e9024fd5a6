"""Is BERT worth it? The cheap models and BERT on the same folds, with a verdict."""

from __future__ import annotations

from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from .._files.atomic import replacing
from .._text.texts import check_texts_or_pairs
from ._advice import best_results, tell
from ._best_estimator import mixture, request_weights
from ._class_scores import find_class_scores, find_confusions
from ._label_issues import find_label_issues
from ._learning_curve import crossing, find_curves, with_full_size
from ._next_labels import tell_next_labels
from ._table import Table, wrap
from ._verdict import tell_intervals

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

    from .._typing import Texts
    from ._fold_result import FoldResult
    from ._forecast import Forecast
    from ._judgement import Judgement
    from ._learning_curve import Curve
    from ._preview import Preview
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
        failed; with ``tune=True``, the ``n_fits`` of a fold. What is not known is NaN, printed as
        "-". A score is the mean over the folds on which it is defined.

    table_ : DataFrame
        The same, indexed by model.

    folds_ : DataFrame
        One row a model and fold, with what `rows_` sums up; with ``tune=True`` also the
        ``best_params`` that were chosen there.

    predictions_ : DataFrame
        One row a model and text that it was judged on: ``row``, ``fold``, ``label``,
        ``predicted`` and a probability for each class, NaN where the model gives none. Of
        several labels, the first two are tuples of those that a text has; numbers are called
        ``label`` too, and have no probabilities. The
        columns of probabilities are called as the classes are; if a class has the name of one of
        the other columns, all of them begin with ``proba_``.

    learning_curve_ : DataFrame or None
        One row a model, fold and size of the training part, with the scores.

    next_labels_ : dict of str to Difference
        What 100 more labels are expected to gain, for BERT and the best cheap model, with a 95 %
        interval: the score goes on rising as it did at the end of the learning curve, in
        proportion to the logarithm of the number of texts. Empty without such a curve, and of
        fewer than 100 texts.

    class_scores_ : DataFrame or None
        How well the best model knows each class, the lowest F1 first: ``n_texts`` that it was
        judged on, ``precision``, ``recall`` and ``f1``. With a learning curve also
        ``f1_per_doubling``, by how much F1 rose at the end of it when the training texts doubled,
        and the 95 % interval from ``f1_per_doubling_low`` to ``f1_per_doubling_high``. None of
        numbers. The best model, here and below, is that with the highest mean of the first score,
        of those that finished most folds; mixtures are left out.

    confusions_ : DataFrame or None
        The pairs of classes that the best model confuses, the most frequent first: ``label``,
        ``predicted``, ``n_texts``, and their ``share`` in the texts of the label. Of several labels
        a text, those are counted where the text has the one, which is not predicted, and not the
        other, which is. None of numbers.

    label_issues_ : DataFrame or None
        The 20 labels that are most likely wrong, the worst first, by the row of the text: those
        against which the best model that gives probabilities predicts something else, and to which
        it gives the lowest ``probability``; models have not learnt from the texts they judge. It
        has the ``text``, but for a comparison that was loaded without, its ``label`` and what is
        ``predicted``. Of several labels a text, each is a row of its own: ``given`` is whether the
        text has it, ``predicted`` whether it should, and the probability that of what is given. Of
        numbers, those with the largest ``error``. None if no model gives probabilities.

    advice_ : list of str
        Sentences on what `class_scores_`, `confusions_` and `label_issues_` tell.

    verdict_ : str
        One sentence: what BERT gains, how sure that is, and its price.

    differences_ : dict of str to Difference
        For each scorer, by how much BERT is better than the best cheap model: ``mean``, and the
        95 % interval from ``low`` to ``high``, in units of the score, with its ``method``.

    cheapest_ : str
        Of several candidates, the cheapest to train that is not shown to be worse than `bert_` by
        the 95 % interval of their difference; `bert_` itself, if there is no cheaper one.

    best_cheap_, bert_ : str
        The names of the two; `best_cheap_` is None if there is nothing to compare. Of several
        candidates, `bert_` is the best one by the first score.

    candidates_ : list of str
        The names of the models that were given as ``bert``.

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

    mixture_ : dict of str to float or None
        The weights of the models whose probabilities, or numbers, are best mixed with those of
        BERT. None unless the mixture is better than the best of them by all of its 95 % interval.
        Each fold is judged with weights that were found on the others. Models without
        probabilities, such as a linear SVM, are in none, nor are models of several labels a text.

    preview_ : Preview or None
        With ``preview=True``, what BERT is expected to gain: ``gain`` and its 80 % ``interval``, in
        units of the first score, with ``n_train`` texts, all of a training part; from about
        ``n_ahead`` on it is ahead (0: from the smallest sizes on; None: not up to ten times
        ``n_train``). It was fitted to ``n_texts``, in ``seconds``, a ``share`` of what the full
        comparison is expected to take. There are no `differences_` then, and no row of BERT.

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

    Saved, loaded and continued with another model; what is there is not computed again:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_bert import Comparison
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "comparison.json"
    ...     text = comparison.to_json(path, predictions=True)
    ...     loaded = Comparison.load(path)
    >>> more = {"guess": DummyClassifier(strategy="uniform", random_state=0)}
    >>> comparison = compare(
    ...     texts, labels, cv=2, bert=judged, estimators=more, earlier=loaded, verbose=0
    ... )
    >>> "guess" in comparison.table_.index
    True
    >>> classifier = comparison.best_estimator().fit(texts, labels)
    >>> classifier.predict(["such a joy"]).tolist()
    ['good']
    """

    rows_: list[dict[str, Any]]
    verdict_: str
    differences_: dict[str, Difference]
    fold_differences_: dict[str, Difference]
    best_cheap_: str | None
    bert_: str
    cheapest_: str
    candidates_: list[str]
    forecast_: Forecast | None
    busy_: bool
    seconds_: float
    forecasts_: dict[str, Forecast]
    next_labels_: dict[str, Difference]
    overlap_: dict[str, Any]
    mixture_: dict[str, float] | None
    preview_: Preview | None
    interrupted_: bool
    notes_: list[str]
    settings_: dict[str, Any]
    date_: datetime
    _estimators: dict[str, Any]

    def __init__(self, found: Judgement, setting: dict[str, Any]) -> None:
        """Take what was found, and the attributes that tell how it was run."""
        self.date_, self._has_texts = datetime.now().astimezone(), True
        vars(self).update(setting)
        self._data, self._results, self._curve = found.data, found.results, found.curve
        self._scorers, self._pair, self._called = found.scorers, found.pair, found.called
        self.rows_, self.notes_, self.busy_ = found.rows, found.notes, found.busy
        self.bert_, self.verdict_ = found.bert, found.verdict
        self.differences_, self.fold_differences_ = found.differences, found.fold_differences
        self.overlap_, self.mixture_, self.cheapest_ = found.overlap, found.mixture, found.cheapest
        self.candidates_, self.next_labels_ = found.candidates, found.next_labels
        self.preview_ = found.preview
        self.best_cheap_ = self._pair and self._pair.cheap[0].model
        if self.preview_ is not None:
            self.best_cheap_ = self.preview_.best_cheap
        self.forecast_ = self.forecasts_.get(self.bert_)
        self._is_tuned = self.settings_.get("tune", False)
        self._layout = Table(
            self._scorers,
            with_gpu=_has_gpu(),
            in_cpu_seconds=self.busy_,
            with_fits=self._is_tuned,
        )

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
            None if that cannot be told, as of a preview, which is a forecast: see `preview_`.

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

    def best_estimator(self) -> Any:
        """Return the winner, not fitted, to be fitted on everything.

        It is the mixture if there is one, scikit-learn's `VotingClassifier` or `VotingRegressor`
        with its weights; else BERT if it is better by all of its 95 % interval; else the best
        cheap model, without what the comparison computed for all folds at once.

        Returns
        -------
        estimator : estimator instance
            A clone. If the texts had weights, its parts request them: they count in
            ``fit(X, y, sample_weight=...)`` with scikit-learn's metadata routing enabled.

        Raises
        ------
        ValueError
            If there is no winner, since BERT or all others failed or were not run, as in a
            preview, or the comparison was loaded.
        """
        if self._pair is None:
            raise ValueError(
                "best_estimator needs BERT and another model with scores on the same folds, and "
                f"there are none: {self.verdict_}"
            )
        if not self._estimators:
            raise ValueError(
                "best_estimator needs the models, which no file holds; continue this comparison by "
                "compare(X, y, earlier=comparison), which computes nothing twice."
            )
        if self.mixture_ is not None:
            best = mixture(self._estimators, self.mixture_, self._data)
        else:
            cheap, bert = (results[0].model for results in self._finalists())
            best = clone(self._estimators[bert if self.worth_it() else cheap])
        return best if self._data.weights is None else request_weights(best)

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
        rows = [result.as_row() for result in self._results]
        if self._is_tuned:
            for row, result in zip(rows, self._results, strict=True):
                row |= {"n_fits": result.n_fits, "best_params": result.best_params}
        return rows

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
        return crossing(cheap, bert, self.bert_, self._called)

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
                frame["label"] = self._data.names(self._data.y[result.rows])
                frame["predicted"] = self._data.names(result.recorded.labels)
                # NaN is a float: pandas before 3 would change the type of the others for another.
                proba = pd.DataFrame(result.recorded.proba, frame.index, names, dtype=float)
                frames.append(frame.join(proba))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    @property
    def class_scores_(self) -> pd.DataFrame | None:
        """One row a class."""
        best = best_results(self)
        if best is None or self._data.kind == "numbers":
            return None
        return find_class_scores(best, self._curve, self._data, next(iter(self._scorers)))

    @property
    def confusions_(self) -> pd.DataFrame | None:
        """One row a pair of classes."""
        best = best_results(self)
        if best is None or self._data.kind == "numbers":
            return None
        return find_confusions(best, self._data)

    @property
    def label_issues_(self) -> pd.DataFrame | None:
        """One row a label."""
        best = best_results(self, with_proba=self._data.kind != "numbers")
        if best is None:
            return None
        issues = find_label_issues(best, self._data)
        return issues if self._has_texts else issues.drop(columns="text")

    @property
    def advice_(self) -> list[str]:
        """Sentences on classes and labels."""
        return tell(self)

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
            which = "times" if self.preview_ is None else "times in the table"
            lines.append(f"The machine had other work: {which} are those of the processor.")
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
            lines += [*self._next_sentence(), self._crossing()]
        return lines

    def _next_sentence(self) -> list[str]:
        """Return the sentence on what more labels are worth, if that is known."""
        main = next(iter(self._scorers))
        gains = self.next_labels_
        return [tell_next_labels(gains, self._pair, main)] if gains else []

    @classmethod
    def load(cls, path: str | os.PathLike[str], X: Texts | None = None) -> Self:
        """Read a comparison that `to_json` has written with its predictions.

        It shows and plots what was found; ``compare(X, y, earlier=comparison)`` continues it. It
        has no estimators for `best_estimator`, and texts for the report only if they are given.

        Parameters
        ----------
        path : str or Path
            The file.
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2), default=None
            The texts that were compared on.

        Returns
        -------
        comparison : Comparison

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it was not written so, or `X` holds other texts.
        """
        from ._saved import read

        texts = None if X is None else check_texts_or_pairs(X)
        return cls(*read(Path(path).read_text(encoding="utf-8"), texts))

    def to_json(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        data_name: str | None = None,
        predictions: bool = False,
    ) -> str:
        """Write table, folds, learning curve, verdict, settings and classes, but no texts.

        Parameters
        ----------
        path : str or Path, default=None
            The file. None writes nothing.

        data_name : str, default=None
            What the data is called in it, such as the name of its file.

        predictions : bool, default=False
            Whether to write what each model predicted for each text as well, and the labels:
            `load` reads such a file, which is larger.

        Returns
        -------
        text : str
            The JSON.

        Raises
        ------
        TypeError
            If it is to hold predictions, and the labels are no str, bool, int or float.
        """
        from ._report import as_json

        return _written(as_json(self, data_name, predictions=predictions), path)

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

        Raises
        ------
        ValueError
            If the comparison was loaded without its texts.
        """
        from ._report import as_html

        if not self._has_texts:
            raise ValueError(
                "to_html shows texts, and this comparison was loaded without them; pass them to "
                "Comparison.load as X."
            )
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
