"""Devices, arithmetic and seeds."""

import os
import warnings
from types import SimpleNamespace

import conftest
import pandas as pd
import pytest
import torch
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_bert import BertTextClassifier, BertTextEmbedder, LearningRateFinderDisplay, top_losses
from sklearn_bert._engine import device as _device
from sklearn_bert._engine.device import find_device, find_dtype, seeded
from sklearn_bert._engine.memory import explained_memory_error


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_device_there_is(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert find_device("auto").type == expected


def test_a_device_that_torch_does_not_know_is_refused():
    with pytest.raises(
        ValueError, match=r"^device must be 'auto' or a device that torch knows, got 'gpu'; use"
    ):
        find_device("gpu")


@pytest.mark.parametrize("device", ["cuda:1", "mps", "xpu"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(
        ValueError, match=rf"^device='{device}' is not on this machine; use 'auto' or one of "
    ):
        find_device(device)


def test_fit_refuses_a_device_that_is_not_there(make_classifier, reviews):
    with pytest.raises(ValueError, match="device='xpu' is not on this machine"):
        make_classifier(device="xpu").fit(*reviews)


@pytest.mark.parametrize(("fast", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_dtype_is_bfloat16_where_the_hardware_is_faster_with_it(monkeypatch, fast, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    assert find_dtype("auto", torch.device("cpu")) == expected
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert find_dtype("auto", torch.device("cuda")) == expected


@pytest.mark.parametrize("capability", [(7, 0), (7, 2), (7, 5)])
def test_auto_dtype_is_float16_on_gpus_that_only_know_that(monkeypatch, capability):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert find_dtype("auto", torch.device("cuda")) == torch.float16


def test_a_given_dtype_is_taken():
    assert find_dtype("bfloat16", torch.device("cpu")) == torch.bfloat16
    assert find_dtype("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize(("dtype", "what"), [("bfloat16", "AVX-512"), ("float16", "AVX512-FP16")])
def test_what_a_cpu_only_emulates_is_warned_of(monkeypatch, make_classifier, reviews, dtype, what):
    monkeypatch.setattr(_device, "_has_instructions", lambda dtype: False)
    message = f"dtype='{dtype}' is emulated on this CPU, which has no {what}, .*use dtype='auto'"
    with pytest.warns(UserWarning, match=message) as record:
        make_classifier(dtype=dtype, epochs=1).fit(*reviews)
    assert record[0].filename == __file__
    monkeypatch.setattr(_device, "_has_instructions", lambda dtype: True)
    with warnings.catch_warnings(action="error"):
        assert find_dtype(dtype, torch.device("cpu")) == getattr(torch, dtype)
        assert find_dtype("auto", torch.device("cpu")) in (torch.float32, torch.bfloat16)


def test_bfloat16_that_a_gpu_only_emulates_is_warned_of(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    with pytest.warns(UserWarning, match="is emulated on this GPU.*use dtype='auto'"):
        assert find_dtype("bfloat16", torch.device("cuda")) == torch.bfloat16
    with warnings.catch_warnings(action="error"):
        assert find_dtype("float16", torch.device("cuda")) == torch.float16
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
        assert find_dtype("bfloat16", torch.device("cuda")) == torch.bfloat16


@pytest.fixture
def half(monkeypatch, tiny_model, reviews):
    """A classifier that warns of its arithmetic wherever it computes, fitted in silence."""
    clf = BertTextClassifier(
        tiny_model, dtype="bfloat16", epochs=1, batch_size=32, learning_rate=5e-3, random_state=0
    ).fit(*reviews)
    monkeypatch.setattr(_device, "_has_instructions", lambda dtype: False)
    return clf


DOORS = {
    "predict": lambda clf, X, y: clf.predict(X),
    "predict_proba": lambda clf, X, y: clf.predict_proba(X),
    "predict_log_proba": lambda clf, X, y: clf.predict_log_proba(X),
    "pandas": lambda clf, X, y: pd.Series(X).apply(lambda text: clf.predict([text])[0]),
    "score": lambda clf, X, y: clf.score(X, y),
    "scorer": lambda clf, X, y: get_scorer("accuracy")(clf, X, y),
    "pipeline": lambda clf, X, y: make_pipeline(FunctionTransformer(), clf).fit(X, y),
    "search": lambda clf, X, y: GridSearchCV(clf, {"epochs": [1]}, cv=2, refit=False).fit(X, y),
    "cross-validation": lambda clf, X, y: cross_val_predict(clf, X, y, cv=2),
    "range test": lambda clf, X, y: LearningRateFinderDisplay.from_estimator(
        clf, X, y, n_steps=10, plot=False
    ),
    "embedder": lambda clf, X, y: (
        BertTextEmbedder(estimator=clf, dtype="bfloat16").fit(X).transform(X)
    ),
    "worst": lambda clf, X, y: top_losses(clf, X, y),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_warnings_point_at_the_line_of_the_user(half, reviews, door):
    X, y = reviews[0][:20], reviews[1][:20]
    with pytest.warns(UserWarning, match="is emulated on this CPU") as record:
        door(half, X, y)
    assert {warning.filename for warning in record} == {__file__}


def test_the_seed_decides_and_the_global_generator_is_as_before():
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with seeded(3, torch.device("cpu")):
            drawn.append(torch.rand(4))
    assert torch.equal(*drawn)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["mps", "mps:0"])
def test_an_mps_device_may_have_its_number(monkeypatch, name):
    seeds, state = [], torch.get_rng_state()
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: state)
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state: None)
    monkeypatch.setattr(torch.mps, "manual_seed", seeds.append)
    with seeded(3, torch.device(name)):
        assert seeds == [3]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(...)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
def test_every_form_of_out_of_memory_is_explained(error):
    with (
        pytest.raises(MemoryError, match="batch_size=4 and max_length=9; lower batch_size"),
        explained_memory_error("cuda", batch_size=4, max_length=9),
    ):
        raise error


def test_other_errors_pass_through():
    with (
        pytest.raises(RuntimeError, match="shapes"),
        explained_memory_error("cuda", batch_size=4, max_length=9),
    ):
        raise RuntimeError("shapes do not match")


@pytest.mark.parametrize("is_for_gpus", [False, True])
def test_a_gpu_is_hidden_unless_a_test_is_for_it(monkeypatch, is_for_gpus):
    class Item:
        def get_closest_marker(self, name):
            return name == "gpu" and is_for_gpus

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    conftest.pytest_collection_finish(SimpleNamespace(items=[Item()]))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ("0" if is_for_gpus else "")


@pytest.mark.gpu
@pytest.mark.simulated_gpu
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_generators_of_gpus_are_as_before(device):
    torch.cuda.init()
    before = torch.cuda.get_rng_state_all()
    drawn = []
    for _ in range(2):
        with seeded(3, torch.device(device)):
            drawn.append(torch.rand(4, device=device))
    assert torch.equal(*drawn)
    assert all(map(torch.equal, torch.cuda.get_rng_state_all(), before))
