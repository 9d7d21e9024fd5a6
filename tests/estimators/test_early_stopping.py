"""What early stopping holds out, what it takes for better, and validation data of one's own."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from sklearn_bert import BertTextRegressor

# So few texts are held out that one answer to all of them may be right.
pytestmark = pytest.mark.filterwarnings("ignore:All .* texts held out")


class Lengths(Callback):
    """Note the lengths of the texts that are trained on, and of those that are held out."""

    def __init__(self):
        self.seen = {True: set(), False: set()}

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.seen[training] |= {int(length) - 3 for length in batch[0].lengths}


@pytest.fixture
def held_out(make_classifier):
    """Return a function that fits, and returns the rows that were trained on and held out."""

    def fit(y, make=make_classifier, parameters=None, **options):
        X = ["good " * row + "bad" for row in range(len(y))]  # the length tells the row
        model = make(**{"early_stopping": True, "epochs": 1, **(parameters or {})})
        lengths = Lengths()
        model.set_params(callbacks=[lengths]).fit(X, y, **options)
        assert not lengths.seen[True] & lengths.seen[False]
        return sorted(lengths.seen[True]), sorted(lengths.seen[False])

    return fit


@pytest.fixture
def regressor(tiny_model):
    """Return a function that makes quick regressors that stop early."""

    def make(**parameters):
        defaults = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "random_state": 0}
        return BertTextRegressor(tiny_model, **{**defaults, "early_stopping": True, **parameters})

    return make


# What is held out


def test_a_class_of_one_text_stays_in_training(held_out):
    y = ["a"] * 20 + ["b"] * 19 + ["rare"]
    training, out = held_out(y, parameters={"validation_fraction": 0.25})
    assert len(out) == 10
    assert 39 in training
    assert 4 <= sum(row < 20 for row in out) <= 6


def test_a_rare_class_stays_in_training_where_most_is_held_out(held_out):
    training, out = held_out(["a"] * 40 + ["b"] * 2, parameters={"validation_fraction": 0.9})
    assert len(out) == 38
    assert {40, 41} & set(training)


def test_of_more_classes_than_are_held_out_each_stays_in_training(held_out):
    y = [f"class {row // 2}" for row in range(40)]
    training, out = held_out(y)
    assert len(out) == 4
    assert {row // 2 for row in training} == set(range(20))


def test_no_more_is_held_out_than_leaves_a_text_of_each_class(held_out):
    y = np.array([0, 1, 2, 3, 4, 5, 5, 5], dtype=object)
    _, out = held_out(y, parameters={"validation_fraction": 6})
    assert len(out) == 2
    assert set(out) <= {5, 6, 7}


def test_each_label_is_there_and_not_there_on_both_sides(held_out):
    Y = np.zeros((40, 4), dtype=int)
    Y[:20, 0] = 1
    Y[[3, 17], 1] = 1
    Y[:, 2] = 1
    Y[[5, 6], 2] = 0
    Y[9, 3] = 1  # on one side only, whatever is done
    for seed in range(3):
        for side in held_out(Y, parameters={"random_state": seed}):
            assert all(0 < count < len(side) for count in Y[side, :3].sum(axis=0))


@pytest.mark.parametrize(
    ("n_texts", "y", "fraction", "message"),
    [
        (4, ["a", "b", "c", "d"], 0.1, r"got 1 text of each of the 4 classes, such as 'a'; add"),
        (4, ["a", "b", "a", "b"], 4, r"^validation_fraction must leave .* got 4, .* the 4 texts"),
        (4, ["a", "b", "a", "b"], 0.9, r"^validation_fraction must leave texts .* got 0.9, "),
    ],
)
def test_what_cannot_be_held_out_is_said(make_classifier, n_texts, y, fraction, message):
    with pytest.raises(ValueError, match=message):
        make_classifier(early_stopping=True, validation_fraction=fraction).fit(["a"] * n_texts, y)


def test_of_two_numbers_one_is_held_out_and_of_one_none(regressor):
    assert regressor().fit(["good", "bad"], [1.0, 2.0]).n_epochs_ == 2
    with pytest.raises(ValueError, match=r"^early_stopping=True must have at least 2 texts, one"):
        regressor().fit(["good"], [1.0])


@pytest.mark.parametrize("kind", ["labels", "several labels", "numbers"])
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.8])
def test_groups_are_held_out_together(held_out, make_classifier, regressor, kind, fraction):
    groups = np.repeat([f"author {number}" for number in range(10)], 4)
    y = {"labels": np.tile(["a", "b"], 20), "numbers": np.arange(40.0)}
    y["several labels"] = np.tile([[1, 0], [0, 1]], (20, 1))
    training, out = held_out(
        y[kind],
        make=regressor if kind == "numbers" else make_classifier,
        parameters={"validation_fraction": fraction},
        groups=groups,
    )
    assert not set(groups[training]) & set(groups[out])
    assert len(out) == pytest.approx(40 * fraction, abs=4)


def test_a_class_within_one_group_stays_in_training(held_out):
    groups = np.repeat(np.arange(5), 8)
    y = ["rare" if 16 <= row < 20 else "ab"[row % 2] for row in range(40)]
    for seed in range(3):
        training, out = held_out(y, parameters={"random_state": seed}, groups=groups)
        assert len(out) == 8
        assert set(range(16, 20)) <= set(training)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1], r"^groups must have one value for each of the 60 texts, got 1; pass"),
        (
            pd.DataFrame({"author": [1] * 60}),
            r"^groups must be one column, got shape \(60, 1\)",
        ),
        ("author", r"^groups must have one value for each of the 60 texts, got 'author'; pass"),
        (5, r"^groups must have one value for each of the 60 texts, got 5; pass"),
        ([None] * 60, r"^groups must be .* got None at row 0; give each text a group"),
        ([1.0] * 59 + [float("nan")], r"got nan at row 59; give"),
        (["a"] * 60, r"^groups must have at least 2 different values .* got 1; pass more"),
        (
            ["neg", "pos"] * 30,
            r"^groups must leave texts of every class .* got the class '(neg|pos)'",
        ),
    ],
)
def test_groups_that_cannot_be_held_out_are_said(make_classifier, reviews, groups, message):
    with pytest.raises(ValueError, match=message):
        make_classifier(early_stopping=True).fit(*reviews, groups=groups)


def test_a_text_without_weight_is_in_no_group(held_out):
    weights = np.ones(40)
    weights[:4] = 0
    groups = np.arange(40) // 4
    training, out = held_out(["a", "b"] * 20, sample_weight=weights, groups=groups)
    assert sorted(training + out) == list(range(4, 40))
    assert not set(groups[training]) & set(groups[out])


# What is better


@pytest.fixture
def rare(reviews):
    """Texts of three labels, of which one is that of two texts."""
    X, y = reviews
    rows = enumerate(y)
    return X, np.array([[label == "pos", label == "neg", row in (3, 17)] for row, label in rows])


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "roc_auc_ovr"])
def test_a_label_of_two_texts_does_not_stop_the_training(make_classifier, rare, scoring):
    X, Y = rare[0], rare[1].astype(int)
    clf = make_classifier(early_stopping=True, scoring=scoring, epochs=12).fit(X, Y)
    assert np.isfinite([row["valid_score"] for row in clf.history_]).all()
    assert (clf.predict(X)[:, :2] == Y[:, :2]).mean() > 0.99


def test_a_score_that_is_not_defined_is_refused_before_training(
    make_classifier, regressor, rare, monkeypatch
):
    def train(*args, **kwargs):
        raise AssertionError("training has begun")

    monkeypatch.setattr("sklearn_bert._estimators.fitting.train", train)
    X, Y = rare[0], rare[1].astype(int)
    Y[17] = Y[15]
    with pytest.raises(ValueError, match=r"^scoring='roc_auc' must be defined on the validation t"):
        make_classifier(early_stopping=True, scoring="roc_auc").fit(X, Y)
    for scoring in ("r2", None):
        with pytest.raises(ValueError, match=rf"^scoring={scoring!r} must be defined .* \(1 of th"):
            regressor(scoring=scoring).fit(X[:10], np.arange(10.0))
    y = ["meh", *rare[1][1:, 0].astype(str)]
    with pytest.raises(ValueError, match=r"since there is no text of the class 'meh' among the 6;"):
        make_classifier(early_stopping=True, scoring="neg_log_loss").fit(X, y)


@pytest.mark.parametrize("score", [None, "0.5", [0.5], np.array([0.5]), 1j])
def test_a_score_that_is_no_number_is_refused(make_classifier, reviews, score):
    clf = make_classifier(early_stopping=True, scoring=lambda estimator, X, y: score)
    with pytest.raises(TypeError, match=r"must give a number, got .* of type .*; let it return"):
        clf.fit(*reviews)


def scores_of(*scores):
    """Return a scorer that gives these, one after the other; the first is tried before training."""
    left = list(scores)
    return lambda estimator, X, y: left.pop(0)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("undefined", [NAN, INF])
def test_an_epoch_without_a_score_is_neither_better_nor_worse(make_classifier, reviews, undefined):
    scores = [undefined, undefined, undefined, 0.5, undefined, 0.6, 0.1, undefined, 0.1, 0.1]
    clf = make_classifier(early_stopping=True, scoring=scores_of(0, *scores), epochs=10)
    clf.fit(*reviews)
    assert clf.n_epochs_ == 9  # the second miss after 0.6
    best = make_classifier(early_stopping=True, scoring=scores_of(0, *scores[:6], 0, 0), epochs=10)
    best.fit(*reviews)  # stops after 8 epochs, with the same weights
    np.testing.assert_array_equal(clf._outputs(reviews[0]), best._outputs(reviews[0]))


def test_a_score_in_no_epoch_is_told_and_loses_nothing(make_classifier, reviews):
    clf = make_classifier(early_stopping=True, scoring=scores_of(0, NAN, NAN, NAN), epochs=3)
    with pytest.warns(UserWarning, match=r"no finite number in any of the 3 epochs") as record:
        clf.fit(*reviews)
    assert record[0].filename == __file__
    assert clf.n_epochs_ == 3
    assert clf.score(*reviews) > 0.9


class Diverge(Callback):
    """Make the weights NaN in the third epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            with torch.no_grad():
                next(net.module_.parameters()).fill_(float("nan"))


