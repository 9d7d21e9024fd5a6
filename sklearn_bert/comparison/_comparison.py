"""Is BERT worth it? The cheap models and BERT on the same folds, with a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from numbers import Integral, Real
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from .._durations import parse_duration
from .._files.atomic import replacing
from .._install import install_command
from .._plain import plain
from ..classifier import BertTextClassifier
from ._baselines import STATIC, has_model2vec
from ._candidates import Pretrained, find_pretrained, name_candidates
from ._folds import find_folds, rare_classes
from ._inputs import (
    check_bert,
    check_data,
    check_fractions,
    check_pos_label,
    draw_seed,
    find_models,
    find_scorers,
)
from ._learning_curve import crossing, find_curves, with_full_size
from ._overlap import find_overlap, score_without
from ._runner import Runner
from ._stages import run_bert, run_cheap, run_curve
from ._summary import counts_processor, find_pair, rank_candidates, summarize
from ._table import Table, wrap
from ._verdict import verdict

if TYPE_CHECKING:
    import os
    from datetime import timedelta

    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator
    from sklearn.model_selection import BaseCrossValidator

    from .._typing import PerText, RandomState, Scoring, Targets, Texts
    from ._fold_result import FoldResult
    from ._forecast import Forecast
    from ._learning_curve import Curve
    from ._overlap import Overlap
    from ._runner import Data
    from ._statistics import Difference

_BERT = "BERT"


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
        self.differences_ = {}
        if self._pair:
            self.differences_ = {
                name: self._pair.difference(self._scorers, name, self._data, len(best))
                for name in self._scorers
            }
            difference = self.differences_[main]
            self.verdict_ = verdict(
                *(self._pair, difference, main, self._label, self._called()),
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
        return _BERT if len(self.candidates_) == 1 else self.bert_

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
            lines.append(f"Interval: {next(iter(self.differences_.values())).method}.")
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


def compare(
    X: Texts,
    y: Targets,
    *,
    cv: int | BaseCrossValidator | Iterable[tuple[Any, Any]] = 5,
    groups: PerText | None = None,
    scoring: Scoring = "accuracy",
    estimators: Mapping[str, BaseEstimator | Literal["drop"]] | None = None,
    bert: BaseEstimator | Sequence[BaseEstimator] | Mapping[str, BaseEstimator] | None = None,
    budget: float | str | timedelta | None = None,
    learning_curve: bool | PerText = False,
    pos_label: Any = None,
    sample_weight: PerText | None = None,
    random_state: RandomState = None,
    verbose: int = 1,
) -> Comparison:
    """Compare BERT with cheaper models on the same folds, and say whether it is worth it.

    The cheap models come first: majority class, TF-IDF with logistic regression and with a
    linear SVM, the naive-Bayes SVM [1]_, and logistic regression on static embeddings that
    model2vec [2]_ distils from the BERT, if it is installed, and on the embeddings of the BERT
    that is not fine-tuned. Before BERT is trained, a probe of a few steps tells how long that is
    going to take.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,) or (n_samples, 1)
        The texts.
    y : array-like of shape (n_samples,)
        The labels, of any type.
    cv : int, cross-validation generator or iterable, default=5
        An int is the number of stratified, shuffled folds; a generator is one of
        scikit-learn's; an iterable gives pairs of training and test rows. With
        ``[(train, test)]`` there is one given split. Each class of a test part must be in its
        training part; classes that are missing from some parts are named in the notes.
    groups : array-like of shape (n_samples,), default=None
        Texts of one group, such as those of one author, stay on one side of each split; folds
        that do not keep to that are refused.
    scoring : str, callable, list of str or dict of str to scorer, default="accuracy"
        Any scikit-learn scorers. The first decides. Each is tried on the predictions of a
        majority class before anything is trained, and refused if it cannot judge these labels. A
        score that a model lacks, as a classifier without probabilities lacks the log loss, is
        NaN.
    estimators : dict of str to estimator, default=None
        Classifiers of texts to compare as well; one under the name of a default model replaces
        it, and "drop" instead of an estimator leaves it out. Where candidates start from several
        checkpoints, the name of a row without that of a checkpoint stands for all of them.
    bert : estimator, list of estimators or dict of str to estimator, default=None
        The classifier to judge; it is cloned. None is
        ``BertTextClassifier(random_state=random_state)``. Of several candidates, each has a row,
        and the verdict, the learning curve and the report are on the best one by the first
        score, of those that finished most folds. In a list, they are named by their models, or by
        the parameters in which they differ.
    budget : float or str, default=None
        Seconds, or a text such as "90s", "10min" or "1h30min", from the check of the models on:
        no fold is started that is not expected to end within that time, the probe takes at most a
        tenth of what is left, and a fit of a `BertTextClassifier` that lasts a tenth longer than
        all of it is ended, unless it has a `checkpoint_dir`. So the comparison ends within a
        tenth, or one fold of another model, of that time; a note tells which. None is no limit.
    learning_curve : bool or array-like, default=False
        Whether to compare BERT and the best cheap model on fewer training texts too: those
        fractions of each training part, or 0.05, 0.1, 0.2 and 0.5 for True.
    pos_label : label, default=None
        The positive one of two classes, for scorers that judge one label, such as "f1",
        "precision", "recall", "jaccard" or "average_precision". They need it unless the labels
        are 0 and 1. Functions, and scorers that were made with a `pos_label`, keep to theirs.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the texts, not negative, in the fits and in the scores. A pipeline hands them
        to its last step. Models whose ``fit`` takes none learn from all texts alike, and a note
        tells which.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds, and the models that are not given.
    verbose : int, default=1
        1 prints a line on each model as soon as it is done, and what BERT will cost; 0 prints
        nothing.

    Returns
    -------
    comparison : Comparison
        ``print`` shows the table and the verdict. After Ctrl-C it holds what was done.

    Raises
    ------
    TypeError, ValueError
        If the texts, labels, weights, groups, folds or parameters do not fit together, or a
        scorer cannot judge the labels; if the model of a `BertTextClassifier`, or its device,
        cannot be used. All before anything is trained. What a fit raises does not end the
        comparison: it is in the table.
    OSError
        If the model of a `BertTextClassifier` is neither a folder nor cached, and cannot be
        downloaded; before anything is trained.

    See Also
    --------
    BertTextClassifier : What is compared.
    sklearn.model_selection.cross_validate : The scores of one model, without a verdict.

    Notes
    -----
    BERT is compared with the cheap model that has the best mean on the same folds. Having been
    chosen, that one looks a little better than it is, so the gain of BERT is rather under- than
    overstated. The best of several candidates has been chosen, too, and its gain may well be
    overstated: the interval is widened, by Bonferroni's correction for as many candidates, so that
    it holds in 95 % of all cases whichever is chosen.

    The 95 % interval of the difference is that of the corrected resampled t-test [3]_ over the
    folds, since a t-test that takes folds for independent is far too sure; on a single split, it
    is a percentile interval of the paired bootstrap [4]_ over its test texts, which says nothing
    of how much depends on the training texts and on the seed.

    Test texts that also stand in the training part are counted, since a model may know them by
    heart, and BERT and the best cheap model are judged without them as well.

    Weights count in the folds' scores and in the draws of the bootstrap; all folds count alike.

    Static embeddings have one vector for each token, whatever stands beside it; a text is their
    mean, weighted by smooth inverse frequency. They are what is fastest of all that knows words
    from pretraining.

    Seconds are those of the clock, unless the machine has other work too: then those of the
    processor, which it makes no longer, are what the table shows and the verdict counts. Both are
    in `rows_` and `folds_`. The default models compute with one thread of BLAS, with which such
    small ones are fastest; yours compute as you have set it.

    Memory is the peak above what the process held before, told on Linux only. It is not known
    for a model that found all the room it needed in what the process held. The embeddings of
    the frozen BERT are computed once for all folds, and the static ones are distilled once; the
    seconds shown are those without that. Candidates that start from the same checkpoint share
    both rows.

    References
    ----------
    .. [1] S. Wang, C. D. Manning (2012). Baselines and Bigrams: Simple, Good Sentiment and
       Topic Classification. ACL.
    .. [2] https://github.com/MinishLab/model2vec
    .. [3] C. Nadeau, Y. Bengio (2003). Inference for the Generalization Error. Machine
       Learning 52, 239-281.
    .. [4] B. Efron, R. J. Tibshirani (1993). An Introduction to the Bootstrap. Chapman & Hall.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, compare
    >>> texts = ["a joy from start to end", "what a waste of time"] * 12
    >>> labels = ["good", "bad"] * 12
    >>> bert = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> left_out = {"static embeddings + logistic regression": "drop"}
    >>> comparison = compare(
    ...     texts, labels, cv=2, estimators=left_out, bert=bert, random_state=0, verbose=0
    ... )
    >>> for row in comparison.rows_:
    ...     print(row["model"], row["accuracy"])
    majority class 0.5
    TF-IDF + logistic regression 1.0
    TF-IDF + linear SVM 1.0
    naive-Bayes SVM 1.0
    frozen BERT + logistic regression 1.0
    BERT (all-MiniLM-L6-v2) 1.0
    >>> print(comparison.verdict_.partition(" (")[0])
    No difference shown
    >>> comparison.worth_it(min_gain=0.01)
    False
    """
    cv = 5 if cv is None else cv
    cv, budget, random_state = (plain(value) for value in (cv, budget, random_state))
    data = check_data(X, y, sample_weight)
    seed = draw_seed(random_state)
    pos_label = check_pos_label(pos_label, data.classes)
    folds = find_folds(data, cv, groups, seed)
    scorers = find_scorers(scoring, data, pos_label)
    candidates = name_candidates(BertTextClassifier(random_state=seed) if bert is None else bert)
    pretrained = find_pretrained(
        [each for each in candidates.values() if isinstance(each, BertTextClassifier)]
    )
    lacks_static = bool(pretrained) and not has_model2vec()
    if lacks_static:
        pretrained[STATIC] = {}
    models = find_models(
        estimators, scorers, data, seed, pretrained=pretrained, bert_names=candidates
    )
    fractions = check_fractions(learning_curve)
    limit = math.inf if budget is None else parse_duration(budget, name="budget")
    for each in candidates.values():
        check_bert(each, data)
    models = {
        name: model.classifier() if isinstance(model, Pretrained) else model
        for name, model in models.items()
    }
    berts = [each for each in candidates.values() if isinstance(each, BertTextClassifier)]
    if berts:
        from . import _forecast, _speed  # noqa: F401  (an import is not counted)
    start = perf_counter()
    speeds = _check_models(berts, data, limit)
    runner = Runner(data, folds, scorers, limit, start, _say if verbose else _say_nothing)
    settings = {
        "cv": repr(cv) if isinstance(cv, Integral) or hasattr(cv, "split") else "given folds",
        "pos_label": pos_label,
        "sample_weight": sample_weight is not None,
        "scoring": list(scorers),
        "groups": groups is not None,
        "bert": _shown(candidates),
        "budget": budget,
        "random_state": seed,
    }
    forecasts: dict[str, Forecast] = {}
    interrupted = False
    overlap = find_overlap(data.texts, folds)
    for sentence in rare_classes(data, folds):
        runner.note(sentence)
    if lacks_static and STATIC not in (estimators or ()):
        runner.note(
            f"{STATIC} is left out, since model2vec is not installed: {install_command('static')}."
        )
    if overlap.alike:
        runner.say(f"{overlap}.")
    try:
        for name, model in models.items():
            run_cheap(runner, name, model, speeds)
        for name, candidate in candidates.items():
            run_bert(runner, name, candidate, forecasts, speeds)
        if fractions:
            run_curve(runner, candidates, models, fractions, seed)
    except KeyboardInterrupt:
        if not runner.results:
            raise
        interrupted = True
        runner.note("Interrupted by Ctrl-C: what is shown is what was done until then.")
    return Comparison(runner, [*candidates], forecasts, settings, interrupted, overlap)


def _shown(candidates: dict[str, Any]) -> str | dict[str, str]:
    """Return the candidate as it is shown, or each of several by its name."""
    shown = {name: repr(candidate) for name, candidate in candidates.items()}
    return shown if len(shown) > 1 else next(iter(shown.values()))


def _has_gpu() -> bool:
    """Return whether torch sees a CUDA device."""
    from torch import cuda

    return cuda.is_available()


def _check_models(berts: list[BertTextClassifier], data: Data, limit: float) -> dict[Any, Any]:
    """Refuse classifiers that cannot be used; within a limit, return how fast they are."""
    if not berts:
        return {}
    from ._speed import check_models

    return check_models(berts, data.texts, len(data.classes), with_speed=limit < math.inf)


def _say(sentence: str) -> None:
    """Print a sentence at once, in lines of at most 79 characters."""
    print("\n".join(wrap(sentence)), flush=True)


def _say_nothing(sentence: str) -> None:
    """Do nothing with a sentence."""
