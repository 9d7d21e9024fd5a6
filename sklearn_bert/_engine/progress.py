"""What is recorded of a training, and shown of it while it runs."""

import math
import sys
import time

import numpy as np
from skorch.callbacks import Callback
from tqdm.asyncio import tqdm_asyncio
from tqdm.auto import tqdm

_SECONDS_BETWEEN_LINES = 60  # of a progress that is kept, as in a log file
_LINE = "{desc}: {percentage:.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_SECONDS_BETWEEN_LOSSES = 0.5  # of the progress bar: reading a loss waits for the GPU


class EpochRecord(Callback):
    """Record the learning rate, the tokens a second and, if asked for, the validation score."""

    def __init__(self, score=None):
        self.score = score

    def on_train_begin(self, net, **kwargs):
        """Begin to note what is predicted for the validation texts, by epoch."""
        self.predicted_ = []

    def on_epoch_begin(self, net, **kwargs):
        """Begin an epoch."""
        self.predicted_.append([])

    def on_batch_end(self, net, training=False, y_pred=None, **kwargs):
        """Note what is predicted for the validation texts."""
        if not training:
            self.predicted_[-1].append(y_pred)

    def on_batch_begin(self, net, training=False, **kwargs):
        """Note the learning rate of the step, before the scheduler moves on."""
        if training:
            self.learning_rate_ = net.optimizer_.param_groups[0]["lr"]
            net.history.record_batch("learning_rate", self.learning_rate_)

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        """Complete the row of the epoch."""
        net.history.record("learning_rate", self.learning_rate_)
        net.history.record("tokens_per_second", dataset_train.n_tokens / net.history[-1, "dur"])
        if net.micro_batch_size_.found is not None:
            net.history.record("micro_batch_tokens", net.micro_batch_size_.found)
        if net.logits_of_.checkpointing:
            net.history.record("gradient_checkpointing", True)
        if net.scaler_.is_enabled():
            net.history.record("loss_scale", net.scaler_.get_scale())
        if self.score is not None:
            for name, value in self.score(net.module_).items():
                net.history.record(name, value)

    def state_dict(self):
        """Return what the steps to come depend on: what was noted of the epochs that are over."""
        return {"predicted": self.predicted_[:-1], "learning_rate": self.learning_rate_}

    def load_state_dict(self, state):
        """Go on from a state."""
        self.predicted_, self.learning_rate_ = state["predicted"], state["learning_rate"]


class EpochTasks(Callback):
    """Tell scikit-learn's callbacks of the epochs.

    Parameters
    ----------
    tasks : FitTasks
        What tells them.
    """

    def __init__(self, tasks):
        self.tasks = tasks

    def on_epoch_begin(self, net, **kwargs):
        """Tell of the beginning."""
        self.tasks.begin_epoch(len(net.history))

    def on_epoch_end(self, net, **kwargs):
        """Tell of the end."""
        self.tasks.end_epoch()


class StopIfAsked(Callback):
    """End training where one of scikit-learn's callbacks asked for it, after all other ones.

    Parameters
    ----------
    tasks : FitTasks
        What was asked.
    """

    def __init__(self, tasks):
        self.tasks = tasks

    def on_epoch_end(self, net, **kwargs):
        """End training as skorch does."""
        if self.tasks.asked_to_stop:
            raise KeyboardInterrupt


class Progress(Callback):
    """One progress bar over all steps; at verbose=2 also a line an epoch.

    Where there is neither a terminal nor a notebook to move it in, it is a line now and then.
    """

    def __init__(self, n_steps, verbose, name="fit"):
        self.n_steps = n_steps
        self.verbose = verbose
        self.name = name

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        options = {}
        if tqdm is tqdm_asyncio and not sys.stderr.isatty():  # in a notebook, it is a widget
            options = {"file": _Lines(sys.stderr), "bar_format": _LINE}
            options["mininterval"] = _SECONDS_BETWEEN_LINES
        self.bar_ = tqdm(total=self.n_steps, desc=self.name, unit="batch", **options)
        self.micro_batch_tokens_ = None  # what was told of
        self.checkpointing_ = net.logits_of_.checkpointing
        self.shown_ = -math.inf

    def on_batch_end(self, net, training=False, loss=None, **kwargs):
        """Advance by one step, and tell of a memory that was full."""
        if net.micro_batch_size_.found != self.micro_batch_tokens_:
            self.micro_batch_tokens_ = net.micro_batch_size_.found
            self.bar_.write(
                f"Out of memory: batches go on in pieces of {self.micro_batch_tokens_} tokens, "
                "with the same gradient."
            )
        if net.logits_of_.checkpointing != self.checkpointing_:
            self.checkpointing_ = net.logits_of_.checkpointing
            self.bar_.write("Out of memory with one text: going on with gradient checkpointing.")
        if training:
            if time.monotonic() - self.shown_ > _SECONDS_BETWEEN_LOSSES:
                self.bar_.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                self.shown_ = time.monotonic()
            self.bar_.update()

    def on_epoch_end(self, net, **kwargs):
        """Write the line of the epoch."""
        if self.verbose > 1:
            row = ", ".join(
                f"{name} {value:.4g}" for name, value in epoch_rows(net.history)[-1].items()
            )
            self.bar_.write(row)

    def close(self):
        """Close the bar, however the fit ended."""
        if hasattr(self, "bar_"):
            self.bar_.close()


class _Lines:
    """A stream on which each state of a progress bar is a line, instead of taking the last's place.

    Parameters
    ----------
    stream : file-like
        What is written to.
    """

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        """Write a state; tqdm begins it by a return, and ends the last one by a line break."""
        if text := text.strip():
            self.stream.write(f"{text}\n")

    def flush(self):
        """Write what is held back."""
        self.stream.flush()


def epoch_rows(history):
    """Return skorch's history as one plain dict an epoch."""
    dropped = {"batches", "train_batch_count", "valid_batch_count"}
    dropped |= {"train_loss_best", "valid_loss_best"}
    names = {"dur": "seconds"}
    return [
        {
            names.get(key, key): value.item() if isinstance(value, np.generic) else value
            for key, value in row.items()
            if key not in dropped
        }
        for row in history
    ]


def step_rows(history):
    """Return the loss, the learning rate and the epoch of each step, as arrays by name."""
    steps = [
        (row["train_loss"], row["learning_rate"], number)
        for number, epoch in enumerate(history, start=1)
        for row in epoch["batches"]
        if "train_loss" in row
    ]
    losses, rates, epochs = zip(*steps, strict=True)
    return {
        "loss": np.array(losses, dtype=np.float32),
        "learning_rate": np.array(rates, dtype=np.float32),
        "epoch": np.array(epochs, dtype=np.int32),
    }
