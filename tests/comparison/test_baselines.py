"""The cheap models learn, and the naive-Bayes SVM is the one that was published."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_bert._engine.embeddings import Embeddings
from sklearn_bert.comparison._baselines import cheap_models
from sklearn_bert.comparison._naive_bayes_svm import NaiveBayesSVM
from sklearn_bert.comparison._pretrained_models import FrozenBert


@pytest.mark.parametrize("with_probabilities", [False, True])
def test_each_learns_what_words_decide(reviews, with_probabilities):
    models = cheap_models(with_probabilities=with_probabilities, random_state=0)
    for name, model in models.items():
        accuracy = model.fit(*reviews).score(*reviews)
        assert accuracy == (0.5 if name == "majority class" else 1.0)
        if with_probabilities:
            assert np.allclose(model.predict_proba(reviews[0]).sum(axis=1), 1)


def test_the_naive_bayes_svm_is_that_of_wang_and_manning():
    X = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=float)
    y = np.array(["pos", "pos", "neg", "neg"])
    p, q = 1 + X[y == "pos"].sum(axis=0), 1 + X[y == "neg"].sum(axis=0)
    ratio = np.log((p / p.sum()) / (q / q.sum()))
    svm = LinearSVC(C=1.0, random_state=0).fit(X * ratio, y == "pos")
    weights = 0.75 * np.abs(svm.coef_[0]).mean() + 0.25 * svm.coef_[0]
    model = NaiveBayesSVM(random_state=0).fit(sparse.csr_matrix(X), y)
    assert np.allclose(model.coef_[0], ratio * weights)
    expected = (X * ratio) @ weights + svm.intercept_[0]
    assert np.allclose(model.decision_function(X), expected)
    assert (model.predict(X) == np.where(expected > 0, "pos", "neg")).all()


def test_the_naive_bayes_svm_tells_several_classes_apart():
    texts = [f"{word} thing {i}" for i in range(10) for word in ("red", "green", "blue")]
    labels = ["r", "g", "b"] * 10
    model = make_pipeline(CountVectorizer(binary=True), NaiveBayesSVM(random_state=0))
    assert model.fit(texts, labels).score(texts, labels) == 1
    assert model.decision_function(texts).shape == (30, 3)


def test_frozen_bert_learns_and_shares_embeddings_with_its_copies(tiny_model, reviews):
    embeddings = Embeddings(tiny_model, None, "cpu", "float32")
    model = FrozenBert(embeddings).fit(*reviews)
    assert model.score(*reviews) > 0.9
    assert np.allclose(model.predict_proba(reviews[0]).sum(axis=1), 1)
    n_tokens = embeddings.n_tokens
    copy = clone(model).fit(*reviews)
    assert embeddings.n_tokens == n_tokens, "nothing was computed again"
    assert copy.saved_seconds_ > 0, "and the time that was saved is told"
    assert (copy.predict(reviews[0]) == model.predict(reviews[0])).all()


def test_the_pickle_of_frozen_bert_holds_no_texts(tiny_model, reviews):
    model = FrozenBert(Embeddings(tiny_model, None, "cpu", "float32")).fit(*reviews)
    before = model.predict_proba(reviews[0])
    data = pickle.dumps(model)
    assert b"the good film" not in data
    assert np.allclose(pickle.loads(data).predict_proba(reviews[0]), before)
