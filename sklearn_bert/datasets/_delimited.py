"""Rows of fields in text: which letter separates them, and whether quotes are more than letters."""

import csv
import re
from contextlib import contextmanager
from itertools import islice

from .._shorten import shorten
from ._quotes import Quotes, find_quotes, read_records
from ._table_columns import HEADER_HINT, Column, find_columns, is_named_so

_SEPARATORS = {"csv": ",", "tsv": "\t"}
_OTHERS = (",", ";", "\t", "|")
_SEPARATOR_NAMES = {"\t": "a tab"}
_ROWS_TO_JUDGE = 200
_EXCEL_LINE = re.compile(r"sep=(.)\r?\n")


def read_delimited(text, form, where, wanted, *, sep=None, header=True):
    """Return the columns that are wanted of a table of fields.

    Parameters
    ----------
    text : str
    form : {"csv", "tsv"}
    where : str
        What errors call the table.
    wanted : list of Wanted
    sep : str, default=None
        What stands between the fields. None finds it out.
    header : bool, default=True
        Whether the first row names the columns.

    Returns
    -------
    columns : list of Column
        Those of `wanted`, in their order.
    found : str or None
        How to call the separator, if it is not the one that `form` is named after.

    Raises
    ------
    ValueError
        If there is no header, a column is missing, a row has too few or too many fields, or a
        quote does not close.
    """
    given, start = sep is not None, 1
    if given:
        check_separator(sep)
    elif match := _EXCEL_LINE.match(text):
        sep, given, start = match[1], True, 2
        text = text[match.end() :]
    if not text.strip("\r\n"):
        what = "a header row and rows" if header else "rows"
        raise ValueError(f"{where} must be a table with {what}, and is empty; check the file.")
    with _unlimited_fields():
        sep = sep if given else _find_separator(text, form, header, wanted)
        columns = _read_columns(text, sep, start, where, wanted, header)
    known = given or sep == _SEPARATORS[form]
    return columns, None if known else _SEPARATOR_NAMES.get(sep, repr(sep))


def check_separator(sep):
    """Refuse what cannot stand between fields."""
    if not isinstance(sep, str) or len(sep) != 1 or sep in '"\r\n':
        raise ValueError(
            f"sep must be the one character between two fields, such as ';' or a tab, got {sep!r}."
        )


@contextmanager
def _unlimited_fields():
    """Let csv read texts of any length, which by default end at 131072 characters."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _find_separator(text, form, header, wanted):
    """Return the separator by which the header names the columns, and all rows have as many."""
    usual = _SEPARATORS[form]
    first = text.lstrip("\r\n").split("\n", 1)[0]
    candidates = [usual, *(sep for sep in _OTHERS if sep != usual and sep in first)]
    if len(candidates) == 1:
        return usual
    return max(candidates, key=lambda sep: _likelihood(text, sep, form, header, wanted))


def _likelihood(text, sep, form, header, wanted):
    """Return what sorts the separators; of equal ones, the first is taken."""
    try:
        quotes = find_quotes(text, sep)
        rows = [row for _, row in islice(read_records(text, sep, quotes), _ROWS_TO_JUDGE)]
    except ValueError:
        return (0, False, False, 0)
    rows = [row for row in rows if row]
    found = sum(
        any(is_named_so(name, column.name) for name in rows[0])
        if header
        else column.name - column.first < len(rows[0])
        for column in wanted
    )
    widths = {len(row) for row in rows}
    even = len(widths) == 1 and widths != {1}
    # Without names to go by, a comma in each row may be that of a decimal number.
    return (found, even, even and form == "tsv" and sep == "\t", 0 if header else len(rows[0]))


def _read_columns(text, sep, start, where, wanted, header):
    """Return the columns that are wanted."""
    quotes = find_quotes(text, sep)
    records = read_records(text, sep, quotes, where, start)
    first = next((number, row) for number, row in records if row)
    names = first[1] if header else None
    places = find_columns(names, wanted, where, n_columns=len(first[1]), hint=HEADER_HINT)
    values = [[] for _ in wanted]
    width = _Width(first[1], named=header, sep=sep, where=where)
    rows = records if header else read_records(text, sep, quotes, where, start)
    blank = None
    for row, (number, fields) in enumerate(_rows(rows, width, quotes)):
        if not fields:
            blank = blank or (row, number)
            continue
        if blank is not None:
            width.check(*blank, [])  # lines are rows, but for blank ones at the end
        width.check(row, number, fields)
        for place, column in zip(places, values, strict=True):
            column.append(fields[place] if place < len(fields) else "")
    return [
        Column(column.name, column_values)
        for column, column_values in zip(wanted, values, strict=True)
    ]


def _rows(records, width, quotes):
    """Yield what counts as a row: a blank line does in a single column, where it is a text."""
    for number, fields in records:
        if fields:
            yield number, fields
        elif width.n_fields == 1:
            yield number, [""]
        elif quotes is not Quotes.SPAN_LINES:
            yield number, []


class _Width:
    """How many fields a row must have.

    Parameters
    ----------
    first : list of str
        The first row.
    named : bool
        Whether it is the header. Columns without a name at its end may be missing from rows.
    sep, where : str
        What errors speak of.
    """

    def __init__(self, first, *, named, sep, where):
        self.n_fields, self.sep, self.where = len(first), sep, where
        self.least = len(first)
        while named and self.least > 1 and not first[self.least - 1]:
            self.least -= 1

    def check(self, row, number, fields):
        """Refuse a row of too few fields, or of more that are not empty."""
        if len(fields) < self.least:
            raise ValueError(
                f"Each row of {self.where} must have {self.n_fields} fields, row {row} has "
                f"{shorten(fields)}; add the missing ones (line {number})."
            )
        if any(fields[self.n_fields :]):
            raise ValueError(
                f"Each row of {self.where} must have {self.n_fields} fields, row {row} (line "
                f"{number}) has {len(fields)}: {shorten(fields)}; put fields with "
                f"{_SEPARATOR_NAMES.get(self.sep, repr(self.sep))} in them into quotes, or give "
                "sep= if that is wrong."
            )
