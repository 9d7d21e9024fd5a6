"""Seeing inside: learning rates, training curves, worst errors."""

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from sklearn_bert import (
    BertTextClassifier,
    LearningRateFinderDisplay,
    TrainingCurveDisplay,
    top_losses,
)

pytestmark = pytest.mark.usefixtures("no_window")


@pytest.fixture
def finder(make_classifier, reviews):
    """The finder's display for a classifier of the tiny model."""
    return LearningRateFinderDisplay.from_estimator(make_classifier(), *reviews)


def test_the_learning_rate_rises_exponentially_from_1e_7(finder):
    rates = finder.learning_rates
    assert rates[0] == pytest.approx(1e-7) and rates[-1] <= 0.1
    steps = np.diff(np.log(rates))
    assert np.allclose(steps, steps[0])
    assert len(rates) == len(finder.losses) == len(finder.smoothed_losses) <= 100


def test_it_stops_when_the_loss_is_four_times_its_best(make_classifier, reviews):
    weights = np.ones(60)
    display = LearningRateFinderDisplay.from_estimator(
        make_classifier(), *reviews, sample_weight=weights, n_steps=400, plot=False
    )
    smoothed = display.smoothed_losses
    assert (smoothed[:-1] <= 4 * np.minimum.accumulate(smoothed)[:-1]).all()


def test_the_suggestion_is_a_number_with_alternatives_beside_it(finder):
    assert list(finder.suggestions_) == ["steepest", "minimum/10", "valley"]
    assert finder.suggestion_ == finder.suggestions_["valley"]
    assert type(finder.suggestion_) is float


def test_the_classifier_its_seed_and_its_parameters_are_as_before(make_classifier, reviews):
    seed = np.random.RandomState(5)
    clf = make_classifier(random_state=seed)
    before, state = dict(vars(clf)), seed.get_state()[1].copy()
    LearningRateFinderDisplay.from_estimator(clf, *reviews, plot=False)
    assert vars(clf) == before
    assert (seed.get_state()[1] == state).all()


def test_a_fitted_classifier_stays_fitted(make_classifier, reviews):
    clf = make_classifier().fit(*reviews)
    before = clf.decision_function(reviews[0])
    LearningRateFinderDisplay.from_estimator(clf, *reviews, plot=False)
    assert (clf.decision_function(reviews[0]) == before).all()


def test_the_finder_is_drawn_like_other_displays(finder, make_classifier, reviews):
    assert finder.ax_.get_xscale() == "log"
    assert finder.line_ in finder.ax_.lines and finder.figure_ is finder.ax_.figure
    ax = matplotlib.figure.Figure().subplots()
    assert finder.plot(ax=ax, color="red").ax_ is ax
    assert finder.line_.get_color() == "red"
    names = finder.ax_.get_legend_handles_labels()[1]
    assert any(name.startswith("steepest: ") for name in names)


def test_the_rate_that_is_taken_is_marked(finder):
    names = finder.ax_.get_legend_handles_labels()[1]
    assert [name for name in names if "taken" in name] == [
        f"valley: {finder.suggestion_:.1e}, taken by 'find'"
    ]
    (point,) = (line for line in finder.ax_.lines if line.get_marker() == "o")
    assert point.get_xdata() == [finder.suggestion_]
    low, high = finder.smoothed_losses.min(), finder.smoothed_losses.max()
    assert low <= point.get_ydata()[0] <= high


def test_what_has_no_learning_rate_is_told(reviews):
    with pytest.raises(TypeError, match="must be a BertTextClassifier, got Pipeline; of a"):
        LearningRateFinderDisplay.from_estimator(
            make_pipeline(CountVectorizer(), MultinomialNB()), *reviews
        )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_steps": 3}, ValueError, "n_steps must be at least 10, got 3"),
        ({"X": ["a", 3], "y": [0, 1]}, TypeError, "got 3 of type int at row 1"),
        ({"X": ["a", "b"], "y": [0, 0]}, ValueError, "at least 2 classes"),
    ],
)
def test_what_fit_refuses_is_refused(make_classifier, reviews, options, error, message):
    options = {"X": reviews[0], "y": reviews[1], **options}
    with pytest.raises(error, match=message):
        LearningRateFinderDisplay.from_estimator(make_classifier(), **options)


def test_a_training_curve_has_loss_and_rate_of_each_step(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted)
    n_steps = 3 * 8
    assert len(display.loss) == len(display.learning_rate) == n_steps
    assert display.epoch.tolist() == sorted([1, 2, 3] * 8)
    assert display.learning_rate.max() == pytest.approx(fitted.learning_rate_, rel=0.1)
    means = [display.loss[display.epoch == epoch].mean() for epoch in (1, 2, 3)]
    expected = [row["train_loss"] for row in fitted.history_]
    assert means == pytest.approx(expected, rel=0.2)  # the last batch of an epoch is smaller


def test_it_is_drawn_with_two_axes_and_the_ends_of_epochs(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted)
    ends = [line.get_xdata()[0] for line in display.ax_.lines if line.get_linestyle() == ":"]
    assert ends == [8, 16, 24]
    assert display.learning_rate_ax_.get_ylabel() == "Learning rate"
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["loss", "learning rate"]


