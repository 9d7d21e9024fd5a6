"""BERT as a scikit-learn regressor on texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ._estimators.fit_context import fit_context
from ._estimators.targets import Target, check_numbers, number_target
from ._estimators.text_estimator import TextEstimator
from ._estimators.validation import check_lengths
from ._plain import default_errstate
from ._text.columns import column_names, in_memory
from ._text.indicator import check_order, check_unique, names_of_columns

if TYPE_CHECKING:
    import numpy.typing as npt
    from joblib import Memory
    from sklearn.utils import Tags
    from skorch.callbacks import Callback

    from ._typing import Dtype, LongText, Path, PerText, RandomState, Scoring, Targets, Texts
    from .distilled_regressor import DistilledTextRegressor


class BertTextRegressor(RegressorMixin, TextEstimator):
    """Fine-tune BERT, or another Hugging Face encoder, to tell a number from texts or text pairs.

    The same training as that of :class:`BertTextClassifier`, with the squared error on targets
    that are standardized for the training and set back in the prediction.

    Parameters
    ----------
    model : str or path-like, default="bert-base-uncased"
        Name of an encoder on the Hugging Face hub, or a local folder.

    max_length : int, default=None
        Tokens kept of each text, special tokens included; None is as many as the model can read.

    long_text : {"head", "tail", "head+tail", "windows"}, default="head"
        What is read of a longer text: its beginning, its end, a quarter from its beginning and
        three from its end, or all of it in windows whose outputs are averaged. Pairs know "head"
        only. "head" is the end, too, if the tokenizer of `model` has the ``truncation_side``
        "left".

    stride : int, default=None
        Tokens that neighbouring windows share, at most half of a window. None is a quarter.

    pooling : {"auto", "cls", "mean"}, default="auto"
        What the head reads of a text: the last state of its first token, or that and the mean
        over all tokens; "auto" is "mean" below 400 texts if `model` was made for it, as for the
        classifier.

    head : {"auto", "new", "probe"}, default="auto"
        What the last linear map of the head starts from: "new" from small random numbers; "probe"
        from a ridge regression on the vectors that it reads, its penalty chosen by
        cross-validation; "auto" is "probe" below 400 texts.

    epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is 3, and as many more as make 100 steps.

    batch_size : int or "auto", default="auto"
        Texts, or windows, per optimizer step. "auto" is 16 up to 1,000 of them, else 32.

    learning_rate : float, "auto" or "find", default="auto"
        Peak of the one-cycle policy, as for the classifier.

    layer_decay : float, default=1.0
        Factor of the learning rate from each layer to the one below it.

    freeze : int or "all", default=0
        Layers, embeddings included, that are not trained; "all" trains the head only.

    weight_decay : float, default=0.01
        Decoupled weight decay of the weight matrices.

    early_stopping : bool, default=False
        Whether to hold out a part of the training data, to stop when the result on it no longer
        gets better, and to restore the best weights.

    validation_fraction : int or float, default=0.1
        Part of the training data, or number of texts, held out for `early_stopping`.

    n_iter_no_change : int, default=2
        Epochs without a better result after which `early_stopping` stops.

    scoring : str, callable, list of str, dict or None, default="loss"
        What `early_stopping` looks at: the loss, any scikit-learn scorer, or None for
        :meth:`score`, the coefficient of determination. Of several, the first one decides and
        all are recorded in ``history_``.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one. Targets are standardized as they
        were then, and the columns of pairs and of several targets must be in the same order.

    callbacks : list of skorch callbacks or of (name, callback) tuples, default=None
        Run during training, after our own: shallow copies of them, see the classifier.

    checkpoint_dir : str or path-like, default=None
        Folder to write the state of training to, from which the same fit goes on after a crash.

    checkpoint_every : int or str, default="10min"
        Steps from one checkpoint to the next, or a duration such as "90s" or "10 minutes".

    memory : str, path-like or object with the interface of joblib.Memory, default=None
        Folder in which `fit` keeps the token ids of its texts, for all processes. joblib reads
        its files as pickles, so share it only with whom you trust.

    device : str, default="auto"
        Any torch device; "auto" is "cuda", "mps" or "cpu", the first that is there.

    dtype : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Arithmetic. "auto" trains in bfloat16 or float16 where that is faster, and predicts in
        float32, with products in TensorFloat-32, to about three digits, on NVIDIA GPUs from
        Ampere on: "float32" does without. "bfloat16" and "float16" are for both.

    gradient_checkpointing : bool or "auto", default="auto"
        Whether to compute the layers a second time for the gradient, to save memory.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in a fit.

    verbose : int, default=0
        1 shows the download of a model and one progress bar over all steps, and says how long they
        take, if that is more than a minute; 2 also prints a line an epoch.

    Attributes
    ----------
    target_mean_, target_scale_ : float or ndarray of shape (n_outputs,)
        By which the targets were standardized.

    target_names_ : list of str or None
        Names of the columns of `y`, which `score` and a fit that goes on compare. None if `y` was
        no frame of several columns that have names.

    module_ : transformers.PreTrainedModel
        The fine-tuned torch module.

    tokenizer_ : transformers.PreTrainedTokenizerFast
        The tokenizer of the model.

    max_length_ : int
        Tokens kept of each text.

    pairs_ : bool
        Whether it reads pairs of texts.

    n_features_in_ : int
        2. Only there for pairs.

    feature_names_in_ : ndarray of shape (2,)
        Names of the columns of pairs, which `predict` and its like compare. Only there if `fit`
        was given a frame, dataset or relation of two columns that have names.

    batch_size_ : int
        Texts, or windows, per optimizer step.

    learning_rate_ : float
        Peak of the one-cycle policy.

    history_ : list of dict
        One dict an epoch, as for the classifier. The losses are those of standardized targets.

    training_curve_ : dict of ndarray of shape (n_steps,)
        ``loss``, ``learning_rate`` and ``epoch`` (from 1) of each step.

    n_samples_fit_ : int
        Texts of the training data, those held out included.

    n_epochs_ : int
        Epochs trained.

    callbacks_ : list of (name, callback) tuples
        The callbacks that ran. Only there with `callbacks`; not part of a pickle.

    See Also
    --------
    BertTextClassifier : The same for labels, with notes on training that hold here too.
    BertTextEmbedder : Texts to vectors, for other regressors to work on.
    DistilledTextRegressor : Prediction hundreds of times as fast, which :meth:`distill` gives.

    References
    ----------
    J. Devlin, M.-W. Chang, K. Lee, K. Toutanova (2019). BERT: Pre-training of Deep
    Bidirectional Transformers for Language Understanding. NAACL-HLT.

    Examples
    --------
    >>> from sklearn_bert import BertTextRegressor
    >>> texts = ["one star", "two stars", "four stars", "five stars"] * 8
    >>> reg = BertTextRegressor(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> low, high = reg.fit(texts, [1, 2, 4, 5] * 8).predict(["one star", "five stars"])
    >>> bool(low < 2.5 < 3.5 < high)
    True
    """

    # Groups are mostly for the splitter of a search: `fit` gets them where it is asked to.
    __metadata_request__fit = {"groups": False}

    target_mean_: float | npt.NDArray[np.float64]
    target_scale_: float | npt.NDArray[np.float64]
    target_names_: list[str] | None

    def __init__(
        self,
        model: Path = "bert-base-uncased",
        *,
        max_length: int | None = None,
        long_text: LongText = "head",
        stride: int | None = None,
        pooling: Literal["auto", "cls", "mean"] = "auto",
        head: Literal["auto", "new", "probe"] = "auto",
        epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto", "find"] = "auto",
        layer_decay: float = 1.0,
        freeze: int | Literal["all"] = 0,
        weight_decay: float = 0.01,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
        scoring: Scoring | None = "loss",
        warm_start: bool = False,
        callbacks: list[Callback | tuple[str, Callback]] | None = None,
        checkpoint_dir: Path | None = None,
        checkpoint_every: int | str = "10min",
        memory: Path | Memory | None = None,
        device: str = "auto",
        dtype: Dtype = "auto",
        gradient_checkpointing: bool | Literal["auto"] = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.max_length = max_length
        self.long_text = long_text
        self.stride = stride
        self.pooling = pooling
        self.head = head
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.freeze = freeze
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.memory = memory
        self.device = device
        self.dtype = dtype
        self.gradient_checkpointing = gradient_checkpointing
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Texts,
        y: Targets,
        sample_weight: PerText | None = None,
        *,
        X_val: Texts | None = None,
        y_val: Targets | None = None,
        groups: PerText | None = None,
    ) -> Self:
        """Fine-tune the model.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts, as for the classifier.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers: an array, a tensor, a column, a data frame or a list of lists.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts in the loss, finite and not negative; only their ratios count. A
            text of weight 0 is left out.

        X_val : array-like of the shapes of `X`, default=None
            Texts of your own to judge on after each epoch. With `early_stopping`, nothing is held
            out of `X` then, and `validation_fraction` is not used. Without it, nothing stops:
            ``history_`` tells how the training went.

        y_val : array-like of the shapes of `y`, default=None
            Numbers of `X_val`.

        groups : array-like of shape (n_samples,), default=None
            Texts of a group, such as those of one author, are held out for `early_stopping`
            together. Not used where none are held out of `X`.

        Returns
        -------
        self : BertTextRegressor
            The fitted regressor.

        Raises
        ------
        TypeError
            If a text is not a str, or `X` or `y` is no array-like or must be computed first.
        ValueError
            If `X`, `y` or `sample_weight` do not fit together, or `X_val`, `y_val` or `groups` to
            them; nothing can be held out, or `scoring` is not defined on what is; or the model,
            its parameters or the device cannot be used.
        OSError
            If the model is neither a folder nor cached, and cannot be downloaded.
        MemoryError
            If the device runs out of memory even with one text at a time.

        Warns
        -----
        TextsCutWarning
            If texts are longer than what is kept of them.
        NothingLearntWarning
            If the last steps were hardly better than one answer for all texts, mostly since there
            were too few steps. It is a :class:`~sklearn.exceptions.ConvergenceWarning`.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, groups)

    def _read_target(self, texts: list[Any], y: Any, sample_weight: PerText | None) -> Target:
        """Return what there is to learn."""
        y = None if y is None else in_memory(y, "y")
        names, numbers = names_of_columns(column_names(y)), check_numbers(y)
        check_unique(names or [])
        weights = self._check_weights(texts, numbers, sample_weight)
        if not self._continues():
            return number_target(numbers, weights, names)
        shapes = np.shape(self.target_mean_), numbers.shape[1:]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"warm_start=True needs y of as many columns as in the first fit, got shape "
                f"{numbers.shape}; use warm_start=False."
            )
        known = getattr(self, "target_names_", None)
        check_order(names, known, of="outputs")
        return number_target(numbers, weights, known, self.target_mean_, self.target_scale_)

    def _read_validation_target(self, texts: list[Any], y: Any, target: Target) -> Target:
        """Return the target of validation texts, standardized as the target to train on is."""
        y = in_memory(y, "y_val")
        names, numbers = names_of_columns(column_names(y)), check_numbers(y)
        check_lengths(texts, numbers)
        check_order(names, target.attributes.get("target_names_"), of="outputs")
        mean, scale = (target.attributes[name] for name in ("target_mean_", "target_scale_"))
        if numbers.shape[1:] != target.y.shape[1:]:
            raise ValueError(
                f"y_val has the shape {numbers.shape} and y {target.y.shape}; pass as many columns."
            )
        return number_target(numbers, np.ones(len(texts)), names, mean, scale)

    @default_errstate()
    def predict(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the number of each text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The numbers.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        TypeError
            If a text is not a str.
        ValueError
            If `X` is a single str, is empty or has not the columns that it was fitted to.
        """
        outputs = self._outputs(X)
        if isinstance(self.target_mean_, float):
            outputs = outputs[:, 0]
        return outputs * self.target_scale_ + self.target_mean_

    def score(self, X: Texts, y: Targets, sample_weight: PerText | None = None) -> float:
        """Return the coefficient of determination of the predictions.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers, in all shapes that `fit` takes.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts.

        Returns
        -------
        r2 : float
            1 if all predictions are right.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        TypeError
            If a text is not a str.
        ValueError
            If `X` has not the columns that the regressor was fitted to, or `y` not as many rows
            as `X`, or not the columns of the outputs in their order.
        """
        check_is_fitted(self)
        y = in_memory(y, "y")
        check_order(column_names(y), getattr(self, "target_names_", None), of="outputs")
        return super().score(X, check_numbers(y), sample_weight)

    @overload
    def distill(
        self,
        X: Texts,
        *,
        model: None = None,
        n_layers: None = None,
        random_state: RandomState = None,
    ) -> DistilledTextRegressor: ...

    @overload
    def distill(
        self, X: Texts, *, model: Path, n_layers: None = None, random_state: RandomState = None
    ) -> Self: ...

    @overload
    def distill(
        self, X: Texts, *, model: None = None, n_layers: int, random_state: RandomState = None
    ) -> Self: ...

    def distill(
        self,
        X: Texts,
        *,
        model: Path | None = None,
        n_layers: int | None = None,
        random_state: RandomState = None,
    ) -> DistilledTextRegressor | Self:
        """Return a faster regressor that was trained to give the answers of this one.

        By default it is a network that predicts hundreds of times as fast and needs NumPy and a
        tokenizer only: how nearly it answers alike depends on the task and on the number of
        texts, see :class:`DistilledTextRegressor`. With `n_layers` or `model` it is a smaller
        encoder: a few times as fast, with all that this class can do, and for pairs of texts, too.
        Compare the two: on short reviews the network was as good.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            Texts like those that will be predicted, without labels: the more the better, 20,000
            are a good number. Those that it was fitted to may be among them. They are predicted
            first, which mostly is what takes longest. Pairs are for a smaller encoder only.

        model : str or path-like, default=None
            The smaller encoder, as `model` of this class.

        n_layers : int, default=None
            Layers of the smaller encoder, which then is this one without the others: the layers
            that are kept are spread evenly from the first one to the last. Architectures whose
            layers differ or are shared, as those of ModernBERT and ALBERT, cannot do without any.

        random_state : int, RandomState instance or None, default=None
            Seeds the training.

        Returns
        -------
        student : DistilledTextRegressor or BertTextRegressor
            Fitted. The `estimator` of a DistilledTextRegressor is a copy of this one that is not
            fitted, so that cross-validation of it fits the one and distils the other. A smaller
            encoder has the parameters of this one, but for `model` where it is given. All of it
            was trained, for `epochs`, or for more if these are fewer than 500 steps. It is not
            part of its parameters that it was distilled: a clone is fitted to labels, from all
            layers of `model`. To go on with labels from the student itself, set its `warm_start`.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has not the columns that it needs; both `model` and
            `n_layers` are given, there are not more layers than `n_layers`, or none can be taken
            out; or `model` cannot be used.
        OSError
            If `model` is neither a folder nor cached, and cannot be downloaded.
        MemoryError
            If the device runs out of memory even with one text at a time.
        """
        check_is_fitted(self)
        if model is not None or n_layers is not None:
            from ._estimators.student import distil_encoder

            return distil_encoder(self, X, model, n_layers, random_state)
        from .distilled_regressor import DistilledTextRegressor

        return DistilledTextRegressor._distilled_from(self, X, random_state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
