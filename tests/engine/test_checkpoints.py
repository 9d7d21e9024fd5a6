"""A fit that was killed goes on where it was, to the same bits."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_bert import BertTextClassifier, BertTextRegressor
from sklearn_bert._engine import checkpoints as _checkpoints
from sklearn_bert._engine import net as _net


class Killed(Exception):
    """What ends a fit in the midst."""


class Draws(np.random.RandomState):
    """A generator that always draws the same integer."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def randint(self, *args, **kwargs):
        return self.number


@pytest.fixture
def dropout_model(tiny_model, tmp_path):
    """The tiny model with dropout, whose random numbers must go on too."""
    import json
    import shutil

    folder = shutil.copytree(tiny_model, tmp_path / "dropout")
    config = json.loads((folder / "config.json").read_text()) | {"hidden_dropout_prob": 0.1}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


@pytest.fixture
def make(dropout_model, tmp_path):
    """Return a function that makes classifiers with checkpoints at every step."""

    def make(cls=BertTextClassifier, **parameters):
        defaults = {
            "epochs": 3,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "random_state": 0,
            "checkpoint_dir": tmp_path / "checkpoints",
            "checkpoint_every": 1,
        }
        return cls(dropout_model, **{**defaults, **parameters})

    return make


def kill_after(monkeypatch, n_steps):
    """Have the fit end after a number of steps, as by a crash: nothing is put in order."""
    count = [0]
    original = _checkpoints.Checkpoints.on_batch_end

    def on_batch_end(self, net, training=False, **kwargs):
        original(self, net, training=training, **kwargs)
        count[0] += training
        if count[0] == n_steps:
            raise Killed

    monkeypatch.setattr(_checkpoints.Checkpoints, "on_batch_end", on_batch_end)


def same(one, other, X):
    """Assert that two fits have the same bits."""
    np.testing.assert_array_equal(one._outputs(X), other._outputs(X))
    for name, values in one.training_curve_.items():
        np.testing.assert_array_equal(values, other.training_curve_[name])
    timed = {"seconds", "tokens_per_second"}
    for row, other_row in zip(one.history_, other.history_, strict=True):
        assert {key: row[key] for key in row if key not in timed} == {
            key: other_row[key] for key in other_row if key not in timed
        }


@pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 15, 16, 23, 24])
def test_a_fit_that_was_killed_ends_with_the_same_bits(
    make, reviews, tmp_path, monkeypatch, n_steps
):
    expected = make(checkpoint_dir=None).fit(*reviews)
    with monkeypatch.context() as patch:
        kill_after(patch, n_steps)
        with pytest.raises(Killed):
            make().fit(*reviews)
    assert len(list((tmp_path / "checkpoints").iterdir())) == min(n_steps, 2)
    clf = make().fit(*reviews)
    same(clf, expected, reviews[0])
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    "parameters",
    [
        {"epochs": "auto", "batch_size": "auto", "learning_rate": "auto"},
        {"early_stopping": True, "epochs": 4},
        {"early_stopping": True, "scoring": "accuracy", "learning_rate": 5e-3, "epochs": 4},
        {"freeze": "all"},
        {"freeze": 1, "layer_decay": 0.8},
        {"learning_rate": "find", "epochs": 1},
        {"long_text": "windows", "max_length": 8},
        {"gradient_checkpointing": True},
        {"random_state": None},
        {"random_state": np.random.RandomState(3)},
    ],
)
def test_so_does_a_fit_of_any_kind(make, reviews, monkeypatch, parameters):
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            make(**parameters).fit(*reviews)
    state = _checkpoints._read(sorted(Path(make().checkpoint_dir).iterdir())[-1])
    clf = make(**parameters).fit(*reviews)
    seeded = {**parameters, "random_state": Draws(state["seed"])}
    same(clf, make(**seeded, checkpoint_dir=None).fit(*reviews), reviews[0])


def test_so_does_a_fit_to_soft_labels_but_not_to_others(make, reviews, monkeypatch):
    X, proba = reviews[0], np.random.RandomState(0).dirichlet([1, 1, 1], len(reviews[0]))
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            make().fit(X, proba)
    with pytest.raises(ValueError, match="got one of other data"):
        make().fit(X, proba[:, ::-1])
    same(make().fit(X, proba), make(checkpoint_dir=None).fit(X, proba), X)


