"""An encoder that learns what a fitted estimator, its teacher, gives for texts."""

import copy
import math
import os
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.utils import check_random_state

from .._engine.fewer_layers import with_fewer_layers
from .._engine.torch_state import own_torch_state
from .._plain import with_plain_parameters
from .distilled_model import check_one_column
from .fit_tasks import FitTasks, with_callbacks
from .fitting import Fitting
from .targets import Target, class_target, number_target
from .validation import Validation

# Steps that a student takes at least, see benchmarks/RESULTS.md.
_LEAST_STEPS = 500


def distil_encoder(teacher, X, model, n_layers, random_state):
    """Return a fitted estimator of the teacher's class that was trained on its outputs for texts.

    Parameters
    ----------
    teacher : TextEstimator
        Fitted; it stays as it is.
    X : array-like
        Texts or pairs, as the teacher reads them.
    model : str, path-like or None
        Another encoder to train.
    n_layers : int or None
        Layers of the teacher's own encoder to train. One of both is None.
    random_state : int, RandomState instance or None
        Seeds the training.

    Raises
    ------
    ValueError
        If the student cannot be what is asked for.
    """
    _check_size(teacher, model, n_layers)
    check_random_state(random_state)
    check_one_column(teacher)
    student = clone(teacher)
    if model is not None:
        student.set_params(model=model)
    student._validate_params()
    texts = teacher._read_texts(X)
    reader = copy.copy(teacher)
    vars(reader).pop("feature_names_in_", None)  # the names of X have been looked at
    with own_torch_state():
        smaller = None if n_layers is None else with_fewer_layers(teacher.module_, n_layers)
        target = _target_of(teacher, reader._outputs(texts))
        return _fit(student, teacher, texts, target, smaller, random_state)


def _check_size(teacher, model, n_layers):
    """Refuse what does not tell how small the student is to be."""
    if model is not None and n_layers is not None:
        raise ValueError(
            f"distill takes either model or n_layers, got both, {str(model)!r} and {n_layers!r}; "
            "leave one of them out."
        )
    if model is not None and not isinstance(model, (str, os.PathLike)):
        raise ValueError(f"model must be a name or a folder, got {model!r}; pass a str or a path.")
    is_int = isinstance(n_layers, Integral) and not isinstance(n_layers, bool)
    if n_layers is not None and not (is_int and n_layers >= 1):
        raise ValueError(
            f"n_layers must be an int of at least 1, got {n_layers!r}; pass how many layers of the "
            f"{type(teacher).__name__} to keep."
        )


def _target_of(teacher, outputs):
    """Return what there is to learn of a teacher's outputs."""
    weights = np.ones(len(outputs))
    if is_regressor(teacher):
        scaling = teacher.target_mean_, teacher.target_scale_
        outputs = outputs[:, 0] if isinstance(teacher.target_mean_, float) else outputs
        numbers = outputs * teacher.target_scale_ + teacher.target_mean_
        return number_target(numbers, weights, getattr(teacher, "target_names_", None), *scaling)
    classes = teacher.classes_
    if teacher.multilabel_:
        proba = np.exp(-np.logaddexp(0, -outputs)).astype(np.float32)
        attributes = {"classes_": classes, "multilabel_": True}
        ones = np.ones(len(classes), dtype=np.float32)
        settings = {"present": ones, "absent": ones}
        is_present = (outputs > 0).astype(np.int64)
        return Target(is_present, proba, len(classes), weights, attributes, settings=settings)
    log_proba = outputs - np.logaddexp.reduce(outputs, axis=1, keepdims=True)
    return class_target(classes, np.exp(log_proba), weights)


@with_callbacks
def _fit(student, teacher, texts, target, smaller, random_state):
    """Fit a student and return it."""
    student._check_scoring(target)
    stand_in = with_plain_parameters(student)
    # All of it learns: layers that are left have to do the work of those that are gone.
    vars(stand_in).update(random_state=random_state, freeze=0)
    tasks = FitTasks(student, texts, target.y)
    fitting = StudentFitting(stand_in, texts, target, tasks, teacher.tokenizer_, smaller)
    fitted = fitting.run()
    tasks.end(fitted)
    names = ("n_features_in_", "feature_names_in_")
    fitted |= {name: getattr(teacher, name) for name in names if hasattr(teacher, name)}
    vars(student).update(fitted)
    return student


class StudentFitting(Fitting):
    """A fit to the outputs of a teacher.

    Parameters
    ----------
    estimator, texts, target, tasks
        As for any fit.
    tokenizer : transformers.PreTrainedTokenizerFast
        That of the teacher.
    smaller : transformers.PreTrainedModel or None
        What is trained, with the teacher's tokenizer; None trains `model` of the estimator.
    """

    def __init__(self, estimator, texts, target, tasks, tokenizer, smaller):
        super().__init__(estimator, texts, target, Validation(), tasks)
        self.tokenizer = tokenizer
        self.smaller = smaller

    def _start(self):
        n_layers = None if self.smaller is None else self.smaller.config.num_hidden_layers
        return {"layers of the student": n_layers}

    def _load_module(self):
        if self.smaller is None:
            return super()._load_module()
        return copy.deepcopy(self.tokenizer), self.smaller

    def _find_head(self):
        if self.smaller is not None:
            return "teacher"
        head = super()._find_head()
        return "probe" if head == "contrast" else head

    def _find_settings(self, head):
        settings = super()._find_settings(head)
        least = math.ceil(_LEAST_STEPS / len(self.batches))
        return replace(settings, epochs=max(settings.epochs, least))
