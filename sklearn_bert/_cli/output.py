"""What a command writes: whole or not at all, and never over anything else unasked."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from .._files import atomic, own_files

_PICKLES = (".joblib", ".pkl", ".pickle")


def is_pickle(path):
    """Return whether the name of a file asks for a pickle."""
    return path.suffix.lower() in _PICKLES


def check_target(name, *, force, option="--out"):
    """Return the path of a file that can be written, before anything costly is begun."""
    path = Path(name).expanduser()
    if path.is_symlink():
        path = path.resolve()  # what is replaced is the file, not the link to it
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} must name a file, and {name!r} is none; add a name of a file.")
    if path.exists() and not force:
        raise FileExistsError(
            f"{option} must name a new file, and {name!r} is there; pass another name, or --force "
            "to replace it."
        )
    _check_parent(path.parent, option, "a file")
    return path


def check_folder(name, *, force):
    """Return the path of a folder that a model can be saved to, before it is trained."""
    path = Path(name).expanduser()
    if not name.strip():
        raise ValueError(f"--out must name a folder, or a file for a pickle, got {name!r}.")
    if path.exists() and not path.is_dir():
        raise FileExistsError(
            f"--out must name a folder, and {name!r} is a file; pass another name, or one that "
            f"ends in {_PICKLES[0]} for a pickle."
        )
    if path.is_dir() and any(path.iterdir()) and not force:
        raise FileExistsError(
            f"--out must name a new folder, and {name!r} is there; pass another name, or --force "
            "to replace the model in it."
        )
    _check_parent(path if path.is_dir() else path.parent, "--out", "a folder")
    return own_files.check_target(path, "classifier")


def _check_parent(folder, option, what):
    """Refuse a folder that is missing or that nothing can be written to."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{option} must name {what} in a folder that is there, and {str(folder)!r} is none; "
            "make it."
        )
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(
            f"{option} must name {what} in a folder that can be written to, and "
            f"{str(folder)!r} cannot ({error.strerror}); choose another."
        ) from error


@contextmanager
def replacing(path):
    """Open a file that gets the name `path` once all of it is written, and else is removed."""
    try:
        with atomic.replacing(path) as stream:
            yield stream
    except OSError as error:
        if error.errno and error.filename in (None, str(path)):
            raise OSError(
                f"{str(path)!r} cannot be written: {error.strerror}; make room, or choose another "
                "place. What was there is as it was."
            ) from error
        raise


def size_in_mb(path):
    """Return the size of a file, or of all files in a folder, in megabytes."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6
