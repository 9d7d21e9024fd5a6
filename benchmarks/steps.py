"""Steps of training, timed without the beginning and the end of a fit: ours and the Trainer's."""

import time
from contextlib import suppress
from dataclasses import replace
from unittest import mock

import numpy as np
import torch
import transformers
from peers import TrainerBest, load_classifier
from throughput import synchronize

from sklearn_bert._engine.net import FineTuningNet

WARM_UP, STEPS = 8, 60  # steps that do not count, and the most that do


class Clock:
    """Tokens and seconds of the steps of training that come after the first ones.

    Parameters
    ----------
    device : torch.device
        Waited for before the clock is read.
    seconds : float
        After which it is enough.
    """

    def __init__(self, device, seconds):
        self.device = device
        self.seconds = seconds
        self.n_begun = self.n_tokens = 0
        self.start = self.elapsed = None

    def begin(self, n_tokens):
        """Note that a step begins, and return whether it need not."""
        if self.n_begun == WARM_UP:
            self.start = self.now()
        elif self.start is not None and self.is_enough():
            self.elapsed = self.elapsed or self.now() - self.start
            return True
        self.n_begun += 1
        self.n_tokens += n_tokens if self.start is not None else 0
        return False

    def is_enough(self):
        """Return whether there were steps enough, or no time is left."""
        has_steps = self.n_begun >= WARM_UP + STEPS
        return has_steps or time.perf_counter() - self.start > self.seconds

    def now(self):
        """Return the time when all is done that was begun."""
        synchronize(self.device)
        return time.perf_counter()

    @property
    def rate(self):
        """Tokens a second."""
        return self.n_tokens / self.elapsed


class FastTrainer(TrainerBest):
    """The Trainer with length groups, half precision, and the fastest attention there is.

    Its optimizer is the fused AdamW that it takes by default.

    Parameters
    ----------
    settings : Settings
    half : torch.dtype or None
        Half precision that the device is fast in.
    clock : Clock or None
        Told of the steps.
    """

    def __init__(self, settings, half, clock=None):
        super().__init__(settings)
        self.half = half
        self.clock = clock

    def arguments(self, output):
        """Return the Trainer's arguments."""
        halves = {"bf16": self.half == torch.bfloat16, "fp16": self.half == torch.float16}
        return replace(super().arguments(output), **halves)

    def module(self):
        """Return what is trained."""
        module = load_classifier(self.settings.folder, len(self.classes_))
        has_flash = torch.cuda.get_device_capability() >= (8, 0) if self.half else False
        if has_flash and transformers.utils.is_flash_attn_2_available():
            module.set_attn_implementation("flash_attention_2")
        return module

    def callbacks(self):
        """Return what is told of the steps."""
        return [] if self.clock is None else [Steps(self.clock)]

    def rows(self, texts, labels):
        """Return the texts as the Trainer reads them."""
        rows = super().rows(texts, labels)
        if self.clock is not None:
            lengths = [len(row["input_ids"]) for row in rows]
            self.clock.tokens_a_step = self.settings.batch_size * np.mean(lengths)
        return rows


class Steps(transformers.TrainerCallback):
    """Tells a clock of the steps of the Trainer."""

    def __init__(self, clock):
        self.clock = clock

    def on_step_begin(self, args, state, control, **kwargs):
        """Note that a step begins, the last one if it is enough."""
        control.should_training_stop = self.clock.begin(self.clock.tokens_a_step)


class _Enough(Exception):
    """Ends a fit that has been timed."""


def fit_timed(clf, X, y, clock):
    """Train a classifier of ours until the clock says that it is enough; nothing is fitted."""
    step = FineTuningNet.train_step_single

    def timed_step(net, batch, **parameters):
        if clock.begin(int(batch[0].lengths.sum())):
            raise _Enough
        return step(net, batch, **parameters)

    with mock.patch.object(FineTuningNet, "train_step_single", timed_step), suppress(_Enough):
        clf.fit(X, y)
