"""One thread of BLAS for small linear algebra, which more threads only slow down."""

import threading
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_SET = threading.Lock()


@contextmanager
def one_blas_thread():
    """Compute with one thread of BLAS; afterwards, it has as many as before.

    The vectors of a small regression are shared among threads that take longer to wait for each
    other than to compute, and much longer where other processes, or the threads that torch leaves
    waiting, have the cores. The threads of OpenMP, torch's among them, are as they were.

    Only one thread of Python at a time sets the number, which is that of all of them: a second one
    would find the first one's, take it for the caller's, and set that back last.
    """
    if not _SET.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _SET.release()
