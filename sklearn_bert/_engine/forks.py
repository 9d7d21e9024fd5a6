"""Predicting in a forked process, where the threads that torch would wait for are gone."""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import torch


class _Forked:
    """What a process knows of the fork that made it."""

    thread = None  # the only one that lived on, if there was a fork
    executor = None
    lock = threading.Lock()
    is_pool_new = True

    @classmethod
    def note(cls):
        """Remember the thread, in the child."""
        cls.thread, cls.executor = threading.get_ident(), None
        cls.lock, cls.is_pool_new = threading.Lock(), False

    @classmethod
    def renew_pool(cls):
        """Let torch replace its pool of threads, which a fork has made useless.

        The first thread that computes does that by itself. A second one at the same time would
        find no pool, and end with an internal error of torch.
        """
        if cls.is_pool_new:
            return
        with cls.lock:
            torch.get_num_threads()
            cls.is_pool_new = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forked.note)


def in_living_threads(function):
    """Run `function` in a new thread where it is called by the one that was forked.

    Where several threads come first after a fork, one lets torch get ready, and the others wait.

    OpenMP keeps a team of threads for each thread that has computed. A forked process has its
    memory, but not the threads: torch would wait for them without end. A new thread gets a team of
    its own.
    """

    @functools.wraps(function)
    def run(*args, **kwargs):
        if threading.get_ident() != _Forked.thread:
            _Forked.renew_pool()
            return function(*args, **kwargs)
        if _Forked.executor is None:
            _Forked.executor = ThreadPoolExecutor(1, thread_name_prefix="sklearn_bert")
        return _Forked.executor.submit(run, *args, **kwargs).result()

    return run
