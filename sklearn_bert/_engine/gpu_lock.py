"""Fits of several processes on one GPU take turns, instead of filling its memory together."""

import getpass
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
    written.
    """
    with ExitStack() as stack:
        if device.type == "cuda":
            # A user without a name is a KeyError, a disk that knows no locks the last one.
            with suppress(OSError, KeyError, NotImplementedError):
                lock = FileLock(_lock_file(device), mode=0o600, is_singleton=True)
                stack.enter_context(lock)
        yield


def _lock_file(device):
    """Return the path of the lock of a GPU, another one for each user of the machine."""
    name = f"sklearn-bert-{getpass.getuser()}-{_identity(device)}.lock"
    return Path(tempfile.gettempdir(), name)


def _identity(device):
    """Return what names a GPU for all processes of the machine."""
    properties = torch.cuda.get_device_properties(device)
    return str(getattr(properties, "uuid", properties.name))
