"""Whatever the caller set in torch, NumPy or scikit-learn: the same bits, and it stays set."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn
import torch
from outer_settings import OUTER, setting

from sklearn_bert import (
    BertTextClassifier,
    BertTextEmbedder,
    BertTextRegressor,
    LearningRateFinderDisplay,
    OnnxTextClassifier,
    explain,
)
from sklearn_bert._engine import attention as _attention

# So few texts are held out that one answer to all of them is right.
pytestmark = pytest.mark.filterwarnings("ignore:All 2 texts held out")


def state():
    """What the caller can see of what it set."""
    autocast = [
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
        torch.autocast_increment_nesting(),
        torch.autocast_decrement_nesting(),
    ]
    return [
        *autocast,
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.get_default_device(),
        torch.get_default_dtype(),
        torch.is_anomaly_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
        torch.get_num_threads(),
        torch.get_rng_state().tolist() if torch.get_default_device().type == "cpu" else None,
        np.geterr(),
        sklearn.get_config(),
    ]


@pytest.fixture(scope="module")
def compute(tiny_model, reviews, fitted, tmp_path_factory):
    """Return a function that computes at the public doors, and returns all numbers."""
    X, y = (
        [text + " of a" * (i % 3 * 10) for i, text in enumerate(reviews[0][:12])],
        reviews[1][:12],
    )
    common = {"epochs": 1, "batch_size": 4, "learning_rate": 5e-3, "random_state": 0}
    path = tmp_path_factory.mktemp("saved") / "model"

    def compute():
        clf = BertTextClassifier(
            tiny_model,
            **common,
            early_stopping=True,
            scoring="roc_auc",
            gradient_checkpointing=True,
        ).fit(X, y)
        clf.save_pretrained(path)
        loaded = BertTextClassifier.from_pretrained(path)
        again = loaded.set_params(warm_start=True, dtype="bfloat16", epochs=2)
        found = [
            *(clf.decision_function(X), clf.predict_log_proba(X), loaded.predict_proba(X)),
            BertTextClassifier(tiny_model, random_state=0).fit(X, y).decision_function(X),
            BertTextRegressor(tiny_model, **common).fit(X, np.arange(12.0)).predict(X),
            np.asarray(BertTextEmbedder(tiny_model).fit(X).transform(X)),
            LearningRateFinderDisplay.from_estimator(clf, X, y, n_steps=10, plot=False).losses,
            *(explain(fitted, X[:1], method="occlusion")[0].attributions, fitted.predict_proba(X)),
            again.fit(X, y).predict_proba(X),
        ]
        for trained in (clf, loaded, fitted):
            assert not any(weights.is_inference() for weights in trained.module_.parameters())
        return found

    return compute


@pytest.fixture(scope="module")
def expected(compute):
    """What is computed in no outer context."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_attention, "_FUSED_FROM", 32)
        return compute()


@pytest.mark.parametrize("outer", OUTER.values(), ids=OUTER)
def test_what_the_caller_set_changes_no_bit_and_stays_set(compute, expected, outer, monkeypatch):
    monkeypatch.setattr(_attention, "_FUSED_FROM", 32)  # so that there are kernels to choose from
    with outer():
        before = state()
        found = compute()
        after = state()
    assert after == before
    for values, expected_values in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values, expected_values)


@pytest.mark.slow
@pytest.mark.parametrize("outer", ["autocast", "inference mode"])
def test_neither_does_it_change_a_graph_or_a_gradient(fitted, reviews, tmp_path, outer):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("captum")
    X = reviews[0][:6]

    def compute(name):
        fitted.export_onnx(tmp_path / name, X=X)
        proba = OnnxTextClassifier.from_pretrained(tmp_path / name).predict_proba(X)
        return proba, explain(fitted, X[:1], n_steps=5)[0].attributions

    expected = compute("one")
    with OUTER[outer]():
        found = compute("other")
    for values, expected_values in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values, expected_values)


def test_weights_copied_in_inference_mode_can_be_trained(fitted, reviews):
    with torch.inference_mode():
        copied = copy.deepcopy(fitted)
    copied.set_params(warm_start=True, epochs=1).fit(*reviews)
    assert not any(weights.is_inference() for weights in copied.module_.parameters())


def test_the_switches_of_torch_stay_at_their_defaults_while_any_thread_computes(fitted, reviews):
    """One thread that leaves must not set back what another still needs."""
    expected, found = fitted.predict_proba(reviews[0]), []
    with setting(torch.set_default_dtype, torch.float64, torch.float32):
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: fitted.predict_proba(reviews[0]), range(24)))
        assert torch.get_default_dtype() == torch.float64
    for proba in found:
        np.testing.assert_array_equal(proba, expected)


def test_a_default_device_that_was_taken_back_is_the_cpu(make_classifier, reviews):
    """torch 2.8 cannot tell it then, nor can transformers."""
    texts, y = reviews
    expected = make_classifier().fit(texts, y).predict_proba(texts[:4])
    try:
        torch.set_default_device("cpu")
        torch.set_default_device(None)
        found = make_classifier().fit(texts, y).predict_proba(texts[:4])
    finally:
        torch._GLOBAL_DEVICE_CONTEXT.__dict__.clear()
    assert np.array_equal(found, expected)
