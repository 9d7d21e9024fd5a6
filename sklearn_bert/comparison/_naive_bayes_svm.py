"""The naive-Bayes SVM: a strong and quick classifier of word counts."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted


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
