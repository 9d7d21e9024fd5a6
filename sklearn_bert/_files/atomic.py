"""A file is written whole or not at all, and so are the files of a model, all at once.

Whatever else lies in their folder stays.
"""

import os
import secrets
import shutil
import socket
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Holds the new files, all of them, while they are put into their places.
WHOLE = ".sklearn_bert.whole"

# Tells a folder that a killed try has left from one of the user's.
_MARK = ".sklearn_bert.unfinished"

_BEING_WRITTEN: set[str] = set()  # folders, by this process


@contextmanager
def replacing(path, unfinished=None):
    """Open a file that gets the name `path` once all of it is written, and else is removed.

    Parameters
    ----------
    path : str or Path
        The file. Behind a link, the file that it leads to; a device or a pipe is written to as it
        is.
    unfinished : Path, default=None
        The name until then, on the same disk: what a killed process has left there is written
        over. None takes one that nobody else takes.

    Yields
    ------
    stream : binary file

    Raises
    ------
    OSError
        Its ``filename`` is `path`, if it is about that file.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as stream:
            yield stream
        return
    if unfinished is None:
        unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        unfinished.unlink(missing_ok=True)
        with unfinished.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, unfinished)
        unfinished.replace(target)
    except BaseException as error:  # Ctrl-C too
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError) and error.filename == str(unfinished):
            error.filename = str(path)
        raise


def replace_files(path, write, find_ours, last):
    """Let `write` fill a new folder, then put its files into the folder `path`, all at once.

    What `find_ours` names is replaced, and nothing else. The folder itself stays: it may be the
    working directory, a mount, or a clone with a history. Killed at any moment, the old files are
    whole or the new ones are: in their places or, where the killed process had begun to put them
    there, in the hidden folder `WHOLE`, from which the next call goes on.

    Parameters
    ----------
    path : Path
        The folder, no link. Its parent must exist.
    write : callable
        Takes the path of the new folder.
    find_ours : callable
        Takes a folder; returns the names of the files in it that may be replaced, and raises an
        error if there is any other in the way.
    last : str
        The file without which the others count for nothing.
    """
    if path.is_dir():
        with locked(path):
            find_ours(path)
            _finish(path, find_ours, last)
    _remove_leftovers(path)
    new = _new_folder(path)
    _BEING_WRITTEN.add(new)
    try:
        new.mkdir()
        (new / _MARK).touch()
        write(new)
        for file in new.rglob("*"):
            _flush(file)
        _flush(new)
        _install(new, path, find_ours, last)
        _flush(path.parent)
    finally:
        _BEING_WRITTEN.discard(new)
        if new.is_dir():
            with suppress(OSError):
                _discard(new)


@contextmanager
def locked(folder, *, shared=False):
    """Wait for a process that puts files into a folder; not where the system knows no locks."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError:
            pass  # some network file systems
        else:
            # A forked process holds the handle too: closing it would not be enough.
            try:
                yield
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)
            return
        yield
    finally:
        os.close(handle)


def _new_folder(path):
    """Return the path of a new folder, on the disk of `path`."""
    home = path if path.is_dir() else path.parent
    return home / f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}.new"


def _prefix(path):
    """Return how the names of new folders of this machine begin."""
    return f".{path.name}.{socket.gethostname()}."


def _remove_leftovers(path):
    """Remove what tries of this machine that are no longer running have left."""
    prefix = _prefix(path)
    for home in (path.parent, path):
        for left in home.glob(".*.new"):
            number = left.name.removeprefix(prefix).removesuffix(".new").partition("-")[0]
            if left.name.startswith(prefix) and not _is_written(left, number):
                with suppress(OSError):  # another user's
                    _discard(left)


def _is_written(folder, number):
    """Return whether the process of that number may still write a folder."""
    if not number.isdigit() or os.name == "nt":  # where asking would end it
        return True
    if int(number) == os.getpid():  # or of one before it, of the same number
        return folder in _BEING_WRITTEN
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _discard(folder):
    """Remove a folder that is ours for certain, or empty; the mark that tells so goes last."""
    if folder.is_symlink() or not folder.is_dir():
        return
    if (folder / _MARK).is_file():
        for file in folder.iterdir():
            if file.is_dir():
                shutil.rmtree(file, ignore_errors=True)
            elif file.name != _MARK:
                file.unlink()
        (folder / _MARK).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _install(new, path, find_ours, last):
    """Put the files of a new folder into `path`."""
    if not path.is_dir():
        os.rename(new, path)
        (path / _MARK).unlink()
        return
    with locked(path):
        _finish(path, find_ours, last)
        ours = find_ours(path)
        os.rename(new, path / WHOLE)
        _flush(path)
        _lay_out(path, ours, last)


def _finish(path, find_ours, last):
    """Do what is left to do of a call that was killed."""
    whole = path / WHOLE
    if whole.is_symlink() or not whole.is_dir():
        return
    if (whole / last).is_file():
        _lay_out(path, find_ours(path), last)
    else:
        shutil.rmtree(whole)


def _lay_out(path, ours, last):
    """Give the files of the folder `WHOLE` their places, and remove those of ours that are old.

    Where there is one that is not ours, it stays. All new ones are kept in `WHOLE` until the last
    one has its place, as second links where the disk knows links.
    """
    whole = path / WHOLE
    names = _names(whole)
    for name in sorted(names - {last}):
        if name in ours or not os.path.lexists(path / name):
            _put(whole, name, path)
    for name in sorted(ours - names):
        (path / name).unlink(missing_ok=True)
        if "/" in name and not any((path / name).parent.iterdir()):
            (path / name).parent.rmdir()
    _put(whole, last, path)
    for folder in sorted({(path / name).parent for name in names}):
        _flush(folder)
    (whole / last).unlink()
    shutil.rmtree(whole)


def _put(whole, name, path):
    """Replace a file by that of the folder `WHOLE`, in one step."""
    step, target = whole / ".step", path / name
    step.unlink(missing_ok=True)
    try:
        os.link(whole / name, step)
    except OSError:
        shutil.copyfile(whole / name, step)
        _flush(step)
    target.parent.mkdir(exist_ok=True)
    os.replace(step, target)  # nothing happens if both are links to the same file already


def _names(folder):
    """Return the names of all files of a folder but the hidden ones, with ``/`` below it."""
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {file.as_posix() for file in files if not file.name.startswith(".")}


def _flush(path):
    """Have the disk take what was written to a file or a folder."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
