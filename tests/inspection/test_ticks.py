"""Numbers beside axes are round, few, and without powers."""

import pytest

from sklearn_bert.inspection._ticks import linear_labels, linear_ticks, log_labels, log_ticks


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((20, 900), ["30", "100", "300"]),
        ((40, 180), ["50", "100"]),
        ((22, 70), ["30", "40", "50", "60", "70"]),
        ((0.0008, 120), ["0.001", "0.01", "0.1", "1", "10", "100"]),
        ((1, 1e7), ["1", "100", "10,000", "1,000,000"]),
        ((-1, 5), []),
    ],
)
def test_a_logarithmic_axis_has_a_few_round_numbers(ends, labels):
    assert log_labels(log_ticks(*ends)) == labels


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((0.85, 0.99), ["0.86", "0.88", "0.90", "0.92", "0.94", "0.96", "0.98"]),
        ((-0.3, 0.3), ["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"]),
        ((0, 15_000), ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000", "14,000"]),
    ],
)
def test_numbers_of_an_axis_have_the_same_decimals(ends, labels):
    assert linear_labels(linear_ticks(*ends)) == labels
