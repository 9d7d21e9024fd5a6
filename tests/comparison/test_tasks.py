"""Pairs of texts, several labels a text, and numbers: compared as single texts with one label."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from comparing import CHEAP, make_reader, make_texts
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_bert import BertTextClassifier, BertTextRegressor, compare
from sklearn_bert.comparison._stratified_labels import spread_labels

OPTIONS = {"cv": 2, "random_state": 0, "verbose": 0}
NUMBERS = ["mean", "TF-IDF + ridge"]
SPLITS = [(np.arange(70), np.arange(70, 100)), (np.arange(30, 100), np.arange(30))]


def words(**options):
    """Return a vectorizer that sees every sign."""
    return CountVectorizer(token_pattern=r"\S+", **options)


def make_labels(n_texts=100):
    """Return texts, and which of "good", "loud" and "rare" they are."""
    rng = np.random.default_rng(0)
    y = (rng.random((n_texts, 3)) < [0.5, 0.4, 0.06]).astype(int)
    pairs = (("bad", "good"), ("?", "!"), ("usual", "rare"))
    texts = [
        " ".join([*(pair[has] for pair, has in zip(pairs, row, strict=True)), str(number)])
        for number, row in enumerate(y)
    ]
    return texts, pd.DataFrame(y, columns=["good", "loud", "rare"])


def make_numbers(n_texts=100):
    """Return texts and their numbers, which a word and a sign decide."""
    rng = np.random.default_rng(0)
    y = make_texts(0.5, n_texts)[1] == "pos"
    loud = rng.random(n_texts) < 0.5
    texts = [
        f"the {'good' if good else 'bad'} film {'!' if high else '?'} {number}"
        for number, (good, high) in enumerate(zip(y, loud, strict=True))
    ]
    return texts, y + 0.5 * loud


def several(classifier=None, **options):
    """Return a comparison on several labels; BERT is a classifier for each of them."""
    bert = MultiOutputClassifier(classifier or LogisticRegression(C=100))
    return compare(*make_labels(), bert=make_pipeline(words(), bert), **{**OPTIONS, **options})


def numbers(**options):
    """Return a comparison on numbers."""
    bert = make_pipeline(words(), Ridge(alpha=0.01))
    return compare(*make_numbers(), bert=bert, **{**OPTIONS, **options})


def fold_of_bert(found):
    """Return what BERT came to on the first fold."""
    return found.folds_.query("model == 'BERT' and fold == 0").iloc[0]


# Several labels


def test_several_labels_have_the_models_of_labels_and_their_scores():
    found = several()
    assert [row["model"] for row in found.rows_] == [*CHEAP, "BERT"]
    assert list(found.differences_) == ["f1_micro", "f1_macro"]
    assert all(row["n_folds"] == 2 and not row["error"] for row in found.rows_)
    assert found.table_.loc["BERT", "f1_micro"] > found.table_.loc[found.best_cheap_, "f1_micro"]


def test_scores_of_several_labels_are_those_of_scikit_learn():
    texts, y = make_labels()
    bert = make_pipeline(words(), MultiOutputClassifier(LogisticRegression(C=100)))
    found = compare(texts, y, bert=bert, **{**OPTIONS, "cv": SPLITS})
    predicted = bert.fit(texts[:70], y[:70]).predict(texts[70:])
    expected = f1_score(y[70:], predicted, average="macro", zero_division=0)
    assert fold_of_bert(found)["f1_macro"] == pytest.approx(expected)


def test_each_label_is_spread_evenly_over_the_folds():
    _, y = make_labels(1000)
    parts = spread_labels(y.to_numpy(), np.full(5, 0.2), 0)
    counts = np.array([y.to_numpy()[parts == fold].sum(axis=0) for fold in range(5)])
    assert (np.ptp(counts, axis=0) <= [3, 3, 1]).all(), counts
    assert np.bincount(parts).min() > 190
    assert (parts == spread_labels(y.to_numpy(), np.full(5, 0.2), 0)).all()
    assert (parts != spread_labels(y.to_numpy(), np.full(5, 0.2), 1)).any()


def test_predictions_of_several_labels_are_their_names():
    found = several()
    predictions = found.predictions_
    assert list(predictions.columns[-3:]) == ["good", "loud", "rare"]
    of_bert = predictions[predictions["model"] == "BERT"].sort_values("row")
    y = make_labels()[1]
    assert of_bert["label"].iloc[0] == tuple(y.columns[y.iloc[0] == 1])
    assert (of_bert["good"] > 0.5).tolist() == ["good" in labels for labels in of_bert["predicted"]]


def test_a_label_that_a_training_part_lacks_is_told_and_learnt_as_absent():
    texts, y = make_labels()
    y["rare"] = 0
    y.loc[0, "rare"] = 1
    found = compare(texts, y, bert=DummyClassifier(), **OPTIONS)
    assert found.notes_[0].startswith(
        "Labels too rare for the training part of each fold, where they are not learnt: 'rare' (1 "
        "text, 1 of 2)."
    )
    assert not any(row["error"] for row in found.rows_)


def test_several_labels_without_probabilities_are_judged_all_the_same():
    found = several(LinearSVC())
    assert found.predictions_.query("model == 'BERT'")["good"].isna().all()
    assert "It gives no probabilities" in found.to_html()


def test_scores_that_need_probabilities_of_two_labels_get_them():
    texts, y = make_labels()
    found = compare(
        texts, y[["good", "loud"]], bert=DummyClassifier(), scoring="roc_auc", **OPTIONS
    )
    assert found.table_["roc_auc"].notna().all()


def test_the_report_of_several_labels():
    found = several(learning_curve=[0.5])
    html = found.to_html()
    assert "F1, precision and recall of each label" in html
    assert "labels, several a text" in html and "Which classes are confused" not in html
    right = found.predictions_.eval("label == predicted").groupby(found.predictions_["model"])
    assert right.sum()["BERT"] > right.sum()[found.best_cheap_]
    results = json.loads(found.to_json())
    assert results["predicts"] == "several labels"
    assert set(results["data"]["classes"]) == {"good", "loud", "rare"}


def test_bert_learns_several_labels_and_is_forecast(make_classifier):
    texts, y = make_labels(40)
    found = compare(texts, y[["good", "loud"]], bert=make_classifier(epochs=1), **OPTIONS)
    assert found.rows_[-1]["n_folds"] == 2 and len(found.forecast_.fit_seconds) == 2
    frozen = found.table_.loc["frozen BERT + logistic regression"]
    assert frozen["n_folds"] == 2 and frozen["f1_micro"] > 0


# Numbers


def test_numbers_have_models_of_their_own():
    found = numbers()
    assert [row["model"] for row in found.rows_] == [*NUMBERS, "BERT"]
    assert list(found.differences_) == ["r2"] and found.best_cheap_ == "TF-IDF + ridge"
    told = r"BERT is probably better by [\d.]+ percentage points of r2 \(95 % interval"
    assert re.match(told, found.verdict_)


def test_scores_of_numbers_are_those_of_scikit_learn():
    texts, y = make_numbers()
    found = numbers(cv=SPLITS, scoring=["r2", "neg_max_error"])
    bert = make_pipeline(words(), Ridge(alpha=0.01)).fit(texts[:70], y[:70])
    predicted = bert.predict(texts[70:])
    assert fold_of_bert(found)["r2"] == pytest.approx(r2_score(y[70:], predicted))
    of_bert = found.predictions_.query("model == 'BERT' and fold == 0")
    assert np.allclose(of_bert["predicted"], predicted)
    assert list(found.predictions_) == ["row", "fold", "model", "label", "predicted"]


def test_whole_numbers_are_numbers_for_a_regressor_and_labels_else():
    texts, y = make_numbers()
    whole = (2 * y).astype(int)
    assert list(compare(texts, whole, bert=DummyRegressor(), **OPTIONS).differences_) == ["r2"]
    bert = make_reader()
    assert list(compare(texts, whole, bert=bert, **OPTIONS).differences_) == ["accuracy"]
    floats = compare(texts, whole.astype(float), bert=bert, **OPTIONS)
    assert list(floats.differences_) == ["accuracy"]


def test_the_default_bert_of_numbers_is_a_regressor(monkeypatch):
    monkeypatch.setattr("sklearn_bert.comparison._speed.check_models", lambda *args, **options: {})
    found = compare(*make_numbers(), random_state=7, verbose=0, budget=1e-9)
    assert found.settings_["bert"] == repr(BertTextRegressor(random_state=7))


def test_bert_learns_numbers_and_is_forecast(tiny_model):
    bert = BertTextRegressor(tiny_model, epochs=1, batch_size=8, random_state=0)
    found = compare(*make_numbers(40), bert=bert, **OPTIONS)
    names = ["static embeddings + ridge", "frozen BERT + ridge", "BERT (tiny)"]
    assert [row["model"] for row in found.rows_] == [*NUMBERS, *names]
    assert found.table_["n_folds"].eq(2).all() and len(found.forecast_.fit_seconds) == 2


def test_the_report_of_numbers_lists_the_largest_errors():
    found = numbers(learning_curve=[0.5])
    html = found.to_html()
    assert "from 0 to 1.5, mean" in html and "The largest errors" in html
    predictions = found.predictions_.query("model == 'TF-IDF + ridge'")
    worst = (predictions["label"] - predictions["predicted"]).abs().idxmax()
    first = html.partition("The largest errors")[2].partition("<h3>TF-IDF + ridge</h3>")[2]
    assert first.index(make_numbers()[0][predictions.loc[worst, "row"]]) < first.index("</li>")
    assert "Which classes are confused" not in html and "Expected calibration" not in html
    assert json.loads(found.to_json())["data"]["numbers"]["max"] == 1.5


def test_a_regressor_with_one_answer_for_all_texts_is_not_judged(monkeypatch, tiny_model):
    monkeypatch.setattr("sklearn_bert.comparison._training.LEAST_GAIN_OF_FEW", np.inf)
    bert = BertTextRegressor(tiny_model, epochs=1, learning_rate=1e-9, head="new", random_state=0)
    found = compare(*make_numbers(40), bert=bert, **OPTIONS)
    assert "steps only, and its training loss is still near chance (" in found.verdict_


@pytest.mark.parametrize("cv", [3, KFold(3, shuffle=True, random_state=1)])
def test_groups_stay_on_one_side_of_numbers_and_several_labels(cv):
    groups = np.arange(100) // 4
    for texts, y, bert in (
        (*make_numbers(), DummyRegressor()),
        (*make_labels(), DummyClassifier()),
    ):
        options = {**OPTIONS, "cv": cv}
        if cv != 3:
            with pytest.raises(ValueError, match="on both sides of fold 0"):
                compare(texts, y, groups=groups, bert=bert, **options)
            continue
        rows = compare(texts, y, groups=groups, bert=bert, **options).predictions_
        per_group = rows.groupby(groups[rows["row"]])["fold"].nunique()
        assert (per_group == 1).all()


# Pairs


def make_pairs():
    """Return pairs that their first text decides for the cheap models, or a sign in the second."""
    texts, y = make_texts(0.5)
    return [(text.replace("!", "").replace("?", ""), text[-8:]) for text in texts], y


def pair_reader():
    """Return a stand-in for BERT that sees every sign of both texts."""
    both = ColumnTransformer([("first", words(), 0), ("second", words(), 1)])
    return make_pipeline(both, LogisticRegression(C=100))


@pytest.mark.parametrize("kind", [list, np.array, lambda pairs: pd.DataFrame(pairs)])
def test_pairs_are_compared_on(kind):
    pairs, y = make_pairs()
    found = compare(kind(pairs), y, bert=pair_reader(), **OPTIONS)
    assert [row["model"] for row in found.rows_] == [*CHEAP, "BERT"]
    assert found.table_.loc["TF-IDF + logistic regression", "accuracy"] > 0.6
    assert found.table_.loc["BERT", "accuracy"] > 0.9


def test_tfidf_knows_which_text_of_a_pair_a_word_stands_in():
    pairs = [("good", "bad"), ("bad", "good")] * 20
    y = ["first", "second"] * 20
    found = compare(pairs, y, bert=DummyClassifier(), **OPTIONS)
    assert (found.table_["accuracy"][1:4] == 1).all()


def test_frozen_bert_sees_both_texts_of_a_pair(make_classifier):
    pairs = [("good film", "bad film"), ("bad film", "good film")] * 20
    y = ["first", "second"] * 20
    found = compare(pairs, y, bert=make_classifier(epochs=1), **OPTIONS)
    for name in ("frozen BERT + logistic regression", "static embeddings + logistic regression"):
        assert found.table_.loc[name, "accuracy"] == 1
    assert found.overlap_["exact"] == 40 and len(found.forecast_.fit_seconds) == 2


def test_the_report_shows_both_texts_of_a_pair():
    pairs, y = make_pairs()
    html = compare(pairs, y, bert=pair_reader(), **OPTIONS).to_html()
    assert "<dt>pairs of texts</dt><dd>100</dd>" in html
    assert f'<p dir="auto">{pairs[0][0]}</p>' in html or "BERT right" in html


# What is refused


def test_bert_must_fit_what_there_is_to_predict():
    texts, y = make_numbers()
    with pytest.raises(TypeError, match=r"bert must be a regressor .* pass a regressor, since it"):
        compare(texts, y, bert=[DummyRegressor(), make_reader()])
    with pytest.raises(TypeError, match=r"estimators must map names to regressors of texts"):
        compare(texts, y, bert=DummyRegressor(), estimators={"x": make_reader()})
    with pytest.raises(ValueError, match="scoring='accuracy' cannot judge numbers; use 'r2'"):
        compare(texts, y, bert=DummyRegressor(), scoring="accuracy")
    with pytest.raises(ValueError, match="pos_label needs 2 classes, and y has numbers, got 1"):
        compare(texts, y, bert=DummyRegressor(), pos_label=1)
    with pytest.raises(ValueError, match=r"one number a text for compare, got several, of shape"):
        compare(texts, np.c_[y, y], bert=DummyRegressor())
    with pytest.raises(ValueError, match=r"at least 2 different numbers, got 1\.5 only"):
        compare(texts, np.full(100, 1.5), bert=DummyRegressor())


def test_scores_and_folds_must_know_several_labels():
    texts, y = make_labels()
    with pytest.raises(ValueError, match="'f1' cannot judge several labels a text; use 'f1_macro'"):
        compare(texts, y, bert=DummyClassifier(), scoring="f1")
    with pytest.raises(ValueError, match="100 texts with any of several labels each and no groups"):
        compare(texts, y, bert=DummyClassifier(), cv=StratifiedKFold(3))
    with pytest.raises(ValueError, match="cv must be at most the number of texts, 100, got 101"):
        compare(texts, y, bert=DummyClassifier(), cv=101)
    first = y["good"].to_numpy() == 1
    with pytest.raises(ValueError, match="training part of each fold must have texts with diff"):
        compare(texts, y[["good"]].assign(x=1), bert=DummyClassifier(), cv=[(first, ~first)])


def test_windows_are_refused_for_pairs_before_anything_is_trained():
    with pytest.raises(ValueError, match="long_text='windows' needs single texts, got pairs"):
        compare(*make_pairs(), bert=BertTextClassifier("no/model", long_text="windows"))


# Weights


@pytest.mark.parametrize("make", [make_labels, make_numbers])
def test_weights_count_in_fits_and_scores(make):
    texts, y = make()
    texts = [*texts, *texts[:50]]
    wrong = y[:50] + 5.25 if make is make_numbers else 1 - y[:50]
    y = np.concatenate([y, wrong])
    weights = np.r_[np.ones(100), np.zeros(50)]
    bert = DummyRegressor() if make is make_numbers else DummyClassifier()
    name = "TF-IDF + ridge" if make is make_numbers else CHEAP[1]
    weighted = compare(texts, y, bert=bert, sample_weight=weights, **OPTIONS)
    assert not any("takes no sample_weight" in note for note in weighted.notes_)
    unweighted = compare(texts, y, bert=bert, **OPTIONS)
    scores = [found.table_.loc[name].iloc[0] for found in (weighted, unweighted)]
    assert scores[0] > scores[1] + 0.1
