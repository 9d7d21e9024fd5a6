"""One model on one fold: scores as scikit-learn gives them, costs, and errors that stop nothing."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_bert._estimators.recorded import Recorded
from sklearn_bert.comparison._data import Data
from sklearn_bert.comparison._fold_result import run_fold

TRAIN, TEST = np.arange(40), np.arange(40, 60)


@pytest.fixture
def data(reviews):
    """The reviews as what is compared on."""
    texts, labels = reviews
    return Data(texts, np.array(labels), np.unique(labels))


def run(estimator, data, *names, train=TRAIN, **options):
    """Return the result of a model under some scorers."""
    scorers = {name: get_scorer(name) for name in names or ("accuracy",)}
    options = {"with_size": False, **options}
    return run_fold("model", 0, estimator, data, train, TEST, scorers, **options)


def bag(classifier):
    """Return a classifier of texts on counts of words."""
    return make_pipeline(CountVectorizer(), classifier)


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier whose labels are not those of its highest probabilities."""

    def fit(self, X, y):
        """Learn the labels."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Return the second label for each text."""
        return np.full(len(X), self.classes_[1])

    def predict_proba(self, X):
        """Return probabilities in favour of the first label."""
        return np.tile([0.9, 0.1], (len(X), 1))


class Failing(Odd):
    """A classifier that cannot be fitted."""

    def __init__(self, error=None):
        self.error = error

    def fit(self, X, y):
        """Fail."""
        raise self.error("first line\nsecond line")


@pytest.mark.parametrize("classifier", [LogisticRegression(), LinearSVC(), MultinomialNB()])
def test_scores_are_those_of_scikit_learn(data, classifier):
    names = ["accuracy", "f1_macro", "roc_auc"]
    if hasattr(classifier, "predict_proba"):
        names.append("neg_log_loss")
    result = run(bag(classifier), data, *names)
    model = bag(classifier).fit(data.take_texts(TRAIN), data.y[TRAIN])
    for name in names:
        expected = get_scorer(name)(model, data.take_texts(TEST), data.y[TEST])
        assert result.scores[name] == pytest.approx(expected), name


def test_a_scorer_that_looks_at_the_texts_gets_them(data):
    def mean_length(estimator, X, y):
        return float(np.mean([len(text) for text in X]))

    result = run_fold("m", 0, Odd(), data, TRAIN, TEST, {"length": mean_length}, with_size=False)
    assert result.scores["length"] == np.mean([len(text) for text in data.take_texts(TEST)])


def test_labels_are_those_of_predict_even_against_the_probabilities(data):
    assert set(run(Odd(), data).recorded.labels) == {"pos"}


def test_bert_is_asked_only_once(data, make_classifier, monkeypatch):
    calls = []
    original = type(make_classifier())._outputs
    monkeypatch.setattr(
        "sklearn_bert.BertTextClassifier._outputs",
        lambda self, X: calls.append(len(X)) or original(self, X),
    )
    result = run(make_classifier(), data, "accuracy", "neg_log_loss")
    assert calls == [len(TEST)]
    assert result.recorded.proba.shape == (len(TEST), 2)


def test_costs_are_there(data):
    result = run(bag(LogisticRegression()), data, with_size=True)
    assert result.fit_seconds > 0 and result.predict_seconds > 0
    assert 0 < result.size_mb < 1
    assert np.isnan(result.memory_mb) or result.memory_mb > 0


def test_memory_is_what_was_taken_at_the_peak(data):
    class Hungry(Odd):
        def fit(self, X, y):
            np.ones(200 * 2**17).sum()  # 200 MB, given back at once
            return super().fit(X, y)

    result = run(Hungry(), data)
    if np.isnan(result.memory_mb):
        pytest.skip("this system does not tell the peak of a process")
    assert 190 < result.memory_mb < 300


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"VmRSS": 1000.0, "VmHWM": [1000.0, 11240.0]}, 10.0),
        ({"VmRSS": 1000.0, "VmHWM": [1000.0, 1000.0]}, np.nan),  # found room in what was held
        ({"VmRSS": 1000.0, "VmHWM": [1000.0, 900.0]}, np.nan),
        ({"VmRSS": np.nan, "VmHWM": [np.nan, np.nan]}, np.nan),
        ({"VmRSS": 1000.0, "VmHWM": [np.nan, np.nan]}, np.nan),
        ({"VmRSS": 1000.0, "VmHWM": [900000.0, 900000.0]}, np.nan),  # the reset was forgotten
    ],
)
def test_memory_that_cannot_be_told_is_not_0(data, monkeypatch, figures, expected):
    peaks = iter(figures["VmHWM"])
    monkeypatch.setattr(
        "sklearn_bert.comparison._fold_result._status",
        lambda name: next(peaks) if name == "VmHWM" else figures[name],
    )
    monkeypatch.setattr("sklearn_bert.comparison._fold_result.Path.write_text", lambda *args: None)
    assert run(Odd(), data).memory_mb == pytest.approx(expected, nan_ok=True)


@pytest.mark.gpu
@pytest.mark.simulated_gpu
def test_memory_of_a_gpu_is_that_of_its_tensors(data):
    class Hungry(Odd):
        def fit(self, X, y):
            torch.ones(100 * 2**18, device="cuda").sum()  # 100 MB, given back at once
            return super().fit(X, y)

    result = run(Hungry(), data)
    assert 99 < result.gpu_memory_mb < 110


def test_what_cannot_be_pickled_has_no_size(data):
    class Local(Odd):
        pass

    assert np.isnan(run(Local(), data, with_size=True).size_mb)


def test_an_error_is_kept_in_one_line_and_raises_nothing(data):
    result = run(Failing(MemoryError), data)
    assert result.error == "MemoryError: first line second line"
    assert result.scores == {} and result.recorded is None


def test_ctrl_c_is_let_through(data):
    with pytest.raises(KeyboardInterrupt):
        run(Failing(KeyboardInterrupt), data)


def test_a_class_that_the_fold_lacks_has_probability_0(data):
    classes = np.array(["neg", "neutral", "pos"])
    result = run(bag(MultinomialNB()), Data(data.texts, data.y, classes))
    assert result.recorded.proba.shape == (len(TEST), 3)
    assert (result.recorded.proba[:, 1] == 0).all()
    assert np.allclose(result.recorded.proba.sum(axis=1), 1)


def test_a_recording_can_be_drawn_from():
    recorded = Recorded(np.array([0, 1]), np.array([0, 1, 1]), np.eye(2)[[0, 1, 1]])
    drawn = recorded.take([2, 2, 0])
    assert drawn.predict(None).tolist() == [1, 1, 0]
    assert drawn.predict_proba(None)[:, 1].tolist() == [1, 1, 0]
    assert not hasattr(drawn, "decision_function")
