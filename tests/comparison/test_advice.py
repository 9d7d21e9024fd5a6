"""What else to pay for: more labels, and of which classes, and labels that are likely wrong."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from comparing import CHEAP, make_reader, make_texts
from scipy.stats import t as student_t
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_bert import Comparison, compare

OPTIONS = {"cv": 3, "random_state": 0, "verbose": 0}
DROPPED = dict.fromkeys(CHEAP[1:], "drop")
WRONG = [3, 40, 77]


def make_wrong_labels(n_texts=120):
    """Return texts of three classes, which a word decides, of which three have another label."""
    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[rng.integers(3, size=n_texts)]
    texts = [f"word {label} {number}" for number, label in enumerate(y)]
    y[WRONG] = np.where(y[WRONG] == "a", "b", "a")
    return texts, y


def wrongly(**options):
    """Return a comparison on them."""
    options = {"bert": make_reader(), "estimators": DROPPED, **OPTIONS, **options}
    return compare(*make_wrong_labels(), **options)


def curved(noise=0.5, n_texts=150, **options):
    """Return a comparison with a learning curve."""
    options = {"bert": make_reader(), "learning_curve": [0.1, 0.5], **OPTIONS, **options}
    options.setdefault("estimators", dict.fromkeys(CHEAP[2:], "drop"))
    return compare(*make_texts(noise, n_texts), **options)


def vocabulary(learning_curve):
    """Return a comparison on words, of each of which the label must be learnt."""
    numbers = np.random.default_rng(0).integers(80, size=240)
    texts = [f"word{number}" for number in numbers]
    y = np.where(numbers % 2, "odd", "even")
    options = {**OPTIONS, "bert": make_reader(), "estimators": DROPPED}
    return compare(texts, y, learning_curve=learning_curve, **options)


# Labels that are likely wrong


def test_wrong_labels_are_found_with_their_texts():
    found = wrongly()
    issues = found.label_issues_
    assert sorted(issues.index) == WRONG and issues.index.name == "row"
    texts, y = make_wrong_labels()
    for row, issue in issues.iterrows():
        assert issue["text"] == texts[row] and issue["label"] == y[row]
        assert issue["predicted"] == texts[row].split()[1] and issue["probability"] < 0.5
    assert issues["probability"].is_monotonic_increasing


def test_they_are_twenty_at_most_and_those_of_the_lowest_probability():
    found = curved(1.0, bert=DummyClassifier(strategy="uniform", random_state=0), n_texts=150)
    best = found.predictions_.query("model == @found.best_cheap_")
    wrong = best[best["label"] != best["predicted"]]
    of_label = np.where(wrong["label"] == "pos", wrong["pos"], wrong["neg"])
    lowest = wrong["row"].to_numpy()[np.argsort(of_label, kind="stable")[:20]]
    assert len(found.label_issues_) == 20
    assert found.label_issues_["probability"].max() == pytest.approx(np.sort(of_label)[19])
    assert set(lowest) & set(found.label_issues_.index)


def test_of_a_text_that_was_judged_on_twice_the_mean_counts():
    y = make_wrong_labels()[1]
    rows = np.arange(120)
    once = wrongly(cv=[(rows[60:], rows[:60])]).label_issues_
    both = [(rows[60:], rows[:60]), (rows[80:], rows[:60])]
    twice = wrongly(cv=both)
    assert twice.label_issues_.index.is_unique and set(once.index) == {3, 40}
    proba = twice.predictions_.query("model == 'BERT' and row == 3")[y[3]]
    assert twice.label_issues_.loc[3, "probability"] == pytest.approx(proba.mean())


def test_pairs_are_shown_as_pairs():
    texts, y = make_wrong_labels()
    vectorizer, classifier = make_reader()
    bert = make_pipeline(ColumnTransformer([("first", vectorizer, 0)]), classifier)
    pairs = [(text, "b") for text in texts]
    found = compare(pairs, y, bert=bert, estimators=DROPPED, **OPTIONS)
    assert found.label_issues_["text"].tolist() == [pairs[row] for row in found.label_issues_.index]


def test_of_several_labels_each_is_an_issue_of_its_own():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=(90, 2))
    texts = [f"{'good' if good else 'bad'} {'loud' if loud else 'low'} x" for good, loud in y]
    y[5, 0] = 1 - y[5, 0]
    bert = make_pipeline(CountVectorizer(), MultiOutputClassifier(LogisticRegression(C=100)))
    labels = pd.DataFrame(y, columns=["good", "loud"])
    found = compare(texts, labels, bert=bert, estimators=DROPPED, **OPTIONS)
    (row,), (issue,) = found.label_issues_.index, found.label_issues_.to_dict("records")
    assert row == 5 and issue["label"] == "good" and issue["text"] == texts[5]
    assert issue["given"] == bool(y[5, 0]) != issue["predicted"] and issue["probability"] < 0.5
    assert "good has a probability of" in found.to_html()


def test_of_numbers_they_are_the_largest_errors():
    y = (make_texts(0.0, 90)[1] == "pos") + np.linspace(0, 0.01, 90)
    y[7] = 9.0
    bert = make_pipeline(CountVectorizer(), Ridge())
    found = compare(make_texts(0.0, 90)[0], y, bert=bert, **OPTIONS)
    worst = found.label_issues_.iloc[0]
    assert worst.name == 7 and worst["error"] == pytest.approx(worst["predicted"] - 9)
    assert found.class_scores_ is None and found.confusions_ is None and found.advice_ == []


def test_without_probabilities_there_are_none():
    bert = make_pipeline(CountVectorizer(), LinearSVC())
    found = wrongly(bert=bert)
    assert found.label_issues_ is None and "most likely wrong" not in found.to_html()
    assert found.confusions_ is not None


def test_the_report_lists_them_with_the_model_and_the_json_has_no_texts():
    found = wrongly(estimators=dict.fromkeys(CHEAP[2:], "drop"))
    html = found.to_html()
    assert "<h2>Labels that are most likely wrong</h2>" in html
    for row in found.label_issues_.index:
        assert f"row {row}: " in html
    records = json.loads(found.to_json())["label_issues"]
    assert [each["row"] for each in records] == found.label_issues_.index.tolist()
    assert "text" not in records[0]


# Classes


def test_classes_have_their_scores_the_lowest_f1_first():
    found = wrongly()
    predictions = found.predictions_.query("model == 'BERT'")
    expected = precision_recall_fscore_support(
        predictions["label"], predictions["predicted"], labels=["a", "b", "c"]
    )
    scores = found.class_scores_
    assert scores["f1"].is_monotonic_increasing
    for name, values in zip(("precision", "recall", "f1", "n_texts"), expected, strict=True):
        assert scores.loc[["a", "b", "c"], name].tolist() == pytest.approx(values)
    assert "f1_per_doubling" not in scores


def test_confusions_are_those_of_the_confusion_matrix():
    found = wrongly()
    predictions = found.predictions_.query("model == 'BERT'")
    matrix = confusion_matrix(predictions["label"], predictions["predicted"])
    for pair in found.confusions_.itertuples():
        place = "abc".index(pair.label), "abc".index(pair.predicted)
        assert pair.n_texts == matrix[place] > 0 and place[0] != place[1]
        assert pair.share == pytest.approx(matrix[place] / matrix[place[0]].sum())
    assert found.confusions_["n_texts"].sum() == matrix.sum() - matrix.trace()
    assert found.confusions_["n_texts"].is_monotonic_decreasing


class SaysTrue(DummyClassifier):
    """A classifier whose predictions are of type bool."""

    def predict(self, X):
        """Return whether texts have labels."""
        return super().predict(X).astype(bool)


def test_labels_are_confused_where_one_is_there_and_the_other_is_predicted():
    y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]] * 20)
    always = SaysTrue(strategy="constant", constant=[0, 1, 0])
    options = {**OPTIONS, "estimators": {**DROPPED, "majority class": "drop", "other": always}}
    found = compare([f"text {number}" for number in range(80)], y, bert=always, **options)
    pairs = found.confusions_[["label", "predicted", "n_texts"]].values.tolist()
    assert pairs == [[0, 1, 20], [2, 1, 20]]
    assert "Which labels are confused" in found.to_html()


def test_the_best_model_is_told_of_and_no_majority():
    found = curved(1.0, bert=DummyClassifier(), n_texts=100, learning_curve=False)
    assert found.advice_[0].startswith(CHEAP[1])
    assert wrongly(bert=DummyClassifier(), estimators=DROPPED).advice_[0].startswith("The lowest")


def test_advice_is_on_classes_confusions_and_labels():
    found = wrongly()
    classes, confused, labels = found.advice_
    worst = found.class_scores_.iloc[0]
    assert classes.startswith(
        f"The lowest F1 of BERT: {worst.name!r} {worst['f1']:.2f} ({worst['n_texts']:.0f} texts)"
    )
    first = found.confusions_.iloc[0]
    assert confused.startswith(
        f"BERT most often takes {first['label']!r} for {first['predicted']!r} ("
    )
    rows = ", ".join(map(str, found.label_issues_.index))
    assert labels == f"The labels that are most likely wrong are those of the rows {rows} (from 0)."


def test_what_makes_no_errors_needs_no_advice():
    assert curved(0.0, learning_curve=False).advice_ == []


# More labels


def test_without_a_curve_or_with_few_texts_nothing_is_said_of_more_labels():
    assert curved(learning_curve=False).next_labels_ == {}
    few = curved(n_texts=90)
    assert few.next_labels_ == {} and "The next 100 labels" not in str(few)


def test_the_next_labels_are_worth_what_the_end_of_the_curve_says():
    found = vocabulary([0.1, 0.5])
    curve = found.learning_curve_.query("model == 'BERT'").set_index(["n_train", "fold"])
    doubled = curve.loc[160, "accuracy"] - curve.loc[80, "accuracy"]
    gain = found.next_labels_["BERT"]
    share = np.log((240 + 100) / 240) / np.log(2)
    assert gain.mean == pytest.approx(share * doubled.mean())
    width = student_t.ppf(0.975, 2) * share * doubled.std() * np.sqrt(1 / 3 + 1 / 2)
    assert gain.high - gain.mean == pytest.approx(width) and width > 0
    assert list(found.next_labels_) == [found.best_cheap_, "BERT"]


def test_of_one_split_the_interval_is_over_the_texts():
    found = curved(cv=[(np.arange(100), np.arange(100, 150))])
    assert found.next_labels_["BERT"].method.startswith("grouped jackknife over 50 texts")


def test_what_they_are_worth_is_said_below_the_verdict_and_in_the_report():
    found = curved()
    text = " ".join(str(found).split())
    match = re.search(
        r"The next 100 labels are worth about [+-][\d.]+ percentage points of accuracy to "
        rf"{re.escape(found.best_cheap_)} \(95 % interval [+-][\d.]+ to [+-][\d.]+\) and "
        r"[+-][\d.]+ to BERT \(95 % interval [+-][\d.]+ to [+-][\d.]+\)\.",
        text,
    )
    assert match and match[0] in found.to_html()
    assert text.index(found.verdict_) < match.start()


def test_classes_tell_how_they_move_along_the_curve():
    found, whole = vocabulary([0.25]), vocabulary(False)
    curve = found.class_scores_
    assert curve["f1"].tolist() == whole.class_scores_["f1"].tolist()
    rise = curve["f1_per_doubling"]
    assert (rise > 0).all() and (curve["f1_per_doubling_low"] < rise).all()
    assert (rise < curve["f1_per_doubling_high"]).all()
    sure = curve[curve["f1_per_doubling_low"] > 0].sort_values("f1_per_doubling", ascending=False)
    told = [f"{label!r} (by {row['f1_per_doubling']:.2f} to" for label, row in sure.iterrows()]
    assert told and found.advice_[0].startswith("With twice the texts, F1 of BERT rose most for ")
    assert all(part in found.advice_[0] for part in told)
    html = found.to_html()
    assert "F1 per doubling" in html and all(f"{value:+.3f}" in html for value in rise)


def test_all_of_it_is_loaded(tmp_path):
    found = curved(0.8, estimators={}, bert=make_reader())
    found.to_json(tmp_path / "found.json", predictions=True)
    loaded = Comparison.load(tmp_path / "found.json", make_texts(0.8, 150)[0])
    assert loaded.next_labels_ == found.next_labels_ and loaded.advice_ == found.advice_
    for name in ("label_issues_", "confusions_", "class_scores_"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(found, name))
    without = Comparison.load(tmp_path / "found.json")
    expected = found.label_issues_.drop(columns="text")
    pd.testing.assert_frame_equal(without.label_issues_, expected)
