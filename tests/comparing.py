"""What tests of a comparison compare: texts of known noise, and stand-ins for BERT."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

CHEAP = [
    *("majority class", "TF-IDF + logistic regression", "TF-IDF + linear SVM"),
    "naive-Bayes SVM",
]
PRETRAINED = ["static embeddings + logistic regression", "frozen BERT + logistic regression"]


def make_texts(noise, n_texts=100):
    """Return texts that a word decides, but for a fraction `noise` that only "!" and "?" decide.

    The cheap models drop punctuation, and so cannot tell the latter. They drop single digits too,
    which make each text another one.
    """
    rng = np.random.default_rng(0)
    y = np.array(["neg", "pos"] * (n_texts // 2))
    hidden = rng.random(n_texts) < noise
    words = np.where(hidden, "film", np.where(y == "pos", "good", "bad"))
    marks = np.where(y == "pos", "!", "?")
    parts = zip(words, marks, range(n_texts), strict=True)
    return [f"the {word} {mark} {' '.join(str(number))}" for word, mark, number in parts], y


def make_reader():
    """Return a stand-in for BERT that sees every sign."""
    return make_pipeline(CountVectorizer(token_pattern=r"\S+"), LogisticRegression(C=100))


class FailsOn(ClassifierMixin, BaseEstimator):
    """A reader whose fits fail with an error, those with the given numbers."""

    fits = 0

    def __init__(self, numbers=(), error=None):
        self.numbers = numbers
        self.error = error

    def fit(self, X, y):
        """Fail, or learn."""
        type(self).fits += 1
        if type(self).fits - 1 in self.numbers:
            raise self.error
        self.model_ = make_reader().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        """Return the labels."""
        return self.model_.predict(X)
