"""A fit from its beginning to its end: checked texts become the attributes of an estimator."""

import copy
import os
from contextlib import nullcontext
from dataclasses import asdict, replace

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_memory

from .._durations import parse_duration
from .._engine.batches import TrainingBatches
from .._engine.checkpoints import Checkpoints, find_checkpoint
from .._engine.contrastive import RATE, contrast
from .._engine.device import copy_to_cpu, find_device, find_dtype, seeded
from .._engine.distributed import find_ranks
from .._engine.encoder import load_encoder
from .._engine.gpu_lock import own_turn
from .._engine.inference import predict_outputs
from .._engine.lr_finder import range_test
from .._engine.memory import explained_memory_error
from .._engine.optimizer import auto_learning_rate
from .._engine.pooling import set_pooling
from .._engine.settings import TrainingSettings
from .._engine.train import train
from .._text.texts import is_pairs
from .callback_names import name_callbacks
from .callback_rules import check_callbacks
from .callbacks import copy_callbacks
from .epoch_scores import find_scorer
from .fingerprint import fingerprint_of
from .fit_warnings import warn_of_collapse, warn_of_cut, warn_of_nothing_learnt, warn_of_undefined
from .holdout import hold_out
from .probe import can_probe, probe_head
from .recipe import find_batch_size, find_epochs, has_few_labels, learns_by_contrast
from .validation import as_numbers, check_score


