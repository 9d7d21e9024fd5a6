"""How long a fit will take, said after its first steps; the clock is ours, and counts tokens."""

import re

import pytest
from skorch.callbacks import Callback

from sklearn_bert._durations import format_duration


class Clock(Callback):
    """A clock that a step moves on by so many seconds a token, and the first one by more."""

    def __init__(self, seconds, warm_up=0.0):
        self.seconds = seconds
        self.warm_up = warm_up
        self.now = 0.0

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        work = int(batch[0].lengths.sum()) * (1 if training else 1 / 3)
        clock.now += self.seconds * work + (0 if clock.now else self.warm_up)


clock = Clock(0)  # callbacks are copied by a fit: this one is what they move


@pytest.fixture
def fit(make_classifier, monkeypatch, capfd):
    """Return a function that fits to texts of very different lengths; what is said on stderr."""
    monkeypatch.setattr("sklearn_bert._engine.time_left.monotonic", lambda: clock.now)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    texts = ["good film", "bad " * 50] * 60

    def fit(seconds, warm_up=0.0, **parameters):
        clock.now = 0.0
        parameters = {"verbose": 1, "epochs": 3, **parameters}
        make_classifier(callbacks=[Clock(seconds, warm_up)], **parameters).fit(texts, [0, 1] * 60)
        out, err = capfd.readouterr()
        assert out == ""
        return re.findall(r"Training takes .*?\.(?=\r|\n)", err)

    return fit


@pytest.mark.parametrize(("seconds", "gpu"), [(0.01, ""), (0.3, "; a GPU takes minutes")])
def test_a_long_fit_says_how_long_and_where_once(fit, seconds, gpu):
    said = fit(seconds, warm_up=5.0 * (seconds < 0.1))
    assert said == [f"Training takes about {format_duration(clock.now)} on 2 CPU cores{gpu}."]


def test_a_fit_that_may_stop_says_at_most_and_counts_what_is_judged(fit):
    said = fit(0.3, early_stopping=True, validation_fraction=0.5, n_iter_no_change=5)
    assert said[0].startswith(f"Training takes at most about {format_duration(clock.now)} on")


def test_slow_steps_are_told_of_after_the_first_one(fit):
    (said,) = fit(100, epochs=1)
    assert re.search(r"about \d+ h on 2 CPU cores; a GPU takes hours\.$", said)


def test_the_pass_of_a_frozen_encoder_is_not_taken_for_a_step(fit):
    said = fit(0.01, warm_up=1000.0, freeze="all")
    assert said[0].startswith(f"Training takes about {format_duration(clock.now)} on")


def test_a_short_fit_and_a_silent_one_say_nothing(fit):
    assert fit(0.001) == []
    assert fit(0.3, verbose=0) == []
