"""What PATH holds: labelled texts for ``fit``, texts alone for ``predict``."""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets import (
    SUFFIXES,
    find_files,
    find_format,
    find_split,
    ignored_note,
    read_classes,
    read_lines,
    read_split,
    read_table,
    read_text,
    without_packing,
)
from .messages import say, tell
from .options import data_options

# Of ``--input-format``; the first is that of standard input.
LABELLED_FORMATS = ("csv", "tsv", "jsonl", "json")
TEXT_FORMATS = ("txt", *LABELLED_FORMATS)
# Of what is often tried and never read.
_OTHER_SHEETS = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_NO_TABLES = (".pdf", ".doc", ".docx", ".odt", ".rtf", ".htm", ".html")
_BETWEEN_COLUMNS = "\n\n"
_TABLE_OPTIONS = {
    "text": ["text"],
    "input_format": None,
    "encoding": None,
    "sep": None,
    "no_header": None,
    "pair": None,
}


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
    path = find(args.path)
    if path is not None and path.is_dir():
        return _read_classes(path, **data_options(args, "a folder", encoding="utf-8"))
    options = data_options(args, "a table", **_TABLE_OPTIONS, label=["label"], groups=None)
    form = _format(args, path, LABELLED_FORMATS)
    del options["input_format"]
    pair = _check_pair(args, options)
    table = _read_table(args, path, form, options)
    return Labelled(_texts(table.X, pair), table.y, groups=table.groups)


def _read_classes(path, encoding):
    """Return the texts of class folders."""
    split = find_split(path)
    if split is None:
        X, y, note = read_classes(path, None, encoding, at_least=1)
        _say_notes(note)
        return Labelled(X, y)
    train, test = read_split(*split, None, encoding)
    _say_notes(train.note, test.note)
    return Labelled(train.X, train.y, test.X, test.y)


def read_unlabelled(args, pairs=None):
    """Return the texts of PATH, ``-`` or nothing being standard input.

    `pairs` is whether the model reads pairs of texts, None if only ``--pair`` can tell.
    """
    path = find(args.path)
    if path is not None and path.is_dir():
        _refuse_pairs(pairs, "a folder")
        return _read_files(path, **data_options(args, "a folder", encoding="utf-8"))
    form = _format(args, path, TEXT_FORMATS)
    if form == "txt":
        what = "texts one a line (see --input-format)"
        _refuse_pairs(pairs, what)
        options = data_options(args, what, input_format=None, encoding=None)
        source, where = _source(args, path)
        X, note = read_lines(source, where=where, encoding=options["encoding"])
        _say_notes(note)
        return Unlabelled(X)
    options = data_options(args, "a table", **_TABLE_OPTIONS)
    del options["input_format"]
    pair = _check_pair(args, options, pairs)
    return Unlabelled(_texts(_read_table(args, path, form, options, empty_ok=True).X, pair))


def _check_pair(args, options, pairs=None):
    """Return whether the texts are pairs, after a check that this can be."""
    given, columns = bool(options.pop("pair")), len(options["text"])
    if given and pairs is False:
        args.usage_error("argument --pair: MODEL was fitted to single texts; leave it out")
    if given and columns != 2:
        args.usage_error(f"argument --pair: needs two columns by --text, got {columns}")
    if pairs and columns != 2:
        raise ValueError(
            f"MODEL was fitted to pairs of texts, so --text must name two columns, got {columns}; "
            "name both, the first one first."
        )
    return given or bool(pairs)


def _refuse_pairs(pairs, what):
    """Say that a model of pairs needs a table."""
    if pairs:
        raise ValueError(
            f"MODEL was fitted to pairs of texts, and PATH is {what}; pass a table, and name its "
            "two columns by --text."
        )


def _read_table(args, path, form, options, **more):
    """Return the table that the options describe."""
    source, where = _source(args, path)
    header = not options.pop("no_header")
    if not header:
        options = _with_numbers(args, options)
    table = read_table(source, form, where=where, header=header, first=1, **options, **more)
    _say_notes(table.note)
    return table


def _with_numbers(args, options):
    """Return options whose columns are numbers, for a table without a header."""
    numbers = {}
    for name in ("text", "label", "groups"):
        columns = options.get(name)
        if columns is None:
            continue
        if getattr(args, name) is None:
            args.usage_error(
                f"argument --no-header: needs --{name} as the number of a column, from 1; add it"
            )
        for column in columns if isinstance(columns, list) else [columns]:
            if not (column.isdecimal() and column.isascii() and int(column) > 0):
                args.usage_error(
                    f"argument --{name}: with --no-header, columns are numbers from 1, got "
                    f"{column!r}"
                )
        is_list = isinstance(columns, list)
        numbers[name] = [int(column) for column in columns] if is_list else int(columns)
    return options | numbers


def _texts(X, pair):
    """Return texts, where several columns hold them as pairs or joined by a blank line."""
    if pair or not X or isinstance(X[0], str):
        return X
    return [_BETWEEN_COLUMNS.join(text for text in texts if text) for texts in X]


def _say_notes(*notes):
    """Print what had to be found out, or was left out."""
    for note in notes:
        if note is not None:
            say("warning", note)


def find(name):
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
    files, others = find_files(folder)
    if not files:
        raise ValueError(
            f"A folder must hold .txt files, and {str(folder)!r} holds none; add some, or pass a "
            "table."
        )
    texts = [read_text(folder / file, encoding) for file in files]
    _say_notes(ignored_note(folder, others))
    return Unlabelled(texts, [file.as_posix() for file in files])


def _format(args, path, formats):
    """Return the format of a file, or of standard input where `path` is None."""
    if args.input_format is not None:
        return args.input_format
    if path is None:
        return formats[0]
    form = find_format(path, sep=args.sep, header=not args.no_header)
    if form is None and "txt" in formats and without_packing(path.name.lower()).endswith(".txt"):
        return "txt"
    if form is None:
        txt = ".txt, " if "txt" in formats else ""
        raise ValueError(
            f"PATH must be a folder or end in {txt}{SUFFIXES}, got {str(path)!r}; "
            f"{_way_out(path, formats)}."
        )
    return form


def _way_out(path, formats):
    """Return what to do about a file whose name tells no format that is read."""
    if path.suffix.lower() in _OTHER_SHEETS:
        return "save the sheet as .xlsx or .csv"
    if path.suffix.lower() in _NO_TABLES:
        return "save its texts as .txt or .csv"
    return f"if it is {', '.join(formats[:-1])} or {formats[-1]}, say so by --input-format"


def _source(args, path):
    """Return what to read from, and what errors call it."""
    if path is not None:
        return path, repr(str(path))
    if sys.stdin is None:
        raise ValueError("Standard input is closed; name a file as PATH.")
    if sys.stdin.isatty() and not args.quiet:
        tell("reading from the terminal, up to Ctrl-D")
    return sys.stdin.buffer, "standard input"


def take_path_back(args):
    """Let PATH stand behind --text and --label, which would take it for one more column."""
    if args.path is not None:
        return
    for name in ("label", "text"):
        columns = getattr(args, name, None) or []
        if len(columns) > 1 and (columns[-1] == "-" or _is_table(columns[-1])):
            args.path = columns.pop()
            return


def _is_table(name):
    """Return whether a name is that of a table that is there."""
    path = Path(name).expanduser()
    return find_format(path) is not None and path.is_file()
