"""Columns of JSON: an object a line, or an array of objects."""

import json

from .._shorten import shorten
from ._table_columns import Column, way_out

_EXAMPLE = '{"text": "so good", "label": "pos"}'


def read_json(text, form, where, wanted):
    """Return the columns that are wanted of objects, whose keys are the columns.

    Parameters
    ----------
    text : str
    form : {"json", "jsonl"}
        A ``.json`` that is no array is read as lines, as many data sets are written.
    where : str
        What errors call the table.
    wanted : list of Wanted

    Returns
    -------
    columns : list of Column

    Raises
    ------
    ValueError
        If it is no JSON, or a row is no object or lacks a key.
    """
    is_array = form == "json" and text.lstrip()[:1] == "["
    rows = _array_rows(text, where) if is_array else _line_rows(text, where)
    columns = [Column(column.name, [], []) for column in wanted]
    for place, record in rows:
        for column, (role, name, _) in zip(columns, wanted, strict=True):
            if name not in record:
                _refuse_key(role, name, record, place, where)
            column.values.append(record[name])
            column.missing.append(record[name] is None)
    return columns


def _line_rows(text, where):
    """Yield each object with what errors call its place; blank lines are left out."""
    row = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"row {row} (line {number})"
            yield place, _parse_line(line, place, where)
            row += 1


def _parse_line(line, place, where):
    """Return the object on a line."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Each line of {where} must be a JSON object, {place} is no JSON ({error}); write one "
            "object a line, as json.dumps does."
        ) from None
    if not isinstance(record, dict):
        raise ValueError(
            f"Each line of {where} must be a JSON object, {place} has {shorten(record)}; write "
            f"one such as {_EXAMPLE}."
        )
    return record


def _array_rows(text, where):
    """Yield each object of an array with what errors call its place."""
    try:
        records = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{where} must be a JSON array of objects, and is no JSON ({error}); write it as "
            "json.dump does."
        ) from None
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(
                f"{where} must be a JSON array of objects, row {row} has {shorten(record)}; write "
                f"one such as {_EXAMPLE}."
            )
        yield f"row {row}", record


def _refuse_constant(constant):
    """Say that NaN and Infinity, which Python would take, are no JSON."""
    raise ValueError(f"{constant} is no value in JSON")


def _refuse_key(role, name, record, place, where):
    """Say that an object lacks a key."""
    raise ValueError(
        f"{role} must name a key of every object in {where}, got {name!r}, and {place} has the "
        f"keys {shorten(list(record), width=600)}{way_out(list(record), name)}."
    )
