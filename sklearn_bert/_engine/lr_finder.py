"""The learning-rate range test: the loss of a run whose learning rate rises exponentially."""

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat

import numpy as np
import torch

from .device import fast_float32
from .net import FineTuningNet
from .optimizer import set_learning_rates
from .smoothed_mean import SmoothedMean

N_STEPS = 100
_LOWEST, _HIGHEST = 1e-7, 0.1
# Losses that are read at once from a GPU, which is waited for then: some steps too many are cheap.
_READ_AT_ONCE = 10
_SMOOTHING = 0.9
_STOP_FACTOR = 4  # times the best smoothed loss: it has diverged
# What has ever been of use for fine-tuning; beyond that, a curve was read wrongly.
_SANE = (5e-6, 5e-4)


@dataclass(frozen=True)
class RangeTest:
    """What a range test found.

    Attributes
    ----------
    learning_rates, losses, smoothed_losses : ndarray of shape (n_steps,)
        One value a step.
    """

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed_losses: np.ndarray

    @property
    def suggestions(self):
        """Learning rates by the way they are read off the smoothed loss, within what is sane."""
        found = {
            "steepest": self.learning_rates[_steepest(self.smoothed_losses)],
            "minimum/10": self.learning_rates[self.smoothed_losses.argmin()] / 10,
            "valley": self.learning_rates[_valley(self.smoothed_losses)],
        }
        return {name: float(np.clip(rate, *_SANE)) for name, rate in found.items()}


def range_test(module, batches, settings, n_steps=N_STEPS):
    """Train with a rising learning rate until the loss diverges; the weights are as before.

    Steps are those of a fit, but for the rate; batches are taken from as many epochs as needed.

    Parameters
    ----------
    module : torch.nn.Module
        The encoder with its head.
    batches : TrainingBatches
        What to train on.
    settings : TrainingSettings
        Those of the fit, but for the learning rate.
    n_steps : int
        Steps from the lowest rate to the highest.

    Returns
    -------
    found : RangeTest

    References
    ----------
    L. N. Smith (2017). Cyclical Learning Rates for Training Neural Networks. WACV.
    """
    before = {name: value.detach().clone() for name, value in module.state_dict().items()}
    net = FineTuningNet(module, replace(settings, learning_rate=_LOWEST))
    try:
        with closing(net), fast_float32(settings.device):
            net.initialize()
            return _run(net, batches, np.geomspace(_LOWEST, _HIGHEST, n_steps))
    finally:
        module.load_state_dict(before)


def _run(net, batches, learning_rates):
    """Return what the steps gave until the loss diverged."""
    losses, smoothed, mean = [], [], SmoothedMean(_SMOOTHING)
    for loss in _losses(net, batches, learning_rates):
        losses.append(loss)
        smoothed.append(mean.add(loss))
        if not np.isfinite(smoothed[-1]) or smoothed[-1] > _STOP_FACTOR * min(smoothed):
            break
    n_finite = int(np.isfinite(smoothed).sum())  # only the last one can be none
    if not n_finite:
        raise ValueError(
            f"The loss must be a number at the lowest learning rate, {_LOWEST:g}, got {losses[0]}; "
            "the weights of the model, or those that the fit goes on from, hold NaN."
        )
    return RangeTest(
        learning_rates[:n_finite], np.array(losses[:n_finite]), np.array(smoothed[:n_finite])
    )


def _losses(net, batches, learning_rates):
    """Yield the loss of each step."""
    n_at_once = 1 if net.settings.device.type == "cpu" else _READ_AT_ONCE
    steps = zip(learning_rates, chain.from_iterable(repeat(batches)), strict=False)
    while some := list(islice(steps, n_at_once)):
        losses = []
        for rate, batch in some:
            set_learning_rates(net.optimizer_.param_groups, rate, net.settings.head)
            losses.append(net.train_step(batch)["loss"])
        yield from torch.stack(losses).tolist()


def _steepest(losses):
    """Return where the loss falls fastest, before it is lowest."""
    lowest = int(losses.argmin())
    return int(np.gradient(losses)[: lowest + 1].argmin()) if lowest else 0


def _valley(losses):
    """Return the point two thirds down the longest stretch on which the loss falls.

    A step may rise a little: the stretch is the longest subsequence that falls.
    """
    length, previous = np.ones(len(losses), dtype=int), np.full(len(losses), -1)
    for i in range(1, len(losses)):
        lower = np.flatnonzero(losses[:i] > losses[i])
        if len(lower):
            best = lower[length[lower].argmax()]
            length[i], previous[i] = length[best] + 1, best
    path = [int(length.argmax())]
    while previous[path[-1]] >= 0:
        path.append(int(previous[path[-1]]))
    path.reverse()
    return path[min(2 * len(path) // 3, len(path) - 1)]
