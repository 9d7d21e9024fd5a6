"""A fit gives the memory back before the next process has its turn, and never waits for itself."""

import threading

import pytest
import torch
from skorch.callbacks import Callback

from sklearn_bert._engine import gpu_lock

pytestmark = pytest.mark.simulated_gpu


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    """Keep the locks to the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_memory_in_reserve_is_given_back_before_the_turn_ends(
    make_classifier, reviews, monkeypatch
):
    events, before = [], torch.cuda.memory_allocated()

    class Lock(gpu_lock.FileLock):
        def release(self, force=False):
            events.append("let go")
            super().release(force)

    def empty_cache():
        events.append("emptied")
        held.append(torch.cuda.memory_allocated() - before)

    held = []
    monkeypatch.setattr(gpu_lock, "FileLock", Lock)
    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
    clf = make_classifier(epochs=1, device="cuda").fit(*reviews)
    assert events[:2] == ["emptied", "let go"]
    # No gradient or moment of the optimizer, each as large as the model, is held any more.
    assert held[0] < 1.5 * sum(value.nbytes for value in clf.module_.parameters())


def test_a_fit_inside_a_fit_does_not_wait_for_itself(make_classifier, reviews):
    class Inner(Callback):
        def on_train_begin(self, net, **kwargs):
            make_classifier(device="cuda:0", epochs=1).fit(*reviews)

    outer = make_classifier(device="auto", epochs=1, callbacks=[Inner()])
    thread = threading.Thread(target=outer.fit, args=reviews, daemon=True)
    thread.start()
    thread.join(600)
    assert not thread.is_alive()
    assert outer.module_.device.type == "cuda"