def test_a_training_that_diverges_stops_at_once_and_has_its_best_weights_back(
    make_classifier, reviews
):
    clf = make_classifier(early_stopping=True, epochs=10, callbacks=[Diverge()]).fit(*reviews)
    assert clf.n_epochs_ == 3
    assert np.isnan(clf.history_[-1]["valid_loss"])
    assert clf.score(*reviews) > 0.9


# Validation data of one's own


def test_own_validation_data_stops_and_all_else_is_trained_on(held_out, make_classifier, reviews):
    X, y = reviews
    X_val, y_val = X[40:], np.array(y[40:])[::-1]  # wrong labels: every epoch makes it worse
    clf = make_classifier(early_stopping=True, epochs=12, validation_fraction=50)
    clf.fit(X[:40], y[:40], X_val=pd.DataFrame({"text": X_val}), y_val=pd.Series(y_val))
    losses = [row["valid_loss"] for row in clf.history_]
    assert clf.n_epochs_ == np.argmin(losses) + 3 < 12
    assert clf.n_samples_fit_ == 40
    training, out = held_out(["a", "b"] * 10, X_val=["good " * 30 + "bad"], y_val=["a"])
    assert training == list(range(20))
    assert out == [30]


@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_without_early_stopping_it_is_only_recorded(make_classifier, reviews, scoring):
    X, y = reviews
    plain = make_classifier(epochs=4).fit(X[:40], y[:40])
    clf = make_classifier(epochs=4, scoring=scoring).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    np.testing.assert_array_equal(clf._outputs(X), plain._outputs(X))
    assert len(clf.history_) == 4
    assert all(row["valid_loss"] > 0 for row in clf.history_)
    assert clf.history_[-1].get("valid_score") == (None if scoring == "loss" else 1.0)


