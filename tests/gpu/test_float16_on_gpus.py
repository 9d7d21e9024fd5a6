"""Cards before Ampere, which have no bfloat16, train in float16."""

import warnings

import numpy as np
import pytest
import torch
from waiting import n_waits

from sklearn_bert import BertTextRegressor
from sklearn_bert._engine import net as _net

pytestmark = pytest.mark.simulated_gpu


@pytest.fixture
def card(monkeypatch):
    """Return a function that makes a card one of a capability without bfloat16."""

    def make(*capability):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
        )

    return make


@pytest.mark.parametrize(
    ("capability", "is_half"), [((6, 1), False), ((7, 0), True), ((7, 5), True)]
)
def test_auto_trains_in_float16_on_volta_and_turing(
    make_classifier, reviews, card, capability, is_half
):
    card(*capability)
    with warnings.catch_warnings(action="error"):
        clf = make_classifier(device="cuda").fit(*reviews)
    assert ("loss_scale" in clf.history_[0]) == is_half
    assert clf.score(*reviews) == 1.0
    exact = make_classifier(device="cuda", dtype="float32").fit(*reviews)
    losses = [[row["train_loss"] for row in fitted.history_] for fitted in (clf, exact)]
    np.testing.assert_allclose(*losses, atol=0.02)
    proba = clf.predict_proba(reviews[0])
    clf.set_params(device="cpu", dtype="float32")
    np.testing.assert_allclose(clf.predict_proba(reviews[0]), proba, atol=1e-5)


def test_bfloat16_is_warned_of(make_classifier, reviews, card):
    card(7, 5)
    with pytest.warns(UserWarning, match="'bfloat16' is emulated on this GPU.* use dtype='auto'"):
        make_classifier(device="cuda", dtype="bfloat16", epochs=1).fit(*reviews)


def test_regressors_too(tiny_model, reviews, card):
    card(7, 5)
    reg = BertTextRegressor(tiny_model, device="cuda:1", epochs=2, random_state=0)
    assert np.isfinite(reg.fit(reviews[0], np.arange(60.0)).predict(reviews[0])).all()
    assert "loss_scale" in reg.history_[0]


@pytest.mark.parametrize("scale", [2.0**14, 2.0**24], ids=["plain", "overflowing"])
def test_no_step_waits_for_the_device(make_classifier, monkeypatch, scale):
    """Whether steps overflow or not."""
    X, y = ["a " * (i % 40 + 1) for i in range(256)], [0, 1] * 128
    clf = make_classifier(device="cuda", dtype="float16", epochs=1).fit(X[:16], y[:16])
    monkeypatch.setattr(_net, "_LOSS_SCALE", scale)
    assert 0 < n_waits(clf, X[:128], y[:128]) == n_waits(clf, X, y)
    if scale > 2.0**20:
        assert clf.history_[0]["loss_scale"] < scale
