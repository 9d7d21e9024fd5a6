"""What users meet: fit, predict and what stands between."""

import io
import random
import signal
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, make_scorer
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, Freezer
from transformers import AutoModel

from sklearn_bert import BertTextClassifier, TextsCutWarning

PREDICTIONS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


class RecordBatches(Callback):
    """Record lengths, kind and weights of each batch."""

    def __init__(self, kept):
        self.kept = kept

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        texts, (_, weights) = batch
        self.kept.append((texts.lengths.tolist(), training, weights.tolist()))


class Interrupt(Callback):
    """Press Ctrl-C in the second epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            signal.raise_signal(signal.SIGINT)


def test_learns_what_two_words_decide(fitted, reviews):
    X, y = reviews
    assert fitted.score(X, y) == 1.0
    assert fitted.classes_.tolist() == ["neg", "pos"]
    assert fitted.predict(["the good film", "the bad book"]).tolist() == ["pos", "neg"]


@pytest.mark.slow
def test_real_minilm_learns_real_sentiment_from_a_few_words(minilm):
    good = ["a joy from start to end", "wonderful acting", "I loved it", "simply great fun"]
    bad = ["what a waste of time", "dreadful acting", "I hated it", "boring and far too long"]
    clf = BertTextClassifier(minilm, epochs=8, batch_size=4, learning_rate=3e-4, random_state=0)
    clf.fit(good + bad, ["good"] * 4 + ["bad"] * 4)
    unseen = ["great acting, a real joy", "hated it, dreadful", "wonderful", "a boring waste"]
    assert clf.predict(unseen).tolist() == ["good", "bad", "good", "bad"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions_agree_with_each_other(make_classifier, reviews, n_classes):
    X, _ = reviews
    y = np.arange(len(X)) % n_classes
    clf = make_classifier().fit(X, y)
    proba = clf.predict_proba(X)
    assert proba.shape == (len(X), n_classes)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[proba.argmax(axis=1)])
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(proba))
    decision = clf.decision_function(X)
    if n_classes == 2:
        assert decision.shape == (len(X),)
        np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-decision)))
        np.testing.assert_array_equal(clf.predict(X), clf.classes_[(decision > 0).astype(int)])
    else:
        np.testing.assert_allclose(softmax(decision, axis=1), proba)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array([-1, 1]),
        np.array([10, 20], dtype=np.uint8),
        np.array([False, True]),
        pd.Series(["no", "yes"], dtype="category"),
        pd.Series([3, 5], dtype="Int64"),
    ],
)
def test_labels_come_back_as_they_came_in(make_classifier, reviews, labels):
    X, y = reviews
    positive = np.array(y) == "pos"
    y = labels.take(positive.astype(int))
    clf = make_classifier().fit(X, y)
    assert set(clf.predict(X)) <= set(labels)
    assert clf.classes_.tolist() == sorted(labels)
    assert (clf.predict(X) == np.asarray(y)).mean() > 0.9
    assert clf.predict_proba(X)[positive, 1].mean() > 0.6


def test_predictions_do_not_depend_on_the_order_or_company_of_texts(fitted):
    texts = [" ".join(["good", "bad", "film"][i % 3 :] * (1 + 7 * i % 20)) for i in range(40)]
    alone = np.concatenate([fitted.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(fitted.predict_proba(texts), alone, atol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba(texts[::-1]), alone[::-1], atol=1e-6)


def test_empty_and_unknown_texts_are_texts(make_classifier):
    clf = make_classifier().fit(["", "good", "電影", "\x00", "bad", ""], [0, 1, 0, 1, 0, 1])
    assert np.isfinite(clf.predict_proba(["", "🎬" * 5, "\n\t"])).all()


def test_texts_beyond_the_limit_are_cut(make_classifier, reviews):
    with pytest.warns(TextsCutWarning):
        clf = make_classifier(max_length=5).fit(*reviews)
    assert clf.max_length_ == 5
    np.testing.assert_array_equal(
        clf.predict_proba(["good film a bad bad bad"]), clf.predict_proba(["good film a"])
    )


@pytest.mark.parametrize("method", PREDICTIONS)
def test_predicting_before_fitting_says_so(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(BertTextClassifier(), method)(["good"])


@pytest.mark.parametrize("method", PREDICTIONS)
def test_bad_texts_at_prediction_name_the_row(fitted, method):
    with pytest.raises(TypeError, match="got None of type NoneType at row 1"):
        getattr(fitted, method)(["good", None])


def test_what_is_kept_after_fit_is_what_the_docstring_lists(fitted):
    assert {name for name in vars(fitted) if name.endswith("_")} == {
        "classes_",
        "history_",
        "learning_rate_",
        "max_length_",
        "module_",
        "multilabel_",
        "batch_size_",
        "n_epochs_",
        "n_samples_fit_",
        "pairs_",
        "tokenizer_",
        "training_curve_",
    }
    for attribute in ["classes_", "history_", "learning_rate_", "max_length_", "n_epochs_"]:
        assert f"\n    {attribute} : " in BertTextClassifier.__doc__
    assert all(parameter.grad is None for parameter in fitted.module_.parameters())


def test_history_has_a_plain_row_an_epoch(fitted):
    assert fitted.n_epochs_ == len(fitted.history_) == 3
    assert [row["epoch"] for row in fitted.history_] == [1, 2, 3]
    assert fitted.history_[-1]["train_loss"] < fitted.history_[0]["train_loss"]
    for row in fitted.history_:
        assert {type(value) for value in row.values()} == {int, float}
        assert row.keys() == {
            "epoch",
            "train_loss",
            "learning_rate",
            "seconds",
            "tokens_per_second",
        }
    assert 0 < fitted.history_[-1]["learning_rate"] < 5e-3 / 10


# Weights


def test_a_text_of_weight_zero_is_left_out(make_classifier, reviews):
    X, y = reviews
    weights = np.r_[np.ones(40), np.zeros(20)]
    weighted = make_classifier().fit(X, y, sample_weight=weights)
    left_out = make_classifier().fit(X[:40], y[:40])
    np.testing.assert_array_equal(weighted.predict_proba(X), left_out.predict_proba(X))


def test_only_the_ratios_of_weights_count(make_classifier, reviews):
    X, y = reviews
    weights = np.linspace(0.5, 2, len(X))
    proba = make_classifier().fit(X, y, sample_weight=weights).predict_proba(X)
    scaled = make_classifier().fit(X, y, sample_weight=64 * weights).predict_proba(X)
    np.testing.assert_allclose(scaled, proba, atol=1e-4)


def test_weights_reach_their_own_texts(make_classifier):
    seen = []
    clf = make_classifier(epochs=1)
    clf.set_params(callbacks=[RecordBatches(seen)])
    texts = ["good " * n for n in range(1, 31)]  # every text another length
    clf.fit(texts, [0, 1] * 15, sample_weight=np.arange(1, 31))
    weights = {
        length: weight
        for lengths, _, batch_weights in seen
        for length, weight in zip(lengths, batch_weights, strict=True)
    }
    mean = np.arange(1, 31).mean()
    assert weights == {n + 2: pytest.approx(n / mean) for n in range(1, 31)}


def test_class_weights_multiply_sample_weights(make_classifier, reviews):
    X, y = reviews
    both = make_classifier(class_weight={"pos": 3.0}).fit(X, y, sample_weight=[2.0] * len(X))
    one = make_classifier().fit(X, y, sample_weight=[3.0 if label == "pos" else 1.0 for label in y])
    np.testing.assert_allclose(both.predict_proba(X), one.predict_proba(X), atol=1e-6)


def test_balanced_class_weights_help_the_rare_class(make_classifier):
    X, y = ["the film"] * 60, ["common"] * 50 + ["rare"] * 10
    plain = make_classifier(epochs=10).fit(X, y).predict_proba(X[:1])[0, 1]
    balanced = make_classifier(epochs=10, class_weight="balanced").fit(X, y)
    assert plain < 0.35
    assert balanced.predict_proba(X[:1])[0, 1] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0] * 3, "inconsistent|shape"),
        ([-1.0] + [1.0] * 59, "[Nn]egative"),
        ([float("nan")] + [1.0] * 59, "NaN"),
    ],
)
def test_bad_weights_are_refused(make_classifier, reviews, weights, message):
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(*reviews, sample_weight=weights)


def test_a_class_weight_for_an_unknown_class_is_refused(make_classifier, reviews):
    with pytest.raises(ValueError, match=r"\['neg', 'pos'\], are not in class_weight"):
        make_classifier(class_weight={"maybe": 2.0}).fit(*reviews)


# What fit refuses


def test_one_class_is_refused_by_name(make_classifier):
    with pytest.raises(
        ValueError, match=r"^y must have at least 2 classes .*, got one class: 'spam';"
    ):
        make_classifier().fit(["good", "bad"], ["spam", "spam"])


def test_one_class_left_by_weights_is_refused_by_name(make_classifier):
    with pytest.raises(ValueError, match="got one class: 'a'"):
        make_classifier().fit(["good", "bad"], ["a", "b"], sample_weight=[1, 0])


def test_texts_and_labels_must_be_as_many(make_classifier):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 3\]"):
        make_classifier().fit(["good", "bad"], [0, 1, 1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_length", 0),
        ("epochs", 0),
        ("batch_size", 1.5),
        ("learning_rate", 0),
        ("learning_rate", "fast"),
        ("weight_decay", -1),
        ("class_weight", "heavy"),
        ("early_stopping", "yes"),
        ("validation_fraction", 1.0),
        ("n_iter_no_change", 0),
        ("scoring", "no such score"),
        ("callbacks", EarlyStopping()),
        ("device", 3),
        ("dtype", "float64"),
        ("random_state", "seed"),
        ("model", 3),
    ],
)
def test_a_bad_parameter_is_named_with_its_value(reviews, make_classifier, name, value):
    clf = make_classifier().set_params(**{name: value})
    with pytest.raises(ValueError, match=f"The '{name}' parameter .* must be .*Got"):
        clf.fit(*reviews)


@pytest.mark.parametrize("max_length", [2, 65])
def test_a_max_length_that_the_model_cannot_read_is_refused(make_classifier, reviews, max_length):
    with pytest.raises(
        ValueError, match=rf"^max_length must be from 3 to 64 for model=.*, got {max_length};"
    ):
        make_classifier(max_length=max_length).fit(*reviews)


def test_out_of_memory_names_the_knobs(make_classifier, reviews, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 99 bytes")

    monkeypatch.setattr(torch.Tensor, "backward", fail)
    with pytest.raises(
        MemoryError,
        match=r"^Out of memory on device 'cpu' with batch_size=8 and max_length=64; lower "
        r"batch_size or max_length, or use a smaller model\.$",
    ):
        make_classifier().fit(*reviews)


def test_an_error_in_fit_leaves_the_former_fit(make_classifier, reviews):
    X, y = reviews
    clf = make_classifier().fit(X, y)
    before = dict(vars(clf))
    with pytest.raises(TypeError):
        clf.fit([*X[:-1], None], y)
    assert vars(clf) == before


@pytest.fixture
def listens_to_ctrl_c():
    """Take SIGINT as a terminal's process does; one started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_ctrl_c_raises_and_leaves_the_former_fit(make_classifier, reviews):
    clf = make_classifier().fit(*reviews)
    before = dict(vars(clf))
    callbacks = [Interrupt()]
    clf.set_params(callbacks=callbacks)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*reviews)
    assert vars(clf) == {**before, "callbacks": callbacks}


