"""A head that knows something from the start: a linear model on what the head reads.

The last linear map of the head starts as a logistic regression (a ridge regression for numbers)
on the vectors that the pretrained encoder gives it. With a head that starts from nothing, the
first steps spoil what the encoder knows, and a short run ends before the head has learnt much.

References
----------
A. Kumar, A. Raghunathan, R. Jones, T. Ma, P. Liang (2022). Fine-Tuning can Distort Pretrained
Features and Underperform Out-of-Distribution. ICLR.
"""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from .._engine.distributed import find_ranks
from .._engine.forward import Forward
from .._engine.inference import compute, make_ready
from .._engine.layers import last_linear
from .._plain import default_errstate
from .blas import one_blas_thread

# Texts that are looked at, or as many a class: more make no better start, and cost time.
_MOST_TEXTS = 1000
_MOST_A_CLASS = 10

# Inverse penalties that are tried by cross-validation, on vectors of variance 1.
_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_USUAL_PENALTY = 0.1  # where trying them would take too long or tell nothing
_FOLDS = 3
_MOST_TEXTS_TRIED = 1000
_MOST_CLASSES_TRIED = 20
_MOST_LABELS_TRIED = 5

# Of soft labels, less probable classes are left to the training: they would cost time.
_LEAST_SHARE = 0.05


def probe_head(module, batches, settings, target, random_state):
    """Let the last linear map of the head start from a linear model on what it reads.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        The encoder with a new head that `can_probe`; changed in place.
    batches : TrainingBatches
        What is trained on.
    settings : TrainingSettings
        Where to compute, and in which arithmetic.
    target : Target
        What there is to learn.
    random_state : RandomState instance
        Draws the texts that are looked at, where there are more than are needed.

    Raises
    ------
    ValueError
        If the encoder does not give finite numbers.
    """
    linear = last_linear(module, target.n_outputs)
    n_texts = max(_MOST_TEXTS, _MOST_A_CLASS * target.n_outputs)
    rows = random_state.permutation(len(batches.ragged))[:n_texts]
    vectors = _read_by(linear, module, batches.ragged.take(rows), settings)
    if not np.isfinite(vectors).all():
        raise ValueError(
            f"The pretrained model must give finite numbers, got "
            f"{vectors[~np.isfinite(vectors)][0]}; its weights are damaged, or too large for "
            f"{str(settings.dtype).removeprefix('torch.')}: get another copy, or use "
            "dtype='float32'."
        )
    center = vectors.mean(axis=0)
    scale = np.sqrt(vectors.var(axis=0).mean())
    scale = scale if scale > 0 else 1.0  # the texts are all alike
    data = _Data((vectors - center) / scale, batches.targets[rows], batches.weights[rows])
    coef, intercept = _fit(data, target)
    if (ranks := find_ranks()) is not None:  # a GPU may have rounded otherwise than another one
        coef, intercept = ranks.first((coef, intercept))
    coef = coef / scale
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(coef))
        linear.bias.copy_(torch.from_numpy(intercept - coef @ center))


def can_probe(module, batches, target):
    """Return whether the head has such a map, and there are classes to tell apart."""
    if target.is_classes and len(np.unique(_most_probable(batches.targets))) < 2:
        return False
    return last_linear(module, target.n_outputs) is not None


def _read_by(linear, module, ragged, settings):
    """Return what the linear map reads of each sequence, in float64."""
    read = []
    hook = linear.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    make_ready(module, settings.device)
    forward = Forward(module, settings.device, settings.dtype)

    def vectors_of(texts):
        forward(texts)
        return read.pop().reshape(len(texts), -1).float()

    try:
        with torch.inference_mode(), forward.autocast():
            return compute(vectors_of, ragged, settings.device).cpu().numpy().astype(np.float64)
    finally:
        hook.remove()
        read.clear()


class _Data:
    """Vectors, and what is to be told from them.

    Parameters
    ----------
    vectors : ndarray of shape (n_texts, width)
    values : ndarray of shape (n_texts,) or (n_texts, n_outputs)
    weights : ndarray of shape (n_texts,)
    """

    def __init__(self, vectors, values, weights):
        self.vectors = vectors
        self.values = values
        self.weights = weights

    def take(self, rows):
        """Return some of the rows."""
        return _Data(self.vectors[rows], self.values[rows], self.weights[rows])


