"""Products in TensorFloat-32 are for those who leave it to us: the others get float32."""

import threading

import pytest
import torch

from sklearn_bert import BertTextEmbedder
from sklearn_bert._engine.forward import Forward

pytestmark = pytest.mark.simulated_gpu


def arithmetic():
    return torch.backends.cuda.matmul.fp32_precision


@pytest.fixture
def seen(monkeypatch):
    """The arithmetic of each forward pass."""
    seen, autocast = [], Forward.autocast

    def noting_autocast(self):
        seen.append(arithmetic())
        return autocast(self)

    monkeypatch.setattr(Forward, "autocast", noting_autocast)
    return seen


@pytest.mark.parametrize(("dtype", "is_fast"), [("auto", True), ("float32", False)])
def test_only_auto_predicts_in_tensorfloat32(
    make_classifier, tiny_model, reviews, seen, dtype, is_fast
):
    before = arithmetic()
    clf = make_classifier(dtype=dtype, epochs=1, device="cuda").fit(*reviews)
    embedder = BertTextEmbedder(tiny_model, dtype=dtype, device="cuda").fit(reviews[0])
    seen.clear()
    clf.predict(reviews[0])
    embedder.transform(reviews[0])
    assert {value == "tf32" for value in seen} == {is_fast}
    assert arithmetic() == before


def test_a_cpu_is_left_alone(make_classifier, reviews, seen):
    make_classifier(epochs=1, device="cpu").fit(*reviews).predict(reviews[0])
    assert "tf32" not in seen


def test_a_thread_that_is_done_leaves_the_others_as_they_were(
    make_classifier, reviews, monkeypatch
):
    clf, before = make_classifier(epochs=1, device="cuda").fit(*reviews), arithmetic()
    first_is_in, second_is_done = threading.Event(), threading.Event()
    call, seen = Forward.__call__, []

    def slow_call(self, texts):
        if threading.current_thread() is first:
            first_is_in.set()
            assert second_is_done.wait(600)
            seen.append(arithmetic())
        return call(self, texts)

    monkeypatch.setattr(Forward, "__call__", slow_call)
    first = threading.Thread(target=clf.predict, args=(reviews[0],))
    first.start()
    assert first_is_in.wait(600)
    clf.predict(reviews[0])
    second_is_done.set()
    first.join()
    assert seen == ["tf32"]
    assert arithmetic() == before
