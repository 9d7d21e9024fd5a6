"""When the machine is busy, and what counts then."""

import os

import numpy as np
import pytest

from sklearn_bert._clock import has_waited, is_loaded, now
from sklearn_bert.comparison._fold_result import FoldResult
from sklearn_bert.comparison._summary import counts_processor


@pytest.mark.parametrize(
    ("load", "expected"), [(0.0, False), (1.0, False), (1.2, False), (2, True)]
)
def test_a_load_above_the_cores_is_busy(load, expected, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (4 * load, 99, 99), raising=False)
    assert is_loaded() is expected


def test_where_nobody_tells_the_load_it_is_not_known_to_be_busy(monkeypatch):
    def fail():
        raise OSError

    monkeypatch.setattr(os, "getloadavg", fail, raising=False)
    assert is_loaded() is False
    monkeypatch.delattr(os, "getloadavg")
    assert is_loaded() is False


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([1.0, 1.0], False), ([1.4, 1.0], False), ([2.0, 1.0], True), ([0.1, 0.01], False)],
)
def test_a_thread_that_had_to_wait_long_is_told_from_one_that_had_not(seconds, expected):
    assert has_waited(np.array(seconds)) == expected


def test_the_processor_does_not_count_what_is_only_waited_for():
    start = now()
    while (now() - start)[1] < 0.01:
        sum(range(1000))
    clock, processor = now() - start
    assert processor >= 0.01 and clock > 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, True), ({"gpu_memory_mb": 5.0}, False), ({"is_busy": False}, False)],
)
def test_the_processor_is_not_asked_about_what_a_gpu_does(options, expected):
    result = FoldResult("model", 0, np.arange(2), 4, **{"is_busy": True, **options})
    assert counts_processor([result]) is expected
