"""What one answer for all texts would cost, recorded beside the loss of each step."""

import copy
import math

import numpy as np
import torch
from skorch.callbacks import Callback

from .ending import LAST_SHARE, Ending
from .losses import ColumnsCrossEntropy, CrossEntropy


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
            truth = self.criterion.true_answers(values)
            self.n_others_.append(weights[_differ(truth, self.answer_)].sum().item())
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
    differ = answers != answer
    return differ if differ.ndim == 1 else differ.any(dim=1)


@torch.enable_grad()
def best_constant(criterion, batches, n_outputs):
    """Return the outputs that, given to all texts, have the lowest loss, of shape (1, n_outputs).

    The losses are linear in what is true of a text, but for the squared error, whose best outputs
    are the mean: so the mean of what is true, of classes their shares, stands for all texts.
    """
    values = torch.from_numpy(batches.targets)
    weights = torch.from_numpy(batches.weights).double()
    weights = weights / weights.sum()
    mean = criterion.mean_truth(values, weights, n_outputs)
    is_shares = isinstance(criterion, (CrossEntropy, ColumnsCrossEntropy))
    outputs = mean.clamp_min(1e-6).log() if is_shares else mean.clone()
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