def test_classes_weigh_in_it_what_they_weigh_in_training(make_classifier, reviews):
    X, y = reviews
    clf = make_classifier(epochs=1, learning_rate=1e-9, class_weight={"pos": 1e-9})
    clf.fit(X, y, X_val=X, y_val=y)
    weighted = clf.history_[0]["valid_loss"]
    negative = [text for text, label in zip(X, y, strict=True) if label == "neg"]
    clf.fit(X, y, X_val=negative, y_val=["neg"] * 30)
    assert weighted == pytest.approx(clf.history_[0]["valid_loss"], rel=1e-4)


@pytest.mark.parametrize("kind", ["several labels", "numbers", "pairs", "windows"])
def test_it_is_for_targets_and_texts_of_all_kinds(make_classifier, regressor, rare, kind):
    X, Y = rare[0], rare[1].astype(int)
    clf = make_classifier(early_stopping=True, epochs=3, scoring="loss")
    y = Y[:, 0]
    if kind == "several labels":
        y = pd.DataFrame(Y, columns=["good", "bad", "rare"])
    elif kind == "numbers":
        clf, y = regressor(scoring="r2"), np.arange(60.0)
    elif kind == "pairs":
        X = [(text, "a film") for text in X]
    else:
        clf.set_params(max_length=8, long_text="windows")
    clf.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert all(np.isfinite(row["valid_loss"]) for row in clf.history_)
    if kind == "numbers":  # judged on the numbers themselves, not on standardized ones
        best = max(row["valid_score"] for row in clf.history_)
        assert best == pytest.approx(clf.score(X[40:], y[40:]), abs=1e-6)


