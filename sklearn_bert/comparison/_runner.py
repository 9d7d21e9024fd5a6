"""Runs models over the folds, within a budget, and tells each result as soon as there is one."""

import math
from time import perf_counter

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.model_selection import train_test_split

from .._clock import OutOfTime
from .._durations import format_duration
from .._estimators.text_estimator import TextEstimator
from ._baselines import OneThreadPipeline
from ._fold_result import run_fold
from ._stratified_labels import spread_labels
from ._summary import summarize
from ._table import score_with_spread
from ._tuning import TunedBert
from ._weighted_fit import weight_parameter

# A fit that is still at work so much later than the budget is ended.
_LATEST = 1.1

# Seconds that processes must save to be started.
_TO_START = 5

# A training part is not made smaller than this many texts a class for the learning curve.
MIN_PER_CLASS = 2
# And of texts that have no class, or several labels.
_LEAST_TEXTS = 10


class Runner:
    """Runs models over the folds.

    Parameters
    ----------
    data : Data
        What to learn and to judge on.
    folds : list of (train, test) pairs of arrays of int
        The same for all models.
    scorers : dict of str to callable
        scikit-learn scorers by name.
    budget : float
        Seconds.
    start : float
        Of `time.perf_counter`: from when on they count.
    say : callable
        Is given each sentence as soon as there is one.
    earlier : Earlier
        What was done before.
    n_jobs : int or None, default=None
        Processes for the folds of cheap models, as joblib has it.
    is_tuned : bool, default=False
        Whether models are tuned inside each training part.

    Attributes
    ----------
    results : list of FoldResult
        What was done on whole folds.
    curve : list of FoldResult
        What was done on fewer training texts.
    previews : dict of str to (Preview, str)
        What candidates are expected to gain, by name, and the sentence on it.
    notes : list of str
        Sentences on what was left out.
    """

    def __init__(
        self, data, folds, scorers, budget, start, say, earlier, n_jobs=None, *, is_tuned=False
    ):
        self.data = data
        self.folds = folds
        self.scorers = scorers
        self.budget = budget
        self.start = start
        self.say = say
        self.earlier = earlier
        self.n_jobs = n_jobs
        self.is_tuned = is_tuned
        self.results, self.curve, self.notes = [], [], []
        self.previews = {}
        self._fold_seconds = {}

    def run(self, name, estimator, seconds=0.0):
        """Run a model over all folds that fit the budget, and tell what came of it.

        `seconds` are what the first fold is expected to take; the next is expected to take what
        the one before it took.
        """
        done, late, ahead = [], 0.0, {}
        if self.data.weights is not None and weight_parameter(estimator) is None:
            self.note(f"{name} takes no sample_weight: it learns from all texts alike.")
        for fold, (train, test) in enumerate(self.folds):
            if (known := ahead.get(fold) or self.earlier.find(name, fold)) is not None:
                done.append(self._take(known))
                continue
            if self._is_too_long(seconds):
                self._note_budget(name, len(done), seconds)
                break
            before = perf_counter()
            try:
                result = self.try_fold(name, fold, estimator, train, test, with_size=not done)
            except OutOfTime:
                self._note_ended(name, fold, len(done))
                break
            seconds = perf_counter() - before - result.once_seconds
            late = -self.seconds_left
            if not result.error:
                self._fold_seconds.setdefault(name, []).append(seconds)
            done.append(result)
            self.results.append(result)
            if len(done) > 1 and result.error and result.error == done[-2].error:
                break  # the same a third time helps nobody
            if not ahead and not result.error:
                ahead = self._run_ahead(name, estimator, fold + 1, seconds)
        if done:
            self._say_result(summarize(name, done, self.scorers))
        if late > 0:
            self._note_late(name, late)

    def _run_ahead(self, name, estimator, start, seconds):
        """Return the results of the folds from `start` on by number, where processes are quicker.

        A model of words computes in one thread. Processes take seconds to start, and what a budget
        leaves time for is known from one fold after the other only.
        """
        todo = [
            fold for fold in range(start, len(self.folds)) if self.earlier.find(name, fold) is None
        ]
        n_jobs = min(effective_n_jobs(self.n_jobs), len(todo))
        may_run = isinstance(estimator, OneThreadPipeline) and self.budget == math.inf
        if not may_run or n_jobs < 2 or seconds * len(todo) * (1 - 1 / n_jobs) < _TO_START:
            return {}
        results = Parallel(n_jobs)(
            delayed(run_fold)(
                *(name, fold, estimator, self.data, *self.folds[fold], self.scorers),
                with_size=False,
            )
            for fold in todo
        )
        return dict(zip(todo, results, strict=True))

    def _take(self, result):
        """Take over a result that is there already, and return it."""
        self.results.append(result)
        seconds = result.fit_seconds + result.predict_seconds
        self._fold_seconds.setdefault(result.model, []).append(seconds)
        return result

    def _say_result(self, row):
        """Tell what came of a model, in a line."""
        if not row["n_folds"]:
            self.say(f"{row['model']} failed: {row['error']}")
            return
        main = next(iter(self.scorers))
        self.say(
            f"{row['model']}: {main} {score_with_spread(row, main)}, "
            f"{format_duration(row['fit_seconds'])} a fit"
        )

    def try_fold(self, name, fold, estimator, train, test, *, with_size=False):
        """Return the result of a model on a fold.

        Raises
        ------
        OutOfTime
            If it is a BERT, and its fit was ended by the budget.
        """
        if isinstance(estimator, (TextEstimator, TunedBert)) and self.budget < math.inf:
            from ._deadline import with_deadline

            estimator = with_deadline(estimator, self.start + _LATEST * self.budget)
        return run_fold(
            name, fold, estimator, self.data, train, test, self.scorers, with_size=with_size
        )

    @property
    def seconds_left(self):
        """What is left of the budget."""
        return self.budget - (perf_counter() - self.start)

    def _is_too_long(self, seconds):
        """Return whether something would not end within the budget."""
        return seconds > self.seconds_left

    def _note_budget(self, name, n_done, expected):
        """Note that the budget stopped a model."""
        budget, left = format_duration(self.budget), self.seconds_left
        reason = f"The budget of {budget} is used up"
        if left > 0:
            reason = (
                f"{format_duration(left)} are left of the budget of {budget}, and a fold of {name} "
                f"is expected to take {format_duration(expected)}"
            )
        self._note_short(name, n_done, reason)

    def _note_ended(self, name, fold, n_done):
        """Note that a fit was ended within a fold."""
        reason = (
            f"The fit of {name} on fold {fold} was ended, {100 * (_LATEST - 1):.0f} % after the "
            f"budget of {format_duration(self.budget)}"
        )
        self._note_short(name, n_done, reason)

    def _note_short(self, name, n_done, reason):
        """Keep a sentence on the folds that were not done, and tell of it in a few words."""
        n_folds = len(self.folds)
        self.notes.append(f"{reason}: {n_done} of {n_folds} folds of {name} were done.")
        self.say(f"{name}: {n_done} of {n_folds} folds, out of time")

    def _note_late(self, name, seconds):
        """Note by how much the last fold of a model was late."""
        self.notes.append(
            f"The budget of {format_duration(self.budget)} ended within a fold of {name}, which "
            f"was done {format_duration(seconds)} later."
        )

    def note(self, sentence):
        """Keep a sentence for the reader, and tell it."""
        self.notes.append(sentence)
        self.say(sentence)

    def failures(self):
        """Return sentences on models of which some folds failed, but not all, and on scores."""
        sentences = self._undefined()
        for name in dict.fromkeys(result.model for result in self.results):
            errors = [result.error for result in self.results if result.model == name]
            failed = list(filter(None, errors))
            if 0 < len(failed) < len(errors):
                sentences.append(
                    f"{len(failed)} of {len(errors)} folds of {name} failed: {failed[0]}"
                )
        return sentences

    def _undefined(self):
        """Return a sentence for each score that some models lack, and the reason for it."""
        lacking = {}
        for result in self.results:
            for scorer, reason in result.undefined.items():
                folds = lacking.setdefault((scorer, reason), {})
                folds.setdefault(result.model, []).append(result.fold)
        return [
            f"No {scorer} of {', '.join(folds)} on {len(set().union(*folds.values()))} of "
            f"{len(self.folds)} folds: {reason}."
            for (scorer, reason), folds in lacking.items()
        ]

    def run_curve(self, fractions, estimators, random_state):
        """Run models on those fractions of each training part; `estimators` is by name."""
        parts = [
            (fraction, fold, draw(train, self.data, fraction, random_state))
            for fraction in fractions
            for fold, (train, _) in enumerate(self.folds)
        ]
        lacking = dict.fromkeys(fraction for fraction, _, some in parts if some is None)
        if lacking:
            self.note(
                "The learning curve lacks "
                f"{', '.join(f'{100 * fraction:g} %' for fraction in lacking)} of the training "
                f"texts: {self._too_few()}."
            )
        for fraction, fold, some in parts:
            for name, estimator in estimators.items() if some is not None else ():
                if self._is_too_long(fraction * self._seconds(name)):
                    self._note_curve(fraction)
                    return
                test = self.folds[fold][1]
                try:
                    result = self.try_fold(name, fold, estimator, some, test)
                except OutOfTime:
                    self._note_curve(fraction)
                    return
                self.curve.append(result)

    def _too_few(self):
        """Return why a fraction of the training texts was left out."""
        if self.data.kind == "labels":
            return f"of some class, fewer than {MIN_PER_CLASS} would be in, or none out"
        return f"fewer than {_LEAST_TEXTS} would be in, or none out"

    def _seconds(self, name):
        """Return the seconds that a model took on a whole fold, without what is done once."""
        return float(np.mean(self._fold_seconds[name]))

    def _note_curve(self, fraction):
        """Note where the budget stopped the learning curve."""
        self.note(
            f"The budget of {format_duration(self.budget)} ended the learning curve at "
            f"{100 * fraction:g} % of the training texts."
        )


def draw(train, data, fraction, random_state):
    """Return a part of the training rows, with labels in proportion; None if it would be too small.

    A class is in it twice. What is not drawn has room for each class too, as scikit-learn has it.
    """
    y, n_texts = data.y[train], fraction * len(train)
    if data.kind == "labels":
        counts = np.unique(y, return_counts=True)[1]
        n_left = len(y) - int(fraction * len(y))
        if counts.min() * fraction < MIN_PER_CLASS or n_left < len(counts):
            return None
        return train_test_split(train, train_size=fraction, stratify=y, random_state=random_state)[
            0
        ]
    if n_texts < _LEAST_TEXTS or len(train) - n_texts < 1:
        return None
    if data.kind == "numbers":
        return train_test_split(train, train_size=fraction, random_state=random_state)[0]
    return train[spread_labels(y, [fraction, 1 - fraction], random_state) == 0]
