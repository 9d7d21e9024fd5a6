"""Several processes train one model as one process does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from sklearn_bert._engine import distributed as _ranks
from sklearn_bert._engine.distributed import ProcessGroup

SLOW = pytest.mark.slow
PREPARE = """
import json, os, sys, time, warnings
import numpy as np, torch
torch.set_num_threads(1)
from skorch.callbacks import Callback
from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor
from sklearn_bert._engine import gradient_sums as _gradients
_gradients._BUCKET = 1000  # the tiny model has several messages too
model = {model!r}
rank = int(os.environ.get("RANK", 0))
words = ["good", "bad", "fine", "poor"]
X = [f"the {{words[i % 4]}} film " + "of a " * (i % 11) for i in range(101)]
y = ["neg" if i % 2 else "pos" for i in range(101)]
weights = np.linspace(0.1, 3, 101)
settings = dict(epochs=2, batch_size=8, learning_rate=1e-3, dtype="float32", random_state=0)
def tell(**found):
    print(json.dumps(found))
"""


@pytest.fixture
def start(tiny_model):
    """Return a function that starts processes as a launcher does; they are ended with the test."""
    started = []

    def run(code, n_processes):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for rank in range(n_processes):
            environment = {
                "RANK": rank,
                "LOCAL_RANK": rank,
                "WORLD_SIZE": n_processes,
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "OMP_NUM_THREADS": 1,
            }
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", PREPARE.format(model=tiny_model) + code],
                    env={**os.environ, **{name: str(v) for name, v in environment.items()}},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        return started[-n_processes:]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def answers(processes):
    """Return what each process tells, and the last line of its errors."""
    found = []
    for process in processes:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        found.append(json.loads(out.splitlines()[-1]))
    return found


def own(lines):
    """Return the lines that are not torch's: 2.8 to 2.10 print one when a group is made."""
    return (line for line in lines if not line.startswith("[Gloo]"))


FIT = """
clf = BertTextClassifier(model, **settings, **{parameters!r}).fit(X, y, sample_weight=weights)
tell(
    proba=clf.predict_proba(X).tolist(),
    alone=clf.predict_proba(X[:3]).tolist(),
    losses=[row["train_loss"] for row in clf.history_],
    weights=[float(value.detach().double().square().sum()) for value in clf.module_.parameters()],
    epochs=clf.n_epochs_,
)
"""
SETTINGS = {
    "plain": {},
    "last batch smaller than the group": {"batch_size": 50},
    "windows": {"max_length": 8, "long_text": "windows"},
    "early stopping": {"early_stopping": True, "epochs": 6, "scoring": "accuracy"},
    "frozen": {"freeze": 1, "layer_decay": 0.5, "class_weight": "balanced"},
    "head only": {"freeze": "all"},
    "found rate": {"learning_rate": "find", "epochs": 1},
}


def fit_with(parameters):
    """Return the code of a fit."""
    return FIT.replace("**settings, **{parameters!r}", f"**{{**settings, **{parameters!r}}}")


@pytest.mark.parametrize(
    "name",
    ["plain", *(pytest.param(name, marks=SLOW) for name in list(SETTINGS)[1:])],
)
def test_two_processes_train_as_one_does(start, name):
    code = fit_with(SETTINGS[name])
    (one,) = answers(start(code, 1))
    first, second = answers(start(code, 2))
    assert first == second
    for key in ("proba", "alone", "losses", "weights"):
        np.testing.assert_allclose(first[key], one[key], rtol=2e-3, atol=2e-4, err_msg=key)
    assert first["epochs"] == one["epochs"]


@SLOW
def test_they_agree_on_steps_that_overflow_in_float16(start):
    """Although it is the texts of one process whose gradient is infinite."""
    code = """
warnings.simplefilter("ignore")
class Overflows(Callback):
    def on_train_begin(self, net, **kwargs):
        self.n_steps = 0
        net.module_.bert.embeddings.LayerNorm.weight.register_hook(self.spoil)
    def on_batch_end(self, net, training=False, **kwargs):
        self.n_steps += training
    def spoil(self, gradient):
        return gradient * float("inf") if rank == 1 and self.n_steps in (2, 7) else gradient
settings["dtype"] = "float16"
clf = BertTextClassifier(model, callbacks=[Overflows()], **settings).fit(X, y)
tell(
    scales=[row["loss_scale"] for row in clf.history_],
    weights=[float(value.detach().double().square().sum()) for value in clf.module_.parameters()],
)
"""
    first, second = answers(start(code, 2))
    assert first == second
    assert first["scales"] == [2.0**12] * 2
    assert np.isfinite(first["weights"]).all()


