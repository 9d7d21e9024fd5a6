"""Models that are tuned a little inside each training part: the cheap ones, and BERT."""

import warnings
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._estimators.scoring import SCORER, PositiveScorer
from .._estimators.text_estimator import TextEstimator
from .._text.texts import check_texts_or_pairs
from ._baselines import FoldsThatFit, OneThreadPipeline
from ._candidates import Pretrained
from ._fold_result import record, score
from ._stratified_labels import spread_labels
from ._weighted_fit import fit_weighted

# The first is what it is without tuning, which is chosen where others are not better.
_TIMES_C = (1, 0.1, 10)
# Of the learning rate and of the epochs, beside both as they are.
_TIMES_BERT = ((0.5, 1), (2, 1), (1, 2))
_HELD_OUT = 5  # one of so many parts
_N_FOLDS = 3


class Tuning:
    """Tunes models, by the first score.

    Parameters
    ----------
    scorers : dict of str to callable
        scikit-learn scorers by name.
    data : Data
        What is compared on.
    seed : int or None
        Draws the inner folds.
    """

    def __init__(self, scorers, data, seed):
        self.kind, self.seed = data.kind, seed
        self.scorer = JudgedByScorer(next(iter(scorers.values())), data)

    def cheap(self, model):
        """Return a default model, whose C is found on inner folds if it has one."""
        if isinstance(model, Pretrained):
            return TunedPretrained(model, self)
        if isinstance(model, OneThreadPipeline):
            return OneThreadPipeline(self.last_step(model))
        return model

    def last_step(self, pipeline):
        """Return the steps of a pipeline, of which the last one is searched if it has a C."""
        *before, (name, last) = pipeline.steps
        grid = {
            parameter: [times * value for times in _TIMES_C]
            for parameter, value in last.get_params().items()
            if parameter.rpartition("__")[2] == "C"
        }
        if not grid:
            return pipeline.steps
        folds = FoldsThatFit(_N_FOLDS)
        if self.kind == "several labels":
            folds = KFold(_N_FOLDS, shuffle=True, random_state=self.seed)
        # Custom scorers may look at texts, which a last step does not see.
        looks_at_predictions = isinstance(self.scorer.scorer, (SCORER, PositiveScorer))
        scorer = self.scorer if looks_at_predictions else None
        return [*before, (name, GridSearchCV(last, grid, scoring=scorer, cv=folds))]

    def bert(self, bert):
        """Return a BERT of ours that is tuned; others are as they were."""
        if not isinstance(bert, TextEstimator):
            return bert
        return TunedBert(bert, self.scorer, self.seed)


