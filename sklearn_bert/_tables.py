"""Texts and labels of a table, from a file or a stream: CSV, TSV, JSON lines or Parquet."""

import csv
import gzip
import json
import zlib
from contextlib import contextmanager, nullcontext
from numbers import Real
from typing import NamedTuple

import numpy as np

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
SUFFIXES = f"{', '.join(_SUFFIXES)} (or any of these and .gz) or .parquet"
_SEPARATORS = {"csv": ",", "tsv": "\t"}


class _Column(NamedTuple):
    """The values of a column, whether each is missing, and an array if the file has types."""

    name: str
    values: list
    missing: list
    array: np.ndarray | None = None


def find_format(path):
    """Return the format that the name of a file tells.

    Parameters
    ----------
    path : Path

    Returns
    -------
    form : {"csv", "tsv", "jsonl", "parquet"} or None
        None if it ends in none of `SUFFIXES`.
    """
    name = path.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    name = name.removesuffix(".gz")
    return next((form for suffix, form in _SUFFIXES.items() if name.endswith(suffix)), None)


def read_table(source, form, *, where, text, label=None, groups=None, empty_ok=False):
    """Return the texts of a table, and their labels.

    Parameters
    ----------
    source : Path or binary file object
        A file, unpacked if its name ends in ``.gz``, or a stream, which stays open.
    form : {"csv", "tsv", "jsonl", "parquet"}
    where : str
        What errors call `source`.
    text : str
        The name of the column of texts.
    label : str, default=None
        The name of the column of labels.
    groups : str, default=None
        The name of a column of groups.
    empty_ok : bool, default=False
        Whether there may be no rows.

    Returns
    -------
    X : list of str
    y : ndarray or None
        None without `label`.
    groups : list
        Only with `groups`.

    Raises
    ------
    ValueError
        If the table is not as :func:`sklearn_bert.load_text_table` says.
    """
    names = {"text": text, "label": label, "groups": groups}
    names = {name: column for name, column in names.items() if column is not None}
    with _open_binary(source, where) as stream:
        if form == "jsonl":
            columns = _read_json_lines(stream, where, names)
        else:
            columns = _read_frame(stream, form, where, names)
    if not columns["text"].values and not empty_ok:
        below = "" if form == "jsonl" else " below its header"
        raise ValueError(f"A table needs at least one row{below}, {where} has none.")
    X = _check_texts(columns["text"], where)
    y = None if label is None else _check_labels(columns["label"], where)
    return (X, y) if groups is None else (X, y, _check_groups(columns["groups"], where))


def read_lines(source, *, where):
    """Return the texts of a file or stream that has one a line.

    Parameters
    ----------
    source : Path or binary file object
        As for :func:`read_table`.
    where : str
        What errors call `source`.

    Returns
    -------
    X : list of str
        Without line ends; an empty line is an empty text.

    Raises
    ------
    ValueError
        If a line is not UTF-8.
    """
    with _open_binary(source, where) as stream:
        return [text.rstrip("\r\n") for _, text in _decoded_lines(stream, where)]


@contextmanager
def _open_binary(source, where):
    """Open a Path, unpacking ``.gz``, or pass on a stream that is open."""
    try:
        with nullcontext(source) if hasattr(source, "read") else source.open("rb") as stream:
            packed = str(getattr(source, "name", "")).lower().endswith(".gz")
            yield gzip.GzipFile(fileobj=stream) if packed else stream
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"A file whose name ends in .gz must be packed by gzip, and {where} is not or is "
            f"damaged ({error}); pack it again, or rename it."
        ) from error


def _decoded_lines(stream, where):
    """Yield each line with its number, from 1 as editors count; a line ends at "\\n" only."""
    for number, line in enumerate(stream, start=1):
        try:
            # Windows marks UTF-8 by a first character that is not part of the text.
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{where} must be UTF-8 text, and line {number} is not (byte {error.start}: "
                f"{error.reason}); save it as UTF-8."
            ) from error


def _read_json_lines(stream, where, names):
    """Return, for each name, the column of the values under its key."""
    columns = {name: _Column(key, [], []) for name, key in names.items()}
    lines = ((number, line) for number, line in _decoded_lines(stream, where) if line.strip())
    for row, (number, line) in enumerate(lines):
        record = _parse_json(line, f"row {row} (line {number})", where)
        for name, key in names.items():
            if key not in record:
                raise ValueError(
                    f"{name} must name a key of every object in {where}, got {key!r}, and row "
                    f"{row} (line {number}) has the keys {list(record)!r}."
                )
            columns[name].values.append(record[key])
            columns[name].missing.append(record[key] is None)
    return columns