@pytest.mark.filterwarnings("ignore:dtype='float16' is emulated")
def test_so_does_a_fit_in_float16_with_its_loss_scale(make, reviews, monkeypatch):
    monkeypatch.setattr(_net, "_LOSS_SCALE", 2.0**22)  # it falls at the first steps
    expected = make(dtype="float16", checkpoint_dir=None).fit(*reviews)
    with monkeypatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(Killed):
            make(dtype="float16").fit(*reviews)
    clf = make(dtype="float16").fit(*reviews)
    assert clf.history_[0]["loss_scale"] < 2.0**20
    same(clf, expected, reviews[0])


@pytest.mark.gpu
@pytest.mark.simulated_gpu
def test_so_does_a_fit_on_a_gpu(make, reviews, monkeypatch):
    expected = make(device="cuda", checkpoint_dir=None).fit(*reviews)
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            make(device="cuda").fit(*reviews)
    clf = make(device="cuda").fit(*reviews)
    np.testing.assert_allclose(clf._outputs(reviews[0]), expected._outputs(reviews[0]), atol=1e-3)


def test_a_fit_killed_twice_ends_with_the_same_bits(make, reviews, monkeypatch):
    expected = make(checkpoint_dir=None).fit(*reviews)
    for n_steps in (5, 9):
        with monkeypatch.context() as patch:
            kill_after(patch, n_steps)
            with pytest.raises(Killed):
                make(checkpoint_every=2).fit(*reviews)
    same(make(checkpoint_every=2).fit(*reviews), expected, reviews[0])


def test_pairs_several_labels_and_numbers_go_on(make, monkeypatch):
    pairs = [("good film", "bad"), ("bad", "a book"), ("the", "good")] * 8
    Y = np.tile([[1, 0], [0, 1], [1, 1]], (8, 1))
    for cls, y in ((BertTextClassifier, Y), (BertTextRegressor, np.arange(24.0))):
        expected = make(cls, checkpoint_dir=None).fit(pairs, y)
        with monkeypatch.context() as patch:
            kill_after(patch, 4)
            with pytest.raises(Killed):
                make(cls).fit(pairs, y)
        same(make(cls).fit(pairs, y), expected, pairs)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_fit_with_validation_data_or_groups_goes_on(make, reviews, monkeypatch, early_stopping):
    X, y = (values[:20] for values in reviews)
    own = {"X_val": reviews[0][40:], "y_val": reviews[1][40:]}
    options = {"groups": np.arange(20) // 2} if early_stopping else own
    parameters = {"early_stopping": early_stopping, "epochs": 3, "learning_rate": 5e-3}
    expected = make(checkpoint_dir=None, **parameters).fit(X, y, **options)
    with monkeypatch.context() as patch:
        kill_after(patch, 4)
        with pytest.raises(Killed):
            make(**parameters).fit(X, y, **options)
    with pytest.raises(ValueError, match="got one of other data; remove it"):
        make(**parameters).fit(X, y, X_val=X, y_val=y)
    same(make(**parameters).fit(X, y, **options), expected, X)


@pytest.mark.parametrize("what", ["data", "labels", "weights", "parameters", "versions"])
def test_a_checkpoint_of_another_fit_is_refused(make, reviews, monkeypatch, what):
    X, y = list(reviews[0]), list(reviews[1])
    with monkeypatch.context() as patch:
        kill_after(patch, 3)
        with pytest.raises(Killed):
            make().fit(X, y)
    clf, weights = make(), None
    if what == "data":
        X[5] += "!"
    elif what == "labels":
        y[0], y[1] = y[1], y[0]
    elif what == "weights":
        weights = np.arange(60)
    elif what == "parameters":
        clf.set_params(epochs=4)
    else:
        monkeypatch.setattr("sklearn_bert._versions.__version__", "0.0.1")
    named = what if what in ("parameters", "versions") else "data"
    with pytest.raises(ValueError, match=f"got one of other {named}; remove it, or use another"):
        clf.fit(X, y, weights)
    assert not hasattr(clf, "module_")


def test_how_it_is_shown_may_change(make, reviews, monkeypatch, capfd):
    kill_after(monkeypatch, 3)
    with pytest.raises(Killed):
        make().fit(*reviews)
    make(verbose=1, checkpoint_every="1h").fit(*reviews)
    assert "fit" in capfd.readouterr().err


def test_durations_are_written_as_people_write_them(make, reviews):
    assert make(checkpoint_every="10 minutes", epochs=1).fit(*reviews).n_epochs_ == 1
    with pytest.raises(
        ValueError, match=r"^checkpoint_every must be .* got 'soon'; or pass an int for a number"
    ):
        make(checkpoint_every="soon").fit(*reviews)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(make, reviews, monkeypatch):
    expected = make(checkpoint_dir=None).fit(*reviews)
    with monkeypatch.context() as patch:
        kill_after(patch, 6)
        with pytest.raises(Killed):
            make().fit(*reviews)
    before, last = sorted(Path(make().checkpoint_dir).iterdir())
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    (before.parent / "checkpoint-000000099.pt").write_bytes(b"")
    same(make().fit(*reviews), expected, reviews[0])


def test_a_checkpoint_runs_no_code(make, reviews, monkeypatch, tmp_path):
    import hashlib
    import pickle

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "owned",)

    content = pickle.dumps(Evil())
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "checkpoint-000000001.pt").write_bytes(hashlib.sha256(content).digest() + content)
    with pytest.raises(Exception, match=r"[Ww]eights.only|Unsupported|persistent"):
        make().fit(*reviews)
    assert not (tmp_path / "owned").exists()


