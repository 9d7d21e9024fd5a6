"""A mixture of BERT and cheap models: found out of fold, shown where it is better, and fitted."""

import numpy as np
import pytest
from comparing import CHEAP, make_reader, make_texts
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_bert import BertTextEmbedder, compare

OPTIONS = {"cv": 5, "random_state": 0, "verbose": 0}
ONLY_TFIDF = dict.fromkeys(["TF-IDF + linear SVM", "naive-Bayes SVM"], "drop")
TFIDF = "TF-IDF + logistic regression"


def sees(token, model):
    """Return a model that sees one kind of token only."""
    return make_pipeline(CountVectorizer(token_pattern=token, lowercase=False), model)


def make_halves(n_texts=400):
    """Return texts of which half are decided by a word, and half by a sign, with their labels."""
    texts, y = make_texts(0.5, n_texts)
    by_word = np.array(["film !" not in text and "film ?" not in text for text in texts])
    signs = [
        text.replace("!", "").replace("?", "") if is_word else text
        for text, is_word in zip(texts, by_word, strict=True)
    ]
    return signs, y


def halves(**options):
    """Return a comparison of a BERT that sees signs only with TF-IDF, which sees words only."""
    bert = sees("[!?]", LogisticRegression(C=10))
    options = {"estimators": ONLY_TFIDF, **OPTIONS, **options}
    return compare(*make_halves(), bert=bert, **options)


def test_what_complete_each_other_are_mixed_in_a_row_of_their_own():
    found = halves()
    name = f"mixture: BERT and {TFIDF}"
    assert [row["model"] for row in found.rows_] == ["majority class", TFIDF, "BERT", name]
    scores = found.table_["accuracy"]
    assert scores[name] > 0.95 > scores[["BERT", TFIDF]].max() + 0.1
    assert list(found.mixture_) == ["BERT", TFIDF]
    assert sum(found.mixture_.values()) == pytest.approx(1)
    assert found.notes_[-1].startswith("Mixed, 0.")
    assert f" {TFIDF} are better than " in found.notes_[-1]
    assert found.best_cheap_ == TFIDF and found.bert_ == "BERT", "the verdict is on the two"
    assert found.table_.loc[name, "fit_seconds"] == pytest.approx(
        found.table_.loc[["BERT", TFIDF], "fit_seconds"].sum()
    )
    assert name in str(found) or "mixture: BERT" in str(found)
    assert set(found.predictions_["model"]) == set(found.table_.index)
    assert "mixture" in found.to_html()


def test_its_probabilities_are_those_of_weights_from_the_other_folds():
    found = halves(cv=3)
    by_model = found.predictions_.set_index(["model", "row"])["pos"].unstack("model")
    mixed, first, second = (
        by_model[name] for name in (by_model.columns[by_model.columns.str.startswith("mix")][0],
        "BERT", TFIDF)
    )  # fmt: skip
    shares = (mixed - second) / (first - second)
    fold = found.predictions_.query("model == 'BERT'").set_index("row")["fold"]
    spread = shares.groupby(fold).agg(np.ptp)
    assert (spread < 1e-6).all(), "one weight a fold"
    assert shares.groupby(fold).first().nunique() == 3, "and another one on each"


def test_one_that_is_no_better_is_not_shown():
    found = compare(*make_texts(0.0), bert=make_reader(), estimators=ONLY_TFIDF, **OPTIONS)
    assert found.mixture_ is None and len(found.rows_) == 3
    assert "Mixed" not in str(found)


def test_models_without_probabilities_are_in_none_and_named():
    found = halves(estimators=None)
    assert set(found.mixture_) == {"BERT", TFIDF}
    said = "in no mixture, without probabilities: TF-IDF + linear SVM, naive-Bayes SVM."
    assert found.notes_[-1].endswith(said)


def test_a_single_split_is_mixed_too():
    found = halves(cv=[(np.arange(300), np.arange(300, 400))])
    assert set(found.mixture_) == {"BERT", TFIDF}


