"""Several labels a text, by one model for each of them."""

import warnings

from sklearn import config_context
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.metaestimators import available_if


class OneVsRest(OneVsRestClassifier):
    """One binary classifier for each label; weights of the texts count.

    scikit-learn's own hands weights on only if metadata routing is enabled and requested. A label
    that all or no training texts have is predicted as it is there.
    """

    def fit(self, X, y, sample_weight=None):
        """Fit a classifier for each label."""
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        with config_context(enable_metadata_routing=True), warnings.catch_warnings():
            # The notes tell of labels that a training part lacks.
            warnings.filterwarnings("ignore", "Label .* is present in all", UserWarning)
            _request_weights(self.estimator)
            return super().fit(X, y, **params)

    # Where the first label of a training part has one answer, scikit-learn would say that all
    # have probabilities.
    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X):
        """Return the probability of each label."""
        return super().predict_proba(X)


def _request_weights(estimator):
    """Have weights handed to a classifier, and to what it calibrates."""
    estimator.set_fit_request(sample_weight=True)
    if hasattr(estimator, "estimator"):
        _request_weights(estimator.estimator)