@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_ctrl_c_in_a_first_fit_leaves_it_unfitted(make_classifier, reviews):
    clf = make_classifier(callbacks=[Interrupt()], early_stopping=True)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*reviews)
    with pytest.raises(NotFittedError):
        clf.predict(["good"])


# Randomness


def global_states():
    python, numpy = random.getstate(), np.random.get_state()
    return python, numpy[1].tolist(), numpy[2:], torch.get_rng_state().tolist()


def test_the_same_seed_gives_bit_equal_fits_and_leaves_global_states(make_classifier, reviews):
    X, y = reviews
    before = global_states()
    first = make_classifier(random_state=7, early_stopping=True).fit(X, y)
    proba = first.predict_proba(X)
    assert global_states() == before
    torch.rand(3), np.random.rand(3), random.random()
    second = make_classifier(random_state=7, early_stopping=True).fit(X, y)
    np.testing.assert_array_equal(second.predict_proba(X), proba)
    np.testing.assert_array_equal(first.fit(X, y).predict_proba(X), proba)


def test_other_seeds_give_other_fits(make_classifier, reviews):
    X, y = reviews
    probas = [make_classifier(random_state=s).fit(X, y).predict_proba(X) for s in (0, 1, None)]
    assert not np.array_equal(probas[0], probas[1])
    assert not np.array_equal(probas[0], probas[2])


