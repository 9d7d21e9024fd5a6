"""Training: the skorch net, its steps, and what is put around them."""

import math
from itertools import islice

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import (
    EarlyStopping,
    EpochTimer,
    GradientNormClipping,
    PassthroughScoring,
)
from skorch.utils import noop

from .chance import ChanceRecord
from .device import fast_float32
from .distributed import find_ranks
from .frozen_encoder import training_forward
from .gradient_sums import GradientSums
from .layers import freeze_layers
from .memory import free_memory, is_out_of_memory
from .optimizer import (
    RowGradients,
    group_rates,
    head_learning_rate,
    one_cycle,
    parameter_groups,
)
from .packing import to_device
from .progress import EpochRecord, EpochTasks, Progress, StopIfAsked, epoch_rows, step_rows
from .time_left import TimeLeft
from .weight_average import WeightAverage

# Positions computed at once on a CPU: more are no faster there, and need more memory.
_TOKENS_AT_ONCE_ON_A_CPU = 4096

# What ends training comes after the callbacks that look at the epoch, and what restores a state
# after those that begin anew.
_LAST_CALLBACKS = ("_early_stopping", "_stop_if_asked", "_checkpoints")


class FineTuningNet(NeuralNet):
    """A skorch net over ready-made batches, in mixed precision, that lets Ctrl-C through.

    Parameters
    ----------
    module : torch.nn.Module
        The encoder with its head.
    criterion : WeightedLoss
        What to minimize.
    autocast_dtype : torch.dtype
        Arithmetic of the forward pass; the weights stay float32.
    weight_decay : float
        Decoupled weight decay of the matrices; biases and norms have none.
    layer_decay : float
        Factor of the learning rate from a layer to the one below.
    gradient_checkpointing : bool or "auto"
        Whether to compute the layers twice instead of keeping what they gave; "auto" does so
        when a single text is too much for the memory.
    average : WeightAverage, default=None
        Puts the mean of the weights in their place before an epoch is judged.
    reads_losses : bool, default=False
        Whether the history has the loss of a batch as a float at once, for callbacks that read
        it; the device is waited for then.
    verbose : int, default=0
        Above 0, callbacks of skorch may print.
    **kwargs : dict
        Parameters of `skorch.NeuralNet`.
    """

    def __init__(
        self,
        module,
        *,
        criterion,
        autocast_dtype,
        weight_decay,
        layer_decay,
        gradient_checkpointing,
        average=None,
        reads_losses=False,
        verbose=0,
        **kwargs,
    ):
        super().__init__(module, criterion=criterion, train_split=None, verbose=verbose, **kwargs)
        self.autocast_dtype = autocast_dtype
        self.weight_decay = weight_decay
        self.layer_decay = layer_decay
        self.gradient_checkpointing = gradient_checkpointing
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
        """Prepare training: what computes logits, and how much of a batch at once."""
        super().initialize()
        device = torch.device(self.device)
        self.logits_of_ = training_forward(self.module_, device, self.autocast_dtype)
        if self.gradient_checkpointing != "auto" and self.gradient_checkpointing:
            self.logits_of_.start_checkpointing()
        self.ranks_ = self.find_ranks()
        self.embedding_ = RowGradients(self.module_.get_input_embeddings(), device, self.ranks_)
        self.gradients_ = None if self.ranks_ is None else self._gradient_sums()
        self.tokens_at_once_ = _TOKENS_AT_ONCE_ON_A_CPU if device.type == "cpu" else math.inf
        self.micro_batch_tokens_ = None  # what was found when memory was short
        self.batches_done_, self.rows_done_ = 0, []  # of an epoch that a checkpoint goes on with
        return self

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
        """Create AdamW; the learning rates are those of the one-cycle policy."""
        fused = torch.device(self.device).type in ("cpu", "cuda")
        self.optimizer_ = torch.optim.AdamW(
            parameter_groups(self.module_, self.weight_decay, self.layer_decay), fused=fused
        )
        return self

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
        n_done, rows = self._take_done() if training else (0, [])
        self.history[-1]["batches"] += rows
        losses = [row[f"{prefix}_loss"] for row in rows]
        for batch in islice(iterator, n_done, None):
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

    def _take_done(self):
        """Return the number of batches that were done before, and what was recorded of them."""
        done = self.batches_done_, self.rows_done_
        self.batches_done_, self.rows_done_ = 0, []
        return done

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train for the epochs that are left."""
        return super().fit_loop(X, y, self.max_epochs - len(self.history), **fit_params)

    def train_step_single(self, batch, **fit_params):
        """Compute the gradient of the batch, in pieces where memory is short."""
        self._set_training(True)
        step = self._step(batch, self._backward)
        if self.gradients_ is not None:
            self.gradients_.finish()
        self.embedding_.fill()
        if self.ranks_ is not None:
            self.ranks_.sum([step["loss"]])
        return step

    def _backward(self, loss, is_last):
        """Compute the gradient of a piece of the batch, its last one or not."""
        if not loss.requires_grad:
            raise ValueError(
                "callbacks must leave some parameters to train, and all are frozen; freeze fewer."
            )
        if is_last and self.gradients_ is not None:
            self.gradients_.start()
        loss.backward()

    def validation_step(self, batch, **fit_params):
        """Compute the loss of the batch, in pieces where memory is short."""
        self._set_training(False)
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
        while True:
            pieces = list(mine[0].pieces(self.tokens_at_once_))
            self.piece_ = None
            try:
                return self._accumulate(mine, pieces, use_loss, n_texts)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or not self._need_less_memory(self.piece_):
                    raise
            # Outside of the except clause, which keeps the tensors of the failed try alive.
            if self.gradients_ is not None:
                self.gradients_.stop()
            self._zero_grad_optimizer()
            free_memory(self.device)

    def _share(self, batch):
        """Return this process's share of the batch, and what its losses are divided by."""
        texts, targets = batch
        if self.ranks_ is None:
            return batch, len(texts)
        rows, n_texts = self.ranks_.share(np.arange(len(texts))), len(texts)
        if not len(rows):  # a text that counts for nothing gives the gradients that are summed
            rows, n_texts = np.arange(1), math.inf
        return (texts[rows], tuple(target[rows] for target in targets)), n_texts

    def _need_less_memory(self, failed):
        """Return whether the texts that failed can do with less: in halves, or checkpointed.

        None failed where the memory was full before the first piece.
        """
        if failed is None:
            return False
        if len(failed) == 1:
            return self.gradient_checkpointing == "auto" and self.logits_of_.start_checkpointing()
        self.tokens_at_once_ = len(failed) * int(failed.lengths.max()) // 2
        self.micro_batch_tokens_ = self.tokens_at_once_
        return True

    def _accumulate(self, batch, pieces, use_loss, n_texts):
        """Return the loss of the batch, the sum over its pieces, and its logits.

        The loss of each text is divided by `n_texts`.
        """
        texts, targets = batch
        device = torch.device(self.device)
        values, weights = (to_device(target, device) for target in targets)
        loss, logits = 0.0, []
        for piece in pieces:
            self.piece_ = texts[piece]
            y_pred = self.infer(self.piece_)
            share = len(y_pred) / n_texts
            piece_loss = share * self.get_loss(y_pred, (values[piece], weights[piece]))
            use_loss(piece_loss, piece is pieces[-1])
            loss += piece_loss.detach()
            logits.append(y_pred.detach())
        return {"loss": loss, "y_pred": torch.cat(logits)}

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


