"""The policy, the optimizer and the loss of training."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_bert._engine.losses import CrossEntropy


class RecordSteps(Callback):
    """Record the optimizer's groups and the gradient's norm at each step."""

    def __init__(self, steps):
        self.steps = steps

    def on_grad_computed(self, net, named_parameters, **kwargs):
        gradients = [p.grad for _, p in named_parameters if p.grad is not None]
        groups = net.optimizer_.param_groups
        self.steps.append(
            {
                "lr": groups[0]["lr"],
                "momentum": groups[0]["betas"][0],
                "head_lr": groups[-1]["lr"],
                "norm": torch.sqrt(sum((gradient**2).sum() for gradient in gradients)).item(),
                "groups": [
                    (group["weight_decay"], {p.ndim for p in group["params"]}) for group in groups
                ],
                "head": [tuple(p.shape) for group in groups[2:] for p in group["params"]],
            }
        )


@pytest.fixture
def record_steps(make_classifier, reviews):
    """Return a function that fits and returns the record of its steps."""

    def record(**parameters):
        steps = []
        clf = make_classifier(**parameters)
        clf.set_params(callbacks=[RecordSteps(steps)])
        clf.fit(*reviews)
        return steps

    return record


def test_the_learning_rate_rises_and_falls_linearly_against_the_momentum(record_steps):
    steps = record_steps(epochs=5, learning_rate=1e-3)
    rates = np.array([step["lr"] for step in steps])
    momenta = np.array([step["momentum"] for step in steps])
    assert len(steps) == 5 * 8  # sixty texts in batches of eight
    assert rates[0] == pytest.approx(1e-4)
    assert rates.max() == pytest.approx(1e-3, rel=0.03)
    assert 17 <= rates.argmax() <= 21
    assert 0 < rates[-1] < 1e-4
    assert np.ptp(np.diff(rates[:19])) < 1e-9
    assert np.ptp(np.diff(rates[21:])) < 1e-9
    assert momenta[0] == pytest.approx(0.95)
    assert momenta.min() == pytest.approx(0.85, abs=0.005)
    assert momenta.argmin() == rates.argmax()


@pytest.mark.parametrize("batch_size", [60, 30, 20])
def test_even_the_shortest_fits_step_at_a_real_rate(record_steps, batch_size):
    steps = record_steps(epochs=1, learning_rate=1e-3, batch_size=batch_size)
    assert len(steps) == 60 // batch_size
    assert all(1e-4 * 0.99 <= step["lr"] <= 1e-3 for step in steps[:2])


def test_biases_and_norms_do_not_decay(record_steps):
    groups = record_steps(weight_decay=0.3)[0]["groups"]
    assert groups == [(0.3, {2}), (0.0, {1}), (0.3, {2}), (0.0, {1})]


@pytest.mark.parametrize(("body", "head"), [(2e-5, 2e-3), (1e-4, 1e-2), (1e-3, 1e-2), (0.5, 0.5)])
def test_the_new_head_learns_faster_than_the_body(record_steps, body, head):
    steps = record_steps(learning_rate=body)
    assert steps[0]["head"] == [(2, 32), (2,)]
    for step in steps:
        assert step["head_lr"] == pytest.approx(step["lr"] * head / body)


def test_gradients_are_clipped_to_norm_one(record_steps):
    norms = [step["norm"] for step in record_steps(epochs=6)]
    assert max(norms) <= 1.0001
    assert max(norms) > 0.99


def test_the_loss_is_the_mean_of_weight_times_cross_entropy():
    logits, targets = torch.randn(5, 3, generator=torch.manual_seed(0)), torch.arange(5) % 3
    weights = torch.tensor([0.0, 1.0, 2.0, 0.5, 1.5])
    losses = -torch.log_softmax(logits, dim=1)[torch.arange(5), targets]
    loss = CrossEntropy()(logits, (targets, weights))
    torch.testing.assert_close(loss, (losses * weights).sum() / 5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_and_logits_stay_in_float32(make_classifier, reviews, dtype):
    seen = []

    class Look(Callback):
        def on_batch_end(self, net, y_pred=None, **kwargs):
            seen.append(y_pred.dtype)

    clf = make_classifier(dtype=dtype)
    clf.set_params(callbacks=[Look()])
    clf.fit(*reviews)
    assert set(seen) == {torch.float32}
    assert {p.dtype for p in clf.module_.parameters()} == {torch.float32}


def test_bfloat16_rounds_but_learns_the_same(make_classifier, reviews):
    X, y = reviews
    single = make_classifier(dtype="float32").fit(X, y)
    half = make_classifier(dtype="bfloat16").fit(X, y)
    assert not np.array_equal(single.predict_proba(X), half.predict_proba(X))
    assert half.score(X, y) == single.score(X, y) == 1.0