def test_a_generator_gives_each_fit_another_seed(make_classifier, reviews):
    X, y = reviews
    clf = make_classifier(random_state=np.random.RandomState(0))
    assert not np.array_equal(clf.fit(X, y).predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_fits_in_threads_equal_fits_one_after_the_other(make_classifier, reviews):
    X, y = reviews
    alone = [make_classifier(random_state=seed).fit(X, y).predict_proba(X) for seed in range(4)]
    together = [make_classifier(random_state=seed) for seed in range(4)]
    threads = [threading.Thread(target=clf.fit, args=(X, y)) for clf in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for clf, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(clf.predict_proba(X), expected)


# Early stopping


def test_early_stopping_restores_the_best_weights(make_classifier, reviews):
    X, y = reviews
    clf = make_classifier(
        early_stopping=True, epochs=30, n_iter_no_change=2, validation_fraction=0.3
    ).fit(X, np.random.RandomState(0).permutation(y))  # noise: the loss soon gets worse
    losses = [row["valid_loss"] for row in clf.history_]
    assert clf.n_epochs_ == len(losses) < 30
    assert np.argmin(losses) == len(losses) - 3
    shorter = make_classifier(
        early_stopping=True, epochs=30, n_iter_no_change=2, validation_fraction=0.3
    )
    shorter.set_params(callbacks=[StopAfter(int(np.argmin(losses)) + 1)])
    shorter.fit(X, np.random.RandomState(0).permutation(y))
    np.testing.assert_array_equal(clf.predict_proba(X), shorter.predict_proba(X))


class StopAfter(EarlyStopping):
    """End training in the way of an early stopping after a given epoch."""

    def __init__(self, epoch):
        super().__init__(patience=1)
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.misses_ = 1
            raise KeyboardInterrupt


def keyword_score(y_true, y_pred):
    return accuracy_score(y_true, y_pred) - 2  # negative throughout


@pytest.mark.parametrize("scoring", ["f1_macro", "roc_auc", None, make_scorer(keyword_score)])
def test_early_stopping_takes_any_scorer(make_classifier, reviews, scoring):
    clf = make_classifier(early_stopping=True, epochs=12, n_iter_no_change=2, scoring=scoring)
    clf.fit(*reviews)
    scores = [row["valid_score"] for row in clf.history_]
    assert clf.n_epochs_ == len(scores)
    assert max(scores) == scores[-3] or clf.n_epochs_ == 12
    assert clf.score(*reviews) > 0.8


def test_the_part_held_out_is_stratified_and_not_trained_on(make_classifier):
    seen = []
    texts = ["good " * n for n in range(1, 41)]  # every text another length
    callback = RecordBatches(seen)
    clf = make_classifier(early_stopping=True, validation_fraction=0.25, epochs=2)
    clf.set_params(callbacks=[callback])
    with pytest.warns(UserWarning, match=r"All 10 texts held out .* to have 'a'|'b': the class"):
        clf.fit(texts, ["a"] * 20 + ["b"] * 20)
    trained = {length for lengths, training, _ in seen if training for length in lengths}
    held_out = {length for lengths, training, _ in seen if not training for length in lengths}
    assert len(held_out) == 10
    assert not trained & held_out
    assert len([n for n in held_out if n <= 22]) == 5  # a text of n words has n + 2 tokens


def test_a_callback_that_stops_early_ends_a_fit_without_error(make_classifier, reviews):
    stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10, threshold_mode="abs")
    clf = make_classifier(epochs=20, callbacks=[stop]).fit(*reviews)
    assert clf.n_epochs_ < 20


# Callbacks


def test_parameters_of_callbacks_are_parameters(make_classifier):
    clf = make_classifier(callbacks=[("stop", EarlyStopping(patience=3)), EarlyStopping()])
    assert clf.get_params()["callbacks__stop__patience"] == 3
    clf.set_params(callbacks__stop__patience=9, callbacks__EarlyStopping__patience=7, epochs=4)
    assert clf.callbacks[0][1].patience == 9
    assert clf.callbacks[1].patience == 7
    assert clf.epochs == 4
    with pytest.raises(ValueError, match=r"one of the callbacks \['EarlyStopping', 'stop'\]"):
        clf.set_params(callbacks__other__patience=1)
    with pytest.raises(ValueError, match="Invalid parameter 'no_such'"):
        clf.set_params(no_such=1)


def test_callbacks_are_cloned_with_the_estimator(make_classifier):
    clf = make_classifier(callbacks=[("stop", EarlyStopping(patience=3))])
    clone(clf).set_params(callbacks__stop__patience=8)
    assert clf.callbacks[0][1].patience == 3


@pytest.mark.parametrize("callback", ["EarlyStopping", EarlyStopping, ("a", "b"), 3])
def test_what_is_no_callback_is_refused(make_classifier, reviews, callback):
    with pytest.raises(TypeError, match=r"^callbacks must hold skorch callbacks or"):
        make_classifier(callbacks=[callback]).fit(*reviews)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_callback_that_predicts_on_skorchs_data_is_refused(
    make_classifier, reviews, early_stopping
):
    clf = make_classifier(early_stopping=early_stopping, callbacks=[EpochScoring("accuracy")])
    with pytest.raises(TypeError, match=r"got EpochScoring; use early_stopping=True with scoring"):
        clf.fit(*reviews)


def test_layers_can_be_frozen_by_a_callback(make_classifier, reviews, tiny_model):
    start = AutoModel.from_pretrained(tiny_model).state_dict()
    clf = make_classifier(callbacks=[Freezer("bert.embeddings.*")]).fit(*reviews)
    for name, value in clf.module_.bert.state_dict().items():
        assert torch.equal(value, start[name]) == name.startswith("embeddings.")


# What is printed


def test_nothing_is_printed_or_written_by_default(
    make_classifier, reviews, capfd, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make_classifier(early_stopping=True).fit(*reviews).predict(reviews[0])
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_verbose_shows_one_bar_over_all_steps(make_classifier, reviews, capfd):
    make_classifier(verbose=1).fit(*reviews)
    out, err = capfd.readouterr()
    assert out == ""
    assert "16/16" in err
    assert "loss=" in err


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_bar_moves_in_a_terminal_only(make_classifier, reviews, monkeypatch, is_terminal):
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stderr", stream)
    make_classifier(verbose=1).fit(*reviews)
    written = stream.getvalue()
    assert ("\r" in written) is is_terminal
    if not is_terminal:  # as a file for a log is read: whole lines, the last one at the end
        first, *_, last = written.splitlines()
        assert first.startswith("fit: 0% 0/16 [") and last.startswith("fit: 100% 16/16 [")
        assert len(written.splitlines()) < 5 and written.endswith("]\n")


def test_more_verbose_prints_a_line_an_epoch(make_classifier, reviews, capfd):
    make_classifier(verbose=2, early_stopping=True).fit(*reviews)
    lines = capfd.readouterr().out.strip().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert "valid_loss" in lines[0]


def test_sample_weight_is_routed(make_classifier):
    with config_context(enable_metadata_routing=True):
        clf = make_classifier().set_fit_request(sample_weight=True)
        assert clf.get_metadata_routing().fit.requests["sample_weight"] is True


def test_importing_the_package_loads_neither_torch_nor_transformers(run_python):
    loaded = run_python(
        "import sys, sklearn_bert; sklearn_bert.BertTextClassifier();"
        "print(sorted({'torch', 'transformers', 'skorch', 'pandas'} & set(sys.modules)))"
    )
    assert "torch" not in loaded
    assert "transformers" not in loaded
    assert "skorch" not in loaded


@pytest.mark.gpu
@pytest.mark.simulated_gpu
def test_trains_and_predicts_on_a_gpu(make_classifier, reviews):
    X, y = reviews
    clf = make_classifier(device="cuda").fit(X, y)
    assert clf.module_.device.type == "cuda"
    assert clf.score(X, y) == 1.0
    cpu = clone(clf).set_params(device="cpu", dtype="float32").fit(X, y)
    assert cpu.score(X, y) == 1.0


@pytest.mark.gpu
def test_a_full_gpu_is_one_sentence(minilm):
    clf = BertTextClassifier(minilm, batch_size=100_000, device="cuda", epochs=1)
    with pytest.raises(MemoryError, match="batch_size=100000 and max_length=512"):
        clf.fit(["word " * 600] * 100_000, [0, 1] * 50_000)
