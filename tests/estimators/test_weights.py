"""Weights of texts and classes: what counts, and what is refused before anything is trained."""

import decimal
import fractions

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_bert._estimators import text_estimator as _estimator


@pytest.fixture
def untrained(monkeypatch):
    """Fail where anything is loaded or trained."""

    def fail(*args, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(_estimator.TextEstimator, "_train", fail)


@pytest.mark.parametrize(
    "weight",
    [-1, -0.5, float("nan"), None, float("inf"), "x", "2", 1j, True, np.True_, [2.0], 10**400],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_weight_of_a_class_that_is_no_weight_is_named(
    make_classifier, reviews, weight, several, untrained
):
    X, y = reviews
    if several:
        y = pd.DataFrame({"pos": [1, 0] * 30, "neg": [0, 1] * 30})
    with pytest.raises(
        ValueError,
        match=r"^class_weight must be finite numbers that are not negative, got .* for 'neg'; "
        r"pass a number such as 2\.0\.$",
    ):
        make_classifier(class_weight={"pos": 1, "neg": weight}).fit(X, y)


@pytest.mark.parametrize(
    "class_weight",
    [{"neg": 3}, {"neg": np.float32(3)}, {np.str_("neg"): 3}, {"neg": fractions.Fraction(3)}],
)
def test_a_weight_is_the_same_whatever_number_it_is(make_classifier, reviews, class_weight):
    X, y = reviews[0][:16], reviews[1][:16]
    clf = make_classifier(class_weight=class_weight, epochs=1).fit(X, y)
    given = make_classifier(epochs=1).fit(
        X, y, sample_weight=[3 if label == "neg" else 1 for label in y]
    )
    np.testing.assert_array_equal(clf.predict_proba(X), given.predict_proba(X))


def test_keys_that_are_no_class(make_classifier, reviews, untrained):
    with pytest.raises(
        ValueError,
        match=r"got 'Neg': the classes of y, \['neg'\], are not in class_weight\.$",
    ):
        make_classifier(class_weight={"pos": 1, "Neg": 2}).fit(*reviews)
    with pytest.raises(ValueError, match=r"got '1': the classes of y, \[0, 1\], are not in"):
        make_classifier(class_weight={"1": 2}).fit(reviews[0], [0, 1] * 30)


def test_a_class_that_a_fold_lacks_may_have_a_weight(make_classifier, reviews):
    y = ["rare", *reviews[1][1:]]
    clf = make_classifier(epochs=1, class_weight={"rare": 9, "pos": 1, "neg": 2})
    search = GridSearchCV(clf, {"epochs": [1]}, cv=KFold(2), error_score="raise")
    assert search.fit(reviews[0], y).best_estimator_.classes_.tolist() == ["neg", "pos", "rare"]


def test_a_class_of_the_first_fit_may_have_a_weight_in_the_next(make_classifier, reviews):
    X, y = reviews[0], ["rare", *reviews[1][1:]]
    clf = make_classifier(epochs=1, warm_start=True).fit(X, y)
    clf.set_params(class_weight={"rare": 2}).fit(X[1:], y[1:])
    assert clf.classes_.tolist() == ["neg", "pos", "rare"]


@pytest.mark.parametrize(
    ("class_weight", "told"),
    [
        ({"pos": 0, "neg": 0}, "above 0 for at least one class of y, got {'pos': 0, 'neg': 0}"),
        ({"neg": 0}, "at least 2 classes with a weight above 0, got one class: 'pos'"),
        ({"neg": 1e-60}, "must not differ by more than float32 can hold"),
        ({"neg": 5e-324}, "must not differ by more than float32 can hold"),
        ({"neg": 1e308}, "must not differ by more than float32 can hold"),
    ],
)
def test_weights_that_leave_nothing_of_a_class_are_refused(
    make_classifier, reviews, class_weight, told, untrained
):
    with pytest.raises(ValueError, match=told):
        make_classifier(class_weight=class_weight).fit(*reviews)


def test_only_the_ratios_of_weights_count(make_classifier, reviews):
    X, y = reviews[0][:16], reviews[1][:16]
    ones = make_classifier(epochs=1).fit(X, y).predict_proba(X)
    for size in (1e308, 5e-324, 2.0**-500):
        clf = make_classifier(epochs=1, class_weight={"pos": size, "neg": size})
        np.testing.assert_array_equal(
            clf.fit(X, y, sample_weight=np.full(16, size)).predict_proba(X), ones
        )


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ([1.0] * 3, r"shape \(60,\), got shape \(3,\)"),
        (np.ones((60, 1)), r"got shape \(60, 1\)"),
        (pd.DataFrame({"weight": [1.0] * 60}), r"got shape \(60, 1\)"),
        ([[1, 2], *[[1]] * 59], r"must hold numbers, got \[1, 2\] of type list at row 0"),
        (["1"] * 60, "must hold numbers, got '1' of type str at row 0"),
        ([1.0, 1j, *[1.0] * 58], "got 1j of type complex at row 1"),
        ([1, decimal.Decimal(1), *[1.0] * 58], r"got Decimal\('1'\) of type Decimal at row 1"),
        ([1.0, float("nan"), *[1.0] * 58], r"got nan \(NaN, missing or infinity\) at row 1"),
        ([1.0, None, *[1.0] * 58], r"got nan \(NaN, missing or infinity\) at row 1"),
        ([1.0, float("inf"), *[1.0] * 58], "got inf .* at row 1"),
        ([1.0, -1.0, *[1.0] * 58], r"got -1.0 \(negative\) at row 1; use 0"),
        (np.ma.array([1.0] * 60, mask=[0, 1] * 30), "got nan .* at row 1"),
        ([0.0] * 60, "above 0 for at least one text, got only zeros"),
        ([1.0, 1e-50, *[1.0] * 58], "float32 can hold, .* row 1; use 0 to leave texts out"),
        ("heavy", "must hold numbers, got 'heavy' of type str"),
        ({"a": 1}, "must hold numbers, got {'a': 1} of type dict"),
    ],
)
def test_weights_of_texts_that_are_none_are_named(
    make_classifier, reviews, weights, told, untrained
):
    with pytest.raises(ValueError, match=rf"^(The )?sample_weight .*{told}"):
        make_classifier().fit(*reviews, sample_weight=weights)


@pytest.mark.parametrize("convert", [list, torch.tensor, lambda w: pd.Series(w, index=w), iter])
def test_weights_of_texts_in_any_shape_are_the_same(make_classifier, reviews, convert):
    X, y = reviews[0][:16], reviews[1][:16]
    weights = np.arange(1.0, 17.0)
    fits = (make_classifier(epochs=1).fit(X, y, w) for w in (weights, convert(weights)))
    one, other = (clf.predict_proba(X) for clf in fits)
    np.testing.assert_array_equal(one, other)


def test_balanced_classes_do_not_count_texts_that_are_left_out(make_classifier, reviews):
    X, y = reviews[0], ["neg"] * 20 + reviews[1][20:]
    kept = np.arange(60) >= 20
    clf = make_classifier(class_weight="balanced", epochs=1).fit(X, y, sample_weight=kept)
    alone = make_classifier(class_weight="balanced", epochs=1).fit(X[20:], y[20:])
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))
