"""Small regressions are computed with one thread of BLAS, and the caller's number is set back."""

import threading

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_bert import BertTextClassifier, compare
from sklearn_bert._estimators.blas import one_blas_thread
from sklearn_bert.comparison._pretrained_models import STATIC, row_name


def threads(user_api="blas"):
    """Return the numbers of threads that the libraries of one kind have."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == user_api}


@pytest.fixture(autouse=True)
def two_threads():
    """The caller's own setting, another one than ours."""
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def seen(monkeypatch):
    """The numbers of threads in the fits of linear models, by the name of their class."""
    seen = {}

    def watch(kind):
        fit = kind.fit

        def watched(self, *args, **options):
            seen.setdefault(kind.__name__, []).append((threads(), threads("openmp")))
            return fit(self, *args, **options)

        monkeypatch.setattr(kind, "fit", watched)

    watch(LogisticRegression)
    watch(LinearSVC)
    return seen


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_number_is_set_back_whatever_happens(error):
    with pytest.raises(error), one_blas_thread():
        assert threads() == {1}
        raise error
    assert threads() == {2}


def test_threads_of_python_do_not_take_the_limit_of_another_for_the_callers_number(monkeypatch):
    is_in, may_leave, limits = threading.Event(), threading.Event(), []

    def limit(*args, **options):
        limits.append(args)
        return threadpool_limits(*args, **options)

    monkeypatch.setattr("sklearn_bert._estimators.blas.threadpool_limits", limit)

    def hold():
        with one_blas_thread():
            is_in.set()
            may_leave.wait()

    other = threading.Thread(target=hold)
    other.start()
    is_in.wait()
    with one_blas_thread():
        may_leave.set()
        other.join()
    assert threads() == {2}
    assert len(limits) == 1, "older releases of threadpoolctl would set the other's number back"


def test_the_cheap_models_of_a_comparison_have_one(make_classifier, reviews, seen):
    others = threads("openmp")
    found = compare(
        *reviews,
        cv=2,
        estimators={row_name(STATIC, "labels"): "drop"},
        bert=make_classifier(epochs=1),
        scoring="neg_log_loss",  # by calibration, which fits more of them
        random_state=0,
        verbose=0,
    )
    assert [row["error"] for row in found.rows_] == [""] * 6
    assert set(seen) == {"LogisticRegression", "LinearSVC"}
    assert all(number == ({1}, others) for numbers in seen.values() for number in numbers)
    assert threads() == {2}


def test_the_callers_own_models_have_the_callers_number(reviews, seen):
    class Mine(LogisticRegression):
        """A classifier that looks at the texts' lengths."""

        def fit(self, X, y):
            """Fit."""
            return super().fit(np.array([[len(text)] for text in X]), y)

        def predict(self, X):
            """Return the labels."""
            return super().predict(np.array([[len(text)] for text in X]))

    compare(*reviews, cv=2, bert=Mine(), random_state=0, verbose=0)
    assert [number for number, _ in seen["LogisticRegression"]] == [{1}] * 2 + [{2}] * 2


def test_the_start_of_a_head_has_one(tiny_model, reviews, seen):
    BertTextClassifier(tiny_model, head="probe", epochs=1, random_state=0).fit(*reviews)
    assert {1} in [number for number, _ in seen["LogisticRegression"]]
    assert {2} not in [number for number, _ in seen["LogisticRegression"]]
    assert threads() == {2}
