"""Weights of texts in a comparison: in the fits of all that take them, and in the scores."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_bert import compare
from sklearn_bert._engine.embeddings import Embeddings
from sklearn_bert.comparison._baselines import FrozenBert, NaiveBayesSVM

RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(1, 6, size=60).astype(float)


class Seeing(ClassifierMixin, BaseEstimator):
    """A classifier that notes the weights it is given, and predicts by a word that errs."""

    seen = []

    def fit(self, X, y, sample_weight=None):
        """Note the weights."""
        self.seen.append(sample_weight)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Return the labels."""
        return self.classes_[[int("film" in text) for text in X]]


@pytest.fixture
def seeing(monkeypatch):
    """The class of classifiers that note their weights."""
    monkeypatch.setattr(Seeing, "seen", [])
    return Seeing


def judge(reviews, weights=WEIGHTS, **options):
    """Return a weighted comparison on reviews, each of which is another text."""
    texts, y = reviews
    texts = [f"{text} {' '.join(str(i))}" for i, text in enumerate(texts)]
    drop = dict.fromkeys(("TF-IDF + linear SVM", "TF-IDF + logistic regression"), "drop")
    options = {"cv": 3, "random_state": 0, "verbose": 0, "estimators": drop, **options}
    return compare(texts, y, sample_weight=weights, **options)


def test_fits_get_the_weights_of_their_own_texts(seeing, reviews):
    folds = judge(reviews, bert=seeing()).predictions_
    assert len(seeing.seen) == 3
    of_bert = folds[folds["model"] == "BERT"]
    for fold, seen in enumerate(seeing.seen):
        test = of_bert.loc[of_bert["fold"] == fold, "row"]
        assert seen.tolist() == np.delete(WEIGHTS, test).tolist()


@pytest.mark.parametrize("routing", [False, True])
def test_a_pipeline_or_search_hands_them_on(seeing, reviews, routing):
    search = GridSearchCV(make_pipeline("passthrough", seeing()), {"memory": [None]}, cv=2)
    with sklearn.config_context(enable_metadata_routing=routing):
        found = judge(reviews, bert=make_pipeline("passthrough", seeing()))
        judge(reviews, bert=search)
    assert found.notes_ == []
    assert len(seeing.seen) == 12 and all(seen is not None for seen in seeing.seen)


def test_models_that_take_none_are_named(reviews):
    nearest = make_pipeline(CountVectorizer(), KNeighborsClassifier(1))
    found = judge(reviews, bert=nearest, estimators={"nearest": nearest})
    assert found.notes_ == [
        f"{name} takes no sample_weight: it learns from all texts alike."
        for name in ("nearest", "BERT")
    ]


def test_scores_are_weighted(seeing, reviews):
    found = judge(reviews, bert=seeing(), scoring=["accuracy", "f1"], pos_label="pos")
    table = found.predictions_
    table = table[table["model"] == "BERT"]
    expected = {"accuracy": [], "f1": []}
    for _, part in table.groupby("fold"):
        y, predicted, weights = part["label"], part["predicted"], WEIGHTS[part["row"]]
        expected["accuracy"].append(accuracy_score(y, predicted, sample_weight=weights))
        f1 = f1_score(y, predicted, pos_label="pos", sample_weight=weights)
        expected["f1"].append(f1)
    for name, values in expected.items():
        assert found.rows_[-1][name] == pytest.approx(np.mean(values))
    assert found.settings_["sample_weight"] is True


@pytest.mark.parametrize(
    "scoring", ["accuracy", pytest.param("balanced_accuracy", marks=pytest.mark.slow)]
)
def test_the_interval_is_that_of_weighted_scores(seeing, reviews, scoring):
    rows = np.arange(60)
    found = judge(reviews, bert=seeing(), cv=[(rows[:30], rows[30:])], scoring=scoring)
    gain = found.differences_[scoring]
    by_name = {row["model"]: row[scoring] for row in found.rows_}
    assert gain.mean == pytest.approx(by_name["BERT"] - by_name[found.best_cheap_])
    assert gain.low <= gain.mean <= gain.high


