"""Processes on one GPU take turns."""

import json
import os
import subprocess
import sys
import threading
from itertools import pairwise

import pytest
import torch

from sklearn_bert._engine import gpu_lock as _turns
from sklearn_bert._engine.gpu_lock import own_turn

pytest.importorskip("fcntl")

CODE = """
import json, sys, time
import torch
from sklearn_bert._engine import gpu_lock as _turns
_turns._identity = lambda device: sys.argv[1]
with _turns.own_turn(torch.device("cuda", 0)):
    start = time.time()
    time.sleep(0.5)
    if sys.argv[2:] == ["dies"]:
        import os; os._exit(0)
    end = time.time()
print(json.dumps([start, end]))
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process which holds a GPU for half a second."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    return lambda *arguments: subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )


def times(process):
    """Return when a process had the GPU."""
    return json.loads(process.communicate(timeout=120)[0])


def test_one_after_the_other(start):
    spans = sorted(times(process) for process in [start("one") for _ in range(3)])
    for (_, end), (begin, _) in pairwise(spans):
        assert begin >= end


def test_a_process_that_dies_lets_go(start):
    process = start("one", "dies")
    assert process.communicate(timeout=120)[0] == ""
    assert times(start("one"))


@pytest.fixture
def locks(monkeypatch, tmp_path):
    """The folder of the locks."""
    monkeypatch.setattr(_turns, "_identity", str)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_other_gpus_are_not_waited_for(locks):
    entered = threading.Event()

    def hold():
        """Take the second GPU."""
        with own_turn(torch.device("cuda", 1)):
            entered.set()

    with own_turn(torch.device("cuda", 0)):
        with own_turn(torch.device("cuda", 0)):  # nor is one's own turn
            pass
        thread = threading.Thread(target=hold)
        thread.start()
        assert entered.wait(60)
        thread.join()
    assert len(list(locks.iterdir())) == 2


def test_on_a_cpu_nothing_is_written(locks):
    with own_turn(torch.device("cpu")):
        assert not list(locks.iterdir())


def test_an_error_lets_go(locks):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), own_turn(torch.device("cuda", 0)):
            raise KeyboardInterrupt
