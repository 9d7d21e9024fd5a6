"""The fit of a BERT to a few texts that a preview follows from: which texts, and how many."""

import math
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from .._clock import OutOfTime
from .._durations import format_duration
from .._estimators.recipe import find_batch_size, find_epochs
from .._estimators.text_estimator import TextEstimator
from ._fold_result import FoldResult
from ._preview import best_value, find_preview
from ._runner import MIN_PER_CLASS, draw
from ._summary import Pair, rank_candidates
from ._training import find_short
from ._tuning import TunedBert

# Of what the full comparison is expected to take, what a short fit may. Where even the shortest fit
# takes more, it may take a tenth more than that: up to some number of texts, all fits take the same
# steps, and the more texts the better.
_SHARE = 0.03
_TOLERANCE = 1.1
# Texts that a short fit has at least, in all and a class, if that is not more than half of the
# training part. Fewer take as many steps, or have their classes contrasted first, and tell less.
_LEAST, _A_CLASS = 201, 16
# Texts a class without which there is no preview; numbers count as so many classes.
_LEAST_A_CLASS, _CLASSES_OF_NUMBERS = 8, 4
_MOST_JUDGED = 2000
_SIZES = 100


def check_preview(preview, candidates, scorers, data, folds, known, others):
    """Return whether to make a preview; refuse one that cannot be, before anything is trained.

    Parameters
    ----------
    preview
        As for `compare`.
    candidates : dict of str to estimator
        As they were given.
    scorers : dict of str to callable
        scikit-learn scorers by name; the first decides.
    data : Data
        What is compared on.
    folds : list of (train, test) pairs of arrays of int
        What is judged on.
    known : Earlier
        What was done before.
    others : dict of str to bool
        Parameters of `compare` that are of no use to a preview, and whether they were set.
    """
    if not isinstance(preview, (bool, np.bool_)):
        raise TypeError(
            f"preview must be a bool, got {preview!r}; use True for a forecast of what BERT gains."
        )
    if not preview:
        return False
    for name, given in others.items():
        if given:
            raise ValueError(
                f"preview=True fits BERT once, to a few texts, and {name} needs it fitted on all "
                "folds; leave one of the two out."
            )
    for name, candidate in candidates.items():
        if not isinstance(candidate, TextEstimator):
            raise ValueError(
                "preview=True is for a BertTextClassifier or BertTextRegressor, and "
                f"{name!r} is a {type(candidate).__name__}; leave preview out."
            )
        if any(name == done for done, _ in known.results):
            raise ValueError(
                "preview=True is for a BERT that has not been fitted on the folds, and earlier "
                f"has {name!r}, which was; leave preview out."
            )
    main = next(iter(scorers))
    if best_value(scorers[main]) is None:
        raise ValueError(
            "preview=True needs a first score of scikit-learn's whose best value is known, such as "
            f"'accuracy', 'f1_macro' or 'r2', got {main!r}; put another one first."
        )
    n_train, n_classes = len(folds[0][0]), _count_classes(data)
    if n_train // 2 < _LEAST_A_CLASS * n_classes:
        raise ValueError(
            "preview=True fits BERT to half of a training part at most, which takes "
            f"{_LEAST_A_CLASS} texts a class or {_LEAST_A_CLASS * _CLASSES_OF_NUMBERS} with "
            f"numbers, and there are {n_train:,} training texts; leave preview out: of so few, the "
            "full comparison is quick."
        )
    return True


def _count_classes(data):
    """Return the number of classes, or of what has as many texts on average."""
    if data.kind == "numbers":
        return _CLASSES_OF_NUMBERS
    if data.kind == "several labels":
        return max(data.y.shape[1] * len(data.y) / max(data.y.sum(), 1), 2)
    return len(data.classes)


