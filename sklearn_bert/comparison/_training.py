"""How the training of a BERT went, as far as it says that the training was too short."""

from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import NotFittedError

from .._engine.ending import LAST_SHARE, LEAST_GAIN_OF_FEW
from .._estimators.recipe import find_epochs
from ..inspection._unwrap import unwrap

# With more steps, it is not for want of steps that nothing was learnt.
_FEW_STEPS = 500


@dataclass(frozen=True)
class Training:
    """What came of a fit.

    Attributes
    ----------
    n_steps, n_epochs : int
        How long it was.
    loss : float
        Mean of the last steps.
    chance : float
        Loss of the shares of the classes, given for all texts; NaN if the loss is another one.
    device : str
        Kind of device.
    """

    n_steps: int
    n_epochs: int
    loss: float
    chance: float
    device: str

    @property
    def is_near_chance(self):
        """Whether the loss has hardly fallen."""
        return self.loss > (1 - LEAST_GAIN_OF_FEW) * self.chance

    @property
    def more_epochs(self):
        """Epochs that the recipe takes for as many texts, at least twice as many as were done."""
        n_batches = max(self.n_steps // self.n_epochs, 1)
        return max(find_epochs("auto", n_batches), 2 * self.n_epochs)


def find_training(model, y, weights=None):
    """Return the `Training` of a fitted model, None if there is no BERT of ours inside.

    Parameters
    ----------
    model : estimator
        Ours, or one around ours.
    y : ndarray of shape (n_texts,)
        What it was fitted to.
    weights : ndarray of shape (n_texts,), default=None
        How much each text counted.
    """
    try:
        bert = unwrap(model)[0]
    except (TypeError, NotFittedError):
        return None
    if not hasattr(bert, "training_curve_"):  # it is that of copies that are not kept
        return None
    losses = bert.training_curve_["loss"]
    n_last = int(np.ceil(LAST_SHARE * len(losses)))
    return Training(
        len(losses),
        bert.n_epochs_,
        float(losses[-n_last:].mean()),
        _chance(bert, y, weights),
        bert.module_.device.type,
    )


def _chance(bert, y, weights):
    """Return the loss of the shares of the classes."""
    if bert.focal_gamma:
        return np.nan
    classes, numbers = np.unique(y, return_inverse=True)
    shares = np.bincount(numbers, weights)
    if isinstance(bert.class_weight, dict):
        shares = shares * [bert.class_weight.get(label, 1.0) for label in classes.tolist()]
    elif bert.class_weight is not None:  # "balanced"
        shares = np.ones(len(classes))
    shares = shares[shares > 0] / shares.sum()
    shares = (1 - bert.label_smoothing) * shares + bert.label_smoothing / len(shares)
    return float(-(shares @ np.log(shares)))


def find_short(trials):
    """Return why and how a BERT was trained too briefly, as words and `Training`; or None.

    Parameters
    ----------
    trials : list of Trial
        Of its folds: it is so on all of them, or no reason.
    """
    trainings = [trial.training for trial in trials]
    if None in trainings or max(training.n_steps for training in trainings) >= _FEW_STEPS:
        return None
    shortest = min(trainings, key=lambda training: training.n_steps)
    if all(training.is_near_chance for training in trainings):
        return "its training loss is still near chance", shortest
    answers = {answer for trial in trials for answer in np.unique(trial.recorded.labels).tolist()}
    if len(answers) == 1:
        return f"it predicts {answers.pop()!r} for all texts", shortest
    return None
