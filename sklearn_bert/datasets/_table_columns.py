"""Columns of a table: which are wanted, and whether their values can be texts and labels."""

from difflib import get_close_matches
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from .._shorten import shorten

# What else may be wrong where a table has another header than was thought.
HEADER_HINT = "; a table without a header needs header=False"
_MOST_NAMES = 20
_INDICATORS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


class Wanted(NamedTuple):
    """A column to read: what it is for, and its name, or its number if `first` is that of one."""

    role: str
    name: str | int
    first: int = 0


class Column(NamedTuple):
    """The values of a column, whether each is missing, and an array if the file has types."""

    name: str | int
    values: list
    missing: list | None = None
    array: np.ndarray | None = None


def is_named_so(name, wanted):
    """Return whether a column is the one wanted, but for case and spaces around its name."""
    if isinstance(wanted, str) and isinstance(name, str):
        return name.strip().casefold() == wanted.strip().casefold()
    return name == wanted


def find_columns(names, wanted, where, n_columns, hint=""):
    """Return the places of the columns that are wanted.

    Parameters
    ----------
    names : list or None
        Those of all columns, None for a table without a header.
    wanted : list of Wanted
    where : str
        What errors call the table.
    n_columns : int
    hint : str, default=""
        What else may be wrong if a name is not there.
    """
    return [_find_column(names, column, where, n_columns, hint) for column in wanted]


def _find_column(names, wanted, where, n_columns, hint):
    """Return the place of a column, by its name or by its number."""
    role, name, first = wanted
    numbers = f"from {first} to {first + n_columns - 1}"
    if isinstance(name, Integral):
        if first <= name < first + n_columns:
            return int(name) - first
        raise ValueError(
            f"{role} must be the number of a column of {where}, {numbers}, got {name!r}."
        )
    if names.count(name) == 1:
        return names.index(name)
    raise ValueError(
        f"{role} must name exactly one column of {where}, got {name!r}; its columns are "
        f"{_list(names)}{way_out(names, name, hint)}."
    )


def way_out(names, name, hint=""):
    """Return what to do about a column that is not there, or there more than once."""
    if (count := names.count(name)) > 1:
        return f", {count} of them {name!r}: rename all but one"
    texts = {str(n).strip().casefold(): n for n in names}
    near = get_close_matches(str(name).strip().casefold(), texts, n=1)
    if near:
        return f"; perhaps {texts[near[0]]!r} is meant"
    return hint


def _list(names):
    """Return the repr of names, of which the many are cut."""
    if len(names) <= _MOST_NAMES:
        return shorten(names, width=600)
    return f"{shorten(names[:_MOST_NAMES], width=600)} and {len(names) - _MOST_NAMES} more"


def check_text_column(column, where):
    """Return the texts; a missing one or one that is no string is an error."""
    for row, value in enumerate(column.values):
        if _is_missing(column, row):
            raise ValueError(
                f"Each row of {where} must have a text in column {column.name!r}, row {row} "
                f"has {value!r}; drop the row, or write '' for an empty text."
            )
        if not isinstance(value, str):
            raise ValueError(
                f"Each text in column {column.name!r} of {where} must be a string, row "
                f"{row} has {shorten(value)}; convert the column."
            )
    return column.values


def check_label_column(column, where):
    """Return the labels as an array; one that is missing, empty or of another type is an error."""
    labels = column.values
    for row, value in enumerate(labels):
        _check_label(column, row, value, where)
        if _kind(value) is not _kind(labels[0]):
            raise ValueError(
                f"The labels in column {column.name!r} of {where} must be all strings, all "
                f"numbers or all booleans, row {row} has {shorten(value)} and row 0 has "
                f"{shorten(labels[0])}; convert them."
            )
    # Strings come as an array of objects, which scikit-learn takes but prints poorly.
    typed = column.array is not None and column.array.dtype.kind in "biuf"
    return column.array if typed else np.array(labels)


def _check_label(column, row, value, where):
    """Refuse a label that is missing, or that no class can be named after."""
    if _is_missing(column, row) or (isinstance(value, str) and not value.strip()):
        raise ValueError(
            f"Each row of {where} must have a label in column {column.name!r}, row "
            f"{row} has {value!r}; drop the row, or label it."
        )
    if isinstance(value, (str, Real)):
        return
    ways_out = "convert them to one of these"
    if isinstance(value, dict):
        ways_out = f"make a column of the value that is meant, such as that of {_first(value)}"
    elif isinstance(value, (list, tuple, set, np.ndarray)):
        value = list(value)
        ways_out = (
            "for one label a row, make it a column of its own; for several, make a column of 0 "
            "and 1 for each, and name all of them"
        )
    beside = f" and row 0 has {shorten(column.values[0])}" if row else ""
    raise ValueError(
        f"The labels in column {column.name!r} of {where} must be all strings, all numbers or all "
        f"booleans, row {row} has {shorten(value)}{beside}; {ways_out}."
    )


def _first(value):
    """Return the repr of the first key of a dict, or a word for it."""
    return shorten(next(iter(value))) if value else "a key"


def check_indicators(columns, where):
    """Return a frame of 0 and 1 with a column for each label; anything else is an error."""
    indicators = {}
    for column in columns:
        numbers = []
        for row, value in enumerate(column.values):
            number = _INDICATORS.get(str(value).strip().casefold())
            if number is None or _is_missing(column, row):
                raise ValueError(
                    f"Each of several label columns must hold 0 or 1, and column {column.name!r} "
                    f"of {where} has {shorten(value)} in row {row}; convert it, or name one "
                    "column of labels."
                )
            numbers.append(number)
        indicators[column.name] = np.array(numbers, dtype=np.int64)
    return pd.DataFrame(indicators)


def check_group_column(column, where):
    """Return the groups as a list; a missing one is an error."""
    for row, value in enumerate(column.values):
        if _is_missing(column, row):
            raise ValueError(
                f"Each row of {where} must have a group in column {column.name!r}, row {row} has "
                f"{value!r}; drop the row, or give it a group of its own."
            )
        if isinstance(value, (dict, list, np.ndarray)):
            raise ValueError(
                f"Each group in column {column.name!r} of {where} must be a string or a number, "
                f"row {row} has {shorten(value)}; name another column."
            )
    return column.values


def _is_missing(column, row):
    """Return whether a row has no value."""
    return column.missing is not None and column.missing[row]


def _kind(label):
    """Return what `label` counts as: an int and a float are one kind, a bool is another."""
    if isinstance(label, (bool, np.bool_)):
        return bool
    return Real if isinstance(label, Real) else str
