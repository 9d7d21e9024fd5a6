"""Training in float16: the loss is scaled, steps that overflow are left out, all else holds."""

import itertools
import math

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_bert import BertTextEmbedder
from sklearn_bert._engine import device as _device
from sklearn_bert._engine import net as _net

OVERFLOWING = 2.0**24  # a scale at which the first steps overflow


@pytest.fixture(autouse=True)
def no_warning(monkeypatch):
    """Take the CPU for one that has float16."""
    monkeypatch.setattr(_device, "_has_instructions", lambda dtype: True)


@pytest.fixture
def overflow(monkeypatch):
    """Let the first steps of a fit overflow."""
    monkeypatch.setattr(_net, "_LOSS_SCALE", OVERFLOWING)


class Steps(Callback):
    """Note the gradients of the head as they are clipped, and its weights after each step."""

    def on_train_begin(self, net, **kwargs):
        self.gradients_, self.weights_ = [], [self._weights(net).clone()]

    def on_grad_computed(self, net, **kwargs):
        self.gradients_.append(self._weights(net).grad.clone())

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.weights_.append(self._weights(net).clone())

    def _weights(self, net):
        weights = net.module_.classifier.weight
        found = weights.detach()
        found.grad = weights.grad
        return found


class Overflows(Callback):
    """Make all gradients infinite from an epoch on."""

    def __init__(self, from_epoch=1):
        self.from_epoch = from_epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.from_epoch:
            weights = net.module_.base_model.embeddings.LayerNorm.weight
            weights.register_hook(lambda gradient: gradient * math.inf)


def test_float16_learns_what_float32_learns(make_classifier, reviews):
    exact, half = (
        make_classifier(dtype=dtype, learning_rate=1e-3).fit(*reviews)
        for dtype in ("float32", "float16")
    )
    losses = [[row["train_loss"] for row in clf.history_] for clf in (exact, half)]
    np.testing.assert_allclose(*losses, atol=2e-3)
    probas = [clf.predict_proba(reviews[0]) for clf in (exact, half)]
    np.testing.assert_allclose(*probas, atol=5e-3)
    assert not np.array_equal(*probas)
    assert [row["loss_scale"] for row in half.history_] == [2.0**14] * 2
    assert "loss_scale" not in exact.history_[0]
    assert {value.dtype for value in half.module_.parameters()} == {torch.float32}


def test_gradients_are_clipped_at_their_own_scale(make_classifier, reviews):
    found = []
    for dtype in ("float32", "float16"):
        clf = make_classifier(dtype=dtype, callbacks=[Steps()], epochs=1).fit(*reviews)
        found.append(clf.callbacks_[0][1].gradients_[0])
    torch.testing.assert_close(*found, rtol=0.02, atol=1e-4)


def test_a_step_that_overflows_is_left_out_and_the_schedule_goes_on(
    make_classifier, reviews, overflow
):
    clf = make_classifier(dtype="float16", callbacks=[Steps()]).fit(*reviews)
    after = clf.callbacks_[0][1].weights_
    stays = [torch.equal(*pair) for pair in itertools.pairwise(after)]
    assert stays[0]
    assert not all(stays)
    assert clf.history_[-1]["loss_scale"] == OVERFLOWING / 2 ** sum(stays)
    assert np.isfinite(clf.training_curve_["loss"]).all()
    plain = make_classifier(dtype="float32").fit(*reviews)
    np.testing.assert_array_equal(
        clf.training_curve_["learning_rate"], plain.training_curve_["learning_rate"]
    )


def test_the_mean_of_the_weights_is_of_those_that_were_there(make_classifier, reviews, monkeypatch):
    """After a step that is left out, they are those before it."""
    monkeypatch.setattr(_net, "_LOSS_SCALE", 2.0**40)
    clf = make_classifier(dtype="float16", callbacks=[Steps()], epochs=4).fit(*reviews)
    second_half = clf.callbacks_[0][1].weights_[17:]
    assert torch.equal(*second_half[:2])  # steps are still left out
    assert not torch.equal(*second_half[-2:])
    mean = sum(n * weights for n, weights in enumerate(second_half, 1)) / (16 * 17 / 2)
    torch.testing.assert_close(clf.module_.classifier.weight.detach(), mean)


@pytest.mark.parametrize("epochs", [3, 1])
def test_a_training_whose_gradients_always_overflow_has_diverged(make_classifier, reviews, epochs):
    """One of few steps too, none of which could be taken."""
    clf = make_classifier(dtype="float16", callbacks=[Overflows()], epochs=epochs)
    with pytest.raises(
        ValueError,
        match=r"^The model must give finite numbers, got inf, since its training has diverged, or "
        r"float16 is too narrow for it; fit it with a lower learning_rate or weight_decay, or use "
        r"dtype='float32'\.$",
    ):
        clf.fit(*reviews)
    assert not hasattr(clf, "module_")


def test_early_stopping_keeps_what_was_learnt_before(make_classifier, reviews):
    clf = make_classifier(
        dtype="float16",
        callbacks=[Overflows(from_epoch=3)],
        early_stopping=True,
        n_iter_no_change=4,
        epochs=20,
    ).fit(*reviews)
    scales = [row["loss_scale"] for row in clf.history_]
    best = np.argmin([row["valid_loss"] for row in clf.history_])
    assert scales[best] > 1 > scales[-1]


def test_numbers_that_float16_does_not_have_are_told_of(make_classifier, reviews, tiny_model):
    clf = make_classifier(dtype="float32").fit(*reviews)
    with torch.no_grad():
        clf.module_.classifier.weight.mul_(1e6)
    assert np.isfinite(clf.predict_proba(reviews[0])).all()
    with pytest.raises(ValueError, match=r"got (-?inf|nan), since .* or use dtype='float32'\.$"):
        clf.set_params(dtype="float16").predict(reviews[0])
    embedder = BertTextEmbedder(tiny_model, dtype="float16").fit(reviews[0])
    assert np.isfinite(embedder.transform(reviews[0])).all()
    with torch.no_grad():
        embedder.module_.base_model.encoder.layer[0].output.dense.weight.mul_(1e6)
    with pytest.raises(ValueError, match=r"^The vectors must be finite, .* use dtype='float32'\.$"):
        embedder.transform(reviews[0])
