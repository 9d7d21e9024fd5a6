"""What fine-tuning will cost, from a probe of a few steps on this device."""

import math
import warnings
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from sklearn.base import clone, is_regressor

from .._clock import OutOfTime
from .._durations import format_duration
from .._engine import contrastive  # and with it the trainer, whose import is no cost of a fit
from .._engine.lr_finder import N_STEPS
from .._estimators.recipe import are_few, find_batch_size, find_epochs, learns_by_contrast
from .._text.tokens import count_tokens
from ..exceptions import NothingLearntWarning, TextsCutWarning
from ._deadline import with_deadline

_LENGTHS_LOOKED_AT = 20_000
_MAX_PROBE_BATCHES = 4
_PREDICTED, _FEW_PREDICTED = 64, 16
# A text that is learnt from costs as much as so many that are only read.
_LEARNT = 3


@dataclass(frozen=True)
class Forecast:
    """What a fit and a prediction will cost.

    Attributes
    ----------
    fit_seconds, predict_seconds : list of float
        One value a fold.
    lengths : ndarray of shape (n_texts,)
        Tokens of the texts, uncut; of a sample where there are very many.
    max_length : int
        Tokens kept of each text.
    device : str
        Where it was probed.
    probe_seconds : float
        What the probe itself took.
    width : int
        Of the vectors of the model.
    costs : _Costs or None
        What it follows from; None of one that was loaded.
    """

    fit_seconds: list
    predict_seconds: list
    lengths: np.ndarray
    max_length: int
    device: str
    probe_seconds: float
    width: int = 0
    costs: object = None

    @property
    def seconds(self):
        """All folds together."""
        return sum(self.fit_seconds) + sum(self.predict_seconds)

    @property
    def share_cut(self):
        """Share of the texts that are longer than what is kept of them."""
        return float((self.lengths > self.max_length).mean())

    def fold_seconds(self, fold):
        """Return the seconds of a fold."""
        return self.fit_seconds[fold] + self.predict_seconds[fold]

    def on(self, bert, folds):
        """Return the forecast on other folds, by the same probe."""
        return replace(
            self,
            fit_seconds=[self.costs.of_fit(bert, len(train)) for train, _ in folds],
            predict_seconds=[self.costs.predict * len(test) for _, test in folds],
        )

    def __str__(self):
        n_folds = len(self.fit_seconds)
        folds = "1 fold"
        if n_folds > 1:
            folds = f"{n_folds} folds \N{MULTIPLICATION SIGN} "
            folds += format_duration(self.seconds / n_folds)
        return (
            f"about {format_duration(self.seconds)} on {self.device}: {folds}; "
            f"{100 * self.share_cut:.1f} % of the texts are cut at {self.max_length} tokens"
        )


@dataclass(frozen=True)
class _Task:
    """What a fit looks at of the labels to find how long to train.

    Attributes
    ----------
    n_classes : float
        Classes, or what has as many texts on average.
    one_label : bool
        Whether each text has one of them.
    """

    n_classes: float
    one_label: bool

    @classmethod
    def of(cls, bert, y):
        """Return that of labels or numbers."""
        if is_regressor(bert):
            return cls(2, False)
        if y.ndim > 1:
            return cls(y.shape[1] * len(y) / max(y.sum(), 1), False)
        return cls(len(np.unique(y)), True)


@dataclass(frozen=True)
class _Costs:
    """What the parts of a fit and of a prediction cost, in seconds.

    Attributes
    ----------
    task : _Task
        What there is to learn.
    load : float
        Of a fit.
    read : float
        Of each text of a fit, once.
    learn : float
        Of a text, or of one of its windows, in a step.
    head : float
        Of each text of a fit, once, where a head is fitted to a frozen encoder first.
    predict : float
        Of each text of a prediction.
    per_text : float
        Windows of a text.
    """

    task: _Task
    load: float
    read: float
    learn: float
    head: float
    predict: float
    per_text: float = 1.0

    def of_fit(self, bert, n_texts):
        """Return the seconds of a fit."""
        few = are_few(n_texts, self.task.n_classes)
        head = self.head if bert.head == "probe" or (bert.head == "auto" and few) else 0.0
        size = find_batch_size(bert.batch_size, n_texts * self.per_text)
        n_learnt = size * _count_steps(bert, n_texts, self.task, self.per_text)
        return self.load + n_texts * (self.read + head) + n_learnt * self.learn


