"""Callbacks of skorch and of scikit-learn: what runs, what is recorded, what is refused before."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch import callbacks as skorch_callbacks
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
    Unfreezer,
    WandbLogger,
)
from skorch.utils import noop

from sklearn_bert import BertTextEmbedder, BertTextRegressor


class Never(Callback):
    """Fail if a fit gets as far as training."""

    def on_train_begin(self, net, **kwargs):
        raise AssertionError("training has begun")


class Records(Callback):
    """Record the number of the epoch under a name of its own."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", float(len(net.history)))


class Holder(Callback):
    """Hold another callback."""

    def __init__(self, other):
        self.other = other


REFUSED = {
    "early stopping without held-out texts": (
        [EarlyStopping()],
        r"EarlyStopping has monitor='valid_loss', .* early_stopping=True, or monitor='train_loss'",
    ),
    "checkpoint without held-out texts": (
        [Checkpoint()],
        r"Checkpoint has monitor='valid_loss_best', .* or monitor='train_loss_best'",
    ),
    "a score that is not recorded": (
        [EarlyStopping("f1")],
        r"monitor that is recorded, got 'f1'; use one of \['dur', .* 'train_loss_best'\]",
    ),
    "a run that wants the best model": ([WandbLogger(None)], r"use save_model=False, or early_st"),
    "another learning rate": ([LRScheduler()], "one-cycle policy, got LRScheduler; use learning_r"),
    "scores of epochs": ([EpochScoring("f1")], r"got EpochScoring; use .* scoring=\[...\]"),
    "scores of batches": ([BatchScoring("f1")], r"got BatchScoring; use .* scoring=\[...\]"),
    "an input width": ([InputShapeSetter()], "got InputShapeSetter; leave it out"),
    "a state": ([LoadInitState(Checkpoint(dirname="x"))], "got LoadInitState; use checkpoint_dir"),
    "a pickled net": (
        [Checkpoint(monitor=None, f_pickle="net.pickle")],
        r"got f_pickle='net.pickle'; use f_params",
    ),
    "a pickled net at the end": ([TrainEndCheckpoint(f_pickle="a")], r"f_pickle='a'; use f_params"),
    "the same name twice": (
        [("a", EpochTimer()), ("a", PrintLog())],
        r"names of their own, got 'a' 2 times",
    ),
    "a name that cannot be set": ([("a__b", EpochTimer())], r"without '__', got 'a__b'"),
    "a name that is no str": ([(1, EpochTimer())], r"names that are str .* got 1"),
    "a class": ([EpochTimer], r"got <class '.*EpochTimer'>; pass an instance"),
    "a str": (["EarlyStopping"], r"got 'EarlyStopping'; pass an instance"),
    "none": ([("a", None)], r"got \('a', None\); pass an instance"),
}


