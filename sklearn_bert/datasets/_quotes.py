"""Rows of fields, and whether quotes are letters of them or enclose them."""

import csv
import io
import re
from enum import Enum

_ENCLOSED = re.compile(r'"(?:[^"]|"")*"')
_LONE_RETURN = re.compile(r"\r(?!\n)")


class Quotes(Enum):
    """What quotes are in a table."""

    ARE_LETTERS = 0
    ENCLOSE_FIELDS = 1  # each of which stands in one line
    SPAN_LINES = 2  # as in CSV


def find_quotes(text, sep):
    """Return what quotes are.

    They enclose fields, but not in a table of tabs, where many programs write them as they are:
    there only where a writer that quotes must have been at work, all over the file.
    """
    if sep != "\t":
        return Quotes.SPAN_LINES
    if '"' not in text:
        return Quotes.ARE_LETTERS
    if text.startswith('"') and _all_are_enclosed(text, sep):
        return Quotes.SPAN_LINES
    rows = [row for _, row in read_records(text, sep, Quotes.ARE_LETTERS) if row]
    if len({len(row) for row in rows}) == 1:
        return Quotes.ENCLOSE_FIELDS if _are_consistent(rows) else Quotes.ARE_LETTERS
    try:
        rows = [row for _, row in read_records(text, sep, Quotes.SPAN_LINES) if row]
    except ValueError:
        return Quotes.ARE_LETTERS
    even = len({len(row) for row in rows}) == 1
    return Quotes.SPAN_LINES if even else Quotes.ARE_LETTERS


def _all_are_enclosed(text, sep):
    """Return whether each field is enclosed, as by a writer that encloses all of them."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=sep, quoting=csv.QUOTE_ALL, lineterminator="\n")
    try:
        writer.writerows(row for _, row in read_records(text, sep, Quotes.SPAN_LINES))
    except ValueError:
        return False
    return _plain_ends(written.getvalue()) == _plain_ends(text)


def _plain_ends(text):
    """Return a text with plain ends of lines, but none at its end."""
    return text.replace("\r\n", "\n").rstrip("\n")


def _are_consistent(rows):
    """Return whether the quotes of rows, split at tabs alone, are those of a writer that quotes.

    Such a writer encloses each field that has a quote, and doubles that; other fields it leaves
    alone. Or it encloses all of some columns, their names too.
    """
    marked = [field for row in rows for field in row if '"' in field]
    if not all(_ENCLOSED.fullmatch(field) for field in marked):
        return False
    needless = [field for field in marked if '""' not in field[1:-1]]
    if not needless:
        return True
    if len(needless) < len(marked) and all("," in field for field in needless):
        # Excel encloses commas too, though not all fields.
        return not any("," in field and '"' not in field for row in rows for field in row)
    kinds = [{field.startswith('"') for field in column[1:]} for column in zip(*rows, strict=True)]
    return all(name.startswith('"') for name in rows[0]) and all(len(kind) == 1 for kind in kinds)


def read_records(text, sep, quotes, where="", start=1):
    """Yield each row of a table with the number of its first line.

    Parameters
    ----------
    text : str
    sep : str
    quotes : Quotes
    where : str, default=""
        What errors call the table.
    start : int, default=1
        The number of the first line.

    Yields
    ------
    number : int
    fields : list of str
        Empty for a blank line.

    Raises
    ------
    ValueError
        If a quote that opens a field does not close it.
    """
    if quotes is Quotes.SPAN_LINES:
        yield from _read_csv(text, sep, where, start)
        return
    lines = text.split("\n") if "\n" in text else text.split("\r")
    if not lines[-1]:
        del lines[-1]  # what stands behind the last end of a line
    for number, line in enumerate(lines, start):
        line = line.removesuffix("\r")
        fields = line.split(sep) if line else []
        yield number, fields if quotes is Quotes.ARE_LETTERS else list(map(_unquoted, fields))


def _unquoted(field):
    """Return a field without the quotes around it."""
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _read_csv(text, sep, where, start):
    """Yield each row of a CSV with the number of its first line."""
    text, hidden = _hide_returns(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sep, strict=True)
    while True:
        number = start + reader.line_num
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            opened = "unexpected end" in str(error)
            what = "never closes" if opened else "closes before the field ends"
            raise ValueError(
                f"A field that begins with a quote must end with one, and the quote of a field in "
                f"line {number} of {where} {what}; enclose the field in quotes and double those "
                "in it."
            ) from None
        yield number, [field.replace(hidden, "\r") for field in fields] if hidden else fields


def _hide_returns(text):
    """Return a text with a letter for each carriage return that ends no line, and that letter.

    The csv module would take each for the end of a row. In a text without other ends of lines they
    are just that.
    """
    if "\n" not in text or not _LONE_RETURN.search(text):
        return text, None
    letter = next(c for c in map(chr, range(0xE000, 0xF900)) if c not in text)
    return _LONE_RETURN.sub(letter, text), letter
