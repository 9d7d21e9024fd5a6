"""The skorch net that trains: its steps, its optimizer and its state."""

import math
from itertools import islice

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, EpochTimer, PassthroughScoring

from .distributed import find_ranks
from .frozen_encoder import training_forward
from .gradient_sums import GradientSums
from .layers import freeze_layers
from .memory import MicroBatchSize
from .optimizer import RowGradients, parameter_groups, set_learning_rates
from .packing import to_device
from .progress import StopIfAsked

_MAX_NORM = 1.0  # of the gradient of a step
# Positions computed at once on a CPU: more are no faster there, and need more memory.
_TOKENS_AT_ONCE_ON_A_CPU = 4096

# What the loss is multiplied by at first in float16. With the 2**16 that torch would begin with,
# the first steps overflow more often, and each of them is lost.
_LOSS_SCALE = 2.0**14

# What ends training comes after the callbacks that look at the epoch, and what restores a state
# after those that begin anew.
_LAST_CALLBACKS = ("_early_stopping", "_stop_if_asked", "_checkpoints")

# What skorch's early stopping remembers.
_STOPPING = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")


class FineTuningNet(NeuralNet):
    """A skorch net over ready-made batches, in mixed precision, that lets Ctrl-C through.

    Parameters
    ----------
    module : torch.nn.Module
        The encoder with its head.
    settings : TrainingSettings
        How it is trained.
    average : WeightAverage, default=None
        Puts the mean of the weights in their place before an epoch is judged.
    reads_losses : bool, default=False
        Whether the history has the loss of a batch as a float at once, for callbacks that read
        it; the device is waited for then.
    **kwargs : dict
        Parameters of `skorch.NeuralNet`.
    """

    def __init__(self, module, settings, *, average=None, reads_losses=False, **kwargs):
        super().__init__(
            module,
            criterion=settings.criterion,
            max_epochs=settings.epochs,
            train_split=None,
            # skorch's ProgressBar counts batches of this size in what `get_iterator` is given.
            iterator_train__batch_size=1,
            iterator_valid__batch_size=1,
            device=settings.device,
            verbose=settings.verbose,
            **kwargs,
        )
        self.settings = settings
        self.average = average
        self.reads_losses = reads_losses

    @property
    def _default_callbacks(self):
        return [
            ("_epoch_timer", EpochTimer()),
            ("_train_loss", PassthroughScoring(name="train_loss", on_train=True)),
            ("_valid_loss", PassthroughScoring(name="valid_loss")),
        ]

    def initialize_callbacks(self):
        """Prepare the callbacks; skorch puts each PrintLog last, where it misses the last epoch."""
        super().initialize_callbacks()
        self.callbacks_.sort(key=lambda pair: pair[0] in _LAST_CALLBACKS)
        return self

    def initialize(self):
        """Prepare training: what learns, what computes logits, and how much of a batch at once."""
        freeze_layers(self.module, self.settings.freeze)
        super().initialize()
        device = torch.device(self.device)
        self.parameters_ = list(self.module_.parameters())
        self.logits_of_ = training_forward(self.module_, device, self.settings.dtype)
        checkpointing = self.settings.gradient_checkpointing
        if checkpointing != "auto" and checkpointing:
            self.logits_of_.start_checkpointing()
        self.ranks_ = self.find_ranks()
        self.embedding_ = RowGradients(
            self.module_.get_input_embeddings(), device, self.settings.dtype, self.ranks_
        )
        self.gradients_ = None if self.ranks_ is None else self._gradient_sums()
        self.micro_batch_size_ = MicroBatchSize(
            device,
            self.tokens_at_once(),
            self.logits_of_.start_checkpointing if checkpointing == "auto" else None,
        )
        # Gradients that float16 cannot tell from 0 are lost unless the loss is multiplied. A step
        # that overflows is left out, all of it on the device: the host need not know, and the
        # schedule goes on.
        self.scaler_ = torch.amp.GradScaler(
            device.type, init_scale=_LOSS_SCALE, enabled=self.settings.dtype == torch.float16
        )
        self.rows_done_ = []  # of the epoch that a checkpoint goes on with, one a batch
        return self

    def tokens_at_once(self):
        """Return how many tokens of a batch are computed at once, where memory allows it."""
        return _TOKENS_AT_ONCE_ON_A_CPU if torch.device(self.device).type == "cpu" else math.inf

    def find_ranks(self):
        """Return the processes that share the batches, None if this one works alone."""
        return find_ranks()

    def _gradient_sums(self):
        """Return what sums all gradients but those that the embeddings sum by themselves."""
        own = self.embedding_.embedding.weight if self.embedding_.is_used else None
        learning = [value for value in self.module_.parameters() if value.requires_grad]
        return GradientSums([value for value in learning if value is not own], self.ranks_)

    def close(self):
        """Leave the module ready for use, and no heavier than it came."""
        if self.initialized_:
            self.logits_of_.stop_checkpointing()
            self.embedding_.close()
            if self.gradients_ is not None:
                self.gradients_.close()
            self.module_.eval()
            self.module_.requires_grad_(True)
            self.module_.zero_grad(set_to_none=True)  # gradients weigh as much as the module

    def initialize_optimizer(self, triggered_directly=None):
        """Create AdamW, whose parameter groups have their peak learning rates."""
        settings = self.settings
        groups = parameter_groups(self.module_, settings.weight_decay, settings.layer_decay)
        set_learning_rates(groups, settings.learning_rate, settings.head)
        fused = torch.device(self.device).type in ("cpu", "cuda")
        self.optimizer_ = torch.optim.AdamW(groups, fused=fused)
        return self

    def state_dict(self):
        """Return what the steps to come depend on."""
        scale = {"loss_scale": self.scaler_.state_dict()} if self.scaler_.is_enabled() else {}
        return {
            **scale,
            "module": self.module_.state_dict(),
            "optimizer": self.optimizer_.state_dict(),
            "history": self.history.to_list(),
            "micro_batch_tokens": self.micro_batch_size_.found,
            "checkpointing": self.logits_of_.checkpointing,
        }

    def load_state_dict(self, state):
        """Go on from a state, whose last epoch has begun."""
        self.module_.load_state_dict(state["module"])
        self.optimizer_.load_state_dict(state["optimizer"])
        *epochs, running = state["history"]
        self.history.clear()
        self.history.extend(epochs)
        self.rows_done_ = running["batches"]
        for row in self.rows_done_:
            row["train_loss"] = torch.as_tensor(row["train_loss"], device=self.device)
        self.micro_batch_size_.found = state["micro_batch_tokens"]
        if self.scaler_.is_enabled():
            self.scaler_.load_state_dict(state["loss_scale"])
        if state["checkpointing"]:
            self.logits_of_.start_checkpointing()

    @property
    def batches_done_(self):
        """Batches of the epoch that were done before, by a fit that this one goes on with."""
        return len(self.rows_done_)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the training and the validation batches, which `fit` is given as a pair."""
        return X

    def get_iterator(self, dataset, training=False):
        """Return the batches, which are their own iterator."""
        return dataset

    def infer(self, x, **fit_params):
        """Return the logits of some texts in float32."""
        return self.logits_of_(x)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run an epoch; its losses are read together at the end, which waits for a GPU once."""
        if iterator is None:
            return
        rows = []
        if training:
            rows, self.rows_done_ = self.rows_done_, rows
        self.history[-1]["batches"] += rows
        losses = [row[f"{prefix}_loss"] for row in rows]
        for batch in islice(iterator, len(rows), None):
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"])
            loss = step["loss"].item() if self.reads_losses else step["loss"]
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", len(batch[0]))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        rows = [row for row in self.history[-1]["batches"] if f"{prefix}_loss" in row]
        for row, loss in zip(rows, torch.stack(losses).tolist(), strict=True):
            row[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))
        if training and self.average is not None:
            self.average.use()

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train for the epochs that are left."""
        return super().fit_loop(X, y, self.max_epochs - len(self.history), **fit_params)

    def _set_training(self, training=True):
        """Set the mode, if it is another one: looking at all modules takes as long as some do."""
        if self.module_.training != training:
            super()._set_training(training)

    def train_step_single(self, batch, **fit_params):
        """Compute the gradient of the batch, in pieces where memory is short, and clip it."""
        self._set_training(True)
        self.logits_of_.begin_step()
        step = self._step(batch, self._backward)
        if self.gradients_ is not None:
            self.gradients_.finish()
        self.embedding_.fill()
        if self.ranks_ is not None:
            self.ranks_.sum([step["loss"]])
        self.scaler_.unscale_(self.optimizer_)
        # Not by skorch's callback, which looks for the parameters in all modules, at every step.
        torch.nn.utils.clip_grad_norm_(self.parameters_, _MAX_NORM)
        return step

    def _step_optimizer(self, step_fn):
        """Compute the gradient and take the step, unless float16 has overflowed."""
        if not self.scaler_.is_enabled():
            super()._step_optimizer(step_fn)
            return
        step_fn()
        self.scaler_.step(self.optimizer_)
        self.scaler_.update()

    def _backward(self, loss, is_last):
        """Compute the gradient of a piece of the batch, its last one or not."""
        if not loss.requires_grad:
            raise ValueError(
                "callbacks must leave some parameters to train, and all are frozen; freeze fewer."
            )
        if is_last and self.gradients_ is not None:
            self.gradients_.start()
        self.scaler_.scale(loss).backward()

    def validation_step(self, batch, **fit_params):
        """Compute the loss of the batch, in pieces where memory is short."""
        self._set_training(False)
        self.logits_of_.begin_step()
        with torch.no_grad():
            step = self._step(batch, lambda loss, is_last: None)
        if self.ranks_ is not None:
            self.ranks_.sum([step["loss"]])
            n_mine = len(self.ranks_.share(range(len(batch[0]))))
            step["y_pred"] = self.ranks_.gather(step["y_pred"][:n_mine], len(batch[0]))
        return step

    def _step(self, batch, use_loss):
        """Return loss and logits of this process's share of the batch, which is all if alone.

        On out-of-memory, it is done again in smaller pieces.
        """
        mine, n_texts = self._share(batch)
        return self.micro_batch_size_.retry(
            lambda: self._accumulate(mine, use_loss, n_texts), clean_up=self._drop_gradients
        )

    def _drop_gradients(self):
        """Forget the gradients of a batch that failed."""
        if self.gradients_ is not None:
            self.gradients_.stop()
        self._zero_grad_optimizer()

    def _share(self, batch):
        """Return this process's share of the batch, and what its losses are divided by."""
        texts, targets = batch
        if self.ranks_ is None:
            return batch, len(texts)
        rows, n_texts = self.ranks_.share(np.arange(len(texts))), len(texts)
        if not len(rows):  # a text that counts for nothing gives the gradients that are summed
            rows, n_texts = np.arange(1), math.inf
        return (texts[rows], tuple(target[rows] for target in targets)), n_texts

    def _accumulate(self, batch, use_loss, n_texts):
        """Return the loss of the batch, the sum over its micro-batches, and its logits.

        The loss of each text is divided by `n_texts`.
        """
        texts, targets = batch
        device = torch.device(self.device)
        values, weights = (to_device(target, device) for target in targets)
        pieces = list(texts.pieces(self.micro_batch_size_.n_tokens))
        losses, logits = [], []
        for piece in pieces:
            self.micro_batch_size_.texts = texts[piece]
            y_pred = self.infer(texts[piece])
            loss = self.get_loss(y_pred, (values[piece], weights[piece]))
            if len(y_pred) != n_texts:
                loss = len(y_pred) / n_texts * loss
            use_loss(loss, piece is pieces[-1])
            losses.append(loss.detach())
            logits.append(y_pred.detach())
        return {"loss": sum(losses[1:], losses[0]), "y_pred": torch.cat(logits)}

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train; a KeyboardInterrupt ends it quietly only where a callback stops training."""
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y)
        except KeyboardInterrupt:
            if not any(_stops(callback) for _, callback in self.callbacks_):
                raise
        self.notify("on_train_end", X=X, y=y)
        return self


class ValidationStopping(EarlyStopping):
    """An early stopping for which a result that is no number is neither better nor worse."""

    def on_epoch_end(self, net, **kwargs):
        """Stop if there was nothing better for too long, or the weights are no numbers any more."""
        if math.isfinite(net.history[-1, self.monitor]):
            super().on_epoch_end(net, **kwargs)
        elif not all(value.isfinite().all() for value in net.module_.parameters()):
            self.misses_ = self.patience
            raise KeyboardInterrupt

    def state_dict(self):
        """Return what the epochs to come depend on."""
        return {name: getattr(self, name) for name in _STOPPING}

    def load_state_dict(self, state):
        """Go on from a state."""
        vars(self).update(state)


def _stops(callback):
    """Return whether a callback has stopped training."""
    if isinstance(callback, EarlyStopping):
        return callback.misses_ >= callback.patience
    return isinstance(callback, StopIfAsked) and callback.tasks.asked_to_stop