Y_TWO = [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("X_val", "y_val", "message"),
    [
        (["good"], None, r"^X_val and y_val must be given together, got X_val alone; pass y_val"),
        (None, ["pos"], r"^X_val and y_val must be given together, got y_val alone; pass X_val"),
        (["a", "b"], ["pos"], r"of different lengths, got 2 texts and 1 true values; pass one"),
        (["a", "b"], ["pos", "meh"], r"y_val has the label 'meh' at row 1 .* \['neg', 'pos'\]"),
        (["a"], [0], r"y_val has the label 0 at row 0 and y has only"),
        ([("a", "b")], ["pos"], r"^X_val must hold single texts as X does, got pairs of texts;"),
        (["a", None], ["pos", "neg"], r"^X_val and y_val must be .*, got None .* at row 1"),
        ("good", ["pos"], r"^X_val and y_val must be .* got the single text 'good'"),
        ([], [], r"^X_val and y_val must be .* at least one text"),
        (["a", "b"], Y_TWO, r"y_val has several labels a text and y has one label a text; pass"),
        (["a", "b"], ["pos", None], r"^X_val and y_val must be .* got None .* at row 1"),
    ],
)
def test_validation_data_that_does_not_fit_is_one_sentence(
    make_classifier, reviews, X_val, y_val, message
):
    with pytest.raises((ValueError, TypeError), match=message):
        make_classifier(early_stopping=True).fit(*reviews, X_val=X_val, y_val=y_val)


def test_so_are_other_columns(make_classifier, regressor, rare):
    X, Y = rare[0], pd.DataFrame(rare[1].astype(int), columns=["good", "bad", "rare"])
    for wrong in (Y[["good", "bad"]], Y[["bad", "good", "rare"]]):
        with pytest.raises(ValueError, match=r"y_val has the labels \['(good|bad)'.* same columns"):
            make_classifier().fit(X, Y, X_val=X, y_val=wrong)
    with pytest.raises(ValueError, match=r"y_val has the shape \(60, 3\) and y \(60,\); pass as"):
        regressor().fit(X, np.arange(60.0), X_val=X, y_val=Y)


def test_going_on_judges_by_the_classes_of_the_first_fit(make_classifier, reviews):
    X, y = reviews
    clf = make_classifier(warm_start=True, early_stopping=True).fit(["meh", *X], ["meh", *y])
    clf.fit(X, y, X_val=["meh", "good"], y_val=["meh", "pos"])
    assert clf.classes_.tolist() == ["meh", "neg", "pos"]
    with pytest.raises(ValueError, match=r"y_val has the label 'new' at row 0"):
        clf.fit(X, y, X_val=["meh"], y_val=["new"])


def test_metadata_reaches_fit_through_a_search_and_a_pipeline(make_classifier, reviews):
    X, y = reviews
    groups = np.arange(60) // 6
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make_classifier(early_stopping=True, epochs=3)
        clf.set_fit_request(X_val=True, y_val=True, groups=True, sample_weight=True)
        clf.set_score_request(sample_weight=True)
        pipeline = Pipeline([("same", FunctionTransformer()), ("clf", clf)])
        search = GridSearchCV(pipeline, {"clf__epochs": [2, 3]}, cv=GroupKFold(2))
        search.fit(X, y, X_val=X[:7], y_val=y[:7], groups=groups, sample_weight=np.ones(60))
        assert search.best_estimator_[-1].n_samples_fit_ == 60
        assert "valid_loss" in search.best_estimator_[-1].history_[0]
        # Groups for the splitter alone need no request.
        plain = make_classifier(early_stopping=True, epochs=1)
        GridSearchCV(plain, {"epochs": [1]}, cv=GroupKFold(2)).fit(X, y, groups=groups)


def test_a_line_for_each_epoch_and_a_curve_of_it(make_classifier, reviews, capfd):
    X, y = reviews
    make_classifier(verbose=2).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert capfd.readouterr().out.count("valid_loss") == 2


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_of_labels_to_judge_by_are_those_to_learn(make_classifier, reviews, library):
    frame = pytest.importorskip(library).DataFrame
    texts, numbers = reviews[0][:8], [0, 1] * 4
    labels = {"good": numbers, "bad": numbers[::-1]}
    data = {"X": texts, "y": pd.DataFrame(labels), "X_val": texts}
    clf = make_classifier(epochs=1, early_stopping=True)
    assert "valid_loss" in clf.fit(**data, y_val=frame(labels)).history_[0]
    for other in ({"bad": numbers, "good": numbers}, {"good": numbers, "fine": numbers}):
        with pytest.raises(ValueError, match="pass the same columns in the same order"):
            clf.fit(**data, y_val=frame(other))
