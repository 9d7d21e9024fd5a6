"""Texts are read a chunk at a time, and where a device computes, one chunk ahead of it."""

import threading

import numpy as np
import pytest

from sklearn_bert._text import texts as _texts
from sklearn_bert._text.texts import in_chunks_ahead

NUMBERS = list(range(10))


@pytest.fixture(autouse=True)
def chunks_of_four(monkeypatch):
    monkeypatch.setattr(_texts, "_TEXTS_AHEAD", 4)


def n_threads():
    return sum(thread.name.startswith("sklearn_bert") for thread in threading.enumerate())


@pytest.mark.parametrize("n", [1, 4, 5, 8, 10])
def test_rows_come_in_the_order_of_the_texts(n):
    numbers = NUMBERS[:n]
    rows = in_chunks_ahead(lambda some: [-x for x in some], np.array, numbers)
    np.testing.assert_array_equal(rows, [-x for x in numbers])
    assert n_threads() == 0


def test_the_next_chunk_is_prepared_while_one_is_computed():
    begun = {start: threading.Event() for start in (0, 4, 8)}

    def prepare(some):
        begun[some[0]].set()
        return some

    def compute(some):
        if some[0] < 8:
            assert begun[some[0] + 4].wait(600)
        return np.array(some)

    np.testing.assert_array_equal(in_chunks_ahead(prepare, compute, NUMBERS), NUMBERS)


def test_no_more_than_one_chunk_is_prepared_ahead():
    prepared, ahead = [], []

    def prepare(some):
        prepared.append(some)
        return some

    def compute(some):
        ahead.append(len(prepared) - len(ahead) - 1)
        return np.array(some)

    in_chunks_ahead(prepare, compute, NUMBERS * 4)
    assert len(ahead) == 10
    assert max(ahead) <= 1


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["prepare", "compute"])
def test_an_error_comes_through_and_leaves_no_thread(place, error):
    computed = []

    def fail(some):
        if some[0] == 4:
            raise error("here")
        return some

    def compute(some):
        computed.append(some[0])
        return np.array(fail(some) if place == "compute" else some)

    with pytest.raises(error, match="here"):
        in_chunks_ahead(fail if place == "prepare" else list, compute, NUMBERS)
    assert computed[0] == 0 and 8 not in computed
    assert n_threads() == 0
