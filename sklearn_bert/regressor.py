"""BERT as a scikit-learn regressor on texts."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context

from ._estimator import TextEstimator
from ._targets import check_numbers, number_target


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

    long_text : {"head", "head+tail", "windows"}, default="head"
        What is read of a longer text: its beginning, a quarter from its beginning and three from
        its end, or all of it in windows whose outputs are averaged. Pairs know "head" only.

    stride : int, default=None
        Tokens that neighbouring windows share, at most half of a window. None is a quarter.

    epochs : int, default=3
        Passes over the training data.

    batch_size : int, default=32
        Texts, or windows, per optimizer step.

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
        were then.

    callbacks : list of skorch callbacks or of (name, callback) tuples, default=None
        Run during training, after our own: shallow copies of them, see the classifier.

    checkpoint_dir : str or path-like, default=None
        Folder to write the state of training to, from which the same fit goes on after a crash.

    checkpoint_every : int or str, default="10min"
        Steps from one checkpoint to the next, or a duration such as "90s" or "1h".

    memory : str, path-like or object with the interface of joblib.Memory, default=None
        Folder in which `fit` keeps the token ids of its texts, for all processes. joblib reads
        its files as pickles, so share it only with whom you trust.

    device : str, default="auto"
        Any torch device; "auto" is "cuda", "mps" or "cpu", the first that is there.

    dtype : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic. "auto" trains in bfloat16 where that is faster, and predicts in float32.

    gradient_checkpointing : bool or "auto", default="auto"
        Whether to compute the layers a second time for the gradient, to save memory.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in a fit.

    verbose : int, default=0
        1 shows one progress bar over all steps; 2 also prints a line an epoch.

    Attributes
    ----------
    target_mean_, target_scale_ : float or ndarray of shape (n_outputs,)
        By which the targets were standardized.

    module_ : transformers.PreTrainedModel
        The fine-tuned torch module.

    tokenizer_ : transformers.PreTrainedTokenizerFast
        The tokenizer of the model.

    max_length_ : int
        Tokens kept of each text.

    pairs_ : bool
        Whether it reads pairs of texts.

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

    References
    ----------
    J. Devlin, M.-W. Chang, K. Lee, K. Toutanova (2019). BERT: Pre-training of Deep
    Bidirectional Transformers for Language Understanding. NAACL-HLT.

    Examples
    --------
    >>> from sklearn_bert import BertTextRegressor
    >>> texts = ["one star", "two stars", "four stars", "five stars"] * 8
    >>> reg = BertTextRegressor(
    ...     "sentence-transformers/all-MiniLM-L6-v2", batch_size=4, random_state=0
    ... )
    >>> low, high = reg.fit(texts, [1, 2, 4, 5] * 8).predict(["one star", "five stars"])
    >>> bool(low < 2.5 < 3.5 < high)
    True
    """

    def __init__(
        self,
        model="bert-base-uncased",
        *,
        max_length=None,
        long_text="head",
        stride=None,
        epochs=3,
        batch_size=32,
        learning_rate="auto",
        layer_decay=1.0,
        freeze=0,
        weight_decay=0.01,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=2,
        scoring="loss",
        warm_start=False,
        callbacks=None,
        checkpoint_dir=None,
        checkpoint_every="10min",
        memory=None,
        device="auto",
        dtype="auto",
        gradient_checkpointing="auto",
        random_state=None,
        verbose=0,
    ):
        self.model = model
        self.max_length = max_length
        self.long_text = long_text
        self.stride = stride
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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fine-tune the model.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts, as for the classifier.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts in the loss, not negative; only their ratios count. A text of
            weight 0 is left out.

        Returns
        -------
        self : BertTextRegressor
            The fitted regressor.

        Raises
        ------
        TypeError
            If a text is not a str.
        ValueError
            If `X`, `y` or `sample_weight` do not fit together, or the model, its parameters or
            the device cannot be used.
        OSError
            If the model is neither a folder nor cached, and cannot be downloaded.
        MemoryError
            If the device runs out of memory even with one text at a time.
        """
        return self._fit(X, y, sample_weight)

    def _read_target(self, texts, y, sample_weight):
        """Return what there is to learn."""
        numbers = check_numbers(y)
        weights = self._check_weights(texts, numbers, sample_weight)
        if not self._continues():
            return number_target(numbers, weights)
        shapes = np.shape(self.target_mean_), numbers.shape[1:]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"warm_start=True needs y of as many columns as in the first fit, got shape "
                f"{numbers.shape}; use warm_start=False."
            )
        return number_target(numbers, weights, self.target_mean_, self.target_scale_)

    def _criterion(self, target):
        """Return the loss."""
        from ._losses import SquaredError

        return SquaredError()

    def predict(self, X):
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
