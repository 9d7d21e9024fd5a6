"""What the verdict says of costs."""

import numpy as np
import pytest

from sklearn_bert.comparison._fold_result import FoldResult
from sklearn_bert.comparison._statistics import Difference
from sklearn_bert.comparison._summary import Pair
from sklearn_bert.comparison._verdict import verdict


def result(model, fit, predict):
    """Return a fold of a model that took such seconds, and their roots of the processor."""
    costs = {"fit_seconds": fit, "predict_seconds": predict}
    costs |= {"fit_cpu_seconds": fit**0.5, "predict_cpu_seconds": predict**0.5}
    return FoldResult(model, 0, np.arange(2), 4, {"accuracy": 0.5}, **costs)


@pytest.mark.parametrize(
    ("seconds", "in_cpu_seconds", "words"),
    [
        ((100, 4), False, "cheap is 100 times faster to train and 4 times faster to predict with."),
        ((0.25, 1), False, "cheap is 4 times slower to train and about as fast to predict with."),
        (
            (100, 4),
            True,
            "cheap takes 10 times less processor time to train and 2 times less to predict.",
        ),
        (
            (0.25, 1.02),
            True,
            "cheap takes 2 times more processor time to train and about as much to predict.",
        ),
    ],
)
def test_costs_are_those_of_the_clock_or_of_the_processor(seconds, in_cpu_seconds, words):
    pair = Pair([result("cheap", 1, 1)], [result("BERT", *seconds)])
    difference = Difference(0.0, -0.01, 0.01, "")
    options = {"in_cpu_seconds": in_cpu_seconds}
    found = verdict(pair, difference, "accuracy", **options)
    assert found.endswith(f"): {words}")
    better = verdict(
        pair, Difference(0.1, 0.05, 0.2, ""), "accuracy", in_cpu_seconds=in_cpu_seconds
    )
    assert ("processor time" in better) is in_cpu_seconds


@pytest.mark.parametrize(
    ("sign", "over_folds", "words"),
    [
        (1, (0.01, 0.19), "BERT is better by 10.0 "),
        (1, (-0.01, 0.21), "BERT is probably better by 10.0 "),
        (-1, (0.01, 0.19), "BERT is worse by 10.0 "),
        (-1, (-0.01, 0.21), "BERT is probably worse by 10.0 "),
    ],
)
def test_what_other_training_texts_may_undo_is_probable(sign, over_folds, words):
    pair = Pair([result("cheap", 1, 1)], [result("BERT", 1, 1)])
    difference = Difference(sign * 0.1, *sorted([sign * 0.05, sign * 0.15]), "")
    over_folds = Difference(sign * 0.1, *sorted(sign * value for value in over_folds), "")
    found = verdict(pair, difference, "accuracy", over_folds=over_folds)
    assert found.startswith(f"{words}percentage points of accuracy (95 % interval 5.0 to 15.0)")