def _parse_json(line, place, where):
    """Return the object on a line."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Each line of {where} must be a JSON object, {place} is no JSON ({error}); write one "
            "object a line, as json.dumps does."
        ) from error
    if not isinstance(record, dict):
        raise ValueError(
            f"Each line of {where} must be a JSON object, {place} has {_shorten(record)}; write "
            'one such as {"text": "so good", "label": "pos"}.'
        )
    return record


def _refuse_constant(constant):
    """Say that NaN and Infinity, which Python would take, are no JSON."""
    raise ValueError(f"{constant} is no value in JSON")


def _read_frame(stream, form, where, names):
    """Return, for each name, its column."""
    frame = _read_parquet(stream, where) if form == "parquet" else _read_csv(stream, form, where)
    columns = list(frame.columns)
    for name, column in names.items():
        if columns.count(column) != 1:
            raise ValueError(
                f"{name} must name exactly one column of {where}, got {column!r}; its columns "
                f"are {columns!r}."
            )
    series = {name: frame[column] for name, column in names.items()}
    return {
        name: _Column(names[name], s.tolist(), s.isna().tolist(), s.to_numpy())
        for name, s in series.items()
    }


def _import_pandas():
    """Return pandas, which only tables need that are not JSON lines."""
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "CSV, TSV and Parquet are read by pandas, which is not installed; pip install pandas, "
            "or convert the table to JSON lines."
        ) from error
    return pd


def _read_parquet(stream, where):
    """Return a Parquet file as a DataFrame."""
    pd = _import_pandas()
    try:
        return pd.read_parquet(stream)
    except ValueError as error:  # among them pyarrow's ArrowInvalid
        raise ValueError(
            f"{where} must be a Parquet file, and is none: {error}; give the right suffix."
        ) from error


def _read_csv(stream, form, where):
    """Return a delimited table as a DataFrame of strings."""
    pd = _import_pandas()
    try:
        # Only the Python engine tells a row that is too short (NaN) from an empty field (""), and
        # only with header=None is a row that is too long an error instead of an index.
        with _unlimited_fields():
            frame = pd.read_csv(
                stream,
                sep=_SEPARATORS[form],
                header=None,
                dtype=str,
                keep_default_na=False,
                engine="python",
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"A table must be UTF-8 text, and {where} is not (byte {error.start}: "
            f"{error.reason}); save it as UTF-8."
        ) from error
    except ValueError as error:  # among them pandas' ParserError and EmptyDataError
        raise ValueError(
            f"{where} must be a table with a header row and as many fields in every row, "
            f"pandas found: {error}; put fields with separators or quotes into quotes."
        ) from error
    return _take_header(frame, where)


@contextmanager
def _unlimited_fields():
    """Let csv read texts of any length, which by default end at 131072 characters."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _take_header(frame, where):
    """Return `frame` with its first row as column names, after a check for short rows."""
    header, rows = frame.iloc[0].tolist(), frame.iloc[1:].reset_index(drop=True)
    short = rows.isna().any(axis=1).to_numpy()
    if short.any():
        row = int(short.argmax())
        raise ValueError(
            f"Each row of {where} must have {len(header)} fields, row {row} has "
            f"{rows.loc[row].dropna().tolist()!r}; add the missing ones."
        )
    return rows.set_axis(header, axis=1)


def _check_texts(column, where):
    """Return the texts; a missing one or one that is no string is an error."""
    for row, value in enumerate(column.values):
        if column.missing[row]:
            raise ValueError(
                f"Each row of {where} must have a text in column {column.name!r}, row {row} "
                f"has {value!r}; drop the row, or write '' for an empty text."
            )
        if not isinstance(value, str):
            raise ValueError(
                f"Each text in column {column.name!r} of {where} must be a string, row "
                f"{row} has {_shorten(value)}; convert the column."
            )
    return column.values


def _check_labels(column, where):
    """Return the labels as an array; one that is missing, empty or of another type is an error."""
    labels = column.values
    for row, value in enumerate(labels):
        if column.missing[row] or (isinstance(value, str) and not value.strip()):
            raise ValueError(
                f"Each row of {where} must have a label in column {column.name!r}, row "
                f"{row} has {value!r}; drop the row, or label it."
            )
        if isinstance(value, (list, dict)) or _kind(value) is not _kind(labels[0]):
            raise ValueError(
                f"The labels in column {column.name!r} of {where} must be all strings, all "
                f"numbers or all booleans, row {row} has {_shorten(value)} and row 0 has "
                f"{_shorten(labels[0])}; convert them."
            )
    # Strings come as an array of objects, which scikit-learn takes but prints poorly.
    typed = column.array is not None and column.array.dtype != object
    return column.array if typed else np.array(labels)


def _check_groups(column, where):
    """Return the groups as a list; a missing one is an error."""
    for row, (value, missing) in enumerate(zip(column.values, column.missing, strict=True)):
        if missing:
            raise ValueError(
                f"Each row of {where} must have a group in column {column.name!r}, row {row} has "
                f"{value!r}; drop the row, or give it a group of its own."
            )
    return column.values


def _kind(label):
    """Return what `label` counts as: an int and a float are one kind, a bool is another."""
    return Real if isinstance(label, Real) and not isinstance(label, bool) else type(label)


def _shorten(value, width=60):
    """Return the repr of `value`, cut so that an error stays one readable sentence."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