class ShortFit:
    """A fit to a few training texts of the first fold, judged on its test texts.

    Parameters
    ----------
    runner : Runner
        It has run the cheap models.
    name : str
        Of the BERT.
    bert : TextEstimator or TunedBert
        As it would be fitted on the folds.
    seed : int or None
        Draws the texts.

    Attributes
    ----------
    forecast : Forecast
        Of what the BERT would take on the folds.
    """

    def __init__(self, runner, name, bert, seed):
        self.runner, self.name, self.bert, self.seed = runner, name, bert, seed
        self.train, test = runner.folds[0]
        self.judged = np.sort(np.random.default_rng(seed).permutation(test)[:_MOST_JUDGED])
        self.n_classes = _count_classes(runner.data)

    def expect(self, forecast):
        """Take the forecast of the BERT as it is, not tuned."""
        self._once = forecast
        self.forecast = self._expect(self.bert, self.runner.folds)

    def _expect(self, bert, folds):
        """Return what a BERT is expected to take on some folds."""
        if not isinstance(bert, TunedBert):
            return self._once.on(bert, folds)
        from ._forecast import with_tuning

        return with_tuning(self._once.on(bert.estimator, folds), bert, self.runner.data.y, folds)

    def seconds(self, n_texts):
        """Return what a fit to so many texts is expected to take, with the prediction."""
        return self._expect(
            _long_enough(self.bert, n_texts), [(self.train[:n_texts], self.judged)]
        ).seconds

    def find_size(self):
        """Return how many texts to fit to, None if there is no time left for any."""
        most = len(self.train) // 2
        least = min(max(_LEAST, math.ceil(_A_CLASS * self.n_classes)), most)
        sizes = np.unique(np.geomspace(least, most, _SIZES).round().astype(int))
        seconds = np.array([self.seconds(size) for size in sizes])
        may_take = max(_SHARE * self.forecast.seconds, _TOLERANCE * seconds.min())
        affordable = sizes[seconds <= min(may_take, self.runner.seconds_left)]
        return int(affordable.max()) if len(affordable) else None

    def draw(self, n_texts):
        """Return so many training rows, as they are drawn for a learning curve.

        Classes of which there would be fewer than two texts are drawn as if they were part of the
        largest.
        """
        data, share = self.runner.data, n_texts / len(self.train)
        if data.kind == "labels":
            _, numbers, counts = np.unique(
                data.y[self.train], return_inverse=True, return_counts=True
            )
            is_rare = counts * share < MIN_PER_CLASS
            y = np.zeros(len(data.y), dtype=int)
            y[self.train] = np.where(is_rare[numbers], counts.argmax(), numbers)
            data = replace(data, y=y)
        return draw(self.train, data, share, self.seed)

    def run(self, models, n_candidates):
        """Fit BERT and the cheap models, and keep what BERT is expected to gain, or why not."""
        runner, n_texts = self.runner, self.find_size()
        if n_texts is None:
            self.note_budget()
            return
        rows = self.draw(n_texts)
        try:
            result = runner.try_fold(
                self.name, 0, _long_enough(self.bert, n_texts), rows, self.judged
            )
        except OutOfTime:
            self.note_budget()
            return
        if result.error:
            self._keep(result)
            return
        if short := find_short([result]):
            why, training = short
            runner.note(
                f"{self.name} was trained for {training.n_steps} steps, and {why}: what is "
                "expected of it says little."
            )
        self._forecast_gain(result, models, rows, n_candidates)

    def _forecast_gain(self, result, models, rows, n_candidates):
        """Keep what BERT is expected to gain, by its result on a few texts."""
        runner, main = self.runner, next(iter(self.runner.scorers))
        ranked = rank_candidates(runner.results, models, main)
        cheap = [runner.try_fold(name, 0, models[name], rows, self.judged) for name in ranked]
        judged = [each for each in cheap if math.isfinite(each.scores.get(main, math.nan))]
        best = max(judged, key=lambda each: each.scores[main], default=None)
        found = None
        if best is not None and math.isfinite(result.scores[main]):
            found = find_preview(
                Pair([best], [result]),
                [each for each in runner.results if each.model == ranked[0] and not each.error],
                runner.scorers,
                runner.data,
                runner.folds,
                self.forecast,
                least=_LEAST_A_CLASS * self.n_classes,
                n_candidates=n_candidates,
            )
        if found is None:
            runner.note(f"There is no {main} of {self.name} and a cheap model on a few texts.")
            return
        runner.previews[self.name] = found
        runner.say(
            f"{self.name}: {main} {result.scores[main]:.3f} with {len(rows):,} texts, "
            f"{best.model} {best.scores[main]:.3f}"
        )

    def fail(self, error):
        """Keep the error of a probe."""
        self._keep(FoldResult(self.name, 0, self.judged, 0, error=error))

    def _keep(self, failed):
        """Keep a result that is none as that of the first fold."""
        self.runner.results.append(failed)
        self.runner.say(f"{self.name} failed: {failed.error}")

    def note_budget(self):
        """Note that the budget stopped it."""
        self.runner.note(
            f"The budget of {format_duration(self.runner.budget)} leaves no time for a preview of "
            f"{self.name}."
        )


def _long_enough(bert, n_texts):
    """Return a BERT that takes as many steps of a few texts as "auto" does.

    After fewer steps, it would look worse than it is.
    """
    own = bert.estimator if isinstance(bert, TunedBert) else bert
    if own.epochs == "auto":
        return bert
    n_batches = math.ceil(n_texts / find_batch_size(own.batch_size, n_texts))
    longer = clone(own).set_params(epochs=max(own.epochs, find_epochs("auto", n_batches)))
    return longer if own is bert else clone(bert).set_params(estimator=longer)
