"""A try that failed for lack of memory leaves nothing in it."""

import gc

import pytest
import simulated_cuda
import torch

from sklearn_bert._engine import memory as _memory

pytestmark = pytest.mark.simulated_gpu


@pytest.fixture
def limit_memory():
    """Return a function after which so many bytes more fit the device."""

    def limit(n_bytes):
        simulated_cuda.set_memory_limit(torch.cuda.memory_allocated() + n_bytes)

    yield limit
    simulated_cuda.set_memory_limit(None)


@pytest.fixture
def no_collection():
    """Keep what is in a cycle: the garbage collector comes when it likes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("room", [750_000, 850_000, 900_000])
def test_a_failed_try_leaves_nothing_in_memory(
    make_classifier, reviews, monkeypatch, limit_memory, no_collection, checkpointing, room
):
    """Wherever in a step the memory is full."""
    left, held = [], []
    retry, free_memory = _memory.MicroBatchSize.retry, _memory._free_memory

    def noting_retry(self, *args, **kwargs):
        held.append(torch.cuda.memory_allocated())
        return retry(self, *args, **kwargs)

    def noting_free_memory(device):
        free_memory(device)
        left.append(torch.cuda.memory_allocated() - held[-1])

    monkeypatch.setattr(_memory.MicroBatchSize, "retry", noting_retry)
    monkeypatch.setattr(_memory, "_free_memory", noting_free_memory)
    limit_memory(room)
    clf = make_classifier(batch_size=60, epochs=1, gradient_checkpointing=checkpointing)
    clf.fit(*reviews)
    assert left
    assert max(left) < 10_000  # the model has 110,000 bytes