@pytest.mark.parametrize(("callbacks", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_before_a_model_is_loaded(
    make_classifier, reviews, monkeypatch, callbacks, message
):
    monkeypatch.setattr("sklearn_bert._estimators.fitting.load_encoder", None)
    clf = make_classifier(callbacks=callbacks)
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        clf.fit(*reviews)
    assert "\n" not in str(caught.value)


def test_a_callback_of_your_own_may_record_what_another_looks_at(make_classifier, reviews):
    stop = EarlyStopping("mine", patience=1, sink=noop)  # it rises, and is to fall
    assert make_classifier(epochs=5, callbacks=[Records(), stop]).fit(*reviews).n_epochs_ == 2
    clf = make_classifier(callbacks=[Records(), EarlyStopping()])
    with pytest.raises(ValueError, match="monitor='valid_loss', which needs held-out texts"):
        clf.fit(*reviews)


@pytest.mark.parametrize("freeze", [1, "all"])
def test_layers_frozen_from_the_start_cannot_be_unfrozen(make_classifier, reviews, freeze):
    clf = make_classifier(freeze=freeze, callbacks=[Unfreezer("*"), Never()])
    with pytest.raises(ValueError, match=r"Unfreezer needs freeze=0, .* use|got freeze="):
        clf.fit(*reviews)


def test_callbacks_that_freeze_all_are_told_so(make_classifier, reviews):
    with pytest.raises(ValueError, match="leave some parameters to train, and all are frozen"):
        make_classifier(callbacks=[Freezer("*")]).fit(*reviews)


def test_callbacks_of_scikit_learn_have_a_place_of_their_own(make_classifier, reviews):
    sklearn_callback = pytest.importorskip("sklearn.callback")
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    with pytest.raises(TypeError, match="those of scikit-learn to set_callbacks"):
        make_classifier(callbacks=[monitor]).fit(*reviews)


# Each way in which skorch's callbacks work, and what must be seen of it.
WORKING = {
    "stop": lambda folder: [EarlyStopping("train_loss", sink=noop)],
    "checkpoint": lambda folder: [Checkpoint("train_loss_best", dirname=folder, load_best=True)],
    "checkpoint at the end": lambda folder: [TrainEndCheckpoint(dirname=folder)],
    "print": lambda folder: [PrintLog()],
    "bar": lambda folder: [ProgressBar()],
    "time": lambda folder: [EpochTimer(), EpochTimer()],
    "clip": lambda folder: [GradientNormClipping(0.1)],
    "pass through": lambda folder: [PassthroughScoring("train_loss", on_train=True)],
    "freeze": lambda folder: [Freezer("*embeddings*"), Unfreezer("*embeddings*", at=2)],
    "map": lambda folder: [ParamMapper("classifier.*", fn=torch.nn.init.zeros_, at=2)],
    "initialize": lambda folder: [Initializer("classifier.bias", fn=torch.nn.init.ones_)],
    "names that we have ourselves": lambda folder: [
        ("early_stopping", EarlyStopping("mine", lower_is_better=False, sink=noop)),
        ("one_cycle", EpochTimer()),
        ("train_loss", EpochTimer()),
        Records(),
    ][::-1],
}


@pytest.mark.parametrize(
    ("kind", "early_stopping"),
    [*((kind, False) for kind in WORKING), ("stop", True), ("checkpoint", True)],
)
def test_what_works_leaves_a_module_that_can_be_used(
    make_classifier, reviews, tmp_path, capfd, kind, early_stopping
):
    callbacks = WORKING[kind](str(tmp_path))
    before = [dict(vars(item[1] if isinstance(item, tuple) else item)) for item in callbacks]
    clf = make_classifier(callbacks=callbacks, early_stopping=early_stopping).fit(*reviews)
    assert clf.n_epochs_ == 2
    assert all(parameter.requires_grad for parameter in clf.module_.parameters())
    assert [type(used) for _, used in clf.callbacks_] == [
        type(item[1] if isinstance(item, tuple) else item) for item in callbacks
    ]
    after = [dict(vars(item[1] if isinstance(item, tuple) else item)) for item in callbacks]
    assert after == before
    assert capfd.readouterr().out == ""
    assert pickle.loads(pickle.dumps(clf)).score(*reviews) == clf.score(*reviews)


def test_every_callback_of_skorch_is_known():
    """A new one in skorch: see whether it works, then add it above."""
    trackers = {"MlflowLogger", "NeptuneLogger", "SacredLogger", "TensorBoard"}
    tried = {type(callback).__name__ for items, _ in REFUSED.values() for callback in items}
    tried |= {
        type(item[1] if isinstance(item, tuple) else item).__name__
        for make in WORKING.values()
        for item in make("folder")
    }
    rest = set(skorch_callbacks.__all__) - tried - trackers
    assert rest == {"Callback", "WarmRestartLR"}  # the base class, and what is no callback


def test_a_frozen_part_stays_as_it_was(make_classifier, reviews, tiny_model):
    clf = make_classifier(callbacks=[Freezer("*embeddings*")]).fit(*reviews)
    pretrained = BertTextEmbedder(tiny_model).fit(reviews[0]).module_.base_model
    tuned = clf.module_.base_model
    assert torch.equal(
        tuned.embeddings.word_embeddings.weight, pretrained.embeddings.word_embeddings.weight
    )
    assert not torch.equal(
        tuned.encoder.layer[0].attention.self.query.weight,
        pretrained.encoder.layer[0].attention.self.query.weight,
    )


def test_the_last_epoch_reaches_the_callbacks_when_training_stops_early(make_classifier, reviews):
    rows = []
    noise = np.random.RandomState(0).permutation(reviews[1])
    clf = make_classifier(
        callbacks=[PrintLog(sink=rows.append)], early_stopping=True, epochs=9, n_iter_no_change=1
    ).fit(reviews[0], noise)
    assert clf.n_epochs_ < 9
    assert len(rows) == 2 + clf.n_epochs_  # two lines are the head of the table


def test_a_bar_of_skorch_counts_the_batches(make_classifier, reviews, capfd):
    make_classifier(callbacks=[ProgressBar()], epochs=1).fit(*reviews)
    assert "/8 [" in capfd.readouterr().err  # sixty texts in batches of eight


def test_an_interrupted_fit_leaves_the_callbacks_as_they_were(make_classifier, reviews):
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    stop, thing = EarlyStopping("train_loss", sink=noop), Holder([])
    clf = make_classifier(callbacks=[stop, thing, Interrupt()])
    before = [dict(vars(callback)) for callback in clf.callbacks]
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*reviews)
    assert [vars(callback) for callback in clf.callbacks] == before
    assert not hasattr(clf, "callbacks_")


def test_there_is_nothing_of_callbacks_where_there_were_none(make_classifier, reviews):
    clf = make_classifier(callbacks=[EpochTimer()]).fit(*reviews)
    assert [name for name, _ in clf.callbacks_] == ["EpochTimer"]
    assert not hasattr(clf.set_params(callbacks=None).fit(*reviews), "callbacks_")


def test_a_clone_has_callbacks_of_its_own_that_hold_the_same(make_classifier):
    timer, thing = PrintLog(), [1]
    clf = make_classifier(callbacks=[("a", Holder(thing)), ("b", Holder(timer)), timer])
    copied = clone(clf)
    (_, a), (_, b), other = copied.callbacks
    assert a.other is thing
    assert b.other is other is not timer
    copied.set_params(callbacks__a__other=2, callbacks__b__other__floatfmt="x")
    assert clf.callbacks[0][1].other is thing
    assert vars(timer) == vars(PrintLog())


def test_callbacks_of_one_class_are_numbered(make_classifier):
    clf = make_classifier(callbacks=[EarlyStopping(), EarlyStopping()])
    clf.set_params(callbacks__EarlyStopping_2__patience=1)
    assert [callback.patience for callback in clf.callbacks] == [5, 1]


# Several scores


def shout(y_true, y_pred):
    """Return something that no other scorer does."""
    return f1_score(y_true, y_pred, pos_label="pos") + 7


@pytest.mark.parametrize("kind", [list, dict])
def test_the_first_of_several_scores_decides_and_all_are_recorded(make_classifier, reviews, kind):
    names = ["f1_macro", "loss", "accuracy"]
    scoring = {name: name for name in names} if kind is dict else kind(names)
    options = {"early_stopping": True, "epochs": 4, "n_iter_no_change": 1}
    clf = make_classifier(scoring=scoring, **options).fit(*reviews)
    single = make_classifier(scoring="f1_macro", **options).fit(*reviews)
    assert clf.n_epochs_ == single.n_epochs_
    for row, other in zip(clf.history_, single.history_, strict=True):
        assert row["valid_score"] == row["valid_f1_macro"] == other["valid_score"]
        assert row["valid_loss"] == other["valid_loss"]
        assert 0 <= row["valid_accuracy"] <= 1
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), single.predict_proba(reviews[0]))


