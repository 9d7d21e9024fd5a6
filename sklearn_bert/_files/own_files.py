"""Where a model may be written: only files that we wrote and nobody has changed are replaced."""

import os
import stat
from collections import defaultdict
from pathlib import Path

from .atomic import WHOLE
from .manifest import (
    CARD,
    MANIFEST,
    WRITERS,
    Refused,
    digest,
    is_known,
    read_manifest,
    visible_files,
)


def check_target(path, kind):
    """Return the folder to write to, behind any links, once nothing there is in the way.

    Parameters
    ----------
    path : str or path-like
        New, or a folder.
    kind : str
        The estimator that it is to hold.

    Raises
    ------
    FileNotFoundError
        If its parent is not there.
    FileExistsError
        If there is a file, or a folder with anything in it that is not ours to replace.
    """
    target = Path(os.path.realpath(Path(path).expanduser()))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in a folder that exists, got {str(path)!r}; make "
            f"{str(target.parent)!r} first."
        )
    if target.is_dir():
        find_ours(target, kind)
    elif os.path.lexists(target):
        raise FileExistsError(
            f"path must be new, an empty folder or a model saved before, got {str(path)!r}, which "
            "is no folder; choose another path."
        )
    return target


def find_ours(folder, kind):
    """Return the names of the files in a folder that are ours; hidden ones are not looked at.

    The card is for people: one that was edited, or that we never wrote, is theirs.

    Raises
    ------
    FileExistsError
        If there is anything else.
    """
    digests = _written_digests(folder, kind)
    ours = set()
    for name, file in visible_files(folder):
        if _is_plain(file) and (name == MANIFEST or digest(file) in digests.get(name, ())):
            ours.add(name)
        elif name != CARD:
            raise _in_the_way(folder, name, _reason(name in (MANIFEST, *digests), file))
    return ours


def _written_digests(folder, kind):
    """Return for each name the digests of what was written, by the last save or one before."""
    digests = defaultdict(set)
    writer = WRITERS[kind]
    for place in (folder, folder / WHOLE):
        if not os.path.lexists(place / MANIFEST):
            continue
        try:
            manifest = read_manifest(place)
            found, files = WRITERS[manifest["estimator"]], dict(manifest["files"])
        except (Refused, OSError, ValueError, LookupError, TypeError, AttributeError):
            raise _in_the_way(folder, MANIFEST, "was not written by sklearn-bert so") from None
        if found != writer:
            raise _in_the_way(folder, MANIFEST, f"belongs to what {found} wrote")
        for name, value in {**files, CARD: manifest.get("card")}.items():
            if name == CARD or is_known(name, writer):
                digests[name].add(value)
    return digests


def _is_plain(file):
    """Return whether it is a file and no link, as we write them."""
    return stat.S_ISREG(file.lstat().st_mode)


def _reason(was_written, file):
    """Return why a file is not ours."""
    if not was_written:
        return "was not written by sklearn-bert"
    return "was changed since" if _is_plain(file) else "is a link"


def _in_the_way(folder, name, reason):
    """Return the error that names what would be lost."""
    return FileExistsError(
        f"path must be new, an empty folder or a model saved before, got {str(folder)!r}, whose "
        f"{name!r} {reason}; choose another path, such as {str(folder / 'model')!r}."
    )
