"""A fit that learnt next to nothing says so, and what to change; one that learnt says nothing."""

import re
import warnings

import numpy as np
import pytest
import torch
from comparing import CHEAP
from scipy.optimize import minimize_scalar
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklearn_bert import BertTextRegressor, NothingLearntWarning, compare

X = ["the film"] * 60
RARE = ["rare"] * 15 + ["usual"] * 45
SEVERAL = np.array([[1, 0]] * 15 + [[1, 1]] * 15 + [[0, 0]] * 30)
SOFT = np.array([[0.4, 0.6]] * 30 + [[0.1, 0.9]] * 30)
ONE_STEP = {"epochs": 1, "batch_size": 60}


def entropy(share):
    """Return the lowest mean loss of one probability for all, of two classes."""
    return -share * np.log(share) - (1 - share) * np.log(1 - share)


def focal(share, gamma):
    """Return the same for the focal loss."""

    def loss(proba):
        return -share * (1 - proba) ** gamma * np.log(proba) - (1 - share) * proba**gamma * np.log(
            1 - proba
        )

    return minimize_scalar(loss, bounds=(0.01, 0.99), method="bounded").fun


@pytest.mark.parametrize(
    ("y", "parameters", "weights", "chance"),
    [
        (RARE, {}, None, entropy(0.25)),
        (RARE, {"class_weight": "balanced"}, None, entropy(0.5)),
        (RARE, {}, [6] * 15 + [1] * 45, entropy(90 / 135)),
        (RARE, {"label_smoothing": 0.2}, None, entropy(0.25 * 0.8 + 0.1)),
        (RARE, {"focal_gamma": 2.0}, None, focal(0.25, 2.0)),
        (SOFT, {}, None, entropy(0.25)),
        (SOFT, {"class_weight": "balanced"}, None, entropy(0.5)),
        (SEVERAL, {}, None, (entropy(0.5) + entropy(0.25)) / 2),
        (SEVERAL, {"class_weight": {0: 1, 1: 3}}, None, (entropy(0.5) + 1.5 * entropy(0.5)) / 2),
    ],
)
def test_chance_is_the_loss_of_the_best_answer_to_all(
    make_classifier, y, parameters, weights, chance
):
    clf = make_classifier(**ONE_STEP, **parameters)
    with pytest.warns(NothingLearntWarning, match="hardly better") as caught:
        clf.fit(X, y, sample_weight=weights)
    (found,) = re.findall(r", against ([\d.]+\d)", str(caught[0].message))
    assert float(found) == pytest.approx(chance, rel=5e-3)


def test_numbers_are_compared_with_their_mean(tiny_model):
    reg = BertTextRegressor(tiny_model, head="new", **ONE_STEP)
    with pytest.warns(NothingLearntWarning, match=r"predicting the mean: .*, against 1;"):
        reg.fit(X, [3.0, 5.0] * 30)


def test_a_run_that_was_too_short_says_how_long_auto_trains(make_classifier, reviews):
    clf = make_classifier(epochs=1, batch_size=32, learning_rate=1e-5)
    message = (
        r"^In the last of its 2 steps the model was hardly better than always predicting "
        r"the same label: its training loss was [\d.]+, against 0\.\d+; use "
        r"epochs='auto', which is 50 here, or a higher learning_rate\.$"
    )
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        clf.fit(*reviews)
    assert caught[0].filename == __file__


def test_what_the_texts_do_not_tell_is_told_in_other_words(make_classifier):
    clf = make_classifier(epochs="auto", batch_size=20, freeze="all")  # which is quick
    with pytest.warns(NothingLearntWarning, match=r"102 steps .*; train for more .* or check that"):
        clf.fit(X, ["a", "b"] * 30)


def test_a_label_that_is_never_predicted_is_told_of_although_the_loss_is_low(make_classifier):
    texts = ["a good film", "a bad film"] * 60
    y = ["rare" if number % 6 == 0 else "usual" for number in range(120)]
    with pytest.warns(NothingLearntWarning, match=r"same label for all training texts, 1. % of wh"):
        make_classifier(epochs=10, batch_size=30).fit(texts, y)


def test_labels_of_which_none_is_ever_predicted_are_told_of(make_classifier):
    texts = ["a good film", "a bad film"] * 60
    y = np.zeros((120, 2), dtype=int)
    y[::6, 0] = y[6::6, 1] = 1
    with pytest.warns(NothingLearntWarning, match=r"same labels for all .*'balanced'\.$"):
        make_classifier(epochs=25, batch_size=30, freeze="all").fit(texts, y)


@pytest.mark.parametrize("parameters", [{}, {"label_smoothing": 0.9}, {"focal_gamma": 4.0}])
def test_a_fit_that_learnt_says_nothing(make_classifier, reviews, parameters):
    with warnings.catch_warnings(action="error"):
        make_classifier(epochs=6, **parameters).fit(*reviews)


class Spoil(Callback):
    """Undo in the fifth epoch what was learnt."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 5:
            with torch.no_grad():
                net.module_.classifier.weight.mul_(-1)


def test_the_weights_that_are_restored_are_those_that_count(make_classifier, reviews):
    clf = make_classifier(epochs=8, early_stopping=True, n_iter_no_change=1, callbacks=[Spoil()])
    with warnings.catch_warnings(action="error"):
        clf.fit(*reviews, X_val=reviews[0], y_val=reviews[1])
    assert clf.n_epochs_ == 5
    assert clf.training_curve_["loss"][-10:].mean() > np.log(2)  # a quarter: worse than chance


def test_a_comparison_tells_by_its_verdict(make_classifier, reviews):
    """Neither its probe, which is not to learn, nor each of its folds warns."""
    with warnings.catch_warnings(action="error"):
        found = compare(
            *reviews,
            cv=[(np.arange(40), np.arange(40, 60))],
            bert=make_classifier(epochs=1, learning_rate=1e-5),
            estimators=dict.fromkeys(CHEAP[1:], "drop"),
            verbose=0,
        )
    assert not any(row["error"] for row in found.rows_)


def test_a_target_without_variance_says_nothing(tiny_model):
    with warnings.catch_warnings(action="error"):
        BertTextRegressor(tiny_model, epochs=1).fit(X, [1.0] * 60)
