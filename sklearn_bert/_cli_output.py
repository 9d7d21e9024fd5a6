"""Files that a command writes: whole or not at all, and never over another one unasked."""

import os
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path


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
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{option} must name a file in a folder that is there, and {str(path.parent)!r} is "
            "none; make it."
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise PermissionError(
            f"{option} must name a file in a folder that can be written to, and "
            f"{str(path.parent)!r} cannot ({error.strerror}); choose another."
        ) from error
    return path


@contextmanager
def replacing(path):
    """Open a file that gets the name `path` once all of it is written, and else is removed."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with unfinished.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except BaseException:  # Ctrl-C too
        unfinished.unlink(missing_ok=True)
        raise
