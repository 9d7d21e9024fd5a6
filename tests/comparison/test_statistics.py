"""Intervals that are neither too sure nor too wide, and calibration by hand."""

import numpy as np
import pytest
from scipy.stats import t as student_t

from sklearn_bert.comparison._statistics import (
    expected_calibration_error,
    fold_difference,
    reliability,
    split_difference,
)


def test_the_interval_over_folds_is_that_of_nadeau_and_bengio():
    gains = [0.02, 0.05, 0.03, 0.04, 0.01]
    found = fold_difference(gains, [80] * 5, [20] * 5)
    error = np.sqrt((1 / 5 + 20 / 80) * np.var(gains, ddof=1))
    width = student_t.ppf(0.975, 4) * error
    assert found.mean == pytest.approx(0.03)
    assert (found.low, found.high) == pytest.approx((0.03 - width, 0.03 + width))
    assert found.method.startswith("corrected resampled t-test over 5 folds")


def test_it_is_wider_than_that_of_independent_folds():
    gains = [0.02, 0.05, 0.03, 0.04, 0.01]
    naive = student_t.ppf(0.975, 4) * np.std(gains, ddof=1) / np.sqrt(5)
    found = fold_difference(gains, [80] * 5, [20] * 5)
    assert (found.high - found.low) / 2 > 1.4 * naive


def test_folds_without_any_difference_give_an_interval_of_no_width():
    found = fold_difference([0.0, 0.0], [10, 10], [10, 10])
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_on_random_labels_the_interval_holds_zero_nearly_always():
    # Two useless models judged on overlapping training sets: what the interval is for.
    rng = np.random.default_rng(0)
    misses = 0
    for _ in range(200):
        y = rng.integers(2, size=100)
        wrong = rng.integers(2, size=(2, 100)) == y
        folds = rng.permutation(100).reshape(5, 20)
        gains = [wrong[0, rows].mean() - wrong[1, rows].mean() for rows in folds]
        found = fold_difference(gains, [80] * 5, [20] * 5)
        misses += not found.low <= 0 <= found.high
    assert misses / 200 < 0.05


def test_the_interval_of_a_split_is_that_of_a_bootstrap_of_its_texts():
    gained = np.arange(50) < 15
    found = split_difference(lambda rows: gained[rows].mean(), 50)
    rows = np.random.default_rng(1).integers(50, size=(20000, 50))
    expected = np.percentile(gained[rows].mean(axis=1), [2.5, 97.5])
    assert found.mean == 0.3
    assert (found.low, found.high) == pytest.approx(expected, abs=0.021)  # one text
    assert found.method.startswith("paired bootstrap over 50 test texts")


def test_folds_without_a_score_are_left_out():
    found = fold_difference([0.02, np.nan, 0.04], [80, 80, 80], [20, 20, 20])
    expected = fold_difference([0.02, 0.04], [80, 80], [20, 20])
    assert found == expected


@pytest.mark.parametrize(("gains", "mean"), [([np.nan, 0.3], 0.3), ([np.nan, np.nan], np.nan)])
def test_fewer_than_two_folds_with_a_score_have_no_interval(gains, mean):
    found = fold_difference(gains, [80, 80], [20, 20])
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.low, found.high]).all()


def test_a_score_that_is_defined_on_no_draw_has_no_interval():
    found = split_difference(lambda rows: np.nan, 10)
    assert np.isnan([found.mean, found.low, found.high]).all()


def test_draws_on_which_a_score_is_not_defined_are_left_out():
    found = split_difference(lambda rows: np.nan if rows[0] == 0 else 0.1, 10)
    assert (found.low, found.high) == (0.1, 0.1)


def test_reliability_and_calibration_error_by_hand():
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    y_true, y_pred = np.array([0, 1, 0, 0]), np.zeros(4, dtype=int)
    promised, kept, count = reliability(y_true, y_pred, proba)
    assert promised == pytest.approx([0.6, 0.9])
    assert kept == pytest.approx([1, 0.5])
    assert count.tolist() == [2, 2]
    assert expected_calibration_error(y_true, y_pred, proba) == pytest.approx((0.4 + 0.4) / 2)


def test_full_certainty_falls_into_the_last_bin():
    promised, kept, count = reliability(np.array([0]), np.array([0]), np.array([[1.0, 0.0]]))
    assert (promised, kept, count) == ([1], [1], [1])


def test_the_best_of_several_has_a_wider_interval():
    gains = np.array([0.01, 0.03, 0.02, 0.05, 0.04])
    one, three = (fold_difference(gains, [80] * 5, [20] * 5, n) for n in (1, 3))
    assert three.mean == one.mean
    assert (three.high - three.mean) / (one.high - one.mean) == pytest.approx(
        student_t.ppf(1 - 0.025 / 3, 4) / student_t.ppf(0.975, 4)
    )
    gained = np.random.default_rng(0).normal(0.1, 1, 200)
    one, three = (split_difference(lambda r: gained[r].mean(), 200, n_candidates=n) for n in (1, 3))
    assert three.low < one.low < one.high < three.high
    assert three.method.endswith("widened for the choice of the best of 3 candidates (Bonferroni)")