@SLOW
def test_they_learn_from_pairs_as_one_does(start):
    code = fit_with({"epochs": "auto", "learning_rate": 1e-4})
    code = code.replace("fit(X, y, sample_weight=weights)", "fit(X[:40], y[:40])")
    (one,) = answers(start(code, 1))
    first, second = answers(start(code, 2))
    assert first == second
    np.testing.assert_allclose(first["proba"], one["proba"], rtol=2e-3, atol=2e-4)


@SLOW
def test_a_process_that_is_out_of_memory_does_its_share_in_pieces(start):
    """Although some of its gradients have left by then."""
    code = """
class Failing(Callback):
    def on_train_begin(self, net, **kwargs):
        self.left = 3
        net.module_.bert.embeddings.LayerNorm.weight.register_hook(self.fail)
    def fail(self, gradient):
        self.left -= 1
        if rank == 1 and self.left == 0:
            raise MemoryError
settings["batch_size"] = 34
clf = BertTextClassifier(model, callbacks=[Failing()], **settings).fit(X, y, sample_weight=weights)
tell(
    proba=clf.predict_proba(X).tolist(),
    losses=[row["train_loss"] for row in clf.history_],
    pieces=["micro_batch_tokens" in row for row in clf.history_],
)
"""
    (one,) = answers(start(code, 1))
    first, second = answers(start(code, 2))
    assert [one.pop("pieces"), first.pop("pieces")] == [[False, False]] * 2
    assert any(second.pop("pieces"))
    assert first == second
    for key in one:
        np.testing.assert_allclose(first[key], one[key], rtol=2e-3, atol=2e-4, err_msg=key)


@SLOW
def test_regressors_and_embedders_too(start):
    code = """
numbers = np.arange(101) % 4
reg = BertTextRegressor(model, **settings).fit(X, numbers)
vectors = BertTextEmbedder(model, dtype="float32").fit(X).transform(X)
tell(predicted=reg.predict(X).tolist(), vectors=vectors.tolist())
"""
    (one,) = answers(start(code, 1))
    first, second = answers(start(code, 3))[:2]
    assert first == second
    np.testing.assert_allclose(first["predicted"], one["predicted"], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(first["vectors"], one["vectors"], atol=1e-5)


@SLOW
def test_they_learn_soft_labels_as_one_does(start):
    code = FIT.replace("fit(X, y,", "fit(X, np.random.RandomState(0).dirichlet([1, 1, 1], 101),")
    (one,) = answers(start(code.format(parameters={}), 1))
    first, second = answers(start(code.format(parameters={}), 2))
    assert first == second
    np.testing.assert_allclose(first["losses"], one["losses"], rtol=2e-3)
    np.testing.assert_allclose(first["proba"], one["proba"], atol=2e-3)


@SLOW
def test_only_the_first_one_speaks(start):
    code = """
warnings.simplefilter("always")
settings["random_state"] = None
clf = BertTextClassifier(model, max_length=6, verbose=1, **settings).fit(X, y)
tell(proba=clf.predict_proba(X).tolist())
"""
    processes = start(code, 2)
    spoken = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], spoken
    first, second = ([*own(out.splitlines())] for out, _ in spoken)
    assert first == second  # although each drew a seed of its own
    assert "fit" in spoken[0][1] and "longer than 6 tokens" in spoken[0][1]
    assert "fit" not in spoken[1][1] and "TextsCutWarning" not in spoken[1][1]


def errors(processes, seconds=60):
    """Return the last line that each of the processes writes, all of which must fail in time."""
    until = time.monotonic() + seconds
    lines = []
    for process in processes:
        _, err = process.communicate(timeout=max(1, until - time.monotonic()))
        assert process.returncode != 0
        lines.append(err.strip().splitlines()[-1])
    return lines


@SLOW
def test_other_data_is_refused_by_all(start):
    found = errors(start("BertTextClassifier(model, **settings).fit(X, y[rank:] + y[:rank])", 2))
    for line in found:
        assert "All processes must be given the same data, got another one in process 1" in line


