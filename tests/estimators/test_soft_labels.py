"""Soft labels: probabilities of the classes of each text."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_bert import BertTextClassifier

CLASSES = ["neg", "pos"]


@pytest.fixture(scope="module")
def voted(reviews):
    """Texts, and the shares of their votes: a good one has 4 of 5, a bad one 1 of 5."""
    X, y = reviews
    return X, np.array([[0.2, 0.8] if label == "pos" else [0.8, 0.2] for label in y])


@pytest.fixture(scope="module")
def uneven(reviews):
    """Texts with probabilities of three classes, which differ from text to text."""
    return reviews[0], np.random.RandomState(0).dirichlet([1, 2, 3], len(reviews[0]))


def one_hot(y):
    """Return labels as probabilities."""
    return (np.array(y)[:, None] == np.unique(y)).astype(float)


# What is learnt


def test_the_probabilities_are_learnt(make_classifier, voted):
    X, proba = voted
    clf = make_classifier(epochs=10).fit(X, proba, classes=CLASSES)
    np.testing.assert_allclose(clf.predict_proba(X), proba, atol=0.05)
    assert clf.classes_.tolist() == CLASSES
    assert not clf.multilabel_
    assert clf.predict(X[:2]).tolist() == ["neg", "pos"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"class_weight": "balanced", "label_smoothing": 0.1, "early_stopping": True},
        {"class_weight": {"pos": 3}, "focal_gamma": 1.5, "epochs": 1},
        {"early_stopping": True, "scoring": ["accuracy", "loss"], "validation_fraction": 20},
        {"head": "probe"},
        {"head": "auto", "epochs": "auto", "learning_rate": "auto"},
    ],
)
@pytest.mark.filterwarnings("ignore:All .* texts held out")
def test_0_and_1_give_the_bits_of_the_labels(make_classifier, reviews, parameters):
    X, y = reviews[0][:40], reviews[1][:40]
    weights = np.linspace(0, 1, len(y))
    hard = make_classifier(**parameters).fit(X, y, weights)
    soft = make_classifier(**parameters).fit(X, one_hot(y), weights, classes=CLASSES)
    np.testing.assert_array_equal(soft.predict_proba(X), hard.predict_proba(X))
    np.testing.assert_array_equal(soft.training_curve_["loss"], hard.training_curve_["loss"])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"class_weight": "balanced"},
        {"class_weight": {0: 0, 1: 5}, "label_smoothing": 0.1},
        {"class_weight": {2: 3}, "focal_gamma": 2.0},
    ],
)
def test_the_loss_is_that_of_each_text_once_for_each_class(make_classifier, uneven, parameters):
    X, proba = uneven
    weights = np.linspace(0, 1, len(X))
    clf = make_classifier(epochs=1, batch_size=200, **parameters)
    soft = clf.fit(X, proba, weights).training_curve_["loss"]
    rows, y = np.divmod(np.arange(proba.size), 3)
    if parameters.get("class_weight") == "balanced":  # counts texts, whatever they weigh
        shares = proba[weights > 0].mean(axis=0)
        clf.set_params(class_weight=dict(enumerate(1 / shares)))
    clf.fit([X[row] for row in rows], y, weights[rows] * proba.ravel())
    np.testing.assert_allclose(soft, clf.training_curve_["loss"], rtol=1e-5)


def test_rounded_probabilities_are_as_good(make_classifier, uneven):
    X, proba = uneven
    fits = [make_classifier().fit(X, values) for values in (proba, proba.round(2))]
    np.testing.assert_allclose(*(clf.predict_proba(X) for clf in fits), atol=0.02)


def test_a_class_that_few_or_none_may_have_is_kept(make_classifier, voted):
    X, proba = voted
    proba = np.c_[proba, np.zeros(len(X))]
    for head in ("new", "probe"):
        clf = make_classifier(head=head, epochs=4).fit(X, proba, classes=["neg", "pos", "rare"])
        assert clf.predict_proba(X)[:, 2].max() < 0.1


# What the columns are


@pytest.mark.integrations
@pytest.mark.parametrize(
    "convert",
    [
        lambda proba: proba.tolist(),
        lambda proba: proba.astype(object),
        csr_matrix,
        torch.tensor,
        lambda proba: pd.Series(proba.tolist()),
        lambda proba: iter(proba.tolist()),
        lambda proba: pd.DataFrame(proba, columns=CLASSES),
        lambda proba: pd.DataFrame(proba[:, ::-1], columns=CLASSES[::-1]),
        lambda proba: pl.DataFrame(proba, schema=CLASSES),
        lambda proba: pa.table(dict(zip(CLASSES, proba.T, strict=True))),
    ],
)
def test_probabilities_of_any_kind_are_the_same(make_classifier, voted, convert):
    X, proba = voted[0][:16], voted[1][:16]
    expected = make_classifier(epochs=1).fit(X, proba)
    clf = make_classifier(epochs=1).fit(X, convert(proba))
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    has_names = hasattr(convert(proba), "columns")
    assert clf.classes_.tolist() == (CLASSES if has_names else [0, 1])
    assert clf.score(X, convert(proba)) == expected.score(X, proba)


def test_a_matrix_of_0_and_1_has_several_labels_unless_classes_are_given(make_classifier, reviews):
    X, Y = reviews[0], one_hot(reviews[1])
    assert make_classifier(epochs=1).fit(X, Y).multilabel_
    frame = pd.DataFrame(Y[:, ::-1], columns=CLASSES[::-1])
    assert make_classifier(epochs=1).fit(X, frame).multilabel_
    clf = make_classifier().fit(X, frame, classes=CLASSES[::-1])
    assert not clf.multilabel_
    np.testing.assert_array_equal(
        clf.predict_proba(X), make_classifier().fit(*reviews).predict_proba(X)
    )


@pytest.mark.parametrize(
    ("y", "classes", "told"),
    [
        ([[0.5, 0.5], [0.9, 0.2]], [0, 1], "^y must .* sum to 1, got the sum 1.1 at row 1; divide"),
        ([[0.5, 0.5], [0.9, 0.2]], None, "sum to 1, got the sum 1.1 at row 1; divide"),
        ([[0.5, 0.5], [0.2, np.nan]], None, "from 0 to 1, got nan at row 1, column 1; correct"),
        (
            [[0.5, 0.4], [0, 1], [1, 0]],
            None,
            r"got 0\.5 at row 0, column 0; pass probabilities whose",
        ),
        ([[0.5, 0.5], [1.5, -0.5]], [0, 1], r"from 0 to 1, got 1\.5 at row 1, column 0; leave"),
        ([[0.5, 0.5], [np.nan, 1]], [0, 1], "from 0 to 1, got nan at row 1, column 0"),
        ([["no", 1.0], [0.5, 0.5]], [0, 1], "from 0 to 1, got 'no' at row 0, column 0"),
        ([0, 1], [0, 1], "^classes must go with probabilities, .* leave classes out for labels"),
        ([[0.5, 0.5]] * 2, ["a"], r"^classes must name each of the 2 columns of y once, got \['a'"),
        ([[0.5, 0.5]] * 2, ["a", "a"], "^classes must name each of the 2 columns of y once"),
        ([[0.5, 0.5]] * 2, ["a", None], "^classes must be labels as y may hold them, but y must"),
        ([[0.5, 0.5]] * 2, ["b", "a"], r"^classes must be sorted, .*, got \['b', 'a'\]; sort them"),
        (
            pd.DataFrame({"a": [0.5] * 2, "b": [0.5] * 2}),
            ["a", "c"],
            r"^classes must be the names of the columns of y, \['a', 'b'\], got \['a', 'c'\]",
        ),
        (pd.DataFrame([[0.5, 0.5]] * 2, columns=["a", 1]), None, "of type int at row 1 after 'a'"),
        ([[1.0, 0.0], [1.0, 0.0]], [0, 1], "^y must have at least 2 classes .* got one class: 0"),
    ],
)
def test_what_are_no_probabilities_is_named(make_classifier, y, classes, told):
    with pytest.raises(ValueError, match=told):
        make_classifier().fit(["the film", "the book"], y, classes=classes)


def test_names_that_are_numbers_are_the_classes(make_classifier, voted):
    X, proba = voted
    frame = pd.DataFrame(proba, columns=[5, 1])
    clf = make_classifier(epochs=4).fit(X, frame)
    assert clf.classes_.tolist() == [1, 5]
    np.testing.assert_array_equal(clf.predict(X[:2]), [5, 1])
    assert clf.fit(X, pd.DataFrame(proba), classes=CLASSES).classes_.tolist() == CLASSES


# What it is judged by


def test_score_takes_the_most_probable_class(make_classifier, reviews, voted):
    X, proba = voted
    frame = pd.DataFrame(proba[:, ::-1], columns=CLASSES[::-1])
    clf = make_classifier(epochs=4).fit(X, frame)
    assert clf.score(X, reviews[1]) == clf.score(X, frame) == clf.score(X, proba) == 1
    assert clf.score(X, one_hot(reviews[1])) == 1
    assert clf.score(X, proba[:, ::-1]) == 0
    with pytest.raises(ValueError, match="names of the columns of y, "):
        clf.score(X, frame.rename(columns={"neg": "bad"}))
    with pytest.raises(ValueError, match=r"one label for each text, got shape \(60, 2\)"):
        clf.score(X, proba * 0.9)


def test_cross_validation_scores_soft_labels(make_classifier, voted):
    X, proba = voted
    clf = make_pipeline(FunctionTransformer(), make_classifier(epochs=4))
    frame = pd.DataFrame(proba, columns=CLASSES)
    assert cross_val_score(clf, X, frame, cv=2).min() > 0.9
    params = {"berttextclassifier__classes": CLASSES}
    assert cross_val_score(clf, X, proba, cv=2, params=params).min() > 0.9


@pytest.mark.filterwarnings("ignore:All .* texts held out")
def test_early_stopping_looks_at_the_soft_loss(make_classifier, voted):
    X, proba = voted
    clf = make_classifier(early_stopping=True, epochs=8, validation_fraction=0.3).fit(X, proba)
    lowest = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    assert lowest <= min(row["valid_loss"] for row in clf.history_) < lowest + 0.05
    clf.set_params(scoring="accuracy").fit(X, proba)
    assert max(row["valid_score"] for row in clf.history_) == 1


@pytest.mark.filterwarnings("ignore:All .* texts held out")
def test_groups_are_held_out_together(make_classifier, voted):
    X, proba = voted
    clf = make_classifier(early_stopping=True)
    assert clf.fit(X, proba, groups=np.arange(len(X)) // 10).history_
    with pytest.raises(ValueError, match="got the class 'pos' in groups that must be held out"):
        clf.fit(X, proba, classes=CLASSES, groups=proba.argmax(axis=1))


@pytest.mark.parametrize("class_weight", [None, {"neg": 3}])
def test_validation_data_may_be_soft_or_hard(make_classifier, reviews, voted, class_weight):
    X, proba = voted
    frame = pd.DataFrame(proba[:, ::-1], columns=CLASSES[::-1])
    clf = make_classifier(epochs=1, class_weight=class_weight)
    losses = [
        clf.fit(X, frame, X_val=X, y_val=y_val).history_[0]["valid_loss"]
        for y_val in (
            frame,
            frame[CLASSES],
            frame.to_numpy(),
            reviews[1],
            one_hot(reviews[1])[:, ::-1],
        )
    ]
    assert losses[0] == losses[1] == losses[2]
    assert losses[3] == losses[4]
    weights = np.array([3, 1]) if class_weight else np.ones(2)
    found = clf.predict_proba(X)
    for loss, truth in ((losses[0], proba), (losses[3], one_hot(reviews[1]))):
        truth = truth * weights
        expected = -(truth * np.log(found)).sum() / truth.sum()
        assert loss == pytest.approx(expected, rel=1e-5)


def test_validation_data_of_another_kind_are_refused(make_classifier, reviews, voted):
    X, proba = voted
    clf = make_classifier()
    with pytest.raises(ValueError, match="y_val has probabilities and y has one label a text; "):
        clf.fit(*reviews, X_val=X, y_val=proba)
    with pytest.raises(ValueError, match="y_val has probabilities and y has several labels a text"):
        clf.fit(X, proba > 0.5, X_val=X, y_val=proba)
    with pytest.raises(ValueError, match=r"X_val and y_val must be .* sum to 1, got the sum 0\.9 "):
        clf.fit(X, proba, X_val=X, y_val=proba * 0.9)
    with pytest.raises(ValueError, match="got 59 texts and 60 true values"):
        clf.fit(X, proba, X_val=X[:-1], y_val=proba)


# The start, and going on


def test_a_logistic_regression_of_all_likely_classes_is_the_start(make_classifier, uneven):
    X, _ = uneven
    proba = np.array([[0.1, 0.3, 0.6] if "good" in text else [0.6, 0.3, 0.1] for text in X])
    still = make_classifier(head="probe", epochs=1, learning_rate=1e-12).fit(X, proba)
    found = still.predict_proba(X)
    is_good = proba[:, 2] > 0.5
    assert log_loss(is_good, found[:, 2] > found[:, 0]) < 1
    assert found[:, 1].mean() == pytest.approx(0.3, abs=0.05)  # it is no text's most probable one


def test_very_few_texts_are_contrasted_by_their_most_probable_class(tiny_model, reviews, voted):
    X, proba = voted[0][:12], voted[1][:12]
    encoders = [
        BertTextClassifier(tiny_model, random_state=0).fit(X, y).module_.bert.encoder.state_dict()
        for y in (reviews[1][:12], one_hot(reviews[1][:12]) * 0.999 + 0.0005, proba)
    ]
    fits = [torch.cat([value.ravel() for value in each.values()]) for each in encoders]
    assert torch.dist(fits[0], fits[1]) < 0.1 * torch.dist(fits[0], fits[2])


def test_hard_labels_are_followed_by_soft_ones(make_classifier, reviews, voted):
    X, proba = voted
    y = ["odd", *reviews[1][1:]]
    clf = make_classifier(warm_start=True).fit(X, y)
    clf.set_params(epochs=10).fit(X, pd.DataFrame(proba, columns=CLASSES), X_val=X, y_val=y)
    assert clf.classes_.tolist() == ["neg", "odd", "pos"]
    np.testing.assert_allclose(clf.predict_proba(X)[:, [0, 2]], proba, atol=0.1)
    with pytest.raises(ValueError, match=r"the classes of the first fit, .*, got 'new'"):
        clf.fit(X, proba, classes=["neg", "new"])
