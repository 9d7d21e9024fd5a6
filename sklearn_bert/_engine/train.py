"""Fine-tuning: what is put around the steps of the net, and what is recorded of them."""

import math
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from skorch.utils import noop

from .chance import ChanceRecord
from .device import fast_float32
from .divergence import divergence_error
from .ending import Ending
from .net import FineTuningNet, ValidationStopping
from .optimizer import OneCycle
from .progress import EpochRecord, EpochTasks, Progress, StopIfAsked, epoch_rows, step_rows
from .time_left import TimeLeft
from .weight_average import WeightAverage


@dataclass(frozen=True)
class TrainingRecord:
    """What was recorded of a training.

    Attributes
    ----------
    history : list of dict
        One dict an epoch.
    curve : dict of str to ndarray of shape (n_steps,)
        Loss, learning rate and epoch of each step.
    validated : Tensor of shape (n_texts, n_outputs) or None
        Outputs for the validation texts in the epoch whose weights were kept, in any order.
    ending : Ending or None
        How the last steps compare with one answer for all texts; None if there were none.
    """

    history: list[dict]
    curve: dict[str, np.ndarray]
    validated: torch.Tensor | None
    ending: Ending | None


def train(module, batches, validation, settings, *, score, callbacks, tasks, checkpoints):
    """Fine-tune `module` in place and return what was recorded.

    Parameters
    ----------
    module : torch.nn.Module
        The encoder with its head.
    batches : TrainingBatches
        What to train on.
    validation : TrainingBatches or None
        What to judge on after each epoch.
    settings : TrainingSettings
        How to train.
    score : callable or None
        Takes the module and returns scores by their names in the history.
    callbacks : list of (name, callback) pairs
        Run after our own; they are used as they are, not copied.
    tasks : FitTasks
        What tells scikit-learn's callbacks of the epochs.
    checkpoints : Checkpoints or None
        Writes the state of training, and goes on from one.

    Returns
    -------
    record : TrainingRecord

    Raises
    ------
    ValueError
        If layers are to be checkpointed that cannot be, or more to be frozen than there are.
    """
    _check_checkpointing(module, settings)
    n_steps = settings.epochs * len(batches)
    stopping = None if validation is None else _early_stopping(settings)
    record, average = EpochRecord(score), WeightAverage(n_steps)
    chance = ChanceRecord(settings.criterion, batches, module.config.num_labels)
    progress = Progress(n_steps, settings.verbose)
    shown = {
        "progress": progress,
        "time_left": TimeLeft(settings.epochs, stopping is not None, progress),
    }
    own = _named(
        one_cycle=OneCycle(n_steps),
        average=average,
        epoch_record=record,
        chance=chance,
        **(shown if settings.verbose else {}),
    )
    last = _named(
        tasks=EpochTasks(tasks),
        early_stopping=stopping,
        stop_if_asked=StopIfAsked(tasks),
        checkpoints=checkpoints,
    )
    net = FineTuningNet(
        module,
        settings,
        average=average,
        reads_losses=bool(callbacks),
        callbacks=own + callbacks + last,
    )
    with closing(net), closing(progress), fast_float32(settings.device):
        net.fit((batches, validation))
    return _record(net, record, chance, stopping, validation)


def _check_checkpointing(module, settings):
    """Refuse to checkpoint an architecture that cannot do it."""
    checkpointing = settings.gradient_checkpointing
    if checkpointing == "auto" or not checkpointing or module.supports_gradient_checkpointing:
        return
    raise ValueError(
        "gradient_checkpointing=True needs an architecture that transformers can checkpoint, "
        f"got {module.config.model_type!r}; use 'auto' or False."
    )


def _early_stopping(settings):
    """Return the callback that stops training and restores the best weights, None for none."""
    if settings.patience is None:
        return None
    return ValidationStopping(
        monitor=settings.monitor,
        lower_is_better=settings.monitor == "valid_loss",
        patience=settings.patience,
        threshold=0,
        threshold_mode="abs",
        sink=noop,
        load_best=True,
    )


def _named(**callbacks):
    """Return callbacks, those that are not None, as pairs with names that are ours."""
    return [(f"_{name}", callback) for name, callback in callbacks.items() if callback is not None]


def _record(net, record, chance, stopping, validation):
    """Return what was recorded of a training, and that of the epoch whose weights were kept."""
    n_epochs = (stopping and stopping.best_epoch_) or len(net.history)
    if net.scaler_.is_enabled():
        _check_steps(net, n_epochs)
    curve = step_rows(net.history)
    return TrainingRecord(
        history=epoch_rows(net.history),
        curve=curve,
        validated=None if validation is None else torch.cat(record.predicted_[n_epochs - 1]),
        ending=chance.ending(curve["loss"][curve["epoch"] <= n_epochs]),
    )


def _check_steps(net, n_epochs):
    """Refuse weights whose gradients overflow, whatever the loss is multiplied by."""
    n_taken = max(int(state["step"]) for state in net.optimizer_.state.values())
    if not n_taken or net.history[n_epochs - 1]["loss_scale"] < 1:
        raise divergence_error(math.inf, net.settings.dtype)
