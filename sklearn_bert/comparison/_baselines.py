"""The models that are cheaper than fine-tuning, each as strong as its usual recipe makes it."""

import warnings
from importlib.util import find_spec

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from .._estimators.blas import one_blas_thread

MAJORITY = "majority class"
FROZEN = "frozen BERT + logistic regression"
STATIC = "static embeddings + logistic regression"


def has_model2vec():
    """Return whether model2vec is installed, with what it distils by."""
    return all(find_spec(name) is not None for name in ("model2vec", "skeletoken"))


def cheap_models(*, with_probabilities, random_state):
    """Return the classifiers of texts that need no BERT, by name, the simplest first.

    Parameters
    ----------
    with_probabilities : bool
        Whether those without `predict_proba` are calibrated, so that they have it.
    random_state : int or None
        Seeds what is random in them.
    """

    def calibrated(svm):
        """Return the SVM, with probabilities where they are wanted."""
        if not with_probabilities:
            return svm
        return CalibratedClassifierCV(svm, ensemble=False, cv=FoldsThatFit())

    return {
        MAJORITY: DummyClassifier(strategy="prior"),
        "TF-IDF + logistic regression": _one_thread(
            _tfidf(), LogisticRegression(C=10, max_iter=1000)
        ),
        "TF-IDF + linear SVM": _one_thread(
            _tfidf(), calibrated(LinearSVC(C=0.5, random_state=random_state))
        ),
        "naive-Bayes SVM": _one_thread(
            CountVectorizer(ngram_range=(1, 2), binary=True),
            calibrated(NaiveBayesSVM(random_state=random_state)),
        ),
    }


class OneThreadPipeline(Pipeline):
    """A pipeline that is fitted with one thread of BLAS."""

    def fit(self, X, y=None, **params):
        """Fit all steps."""
        with one_blas_thread():
            return super().fit(X, y, **params)


def _one_thread(*steps):
    """Return such a pipeline, its steps named as by `make_pipeline`."""
    return OneThreadPipeline(make_pipeline(*steps).steps)


def _tfidf():
    """Return the vectorizer: words and word pairs with sublinear counts."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


class FoldsThatFit:
    """Five stratified folds, or as many as there are texts of the rarest class, at least two.

    The only text of a class is in all training parts, since each must have all classes.
    """

    def split(self, X, y, groups=None):
        """Return pairs of training and test rows."""
        _, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
        alone = np.flatnonzero(counts[numbers] == 1)
        n_folds = int(np.clip(min(counts[counts > 1], default=2), 2, 5))
        with warnings.catch_warnings():  # a class of one text is nobody's fault here
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            folds = list(StratifiedKFold(n_folds).split(X, y))
        return [(np.union1d(train, alone), test) for train, test in folds]

    def get_n_splits(self, X, y, groups=None):
        """Return the number of folds."""
        return len(self.split(X, y))


class NaiveBayesSVM(ClassifierMixin, BaseEstimator):
    """A linear SVM on word presences that are multiplied by their naive-Bayes log-count ratios.

    Each class against the rest; the weights are drawn towards their mean magnitude.

    Parameters
    ----------
    alpha : float, default=1.0
        Added to the counts.
    beta : float, default=0.25
        How much of the SVM's own weights is kept; the rest is their mean magnitude.
    C : float, default=1.0
        Inverse strength of the SVM's penalty.
    random_state : int or None, default=None
        Seeds the SVM's solver.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of shape (n_problems, n_features)
        Weights of the presences; one problem for two classes, else one a class.
    intercept_ : ndarray of shape (n_problems,)
        Offsets.

    References
    ----------
    S. Wang, C. D. Manning (2012). Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification. ACL.
    """

    def __init__(self, *, alpha=1.0, beta=0.25, C=1.0, random_state=None):
        self.alpha = alpha
        self.beta = beta
        self.C = C
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Fit a problem for each class, one for two of them."""
        X = sparse.csr_matrix(X, dtype=np.float64)
        self.classes_, y = np.unique(y), np.asarray(y)
        positives = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        problems = [self._fit_binary(X, y == positive, weights) for positive in positives]
        self.coef_ = np.array([coef for coef, _ in problems])
        self.intercept_ = np.array([intercept for _, intercept in problems])
        return self

    def _fit_binary(self, X, is_positive, sample_weight):
        """Return the weights and the offset that tell one class from the rest."""
        present = self.alpha + X.T @ (sample_weight * is_positive)
        absent = self.alpha + X.T @ (sample_weight * ~is_positive)
        ratio = np.log((present / present.sum()) / (absent / absent.sum()))
        svm = LinearSVC(C=self.C, random_state=self.random_state)
        svm.fit(X @ sparse.diags(ratio), is_positive, sample_weight)
        weights = svm.coef_[0]
        weights = (1 - self.beta) * np.abs(weights).mean() + self.beta * weights
        return ratio * weights, svm.intercept_[0]

    def decision_function(self, X):
        """Return the distances, one column a class, or one value for two classes."""
        check_is_fitted(self)
        decision = X @ self.coef_.T + self.intercept_
        return decision[:, 0] if len(self.classes_) == 2 else decision

    def predict(self, X):
        """Return the labels."""
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return self.classes_[(decision > 0).astype(int)]
        return self.classes_[decision.argmax(axis=1)]


