"""What classifier and regressor share: from texts and targets to fitted attributes, and back."""

from __future__ import annotations

import copy
import os
from contextlib import nullcontext
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted, check_memory

from .._durations import parse_duration
from .._plain import default_errstate, with_plain_parameters
from .._text.texts import by_portions, check_names, check_texts_or_pairs, is_pairs, names_of_pairs
from .._warn import warn
from ..exceptions import NothingLearntWarning, TextsCutWarning
from .callbacks import CallbacksMixin
from .epoch_scores import find_scorer, scoring_entries
from .fit_tasks import FitTasks, with_callbacks
from .holdout import hold_out
from .recipe import (
    find_batch_size,
    find_epochs,
    has_few_labels,
    learns_by_contrast,
)
from .scoring import check_scoring_of
from .text_model import TextModel
from .validation import Validation, as_numbers, check_groups, check_score, read_validation
from .weights import check_sample_weight, combine

if TYPE_CHECKING:
    import numpy.typing as npt
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from .._typing import Path


def _is_comparable(value):
    """Return whether the text of a parameter is the same in another process."""
    values = value.values() if isinstance(value, dict) else [value]
    return not any(map(callable, values))


class TextEstimator(CallbacksMixin, TextModel):
    """A model that is fine-tuned on texts.

    A subclass says what there is to learn, in `_read_target`, by which loss, in `_criterion`, and
    what it is to have learnt nothing, in `_one_answer`.
    """

    # `fit` sets them all at once, which type checkers cannot follow.
    module_: PreTrainedModel
    tokenizer_: PreTrainedTokenizerFast
    max_length_: int
    pairs_: bool
    n_samples_fit_: int
    n_features_in_: int
    feature_names_in_: npt.NDArray[Any]
    batch_size_: int
    learning_rate_: float
    history_: list[dict[str, Any]]
    training_curve_: dict[str, npt.NDArray[Any]]
    n_epochs_: int
    callbacks_: list[tuple[str, Any]]

    _parameter_constraints: dict = {
        "model": [str, os.PathLike],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "long_text": [StrOptions({"head", "tail", "head+tail", "windows"})],
        "stride": [Interval(Integral, 0, None, closed="left"), None],
        "pooling": [StrOptions({"auto", "cls", "mean"})],
        "head": [StrOptions({"auto", "new", "probe"})],
        "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto", "find"})],
        "layer_decay": [Interval(Real, 0, 1, closed="right")],
        "freeze": [Interval(Integral, 0, None, closed="left"), StrOptions({"all"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "scoring": [
            StrOptions({"loss", *get_scorer_names()}),
            callable,
            list,
            tuple,
            dict,
            None,
        ],
        "warm_start": ["boolean"],
        "callbacks": [list, None],
        "checkpoint_dir": [str, os.PathLike, None],
        "checkpoint_every": [Interval(Integral, 1, None, closed="left"), str],
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        "device": [str],
        "dtype": [StrOptions({"auto", "float32", "bfloat16"})],
        "gradient_checkpointing": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _validate_params(self):
        """Check the parameters, numbers of NumPy as those of Python that they stand for."""
        super(TextEstimator, with_plain_parameters(self))._validate_params()

    @with_callbacks
    def _fit(self, X, y, sample_weight, X_val=None, y_val=None, groups=None):
        """Fit and return self."""
        stand_in = with_plain_parameters(self)
        with default_errstate():
            texts, target, groups = stand_in._check_input(X, y, sample_weight, groups)
            own = stand_in._read_validation(X_val, y_val, X, texts, target)
            validation = Validation(groups=groups) if own is None else Validation(*own)
        from .._engine.torch_state import (
            own_torch_state,  # and torch, only for data that can be used
        )

        tasks = FitTasks(self, X, y, sample_weight)
        with own_torch_state():
            fitted = stand_in._train(texts, target, validation, tasks)
        tasks.end(fitted)
        # Nothing is set on self before all has succeeded: an error or Ctrl-C loses nothing.
        fitted |= self._find_names(X, fitted["pairs_"])
        if getattr(self, "pairs_", False):
            for name in ("feature_names_in_", "n_features_in_"):
                vars(self).pop(name, None)
        vars(self).pop("callbacks_", None)
        vars(self).update(fitted)
        return self

    def _find_names(self, X, pairs):
        """Return the attributes by which scikit-learn tells the columns of pairs apart."""
        names = names_of_pairs(X) if pairs else None
        if self._continues():
            names = getattr(self, "feature_names_in_", None)
        found = {"n_features_in_": 2} if pairs else {}
        if names is not None:
            found["feature_names_in_"] = np.array(names, dtype=object)
        return found

    def _check_input(self, X, y, sample_weight, groups=None):
        """Return the texts that have a weight, what there is to learn of them, their groups."""
        texts = self._read_texts(X, fitted=self._continues())
        target = self._read_target(texts, y, sample_weight)
        groups = check_groups(groups, len(texts))
        self._check_scoring(target)
        rows = np.flatnonzero(target.weights)
        groups = None if groups is None else groups[rows]
        return [texts[row] for row in rows], target.take(rows), groups

    def _read_validation(self, X_val, y_val, X, texts, target):
        """Return the texts and the target of validation data, None if there is none."""
        own = read_validation(X_val, y_val, texts, target, self._read_validation_target)
        if own is not None and is_pairs(texts):
            check_names(X_val, names_of_pairs(X), type(self).__name__)
        return own

    def _check_weights(self, texts, y, sample_weight):
        """Return the weight of each text, once there is a `y` for each of them."""
        check_consistent_length(texts, y)
        weights = check_sample_weight(sample_weight, len(texts))
        return combine(weights, np.ones(len(texts)))

    def _continues(self):
        """Return whether a fit goes on from the weights of the last one."""
        return self.warm_start and hasattr(self, "module_")

    def _read_texts(self, X, *, fitted=True):
        """Return the texts or pairs of `X`, which must be of the columns that were learnt from."""
        texts = check_texts_or_pairs(X)
        self._check_kind(texts, fitted=fitted)
        if fitted and self.pairs_:
            check_names(X, getattr(self, "feature_names_in_", None), type(self).__name__)
        return texts

    def _check_kind(self, texts, *, fitted=True):
        """Refuse pairs where texts were learnt from, and the other way round."""
        pairs = is_pairs(texts)
        if fitted and pairs != self.pairs_:
            names = {True: "pairs of texts", False: "single texts"}
            raise ValueError(
                f"X must hold {names[self.pairs_]}, which this {type(self).__name__} was fitted "
                f"to, got {names[pairs]}; pass X of the same columns as in fit."
            )
        if pairs and self.long_text != "head":
            raise ValueError(
                f"long_text={self.long_text!r} needs single texts, got pairs; use 'head', which "
                "cuts the longer text of a pair first."
            )

    def _train(self, texts, target, validation, tasks):
        """Return the fitted attributes."""
        from .._engine.device import find_device, find_dtype, seeded
        from .._engine.distributed import find_ranks
        from .._engine.gpu_lock import own_turn
        from .._engine.inference import predict_outputs
        from .._engine.memory import explained_memory_error
        from .._engine.net import train

        scorer, scores, monitor = None, set(), "valid_loss"
        if self.early_stopping or validation.is_own:
            scorer, scores, monitor = find_scorer(self.scoring, self)
        callbacks = self._callbacks_of_fit(scores)
        device = find_device(self.device)
        dtype = find_dtype(self.dtype, device)
        ranks, seed = find_ranks(), self._draw_seed()
        if ranks is not None:
            seed = self._agree(ranks, texts, target, validation, seed)
        checkpoints = self._find_checkpoints(texts, target, validation, seed, device, dtype)
        if checkpoints is not None:
            seed = checkpoints.constants["seed"]
        random_state = np.random.RandomState(seed)
        # Processes that wait for each other must not take turns.
        turn = own_turn(device) if ranks is None else nullcontext()
        with turn, seeded(seed, device):
            fitted, batches = self._load(texts, target)
            is_first = ranks is None or ranks.rank == 0
            if is_first:
                self._warn_of_cut(batches.ragged.uncut, fitted)
            module = fitted["module_"]
            rows, valid_rows = self._split(target, validation, random_state)
            judged = self._judged(texts, target, validation, valid_rows)
            if validation.is_own:
                valid_batches = self._batches(*judged[:2], fitted)
            else:
                valid_batches = None if valid_rows is None else batches.take(valid_rows)
            batches = self._sized(batches.take(rows, random_state))
            fitted["batch_size_"] = batches.batch_size
            if valid_batches is not None:
                valid_batches.batch_size = batches.batch_size
            with explained_memory_error(
                device, batch_size=batches.batch_size, max_length=fitted["max_length_"]
            ):
                options = self._training_options(
                    module, batches, target, seed, device, dtype, self.verbose if is_first else 0
                )
                if not is_first:
                    ranks.draw_otherwise(device)
                epochs = find_epochs(
                    self.epochs, len(batches), after_contrast=options["head"] == "contrast"
                )
                tasks.begin(epochs)
                fitted["learning_rate_"] = self._peak(
                    module, batches, epochs, seed, options, checkpoints
                )
                history, curve, validated, ending = train(
                    module,
                    batches,
                    valid_batches,
                    epochs=epochs,
                    learning_rate=fitted["learning_rate_"],
                    patience=self.n_iter_no_change if self.early_stopping else None,
                    score=self._validation_score(scorer, fitted, *judged),
                    monitor=monitor,
                    callbacks=callbacks,
                    tasks=tasks,
                    fitted=fitted,
                    checkpoints=checkpoints,
                    verbose=self.verbose if is_first else 0,
                    **options,
                )
                predict_outputs(module, batches.ragged.take([0]), device, dtype)  # if it diverged
        if checkpoints is not None:
            checkpoints.remove()
        if is_first:
            has_collapsed = validated is not None and self._judge(validated, fitted)
            if ending is not None and not has_collapsed:
                self._warn_of_nothing_learnt(ending, len(curve["loss"]), len(batches), fitted)
            if validated is not None:
                self._warn_of_undefined(history)
        if callbacks:
            fitted["callbacks_"] = callbacks
        return {
            **fitted,
            "history_": history,
            "training_curve_": curve,
            "n_epochs_": len(history),
        }

    def _judged(self, texts, target, validation, valid_rows):
        """Return texts and target, and the rows of them that the fit is judged on or None."""
        if validation.is_own:
            return validation.texts, validation.target, np.arange(len(validation.texts))
        return texts, target, valid_rows

    def _agree(self, ranks, texts, target, validation, seed):
        """Return the seed of process 0; all must have the same data and parameters."""
        if self.checkpoint_dir is not None:
            raise ValueError(
                f"checkpoint_dir needs a fit in one process, got {ranks.size} processes; use None."
            )
        from .._engine.checkpoints import fingerprint

        unlike = {"callbacks", "verbose", "random_state", "device", "memory"}
        parameters = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in unlike and _is_comparable(value)
        }
        found = fingerprint(texts, target, validation, parameters)
        for name in found:
            ranks.same(found[name], name)
        return ranks.first(seed)

    def _find_checkpoints(self, texts, target, validation, seed, device, dtype):
        """Return what writes checkpoints and goes on from the last one; None if none are wanted."""
        if self.checkpoint_dir is None:
            return None
        if self.callbacks:
            raise ValueError(
                "checkpoint_dir needs callbacks=None, since the state of callbacks cannot be "
                f"saved, got {self.callbacks!r}; use one or the other."
            )
        from .._engine.checkpoints import Checkpoints, find_checkpoint, fingerprint

        every = self.checkpoint_every
        if isinstance(every, str):
            every = parse_duration(
                every, name="checkpoint_every", way_out="or pass an int for a number of steps"
            )
        unlike = {"checkpoint_dir", "checkpoint_every", "memory", "callbacks", "verbose"}
        parameters = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in unlike and _is_comparable(value) and not hasattr(value, "randint")
        }
        parameters |= {"device": str(device), "dtype": str(dtype), "goes on": self._continues()}
        found = fingerprint(texts, target, validation, parameters)
        constants = {"fingerprint": found, "seed": int(seed)}
        state = find_checkpoint(self.checkpoint_dir, found)
        if state is not None:
            constants["seed"] = state["seed"]
        return Checkpoints(self.checkpoint_dir, every, constants, state)

    def _judge(self, outputs, fitted):
        """Look at the outputs for the validation texts; a subclass may warn, and says whether."""
        return False

    def _warn_of_nothing_learnt(self, ending, n_steps, n_batches, fitted):
        """Warn if the last training steps were hardly better than one answer for all texts."""
        epochs = find_epochs("auto", n_batches)
        is_short = self.epochs != "auto" and self.epochs < epochs
        complaint = ending.complaint(
            n_steps, auto_epochs=epochs if is_short else None, one_answer=self._one_answer(fitted)
        )
        if complaint is not None:
            warn(complaint, NothingLearntWarning)

    def _warn_of_undefined(self, history):
        """Warn if there never was a score or loss to stop by."""
        name = "valid_score" if "valid_score" in history[0] else "valid_loss"
        if self.early_stopping and not np.isfinite([row[name] for row in history]).any():
            warn(
                f"scoring={self.scoring!r} gave no finite number in any of the {len(history)} "
                "epochs: early_stopping could not tell which is best, and the weights are those "
                "of the last one; use another scoring, or more validation texts."
            )

    def _sized(self, batches):
        """Return the batches in the size that suits their number of texts, if none is given."""
        batches.batch_size = find_batch_size(self.batch_size, len(batches.ragged))
        return batches

    def _training_options(self, module, batches, target, seed, device, dtype, verbose):
        """Return what training and range test are given alike, the head ready for it."""
        options = {
            "layer_decay": self.layer_decay,
            "freeze": self.freeze,
            "weight_decay": self.weight_decay,
            "device": device,
            "dtype": dtype,
            "gradient_checkpointing": self.gradient_checkpointing,
        }
        head = self._start_head(module, batches, target, seed, verbose, options)
        return {"criterion": self._criterion(target), "head": head, **options}

    def _start_head(self, module, batches, target, seed, verbose, options):
        """Return what the head starts from, and let it start from there."""
        from .._engine.contrastive import contrast
        from .probe import can_probe, probe_head

        if self._continues():
            return "kept"
        is_wanted = self.head == "probe" or (self.head == "auto" and has_few_labels(target))
        if not is_wanted or not can_probe(module, batches, target):
            return "new"
        random_state = np.random.RandomState(seed)
        by_contrast = target.is_classes and learns_by_contrast(self, len(target), target.n_outputs)
        if by_contrast:
            contrast(module, batches, target.n_outputs, random_state, verbose=verbose, **options)
        probe_head(module, batches, target, options["device"], options["dtype"], random_state)
        return "contrast" if by_contrast else "probe"

    def _draw_seed(self):
        """Return the one integer from which all that is random in a fit follows.

        It seeds one generator for torch, and one for the order of the texts and the split.
        """
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _load(self, texts, target):
        """Return the attributes that are known before training, and the batches of all texts."""
        tokenizer, module = self._load_module(target)
        fitted = {
            **target.attributes,
            "module_": module,
            "tokenizer_": tokenizer,
            "max_length_": self._find_max_length(tokenizer, module),
            "pairs_": is_pairs(texts),
            "n_samples_fit_": len(texts),
        }
        return fitted, self._batches(texts, target, fitted)

    def _batches(self, texts, target, fitted):
        """Return the batches of some texts."""
        from .._engine.batches import TrainingBatches

        tokenizer, max_length = fitted["tokenizer_"], fitted["max_length_"]
        return TrainingBatches(
            self._tokenize(texts, tokenizer, max_length, self._find_memory()),
            target.values,
            target.weights,
            batch_size=find_batch_size(self.batch_size, len(texts)),
        )

    def _load_module(self, target):
        """Return tokenizer and module: those of `model`, or a copy of the fitted ones."""
        from .._engine.device import copy_to_cpu
        from .._engine.encoder import load_encoder

        if not self._continues():
            from .._engine.distributed import find_ranks
            from .._engine.pooling import set_pooling

            ranks = find_ranks()
            verbose = self.verbose if ranks is None or ranks.rank == 0 else 0
            tokenizer, module = load_encoder(self.model, target.n_outputs, verbose)
            set_pooling(module, self.model, self.pooling, few=has_few_labels(target))
            return tokenizer, module
        return self.tokenizer_, copy.deepcopy(copy_to_cpu(self.module_))

    def _find_memory(self):
        """Return where the token ids of training texts are kept on the disk, None for nowhere."""
        if not isinstance(self.memory, (str, os.PathLike)):
            return self.memory
        try:
            return check_memory(os.path.expanduser(self.memory))
        except OSError as error:
            raise OSError(
                f"memory must be a folder that can be written, got {os.fspath(self.memory)!r}: "
                f"{error.strerror}; choose another one, or None."
            ) from None

    def _find_max_length(self, tokenizer, module):
        """Return the tokens kept of a text."""
        from .._engine.encoder import find_max_length

        return find_max_length(self.max_length, tokenizer, module, self.model)

    def save_pretrained(self, path: Path) -> None:
        """Save to a folder that any machine loads, and that holds no code.

        The weights are safetensors, everything else is JSON or text. `transformers` reads the
        folder too, with the same labels and probabilities, and any fit can start from it, with
        ``model=path``, up to the length that the model can read. Killed at any moment, the old
        model is what is loaded from it, or the new one is.

        Only files that were written by an earlier call, and not changed since, are replaced.
        Hidden files stay, so that the folder can be a clone with its ``.git``, and so does a model
        card, ``README.md``, that was edited. Anything else in the folder is an error. The folder
        itself stays too: it may be the working directory.

        Parameters
        ----------
        path : str or path-like
            New, empty, or the folder of a model that was saved before, whose files are replaced; or
            a link to one. A folder that `export_onnx` wrote is another kind.

        Raises
        ------
        NotFittedError
            If there is nothing to save.
        FileExistsError
            If there is something else at `path`, which is named; nothing is computed then.
        OSError
            If it cannot be written; what was there is as it was.
        TypeError
            If the labels are no str, int, float or bool.
        """
        check_is_fitted(self)
        from .._engine.torch_state import own_torch_state
        from .._saving.portable import save_portable

        with own_torch_state():
            save_portable(self, get_tags(self).estimator_type, path)

    @classmethod
    def from_pretrained(cls, path: Path, *, device: str = "auto") -> Self:
        """Load what `save_pretrained` wrote. No code of the folder is run, whoever wrote it.

        Parameters
        ----------
        path : str or path-like
            The folder.
        device : str, default="auto"
            Where to predict: any torch device, or the first that is there.

        Returns
        -------
        estimator : estimator instance
            Fitted, with the parameters that it was saved with, but for `device`. Objects among
            them, such as `callbacks`, are not saved.

        Raises
        ------
        FileNotFoundError
            If `path` is no folder of a saved model.
        ValueError
            If the folder is damaged, of another estimator, of a newer version, or holds what
            `save_pretrained` does not write.
        """
        from .._engine.torch_state import own_torch_state
        from .._saving.portable import load_portable

        with own_torch_state():
            parameters, fitted = load_portable(path, get_tags(cls()).estimator_type)
        estimator = cls(**{**parameters, "device": device})
        estimator.__dict__.update(fitted)
        return estimator

    def _warn_of_cut(self, lengths, fitted):
        """Warn of texts that are longer than what is kept of them."""
        cut = lengths > fitted["max_length_"]
        if self.long_text != "head" or not cut.any():
            return
        lost = 1 - fitted["max_length_"] * cut.sum() / lengths[cut].sum()
        ways = ["a model for longer texts" if self.max_length is None else "a larger max_length"]
        ways += [] if fitted["pairs_"] else ["long_text='head+tail'", "long_text='windows'"]
        warn(
            f"{100 * cut.mean():.1f} % of the texts ({cut.sum():,} of {len(cut):,}) are longer "
            f"than {fitted['max_length_']} tokens and lose {100 * lost:.0f} % of theirs; "
            f"{' or '.join(ways)} would keep more.",
            TextsCutWarning,
        )

    def _peak(self, module, batches, epochs, seed, options, checkpoints):
        """Return the peak of the learning rate, that of the fit that goes on if there is one."""
        if checkpoints is None:
            return self._new_peak(module, batches, epochs, seed, options)
        if checkpoints.state is None:
            peak = self._new_peak(module, batches, epochs, seed, options)
        else:
            peak = checkpoints.state["learning_rate"]
        checkpoints.constants["learning_rate"] = peak
        return peak

    def _new_peak(self, module, batches, epochs, seed, options):
        """Return the peak of the learning rate: as given, by the rule, or by a range test."""
        from .._engine.contrastive import RATE
        from .._engine.optimizer import auto_learning_rate

        if self.learning_rate == "auto":
            if options["head"] == "contrast":
                return RATE
            return auto_learning_rate(module.config.hidden_size, epochs * len(batches))
        if self.learning_rate == "find":
            return self._range_test(module, batches, seed, options).suggestions["valley"]
        return self.learning_rate

    def _range_test(self, module, batches, seed, options):
        """Return the learning-rate range test; module and random numbers are as before."""
        from .._engine.device import seeded
        from .._engine.lr_finder import range_test

        with seeded(seed, options["device"]):
            # In an order of its own, so that that of the fit stays as it was.
            return range_test(module, batches.reordered(np.random.RandomState(seed)), **options)

    def _find_learning_rate(self, X, y, sample_weight, **options):
        """Return the range test on texts and targets that `fit` would be given."""
        from .._engine.torch_state import own_torch_state

        self._validate_params()
        stand_in = with_plain_parameters(self)
        with own_torch_state():
            texts, target, _ = stand_in._check_input(X, y, sample_weight)
            return stand_in._load_and_test(texts, target, **options)

    def _load_and_test(self, texts, target, **options):
        """Return the range test on checked texts and targets."""
        from .._engine.device import find_device, find_dtype, seeded
        from .._engine.gpu_lock import own_turn
        from .._engine.memory import explained_memory_error

        device = find_device(self.device)
        seed = self._draw_seed()
        with own_turn(device), seeded(seed, device):
            fitted, batches = self._load(texts, target)
            module, dtype = fitted["module_"], find_dtype(self.dtype, device)
            with explained_memory_error(
                device, batch_size=batches.batch_size, max_length=fitted["max_length_"]
            ):
                options |= self._training_options(
                    module, batches, target, seed, device, dtype, verbose=0
                )
                return self._range_test(module, batches, seed, options)

    def _split(self, target, validation, random_state):
        """Return the rows to train on, and those held out or None."""
        if validation.is_own or not self.early_stopping:
            return np.arange(len(target)), None
        return hold_out(target, self.validation_fraction, validation.groups, random_state)

    def _check_scoring(self, target):
        """Refuse a scorer for early stopping that cannot judge what there is to learn."""
        if not self.early_stopping:
            return
        kind = "labels" if target.is_classes else "several labels"
        for scoring in scoring_entries(self.scoring).values():
            if scoring != "loss":
                check_scoring_of(scoring, target.y, "numbers" if is_regressor(self) else kind)

    def _validation_score(self, scorer, fitted, texts, target, rows):
        """Return the function that scores the module in training on `rows`, None for the loss."""
        if rows is None or scorer is None:
            return None
        judged = clone(self)
        vars(judged).update(fitted)
        X, y = [texts[row] for row in rows], target.y[rows]
        options = {"scoring": self.scoring, "stops": self.early_stopping}
        check_score(scorer, judged, X, y, n_outputs=target.n_outputs, **options)
        return lambda module: as_numbers(scorer(judged, X, y), self.scoring)

    def _outputs(self, X):
        """Return the outputs of the module for each text, in float64."""
        from .._engine.device import find_dtype
        from .._engine.inference import predict_outputs
        from .._engine.memory import explained_memory_error

        check_is_fitted(self)
        texts = self._read_texts(X)
        device = self._prediction_device()
        # What "auto" finds may round labels away: half precision only where it was asked for.
        dtype = find_dtype("float32" if self.dtype == "auto" else self.dtype, device)
        with explained_memory_error(
            device,
            batch_size=getattr(self, "batch_size_", self.batch_size),  # not there in older models
            max_length=self.max_length_,
        ):
            return by_portions(
                lambda some: predict_outputs(
                    self.module_,
                    self._tokenize(some, self.tokenizer_, self.max_length_),
                    device,
                    dtype,
                ),
                texts,
            )
