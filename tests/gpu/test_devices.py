"""A fit on a CUDA device is that of the CPU, whichever device it is."""

import copy
import pickle
import threading

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor, explain
from sklearn_bert._engine import lr_finder
from sklearn_bert._text import texts, tokens
from sklearn_bert.comparison._fold_result import _PeakMemory

pytestmark = pytest.mark.simulated_gpu


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_device_learns_what_the_cpu_learns(make_classifier, reviews, dtype):
    settings = {"dtype": dtype, "learning_rate": 1e-3}
    cpu, cuda = (make_classifier(device=d, **settings).fit(*reviews) for d in ("cpu", "cuda"))
    losses = [[row["train_loss"] for row in clf.history_] for clf in (cpu, cuda)]
    np.testing.assert_allclose(*losses, atol=1e-4 if dtype == "float32" else 0.02)


def test_texts_that_are_tokenized_ahead_get_the_same_bits(
    make_classifier, tiny_model, reviews, monkeypatch
):
    X = reviews[0]
    clf = make_classifier(epochs=1).fit(*reviews)
    embedder = BertTextEmbedder(tiny_model).fit(X)
    expected = [
        np.concatenate([function(X[i : i + 16]) for i in range(0, 60, 16)])
        for function in (clf.predict_proba, embedder.transform)
    ]
    threads, tokenize = set(), tokens.tokenize

    def noting_tokenize(*args):
        threads.add(threading.current_thread())
        return tokenize(*args)

    monkeypatch.setattr(tokens, "tokenize", noting_tokenize)
    monkeypatch.setattr(texts, "_TEXTS_AHEAD", 16)
    np.testing.assert_array_equal(clf.predict_proba(X), expected[0])
    np.testing.assert_array_equal(embedder.transform(X), expected[1])
    assert len(threads) == 2 and threading.main_thread() not in threads
    threads.clear()
    clf.set_params(device="cpu").predict_proba(X)  # the threads of a CPU are busy already
    assert threads == {threading.main_thread()}


def test_the_range_test_ends_where_that_of_the_cpu_does(make_classifier, reviews, monkeypatch):
    """Although losses are read ten at a time, some of which come after the end."""
    monkeypatch.setattr(lr_finder, "_STOP_FACTOR", 1.02)
    cpu, cuda = (
        make_classifier(device=device, dtype="float32")._find_learning_rate(*reviews, None)
        for device in ("cpu", "cuda")
    )
    assert len(cpu.losses) % 10 and len(cpu.losses) < 90
    np.testing.assert_allclose(cpu.losses, cuda.losses, atol=1e-4)


def test_tensors_of_two_devices_are_refused():
    """What these tests rely on."""
    ones = torch.ones(3, device="cuda:0")
    for other in (torch.ones(3), torch.ones(3, device="cuda:1")):
        with pytest.raises(RuntimeError, match="to be on the same device"):
            ones + other


@pytest.fixture(scope="module")
def on_the_second(tiny_model, reviews):
    """A classifier that was fitted on the second device, which no test may change."""
    return BertTextClassifier(
        tiny_model, head="new", epochs=1, batch_size=8, random_state=0, device="cuda:1"
    ).fit(*reviews)


def test_all_computes_on_the_second_device(on_the_second, tiny_model, reviews):
    X = reviews[0]
    assert str(on_the_second.module_.device) == "cuda:1"
    cpu = copy.deepcopy(on_the_second).set_params(device="cpu")
    np.testing.assert_allclose(on_the_second.predict_proba(X), cpu.predict_proba(X), atol=1e-5)
    for method in ("occlusion", "integrated_gradients"):
        here, there = (explain(clf, X[:1], method=method)[0] for clf in (on_the_second, cpu))
        np.testing.assert_allclose(here.attributions, there.attributions, atol=1e-4)
    embedder = BertTextEmbedder(tiny_model, device="cuda:1").fit(X)
    expected = BertTextEmbedder(tiny_model, device="cpu").fit(X).transform(X)
    np.testing.assert_allclose(embedder.transform(X), expected, atol=1e-5)
    regressor = BertTextRegressor(tiny_model, device="cuda:1", epochs=1).fit(X, np.arange(60.0))
    assert np.isfinite(regressor.predict(X)).all()


def test_models_on_the_second_device_can_be_pickled(on_the_second, tiny_model, reviews):
    X = reviews[0]
    embedder = BertTextEmbedder(tiny_model, device="cuda:1").fit(X)
    vectors = embedder.transform(X)  # moves its encoder
    loaded = pickle.loads(pickle.dumps(embedder)).set_params(device="cpu")
    np.testing.assert_allclose(loaded.transform(X), vectors, atol=1e-5)
    loaded = pickle.loads(pickle.dumps(on_the_second)).set_params(device="cpu")
    expected = on_the_second.predict_proba(X)
    np.testing.assert_allclose(loaded.predict_proba(X), expected, atol=1e-5)


class Float64(TorchDispatchMode):
    """Notes the operations that make float64 on a device, which MPS has none of."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        for value in tree_leaves(output):
            if isinstance(value, torch.Tensor) and value.is_cuda and value.dtype == torch.float64:
                self.found.append(str(function))
        return output


def test_there_is_no_float64_on_the_device(make_classifier, tiny_model, reviews):
    X, y = reviews
    with Float64() as doubles:
        clf = make_classifier(epochs=1, early_stopping=True, class_weight="balanced").fit(X, y)
        clf.predict_proba(X)
        BertTextRegressor(tiny_model, epochs=1).fit(X, np.arange(60.0)).predict(X)
        BertTextEmbedder(tiny_model).fit(X).transform(X)
        for method in ("occlusion", "integrated_gradients"):
            explain(clf, X[:1], method=method)
    assert doubles.found == []


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_the_peak_of_memory_is_that_of_the_device_in_use(device):
    held = torch.ones(2**20, device=device)
    with _PeakMemory() as memory:
        torch.ones(100 * 2**18, device=device)  # 100 MB, given back at once
    assert memory.gpu_memory_mb == pytest.approx(100, rel=0.01)
    del held


def test_memory_is_watched_before_cuda_is_initialized(monkeypatch):
    """torch has no peak to reset until something is computed on a device."""

    def refuse(device=None):
        raise RuntimeError("Invalid device argument 0: did you call init?")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", refuse)
    with _PeakMemory() as memory:
        pass
    assert memory.gpu_memory_mb >= 0