def test_texts_of_weight_0_count_for_nothing(seeing, reviews):
    weights = WEIGHTS.copy()
    texts, y = reviews
    odd = [i for i in range(60) if ("film" in texts[i]) != (y[i] == "pos")]
    weights[odd] = 0
    assert judge(reviews, weights, bert=seeing()).rows_[-1]["accuracy"] == 1.0


def test_a_learning_curve_is_weighted_too(seeing, reviews):
    found = judge(reviews, bert=seeing(), learning_curve=[0.5])
    curve = found.learning_curve_
    assert sorted(map(len, seeing.seen)) == [20] * 3 + [40] * 3
    assert set(curve["n_train"]) == {20, 40}


def test_bert_learns_from_weights(make_classifier, reviews):
    weights = np.where(np.array(reviews[1]) == "pos", 1.0, 1e-6)
    names = ("TF-IDF + logistic regression", "TF-IDF + linear SVM", "naive-Bayes SVM")
    drop = dict.fromkeys([*names, "frozen BERT + logistic regression"], "drop")
    found = judge(reviews, weights, bert=make_classifier(), cv=2, estimators=drop)
    assert found.rows_[-1]["accuracy"] > 0.99 and not found.rows_[-1]["error"]
    predictions = found.predictions_
    assert set(predictions.loc[predictions["model"] == "BERT (tiny)", "predicted"]) == {"pos"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0] * 59, r"one weight for each text, shape .*, got shape \(59,\)"),
        (np.ones((60, 2)), r"got shape \(60, 2\)"),
        ([1.0] * 59 + [np.nan], "finite numbers from 0 on, got nan .* at row 59"),
        ([1.0] * 59 + [None], "got nan .* at row 59"),
        ([1.0] * 59 + [-2], "got -2.0 .* at row 59"),
        ([1.0] * 59 + [np.inf], "got inf .* at row 59"),
        ([1.0] * 59 + ["x"], "must hold numbers, got 'x' of type str at row 59"),
        (pd.array([1] * 59 + [None], dtype="Int64"), "at row 59"),
        ("balanced", "must hold numbers, got 'balanced'"),
        ([0] * 60, "above 0 for at least one text"),
        ([0, 1] * 30, r"at least 2 classes, that of fold 0 has \['pos'\]"),
        ([1.0] * 40 + [0.0] * 20, "have a text with a weight above 0, that of fold 0 has none"),
    ],
)
def test_odd_weights_are_refused_before_training(seeing, reviews, weights, message):
    rows = np.arange(60)
    with pytest.raises(ValueError, match=message):
        judge(reviews, weights, bert=seeing(), cv=[(rows[:40], rows[40:])])
    assert not seeing.seen


def test_a_scorer_that_takes_no_weights_is_refused(reviews):
    def score(estimator, X, y):
        return 0.0

    with pytest.raises(ValueError, match="scoring=score takes no sample_weight; use another"):
        judge(reviews, bert=LogisticRegression(), scoring=score)


def test_weights_are_as_good_as_repeated_texts_to_the_naive_bayes_svm(reviews):
    texts, y = reviews
    X, y = CountVectorizer(binary=True).fit_transform(texts), np.array(y)
    rows = np.repeat(np.arange(60), WEIGHTS.astype(int))
    weighted = NaiveBayesSVM(random_state=0).fit(X, y, WEIGHTS)
    repeated = NaiveBayesSVM(random_state=0).fit(X[rows], y[rows])
    assert np.allclose(weighted.coef_, repeated.coef_, atol=1e-3)


def test_weights_are_as_good_as_repeated_texts_to_the_frozen_bert(tiny_model, reviews):
    texts, y = np.array(reviews[0]), np.array(reviews[1])
    rows = np.repeat(np.arange(60), WEIGHTS.astype(int))
    embeddings = Embeddings(tiny_model, None, "cpu", "float32")
    weighted = FrozenBert(embeddings).fit(texts.tolist(), y, WEIGHTS)
    repeated = FrozenBert(embeddings).fit(texts[rows].tolist(), y[rows])
    proba = [model.predict_proba(texts.tolist()) for model in (weighted, repeated)]
    assert np.allclose(*proba, atol=1e-3)