def _stops(callback):
    """Return whether a callback has stopped training."""
    if isinstance(callback, EarlyStopping):
        return callback.misses_ >= callback.patience
    return isinstance(callback, StopIfAsked) and callback.tasks.asked_to_stop


def train(
    module,
    batches,
    validation,
    *,
    criterion,
    epochs,
    learning_rate,
    head,
    layer_decay,
    freeze,
    weight_decay,
    patience,
    score,
    monitor,
    callbacks,
    tasks,
    fitted,
    checkpoints,
    device,
    dtype,
    gradient_checkpointing,
    verbose,
):
    """Fine-tune `module` in place and return what was recorded.

    Parameters
    ----------
    module : torch.nn.Module
        The encoder with its head.
    batches : TrainingBatches
        What to train on.
    validation : TrainingBatches or None
        What to judge on after each epoch.
    criterion : WeightedLoss
        What to minimize.
    epochs : int
        Passes over `batches`.
    learning_rate : float
        Peak of the one-cycle policy.
    head : {"new", "probe", "contrast", "kept"}
        What the head starts from, which decides on its learning rate.
    layer_decay : float
        Factor of the learning rate from a layer to the one below.
    freeze : int or "all"
        Layers that do not learn, embeddings included.
    weight_decay : float
        Decoupled weight decay.
    patience : int or None
        Epochs without a better validation result until training stops; None trains for all
        epochs.
    score : callable or None
        Takes the module and returns scores by their names in the history.
    monitor : {"valid_loss", "valid_score"}
        What training stops on: the loss, to be minimized, or a score, to be maximized.
    callbacks : list of (name, callback) pairs
        Run after our own; they are used as they are, not copied.
    tasks : FitTasks
        What tells scikit-learn's callbacks of the epochs.
    fitted : dict
        The attributes of an estimator that predicts with `module`.
    checkpoints : Checkpoints or None
        Writes the state of training, and goes on from one.
    device : torch.device
        Where to train.
    dtype : torch.dtype
        Arithmetic of the forward pass.
    gradient_checkpointing : bool or "auto"
        Whether to compute the layers twice to save memory; "auto" does so when nothing else helps.
    verbose : int
        0 is silent, 1 shows a progress bar, 2 also a line an epoch.

    Returns
    -------
    history : list of dict
        One dict an epoch.
    curve : dict of str to ndarray of shape (n_steps,)
        Loss, learning rate and epoch of each step.
    validated : Tensor of shape (n_texts, n_outputs) or None
        Outputs for the validation texts in the epoch whose weights were kept, in any order.
    ending : Ending or None
        How the last steps compare with one answer for all texts; None if there were none.
    """
    if gradient_checkpointing != "auto" and gradient_checkpointing:
        _check_checkpointing(module)
    n_steps = epochs * len(batches)
    freeze_layers(module, freeze)
    groups = parameter_groups(module, weight_decay, layer_decay)
    rates = group_rates(groups, learning_rate, head_learning_rate(learning_rate, head))
    record, average = EpochRecord(score), WeightAverage(n_steps)
    chance = ChanceRecord(criterion, batches, module.config.num_labels)
    own = [
        ("_gradient_clipping", GradientNormClipping(1.0)),
        ("_one_cycle", one_cycle(rates, n_steps)),
        ("_average", average),
        ("_epoch_record", record),
        ("_chance", chance),
    ]
    progress = Progress(n_steps, verbose)
    stops = validation is not None and patience is not None
    if verbose:
        own += [("_progress", progress), ("_time_left", TimeLeft(epochs, stops, progress))]
    last = [("_tasks", EpochTasks(tasks, fitted))]
    stopping = _early_stopping(monitor, patience) if stops else None
    if stopping is not None:
        last.append(("_early_stopping", stopping))
    last.append(("_stop_if_asked", StopIfAsked(tasks)))
    if checkpoints is not None:
        last.append(("_checkpoints", checkpoints))
    net = FineTuningNet(
        module,
        criterion=criterion,
        autocast_dtype=dtype,
        weight_decay=weight_decay,
        layer_decay=layer_decay,
        gradient_checkpointing=gradient_checkpointing,
        average=average,
        reads_losses=bool(callbacks),
        max_epochs=epochs,
        callbacks=own + callbacks + last,
        device=device,
        verbose=verbose,
        # skorch's ProgressBar counts batches of this size in what `get_iterator` is given.
        iterator_train__batch_size=1,
        iterator_valid__batch_size=1,
    )
    try:
        with fast_float32(device):
            net.fit((batches, validation))
    finally:
        progress.close()
        net.close()
    curve = step_rows(net.history)
    validated = _kept(net, record, stopping, validation)
    ending = chance.ending(curve["loss"][curve["epoch"] <= _last_epoch(net, stopping)])
    return epoch_rows(net.history), curve, validated, ending


def _kept(net, record, stopping, validation):
    """Return what the weights that are kept give for the validation texts."""
    if validation is None:
        return None
    return torch.cat(record.predicted_[_last_epoch(net, stopping) - 1])


def _last_epoch(net, stopping):
    """Return the number, from 1, of the epoch after which the weights are kept."""
    best = stopping.best_epoch_ if stopping else 0
    return best or len(net.history)


def _check_checkpointing(module):
    """Refuse to checkpoint an architecture that cannot do it."""
    if not module.supports_gradient_checkpointing:
        raise ValueError(
            "gradient_checkpointing=True needs an architecture that transformers can checkpoint, "
            f"got {module.config.model_type!r}; use 'auto' or False."
        )


def _early_stopping(monitor, patience):
    """Return the callback that stops training and restores the best weights."""
    return ValidationStopping(
        monitor=monitor,
        lower_is_better=monitor == "valid_loss",
        patience=patience,
        threshold=0,
        threshold_mode="abs",
        sink=noop,
        load_best=True,
    )