def test_the_best_estimator_is_the_mixture_by_scikit_learns_own_class():
    found = halves()
    best = found.best_estimator()
    assert type(best) is VotingClassifier and best.voting == "soft"
    assert best.weights == list(found.mixture_.values())
    assert type(best.estimators[1][1]) is Pipeline
    texts, y = make_halves()
    assert best.fit(texts, y).score(texts, y) > 0.95
    assert not hasattr(found.best_estimator(), "classes_"), "each is a new one"


def test_numbers_are_mixed_for_the_least_squares():
    rng = np.random.default_rng(0)
    words, signs = rng.integers(0, 2, (2, 200))
    texts = [
        f"the {'good' if a else 'bad'} film {'!' if b else '?'}"
        for a, b in zip(words, signs, strict=True)
    ]
    bert = sees("[!?]", Ridge(alpha=0.1))
    found = compare(texts, words + signs + 0.1 * rng.random(200), bert=bert, **OPTIONS)
    name = "mixture: BERT and TF-IDF + ridge"
    assert found.table_.loc[name, "r2"] > 0.2 + found.table_.loc["BERT", "r2"]
    assert all(weight == pytest.approx(0.5, abs=0.1) for weight in found.mixture_.values())
    assert type(found.best_estimator()) is VotingRegressor


def test_without_a_mixture_it_is_the_winner_of_the_verdict():
    found = compare(*make_texts(0.6), bert=make_reader(), estimators=ONLY_TFIDF, **OPTIONS)
    assert found.worth_it() and found.mixture_ is None
    assert repr(found.best_estimator()) == repr(make_reader())
    found = compare(*make_texts(0.0), bert=DummyClassifier(), **OPTIONS)
    best = found.best_estimator()
    assert type(best) is Pipeline and repr(best[-1]).startswith("LogisticRegression(C=10")


def test_frozen_bert_is_returned_without_what_it_kept(make_classifier, reviews):
    drop = dict.fromkeys([*CHEAP[1:], "static embeddings + logistic regression"], "drop")
    bert = make_classifier(epochs=1, learning_rate=1e-6)
    found = compare(*reviews, bert=bert, estimators=drop, **{**OPTIONS, "cv": 2})
    best = found.best_estimator()
    assert isinstance(best[0], BertTextEmbedder)
    assert best.fit(*reviews).score(*reviews) > 0.9
    pairs = [("the film", text) for text in reviews[0]]
    found = compare(pairs, reviews[1], bert=bert, estimators=drop, **{**OPTIONS, "cv": 2})
    assert found.best_estimator().fit(pairs, reviews[1]).score(pairs, reviews[1]) > 0.9


def test_weights_of_classes_are_handed_to_the_members_of_a_mixture():
    bert = sees("[!?]", LogisticRegression(C=10, class_weight={"pos": 2.0}))
    found = compare(*make_halves(), bert=bert, estimators=ONLY_TFIDF, **OPTIONS)
    best = found.best_estimator().fit(*make_halves())
    assert best.estimators_[0][-1].class_weight == {1: 2.0}


def test_weights_of_texts_are_requested():
    texts, y = make_halves()
    weights = np.ones(len(texts))
    best = halves(sample_weight=weights).best_estimator()
    with config_context(enable_metadata_routing=True):
        assert best.fit(texts, y, sample_weight=weights).score(texts, y) > 0.95


def test_several_labels_are_not_mixed():
    y = np.c_[[0, 1] * 20, [1, 0] * 20]
    found = compare(make_texts(0.5, 40)[0], y, bert=DummyClassifier(), **{**OPTIONS, "cv": 2})
    assert found.mixture_ is None
    assert found.best_estimator().fit(make_texts(0.5, 40)[0], y).predict(["good"]).shape == (1, 2)


def test_without_a_verdict_there_is_no_best_estimator():
    class Fails(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            raise OSError("no file")

        def predict(self, X):
            return X

    found = compare(*make_texts(0.5), bert=Fails(), **OPTIONS)
    with pytest.raises(ValueError, match="best_estimator needs BERT and another model with scores"):
        found.best_estimator()
