"""How long a fit will take, said once where that is more than a minute."""

import sys
from time import monotonic

import torch
from skorch.callbacks import Callback

from .._durations import format_duration
from .frozen_encoder import FrozenForward

_LONG = 60  # seconds, from which on it is said
# Seconds of steps to measure: fewer are enough once there are some steps to take the mean of.
_MEASURED, _MEASURED_OF_STEPS, _STEPS = 10, 5, 3
# Judging a text costs this much of training on it: one of three passes.
_FORWARD = 1 / 3
# Seconds on a CPU from which on a GPU is worth a word, and from which on it takes hours, too.
_GPU_FROM, _GPU_HOURS_FROM = 600, 2 * 24 * 3600


class TimeLeft(Callback):
    """Measure the first steps, and say how long all of them will take.

    Batches differ in their number of tokens, so tokens are what is counted, not steps.

    Parameters
    ----------
    epochs : int
        Of the whole fit.
    may_stop : bool
        Whether training may end before them.
    progress : Progress
        The bar, which goes on below what is said.
    """

    def __init__(self, epochs, may_stop, progress):
        self.epochs = epochs
        self.may_stop = may_stop
        self.progress = progress

    def on_train_begin(self, net, X=None, **kwargs):
        """Count the tokens of an epoch; `X` is training and validation batches."""
        self.batches_, validation = X
        self.n_judged_ = 0 if validation is None else _FORWARD * validation.n_tokens
        self.seconds_, self.n_tokens_, self.n_steps_ = 0.0, 0, 0
        self.is_warm_ = self.is_done_ = False
        self.begun_ = monotonic()

    def on_epoch_begin(self, net, **kwargs):
        """Begin to count the tokens of the epoch; a checkpoint may go on within it."""
        self.n_epoch_ = self.batches_.n_tokens * net.batches_done_ / len(self.batches_)

    def on_batch_begin(self, net, **kwargs):
        """Begin to measure a step."""
        self.step_begun_ = monotonic()

    def on_batch_end(self, net, batch=None, training=False, loss=None, **kwargs):
        """Count, and say how long it takes once that is known."""
        if self.is_done_ or not training:
            return
        n_tokens = int(batch[0].lengths.sum())
        self.n_epoch_ += n_tokens
        self.n_tokens_ += n_tokens
        self.n_steps_ += 1
        if not self.is_warm_:
            loss.item()  # what a GPU is still at work on is part of it
        self.seconds_ += monotonic() - self.step_begun_
        if self._is_known(net):
            self._say(net)
        elif not self.is_warm_:
            self.is_warm_ = True
            self.seconds_, self.n_tokens_, self.n_steps_ = 0.0, 0, 0

    def _is_known(self, net):
        """Return whether the steps that were measured tell of all.

        The first one does where it took so long that its warm-up does not matter, but not where it
        is the one that runs a frozen encoder on all texts.
        """
        if not self.is_warm_ and isinstance(net.logits_of_, FrozenForward):
            return False
        return self.seconds_ >= (_MEASURED if self.n_steps_ < _STEPS else _MEASURED_OF_STEPS)

    def _say(self, net):
        """Say how long all of it takes, from its begin to its end."""
        self.is_done_ = True
        n_epochs_left = self.epochs - len(net.history)
        n_left = (n_epochs_left + 1) * (self.batches_.n_tokens + self.n_judged_) - self.n_epoch_
        seconds = monotonic() - self.begun_ + n_left * self.seconds_ / self.n_tokens_
        if seconds > _LONG:
            limit = "at most " if self.may_stop else ""
            where = _where(torch.device(net.device), seconds)
            text = f"Training takes {limit}about {format_duration(seconds)}{where}."
            self.progress.bar_.write(text, file=sys.stderr)


def _where(device, seconds):
    """Return where it takes so long, and what would be faster: nothing on what is fast."""
    if device.type != "cpu":
        return ""
    n_cores = torch.get_num_threads()
    where = f" on {n_cores} CPU core{'s' if n_cores > 1 else ''}"
    if seconds < _GPU_FROM:
        return where
    return f"{where}; a GPU takes {'hours' if seconds > _GPU_HOURS_FROM else 'minutes'}"
