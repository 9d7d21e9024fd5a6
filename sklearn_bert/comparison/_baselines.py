"""The models that are cheaper than fine-tuning, each as strong as its usual recipe makes it."""

import warnings
from importlib.util import find_spec

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from .._estimators.blas import one_blas_thread
from ._naive_bayes_svm import NaiveBayesSVM
from ._one_vs_rest import OneVsRest

MAJORITY, MEAN = "majority class", "mean"
_PENALTIES = (0.1, 0.3, 1, 3)


def has_model2vec():
    """Return whether model2vec is installed, with what it distils by."""
    return all(find_spec(name) is not None for name in ("model2vec", "skeletoken"))


def cheap_models(*, with_probabilities, random_state, kind="labels", pairs=False):
    """Return the models of texts that need no BERT, by name, the simplest first.

    Parameters
    ----------
    with_probabilities : bool
        Whether classifiers without `predict_proba` are calibrated, so that they have it.
    random_state : int or None
        Seeds what is random in them.
    kind : {"labels", "several labels", "numbers"}, default="labels"
        What they predict.
    pairs : bool, default=False
        Whether of pairs of texts.
    """
    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    if kind == "numbers":
        # How strong a penalty suits depends on the length of the texts, and on noise in `y`.
        folds = KFold(3, shuffle=True, random_state=random_state)
        ridge = GridSearchCV(Ridge(), {"alpha": _PENALTIES}, cv=folds)
        return {MEAN: DummyRegressor(), "TF-IDF + ridge": _on(tfidf, ridge, pairs)}

    def svm(classifier):
        """Return an SVM, with probabilities where they are wanted."""
        if not with_probabilities:
            return classifier
        return CalibratedClassifierCV(classifier, ensemble=False, cv=FoldsThatFit())

    presence = CountVectorizer(ngram_range=(1, 2), binary=True)
    # Of two classes each, liblinear is a hundred times as fast, and finds the same.
    solver = "lbfgs" if kind == "labels" else "liblinear"
    logistic = LogisticRegression(C=10, max_iter=1000, solver=solver, random_state=random_state)
    linear = {
        "TF-IDF + logistic regression": (tfidf, logistic),
        "TF-IDF + linear SVM": (tfidf, svm(LinearSVC(C=0.5, random_state=random_state))),
        "naive-Bayes SVM": (presence, svm(NaiveBayesSVM(random_state=random_state))),
    }
    return {
        MAJORITY: DummyClassifier(strategy="prior"),
        **{
            name: _on(vectorizer, classifier if kind == "labels" else OneVsRest(classifier), pairs)
            for name, (vectorizer, classifier) in linear.items()
        },
    }


class OneThreadPipeline(Pipeline):
    """A pipeline that is fitted with one thread of BLAS."""

    def fit(self, X, y=None, **params):
        """Fit all steps."""
        with one_blas_thread():
            return super().fit(X, y, **params)


def _on(vectorizer, model, pairs):
    """Return a model on the words of texts, or on those of both texts of a pair side by side."""
    vectorizer = clone(vectorizer)
    if pairs:
        vectorizer = ColumnTransformer(
            [("first", vectorizer, 0), ("second", vectorizer, 1)], sparse_threshold=1.0
        )
    return OneThreadPipeline(make_pipeline(vectorizer, model).steps)


class FoldsThatFit:
    """Stratified folds, no more than there are texts of the rarest class, and at least two.

    The only text of a class is in all training parts, since each must have all classes.

    Parameters
    ----------
    most : int, default=5
        Folds.
    """

    def __init__(self, most=5):
        self.most = most

    def split(self, X, y, groups=None):
        """Return pairs of training and test rows."""
        _, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
        alone = np.flatnonzero(counts[numbers] == 1)
        n_folds = int(np.clip(min(counts[counts > 1], default=2), 2, self.most))
        with warnings.catch_warnings():  # a class of one text is nobody's fault here
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            folds = list(StratifiedKFold(n_folds).split(X, y))
        return [(np.union1d(train, alone), test) for train, test in folds]

    def get_n_splits(self, X, y, groups=None):
        """Return the number of folds."""
        return len(self.split(X, y))
