"""One model on one fold: its scores, what it predicted, and what it cost."""

import pickle
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning

from .._clock import OutOfTime, has_waited, is_loaded, now
from ..exceptions import NothingLearntWarning, TextsCutWarning
from ._baselines import OneThreadPipeline
from ._searches import count_fits, find_best_params
from ._training import find_training
from ._weighted_fit import fit_weighted

_MEGABYTE = 2**20
# Below this, a peak is not told from room that the process had ready.
_LEAST_MB = 1.0
# The system counts for each thread apart, and adds up now and then.
_SLACK_MB = 4.0


@dataclass
class FoldResult:
    """What came of one model on one fold.

    Attributes
    ----------
    model : str
        Its name.
    fold : int
        Number of the fold, from 0.
    rows : ndarray of shape (n_test,)
        The texts it was judged on.
    n_train : int
        Texts it was trained on.
    scores : dict of str to float
        By name of the scorer; NaN where it is not defined, or failed.
    undefined : dict of str to str
        Why a score is NaN, by name of the scorer.
    fit_seconds, predict_seconds : float
        Of the clock.
    fit_cpu_seconds, predict_cpu_seconds : float
        Of the processor, all threads of the process together.
    memory_mb, gpu_memory_mb : float
        Peak above what the process held before; NaN where it cannot be told, since the system
        does not tell, or the model found room in what the process held.
    size_mb : float
        Of the pickled model; NaN where it was not asked for, or cannot be pickled.
    once_seconds : float
        What it took for the other folds, too.
    is_busy : bool
        Whether the machine had other work, which makes seconds of the clock longer.
    training : Training or None
        How the training of a BERT went.
    error : str
        Why the fold failed, empty if it did not.
    recorded : Recorded or None
        The predictions.
    n_fits : int
        The fits that it took, those of a search among them.
    best_params : dict
        What a search chose.
    """

    model: str
    fold: int
    rows: np.ndarray
    n_train: int
    scores: dict = field(default_factory=dict)
    fit_seconds: float = np.nan
    predict_seconds: float = np.nan
    fit_cpu_seconds: float = np.nan
    predict_cpu_seconds: float = np.nan
    memory_mb: float = np.nan
    gpu_memory_mb: float = np.nan
    size_mb: float = np.nan
    once_seconds: float = 0.0
    is_busy: bool = False
    training: object = None
    error: str = ""
    recorded: object = None
    undefined: dict = field(default_factory=dict)
    n_fits: int = 1
    best_params: dict = field(default_factory=dict)

    def as_row(self):
        """Return it as a dict of plain values, without the predictions."""
        return {
            "model": self.model,
            "fold": self.fold,
            "n_train": self.n_train,
            "n_test": len(self.rows),
            **self.scores,
            "fit_seconds": self.fit_seconds,
            "predict_seconds": self.predict_seconds,
            "fit_cpu_seconds": self.fit_cpu_seconds,
            "predict_cpu_seconds": self.predict_cpu_seconds,
            "memory_mb": self.memory_mb,
            "gpu_memory_mb": self.gpu_memory_mb,
            "size_mb": self.size_mb,
            "error": self.error,
        }


def run_fold(name, fold, estimator, data, train, test, scorers, *, with_size):
    """Fit a copy of `estimator` on the fold's training part and judge it on its test part.

    Parameters
    ----------
    name : str
        Name of the model.
    fold : int
        Number of the fold.
    estimator : estimator
        A classifier or regressor of texts.
    data : Data
        What to learn and to judge on.
    train, test : ndarray of int
        Rows of the two parts.
    scorers : dict of str to callable
        scikit-learn scorers by name.
    with_size : bool
        Whether to find the size of the pickled model.

    Returns
    -------
    result : FoldResult
        With its `error` if an exception was raised; only Ctrl-C and `OutOfTime` are let through.
    """
    result = FoldResult(name, fold, test, len(train))
    try:
        model = clone(estimator)
        with _PeakMemory() as peak:
            fit = _fit(model, data, train)
            result.once_seconds = getattr(model, "once_seconds_", 0.0)
            result.recorded, predict = record(model, data.take_texts(test), data)
            result.once_seconds += getattr(model, "once_seconds_", 0.0)
        result.fit_seconds, result.fit_cpu_seconds = map(float, fit)
        result.predict_seconds, result.predict_cpu_seconds = map(float, predict)
        result.is_busy = is_loaded() or (isinstance(model, OneThreadPipeline) and has_waited(fit))
        result.training = find_training(model)
        result.n_fits, result.best_params = count_fits(model), find_best_params(model)
        result.memory_mb, result.gpu_memory_mb = peak.memory_mb, peak.gpu_memory_mb
        for scorer in scorers:
            result.scores[scorer], result.undefined[scorer] = judge(
                scorers[scorer], result.recorded, data, test
            )
        result.undefined = {name: reason for name, reason in result.undefined.items() if reason}
        if with_size:
            result.size_mb = _pickled_mb(model)
    except OutOfTime:
        raise
    except Exception as error:
        result.error = in_a_line(error)
        result.recorded, result.scores = None, {}
    return result


