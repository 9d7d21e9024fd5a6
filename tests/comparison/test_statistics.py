"""Intervals that are neither too sure nor too wide, and calibration by hand."""

import numpy as np
import pytest
from scipy.stats import t as student_t

from sklearn_bert.comparison._statistics import (
    expected_calibration_error,
    fold_difference,
    reliability,
    texts_difference,
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


def mean_of(gains):
    """Return the function that gives the mean gain on some texts of a fold."""
    return lambda fold, kept: gains[fold][kept].mean()


def bootstrap(folds, score, n_draws):
    """Return the standard error of the mean over the folds when their texts are drawn again."""
    rng = np.random.default_rng(1)
    means = [
        np.mean([score(n, rng.integers(len(rows), size=len(rows))) for n, rows in enumerate(folds)])
        for _ in range(n_draws)
    ]
    return np.std(means)


@pytest.mark.parametrize("n_folds", [1, 3])
def test_the_interval_over_texts_is_that_of_the_central_limit_theorem(n_folds):
    gains = np.random.default_rng(0).integers(-1, 2, size=(n_folds, 33)).astype(float)
    rows = list(np.arange(33 * n_folds).reshape(n_folds, 33))
    found = texts_difference(rows, mean_of(gains))
    error = np.sqrt(np.mean(gains.var(axis=1, ddof=1)) / (33 * n_folds))
    width = student_t.ppf(0.975, 33 * n_folds - 1) * error
    assert found.mean == pytest.approx(gains.mean())
    # Texts are few enough for groups of one; the jackknife counts the folds' means as known.
    assert (found.high - found.low) / 2 == pytest.approx(width, rel=0.02)
    assert found.method.startswith(f"grouped jackknife over {33 * n_folds} texts")


def test_of_other_scores_it_is_as_wide_as_a_bootstrap():
    rng = np.random.default_rng(0)
    folds = [np.arange(start, start + 400) for start in (0, 400, 800)]
    y = rng.random(1200) < 0.3
    cheap, bert = (np.where(rng.random(1200) < share, y, ~y) for share in (0.7, 0.8))

    def precision(fold, kept):
        rows = folds[fold][kept]
        return y[rows][bert[rows]].mean() - y[rows][cheap[rows]].mean()

    found = texts_difference(folds, precision)
    width = student_t.ppf(0.975, 99) * bootstrap(folds, precision, 500)
    assert (found.high - found.low) / 2 == pytest.approx(width, rel=0.2)


def test_texts_of_one_group_count_as_one():
    gains = np.repeat(np.random.default_rng(0).normal(size=20), 10)  # ten copies of each
    rows = [np.arange(200)]
    as_texts = texts_difference(rows, mean_of([gains]))
    as_groups = texts_difference(rows, mean_of([gains]), units=np.arange(200) // 10)
    once = texts_difference([np.arange(20)], mean_of([gains[::10]]))
    assert as_groups.method.startswith("grouped jackknife over 20 groups of texts")
    assert (as_groups.low, as_groups.high) == pytest.approx((once.low, once.high))
    assert as_groups.high - as_groups.low > 3 * (as_texts.high - as_texts.low)


def test_texts_that_are_judged_again_are_no_new_texts():
    gains = np.random.default_rng(0).normal(size=50)
    once = texts_difference([np.arange(50)], mean_of([gains]))
    again = texts_difference([np.arange(50)] * 10, mean_of([gains] * 10))
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_it_holds_the_gain_of_the_fits_as_often_as_it_says():
    rng = np.random.default_rng(0)
    rows = list(np.arange(300).reshape(3, 100))
    holds = 0
    for _ in range(200):
        gains = (rng.random((3, 100)) < 0.8).astype(float) - (rng.random((3, 100)) < 0.75)
        found = texts_difference(rows, mean_of(gains))
        holds += found.low <= 0.05 <= found.high
    assert 0.92 <= holds / 200 <= 0.98


def test_folds_without_a_score_are_left_out():
    found = fold_difference([0.02, np.nan, 0.04], [80, 80, 80], [20, 20, 20])
    expected = fold_difference([0.02, 0.04], [80, 80], [20, 20])
    assert found == expected


@pytest.mark.parametrize(("gains", "mean"), [([np.nan, 0.3], 0.3), ([np.nan, np.nan], np.nan)])
def test_fewer_than_two_folds_with_a_score_have_no_interval(gains, mean):
    found = fold_difference(gains, [80, 80], [20, 20])
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.low, found.high]).all()


def test_a_score_that_is_defined_nowhere_has_no_interval():
    found = texts_difference([np.arange(10)], lambda fold, kept: np.nan)
    assert np.isnan([found.mean, found.low, found.high]).all()


def test_a_fold_without_a_score_is_left_out_and_so_is_what_lacks_a_class():
    gains = np.random.default_rng(0).normal(size=10)
    expected = texts_difference([np.arange(10)], mean_of([gains]))
    rows = [np.arange(10), np.arange(10, 20)]
    found = texts_difference(rows, lambda n, kept: np.nan if n else gains[kept].mean())
    assert (found.mean, found.low, found.high) == (expected.mean, expected.low, expected.high)
    without_first = texts_difference(
        [np.arange(10)], lambda n, kept: gains[kept].mean() if 0 in kept else np.nan
    )
    assert without_first.mean == expected.mean
    assert np.isfinite([without_first.low, without_first.high]).all()


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
    one, three = (
        texts_difference([np.arange(200)], mean_of([gained]), n_candidates=n) for n in (1, 3)
    )
    assert three.low < one.low < one.high < three.high
    assert three.method.endswith("widened for the choice of the best of 3 candidates (Bonferroni)")