def test_the_loss_decides_beside_scores_that_are_only_recorded(make_classifier, reviews):
    scoring = {"loss": "loss", "loud": make_scorer(shout)}
    options = {"early_stopping": True, "epochs": 4, "n_iter_no_change": 1}
    clf = make_classifier(scoring=scoring, **options).fit(*reviews)
    single = make_classifier(**options).fit(*reviews)
    assert [row["valid_loss"] for row in clf.history_] == [
        row["valid_loss"] for row in single.history_
    ]
    assert all(7 <= row["valid_loud"] <= 8 for row in clf.history_)
    assert "valid_score" not in clf.history_[0]


def test_a_callback_stops_on_one_of_several_scores(make_classifier, reviews):
    stop = EarlyStopping(
        "valid_accuracy", patience=1, threshold=9, threshold_mode="abs", lower_is_better=False
    )
    clf = make_classifier(
        early_stopping=True, epochs=4, scoring=["loss", "accuracy"], callbacks=[stop]
    )
    assert clf.fit(*reviews).n_epochs_ == 2


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ([], "at least one entry"),
        ({}, "at least one entry"),
        (["f1_macro", "nope"], "got 'nope'; choose one of"),
        (["f1_macro", 3], "got 3 in it"),
        (["f1_macro", f1_score], "use a dict of names to callables"),
        ({"f1": 3}, "got 3; use 'loss'"),
        ({"f1": "f1_macro", "score": "accuracy"}, "must not call a scorer 'score'"),
        ({"loss": "accuracy"}, "must not call a scorer 'loss'"),
    ],
)
def test_scores_that_cannot_be_had_are_refused(make_classifier, reviews, scoring, message):
    clf = make_classifier(scoring=scoring, early_stopping=True, callbacks=[Never()])
    with pytest.raises(ValueError, match=message):
        clf.fit(*reviews)


def test_a_regressor_records_several_scores(tiny_model, reviews):
    reg = BertTextRegressor(
        tiny_model, epochs=1, early_stopping=True, scoring=["r2", "neg_mean_absolute_error"]
    ).fit(reviews[0], range(60))
    assert reg.history_[0].keys() >= {"valid_score", "valid_r2", "valid_neg_mean_absolute_error"}


# scikit-learn's own callbacks