class _EmbeddingsClassifier(ClassifierMixin, BaseEstimator):
    """Logistic regression on vectors of texts.

    Parameters
    ----------
    embeddings : object
        Where the vectors come from; shared by all copies.
    """

    _predicts_by_proba = True

    def __init__(self, embeddings):
        self.embeddings = embeddings

    def __sklearn_clone__(self):
        return type(self)(self.embeddings)

    def _fit_head(self, vectors, y, sample_weight):
        """Fit the regression to the vectors."""
        self.head_ = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=1000))
        # With metadata routing on, a pipeline refuses parameters of its steps by name.
        with config_context(enable_metadata_routing=False), one_blas_thread():
            self.head_.fit(
                vectors,
                y,
                standardscaler__sample_weight=sample_weight,
                logisticregression__sample_weight=sample_weight,
            )
        self.classes_ = self.head_.classes_
        return self

    def _proba_of(self, vectors):
        """Return the probabilities of the regression."""
        with one_blas_thread():
            return self.head_.predict_proba(vectors)

    def predict(self, X):
        """Return the most probable labels."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class FrozenBert(_EmbeddingsClassifier):
    """Logistic regression on the embeddings of a BERT that is left as it was pretrained.

    Parameters
    ----------
    embeddings : Embeddings
        Shared by all copies, so that each text is computed once for all folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    saved_seconds_, saved_cpu_seconds_ : float
        What the last `fit` or `predict_proba` would have taken longer without sharing.
    once_seconds_ : float
        What it took for the others, too.
    """

    def fit(self, X, y, sample_weight=None):
        """Embed the texts and fit the regression."""
        return self._fit_head(self._vectors(X), y, sample_weight)

    def _vectors(self, X):
        """Return the vectors of texts."""
        vectors, spent, saved = self.embeddings.get(X)
        self.once_seconds_ = float(spent[0])
        self.saved_seconds_, self.saved_cpu_seconds_ = map(float, saved)
        return vectors

    def predict_proba(self, X):
        """Return the probabilities of the classes."""
        check_is_fitted(self)
        vectors = self._vectors(X)
        return self._proba_of(vectors)


class StaticBert(_EmbeddingsClassifier):
    """Logistic regression on the mean of token vectors that were distilled from a BERT.

    Parameters
    ----------
    embeddings : StaticEmbeddings
        Shared by all copies, so that the BERT is distilled once for all folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    saved_seconds_, saved_cpu_seconds_ : float
        What the last `fit` or `predict_proba` would have taken longer without sharing.
    once_seconds_ : float
        What it took for the others, too.
    """

    def fit(self, X, y, sample_weight=None):
        """Distil the BERT, if no copy has, and fit the regression."""
        self.once_seconds_ = self.embeddings.distil()
        is_shared = self.once_seconds_ == 0
        self.saved_seconds_ = is_shared * self.embeddings.seconds
        self.saved_cpu_seconds_ = is_shared * self.embeddings.cpu_seconds
        return self._fit_head(self.embeddings.get(X), y, sample_weight)

    def predict_proba(self, X):
        """Return the probabilities of the classes."""
        check_is_fitted(self)
        self.once_seconds_ = self.saved_seconds_ = self.saved_cpu_seconds_ = 0.0
        return self._proba_of(self.embeddings.get(X))
