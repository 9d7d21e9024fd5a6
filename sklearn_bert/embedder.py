"""BERT as a scikit-learn transformer of texts to vectors."""

import copy
import os
from numbers import Integral

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.preprocessing import normalize
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import NotFittedError, check_is_fitted

from ._fit_tasks import FitTasks, with_callbacks
from ._model import TextModel
from ._texts import by_portions, check_texts_or_pairs, is_pairs


class BertTextEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TextModel):
    """Turn texts, or pairs of texts, into vectors with BERT or another Hugging Face encoder.

    The vectors are the last hidden states, pooled over the tokens of each text. The encoder is
    left as it was pretrained, or is that of a fine-tuned classifier or regressor.

    Parameters
    ----------
    model : str or path-like, default="sentence-transformers/all-MiniLM-L6-v2"
        Name of an encoder on the Hugging Face hub, or a local folder. Encoders that were made
        for embeddings, such as the default, are much better at it than BERT itself.

    estimator : BertTextClassifier or BertTextRegressor, default=None
        Whose encoder to use, in place of `model`: a fitted one as it is, one that is not fitted
        after a copy of it was fitted to the `X` and `y` of :meth:`fit`. Cross-validation works on
        copies, which are not fitted: each fold then fine-tunes on its own training texts. To
        share a fitted one between folds, wrap it in :class:`sklearn.frozen.FrozenEstimator`.

    pooling : {"auto", "mean", "cls"}, default="auto"
        Mean over the tokens of a text, special ones included, or its first token. "auto" is what
        the checkpoint says that it was made for, else the mean; with an `estimator`, what its
        head reads, which for most is the first token.

    normalize : bool, default=False
        Whether to scale each vector to the Euclidean length 1.

    max_length : int, default=None
        Tokens kept of each text, special tokens included; None is as many as the model can read,
        or as the `estimator` does.

    long_text : {"head", "head+tail", "windows"}, default="head"
        What is read of a longer text: its beginning, a quarter from its beginning and three from
        its end, or all of it in windows whose vectors are averaged.

    stride : int, default=None
        Tokens that neighbouring windows share, at most half of a window. None is a quarter.

    device : str, default="auto"
        Any torch device; "auto" is "cuda", "mps" or "cpu", the first that is there.

    dtype : {"auto", "float32", "bfloat16"}, default="auto"
        Arithmetic. "auto" is float32; "bfloat16" is 1.5 to 2 times as fast where the hardware
        knows it, to about two digits.

    Attributes
    ----------
    module_ : transformers.PreTrainedModel
        The torch module, with a head that is not used.

    tokenizer_ : transformers.PreTrainedTokenizerFast
        The tokenizer of the model.

    max_length_ : int
        Tokens kept of each text.

    pooling_ : {"mean", "cls"}
        How the tokens of a text become one vector.

    estimator_ : BertTextClassifier or BertTextRegressor
        The fitted one. Only there with an `estimator`.

    See Also
    --------
    BertTextClassifier : Fine-tunes the encoder for one task.
    sklearn.feature_extraction.text.TfidfVectorizer : Texts to sparse vectors, much faster.

    Notes
    -----
    The vectors of a sentence-transformers model are those of its own `encode` up to rounding;
    `max_length` is not taken from it but is what the encoder can read.

    References
    ----------
    N. Reimers, I. Gurevych (2019). Sentence-BERT: Sentence Embeddings using Siamese
    BERT-Networks. EMNLP.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_bert import BertTextEmbedder
    >>> clf = make_pipeline(BertTextEmbedder(), LogisticRegression())
    >>> texts = ["a joy from start to end", "what a waste of time", "bliss", "boring"]
    >>> clf.fit(texts, ["good", "bad", "good", "bad"]).predict(["such a joy"])
    array(['good'], dtype='<U4')
    """

    _parameter_constraints: dict = {
        "model": [str, os.PathLike],
        "estimator": [HasMethods(["fit", "predict"]), None],
        "pooling": [StrOptions({"auto", "mean", "cls"})],
        "normalize": ["boolean"],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "long_text": [StrOptions({"head", "head+tail", "windows"})],
        "stride": [Interval(Integral, 0, None, closed="left"), None],
        "device": [str],
        "dtype": [StrOptions({"auto", "float32", "bfloat16"})],
    }

    def __init__(
        self,
        model="sentence-transformers/all-MiniLM-L6-v2",
        *,
        estimator=None,
        pooling="auto",
        normalize=False,
        max_length=None,
        long_text="head",
        stride=None,
        device="auto",
        dtype="auto",
    ):
        self.model = model
        self.estimator = estimator
        self.pooling = pooling
        self.normalize = normalize
        self.max_length = max_length
        self.long_text = long_text
        self.stride = stride
        self.device = device
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=False)
    @with_callbacks
    def fit(self, X, y=None):
        """Load the encoder, or fine-tune it if there is an `estimator` that is not fitted.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        y : array-like of shape (n_samples,), default=None
            What an `estimator` that is not fitted is fitted to; not looked at otherwise.

        Returns
        -------
        self : BertTextEmbedder
            The fitted transformer.

        Raises
        ------
        TypeError
            If a text is not a str, or `estimator` is none of this package.
        ValueError
            If `X` has more than two columns, or the model or its parameters cannot be used.
        OSError
            If the model is neither a folder nor cached, and cannot be downloaded.
        """
        self._check_readable(check_texts_or_pairs(X))
        tasks = FitTasks(self, X, y)
        fitted = self._load() if self.estimator is None else self._borrow(X, y)
        self._overlap(fitted["tokenizer_"], fitted["max_length_"])
        tasks.end(fitted)
        vars(self).pop("estimator_", None)
        vars(self).update(fitted)
        return self

    def _check_readable(self, texts):
        """Refuse pairs in windows."""
        if self.long_text != "head" and is_pairs(texts):
            raise ValueError(
                f"long_text={self.long_text!r} needs single texts, got pairs; use 'head', which "
                "cuts the longer text of a pair first."
            )

    def _load(self):
        """Return the fitted attributes of a pretrained encoder."""
        from ._device import find_device, seeded
        from ._embeddings import checkpoint_pooling
        from ._encoder import find_max_length, load_encoder

        with seeded(0, find_device("cpu")):  # a head is drawn, which nobody needs
            tokenizer, module = load_encoder(self.model, 2)
        pooling = checkpoint_pooling(self.model) if self.pooling == "auto" else self.pooling
        return {
            "module_": module.eval(),
            "tokenizer_": tokenizer,
            "max_length_": find_max_length(self.max_length, tokenizer, module, self.model),
            "pooling_": pooling,
        }

    def _borrow(self, X, y):
        """Return the fitted attributes of the encoder of `estimator`."""
        from ._embeddings import classifier_pooling
        from ._encoder import find_max_length

        estimator = _fitted_estimator(self.estimator, X, y)
        module, tokenizer = estimator.module_, estimator.tokenizer_
        max_length = estimator.max_length_
        if self.max_length is not None:
            max_length = find_max_length(self.max_length, tokenizer, module, estimator.model)
        pooling = classifier_pooling(module) if self.pooling == "auto" else self.pooling
        return {
            "estimator_": estimator,
            "module_": module,
            "tokenizer_": tokenizer,
            "max_length_": max_length,
            "pooling_": pooling,
        }

    def transform(self, X):
        """Return the vectors of the texts.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        vectors : ndarray of shape (n_samples, width), dtype float32
            `width` is that of the encoder, 384 for MiniLM and 768 for BERT.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If a text is not a str.
        ValueError
            If `X` is a single str, is empty or has more than two columns.
        """
        check_is_fitted(self)
        from ._device import explained_memory_error, find_dtype
        from ._embeddings import embed

        texts = check_texts_or_pairs(X)
        self._check_readable(texts)
        device = self._prediction_device()
        dtype = find_dtype("float32" if self.dtype == "auto" else self.dtype, device)

        def vectors_of(some):
            """Return the vectors of some texts."""
            ragged = self._tokenize(some, self.tokenizer_, self.max_length_)
            return embed(self.module_, ragged, device, dtype, self.pooling_)

        with explained_memory_error(device, batch_size=1, max_length=self.max_length_):
            vectors = by_portions(vectors_of, texts)
        return normalize(vectors, copy=False) if self.normalize else vectors

    def __getstate__(self):
        """Return the state; an encoder that is the estimator's is held there alone."""
        estimator = getattr(self, "estimator_", None)
        if estimator is None or self.module_ is not estimator.module_:
            return super().__getstate__()
        rest = copy.copy(self)
        del rest.module_, rest.tokenizer_
        if estimator is getattr(self.estimator, "estimator", self.estimator):
            del rest.estimator_
        return super(BertTextEmbedder, rest).__getstate__()

    def __setstate__(self, state):
        """Take over the state, and the encoder of the estimator where it is there alone."""
        super().__setstate__(state)
        if hasattr(self, "pooling_") and not hasattr(self, "module_"):
            if not hasattr(self, "estimator_"):
                self.estimator_ = getattr(self.estimator, "estimator", self.estimator)
            self.module_, self.tokenizer_ = self.estimator_.module_, self.estimator_.tokenizer_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # texts have none
        return tags

    @property
    def _n_features_out(self):
        """Width of the vectors."""
        return self.module_.config.hidden_size


def _fitted_estimator(estimator, X, y):
    """Return `estimator` if it is fitted, else a copy of it that is fitted to `X` and `y`."""
    estimator = getattr(estimator, "estimator", estimator)  # of a FrozenEstimator
    if not isinstance(estimator, TextModel) or not isinstance(estimator, BaseEstimator):
        raise TypeError(
            "estimator must be a BertTextClassifier or a BertTextRegressor, got "
            f"{type(estimator).__name__}; for an encoder by name, use model=..."
        )
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        if y is None:
            raise ValueError(
                "y must be given to fit an estimator that is not fitted, got None; pass y, or a "
                "fitted estimator."
            ) from None
        return clone(estimator).fit(X, y)
    return estimator
