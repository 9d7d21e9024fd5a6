"""Exported classifiers: prediction with onnxruntime, without torch, transformers, scikit-learn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from ._files.manifest import from_json, reading
from ._plain import plain
from ._saving.onnx_graph import KIND, Graph, import_onnxruntime
from ._text.probabilities import ProbabilitiesMixin
from ._text.texts import check_names, check_texts_or_pairs, in_chunks, is_pairs
from ._text.tokens import tokenize
from ._text.true_labels import read_true_labels

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.utils import Tags

    from ._typing import Path, Targets, Texts

TOKENIZER = "tokenizer.json"

_NO_FIT = (
    "OnnxTextClassifier cannot be fitted; load one with OnnxTextClassifier.from_pretrained, or fit "
    "a BertTextClassifier."
)


class OnnxTextClassifier(ProbabilitiesMixin):
    """Predict with a classifier that was exported to ONNX, without torch.

    Made by :meth:`from_pretrained` from a folder that
    :meth:`BertTextClassifier.export_onnx <sklearn_bert.BertTextClassifier.export_onnx>` wrote. It
    needs onnxruntime, tokenizers and NumPy (the extra ``onnx``), and imports
    neither torch nor transformers nor scikit-learn: it starts faster and takes less memory than
    the classifier it comes from, whose answers it gives. It cannot be fitted.

    One object serves any number of threads, and processes that are forked from the one that loaded
    it. A pickle of it holds the path of the folder, not the weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    multilabel_ : bool
        Whether each text may have several labels.

    feature_names_in_ : ndarray of shape (2,)
        Names of the columns of pairs, where the classifier was fitted to a frame that has them.

    pairs_ : bool
        Whether it reads pairs of texts.

    max_length_ : int
        Tokens kept of each text.

    See Also
    --------
    BertTextClassifier : What is exported.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_bert import BertTextClassifier, OnnxTextClassifier
    >>> texts = ["a joy from start to end", "what a waste of time"] * 8
    >>> labels = ["good", "bad"] * 8
    >>> clf = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     difference = clf.fit(texts, labels).export_onnx(folder)
    ...     light = OnnxTextClassifier.from_pretrained(folder)
    >>> light.predict(["such a joy"])
    array(['good'], dtype='<U4')
    """

    _estimator_type = "classifier"

    # Set from the folder all at once, which type checkers cannot follow.
    classes_: npt.NDArray[Any]
    multilabel_: bool
    pairs_: bool
    max_length_: int
    feature_names_in_: npt.NDArray[Any]

    @classmethod
    def from_pretrained(
        cls, path: Path, *, n_threads: int | None = None, providers: list[str] | None = None
    ) -> Self:
        """Load what `export_onnx` wrote. No code in the folder is run.

        Parameters
        ----------
        path : str or path-like
            The folder.
        n_threads : int, default=None
            Threads that compute one call; None is one a core. A server that answers many calls at
            once is better off with 1.
        providers : list of str, default=None
            Execution providers of onnxruntime, the first ones preferred, such as
            ``["CUDAExecutionProvider", "CPUExecutionProvider"]``. None is the CPU.

        Returns
        -------
        classifier : OnnxTextClassifier

        Raises
        ------
        ModuleNotFoundError
            If onnxruntime is not installed.
        FileNotFoundError
            If `path` is no folder of an exported classifier.
        ValueError
            If the folder is damaged, of another estimator, of a newer version, or holds what
            `export_onnx` does not write; or if `n_threads` is below 1.
        """
        n_threads = plain(n_threads)
        if n_threads is not None and (type(n_threads) is not int or n_threads < 1):
            raise ValueError(
                f"n_threads must be an int above 0, got {n_threads!r}; None uses all cores."
            )
        self = cls.__new__(cls)
        self._options = {"path": os.fspath(path), "n_threads": n_threads, "providers": providers}
        self._load()
        return self

    def __init__(self) -> None:
        raise TypeError(_NO_FIT)

    def fit(self, X: object, y: object = None) -> NoReturn:
        """Raise an error: what was exported stays as it is.

        Parameters
        ----------
        X : object
            Not used.
        y : object, default=None
            Not used.

        Raises
        ------
        TypeError
            Always. scikit-learn's ``FrozenEstimator`` lets meta-estimators use what is fitted.
        """
        raise TypeError(_NO_FIT)

    def _load(self) -> None:
        """Set all attributes from the folder."""
        import_onnxruntime()
        options = dict(self._options)
        with reading(options.pop("path"), KIND) as (folder, manifest):
            for name, value in manifest["fitted"].items():
                setattr(self, name, from_json(value))
            self._inputs = manifest["inputs"]
            self._tokenizer = _Tokenizer(folder / TOKENIZER, self._inputs)
            (graph,) = (name for name in manifest["files"] if name.endswith(".onnx"))
            self._graph = Graph(folder / graph, **options)

    def _outputs(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the logits of each text, in float64."""
        texts = check_texts_or_pairs(X)
        if is_pairs(texts) != self.pairs_:
            names = {True: "pairs of texts", False: "single texts"}
            raise ValueError(
                f"X must hold {names[self.pairs_]}, which the classifier was fitted to, got "
                f"{names[not self.pairs_]}; pass X of the same columns as in fit."
            )
        check_names(X, getattr(self, "feature_names_in_", None), type(self).__name__)
        return in_chunks(self._logits, texts)

    def _logits(self, texts: list[Any]) -> npt.NDArray[np.float64]:
        """Return the logits of some texts."""
        inputs = self._inputs
        ragged = tokenize(
            self._tokenizer, texts, self.max_length_, inputs["long_text"], inputs["overlap"]
        )
        return ragged.mean_of_windows(self._graph.run(ragged))

    def score(self, X: Texts, y: Targets) -> float:
        """Return the share of texts whose labels are all predicted right.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
            The texts, or pairs of texts.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The labels.

        Returns
        -------
        accuracy : float
            Between 0 and 1.

        Raises
        ------
        TypeError
            If a row of `X` is not a str.
        ValueError
            If `X` is a single str, is empty, has not the columns that it was fitted to, or has
            another length than `y`; or if the columns of `y` are not those of the labels.
        """
        y_true = read_true_labels(y, self.classes_, self.multilabel_)
        y_pred = self.predict(X)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"y must have the shape of the predictions, {y_pred.shape}, got {y_true.shape}; "
                "pass a label for each text."
            )
        right = y_true == y_pred
        return float((right.all(axis=1) if self.multilabel_ else right).mean())

    def __getstate__(self) -> dict[str, Any]:
        return self._options | {"path": os.path.abspath(os.path.expanduser(self._options["path"]))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._options = state
        self._load()

    def __repr__(self) -> str:
        return f"OnnxTextClassifier.from_pretrained({self._options['path']!r})"

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        from .classifier import BertTextClassifier

        return BertTextClassifier().__sklearn_tags__()


class _Tokenizer:
    """What `tokenize` needs of a tokenizer, without transformers."""

    def __init__(self, file: os.PathLike[str], inputs: dict[str, Any]) -> None:
        from tokenizers import Tokenizer

        self.backend_tokenizer = Tokenizer.from_file(str(file))
        self.pad_token_id = inputs["pad_token_id"]
        self.model_input_names = ["token_type_ids"] if inputs["has_types"] else []
        self.split_special_tokens = inputs.get("split_special_tokens", False)

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size()
