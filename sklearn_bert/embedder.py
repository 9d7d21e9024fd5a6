"""BERT as a scikit-learn transformer of texts to vectors."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.preprocessing import normalize
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import NotFittedError, check_is_fitted

from ._estimators.fit_context import fit_context
from ._estimators.fit_tasks import FitTasks, with_callbacks
from ._estimators.text_model import TextModel
from ._text.columns import column_names
from ._text.texts import check_names, check_texts_or_pairs, is_pairs

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.utils import Tags
    from torch.nn import Module
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from ._text.ragged import RaggedIds
    from ._typing import Dtype, LongText, Path, PerText, Targets, Texts


class BertTextEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TextModel):
    """Turn texts, or pairs of texts, into vectors with BERT or another Hugging Face encoder.

    The vectors are the last hidden states, pooled over the tokens of each text. The encoder is
    left as it was pretrained, or is that of a fine-tuned classifier or regressor. A
    sentence-transformers model gives the vectors of its own `encode`.

    Parameters
    ----------
    model : str or path-like, default="bert-base-uncased"
        Name of an encoder on the Hugging Face hub, or a local folder. The default is that of
        :class:`BertTextClassifier`. Encoders that were made for embeddings, such as
        ``"sentence-transformers/all-MiniLM-L6-v2"``, are much better at it.

    estimator : BertTextClassifier or BertTextRegressor, default=None
        Whose encoder to use, in place of `model`: a fitted one as it is, one that is not fitted
        after a copy of it was fitted to the `X` and `y` of :meth:`fit`. Cross-validation works on
        copies, which are not fitted: each fold then fine-tunes on its own training texts. To
        share a fitted one between folds, wrap it in :class:`sklearn.frozen.FrozenEstimator`.

    pooling : {"auto", "mean", "cls"}, default="auto"
        Mean over the tokens of a text, special ones included, or its first token. "auto" is what
        a sentence-transformers model says in its ``modules.json``: any of the poolings there, and
        the Dense and Normalize that follow it, which are left out otherwise. Of other models it
        is the mean; with an `estimator`, what its head reads, which for most is the first token.

    normalize : bool, default=False
        Whether to scale each vector to the Euclidean length 1, if the model does not do so.

    max_length : int, default=None
        Tokens kept of each text, special tokens included; None is as many as a
        sentence-transformers model says, or as the model can read, or as the `estimator` does.

    long_text : {"head", "tail", "head+tail", "windows"}, default="head"
        What is read of a longer text: its beginning, its end, a quarter from its beginning and
        three from its end, or all of it in windows whose vectors are averaged. "head" is the end,
        too, if the tokenizer has the ``truncation_side`` "left".

    stride : int, default=None
        Tokens that neighbouring windows share, at most half of a window. None is a quarter.

    device : str, default="auto"
        Any torch device; "auto" is "cuda", "mps" or "cpu", the first that is there.

    dtype : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Arithmetic. "auto" is float32, with products in TensorFloat-32, to about three digits, on
        NVIDIA GPUs from Ampere on: "float32" does without. "bfloat16" is 1.5 to 2 times as fast
        where the hardware knows it, to about two digits; "float16" is what older GPUs know, to
        about three.

    Attributes
    ----------
    module_ : transformers.PreTrainedModel
        The torch module, with a head that is not used.

    tokenizer_ : transformers.PreTrainedTokenizerFast
        The tokenizer of the model.

    max_length_ : int
        Tokens kept of each text.

    pooling_ : str or tuple of str
        How the tokens of a text become one vector: "mean", "cls", "max", "lasttoken",
        "weightedmean" or "mean_sqrt_len_tokens", or several of them, whose vectors lie side by
        side.

    layers_ : list of torch.nn.Module
        What the vectors go through then: the Dense and Normalize of a sentence-transformers model.

    prompt_ : str
        What a sentence-transformers model asks to be put before each text; mostly nothing.

    n_left_out_ : int
        Tokens of the prompt that are not pooled.

    feature_names_in_ : ndarray of shape (n_columns,)
        Names of the columns of `X`. Only there if it was a data frame whose columns are str.

    estimator_ : BertTextClassifier or BertTextRegressor
        The fitted one. Only there with an `estimator`.

    See Also
    --------
    BertTextClassifier : Fine-tunes the encoder for one task.
    sklearn.feature_extraction.text.TfidfVectorizer : Texts to sparse vectors, much faster.

    Notes
    -----
    The vectors of a sentence-transformers model are those of its own `encode` up to rounding. Its
    prompt, letter case and longest text are heeded with any `pooling`. The vectors of windows are
    averaged before they go through `layers_`.

    References
    ----------
    N. Reimers, I. Gurevych (2019). Sentence-BERT: Sentence Embeddings using Siamese
    BERT-Networks. EMNLP.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_bert import BertTextEmbedder
    >>> embedder = BertTextEmbedder("sentence-transformers/all-MiniLM-L6-v2")
    >>> clf = make_pipeline(embedder, LogisticRegression())
    >>> texts = ["a joy from start to end", "what a waste of time", "bliss", "boring"]
    >>> clf.fit(texts, ["good", "bad", "good", "bad"]).predict(["such a joy"])
    array(['good'], dtype='<U4')
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "model": [str, os.PathLike],
        "estimator": [HasMethods(["fit", "predict"]), None],
        "pooling": [StrOptions({"auto", "mean", "cls"})],
        "normalize": ["boolean"],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "long_text": [StrOptions({"head", "tail", "head+tail", "windows"})],
        "stride": [Interval(Integral, 0, None, closed="left"), None],
        "device": [str],
        "dtype": [StrOptions({"auto", "float32", "bfloat16", "float16"})],
    }

    # `fit` sets them all at once, which type checkers cannot follow.
    module_: PreTrainedModel
    tokenizer_: PreTrainedTokenizerFast
    max_length_: int
    pooling_: str | tuple[str, ...]
    layers_: list[Module]
    prompt_: str
    n_left_out_: int
    feature_names_in_: npt.NDArray[Any]
    estimator_: TextModel

    def __init__(
        self,
        model: Path = "bert-base-uncased",
        *,
        estimator: BaseEstimator | None = None,
        pooling: Literal["auto", "mean", "cls"] = "auto",
        normalize: bool = False,
        max_length: int | None = None,
        long_text: LongText = "head",
        stride: int | None = None,
        device: str = "auto",
        dtype: Dtype = "auto",
    ) -> None:
        self.model = model
        self.estimator = estimator
        self.pooling = pooling
        self.normalize = normalize
        self.max_length = max_length
        self.long_text = long_text
        self.stride = stride
        self.device = device
        self.dtype = dtype

    @fit_context(prefer_skip_nested_validation=False)
    @with_callbacks
    def fit(self, X: Texts, y: Targets | None = None, sample_weight: PerText | None = None) -> Self:
        """Load the encoder, or fine-tune it if there is an `estimator` that is not fitted.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        y : array-like of shape (n_samples,), default=None
            What an `estimator` that is not fitted is fitted to; not looked at otherwise.

        sample_weight : array-like of shape (n_samples,), default=None
            What each text weighs when an `estimator` is fitted; not looked at otherwise.

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
        X = _readable_again(X)
        texts = check_texts_or_pairs(X)
        self._check_readable(texts)
        tasks = FitTasks(self, X, y, sample_weight)
        tasks.begin()
        fitted = self._load() if self.estimator is None else self._borrow(X, y, sample_weight)
        self._overlap(fitted["tokenizer_"], fitted["max_length_"])
        learnt = getattr(fitted.get("estimator_"), "feature_names_in_", None)
        if is_pairs(texts):
            check_names(X, learnt, type(self).__name__)
        tasks.end(fitted)
        for name in ("estimator_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        names = _column_names(X) if learnt is None else learnt
        if names is not None:
            fitted["feature_names_in_"] = names
        self._column_name = _only_name(X, names)
        self.__dict__.update(fitted)
        return self

    def fit_transform(
        self, X: Texts, y: Targets | None = None, sample_weight: PerText | None = None
    ) -> npt.NDArray[np.float32]:
        """Fit, and return the vectors of the same texts.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts. What gives each of them only once, such as a generator,
            is read once.

        y : array-like of shape (n_samples,), default=None
            As for :meth:`fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            As for :meth:`fit`.

        Returns
        -------
        vectors : ndarray of shape (n_samples, width), dtype float32
            As of :meth:`transform`.
        """
        X = _readable_again(X)
        return self.fit(X, y, **_weights(sample_weight)).transform(X)

    def _check_readable(self, texts: list[Any]) -> None:
        """Refuse pairs in windows."""
        if self.long_text != "head" and is_pairs(texts):
            raise ValueError(
                f"long_text={self.long_text!r} needs single texts, got pairs; use 'head', which "
                "cuts the longer text of a pair first."
            )

    def _load(self) -> dict[str, Any]:
        """Return the fitted attributes of a pretrained encoder."""
        from ._engine.device import find_device, seeded
        from ._engine.encoder import find_max_length, load_encoder
        from ._engine.sentence_model import read_sentence_model

        with seeded(0, find_device("cpu")):  # a head is drawn, which nobody needs
            sentence = read_sentence_model(self.model, self.pooling)
            tokenizer, module = load_encoder(self.model, 2)
        sentence.check_widths(module.config.hidden_size, self.model)
        sentence.set_up(tokenizer)
        max_length = find_max_length(self.max_length, tokenizer, module, self.model)
        if self.max_length is None and sentence.max_length is not None:
            max_length = min(max_length, sentence.max_length)
        n_left_out = sentence.tokens_left_out(tokenizer, max_length)
        if n_left_out and self.long_text != "head":
            raise ValueError(
                f"long_text={self.long_text!r} needs a model that pools all tokens, but "
                f"model={str(self.model)!r} leaves out those of its prompt; use 'head'."
            )
        pooling = sentence.pooling
        return {
            "module_": module.eval(),
            "tokenizer_": tokenizer,
            "max_length_": max_length,
            "pooling_": pooling[0] if len(pooling) == 1 else pooling,
            "layers_": sentence.layers,
            "prompt_": sentence.prompt,
            "n_left_out_": n_left_out,
        }

    def _borrow(self, X: Texts, y: Targets | None, sample_weight: PerText | None) -> dict[str, Any]:
        """Return the fitted attributes of the encoder of `estimator`."""
        from ._engine.embeddings import classifier_pooling
        from ._engine.encoder import find_max_length

        estimator = _fitted_estimator(self.estimator, X, y, sample_weight)
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
            "layers_": [],
            "prompt_": "",
            "n_left_out_": 0,
        }

    def transform(self, X: Texts) -> npt.NDArray[np.float32]:
        """Return the vectors of the texts.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.

        Returns
        -------
        vectors : ndarray of shape (n_samples, width), dtype float32
            `width` is that of the encoder, 384 for MiniLM and 768 for BERT, unless the model says
            otherwise.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If a text is not a str.
        ValueError
            If `X` is a single str, is empty or has more than two columns, or two columns of other
            names than in :meth:`fit`; or if a vector is not finite in float16.
        """
        check_is_fitted(self)
        from ._engine.device import find_dtype
        from ._engine.embeddings import embed
        from ._engine.memory import explained_memory_error

        texts = check_texts_or_pairs(X)
        self._check_readable(texts)
        if is_pairs(texts):
            check_names(X, getattr(self, "feature_names_in_", None), type(self).__name__)
        if self.prompt_:
            texts = [_with_prompt(self.prompt_, text) for text in texts]
        device = self._prediction_device()
        dtype = find_dtype("float32" if self.dtype == "auto" else self.dtype, device)

        def vectors_of(ids: RaggedIds) -> npt.NDArray[np.float32]:
            """Return the vectors of some texts."""
            options = {"n_left_out": self.n_left_out_, "layers": self.layers_}
            exact = self.dtype != "auto"
            return embed(self.module_, ids, device, dtype, self._ways, exact=exact, **options)

        with explained_memory_error(device, batch_size=1, max_length=self.max_length_):
            vectors = self._compute(texts, vectors_of, device)
        if self.dtype == "float16" and not np.isfinite(vectors).all():
            raise ValueError(
                f"The vectors must be finite, got {vectors[~np.isfinite(vectors)][0]}, since "
                "float16 is too narrow for this model; use dtype='float32'."
            )
        return normalize(vectors, copy=False) if self.normalize else vectors

    def get_feature_names_out(self, input_features: PerText | None = None) -> npt.NDArray[Any]:
        """Return the names of the columns of what `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used, but must be the names of the columns of `X` if :meth:`fit` has seen any.

        Returns
        -------
        names : ndarray of str
            The name of the column of texts and a number, such as "text_0", if `X` was a data frame
            or a Series with one; else the name of the class and a number.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        ValueError
            If `input_features` are not the names of the columns.
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        if self._column_name is None:
            return names
        return np.array([f"{self._column_name}_{i}" for i in range(len(names))], dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state; an encoder that is the estimator's is held there alone."""
        estimator, rest = getattr(self, "estimator_", None), self
        if estimator is not None and self.module_ is estimator.module_:
            rest = copy.copy(self)
            del rest.module_, rest.tokenizer_
            if estimator is getattr(self.estimator, "estimator", self.estimator):
                del rest.estimator_
        state = super(BertTextEmbedder, rest).__getstate__()
        if "layers_" in state:
            from ._engine.sentence_model import pack_layers

            state["layers_"] = pack_layers(state["layers_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the state, and the encoder of the estimator where it is there alone."""
        super().__setstate__(state)
        if not hasattr(self, "pooling_"):
            return
        from ._engine.sentence_model import unpack_layers

        self.layers_ = unpack_layers(self.layers_)
        if not hasattr(self, "module_"):
            if not hasattr(self, "estimator_"):
                estimator: Any = self.estimator
                self.estimator_ = getattr(estimator, "estimator", estimator)
            self.module_, self.tokenizer_ = self.estimator_.module_, self.estimator_.tokenizer_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # texts have none
        return tags

    @property
    def _n_features_out(self) -> int:
        """Width of the vectors."""
        width = self.module_.config.hidden_size * len(self._ways)
        for layer in self.layers_:
            width = getattr(getattr(layer, "linear", None), "out_features", width)
        return width

    @property
    def _ways(self) -> tuple[str, ...]:
        """The ways of pooling, as a tuple."""
        return (self.pooling_,) if isinstance(self.pooling_, str) else self.pooling_


def _readable_again(X: Texts) -> Texts:
    """Return `X`, or a list of what it gives where it gives that only once."""
    return list(X) if isinstance(X, Iterator) else X


def _with_prompt(prompt: str, text: str | tuple[str, str]) -> str | tuple[str, str]:
    """Return a text, or a pair, with the prompt before it."""
    return prompt + text if isinstance(text, str) else (prompt + text[0], text[1])


def _column_names(X: Texts) -> npt.NDArray[Any] | None:
    """Return the names of the columns of a data frame as an array; None where they are no str."""
    names = column_names(X)
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def _only_name(X: Texts, names: npt.NDArray[Any] | None) -> str | None:
    """Return the name of the one column of texts, or None."""
    if names is not None:
        return names[0] if len(names) == 1 else None
    name = getattr(X, "name", None)  # of a Series
    return name if isinstance(name, str) and name else None


def _weights(sample_weight: PerText | None) -> dict[str, PerText]:
    """Return the weights as the argument of a `fit` that may know none."""
    return {} if sample_weight is None else {"sample_weight": sample_weight}


def _fitted_estimator(
    estimator: Any, X: Texts, y: Targets | None, sample_weight: PerText | None
) -> Any:
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
        return clone(estimator).fit(X, y, **_weights(sample_weight))
    return estimator