@SLOW
def test_other_parameters_are_refused_by_all(start):
    found = errors(start("BertTextClassifier(model, **settings, freeze=rank).fit(X, y)", 2))
    for line in found:
        assert "All processes must be given the same parameters" in line


@SLOW
def test_checkpoints_are_for_one_process(start, tmp_path):
    code = f"BertTextClassifier(model, checkpoint_dir={str(tmp_path)!r}, **settings).fit(X, y)"
    for line in errors(start(code, 2)):
        assert "checkpoint_dir needs a fit in one process, got 2 processes" in line


@SLOW
def test_a_process_that_dies_ends_the_others(start):
    code = """
class Dying(Callback):
    def on_batch_end(self, net, **kwargs):
        print("step", flush=True)
        time.sleep(0.05)
settings["epochs"] = 1000
BertTextClassifier(model, callbacks=[Dying()], **settings).fit(X, y)
"""
    first, second = start(code, 2)
    assert next(own(second.stdout)) == "step\n"
    second.send_signal(signal.SIGKILL)
    (line,) = errors([first])
    assert "another one has ended or does not answer" in line
    assert "start all of them again" in line


@SLOW
def test_leaving_right_after_a_message_does_not_wait_forever(start, tmp_path):
    """Before torch 2.8, a few of these turns were enough to hang."""
    code = f"""
import torch.distributed as dist
from sklearn_bert._engine import distributed as _ranks
for turn in range(100):
    dist.init_process_group("gloo", f"file://{tmp_path}/{{turn}}", rank=rank, world_size=2)
    _ranks.find_ranks().same(turn, "turn")
    _ranks._end()
tell(turns=turn + 1)
"""
    assert answers(start(code, 2)) == [{"turns": 100}] * 2


@SLOW
def test_torchrun_starts_them(tiny_model, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        PREPARE.format(model=tiny_model)
        + """
clf = BertTextClassifier(model, **settings).fit(X, y)
if rank == 0:
    tell(score=clf.predict(X[:4]).tolist())
"""
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    answer = subprocess.run(
        [*command, "--nproc-per-node=2", str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["score"] == ["pos", "neg", "pos", "neg"]


@SLOW
def test_workers_of_joblib_are_none_of_the_processes(start):
    code = """
from sklearn.model_selection import GridSearchCV
search = GridSearchCV(BertTextClassifier(model, **settings), {"epochs": [1, 2]}, cv=2, n_jobs=2)
search.fit(X, y)
tell(scores=search.cv_results_["mean_test_score"].tolist())
"""
    first, second = answers(start(code, 2))
    assert first == second


def test_shares_are_all_rows_once():
    for size in (1, 2, 3, 7):
        shares = [ProcessGroup(rank, size).share(np.arange(20)) for rank in range(size)]
        assert sorted(np.concatenate(shares)) == list(range(20))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_process_has_a_gpu_of_its_own(monkeypatch):
    assert _ranks.local_cuda(2) is None  # alone
    monkeypatch.setattr(_ranks, "find_ranks", lambda: ProcessGroup(1, 2))
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert str(_ranks.local_cuda(2)) == "cuda:1"
    with pytest.raises(ValueError, match="got LOCAL_RANK=1 with 1 of them; start as many"):
        _ranks.local_cuda(1)


def test_a_process_that_is_shown_one_gpu_only_takes_it(monkeypatch):
    """As under srun --gpus-per-task=1: each process has its own cuda:0, and LOCAL_RANK counts."""
    monkeypatch.setattr(_ranks, "find_ranks", lambda: ProcessGroup(1, 2))
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert str(_ranks.local_cuda(1)) == "cuda:0"


@pytest.mark.parametrize(
    ("has_cuda", "has_nccl", "expected"),
    [
        (True, True, "cpu:gloo,cuda:nccl"),
        (True, False, "gloo"),  # Windows
        (False, True, "gloo"),
    ],
)
def test_messages_go_by_what_torch_was_built_with(monkeypatch, has_cuda, has_nccl, expected):
    started = []
    monkeypatch.setattr(_ranks, "_is_launched", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_cuda)
    monkeypatch.setattr("torch.distributed.is_nccl_available", lambda: has_nccl)
    monkeypatch.setattr("torch.distributed.init_process_group", started.append)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 1)
    assert _ranks.find_ranks() is None
    assert started == [expected]