@pytest.fixture
def monitor():
    """scikit-learn's monitor of scores."""
    sklearn_callback = pytest.importorskip("sklearn.callback")
    return sklearn_callback.ScoringMonitor(scoring=["accuracy", "neg_log_loss"])


class Task:
    """A callback of scikit-learn that writes down what it is told."""

    def __init__(self, stop_after=None):
        self.told = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.told.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X=None, metadata=None, fitted_estimator=None):
        self.told.append(f"end {context.task_name} {context.task_id}")
        self.seen = (X, metadata, fitted_estimator)
        return context.task_name == "epoch" and context.task_id == self.stop_after


def test_a_monitor_scores_each_epoch(make_classifier, reviews, monitor):
    clf = make_classifier().set_callbacks(monitor).fit(*reviews)
    *epochs, last = sorted(monitor.get_logs().data, key=lambda row: row["task_name"])
    assert [row["task_name"] for row in epochs] == ["epoch", "epoch"]
    assert [row["task_id"] for row in epochs] == [0, 1]
    assert last["task_name"] == "fit"
    assert last["accuracy"] == epochs[1]["accuracy"] == clf.score(*reviews)
    assert epochs[0]["neg_log_loss"] < epochs[1]["neg_log_loss"] == last["neg_log_loss"]
    plain = make_classifier().fit(*reviews)
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), plain.predict_proba(reviews[0]))


def test_tasks_begin_and_end_in_order_and_see_the_data(make_classifier, reviews):
    pytest.importorskip("sklearn.callback")
    task = Task()
    weights = np.arange(1, 61)
    clf = make_classifier().set_callbacks(task).fit(*reviews, sample_weight=weights)
    epochs = ["begin epoch 0", "end epoch 0", "begin epoch 1", "end epoch 1"]
    assert task.told == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    X, metadata, fitted = task.seen
    assert X is reviews[0]
    assert metadata["sample_weight"] is weights
    assert fitted.predict(reviews[0]).tolist() == clf.predict(reviews[0]).tolist()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_task_may_end_training(make_classifier, reviews, early_stopping):
    pytest.importorskip("sklearn.callback")
    task = Task(stop_after=1)
    clf = make_classifier(epochs=5, early_stopping=early_stopping).set_callbacks(task)
    assert clf.fit(*reviews).n_epochs_ == 2
    assert task.told[-2:] == ["end fit 0", "teardown"]


def test_tasks_are_torn_down_when_a_fit_fails(make_classifier, reviews):
    pytest.importorskip("sklearn.callback")
    task = Task()
    clf = make_classifier(callbacks=[Never()]).set_callbacks(task)
    with pytest.raises(AssertionError, match="training has begun"):
        clf.fit(*reviews)
    assert task.told[-1] == "teardown"
    assert not hasattr(clf, "_callback_fit_ctx")


def test_a_monitor_sees_through_a_search_and_a_pipeline(make_classifier, reviews, monitor):
    clf = make_pipeline(FunctionTransformer(), make_classifier(epochs=1).set_callbacks(monitor))
    GridSearchCV(clf, {"berttextclassifier__batch_size": [20, 30]}, cv=2).fit(*reviews)
    rows = monitor.get_logs().data
    assert sum(row["task_name"] == "epoch" for row in rows) == 5


@pytest.mark.integrations
def test_a_bar_of_scikit_learn_runs(make_classifier, reviews, capfd):
    pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar as Bar

    make_pipeline(make_classifier(epochs=1)).set_callbacks(Bar()).fit(*reviews)
    assert "BertTextClassifier" in capfd.readouterr().out


def test_an_embedder_is_one_task(tiny_model, reviews):
    pytest.importorskip("sklearn.callback")
    task = Task()
    BertTextEmbedder(tiny_model).set_callbacks(task).fit(reviews[0])
    assert task.told == ["setup", "begin fit 0", "end fit 0", "teardown"]


def test_a_fit_that_goes_on_tells_of_the_epochs_before(make_classifier, reviews, tmp_path):
    pytest.importorskip("sklearn.callback")

    class Crash(Task):
        def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
            super().on_fit_task_begin(estimator, context)
            if context.task_id == 2:
                raise KeyboardInterrupt

    options = {"epochs": 4, "checkpoint_dir": tmp_path / "state", "checkpoint_every": 1}
    with pytest.raises(KeyboardInterrupt):
        make_classifier(**options).set_callbacks(Crash()).fit(*reviews)
    task = Task()
    clf = make_classifier(**options).set_callbacks(task).fit(*reviews)
    assert [line for line in task.told if line.startswith("end")] == [
        *(f"end epoch {number}" for number in range(4)),
        "end fit 0",
    ]
    whole = make_classifier(epochs=4).fit(*reviews)
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), whole.predict_proba(reviews[0]))