def in_a_line(error):
    """Return an exception as the table tells it."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def score(scorer, recorded, texts, y, weights=None):
    """Return the score of recorded predictions, NaN where it is not defined."""
    options = {} if weights is None else {"sample_weight": weights}
    with warnings.catch_warnings():
        # The notes tell of both.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true", UserWarning)
        value = float(scorer(recorded, texts, y, **options))
    return value if np.isfinite(value) else np.nan


def judge(scorer, recorded, data, test):
    """Return the score of predictions for the texts of a fold, and why it is NaN if it is.

    Scorers were tried before, so that one that fails here lacks something of this model or fold;
    the others are not to suffer from it.
    """
    y = data.y[test]
    try:
        value = score(scorer, recorded, data.take_texts(test), y, data.take_weights(test))
        reason = "it is not defined there" if np.isnan(value) else ""
    except Exception as error:
        value, reason = np.nan, in_a_line(error)
        if isinstance(error, AttributeError) and recorded.proba is None:
            reason = "the model gives no probabilities"
    missing = np.setdiff1d(data.classes, y) if data.kind == "labels" else ()
    if reason and len(missing) and recorded.proba is not None:
        reason = f"the test part has no {missing[0].item()!r}"
    return value, reason


def _fit(model, data, rows):
    """Fit a model to some rows, and return the seconds of the clock and of the processor."""
    texts, weights = data.take_texts(rows), data.take_weights(rows)
    start = now()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextsCutWarning)  # the forecast tells
        warnings.simplefilter("ignore", NothingLearntWarning)  # the verdict tells
        fit_weighted(model, texts, data.y[rows], weights)
    return now() - start + _saved_seconds(model)


def _saved_seconds(model):
    """Return the seconds a model would have taken longer, had it not shared work with others."""
    return np.array([getattr(model, f"saved_{kind}_", 0.0) for kind in ("seconds", "cpu_seconds")])


def record(model, texts, data):
    """Return the predictions, and the seconds of one pass over the texts."""
    start = now()
    proba, decision = None, None
    if data.kind != "numbers" and _predicts_by_proba(model):
        proba = model.predict_proba(texts)
        if data.kind == "labels":
            predicted = model.classes_[proba.argmax(axis=1)]
        else:
            predicted = (proba > 0.5).astype(int)
        seconds = now() - start + _saved_seconds(model)
    else:
        predicted = as_array(model.predict(texts))
        seconds = now() - start + _saved_seconds(model)
        if data.kind != "numbers":
            proba, decision = _confidence(model, texts)
    if data.kind == "labels" and proba is not None:
        proba = _in_all_classes(proba, model.classes_, data.classes)
    elif data.kind == "several labels" and isinstance(proba, list):
        proba = _in_columns(proba, model.classes_)
    return data.record(predicted, proba, decision), seconds


def as_array(predicted):
    """Return predictions as an array: some classifiers of several labels give a sparse matrix."""
    return predicted.toarray() if hasattr(predicted, "toarray") else np.asarray(predicted)


def _predicts_by_proba(model):
    """Return whether the labels are known to be those of the highest probability.

    Of other classifiers they need not be, and a second pass over the texts is the way to know.
    """
    return getattr(model, "_predicts_by_proba", False)


def _confidence(model, texts):
    """Return the probabilities of a classifier or, if it gives none, its decision values."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(texts), None
    if hasattr(model, "decision_function"):
        return None, model.decision_function(texts)
    return None, None


def _in_all_classes(proba, known, classes):
    """Return probabilities with a column for each class, also those absent from the fold."""
    full = np.zeros((len(proba), len(classes)))
    full[:, np.searchsorted(classes, known)] = proba
    return full


def _in_columns(probas, classes):
    """Return the probability of each label, given those of its absence and presence.

    As scikit-learn's classifiers of several outputs give them; a label may have but one of both.
    """
    columns = [
        proba @ (np.asarray(known) == 1) for proba, known in zip(probas, classes, strict=True)
    ]
    return np.column_stack(columns)


class _PeakMemory:
    """The most memory that the process took inside, above what it held before.

    Linux tells the peak of the host since it was last reset, torch that of each CUDA device.
    """

    def __enter__(self):
        self._before = self._reset_host()
        self._cuda = _cuda()
        self._held = self._reset_devices()
        return self

    def __exit__(self, *error):
        taken = (_status("VmHWM") - self._before) / 1024
        self.memory_mb = taken if taken >= _LEAST_MB else np.nan
        self.gpu_memory_mb = np.nan
        if self._cuda is not None:
            peaks = map(self._cuda.max_memory_allocated, range(len(self._held)))
            self.gpu_memory_mb = (sum(peaks) - sum(self._held)) / _MEGABYTE

    def _reset_host(self):
        """Return the kilobytes held now, after making them the peak; NaN where that is denied."""
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return np.nan
        held = _status("VmRSS")
        # Some sandboxes accept the reset and forget it.
        return held if _status("VmHWM") - held < 1024 * _SLACK_MB else np.nan

    def _reset_devices(self):
        """Return the bytes held now on each CUDA device, after making them the peak."""
        if self._cuda is None:
            return []
        numbers = range(self._cuda.device_count())
        if self._cuda.is_initialized():  # else there is no peak yet, and torch would refuse
            for number in numbers:
                self._cuda.reset_peak_memory_stats(number)
        return [self._cuda.memory_allocated(number) for number in numbers]


def _status(name):
    """Return a figure of the process in kilobytes, NaN where the system has none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return np.nan
    return next((float(line.split()[1]) for line in lines if line.startswith(name + ":")), np.nan)


def _cuda():
    """Return torch.cuda where torch is in use and there is a device, else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None


class _Counter:
    """A file that only counts what is written to it."""

    def __init__(self):
        self.n_bytes = 0

    def write(self, data):
        """Count the bytes."""
        n_bytes = memoryview(data).nbytes
        self.n_bytes += n_bytes
        return n_bytes


def _pickled_mb(model):
    """Return the size of the pickled model, NaN if it cannot be pickled."""
    counter = _Counter()
    try:
        pickle.dump(model, counter, protocol=5)
    except Exception:
        return np.nan
    return counter.n_bytes / _MEGABYTE