def _fit(data, target):
    """Return coefficients and constants of the outputs."""
    # A start need not have converged.
    with one_blas_thread(), default_errstate(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if target.is_classes:
            return _fit_classes(data, target.n_outputs)
        if target.sizes is not None:
            return _fit_columns(data, target.sizes)
        if target.is_labels:
            return _fit_labels(data, target.settings["present"], target.settings["absent"])
        return _fit_numbers(data)


def _fit_classes(data, n_classes):
    """Return the logits of a logistic regression; classes without a text are improbable."""
    hard = _Data(data.vectors, _most_probable(data.values), data.weights)
    data = hard if data.values.ndim == 1 else _of_each_class(data)
    present = np.unique(data.values)
    penalty = _USUAL_PENALTY
    if len(present) <= _MOST_CLASSES_TRIED:
        penalty = _choose([_log_losses(hard)])  # no text is on both sides of a fold
    model = _logistic(penalty).fit(data.vectors, data.values, data.weights)
    coef, intercept = model.coef_, model.intercept_
    if len(present) == 2:
        coef, intercept = np.concatenate([-coef, coef]) / 2, np.array([-1, 1]) * intercept / 2
    all_coef = np.zeros((n_classes, coef.shape[1]))
    all_intercepts = np.full(n_classes, intercept.min() - 1.0)
    all_coef[present], all_intercepts[present] = coef, intercept
    return all_coef, all_intercepts


def _fit_columns(data, sizes):
    """Return the logits of a logistic regression for each of several columns of labels."""
    found = []
    for values, size in zip(data.values.T, sizes, strict=True):
        if len(np.unique(values)) > 1:
            found.append(_fit_classes(_Data(data.vectors, values, data.weights), size))
        else:  # the texts that are looked at have one class
            found.append((np.zeros((size, data.vectors.shape[1])), np.zeros(size)))
    coef, intercept = zip(*found, strict=True)
    return np.concatenate(coef), np.concatenate(intercept)


def _most_probable(values):
    """Return the index of the class of each text, of soft labels the most probable one."""
    return values if values.ndim == 1 else values.argmax(axis=1)


def _of_each_class(data):
    """Return each text of soft labels once for each likely class, with that share of its weight."""
    likely = data.values >= np.minimum(data.values.max(axis=1, keepdims=True), _LEAST_SHARE)
    rows, classes = np.nonzero(likely)
    return _Data(data.vectors[rows], classes, data.weights[rows] * data.values[rows, classes])


def _fit_labels(data, present, absent):
    """Return the logits of one logistic regression a label, all of the same penalty."""
    n_texts, n_labels = data.values.shape
    shares = np.average(data.values, axis=0, weights=data.weights)
    shares = np.clip(shares, 0.5 / n_texts, 1 - 0.5 / n_texts)
    coef = np.zeros((n_labels, data.vectors.shape[1]))
    intercept = np.log(shares / (1 - shares))  # of a label that all texts have, or none
    columns = {
        label: _Data(
            data.vectors, values, data.weights * np.where(values, present[label], absent[label])
        )
        for label, values in enumerate((data.values.T > 0.5).astype(np.int64))
        if 0 < values.sum() < n_texts
    }
    often = sorted(columns, key=lambda label: -shares[label])[:_MOST_LABELS_TRIED]
    penalty = _choose([_log_losses(columns[label]) for label in often])
    for label, column in columns.items():
        model = _logistic(penalty).fit(column.vectors, column.values, column.weights)
        coef[label], intercept[label] = model.coef_[0], model.intercept_[0]
    return coef, intercept


def _fit_numbers(data):
    """Return the outputs of a ridge regression."""
    errors = [
        sum(
            (test.weights @ _ridge_errors(penalty, train, test) ** 2).sum()
            for train, test in _folds(data, KFold)
        )
        for penalty in _PENALTIES
    ]
    model = _ridge(_choose([errors] if len(data.values) >= _FOLDS else []), data)
    return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)


def _ridge_errors(penalty, train, test):
    """Return by how much a ridge regression of one part is wrong on the other."""
    found = _ridge(penalty, train).predict(test.vectors)
    return found.reshape(test.values.shape) - test.values


def _logistic(penalty):
    """Return a logistic regression."""
    return LogisticRegression(C=penalty, max_iter=200)


def _ridge(penalty, data):
    """Return a ridge regression of data."""
    return Ridge(alpha=1 / penalty).fit(data.vectors, data.values, data.weights)


def _choose(losses):
    """Return the penalty of the least loss, summed over what was tried; the usual one of none."""
    losses = np.sum([found for found in losses if found is not None] or [0.0], axis=0)
    return _USUAL_PENALTY if np.ndim(losses) == 0 else _PENALTIES[int(np.argmin(losses))]


def _log_losses(data):
    """Return the cross-validated loss of each penalty, None where it cannot be told.

    Only classes that each fold has a text of can be judged.
    """
    classes, counts = np.unique(data.values, return_counts=True)
    data = data.take(np.isin(data.values, classes[counts >= _FOLDS]))
    if len(np.unique(data.values)) < 2:
        return None
    losses = np.zeros(len(_PENALTIES))
    for train, test in _folds(data, StratifiedKFold):
        for number, penalty in enumerate(_PENALTIES):
            model = _logistic(penalty).fit(train.vectors, train.values, train.weights)
            proba = model.predict_proba(test.vectors)
            truth = proba[np.arange(len(proba)), np.searchsorted(model.classes_, test.values)]
            losses[number] -= test.weights @ np.log(np.clip(truth, 1e-12, None))
    return losses


def _folds(data, kind):
    """Yield the pairs of a training and a test part, on a part of the data where it is large."""
    if len(data.values) < _FOLDS:
        return
    data = data.take(np.arange(len(data.values)) < _MOST_TEXTS_TRIED)
    splits = kind(_FOLDS, shuffle=True, random_state=0).split(data.vectors, data.values)
    for train, test in splits:
        yield data.take(train), data.take(test)
