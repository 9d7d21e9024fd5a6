"""Processes on one GPU take turns."""

import json
import os
import signal
import subprocess
import sys
import threading
from itertools import pairwise

import pytest
import torch

from sklearn_bert._engine import gpu_lock as _turns
from sklearn_bert._engine.gpu_lock import own_turn

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
    if sys.argv[2:] == ["hangs"]:
        print("mine", flush=True)
        time.sleep(600)
    if sys.argv[2:] == ["forks"]:
        import os
        if os.fork() == 0:
            os.close(1)
            time.sleep(600)
        print("forked", flush=True)
    end = time.time()
print(json.dumps([start, end]))
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process which holds a GPU for half a second."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    return lambda *arguments: subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def times(process):
    """Return when a process had the GPU."""
    return json.loads(process.communicate(timeout=600)[0])


def test_one_after_the_other(start):
    spans = sorted(times(process) for process in [start("one") for _ in range(3)])
    for (_, end), (begin, _) in pairwise(spans):
        assert begin >= end


@pytest.mark.slow
def test_a_process_that_dies_lets_go(start):
    process = start("one", "dies")
    assert process.communicate(timeout=600)[0] == ""
    assert times(start("one"))


def test_a_process_that_is_killed_lets_go(start):
    process = start("one", "hangs")
    assert process.stdout.readline() == "mine\n"
    process.kill()
    assert times(start("one"))
    process.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_does_not_hold_on(start):
    process = start("one", "forks")
    try:
        assert process.stdout.readline() == "forked\n"
        assert times(start("one"))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


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
        assert entered.wait(600)
        thread.join()
    assert len(list(locks.iterdir())) == 2


def test_on_a_cpu_nothing_is_written(locks):
    with own_turn(torch.device("cpu")):
        assert not list(locks.iterdir())


def test_an_error_lets_go(locks):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), own_turn(torch.device("cuda", 0)):
            raise KeyboardInterrupt


def test_where_nothing_can_be_written_nobody_waits(locks, monkeypatch):
    (locks / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(locks / "file"))
    with own_turn(torch.device("cuda", 0)):
        assert [path.name for path in locks.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have names")
def test_a_user_without_a_name_takes_turns_too(locks, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    with own_turn(torch.device("cuda", 0)):
        assert len(list(locks.iterdir())) == 1
