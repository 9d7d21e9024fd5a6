"""What PATH holds: labelled texts for ``fit``, texts alone for ``predict``."""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._cli_options import data_options
from ._folders import gives_split, read_classes, read_split, read_text, text_files
from ._tables import SUFFIXES, find_format, read_lines, read_table

# Of ``--input-format``; the first is that of standard input.
LABELLED_FORMATS = ("csv", "tsv", "jsonl")
TEXT_FORMATS = ("txt", *LABELLED_FORMATS)


class Labelled(NamedTuple):
    """Texts and labels to train on, and those to judge on where PATH says which (else None).

    Groups are those of the column that ``--groups`` names, None without it.
    """

    X: list
    y: np.ndarray
    X_test: list | None = None
    y_test: np.ndarray | None = None
    groups: list | None = None


class Unlabelled(NamedTuple):
    """Texts, and where each is a file, the paths of the files (else None)."""

    X: list
    files: list | None = None


def read_labelled(args):
    """Return the labelled texts of PATH, ``-`` being standard input."""
    path = _find(args.path)
    if path is not None and path.is_dir():
        encoding = data_options(args, "a folder", encoding="utf-8")["encoding"]
        if gives_split(path):
            X, X_test, y, y_test = read_split(path, None, encoding)
            return Labelled(X, y, X_test, y_test)
        return Labelled(*read_classes(path, None, encoding, at_least=1))
    options = data_options(
        args, "a table", text="text", label="label", groups=None, input_format=None
    )
    form = _format(options.pop("input_format"), path, LABELLED_FORMATS)
    source, where = _source(args, path)
    X, y, *groups = read_table(source, form, where=where, **options)
    return Labelled(X, y, groups=groups[0] if groups else None)


def read_unlabelled(args):
    """Return the texts of PATH, ``-`` or nothing being standard input."""
    path = _find(args.path)
    if path is not None and path.is_dir():
        return _read_files(path, **data_options(args, "a folder", encoding="utf-8"))
    form = _format(args.input_format, path, TEXT_FORMATS)
    if form == "txt":
        data_options(args, "texts one a line (see --input-format)", input_format=None)
        source, where = _source(args, path)
        return Unlabelled(read_lines(source, where=where))
    text = data_options(args, "a table", text="text", input_format=None)["text"]
    source, where = _source(args, path)
    X, _ = read_table(source, form, where=where, text=text, empty_ok=True)
    return Unlabelled(X)


def _find(name):
    """Return the Path of what is there, None for standard input."""
    if name in (None, "-"):
        return None
    path = Path(name).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"PATH must be a file or a folder, and there is neither at {name!r}; check the "
            "spelling, or pass - for standard input."
        )
    return path


def _read_files(folder, encoding):
    """Return the texts of all ``.txt`` files of a folder and the folders in it."""
    files = text_files(folder)
    if not files:
        raise ValueError(
            f"A folder must hold .txt files, and {str(folder)!r} holds none; add some, or pass a "
            "table."
        )
    texts = [read_text(folder / file, encoding) for file in files]
    return Unlabelled(texts, [file.as_posix() for file in files])


def _format(given, path, formats):
    """Return the format of a file, or of standard input where `path` is None."""
    if given is not None:
        return given
    if path is None:
        return formats[0]
    if "txt" in formats and path.name.lower().removesuffix(".gz").endswith(".txt"):
        return "txt"
    form = find_format(path)
    if form is None:
        txt = ".txt, " if "txt" in formats else ""
        raise ValueError(
            f"PATH must be a folder or end in {txt}{SUFFIXES}, got {str(path)!r}; name its format "
            "by --input-format."
        )
    return form


def _source(args, path):
    """Return what to read from, and what errors call it."""
    if path is not None:
        return path, repr(str(path))
    if sys.stdin.isatty() and not args.quiet:
        print("sklearn-bert: reading from the terminal, up to Ctrl-D", file=sys.stderr)
    return sys.stdin.buffer, "standard input"
