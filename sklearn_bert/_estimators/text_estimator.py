"""What classifier and regressor share: from texts and targets to fitted attributes, and back."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import is_regressor
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._plain import default_errstate, with_plain_parameters
from .._text.texts import check_names, check_texts_or_pairs, is_pairs, names_of_pairs
from .callbacks import CallbacksMixin
from .epoch_scores import scoring_entries
from .fit_tasks import FitTasks, with_callbacks
from .scoring import check_scoring_of
from .text_model import TextModel
from .validation import Validation, check_groups, read_validation
from .weights import check_sample_weight, combine

if TYPE_CHECKING:
    import numpy.typing as npt
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from .._typing import Path


class TextEstimator(CallbacksMixin, TextModel):
    """A model that is fine-tuned on texts.

    A subclass says what there is to learn, in `_read_target` and, of the texts that it is judged
    on, in `_read_validation_target`.
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
    _ending: dict[str, Any] | None

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
        "dtype": [StrOptions({"auto", "float32", "bfloat16", "float16"})],
        "gradient_checkpointing": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _validate_params(self):
        """Check the parameters, numbers of NumPy as those of Python that they stand for."""
        super(TextEstimator, with_plain_parameters(self))._validate_params()

    @with_callbacks
    def _fit(self, X, y, sample_weight, X_val=None, y_val=None, groups=None, **reading):
        """Fit and return self; `reading` says how `y` is to be read."""
        stand_in = with_plain_parameters(self)
        with default_errstate():
            texts, target, groups = stand_in._check_input(X, y, sample_weight, groups, **reading)
            own = stand_in._read_validation(X_val, y_val, X, texts, target)
            validation = Validation(groups=groups) if own is None else Validation(*own)
        # This imports torch: only for data that can be used.
        from .._engine.torch_state import own_torch_state

        tasks = FitTasks(self, X, y, sample_weight)
        with own_torch_state():
            fitted = stand_in._train(texts, target, validation, tasks)
        tasks.end(fitted)
        # Nothing is set on self before all has succeeded: an error or Ctrl-C loses nothing.
        fitted |= self._find_names(X, fitted["pairs_"])
        if getattr(self, "pairs_", False):
            for name in ("feature_names_in_", "n_features_in_"):
                vars(self).pop(name, None)
        for name in ("callbacks_", "n_outputs_", "target_names_"):
            vars(self).pop(name, None)
        vars(self).update(fitted)
        return self

    def _train(self, texts, target, validation, tasks):
        """Return the fitted attributes."""
        from .fitting import Fitting

        return Fitting(self, texts, target, validation, tasks).run()

    def _find_names(self, X, pairs):
        """Return the attributes by which scikit-learn tells the columns of pairs apart."""
        names = names_of_pairs(X) if pairs else None
        if self._continues():
            names = getattr(self, "feature_names_in_", None)
        found = {"n_features_in_": 2} if pairs else {}
        if names is not None:
            found["feature_names_in_"] = np.array(names, dtype=object)
        return found

    def _check_input(self, X, y, sample_weight, groups=None, **reading):
        """Return the texts that have a weight, what there is to learn of them, their groups."""
        texts = self._read_texts(X, fitted=self._continues())
        target = self._read_target(texts, y, sample_weight, **reading)
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

    def _find_learning_rate(self, X, y, sample_weight, **options):
        """Return the range test on texts and targets that `fit` would be given."""
        from .._engine.torch_state import own_torch_state

        self._validate_params()
        stand_in = with_plain_parameters(self)
        with own_torch_state():
            from .fitting import Fitting

            texts, target, _ = stand_in._check_input(X, y, sample_weight)
            return Fitting(stand_in, texts, target).range_test(**options)

    def _check_scoring(self, target):
        """Refuse a scorer for early stopping that cannot judge what there is to learn."""
        if not self.early_stopping or target.sizes is not None:
            return  # scorers for several columns of labels are tried before training
        kind = "labels" if target.is_classes else "several labels"
        for scoring in scoring_entries(self.scoring).values():
            if scoring != "loss":
                check_scoring_of(scoring, target.y, "numbers" if is_regressor(self) else kind)

    def _outputs(self, X):
        """Return the outputs of the module for each text, in float64."""
        from .._engine.device import find_dtype
        from .._engine.inference import predict_outputs
        from .._engine.memory import explained_memory_error

        check_is_fitted(self)
        texts = self._read_texts(X)
        device = self._prediction_device()
        # What "auto" finds may round labels away: half precision only where it was asked for. But
        # TensorFloat-32, whose products are rounded to three digits before they are summed up.
        exact = self.dtype != "auto"
        dtype = find_dtype("float32" if self.dtype == "auto" else self.dtype, device)
        with explained_memory_error(
            device,
            batch_size=getattr(self, "batch_size_", self.batch_size),  # not there in older models
            max_length=self.max_length_,
        ):
            return self._compute(
                texts,
                lambda ids: predict_outputs(self.module_, ids, device, dtype, exact=exact),
                device,
            )
