"""Models on the vectors that a BERT gives without fine-tuning, or that are distilled from one."""

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._estimators.blas import one_blas_thread
from .._text.texts import check_texts_or_pairs, is_pairs
from ._one_vs_rest import OneVsRest

STATIC, FROZEN = "static embeddings", "frozen BERT"
_PENALTIES = np.logspace(0, 5, 11)


def row_name(vectors, kind):
    """Return the name of the row of a model on static embeddings or a frozen BERT."""
    return f"{vectors} + {'ridge' if kind == 'numbers' else 'logistic regression'}"


def head_for(kind):
    """Return the linear model on vectors that predicts labels, several labels or numbers."""
    if kind == "numbers":
        return make_pipeline(StandardScaler(), RidgeCV(_PENALTIES))
    classifier = LogisticRegression(C=0.03, max_iter=1000)
    return make_pipeline(
        StandardScaler(), classifier if kind == "labels" else OneVsRest(classifier)
    )


def of_pairs(vectors):
    """Return what is seen of pairs, given the vectors of both texts side by side."""
    first, second = np.split(vectors, 2, axis=1)
    return np.hstack([first, second, np.abs(first - second), first * second])


class _OnVectors(BaseEstimator):
    """A linear model on vectors of texts.

    Of a pair, it sees both vectors, their distances and their products (Conneau et al., 2017).

    Parameters
    ----------
    embeddings : object
        Where the vectors come from; shared by all copies.
    head : pipeline, default=None
        The model. None is a logistic regression.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, of a classifier.
    saved_seconds_, saved_cpu_seconds_ : float
        What the last `fit` or `predict_proba` would have taken longer without sharing.
    once_seconds_ : float
        What it took for the others, too.

    References
    ----------
    A. Conneau, D. Kiela, H. Schwenk, L. Barrault, A. Bordes (2017). Supervised Learning of
    Universal Sentence Representations from Natural Language Inference Data. EMNLP.
    """

    def __init__(self, embeddings, head=None):
        self.embeddings = embeddings
        self.head = head

    def __sklearn_clone__(self):
        return type(self)(self.embeddings, None if self.head is None else clone(self.head))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        head = get_tags(self._head())
        tags.estimator_type = head.estimator_type
        tags.classifier_tags, tags.regressor_tags = head.classifier_tags, head.regressor_tags
        tags.input_tags.string = tags.input_tags.one_d_array = True
        return tags

    def _head(self):
        """Return the model, not fitted."""
        return head_for("labels") if self.head is None else clone(self.head)

    def _fit_head(self, X, y, sample_weight):
        """Fit the model to the vectors of texts."""
        self.head_ = self._head()
        weights = {f"{name}__sample_weight": sample_weight for name, _ in self.head_.steps}
        vectors = self._vectors(X)
        # With metadata routing on, a pipeline refuses parameters of its steps by name.
        with config_context(enable_metadata_routing=False), one_blas_thread():
            self.head_.fit(vectors, y, **weights)
        if hasattr(self.head_, "classes_"):
            self.classes_ = self.head_.classes_
        return self

    def _vectors(self, X):
        """Return what the model sees of texts or pairs."""
        texts = check_texts_or_pairs(X)
        if not is_pairs(texts):
            return self._embed(texts)
        sides = zip(*texts, strict=True)
        return of_pairs(np.hstack(np.split(self._embed([x for side in sides for x in side]), 2)))

    @property
    def _predicts_by_proba(self):
        """Whether labels are those of the highest probability, always."""
        return hasattr(self, "classes_")

    def predict(self, X):
        """Return labels or numbers."""
        check_is_fitted(self)
        vectors = self._vectors(X)
        with one_blas_thread():
            return self.head_.predict(vectors)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy, or the coefficient of determination."""
        return self.head_.score(self._vectors(X), y, sample_weight)

    @available_if(lambda self: hasattr(self.head_, "predict_proba"))
    def predict_proba(self, X):
        """Return the probabilities of the classes."""
        check_is_fitted(self)
        vectors = self._vectors(X)
        with one_blas_thread():
            return self.head_.predict_proba(vectors)


class FrozenBert(_OnVectors):
    """A linear model on the embeddings of a BERT that is left as it was pretrained.

    Parameters
    ----------
    embeddings : Embeddings
        Shared by all copies, so that each text is computed once for all folds.
    head : pipeline, default=None
        The model. None is a logistic regression.
    """

    def fit(self, X, y, sample_weight=None):
        """Embed the texts and fit the model."""
        return self._fit_head(X, y, sample_weight)

    def _embed(self, texts):
        """Return the vectors of texts."""
        vectors, spent, saved = self.embeddings.get(texts)
        self.once_seconds_ = float(spent[0])
        self.saved_seconds_, self.saved_cpu_seconds_ = map(float, saved)
        return vectors


class StaticBert(_OnVectors):
    """A linear model on the mean of token vectors that were distilled from a BERT.

    Parameters
    ----------
    embeddings : StaticEmbeddings
        Shared by all copies, so that the BERT is distilled once for all folds.
    head : pipeline, default=None
        The model. None is a logistic regression.
    """

    def fit(self, X, y, sample_weight=None):
        """Distil the BERT, if no copy has, and fit the model."""
        seconds = self.embeddings.distil()
        self._fit_head(X, y, sample_weight)
        self.once_seconds_ = seconds
        if not seconds:
            self.saved_seconds_ = self.embeddings.seconds
            self.saved_cpu_seconds_ = self.embeddings.cpu_seconds
        return self

    def _embed(self, texts):
        """Return the vectors of texts."""
        self.once_seconds_ = self.saved_seconds_ = self.saved_cpu_seconds_ = 0.0
        return self.embeddings.get(texts)
