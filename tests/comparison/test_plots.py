"""Plots with matplotlib: what is drawn, and where."""

import copy

import matplotlib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from sklearn_bert import compare

pytestmark = pytest.mark.usefixtures("no_window")


@pytest.fixture(scope="module")
def comparison():
    """A comparison with a learning curve, of a BERT that guesses."""
    texts = [f"{word} {i}" for i in range(20) for word in ("good", "bad")]
    labels = ["pos", "neg"] * 20
    bert = DummyClassifier()
    return compare(texts, labels, bert=bert, cv=2, learning_curve=[0.5], random_state=0, verbose=0)


def test_cost_has_one_point_a_model(comparison):
    ax = comparison.plot()
    names = ax.get_legend_handles_labels()[1]
    assert names == [row["model"] for row in comparison.rows_]
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "accuracy")


def crowded(comparison, names):
    """Return a comparison in which models of these names lie close together."""
    other = copy.deepcopy(comparison)
    row = other.rows_[0]
    other.rows_ = [
        {**row, "model": name, "accuracy": 0.8 + 0.01 * number, "accuracy_std": 0.02,
         "fit_seconds": 100 + number, "fit_cpu_seconds": 100 + number}
        for number, name in enumerate(names)
    ]  # fmt: skip
    return other


def test_names_stand_beside_their_points_and_hide_nothing(comparison):
    names = ["TF-IDF + linear SVM", "frozen BERT + logistic regression", "BERT", "BERT + TF-IDF"]
    ax = crowded(comparison, names).plot()
    ax.figure.canvas.draw()
    assert ax.get_legend() is None
    assert [text.get_text() for text in ax.texts if text.get_text()] == names
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    marks = ax.transData.transform([(100 + i, 0.8 + 0.01 * i) for i in range(len(names))])
    for number, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[:number])
        assert not any(box.contains(*mark) for mark in marks)
        assert all(ax.bbox.contains(*corner) for corner in box.corners())


@pytest.mark.parametrize("name", ["模型", "BERT " * 5])
def test_names_that_cannot_be_written_stand_in_the_legend(comparison, name):
    """The font of matplotlib has no Chinese letters, and so many models have no room."""
    names = [f"{name} {number}" for number in range(2 if "B" not in name else 40)]
    ax = crowded(comparison, names).plot()
    assert not ax.texts
    assert len(ax.get_legend().get_texts()) == len(names)


def test_the_learning_curve_has_a_line_and_a_band_a_model(comparison):
    ax = comparison.plot("learning_curve")
    assert [line.get_label() for line in ax.lines] == [comparison.best_cheap_, "BERT"]
    assert np.allclose(ax.lines[0].get_xdata(), [10, 20])
    assert len(ax.collections) == 2


@pytest.mark.parametrize("kind", ["cost", "learning_curve"])
def test_numbers_below_are_written_without_powers(comparison, kind):
    ax = comparison.plot(kind)
    ax.figure.canvas.draw()
    labels = [tick.get_text() for tick in ax.get_xticklabels(which="both")]
    assert len(labels) > 1 and all(float(label.replace(",", "")) > 0 for label in labels)


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        ((22, 830), ["30", "100", "300"]),
        ((44, 165), ["50", "100"]),
        ((24, 68), ["30", "40", "50", "60", "70"]),
        ((0.0009, 70), ["0.001", "0.01", "0.1", "1", "10", "100"]),
        ((1, 3e5), ["1", "10", "100", "1,000", "10,000", "100,000"]),
        ((5, 5), ["1", "2", "5", "10"]),
    ],
)
def test_an_axis_of_times_has_a_few_round_numbers(comparison, seconds, labels):
    other = copy.deepcopy(comparison)
    for number, row in enumerate(other.rows_):
        row["fit_seconds"] = row["fit_cpu_seconds"] = seconds[number % 2]
    ax = other.plot()
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert [tick.label1.get_text() for tick in ticks] == labels


def test_the_learning_curve_can_be_read_without_colours(comparison):
    cheap, bert = comparison.plot("learning_curve").lines
    assert cheap.get_marker() != bert.get_marker()


def test_axes_can_be_given(comparison):
    ax = matplotlib.figure.Figure().subplots()
    assert comparison.plot(ax=ax) is ax


def test_an_unknown_kind_is_told(comparison):
    with pytest.raises(ValueError, match=r"one of \['cost', 'learning_curve'\], got 'speed'"):
        comparison.plot("speed")


def test_without_a_learning_curve_the_way_to_one_is_told():
    texts, labels = ["good", "bad"] * 8, [1, 0] * 8
    found = compare(texts, labels, bert=DummyClassifier(), cv=2, random_state=0, verbose=0)
    with pytest.raises(ValueError, match=r"use compare\(..., learning_curve=True\)"):
        found.plot("learning_curve")