class JudgedByScorer:
    """A scorer of estimators that are being tuned: NaN where the score is not defined.

    Parameters
    ----------
    scorer : callable
        A scikit-learn scorer.
    data : Data
        What kind of thing is predicted.
    """

    def __init__(self, scorer, data):
        self.scorer = scorer
        self.data = replace(data, texts=[], y=data.y[:0], weights=None, units=None)

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the score."""
        recorded, _ = record(estimator, X, self.data)
        try:
            return score(self.scorer, recorded, X, y, sample_weight)
        except (ValueError, ZeroDivisionError):  # of a small part: no text of a class, no weight
            return np.nan


class TunedPretrained(NamedTuple):
    """A model on what a checkpoint gives without training, whose C is found on inner folds."""

    pretrained: Pretrained
    tuning: Tuning

    def make(self):
        """Return the model."""
        model = self.pretrained.make()
        model.head.steps = self.tuning.last_step(model.head)
        return model

    def __repr__(self):
        return f"tuned {self.pretrained!r}"


def _has_proba(tuned):
    """Return whether the BERT gives probabilities."""
    return hasattr(getattr(tuned, "best_estimator_", tuned.estimator), "predict_proba")


class TunedBert(MetaEstimatorMixin, BaseEstimator):
    """A BERT whose learning rate and epochs are chosen on held-out texts of its training data.

    It is tried as it is, with half and with twice the learning rate, and with twice the epochs
    unless they end early; then what was best is fitted to all of the data.

    Parameters
    ----------
    estimator : TextEstimator
        What is tuned.
    scorer : callable
        Takes an estimator, texts and what is true of them.
    random_state : int or None, default=None
        Draws the held-out texts.
    end : float, default=None
        Of `time.perf_counter`: later, a fit ends by an error.

    Attributes
    ----------
    best_estimator_ : TextEstimator
        Fitted to all texts.
    best_params_ : dict
        What was chosen; empty where nothing was better than it is.
    n_fits_ : int
        All fits.
    """

    def __init__(self, estimator, scorer, random_state=None, end=None):
        self.estimator = estimator
        self.scorer = scorer
        self.random_state = random_state
        self.end = end

    @property
    def n_settings(self):
        """Settings that are tried."""
        return 1 + len(self._times())

    @property
    def n_runs(self):
        """How many times as long as a fit it takes to try all of them."""
        return 1 + sum(times_epochs for _, times_epochs in self._times())

    @property
    def share_tried(self):
        """Share of the texts that settings are fitted to."""
        return 1 - 1 / _HELD_OUT

    def _times(self):
        """Return what the learning rate and the epochs are multiplied by."""
        ends_early = self.estimator.early_stopping
        return [each for each in _TIMES_BERT if each[1] == 1 or not ends_early]

    def fit(self, X, y, sample_weight=None):
        """Choose the parameters, and fit with them."""
        texts, y = check_texts_or_pairs(X), np.asarray(y)
        train, held_out = hold_out(y, get_tags(self).estimator_type, self.random_state)
        weights = None if sample_weight is None else np.asarray(sample_weight)

        def judge(params):
            """Return a fit to the inner training texts, and its score on the others."""
            bert = _quiet(self.estimator).set_params(**params)
            fitted = self._fit(bert, texts, y, weights, train)
            judged = [texts[row] for row in held_out], y[held_out]
            found = self.scorer(fitted, *judged, None if weights is None else weights[held_out])
            return fitted, found if np.isfinite(found) else -np.inf

        first, best = judge({})
        self.best_params_, self.n_fits_ = {}, self.n_settings + 1
        for times_rate, times_epochs in self._times():
            params = {"learning_rate": times_rate * first.learning_rate_}
            if times_epochs > 1:
                params = {"epochs": times_epochs * first.n_epochs_}
            _, found = judge(params)
            if found > best:
                self.best_params_, best = params, found
        bert = clone(self.estimator).set_params(**self.best_params_)
        self.best_estimator_ = self._fit(bert, texts, y, weights, np.arange(len(texts)))
        return self

    def _fit(self, bert, texts, y, weights, rows):
        """Return a BERT that is fitted to some texts."""
        if self.end is not None:
            from ._deadline import with_deadline  # and with it torch

            bert = with_deadline(bert, self.end)
        weights = None if weights is None else weights[rows]
        return fit_weighted(bert, [texts[row] for row in rows], y[rows], weights)

    @property
    def _predicts_by_proba(self):
        """Whether labels are those of the highest probability, always."""
        return getattr(self.best_estimator_, "_predicts_by_proba", False)

    @property
    def classes_(self):
        """The labels."""
        return self.best_estimator_.classes_

    def predict(self, X):
        """Return labels or numbers."""
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @available_if(_has_proba)
    def predict_proba(self, X):
        """Return the probabilities of the classes."""
        return self.best_estimator_.predict_proba(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        return tags


def _quiet(bert):
    """Return a copy that writes to none of the user's loggers and checkpoints."""
    return clone(bert).set_params(callbacks=None, checkpoint_dir=None, verbose=0)


def hold_out(y, estimator_type, random_state):
    """Return the rows to train on, and a fifth of them that is held out.

    Labels are spread evenly, and the only text of a class is trained on.
    """
    rows = np.arange(len(y))
    if y.ndim == 2:
        parts = spread_labels(y, [1 - 1 / _HELD_OUT, 1 / _HELD_OUT], random_state)
        return rows[parts == 0], rows[parts == 1]
    if estimator_type == "regressor":
        folds = KFold(min(_HELD_OUT, len(y)), shuffle=True, random_state=random_state)
        return next(folds.split(y))
    _, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    n_folds = int(np.clip(counts.max(), 2, _HELD_OUT))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    with warnings.catch_warnings():  # a rare class is nobody's fault here
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        train, held_out = next(folds.split(y, y))
    alone = held_out[counts[numbers[held_out]] == 1]
    return np.union1d(train, alone), np.setdiff1d(held_out, alone)


def plain_search(search, estimator):
    """Return a search for later texts, of scikit-learn's own parts as far as it has them."""
    cv, scoring = search.cv, search.scoring
    if isinstance(scoring, JudgedByScorer) and isinstance(scoring.scorer, SCORER):
        scoring = scoring.scorer
    cv = _N_FOLDS if isinstance(cv, FoldsThatFit) else cv
    return clone(search).set_params(estimator=estimator, cv=cv, scoring=scoring)


def settled(bert, name, results):
    """Return a candidate, not fitted: one that was tuned with what was chosen most often.

    Parameters
    ----------
    bert : estimator
    name : str
    results : list of FoldResult
        Of all models.
    """
    if not isinstance(bert, TunedBert):
        return bert
    chosen = Counter(
        tuple(sorted(result.best_params.items()))
        for result in results
        if result.model == name and not result.error
    )
    params = dict(chosen.most_common(1)[0][0]) if chosen else {}
    return clone(bert.estimator).set_params(**params)