def test_time_between_checkpoints_is_kept(make, reviews, tmp_path, monkeypatch):
    kill_after(monkeypatch, 20)
    with pytest.raises(Killed):
        make(checkpoint_every="1h").fit(*reviews)
    assert not any((tmp_path / "checkpoints").iterdir())
    with pytest.raises(ValueError, match="checkpoint_every must be seconds above 0"):
        make(checkpoint_every="soon").fit(*reviews)


def test_other_files_of_the_folder_are_left_alone(make, reviews, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "notes.txt").write_text("dear")
    make().fit(*reviews)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["notes.txt"]


def test_files_with_names_like_ours_are_left_alone(make, reviews, tmp_path, monkeypatch):
    """Those of other programs: the names are common."""
    expected = make(checkpoint_dir=None).fit(*reviews)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    names = ["checkpoint-best.pt", "checkpoint-500.pt", *(f"checkpoint-{i:09}.pt" for i in (1, 8))]
    for name in names:
        (folder / name).write_text("dear")
    with monkeypatch.context() as patch:
        kill_after(patch, 9)
        with pytest.raises(Killed):
            make().fit(*reviews)
    assert len(list(folder.iterdir())) == len(names) + 2
    same(make().fit(*reviews), expected, reviews[0])
    left = {path.name: path.read_text() for path in folder.iterdir()}
    assert left == dict.fromkeys(names, "dear")


@pytest.mark.parametrize("where", ["here", "there", "link"])
def test_a_folder_that_was_there_stays(make, reviews, tmp_path, monkeypatch, where):
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (tmp_path / "link").symlink_to("mine")
    path = {"here": ".", "there": folder, "link": tmp_path / "link"}[where]
    make(checkpoint_dir=path, epochs=1).fit(*reviews)
    assert list(folder.iterdir()) == [] and Path.cwd() == folder


def test_callbacks_and_checkpoints_exclude_each_other(make, reviews):
    with pytest.raises(ValueError, match="checkpoint_dir needs callbacks=None"):
        make(callbacks=[Callback()]).fit(*reviews)


CRASHING = """
import os, random, signal, sys, threading
from sklearn_bert import BertTextClassifier

model, folder, seconds = sys.argv[1:4]
if float(seconds):
    timer = threading.Timer(float(seconds), os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
X = [f"the {word} film {'of a ' * i}" for i in range(5) for word in ("good", "bad", "fine", "poor")]
clf = BertTextClassifier(
    model, epochs=30, batch_size=4, learning_rate=1e-3, random_state=0,
    checkpoint_dir=folder or None, checkpoint_every=1,
)
if float(seconds):
    timer.start()
print(clf.fit(X, [1, 0, 1, 0] * 5)._outputs(X).tolist())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
@pytest.mark.slow
def test_killed_by_the_system_at_random_moments(dropout_model, tmp_path):
    def run(folder, seconds):
        code = [sys.executable, "-c", CRASHING, dropout_model, str(folder), str(seconds)]
        return subprocess.run(code, capture_output=True, text=True, timeout=600)

    expected = run("", 0)
    assert expected.returncode == 0, expected.stderr[-2000:]
    rng = np.random.RandomState(0)
    for _ in range(15):
        killed = run(tmp_path / "checkpoints", rng.uniform(0.2, 1.5))
        if killed.returncode == 0:  # it was faster
            assert killed.stdout == expected.stdout
    assert run(tmp_path / "checkpoints", 0).stdout == expected.stdout
    assert not (tmp_path / "checkpoints").exists()
