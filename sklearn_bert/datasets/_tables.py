"""Texts and labels of a table, from a file or a stream: CSV, TSV, JSON, Excel or Parquet."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from ._decoding import PACKED_SUFFIXES, check_is_text, decode, read_bytes, without_packing
from ._delimited import read_delimited
from ._json_tables import read_json
from ._sheets import read_excel, read_parquet
from ._table_columns import (
    Wanted,
    check_group_column,
    check_indicators,
    check_label_column,
    check_text_column,
)

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
_SHEETS = {".xlsx": "xlsx", ".parquet": "parquet"}
SUFFIXES = (
    f"{', '.join(_SUFFIXES)} (or any of these and {', '.join(PACKED_SUFFIXES)}) or "
    f"{' or '.join(_SHEETS)}"
)
_FORM_NAMES = {"json": "JSON", "jsonl": "JSON lines", "parquet": "Parquet", "xlsx": "Excel"}


class Table(NamedTuple):
    """The texts of a table, their labels, and what had to be found out about it.

    `X` is a list of str, or of tuples of str where several columns were asked for; `y` and `groups`
    are None where they were not asked for; `note` is a sentence, or None if nothing is to be said.
    """

    X: list
    y: object = None
    groups: list | None = None
    note: str | None = None


def find_format(path, *, sep=None, header=True):
    """Return the format that the name of a file tells, or what else is known of it.

    Parameters
    ----------
    path : Path
    sep : str, default=None
    header : bool, default=True
        A file of another name is taken for rows of fields if `sep` or ``header=False`` is given,
        which only these have.

    Returns
    -------
    form : {"csv", "tsv", "jsonl", "json", "parquet", "xlsx"} or None
        None if it ends in none of `SUFFIXES`, and nothing else is known.
    """
    name = path.name.lower()
    for suffix, form in _SHEETS.items():
        if name.endswith(suffix):
            return form
    name = without_packing(name)
    known = next((form for suffix, form in _SUFFIXES.items() if name.endswith(suffix)), None)
    return known or (None if sep is None and header else "tsv")


def read_table(
    source,
    form,
    *,
    where,
    text,
    label=None,
    groups=None,
    encoding=None,
    sep=None,
    header=True,
    first=0,
    empty_ok=False,
):
    """Return the texts of a table, and their labels.

    Parameters
    ----------
    source : Path or binary file object
        A file, unpacked if its name ends in ``.gz`` or its like, or a stream, which stays open.
    form : {"csv", "tsv", "jsonl", "json", "parquet", "xlsx"}
    where : str
        What errors call `source`.
    text : str, int or list of them
        The name of the column of texts, or its number from 0; several of them give tuples.
    label : str, int or list of them, default=None
        The name or number of the column of labels; several of them give a frame of 0 and 1.
    groups : str or int, default=None
        The name or number of a column of groups.
    encoding, sep, header
        As for :func:`sklearn_bert.load_text_table`.
    first : int, default=0
        The number of the first column.
    empty_ok : bool, default=False
        Whether there may be no rows.

    Returns
    -------
    table : Table

    Raises
    ------
    ValueError
        If the table is not as :func:`sklearn_bert.load_text_table` says.
    """
    _check_options(form, encoding, sep, header)
    texts, labels = _names(text, "text"), [] if label is None else _names(label, "label")
    others = [] if groups is None else _names(groups, "groups")
    if both := [name for name in texts if name in labels]:
        raise ValueError(f"text and label must name different columns, got {both[0]!r} for both.")
    wanted = [
        Wanted(role, name, first)
        for role, names in (("text", texts), ("label", labels), ("groups", others))
        for name in names
    ]
    if header is None or header is False:
        _check_numbers(wanted)
    columns, note = _read_columns(source, form, where, wanted, encoding, sep, header)
    if not columns[0].values and not empty_ok:
        below = " below its header" if header and form not in ("json", "jsonl") else ""
        raise ValueError(f"A table needs at least one row{below}, {where} has none.")
    X = [check_text_column(column, where) for column in columns[: len(texts)]]
    y = columns[len(texts) : len(texts) + len(labels)]
    return Table(
        X[0] if len(X) == 1 else list(zip(*X, strict=True)),
        _read_labels(y, where),
        None if groups is None else check_group_column(columns[-1], where),
        note,
    )


def _names(names, role):
    """Return the names or numbers of columns as a list, each of which stands there once."""
    alone = isinstance(names, (str, Integral))
    given = [names] if alone or not np.iterable(names) else list(names)
    known = all(isinstance(name, (str, Integral)) and not isinstance(name, bool) for name in given)
    if not given or not known:
        raise ValueError(
            f"{role} must be the name of a column, its number from 0, or a list of these, got "
            f"{names!r}."
        )
    if len(set(given)) < len(given):
        raise ValueError(f"{role} must name different columns, got {names!r}.")
    return given


def _check_numbers(wanted):
    """Refuse names of columns where there is no header."""
    for role, name, first in wanted:
        if not isinstance(name, Integral):
            raise ValueError(
                f"{role} must be the number of a column, from {first}, where a table has no "
                f"header, got {name!r}."
            )


def _check_options(form, encoding, sep, header):
    """Refuse options that a format has no use for."""
    is_delimited = form in ("csv", "tsv")
    name = _FORM_NAMES.get(form)
    if sep is not None and not is_delimited:
        raise ValueError(f"sep is for CSV and TSV only, got {sep!r} for {name}; leave it out.")
    if encoding is not None and form in _SHEETS.values():
        raise ValueError(
            f"encoding is for text only, got {encoding!r} for {name}, which needs none; leave it "
            "out."
        )
    if not (header is None or isinstance(header, bool)):  # 0 has another meaning in pandas
        raise ValueError(
            "header must be True, or False for a table whose first row is not the names of its "
            f"columns, got {header!r}."
        )
    if not header and not is_delimited and form != "xlsx":
        raise ValueError(
            f"header=False is for CSV, TSV and Excel only: {name} always names its columns; leave "
            "it out."
        )


def _read_columns(source, form, where, wanted, encoding, sep, header):
    """Return the columns that are wanted, and a note on what was found out."""
    if form == "parquet":
        return read_parquet(source, where, wanted), None
    data = read_bytes(source, where)
    if form == "xlsx":
        return read_excel(data, where, wanted, header=header)
    check_is_text(data, where)
    if form in ("json", "jsonl"):
        text, found = decode(data, where, encoding)
        return read_json(text, form, where, wanted), _note(where, found, None)
    text, found = decode(data, where, encoding, guess=True)
    columns, found_sep = read_delimited(text, form, where, wanted, sep=sep, header=bool(header))
    return columns, _note(where, found, found_sep)


def _note(where, encoding, sep):
    """Return the sentence that says what was found out about a file, None if it was nothing."""
    found = [] if encoding is None else [f"as {encoding}"]
    found += [] if sep is None else [f"separated by {sep}"]
    if not found:
        return None
    options = [
        name for name, value in (("encoding=", encoding), ("sep=", sep)) if value is not None
    ]
    return f"{where} is read {', '.join(found)}; give {' or '.join(options)} if that is wrong."


def _read_labels(columns, where):
    """Return the labels of no column, of one, or of several."""
    if not columns:
        return None
    if len(columns) > 1:
        return check_indicators(columns, where)
    return check_label_column(columns[0], where)


def read_lines(source, *, where, encoding=None):
    """Return the texts of a file or stream that has one a line, and a note on what was found out.

    Parameters
    ----------
    source : Path or binary file object
        As for :func:`read_table`.
    where : str
        What errors call `source`.
    encoding : str, default=None
        None is UTF-8.

    Returns
    -------
    X : list of str
        Without line ends, "\\n" and "\\r\\n"; an empty line is an empty text.
    note : str or None

    Raises
    ------
    ValueError
        If a line is no text in this encoding.
    """
    text, found = decode(read_bytes(source, where), where, encoding)
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]  # what stands behind the last end of a line
    return [line.removesuffix("\r") for line in lines], _note(where, found, None)
