"""Fits of several processes on one GPU take turns, instead of filling its memory together."""

import getpass
import os
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock


@contextmanager
def own_turn(device):
    """Wait until no other process of this user fits on the same GPU, and hold it meanwhile.

    The lock is on an empty file in the folder for temporary files, named after the GPU itself, so
    that processes which number the GPUs differently agree. It is let go when the process ends,
    however it does. Who holds it already does not wait, nor does anyone where no file can be
    written. At the end of a turn, the memory that torch holds in reserve is free for the next one.
    """
    with ExitStack() as stack:
        if device.type == "cuda":
            # A user without a name is the second one, a disk that knows no locks the last one.
            with suppress(OSError, ImportError, NotImplementedError):
                lock = FileLock(_lock_file(device), mode=0o600, is_singleton=True)
                stack.enter_context(lock)
            stack.callback(torch.cuda.empty_cache)
        yield


def _lock_file(device):
    """Return the path of the lock of a GPU, another one for each user of the machine."""
    # In a container, a user may have a number and no name.
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    return Path(tempfile.gettempdir(), f"sklearn-bert-{user}-{_identity(device)}.lock")


def _identity(device):
    """Return what names a GPU for all processes of the machine."""
    properties = torch.cuda.get_device_properties(device)
    return str(getattr(properties, "uuid", properties.name))
