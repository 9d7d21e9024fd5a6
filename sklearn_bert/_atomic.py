"""A folder is replaced as a whole, or not at all."""

import ctypes
import errno
import os
import shutil
import socket
import sys

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # of Linux
_RENAME_SWAP = 2  # of macOS


def replace_folder(path, write):
    """Let `write` fill a new folder, then put it in the place of `path` in one step.

    Killed at any moment, `path` is what it was or what it is to be, as a whole; what is left of a
    killed try lies beside it, hidden, until the next one. Where the system cannot exchange two
    folders in one step, the old one is renamed first, and for a moment there is none.

    Parameters
    ----------
    path : Path
        The folder. Its parent must exist.
    write : callable
        Takes the path of the new folder.
    """
    _remove_leftovers(path)
    new = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.new")
    try:
        new.mkdir()
        write(new)
        for file in new.rglob("*"):
            _flush(file)
        _flush(new)
        if path.exists():
            _exchange(new, path)
        else:
            os.rename(new, path)
        _flush(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _remove_leftovers(path):
    """Remove what tries of this machine that are no longer running have left."""
    prefix = f".{path.name}.{socket.gethostname()}."
    for left in path.parent.glob(f"{prefix}*.new"):
        number = left.name[len(prefix) : -len(".new")]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(number):
    """Return whether there is a process of that number; this one is not writing here yet."""
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _flush(path):
    """Have the disk take what was written to a file or a folder."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(one, other):
    """Exchange two folders in one step, or in two where that cannot be."""
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and _call("renameat2", _AT_FDCWD, names[0], _AT_FDCWD, names[1], 2):
        return
    if sys.platform == "darwin" and _call("renamex_np", *names, _RENAME_SWAP):
        return
    old = one.with_name(one.name.removesuffix(".new") + ".old")
    os.rename(other, old)
    os.rename(one, other)
    shutil.rmtree(old, ignore_errors=True)


def _call(name, *arguments):
    """Return whether the system's function did it; False where there is none such."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        return False
    if function(*arguments) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), os.fsdecode(arguments[-2]))
