"""Intervals of scores that are no means: quick, and what the scorers themselves would give."""

import numpy as np
import pytest
from comparing import CHEAP, make_reader
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import _classification, get_scorer, make_scorer
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

from sklearn_bert import compare

N_TEXTS = 300
DROPPED = dict.fromkeys(CHEAP[2:], "drop")
AUTHORS = np.arange(N_TEXTS) % 24  # scorers that have to judge each part are slow
RATES = [f"{name}_{how}" for name in ("f1", "precision", "recall") for how in ("macro", "micro")]
RATES += ["f1_weighted", "precision_weighted", "recall_weighted"]
SOME_RATES = ["f1_macro", "f1_micro", "precision_macro", "f1_weighted"]


def make_texts():
    """Return texts with a word that tells little, and random numbers with it."""
    rng = np.random.default_rng(0)
    draws = rng.random(N_TEXTS)
    words = np.where(rng.random(N_TEXTS) < 0.6, (draws * 8).astype(int), rng.integers(8, size=300))
    return [f"word{word} ! {number}" for number, word in enumerate(words)], draws


def wrapped(name):
    """Return a scorer that gives the same, and of which nobody can know what it is."""
    scorer = get_scorer(name)

    def metric(y_true, y_pred, **options):
        return scorer._score_func(y_true, y_pred, **scorer._kwargs, **options)

    return make_scorer(metric)


def assert_same(y, names, bert, **options):
    """Check that the differences are those of scorers that have to judge each part."""
    scoring = {name: name for name in names} | {f"{name} judged": wrapped(name) for name in names}
    options = {"cv": 3, "random_state": 0, "verbose": 0, "estimators": DROPPED, **options}
    options = {"groups": AUTHORS, **options}
    found = compare(make_texts()[0], y, bert=bert, scoring=scoring, **options).differences_
    for name in names:
        quick, judged = found[name], found[f"{name} judged"]
        assert np.isfinite(judged.low) and judged.low < judged.high, name
        figures = (quick.mean, quick.low, quick.high)
        assert figures == pytest.approx(
            (judged.mean, judged.low, judged.high), rel=1e-12, abs=1e-12
        )


@pytest.mark.parametrize("weighted", [False, True])
def test_of_classes_also_of_rare_ones(weighted):
    draws = make_texts()[1]
    y = np.array(["a", "b", "c", "d"])[np.searchsorted([0.6, 0.9, 0.98], draws)]
    weights = np.random.default_rng(1).choice([0.0, 0.1, 0.7, 3.0], N_TEXTS) if weighted else None
    rates = [*(SOME_RATES if weighted else RATES), "balanced_accuracy"]
    assert_same(y, rates, make_reader(), sample_weight=weights)


def test_of_classes_that_are_never_predicted():
    y = np.searchsorted([0.6, 0.9], make_texts()[1])
    assert_same(y, ["f1_macro", "balanced_accuracy"], make_reader(), cv=5)


@pytest.mark.parametrize("y", [np.array([0, 1]), np.array([False, True])])
def test_of_one_of_two_classes(y):
    y = y[(make_texts()[1] < 0.3).astype(int)]
    assert_same(y, ["f1", "precision", "recall", "f1_macro"], make_reader())


def test_of_the_label_that_is_named_positive():
    y = np.where(make_texts()[1] < 0.3, "yes", "no")
    options = {"random_state": 0, "verbose": 0, "estimators": DROPPED, "bert": make_reader()}
    options |= {"groups": AUTHORS, "cv": 3}
    found = compare(make_texts()[0], y, scoring=["f1", "recall"], pos_label="yes", **options)
    y, judged = (y == "yes").astype(int), {"f1": wrapped("f1")}
    numbers = compare(make_texts()[0], y, scoring=judged, **options)
    assert found.differences_["f1"].low == pytest.approx(numbers.differences_["f1"].low, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_of_several_labels_one_of_them_rare(weighted):
    draws = make_texts()[1]
    y = np.column_stack([draws < 0.5, draws % 0.25 < 0.1, draws > 0.99]).astype(int)
    weights = np.random.default_rng(1).random(N_TEXTS) if weighted else None
    bert = make_pipeline(make_reader()[0], MultiOutputClassifier(LogisticRegression()))
    if weighted:
        bert = make_reader().set_params(logisticregression=DummyClassifier())
    assert_same(y, SOME_RATES, bert, sample_weight=weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_of_numbers(weighted):
    weights = np.random.default_rng(1).random(N_TEXTS) if weighted else None
    bert = make_pipeline(make_reader()[0], Ridge())
    assert_same(1000 + make_texts()[1], ["r2"], bert, sample_weight=weights, estimators={})


def test_of_numbers_that_are_nearly_all_the_same():
    y = np.zeros(N_TEXTS)
    y[::3] = 0.5
    y[[5, 7]] = 1e6
    folds = [(np.arange(100), np.arange(100, 300)), (np.arange(100, 300), np.arange(100))]
    assert_same(y, ["r2"], DummyRegressor(strategy="median"), estimators={}, cv=folds, groups=None)


def test_the_scorer_itself_is_called_a_few_times_only(monkeypatch):
    calls, judge = [], _classification.precision_recall_fscore_support
    monkeypatch.setattr(
        _classification,
        "precision_recall_fscore_support",
        lambda *args, **options: calls.append(0) or judge(*args, **options),
    )
    options = {"random_state": 0, "verbose": 0, "estimators": DROPPED, "bert": make_reader()}
    options |= {"groups": AUTHORS, "cv": 2}
    y = (make_texts()[1] * 4).astype(int)
    compare(make_texts()[0], y, scoring="f1_macro", **options)
    quick = len(calls)
    compare(make_texts()[0], y, scoring=make_scorer(metrics.f1_score, average="macro"), **options)
    assert len(calls) - quick == quick  # the same function: known too
    compare(make_texts()[0], y, scoring=wrapped("f1_macro"), **options)
    assert len(calls) - 2 * quick > 3 * quick
