"""The forecast: counted right, and told before it is paid. Its accuracy is a benchmark's matter."""

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_bert import BertTextClassifier
from sklearn_bert.comparison._forecast import Forecast, forecast
from sklearn_bert.comparison._speed import Speed, check_models, settings_of


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


def slow(text_seconds):
    """Return a checkpoint that needs so many seconds to read a text, and one to load."""
    return Speed(1.0, text_seconds, np.array([4, 80]), 64, "cpu", 32)


def test_a_probe_that_would_take_too_long_is_left_out(make_classifier, reviews, monkeypatch):
    monkeypatch.setattr(BertTextClassifier, "fit", lambda *args: pytest.fail("it was fitted"))
    bert = make_classifier(epochs=5)
    found = forecast(bert, reviews[0], np.array(reviews[1]), folds(60, 40), slow(2.0), 60.0)
    # To load it, and 5 epochs of 5 batches of 8 texts, each read once and learnt from as by 3.
    assert found.fit_seconds == [1 + 2 * (40 + 3 * 25 * 8)]
    assert found.predict_seconds == [2 * 20]
    assert (found.share_cut, found.max_length, found.width) == (0.5, 64, 32)


@pytest.mark.parametrize(
    ("text_seconds", "n_fitted", "n_predicted"), [(0.001, 32, 60), (0.35, 16, 16), (0.6, 8, 16)]
)
def test_a_probe_is_as_large_as_there_is_time(
    make_classifier, reviews, monkeypatch, text_seconds, n_fitted, n_predicted
):
    seen = []
    for name in ("fit", "predict_proba"):
        method = getattr(BertTextClassifier, name)
        monkeypatch.setattr(
            BertTextClassifier,
            name,
            lambda self, X, *args, method=method: seen.append(len(X)) or method(self, X, *args),
        )
    # As many steps as make a probe of four batches.
    texts, y, bert = reviews[0], np.array(reviews[1]), make_classifier(epochs=50)
    forecast(bert, texts, y, folds(60, 40), slow(text_seconds), 60.0)
    assert seen == [n_fitted, n_predicted, n_predicted]


def test_only_the_head_reads_each_text_once(make_classifier, reviews):
    bert = make_classifier(freeze="all")
    found = forecast(bert, reviews[0], np.array(reviews[1]), folds(60, 40), slow(9.0), 60.0)
    assert found.fit_seconds == [1 + 9 * 40]


def test_the_speed_of_reading_is_that_of_the_texts(make_classifier):
    berts = [make_classifier(), make_classifier(epochs=3), make_classifier(max_length=8)]
    texts = ["good film"] * 30 + ["bad " * 100] * 10
    speeds = check_models(berts, texts, 2, with_speed=True)
    assert list(speeds) == [settings_of(berts[0]), settings_of(berts[2])]
    whole, cut = speeds.values()
    assert np.bincount(whole.lengths)[[4, 102]].tolist() == [30, 10]
    assert (whole.max_length, cut.max_length, whole.width) == (64, 8, 32)
    assert whole.text_seconds > 0 and whole.load_seconds == cut.load_seconds > 0
    assert check_models(berts, texts, 2, with_speed=False) == {}
