"""Folds and groups: what cannot be learnt or judged on is refused, what is rare is named."""

from enum import Enum

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, StratifiedKFold

from sklearn_bert import compare

ROWS = np.arange(40)
TEXTS = [f"{('bad', 'good')[i % 2]} {i}" for i in ROWS]
LABELS = ["neg", "pos"] * 20


class Untrained(ClassifierMixin, BaseEstimator):
    """A classifier that fails the test if it is trained."""

    def fit(self, X, y):
        """Fail."""
        pytest.fail("something was trained")

    def predict(self, X):
        """Never get here."""


def quickly(y=LABELS, **options):
    """Return a comparison of the simplest models."""
    drop = ("TF-IDF + logistic regression", "TF-IDF + linear SVM", "naive-Bayes SVM")
    options = {"estimators": dict.fromkeys(drop, "drop"), "bert": DummyClassifier(), **options}
    return compare(TEXTS, y, random_state=0, verbose=0, **options)


@pytest.mark.parametrize(
    ("cv", "error", "message"),
    [
        (-1, ValueError, r"an int of at least 2, .* got -1; .* given as \[\(train, test\)\]"),
        (True, ValueError, "got True"),
        (2.5, ValueError, "got 2.5"),
        ("5", TypeError, "got '5'"),
        (StratifiedKFold, TypeError, "got <class"),
        (object(), TypeError, "got <object"),
        (21, ValueError, "at most the number of texts of the largest class, 20, got 21"),
        (StratifiedKFold(30), ValueError, r"cv=StratifiedKFold\(n_splits=30.* cannot split 40 tex"),
        (GroupKFold(3), ValueError, r"cv=GroupKFold\(.* and no groups; use fewer folds, or anoth"),
        ([], ValueError, r"at least one fold, got none from \[\]"),
        ([(ROWS[:30], ROWS[25:])], ValueError, "row 25 is in both parts of fold 0"),
        ([(ROWS, [])], ValueError, "the test part of fold 0 has none"),
        ([([], ROWS)], ValueError, "the training part of fold 0 has none"),
        ([(ROWS[:30], [39, 40])], ValueError, "rows from 0 to 39, got 40 in the test part of fold"),
        ([(ROWS[:30], [-1])], ValueError, "rows from 0 to 39, got -1 in the test part of fold 0"),
        ([(ROWS[:30] / 2, [39])], ValueError, "row numbers, got array.* as the training part"),
        (
            [(ROWS[:30] < 9, ROWS[30:])],
            ValueError,
            "a value for each of the 40 texts, .* 9 True of",
        ),
        ((ROWS[:30], ROWS[30:]), ValueError, r"as fold 0; one split is given as \[\(train, test\)"),
        ([ROWS], ValueError, "as fold 0; one split"),
    ],
)
def test_odd_folds_are_refused_before_training(cv, error, message):
    with pytest.raises(error, match=message):
        quickly(cv=cv, bert=Untrained(), estimators={"majority class": Untrained()})


class Author(str, Enum):  # noqa: UP042
    """Names that NumPy would cut."""

    ANN = "ann"
    BOB = "bob"


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (
            [None] * 40,
            ValueError,
            "got None at row 0; drop such rows, or give each of them a group",
        ),
        ([*"ab" * 19, "a", None], ValueError, "got None at row 39"),
        ([1.0] * 39 + [np.nan], ValueError, "got nan at row 39"),
        (pd.array([1] * 39 + [None], dtype="Int64"), ValueError, "got <NA> at row 39"),
        ("author", TypeError, r"got 'author'; pass the column itself, as in frame\['author'\]"),
        (3, TypeError, "got 3"),
        ({"a": 1}, TypeError, "got {'a': 1}"),
        (np.zeros((40, 2)), ValueError, r"one column, got shape \(40, 2\)"),
        ([[1]] * 40, ValueError, r"got \[1\] at row 0"),
        ([1, 2], ValueError, "40 texts and 2 groups"),
        ([1, 2, 3, 4] * 10, ValueError, "at most the number of groups, 4, got 5"),
    ],
)
def test_odd_groups_are_refused_before_training(groups, error, message):
    with pytest.raises(error, match=message):
        quickly(groups=groups, bert=Untrained(), estimators={"majority class": Untrained()})


@pytest.mark.parametrize("cv", [KFold(3), [(ROWS[:21], ROWS[21:])]])
def test_folds_that_tear_a_group_apart_are_refused(cv):
    with pytest.raises(ValueError, match=r"those of 'author \d+' are on both sides of fold 0; use"):
        quickly(groups=[f"author {i // 4}" for i in ROWS], cv=cv, bert=Untrained())


@pytest.mark.parametrize(
    "groups",
    [
        [f"author {i // 4}" for i in ROWS],
        [(i // 4, "x") for i in ROWS],
        [i // 4 if i % 8 < 4 else f"author {i // 4}" for i in ROWS],
        (i // 4 for i in ROWS),
        pd.DataFrame({"author": ROWS // 4}),
        [(Author.ANN, Author.BOB)[i // 4 % 2] for i in ROWS],
    ],
)
def test_groups_of_any_kind_stay_on_one_side(groups):
    found = quickly(groups=groups, cv=2)
    folds = found.predictions_.drop_duplicates("row").set_index("row")["fold"]
    assert folds.groupby(folds.index // 4).nunique().eq(1).all()


def test_folds_may_be_a_generator_or_masks():
    for folds in (((ROWS < 30, ROWS >= 30) for _ in range(2)), iter([(ROWS[:30], ROWS[30:])] * 2)):
        assert quickly(cv=folds).folds_["n_test"].tolist() == [10] * 4


def test_a_class_of_one_text_is_refused_with_its_row():
    y = [*LABELS[:-1], "odd"]
    with pytest.raises(
        ValueError, match=r"at least 2 texts, .* 'odd' has one, at row 39; add text"
    ):
        quickly(y, bert=Untrained(), estimators={"majority class": Untrained()})


def test_classes_too_rare_for_the_folds_are_named_with_their_counts():
    y = [*LABELS[:-5], "odd", "odd", "few", "few", "few"]
    found = quickly(y, cv=5)
    (note,) = found.notes_
    assert note == (
        "Classes too rare for the test part of each fold, where they are not judged: 'odd' (2 "
        "texts, 3 of 5), 'few' (3 texts, 2 of 5)."
    )
    assert note in " ".join(str(found).split())


def test_many_rare_classes_are_counted():
    y = [f"class {min(i // 2, 17):02}" for i in ROWS]
    (note,) = quickly(y, cv=3).notes_
    assert "'class 00' (2 texts, 1 of 3)" in note and note.endswith(" and 12 more.")


def test_a_training_part_that_lacks_a_class_is_told():
    y = [*LABELS[:-2], "late", "late"]
    found = quickly(y, cv=[(ROWS[:20], ROWS[20:38])])
    assert found.notes_[0] == (
        "Classes too rare for the training part of each fold, where they are not learnt: 'late' "
        "(2 texts, 1 of 1)."
    )


def test_leaving_one_out_is_no_matter_of_rare_classes():
    assert quickly(cv=LeaveOneOut()).notes_ == []


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_rare_classes_stop_no_cheap_model(scoring):
    y = [*LABELS[:-2], "odd", "odd"]
    options = {"bert": DummyClassifier(), "random_state": 0, "verbose": 0}
    found = compare(TEXTS, y, cv=2, scoring=scoring, **options)
    assert [row["error"] for row in found.rows_] == [""] * 5
    assert all(np.isfinite(row[scoring]) for row in found.rows_)