def test_validation_losses_are_drawn_where_there_are_some(make_classifier, reviews):
    clf = make_classifier(early_stopping=True).fit(*reviews)
    display = TrainingCurveDisplay.from_estimator(clf)
    assert display.valid_loss == [row["valid_loss"] for row in clf.history_]
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "validation loss" in names


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        ("f1_macro", "f1_macro"),
        (["balanced_accuracy", "f1_macro"], "balanced_accuracy"),
        ({"share": "accuracy"}, "share"),
        (None, "score"),
    ],
)
def test_the_score_that_stops_is_drawn_with_the_epoch_that_was_kept(
    make_classifier, reviews, scoring, name
):
    clf = make_classifier(early_stopping=True, scoring=scoring).fit(*reviews)
    display = TrainingCurveDisplay.from_estimator(clf)
    scores = [row["valid_score"] for row in clf.history_]
    assert display.valid_score == scores and display.score_name == name
    assert display.score_ax_.get_ylabel() == f"Validation {name}"
    drawn, star = display.score_ax_.lines
    assert drawn.get_ydata().tolist() == scores and star.get_ydata().tolist() == [max(scores)]
    kept = scores.index(max(scores)) + 1
    assert display.best_epoch == kept
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"validation {name}" in names and f"kept: epoch {kept}" in names


def test_where_the_loss_stops_the_epoch_with_the_lowest_was_kept(make_classifier, reviews):
    clf = make_classifier(early_stopping=True, epochs=3).fit(*reviews)
    display = TrainingCurveDisplay.from_estimator(clf)
    losses = [row["valid_loss"] for row in clf.history_]
    assert display.best_epoch == losses.index(min(losses)) + 1
    assert display.score_ax_ is None and display.valid_score is None


def test_where_nothing_stops_no_epoch_is_marked(make_classifier, reviews):
    clf = make_classifier(scoring="accuracy").fit(*reviews, X_val=reviews[0], y_val=reviews[1])
    display = TrainingCurveDisplay.from_estimator(clf)
    assert display.best_epoch is None and len(display.valid_score) == 2
    assert len(display.score_ax_.lines) == 1


def test_a_score_that_is_no_number_is_not_the_best(make_classifier, reviews):
    scores = iter([0.5, np.nan, 0.9, 0.1])  # the first is asked for before training

    def changing(estimator, X, y):
        return next(scores)

    clf = make_classifier(early_stopping=True, scoring=changing, epochs=3).fit(*reviews)
    display = TrainingCurveDisplay.from_estimator(clf, plot=False)
    assert (display.best_epoch, display.score_name) == (2, "changing")


def test_the_legend_covers_no_curve(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted)
    display.figure_.canvas.draw()
    assert display.ax_.get_legend().get_window_extent().y0 >= display.ax_.bbox.y1


def test_without_a_fit_there_is_no_curve():
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(BertTextClassifier())


def test_the_most_wrong_texts_come_first(fitted, reviews):
    texts, labels = reviews[0][:10], list(reviews[1][:10])
    labels[3] = "pos" if labels[3] == "neg" else "neg"
    worst = top_losses(fitted, texts, labels, n=2)
    assert worst.index[0] == 3
    row = worst.iloc[0]
    assert row["text"] == texts[3] and row["label"] == labels[3] != row["predicted"]
    assert row["loss"] == pytest.approx(-np.log(row["probability"]))
    assert len(worst) == 2 and worst["loss"].is_monotonic_decreasing


def test_out_of_fold_probabilities_find_wrong_labels(make_classifier, reviews):
    labels = np.array(reviews[1])
    wrong = [5, 20, 41]
    labels[wrong] = np.where(labels[wrong] == "pos", "neg", "pos")
    clf = make_classifier(epochs=4)
    proba = cross_val_predict(clf, reviews[0], labels, cv=3, method="predict_proba")
    worst = top_losses(clf, reviews[0], labels, n=3, proba=proba)
    assert sorted(worst.index) == wrong


def test_any_classifier_with_probabilities_will_do(reviews):
    clf = make_pipeline(CountVectorizer(), MultinomialNB()).fit(*reviews)
    worst = top_losses(clf, *reviews, n=100)
    assert len(worst) == 60


def test_columns_may_be_in_any_order():
    proba = [[0.9, 0.1], [0.2, 0.8]]
    worst = top_losses(None, ["x", "z"], ["b", "a"], proba=proba, classes=["b", "a"])
    assert worst.loc[0, "probability"] == 0.9 and worst.loc[0, "predicted"] == "b"


