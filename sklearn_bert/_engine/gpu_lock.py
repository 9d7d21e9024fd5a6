"""Fits of several processes on one GPU take turns, instead of filling its memory together."""

import getpass
import os
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import torch

try:
    import fcntl
except ModuleNotFoundError:  # on Windows, where nobody waits
    fcntl = None  # type: ignore[assignment]

_held = threading.local()


@contextmanager
def own_turn(device):
    """Wait until no other process of this user fits on the same GPU, and hold it meanwhile.

    The lock is on an empty file in the folder for temporary files, named after the GPU itself, so
    that processes which number the GPUs differently agree. It is let go when the process ends,
    however it does.
    """
    if device.type != "cuda" or fcntl is None or getattr(_held, "device", None) == device:
        yield
        return
    path = Path(tempfile.gettempdir(), f"sklearn-bert-{getpass.getuser()}-{_identity(device)}.lock")
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _held.device = device
        yield
    finally:
        _held.device = None
        os.close(handle)


def _identity(device):
    """Return what names a GPU for all processes of the machine."""
    properties = torch.cuda.get_device_properties(device)
    return str(getattr(properties, "uuid", properties.name))
