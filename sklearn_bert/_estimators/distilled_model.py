"""What distilled classifiers and regressors share; to predict, they need NumPy and tokenizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._files.manifest import reading
from .._saving.distilled_folder import read_distilled, save_distilled
from .._shorten import shorten
from .._text.ngram_network import NgramNetwork
from .._text.pieces import Pieces
from .._text.texts import check_texts

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.base import BaseEstimator
    from sklearn.utils import Tags

    from .._typing import Path, PerText, RandomState, Targets, Texts

# Where a classifier reads more of a text than its beginning: pieces read of each.
_LONGEST = 2048

_TEXTS_AT_ONCE = 1024


def check_one_column(teacher: Any) -> None:
    """Refuse a teacher with several columns of labels."""
    if isinstance(getattr(teacher, "classes_", None), list):
        raise ValueError(
            f"distill needs one column of labels, got {len(teacher.classes_)}; fit a classifier "
            "to each column and distil that."
        )


class DistilledTextModel:
    """A fast network that was trained to give the outputs of a fine-tuned encoder.

    It is an estimator of scikit-learn by what it does, and no `BaseEstimator`: scikit-learn takes
    longer to import than a model to load and to answer.

    A subclass has `_kind`, that of its folder, `_fitted_names`, the attributes that it takes over
    from its teacher, `_teacher_name`, `_task`, which tells what the outputs of a teacher stand for,
    and `_estimator_type`, which scikit-learn knows.
    """

    _estimator_type: str
    _kind: str
    _task: Any
    _teacher_name: str
    _fitted_names: tuple[str, ...]
    pairs_ = False  # it reads single texts
    max_length_: int
    n_samples_fit_: int

    def __init__(
        self, estimator: BaseEstimator | None, *, random_state: RandomState = None
    ) -> None:
        self.estimator = estimator
        self.random_state = random_state

    def fit(
        self,
        X: Texts,
        y: Targets | None = None,
        sample_weight: PerText | None = None,
        *,
        X_unlabelled: Texts | None = None,
    ) -> Self:
        """Fit the teacher, unless it is fitted, and distil it.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,) or (n_samples, 1)
            The texts.

        y : array-like, default=None
            What a teacher that is not fitted learns of them, as its own `fit` takes it. One that
            is fitted needs none.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the texts in the fit of the teacher.

        X_unlabelled : array-like of str, default=None
            Further texts to distil on. Many of them make the network much better.

        Returns
        -------
        self : estimator instance
            The fitted estimator.

        Raises
        ------
        TypeError
            If a text is not a str, or `estimator` is no teacher of this kind.
        ValueError
            If the teacher reads pairs of texts, has several columns of labels, or cannot be fitted.
        """
        from sklearn.base import clone
        from sklearn.utils import check_random_state, get_tags

        from .text_estimator import TextEstimator

        check_random_state(self.random_state)  # before anything takes long
        teacher, wanted = self.estimator, self._estimator_type
        if not isinstance(teacher, TextEstimator) or get_tags(teacher).estimator_type != wanted:
            raise TypeError(
                f"estimator must be a {self._teacher_name}, got {shorten(teacher)}; pass one, "
                "fitted or not."
            )
        texts = check_texts(X) + ([] if X_unlabelled is None else check_texts(X_unlabelled))
        if not hasattr(teacher, "module_"):
            teacher = clone(teacher).fit(X, y, sample_weight)
        return self._distil(teacher, texts)

    @classmethod
    def _distilled_from(cls, teacher: BaseEstimator, X: Texts, random_state: RandomState) -> Self:
        """Return one that gives what a fitted estimator gives for texts, or nearly."""
        from sklearn.base import clone

        return cls(clone(teacher), random_state=random_state)._distil(teacher, check_texts(X))

    def _distil(self, teacher: Any, texts: list[str]) -> Self:
        """Learn what a fitted estimator gives for texts."""
        from sklearn.utils import check_random_state
        from tokenizers import Tokenizer

        from .._engine.distillation import distil
        from .._text.tokenizer import backend_of, kept_side

        if teacher.pairs_:
            raise ValueError(
                f"distill needs single texts, and this {type(teacher).__name__} was fitted to "
                "pairs, which words alone do not tell apart; distill(X, n_layers=2) gives a "
                "smaller encoder."
            )
        check_one_column(teacher)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        embeddings = teacher.module_.get_input_embeddings().weight.detach().cpu().float().numpy()
        is_head = kept_side(teacher.tokenizer_, teacher.long_text) == "head"
        special = teacher.tokenizer_.num_special_tokens_to_add()
        longest = teacher.max_length_ - special if is_head else _LONGEST
        tokenizer = Tokenizer.from_str(backend_of(teacher.tokenizer_).to_str())
        pieces = Pieces(tokenizer, longest, nothing=len(embeddings))
        outputs = teacher._outputs(texts)
        arrays = distil(*pieces.of_texts(texts), outputs, embeddings, self._task(teacher), seed)
        # Nothing is set before all has succeeded.
        fitted = {name: getattr(teacher, name) for name in self._fitted_names}
        fitted |= {"max_length_": longest, "n_samples_fit_": len(texts)}
        self._take(fitted, arrays, tokenizer.to_str())
        return self

    def _take(self, fitted: dict[str, Any], arrays: dict[str, Any], tokenizer: str) -> None:
        """Take over what was fitted or loaded."""
        from tokenizers import Tokenizer

        network = NgramNetwork(arrays)
        pieces = Pieces(
            Tokenizer.from_str(tokenizer), fitted["max_length_"], nothing=len(arrays["rows"]) - 1
        )
        vars(self).update(fitted)
        self._tokenizer, self._network, self._pieces = tokenizer, network, pieces

    def _outputs(self, X: Texts) -> npt.NDArray[np.float64]:
        """Return the outputs of the network for each text."""
        self._check_fitted()
        texts = check_texts(X)
        chunks = [
            self._network.outputs(*self._pieces.of_texts(texts[start : start + _TEXTS_AT_ONCE]))
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
        ]
        return np.concatenate(chunks)

    def _check_fitted(self) -> None:
        """Raise `NotFittedError` before a fit."""
        if not self.__sklearn_is_fitted__():
            from sklearn.utils.validation import check_is_fitted

            check_is_fitted(self)

    def save_pretrained(self, path: Path) -> None:
        """Save to a folder that any machine loads, and that holds no code.

        The network is a file of safetensors, everything else is JSON or text. As with
        :meth:`BertTextClassifier.save_pretrained
        <sklearn_bert.BertTextClassifier.save_pretrained>`, only files that were written by an
        earlier call are replaced; and killed at any moment, the old model is what is loaded, or
        the new one is.

        Parameters
        ----------
        path : str or path-like
            New, empty, or the folder of a model that was saved before, whose files are replaced; or
            a link to one.

        Raises
        ------
        NotFittedError
            If there is nothing to save.
        FileExistsError
            If there is something else at `path`, which is named.
        OSError
            If it cannot be written; what was there is as it was.
        TypeError
            If the labels are no str, int, float or bool.
        """
        self._check_fitted()
        save_distilled(self, path, **self._state())

    @classmethod
    def from_pretrained(cls, path: Path) -> Self:
        """Load what `save_pretrained` wrote. No code of the folder is run, whoever wrote it.

        Neither torch nor transformers nor scikit-learn is imported.

        Parameters
        ----------
        path : str or path-like
            The folder.

        Returns
        -------
        estimator : estimator instance
            Fitted. Its `estimator` is None: the folder does not hold the parameters of the teacher.

        Raises
        ------
        FileNotFoundError
            If `path` is no folder of a saved model.
        ValueError
            If the folder is damaged, of another estimator, of a newer version, or holds what
            `save_pretrained` does not write.
        """
        self = cls(None)
        with reading(path, cls._kind) as (folder, manifest):
            self._take(**read_distilled(folder, manifest))
        return self

    def _state(self) -> dict[str, Any]:
        """Return all that was fitted, in plain types and arrays."""
        names = [name for name in vars(self) if name.endswith("_")]
        return {
            "fitted": {name: getattr(self, name) for name in names},
            "arrays": self._network.arrays,
            "tokenizer": self._tokenizer,
        }

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"parameters": self.get_params(deep=False)}
        return state | ({"fitted": self._state()} if self.__sklearn_is_fitted__() else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["parameters"])
        if "fitted" in state:
            self._take(**state["fitted"])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of `estimator` are among them, as ``estimator__NAME``.

        Returns
        -------
        params : dict
            By name.
        """
        params = {"estimator": self.estimator, "random_state": self.random_state}
        estimator: Any = self.estimator
        if deep and hasattr(estimator, "get_params"):
            nested = estimator.get_params().items()
            params |= {f"estimator__{name}": value for name, value in nested}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            By name; those of `estimator` as ``estimator__NAME``.

        Returns
        -------
        self : estimator instance
            With the new parameters.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        nested = {}
        for name, value in params.items():
            first, _, rest = name.partition("__")
            known = self.get_params(deep=False)
            if first not in known or (rest and first != "estimator"):
                raise ValueError(
                    f"Invalid parameter {name!r} for {type(self).__name__}; the parameters are "
                    f"{list(known)!r} and those of estimator as 'estimator__NAME'."
                )
            if rest:
                nested[rest] = value
            else:
                setattr(self, name, value)
        if nested:
            estimator: Any = self.estimator
            estimator.set_params(**nested)
        return self

    def __repr__(self) -> str:
        seed = "" if self.random_state is None else f", random_state={self.random_state!r}"
        return f"{type(self).__name__}({self.estimator!r}{seed})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        is_classifier = self._estimator_type == "classifier"
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=False, multi_output=not is_classifier),
            classifier_tags=ClassifierTags(multi_label=True) if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )
