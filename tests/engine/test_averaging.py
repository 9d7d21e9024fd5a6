"""The mean of the weights over the second half of the steps."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback


class Weights(Callback):
    """Note the head's weights after each step, and as they are when an epoch is judged."""

    def on_train_begin(self, net, **kwargs):
        self.after_step_, self.judged_ = [], []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.after_step_.append(net.module_.classifier.weight.detach().clone())

    def on_epoch_end(self, net, **kwargs):
        self.judged_.append(net.module_.classifier.weight.detach().clone())


def rising_mean(weights):
    """Return the mean, in which the last counts as many times as there are, and the first once."""
    return sum(number * value for number, value in enumerate(weights, 1)) / (
        len(weights) * (len(weights) + 1) / 2
    )


@pytest.fixture
def noted(make_classifier, reviews):
    """Return a function that fits a classifier and returns it with what was noted."""

    def fit(**parameters):
        clf = make_classifier(callbacks=[("weights", Weights())], **parameters)
        early = parameters.get("early_stopping", False)
        clf.fit(*reviews, **({} if early else {"X_val": reviews[0], "y_val": reviews[1]}))
        return clf, dict(clf.callbacks_)["weights"]

    return fit


def test_the_weights_are_the_mean_of_those_of_the_second_half(noted):
    clf, found = noted(epochs=4)
    assert len(found.after_step_) == 32
    torch.testing.assert_close(
        clf.module_.classifier.weight.detach(), rising_mean(found.after_step_[16:])
    )


def test_every_epoch_is_judged_by_the_mean_so_far(noted):
    _, found = noted(epochs=4)
    first_half = found.after_step_[7], found.after_step_[15]
    for judged, last in zip(found.judged_[:2], first_half, strict=True):
        torch.testing.assert_close(judged, last)  # there is no mean yet
    torch.testing.assert_close(found.judged_[2], rising_mean(found.after_step_[16:24]))


def test_the_steps_go_on_from_the_weights_themselves(make_classifier, reviews):
    losses = []
    for judged in ({}, {"X_val": reviews[0], "y_val": reviews[1]}):
        clf = make_classifier(epochs=4).fit(*reviews, **judged)
        losses.append(clf.training_curve_["loss"])
    np.testing.assert_array_equal(*losses)


def test_what_early_stopping_restores_is_the_mean_of_the_best_epoch(noted, reviews):
    clf, found = noted(epochs=6, early_stopping=True, validation_fraction=0.4, n_iter_no_change=6)
    losses = [row["valid_loss"] for row in clf.history_]
    torch.testing.assert_close(
        clf.module_.classifier.weight.detach(), found.judged_[int(np.argmin(losses))]
    )


def test_long_fits_take_the_mean_of_fifty_snapshots_at_most(noted):
    clf, found = noted(epochs=16, batch_size=4)  # 240 steps
    snapshots = [step for step in range(121, 241) if step % 4 == 0]
    torch.testing.assert_close(
        clf.module_.classifier.weight.detach(),
        rising_mean([found.after_step_[step - 1] for step in snapshots]),
    )


def test_one_step_is_its_own_mean(noted):
    clf, found = noted(epochs=1, batch_size=60)
    torch.testing.assert_close(clf.module_.classifier.weight.detach(), found.after_step_[0])
