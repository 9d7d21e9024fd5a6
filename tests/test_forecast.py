"""The forecast: counted right, and told before it is paid. Its accuracy is a benchmark's matter."""

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_bert._forecast import Forecast, forecast


def folds(n_texts, *sizes):
    """Return folds whose training parts have those sizes."""
    rows = np.arange(n_texts)
    return [(rows[:size], rows[size:]) for size in sizes]


def test_a_fit_costs_in_proportion_to_its_steps(make_classifier, reviews):
    texts, y = reviews[0] * 40, np.array(reviews[1] * 40)
    found = forecast(make_classifier(epochs=50), texts, y, folds(2400, 2000, 1000))
    assert found.fit_seconds[0] / found.fit_seconds[1] == pytest.approx(2, rel=0.3)
    assert found.seconds == pytest.approx(sum(found.fit_seconds + found.predict_seconds))
    assert found.fold_seconds(1) == found.fit_seconds[1] + found.predict_seconds[1]


def test_lengths_are_in_tokens_and_uncut(make_classifier):
    texts, y = ["good film"] * 30 + ["bad " * 100] * 10, np.array([1] * 30 + [0] * 10)
    found = forecast(make_classifier(max_length=16), texts, y, folds(40, 20))
    assert np.bincount(found.lengths)[[4, 102]].tolist() == [30, 10]
    assert (found.max_length, found.share_cut) == (16, 0.25)


def test_a_probe_of_one_class_only_is_no_obstacle(make_classifier):
    texts, y = ["good film"] * 39 + ["bad film"], np.array([1] * 39 + [0])
    assert forecast(make_classifier(batch_size=2), texts, y, folds(40, 20)).seconds > 0


def test_the_users_loggers_and_checkpoints_are_left_alone(make_classifier, reviews, tmp_path):
    class Logger(Callback):
        def on_train_begin(self, net, **kwargs):
            pytest.fail("the probe was logged")

    for options in ({"callbacks": [Logger()]}, {"checkpoint_dir": tmp_path / "state"}):
        forecast(make_classifier(**options), reviews[0], np.array(reviews[1]), folds(60, 40))
    assert not list(tmp_path.iterdir())


def test_the_classifier_is_not_changed(make_classifier, reviews):
    bert = make_classifier(early_stopping=True)
    before = dict(vars(bert))
    forecast(bert, reviews[0], np.array(reviews[1]), folds(60, 40))
    assert vars(bert) == before


def test_it_reads_as_a_sentence():
    lengths = np.array([10] * 969 + [600] * 31)
    found = Forecast([150.0] * 5, [18.0] * 5, lengths, 512, "cpu", 3.0)
    assert str(found) == (
        "about 14 min on cpu: 5 folds \N{MULTIPLICATION SIGN} 2.8 min; 3.1 % of the texts are cut "
        "at 512 tokens"
    )
    alone = Forecast([30.0], [2.0], lengths, 512, "cpu", 3.0)
    assert str(alone).startswith("about 32 s on cpu: 1 fold; ")