FRAMES = {
    "pandas": pd.DataFrame,
    "polars": lambda columns: pl.DataFrame({str(name): p for name, p in columns.items()}),
    "arrow": lambda columns: pa.table({str(name): p for name, p in columns.items()}),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("labels", [["a", "b"], [0, 1], [3, 7], [True, False], [1.0, 0.0]])
def test_columns_of_a_frame_are_those_of_the_classes_in_their_names(make, labels):
    first, second = labels
    proba = make({second: [0.9, 0.2], first: [0.1, 0.8]})
    for classes in (None, labels, labels[::-1]):
        worst = top_losses(None, ["x", "z"], [second, first], proba=proba, classes=classes)
        assert worst.loc[0, "probability"] == 0.9 and worst.loc[0, "predicted"] == second
        assert worst.loc[1, "probability"] == 0.8 and worst.loc[1, "predicted"] == first


def test_names_are_looked_up_among_the_classes_of_the_estimator(fitted):
    proba = pd.DataFrame({"pos": [0.9, 0.2], "neg": [0.1, 0.8]})
    worst = top_losses(fitted, ["x", "z"], ["pos", "pos"], proba=proba)
    assert worst["probability"].tolist() == [0.2, 0.9]


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda p: pl.DataFrame(p, orient="row")])
def test_columns_without_names_are_in_the_order_of_the_classes(frame):
    proba = frame(np.array([[0.9, 0.1], [0.2, 0.8]]))
    worst = top_losses(None, ["x", "z"], ["b", "a"], proba=proba, classes=["b", "a"])
    assert worst.loc[0, "probability"] == 0.9
    assert top_losses(None, ["x", "z"], ["b", "a"], proba=proba).loc[0, "probability"] == 0.1


def test_the_index_counts_the_rows_and_rows_need_not_sum_to_1():
    texts = pd.Series(["x", "z"], index=[10, 20])
    worst = top_losses(None, texts, pd.Series([0, 1], index=[5, 6]), proba=np.full((2, 2), 0.9))
    assert worst.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"proba": pd.DataFrame({"no": [0.5] * 2, "pos": [0.5] * 2})},
            r"columns named after the classes \['neg', 'pos'\], got 'no'",
        ),
        (
            {"proba": pd.DataFrame(np.eye(2), columns=["neg", "neg"])},
            "one column for each class, got 'neg' twice",
        ),
        (
            {"proba": pd.DataFrame(np.eye(2)), "classes": [1, 0], "y": [0, 1]},
            r"either named or counted, got \[0, 1\] with classes=\[1, 0\]",
        ),
        ({"classes": ["neg", "neg"]}, "classes must be different, got 'neg' twice"),
        ({"proba": [[0.5, 0.5], [np.nan, 0.5]]}, "from 0 to 1, got nan at row 1"),
        ({"proba": [[0.5, 0.5], [-2.0, 2.0]]}, "from 0 to 1, got -2.0 at row 1"),
        ({"proba": [["a", "b"], ["c", "d"]]}, "must be a table of numbers, got list"),
        ({"proba": pd.DataFrame({"neg": [0.5, pd.NA], "pos": [0.5, 1]})}, "table of numbers"),
        ({"n": 0}, "n must be an int above 0, got 0"),
        ({"n": -1}, "n must be an int above 0, got -1"),
        ({"n": 2.5}, r"n must be an int above 0, got 2\.5"),
        ({"y": np.eye(2, dtype=int)}, "must have one label for each text, got several columns"),
        ({"classes": [0, 1]}, r"labels of the classes \[0, 1\] only, got 'neg' at row 0"),
    ],
)
def test_what_are_no_probabilities_of_the_classes_is_told(options, message):
    given = {"y": ["neg", "pos"], "proba": np.eye(2), **options}
    with pytest.raises(ValueError, match=message):
        top_losses(None, ["x", "z"], given.pop("y"), **given)


def test_more_texts_than_there_are_is_all_of_them():
    assert len(top_losses(None, ["x", "z"], [0, 1], proba=np.eye(2), n=np.int64(9))) == 2


def test_several_labels_a_text_are_refused(make_classifier, reviews):
    clf = make_classifier(epochs=1).fit(reviews[0], np.eye(2, dtype=int)[np.arange(60) % 2])
    with pytest.raises(ValueError, match="must give one label a text, got a BertTextClassifier"):
        top_losses(clf, reviews[0], np.arange(60) % 2)


def test_a_probability_of_0_is_an_infinite_loss():
    worst = top_losses(None, ["x", "z"], [0, 1], proba=[[0.0, 1.0], [0.5, 0.5]])
    assert worst.loc[0, "loss"] == np.inf


@pytest.mark.parametrize(
    ("y", "proba", "classes", "message"),
    [
        ([0, 1], [[0.5, 0.5]], None, r"shape \(n_samples, n_classes\) = \(2, 2\), got \(1, 2\)"),
        ([0, 5], np.eye(2), [0, 1], r"classes \[0, 1\] only, got 5 at row 1"),
        ([0, 1, 1], np.eye(2), None, "inconsistent numbers of samples"),
    ],
)
def test_what_does_not_fit_together_is_told(y, proba, classes, message):
    with pytest.raises(ValueError, match=message):
        top_losses(None, ["x", "z"], y, proba=proba, classes=classes)


def test_an_unfitted_classifier_without_probabilities_is_told(make_classifier, reviews):
    with pytest.raises(NotFittedError):
        top_losses(make_classifier(), *reviews)
