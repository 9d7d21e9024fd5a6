"""Test texts that also stand in training are told, with the scores that are left without them."""

import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_bert import compare

TRAIN, TEST = np.arange(12), np.arange(12, 20)


class ByHeart(ClassifierMixin, BaseEstimator):
    """A classifier that knows what it was trained on, but for case and space, and nothing else."""

    def fit(self, X, y):
        """Learn by heart."""
        self.classes_ = np.unique(y)
        self.known_ = {text.lower().strip(): label for text, label in zip(X, y, strict=True)}
        return self

    def predict(self, X):
        """Return what was learnt, or the first label."""
        return np.array([self.known_.get(text.lower().strip(), self.classes_[0]) for text in X])


def judge(texts, cv, **options):
    """Return a comparison of a classifier that learns by heart with another one."""
    drop = dict.fromkeys(["TF-IDF + linear SVM", "naive-Bayes SVM", "majority class"], "drop")
    y = ["neg", "pos"] * (len(texts) // 2)
    options = {"estimators": drop, "bert": ByHeart(), "random_state": 0, "verbose": 0, **options}
    return compare(texts, y, cv=cv, **options)


def make_texts():
    """Return twenty texts: of the last eight, two stand above, and two more but for case."""
    texts = [f"{('bad', 'good')[i % 2]} film number {i}" for i in range(20)]
    texts[13], texts[15] = texts[1], texts[3]
    texts[17], texts[19] = texts[5].upper(), f"  {texts[7]}\n"
    return texts


def test_they_are_counted_letter_for_letter_and_apart_from_case_and_space():
    found = judge(make_texts(), [(TRAIN, TEST)])
    assert {name: found.overlap_[name] for name in ("n_test", "exact", "alike")} == {
        "n_test": 8,
        "exact": 2,
        "alike": 4,
    }
    start = (
        "50.0 % of the test texts (4 of 8) also stand in the training part of their fold (2 letter "
        "for letter, 2 apart from case and white space); without them, accuracy is "
    )
    (note,) = [note for note in found.notes_ if note.startswith(start)]
    assert note in " ".join(str(found).split())
    assert "also stand in the training part" in found.to_html()
    assert json.loads(found.to_json())["overlap"] == found.overlap_


def test_the_scores_without_them_are_those_of_the_other_texts():
    found = judge(make_texts(), [(TRAIN, TEST)])
    assert found.rows_[-1]["accuracy"] == 1.0
    table = found.predictions_
    new = table[table["row"].isin([12, 14, 16, 18])]
    right = (new["label"] == new["predicted"]).groupby(new["model"]).mean()
    assert found.overlap_["scores_without"] == right.to_dict()


def test_over_folds_the_scores_without_them_are_means():
    texts = make_texts()
    folds = [(TRAIN, TEST), (np.r_[TRAIN[4:], TEST], TRAIN[:4])]
    found = judge(texts, folds)
    assert (found.overlap_["n_test"], found.overlap_["alike"]) == (12, 6)
    table = found.predictions_
    new = table[table["row"].isin([12, 14, 16, 18, 0, 2])]
    right = (new["label"] == new["predicted"]).groupby([new["model"], new["fold"]]).mean()
    expected = right.groupby("model").mean().to_dict()
    assert found.overlap_["scores_without"] == pytest.approx(expected)


def test_where_all_stand_in_training_it_is_told_that_none_is_left():
    found = judge(["a bad film", "a good film"] * 10, 2)
    assert found.overlap_["alike"] == found.overlap_["n_test"] == 20
    (note,) = found.notes_
    assert note == (
        "100.0 % of the test texts (20 of 20) also stand in the training part of their fold "
        "(letter for letter); too few are left to judge on without them."
    )
    assert "nan" not in str(found).lower()


def test_nothing_is_said_where_there_are_none():
    found = judge([f"{('bad', 'good')[i % 2]} {i}" for i in range(20)], 2)
    assert found.notes_ == []
    assert found.overlap_ == {"n_test": 20, "exact": 0, "alike": 0, "scores_without": {}}


def test_it_is_said_before_anything_is_trained(capsys):
    judge(make_texts(), [(TRAIN, TEST)], verbose=1)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("50.0 % of the test texts (4 of 8) also stand in the training part")
