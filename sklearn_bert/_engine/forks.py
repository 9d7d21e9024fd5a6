"""Predicting in a forked process, where the threads that torch would wait for are gone."""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor


class _Forked:
    """What a process knows of the fork that made it."""

    thread = None  # the only one that lived on, if there was a fork
    executor = None

    @classmethod
    def note(cls):
        """Remember the thread, in the child."""
        cls.thread, cls.executor = threading.get_ident(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forked.note)


def in_living_threads(function):
    """Run `function` in a new thread where it is called by the one that was forked.

    OpenMP keeps a team of threads for each thread that has computed. A forked process has its
    memory, but not the threads: torch would wait for them without end. A new thread gets a team of
    its own.
    """

    @functools.wraps(function)
    def run(*args, **kwargs):
        if threading.get_ident() != _Forked.thread:
            return function(*args, **kwargs)
        if _Forked.executor is None:
            _Forked.executor = ThreadPoolExecutor(1, thread_name_prefix="sklearn_bert")
        return _Forked.executor.submit(function, *args, **kwargs).result()

    return run
