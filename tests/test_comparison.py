"""The comparison on one split: an honest table, and a verdict that does not claim too much."""

import re

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from sklearn_bert import BertTextClassifier
from sklearn_bert.comparison import compare_on_split

N_TRAIN, N_TEST = 60, 40


def make_split(noise):
    """Return texts that a word decides, but for a fraction `noise` that only "!" and "?" decide.

    TF-IDF drops punctuation, and so cannot tell the latter.
    """
    rng = np.random.default_rng(0)
    y = np.array(["neg", "pos"] * ((N_TRAIN + N_TEST) // 2))
    hidden = rng.random(len(y)) < noise
    words = np.where(hidden, "film", np.where(y == "pos", "good", "bad"))
    X = [
        f"the {word} {'!' if label == 'pos' else '?'}" for word, label in zip(words, y, strict=True)
    ]
    return X[:N_TRAIN], X[N_TRAIN:], y[:N_TRAIN], y[N_TRAIN:]


def make_reader():
    """Return a stand-in for BERT that sees every sign."""
    return make_pipeline(CountVectorizer(token_pattern=r"\S+"), LogisticRegression(C=100))


def read_interval(verdict):
    """Return the bounds of the interval in a verdict."""
    return [float(n) for n in re.search(r"interval (\S+) to (\S+),", verdict).groups()]


def test_the_cheap_model_comes_first_and_scores_are_those_of_scikit_learn():
    X_train, X_test, y_train, y_test = split = make_split(noise=0.5)
    cheap, bert = compare_on_split(*split, bert=make_reader()).table_
    assert (cheap["model"], bert["model"]) == ("TF-IDF + logistic regression", "BERT")
    y_pred = make_reader().fit(X_train, y_train).predict(X_test)
    assert bert["accuracy"] == accuracy_score(y_test, y_pred)
    assert bert["macro_f1"] == f1_score(y_test, y_pred, average="macro")
    for row in cheap, bert:
        assert list(row) == ["model", "accuracy", "macro_f1", "fit_seconds", "predict_seconds"]
        assert row["fit_seconds"] > 0 and row["predict_seconds"] > 0
        assert {type(value) for value in row.values()} == {str, float}


def test_a_clear_gain_is_called_better_with_its_price():
    cheap, bert = (comparison := compare_on_split(*make_split(0.6), bert=make_reader())).table_
    gain = 100 * (bert["accuracy"] - cheap["accuracy"])
    assert gain > 5
    assert re.fullmatch(
        rf"BERT is better by {gain:.1f} points of accuracy \(95 % interval [\d.]+ to [\d.]+, "
        r"paired bootstrap over 40 test texts\), at [\d.,]+ times the training time and [\d.,]+ "
        r"times the prediction time: worth it if those points are\.",
        comparison.verdict_,
    )


def test_a_clear_loss_is_called_worse_in_positive_points():
    verdict = compare_on_split(*make_split(0.0), bert=DummyClassifier()).verdict_
    assert verdict.startswith("BERT is worse by 50.0 points of accuracy (95 % interval ")
    low, high = read_interval(verdict)
    assert 0 < low < 50 < high
    assert verdict.endswith(": stay with TF-IDF + logistic regression.")


def test_equal_models_show_no_difference():
    verdict = compare_on_split(*make_split(0.0), bert=make_reader()).verdict_
    assert verdict.startswith(
        "No difference shown (BERT +0.0 points of accuracy, 95 % interval +0.0 to +0.0, "
    )


def test_a_gain_within_the_noise_is_not_called_better():
    X_train, X_test, y_train, y_test = make_split(0.0)
    # One text that only the stand-in gets right: a gain, and nothing shown by it.
    row = int(np.flatnonzero(y_test == "neg")[0])
    X_test[row] = "the good ? ? ? ? ? ?"
    comparison = compare_on_split(X_train, X_test, y_train, y_test, bert=make_reader())
    cheap, bert = comparison.table_
    assert bert["accuracy"] > cheap["accuracy"]
    assert comparison.verdict_.startswith("No difference shown (BERT +2.5 points of accuracy")


def test_the_interval_is_that_of_a_bootstrap_of_the_rows():
    X_train, X_test, y_train, y_test = split = make_split(0.6)
    comparison = compare_on_split(*split, bert=make_reader())
    right = make_reader().fit(X_train, y_train).predict(X_test) == y_test
    n_gained = round(right.sum() - N_TEST * comparison.table_[0]["accuracy"])
    assert right.all(), "every difference is then a gain, and their rows do not matter"
    difference = np.arange(N_TEST) < n_gained
    rows = np.random.default_rng(1).integers(N_TEST, size=(20000, N_TEST))
    expected = np.percentile(100 * difference[rows].mean(axis=1), [2.5, 97.5])
    assert read_interval(comparison.verdict_) == pytest.approx(expected, abs=2.6)  # one text


def test_it_prints_as_an_aligned_table_an_empty_line_and_the_verdict():
    comparison = compare_on_split(*make_split(0.5), bert=make_reader())
    heading, cheap, bert, empty, verdict = str(comparison).split("\n")
    assert " ".join(heading.split()) == "model accuracy macro F1 fit (s) predict (s)"
    assert cheap.startswith("TF-IDF + logistic regression  ") and bert.startswith("BERT  ")
    assert len(heading) == len(cheap) == len(bert)
    assert (empty, verdict) == ("", comparison.verdict_)


def test_bert_itself_is_cloned_and_named_by_its_model(tiny_model):
    bert = BertTextClassifier(
        tiny_model, epochs=4, batch_size=8, learning_rate=3e-3, random_state=0
    )
    comparison = compare_on_split(*make_split(0.0), bert=bert)
    assert comparison.table_[1]["model"] == "BERT (tiny)"
    assert comparison.table_[1]["accuracy"] == 1
    assert not hasattr(bert, "classes_")


@pytest.mark.parametrize(
    ("y_train", "y_test", "message"),
    [
        (["a"] * 4, ["a"] * 2, "y_train must have at least 2 classes, got one class: 'a'; add"),
        ([0, 1, 0, 1], [0, 2], "y_test must hold labels of y_train only, got 2; split with"),
        ([0, 1, 0, None], [0, 1], "y must have a label for each text, got None"),
        ([0, 1], [0, 1], "inconsistent numbers of samples"),
    ],
)
def test_labels_that_do_not_fit_are_told_before_anything_is_trained(y_train, y_test, message):
    with pytest.raises(ValueError, match=message):
        compare_on_split(["good film"] * 4, ["bad film"] * 2, y_train, y_test, bert=object())


def test_a_row_that_is_no_text_is_named():
    with pytest.raises(TypeError, match="got 3 of type int at row 1"):
        compare_on_split(["a", 3], ["a"], [0, 1], [0])
