"""Whether a fit learnt more from the texts than one answer for all of them would say."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from skorch.callbacks import Callback

# The steps at the end of a fit that are looked at: before them it was still on its way.
LAST_SHARE = 0.25

# Up to so little gain a fit is told of, and more strictly one of few steps, which can do better.
_LEAST_GAIN, LEAST_GAIN_OF_FEW = 0.02, 0.1
_FEW_STEPS = 100
# Texts of other labels, none of which was found, that are no accident.
_LEAST_OTHERS = 5


@dataclass(frozen=True)
class Ending:
    """The last steps of a fit, beside the one answer that is best for all texts.

    Attributes
    ----------
    n_texts : int
        Texts of these steps, each as often as it was trained on.
    loss, chance, lowest : float
        Their mean loss, what it would be for the one answer, and the lowest that there is.
    n_others : float or None
        Texts whose truth is another label than that answer, by their weights; None for numbers.
    n_predicted_others : int or None
        Texts that were predicted to have another one.
    """

    n_texts: int
    loss: float
    chance: float
    lowest: float
    n_others: float | None = None
    n_predicted_others: int | None = None

    @property
    def gain(self):
        """How far the loss is from that of the one answer, 0, to the lowest, 1."""
        room = self.chance - self.lowest
        return (self.chance - self.loss) / room if room > 0 else math.nan

    def complaint(self, n_steps, *, auto_epochs, one_answer):
        """Return what is wrong with a fit that learnt next to nothing, None if it did learn.

        Parameters
        ----------
        n_steps : int
            Of the fit.
        auto_epochs : int or None
            What "auto" would have trained for, if that is longer.
        one_answer : str
            What it is to give the same answer to all texts.
        """
        steps = f"In the last of its {n_steps} steps" if n_steps > 1 else "In its only step"
        is_few = auto_epochs is not None and n_steps < _FEW_STEPS
        if self.gain < (LEAST_GAIN_OF_FEW if is_few else _LEAST_GAIN):
            problem = (
                f"the model was hardly better than always predicting {one_answer}: its training "
                f"loss was {self.loss:.3g}, against {self.chance:.3g}"
            )
            way_out = "check that the texts say what the labels are"
        elif not self.n_predicted_others and (self.n_others or 0) >= _LEAST_OTHERS:
            share = 100 * self.n_others / self.n_texts
            problem = (
                f"the model predicted {one_answer} for all training texts, {share:.2g} % of which "
                "have another"
            )
            way_out = "use class_weight='balanced'"
        else:
            return None
        if auto_epochs is not None:
            return (
                f"{steps} {problem}; use epochs='auto', which is {auto_epochs} here, or a higher "
                "learning_rate."
            )
        return f"{steps} {problem}; train for more epochs, at another learning_rate, or {way_out}."


class ChanceRecord(Callback):
    """Record, beside the loss of each step, that of the one answer that is best for all texts.

    Both are of the same texts, so that they can be compared although a batch may hold more texts
    of a class than another one. No text is read a second time.

    Parameters
    ----------
    criterion : WeightedLoss
        What is minimized; a copy of it is used, on the CPU.
    batches : TrainingBatches
        What is trained on.
    n_outputs : int
        Of the head.
    """

    def __init__(self, criterion, batches, n_outputs):
        self.criterion = copy.deepcopy(criterion)
        self.batches = batches
        self.n_outputs = n_outputs

    def on_train_begin(self, net, **kwargs):
        """Find the answer, and begin to record."""
        self.constant_ = best_constant(self.criterion, self.batches, self.n_outputs)
        self.answer_ = self.criterion.answers(self.constant_)
        if self.answer_ is not None:
            self.predicted_answer_ = self.answer_.to(net.device)
        self.n_steps_before_ = None
        self.n_texts_, self.losses_, self.lowest_ = [], [], []
        self.n_others_, self.n_predicted_others_, self.unread_ = [], [], []

    def on_epoch_begin(self, net, **kwargs):
        """Note the steps before the first epoch, of a fit that goes on from a checkpoint."""
        if self.n_steps_before_ is None:
            n_epochs = len(net.history) - 1
            self.n_steps_before_ = n_epochs * len(self.batches) + net.batches_done_

    def on_batch_end(self, net, batch=None, training=False, y_pred=None, **kwargs):
        """Record the loss of the answer, and how many texts have, or are given, another one."""
        if not training:
            return
        values, weights = batch[1]
        constant = self.constant_.expand(len(values), -1)
        best = self.criterion.best_outputs(values, self.n_outputs)
        self.n_texts_.append(len(values))
        self.losses_.append(self.criterion(constant, (values, weights)).item())
        self.lowest_.append(self.criterion(best, (values, weights)).item())
        if self.answer_ is not None:
            self.n_others_.append(weights[_differ(values, self.answer_)].sum().item())
            predicted = self.criterion.answers(y_pred)
            self.unread_.append(_differ(predicted, self.predicted_answer_).sum())

    def on_epoch_end(self, net, **kwargs):
        """Read what was predicted in the epoch, all at once: that waits for a GPU."""
        if self.unread_:
            self.n_predicted_others_ += torch.stack(self.unread_).tolist()
            self.unread_ = []

    def ending(self, losses):
        """Return the `Ending` of a fit whose weights are those after these losses, one a step.

        Of a fit that went on from a checkpoint, only the steps since then are known; None if there
        was none left.
        """
        n_unknown = self.n_steps_before_
        n_last = min(math.ceil(LAST_SHARE * len(losses)), len(losses) - n_unknown)
        if n_last <= 0:
            return None
        last = slice(len(losses) - n_unknown - n_last, len(losses) - n_unknown)
        n_texts = np.array(self.n_texts_[last])
        means = [
            float(np.average(values, weights=n_texts))
            for values in (losses[-n_last:], self.losses_[last], self.lowest_[last])
        ]
        if self.answer_ is None:
            return Ending(int(n_texts.sum()), *means)
        counts = [sum(n[last]) for n in (self.n_others_, self.n_predicted_others_)]
        return Ending(int(n_texts.sum()), *means, *counts)


def _differ(answers, answer):
    """Return which answers, one a text, are another one."""
    return (answers != answer).reshape(len(answers), -1).any(dim=1)


@torch.enable_grad()
def best_constant(criterion, batches, n_outputs):
    """Return the outputs that, given to all texts, have the lowest loss, of shape (1, n_outputs).

    The losses are linear in what is true of a text, but for the squared error, whose best outputs
    are the mean: so the mean of what is true, of classes their shares, stands for all texts.
    """
    values = torch.from_numpy(batches.targets)
    weights = torch.from_numpy(batches.weights).double()
    weights = weights / weights.sum()
    if values.ndim == 1:
        mean = torch.bincount(values, weights, minlength=n_outputs)[None]
        outputs = mean.clamp_min(1e-6).log()
    else:
        mean = (weights @ values.double())[None]
        outputs = mean.clone()
    outputs.requires_grad_()
    optimizer = torch.optim.LBFGS([outputs], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        """Return the loss, its gradient computed."""
        optimizer.zero_grad()
        loss = criterion.of_texts(outputs, mean).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return outputs.detach()