class Fitting:
    """One fit, or one range test, of an estimator.

    Each step finds in the attributes what those before it have left there.

    Parameters
    ----------
    estimator : TextEstimator
        Its parameters decide; it is not changed.
    texts : list of str or of (str, str)
        What to train on.
    target : Target
        What there is to learn of them.
    validation : Validation, default=None
        What to judge on; not needed for a range test.
    tasks : FitTasks, default=None
        Told of the epochs.

    Attributes
    ----------
    callbacks : list of (name, callback) pairs
        The user's, as they will run.
    scorer, monitor : callable or None, str
        What scores the texts held out, and the name of what decides in early stopping.
    device, dtype : torch.device, torch.dtype
        Where and how to compute.
    ranks, is_first : ProcessGroup or None, bool
        The processes that train together, and whether this one speaks for all.
    seed : int
        From which all that is random follows.
    checkpoints : Checkpoints or None
        Writes the state of training, and goes on from the last one.
    fitted : dict
        The attributes of the fitted estimator, as far as they are known.
    module : transformers.PreTrainedModel
        What is trained.
    batches, valid_batches : TrainingBatches, TrainingBatches or None
        What it is trained and judged on.
    judged : tuple of list, ndarray; or None
        Texts and truth of what it is judged on.
    settings, verbose : TrainingSettings, int
        How it is trained, and how much is shown of it.
    record : TrainingRecord
        What came of it.
    """

    def __init__(self, estimator, texts, target, validation=None, tasks=None):
        self.estimator = estimator
        self.texts = texts
        self.target = target
        self.validation = validation
        self.tasks = tasks
        self.callbacks, self.scorer, self.monitor = [], None, "valid_loss"

    def run(self):
        """Return the attributes of the fitted estimator."""
        self.prepare_callbacks()
        self.find_place()
        self.agree()
        self.find_checkpoints()
        with self.own_turn(), seeded(self.seed, self.device):
            self.load()
            self.warn_of_cut()
            self.split()
            with self.explained_memory_error():
                self.start_head()
                self.tasks.begin(self.settings.epochs, self.fitted)
                self.find_learning_rate()
                self.train()
        if self.checkpoints is not None:
            self.checkpoints.remove()
        self.judge()
        return self.fitted

    def range_test(self, **options):
        """Return a learning-rate range test; `options` are those of the engine's."""
        self.find_place()
        with self.own_turn(), seeded(self.seed, self.device):
            self.load()
            self.verbose = 0
            with self.explained_memory_error():
                self.start_head()
                return self._range_test(**options)

    def prepare_callbacks(self):
        """Copy the callbacks for this fit, and find what scores the texts held out."""
        estimator, names = self.estimator, set()
        if estimator.early_stopping or self.validation.is_own:
            self.scorer, names, self.monitor = find_scorer(estimator.scoring, estimator)
        if estimator.callbacks:
            check_callbacks(estimator.callbacks, names, estimator.freeze)
            self.callbacks = name_callbacks(copy_callbacks(estimator.callbacks))

    def find_place(self):
        """Find where to compute, with whom, and the one integer from which all else follows.

        It seeds one generator for torch, and one for the order of the texts and the split.
        """
        estimator = self.estimator
        self.device = find_device(estimator.device)
        self.dtype = find_dtype(estimator.dtype, self.device)
        self.ranks = find_ranks()
        self.is_first = self.ranks is None or self.ranks.rank == 0
        self.verbose = estimator.verbose if self.is_first else 0
        random_state = check_random_state(estimator.random_state)
        self.seed = random_state.randint(np.iinfo(np.int32).max)

    def agree(self):
        """Take the seed of the first process; all must have the same data and parameters."""
        if self.ranks is None:
            return
        if self.estimator.checkpoint_dir is not None:
            raise ValueError(
                f"checkpoint_dir needs a fit in one process, got {self.ranks.world_size} "
                "processes; use None."
            )
        for name, value in fingerprint_of(self, without={"device", "random_state"}).items():
            self.ranks.same(value, name)
        self.seed = self.ranks.first(self.seed)

    def find_checkpoints(self):
        """Find the last checkpoint of the same fit, with its seed, if checkpoints are wanted."""
        self.checkpoints, estimator = None, self.estimator
        if estimator.checkpoint_dir is None:
            return
        if estimator.callbacks:
            raise ValueError(
                "checkpoint_dir needs callbacks=None, since the state of callbacks cannot be "
                f"saved, got {estimator.callbacks!r}; use one or the other."
            )
        every = estimator.checkpoint_every
        if isinstance(every, str):
            every = parse_duration(
                every, name="checkpoint_every", way_out="or pass an int for a number of steps"
            )
        place = {"device": str(self.device), "dtype": str(self.dtype)}
        found = fingerprint_of(self, **place, **self._start())
        state = find_checkpoint(estimator.checkpoint_dir, found)
        self.seed = int(self.seed if state is None else state["seed"])
        constants = {"fingerprint": found, "seed": self.seed}
        self.checkpoints = Checkpoints(estimator.checkpoint_dir, every, constants, state)

    def _start(self):
        """Return what training starts from, beside what parameters and data say of it."""
        return {"goes on": self.estimator._continues()}

    def own_turn(self):
        """Return the context in which no other process computes on the device.

        Processes that wait for each other must not take turns.
        """
        return own_turn(self.device) if self.ranks is None else nullcontext()

    def explained_memory_error(self):
        """Return the context in which an error of full memory says what to do."""
        return explained_memory_error(
            self.device,
            batch_size=self.batches.batch_size,
            max_length=self.fitted["max_length_"],
        )

    def load(self):
        """Load the model, or copy the fitted one, and tokenize the texts."""
        tokenizer, self.module = self._load_module()
        self.fitted = {
            **self.target.attributes,
            "module_": self.module,
            "tokenizer_": tokenizer,
            "max_length_": self.estimator._find_max_length(tokenizer, self.module),
            "pairs_": is_pairs(self.texts),
            "n_samples_fit_": len(self.texts),
        }
        self.batches = self._make_batches(self.texts, self.target)

    def _load_module(self):
        """Return tokenizer and module: those of `model`, or a copy of the fitted ones."""
        estimator, target = self.estimator, self.target
        if estimator._continues():
            return estimator.tokenizer_, copy.deepcopy(copy_to_cpu(estimator.module_))
        tokenizer, module = load_encoder(estimator.model, target.n_outputs, self.verbose)
        set_pooling(module, estimator.model, estimator.pooling, few=has_few_labels(target))
        return tokenizer, module

    def _make_batches(self, texts, target):
        """Return the batches of some texts."""
        estimator = self.estimator
        ragged = estimator._tokenize(
            texts,
            self.fitted["tokenizer_"],
            self.fitted["max_length_"],
            _find_memory(estimator.memory),
        )
        batch_size = find_batch_size(estimator.batch_size, len(texts))
        return TrainingBatches(ragged, target.values, target.weights, batch_size=batch_size)

    def warn_of_cut(self):
        """Warn of texts that are longer than what is kept of them."""
        if self.is_first and self.estimator.long_text == "head":
            warn_of_cut(
                self.batches.ragged.uncut,
                self.fitted["max_length_"],
                pairs=self.fitted["pairs_"],
                may_be_longer=self.estimator.max_length is not None,
            )

    def split(self):
        """Set apart what is judged on, and cut the rest into batches of the size that suits it."""
        random_state = np.random.RandomState(self.seed)
        rows, self.valid_batches, self.judged = np.arange(len(self.target)), None, None
        if self.validation.is_own:
            own = self.validation.texts, self.validation.target
            self.valid_batches, self.judged = self._make_batches(*own), (own[0], own[1].y)
        elif self.estimator.early_stopping:
            fraction = self.estimator.validation_fraction
            rows, held_out = hold_out(self.target, fraction, self.validation.groups, random_state)
            self.valid_batches = self.batches.take(held_out)
            self.judged = [self.texts[row] for row in held_out], self.target.y[held_out]
        self.batches = self.batches.take(rows, random_state)
        size = find_batch_size(self.estimator.batch_size, len(self.batches.ragged))
        self.batches.batch_size = self.fitted["batch_size_"] = size
        if self.valid_batches is not None:
            self.valid_batches.batch_size = size

    def start_head(self):
        """Decide what the head starts from, and let it start from there."""
        head = self._find_head()
        self.settings = self._find_settings(head)
        n_outputs, random_state = self.target.n_outputs, np.random.RandomState(self.seed)
        if head == "contrast":
            contrast(self.module, self.batches, self.settings, n_outputs, random_state)
        if head in ("contrast", "probe"):
            probe_head(self.module, self.batches, self.settings, self.target, random_state)

    def _find_head(self):
        """Return what the head starts from."""
        estimator, target = self.estimator, self.target
        if estimator._continues():
            return "kept"
        is_wanted = estimator.head == "probe" or (
            estimator.head == "auto" and has_few_labels(target)
        )
        if not is_wanted or not can_probe(self.module, self.batches, target):
            return "new"
        by_contrast = target.is_classes and learns_by_contrast(
            estimator, len(target), target.n_outputs
        )
        return "contrast" if by_contrast else "probe"

    def _find_settings(self, head):
        """Return how to train, but for the learning rate."""
        estimator = self.estimator
        epochs = find_epochs(estimator.epochs, len(self.batches), after_contrast=head == "contrast")
        return TrainingSettings(
            criterion=self.target.criterion(),
            device=self.device,
            dtype=self.dtype,
            head=head,
            epochs=epochs,
            layer_decay=estimator.layer_decay,
            freeze=estimator.freeze,
            weight_decay=estimator.weight_decay,
            patience=estimator.n_iter_no_change if estimator.early_stopping else None,
            monitor=self.monitor,
            gradient_checkpointing=estimator.gradient_checkpointing,
            verbose=self.verbose,
        )

    def find_learning_rate(self):
        """Find the peak of the learning rate: that of the fit that goes on, if there is one."""
        state = self.checkpoints and self.checkpoints.state
        peak = self._new_learning_rate() if state is None else state["learning_rate"]
        if self.checkpoints is not None:
            self.checkpoints.constants["learning_rate"] = peak
        self.settings = replace(self.settings, learning_rate=peak)
        self.fitted["learning_rate_"] = peak

    def _new_learning_rate(self):
        """Return the peak of the learning rate: as given, by the rule, or by a range test."""
        learning_rate = self.estimator.learning_rate
        if learning_rate == "find":
            return self._range_test().suggestions["valley"]
        if learning_rate != "auto":
            return learning_rate
        if self.settings.head == "contrast":
            return RATE
        n_steps = self.settings.epochs * len(self.batches)
        return auto_learning_rate(self.module.config.hidden_size, n_steps)

    def _range_test(self, **options):
        """Return a range test; module and random numbers are as before."""
        # In an order of its own, so that that of the fit stays as it was.
        batches = self.batches.reordered(np.random.RandomState(self.seed))
        with seeded(self.seed, self.device):
            return range_test(self.module, batches, self.settings, **options)

    def train(self):
        """Train, and make sure that what has been trained gives numbers."""
        if not self.is_first:
            self.ranks.draw_other_dropout(self.device)
        self.record = train(
            self.module,
            self.batches,
            self.valid_batches,
            self.settings,
            score=self._make_score(),
            callbacks=self.callbacks,
            tasks=self.tasks,
            checkpoints=self.checkpoints,
        )
        predict_outputs(self.module, self.batches.ragged.take([0]), self.device, self.dtype)
        self.fitted["history_"] = self.record.history
        self.fitted["training_curve_"] = self.record.curve
        self.fitted["n_epochs_"] = len(self.record.history)
        ending = self.record.ending
        self.fitted["_ending"] = ending and asdict(ending)  # plain, so that any pickle takes it
        if self.callbacks:
            self.fitted["callbacks_"] = self.callbacks

    def _make_score(self):
        """Return the function that scores the module in training; None for the loss alone."""
        if self.judged is None or self.scorer is None:
            return None
        estimator, scorer, (X, y) = self.estimator, self.scorer, self.judged
        judge = clone(estimator)
        vars(judge).update(self.fitted)
        options = {"scoring": estimator.scoring, "stops": estimator.early_stopping}
        check_score(scorer, judge, X, y, n_outputs=self.target.n_outputs, **options)
        return lambda module: as_numbers(scorer(judge, X, y), estimator.scoring)

    def judge(self):
        """Warn of a training that came to nothing."""
        if not self.is_first:
            return
        record, target, estimator = self.record, self.target, self.estimator
        has_collapsed = record.validated is not None and warn_of_collapse(
            record.validated.cpu().numpy(), target
        )
        if record.ending is not None and not has_collapsed:
            warn_of_nothing_learnt(
                record.ending,
                target,
                epochs=estimator.epochs,
                n_steps=len(record.curve["loss"]),
                n_batches=len(self.batches),
            )
        if estimator.early_stopping:
            warn_of_undefined(record.history, estimator.scoring)


def _find_memory(memory):
    """Return where the token ids of training texts are kept on the disk, None for nowhere."""
    if not isinstance(memory, (str, os.PathLike)):
        return memory
    try:
        return check_memory(os.path.expanduser(memory))
    except OSError as error:
        raise OSError(
            f"memory must be a folder that can be written, got {os.fspath(memory)!r}: "
            f"{error.strerror}; choose another one, or None."
        ) from None