def forecast(bert, texts, y, folds, speed=None, seconds=math.inf):
    """Return the forecast for fitting and predicting with `bert` on the folds.

    A copy is fitted to texts of all lengths for two short epochs, of which the second is timed;
    then it predicts, twice. Where that would take too long, the forecast is the less exact one
    that follows from the speed of reading.

    Parameters
    ----------
    bert : BertTextClassifier or BertTextRegressor
        Not changed.
    texts : list of str or list of (str, str)
        All texts, or pairs.
    y : ndarray of shape (n_texts,) or (n_texts, n_labels)
        Their labels or numbers.
    folds : list of (train, test) pairs of arrays of int
        What is going to be done.
    speed : Speed, default=None
        How fast the checkpoint reads such texts; not needed without a limit.
    seconds : float, default=inf
        What all of this may take.
    """
    start = perf_counter()
    by_length = np.argsort([len("".join(text)) for text in texts], kind="stable")
    task = _Task.of(bert, y)
    n_steps = sum(_count_steps(bert, len(train), task) for train, _ in folds)
    n_batches = int(np.clip(n_steps // 50, 2, _MAX_PROBE_BATCHES))
    n_predicted = _PREDICTED
    n_train = max(len(train) for train, _ in folds)
    few = are_few(n_train, task.n_classes)
    probe = _short(bert, find_batch_size(bert.batch_size, n_train), few=few)
    if seconds < math.inf:
        probe = with_deadline(probe, start + seconds)
        while _probe_seconds(speed, n_batches * probe.batch_size, n_predicted) > seconds:
            n_predicted = _FEW_PREDICTED
            if n_batches == 1:
                return _by_speed(bert, speed, folds, task, perf_counter() - start)
            n_batches -= 1
    probed = _spread(by_length, n_batches * probe.batch_size)
    target = _two_labels(y[probed]) if task.one_label else y[probed]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextsCutWarning)  # the forecast tells
            warnings.simplefilter("ignore", NothingLearntWarning)  # a probe need not learn
            probe.fit([texts[row] for row in probed], target)
    except OutOfTime:
        return _by_speed(bert, speed, folds, task, perf_counter() - start)
    fit_seconds = perf_counter() - start
    load_seconds = fit_seconds - sum(row["seconds"] for row in probe.history_)
    step_seconds = probe.history_[1]["seconds"] / (len(probe.training_curve_["loss"]) / 2)
    text_seconds = _predict_seconds(probe, [texts[row] for row in _spread(by_length, n_predicted)])

    rng = np.random.default_rng(0)
    looked_at = rng.permutation(len(texts))[:_LENGTHS_LOOKED_AT]
    before = perf_counter()
    lengths = count_tokens(probe.tokenizer_, [texts[row] for row in looked_at])
    tokenize_seconds = (perf_counter() - before) / len(looked_at)
    costs = _Costs(
        task,
        load=load_seconds,
        read=tokenize_seconds + _once_seconds(probe, len(probed)),
        learn=step_seconds / probe.batch_size,
        head=text_seconds,
        predict=tokenize_seconds + text_seconds,
        per_text=_sequences_per_text(probe, lengths),
    )
    return Forecast(
        [],
        [],
        lengths,
        probe.max_length_,
        str(probe.module_.device),
        perf_counter() - start,
        probe.module_.config.hidden_size,
        costs,
    ).on(bert, folds)


def with_tuning(forecast, tuned, y, folds):
    """Return the forecast of all the fits of a BERT that is tuned, given that of one.

    Parameters
    ----------
    forecast : Forecast
        Of the BERT as it is.
    tuned : TunedBert
        What is going to be fitted.
    y : ndarray of shape (n_texts,) or (n_texts, n_labels)
        What there is to learn.
    folds : list of (train, test) pairs of arrays of int
        What is going to be done.
    """
    bert, task, fit_seconds = tuned.estimator, _Task.of(tuned.estimator, y), []
    for (train, test), once, predict in zip(
        folds, forecast.fit_seconds, forecast.predict_seconds, strict=True
    ):
        n_tried = round(len(train) * tuned.share_tried)
        steps = _count_steps(bert, n_tried, task) / _count_steps(bert, len(train), task)
        judging = tuned.n_settings * predict * (len(train) - n_tried) / len(test)
        fit_seconds.append(once * (1 + steps * tuned.n_runs) + judging)
    return replace(forecast, fit_seconds=fit_seconds)


def _probe_seconds(speed, n_texts, n_predicted):
    """Return what a probe is going to take, about."""
    return speed.seconds_to_read(2 * (_LEARNT * n_texts + n_predicted))


def _by_speed(bert, speed, folds, task, probe_seconds):
    """Return the forecast that follows from how fast a checkpoint reads."""
    costs = _Costs(
        task,
        load=speed.seconds_to_read(0),
        read=speed.text_seconds,
        # Of a frozen encoder each text is read once, and nothing more.
        learn=0.0 if bert.freeze == "all" else _LEARNT * speed.text_seconds,
        head=0.0,
        predict=speed.text_seconds,
    )
    return Forecast(
        [],
        [],
        speed.lengths,
        speed.max_length,
        speed.device,
        probe_seconds,
        speed.width,
        costs,
    ).on(bert, folds)


def _short(bert, batch_size, *, few):
    """Return a copy for a probe, whose steps cost what those of the real fit do.

    A probe has fewer texts, which "auto" would take into account.
    """
    # It does not write to the user's loggers and checkpoints.
    quiet = {"callbacks": None, "checkpoint_dir": None, "verbose": 0}
    short = {"epochs": 2, "batch_size": batch_size, "head": "new", "early_stopping": False}
    probe = clone(bert).set_params(**short, **quiet)
    if bert.learning_rate == "find":
        probe.set_params(learning_rate="auto")
    if bert.pooling == "auto" and not few:
        probe.set_params(pooling="cls")
    return probe


def _once_seconds(probe, n_texts):
    """Return the seconds a text for what a frozen encoder gives, which is computed only once."""
    if probe.freeze != "all":
        return 0.0
    first, second = (row["seconds"] for row in probe.history_)
    return max(first - second, 0) / n_texts


def _sequences_per_text(probe, lengths):
    """Return how many windows a text has on average."""
    if probe.long_text != "windows":
        return 1.0
    size = probe.max_length_ - probe.tokenizer_.num_special_tokens_to_add()
    step = size - probe._overlap(probe.tokenizer_, probe.max_length_)
    return float(np.mean(1 + np.ceil(np.maximum(lengths - probe.max_length_, 0) / step)))


def _count_steps(bert, n_texts, task, per_text=1.0):
    """Return the steps of a fit without early stopping, to texts of `per_text` windows."""
    extra = N_STEPS if bert.learning_rate == "find" else 0
    n_windows = n_texts * per_text
    n_batches = math.ceil(n_windows / find_batch_size(bert.batch_size, n_windows))
    by_contrast = task.one_label and learns_by_contrast(bert, n_texts, task.n_classes)
    if by_contrast:
        extra += contrastive.STEPS
    return find_epochs(bert.epochs, n_batches, after_contrast=by_contrast) * n_batches + extra


def _spread(by_length, n_texts):
    """Return rows evenly spread over the lengths, as many as wanted or as there are."""
    n_texts = min(n_texts, len(by_length))
    return by_length[((np.arange(n_texts) + 0.5) * len(by_length) / n_texts).astype(int)]


def _two_labels(y):
    """Return the labels, or any two where the probe happens to hold one only."""
    return y if len(np.unique(y)) > 1 else np.arange(len(y)) % 2


def _predict_seconds(probe, texts):
    """Return the seconds a text of a prediction, the second one."""
    predict = probe.predict if is_regressor(probe) else probe.predict_proba
    predict(texts)
    start = perf_counter()
    predict(texts)
    return (perf_counter() - start) / len(texts)
