"""What is distilled from a BERT has a row of its own."""

import pytest
from sklearn.dummy import DummyClassifier

from sklearn_bert import BertTextRegressor, DistilledTextClassifier, compare
from sklearn_bert._engine import distillation

DROPPED = dict.fromkeys(
    [
        *("TF-IDF + linear SVM", "naive-Bayes SVM", "TF-IDF + logistic regression"),
        "static embeddings + logistic regression",
        "frozen BERT + logistic regression",
    ],
    "drop",
)
OPTIONS = {"cv": 2, "random_state": 0, "verbose": 0, "distill": True}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Train shortly: the toy problem is learnt at once."""
    monkeypatch.setattr(distillation, "_LEAST_STEPS", 100)


def test_it_is_a_candidate_that_is_fitted_on_each_fold(make_classifier, reviews):
    bert = make_classifier(epochs=8)
    found = compare(*reviews, bert={"bert": bert}, estimators=DROPPED, **OPTIONS)
    rows = {row["model"]: row for row in found.rows_}
    assert [*rows] == ["majority class", "bert", "distilled bert"]
    assert found.candidates_ == ["bert", "distilled bert"]
    student = rows["distilled bert"]
    assert student["error"] == "" and student["n_folds"] == 2
    assert student["accuracy"] > 0.9
    texts, labels = reviews
    expected = DistilledTextClassifier(bert, random_state=0).fit(texts, labels).predict(texts)
    fitted = found._estimators["distilled bert"].fit(texts, labels)
    assert fitted.predict(texts).tolist() == expected.tolist()


def test_what_cannot_be_distilled_is_named_before_anything_is_trained(
    make_classifier, reviews, tiny_model
):
    texts, labels = reviews
    with pytest.raises(ValueError, match=r"distill=True needs single texts.*bert has none of them"):
        compare(texts, labels, bert=DummyClassifier(), **OPTIONS)
    pairs = [(text, text) for text in texts]
    with pytest.raises(ValueError, match="X holds pairs of texts"):
        compare(pairs, labels, bert=make_classifier(), **OPTIONS)
    berts = {"small": make_classifier(), "distilled small": make_classifier(epochs=2)}
    with pytest.raises(ValueError, match="names what is distilled 'distilled small', which bert"):
        compare(texts, labels, bert=berts, **OPTIONS)


@pytest.mark.slow
def test_numbers_are_distilled_too(tiny_model, reviews):
    texts, labels = reviews
    bert = BertTextRegressor(tiny_model, epochs=2, random_state=0)
    left_out = {"static embeddings + ridge": "drop", "frozen BERT + ridge": "drop"}
    stars = [5.0 if label == "pos" else 1.0 for label in labels]
    found = compare(texts, stars, bert=bert, estimators=left_out, **OPTIONS)
    assert found.rows_[-1]["model"] == "distilled BERT (tiny)" and not found.rows_[-1]["error"]
