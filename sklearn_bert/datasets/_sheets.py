"""Columns of Parquet and Excel files, which have types."""

import datetime
import io
import warnings
import zipfile

import pandas as pd

from ._table_columns import HEADER_HINT, Column, find_columns


def read_parquet(source, where, wanted):
    """Return the columns that are wanted of a Parquet file, as a list of Column."""
    try:
        frame = pd.read_parquet(source)
    except ImportError:
        raise ModuleNotFoundError(
            "Parquet is read by pyarrow, which is not installed; pip install pyarrow, or convert "
            "the table to CSV."
        ) from None
    except (ValueError, OSError) as error:  # among them pyarrow's ArrowInvalid
        raise ValueError(
            f"{where} must be a Parquet file, and is not: it is damaged or of another kind; give "
            "the right suffix."
        ) from error
    places = find_columns(list(frame.columns), wanted, where, n_columns=frame.shape[1])
    columns = []
    for place, column in zip(places, wanted, strict=True):
        series = frame.iloc[:, place]
        columns.append(
            Column(column.name, series.tolist(), series.isna().tolist(), series.to_numpy())
        )
    return columns


def read_excel(data, where, wanted, *, header):
    """Return the columns that are wanted of the first sheet of a workbook, and a note.

    Every cell becomes the text that a reader sees, as in a CSV of the sheet: 5 for the number 5.0,
    2024-01-31 for a day, nothing for an empty cell. Rows without any are left out.
    """
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Excel workbooks are read by openpyxl, which is not installed; pip install openpyxl, "
            "or save the sheet as CSV."
        ) from None
    try:
        with warnings.catch_warnings():
            # Styles and checks that it does not know are nothing to a reader of values.
            warnings.filterwarnings("ignore", module="openpyxl")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            rows = _cells(book.worksheets[0]) if book.worksheets else []
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        raise ValueError(
            f"{where} must be an Excel workbook (.xlsx), and cannot be read as one; save it again "
            "as .xlsx, or as CSV."
        ) from error
    if not rows:
        raise ValueError(f"{where} must have a table on its first sheet, and that is empty.")
    names = rows.pop(0) if header else None
    n_columns = len(names if header else rows[0])
    places = find_columns(names, wanted, where, n_columns=n_columns, hint=HEADER_HINT)
    columns = [
        Column(column.name, [row[place] for row in rows])
        for place, column in zip(places, wanted, strict=True)
    ]
    return columns, _sheet_note([sheet.title for sheet in book.worksheets], where)


def _cells(sheet):
    """Return the rows of a sheet that are not empty, as texts, all of the same length.

    Not by pandas, which up to 3.0 makes 1 of TRUE where a 1 stands above it.
    """
    sheet.reset_dimensions()  # some programs write wrong ones
    rows = [[_as_seen(cell) for cell in row] for row in sheet.iter_rows()]
    rows = [row for row in rows if any(row)]
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _sheet_note(sheets, where):
    """Return the sentence that says which of several sheets is read."""
    if len(sheets) == 1:
        return None
    return (
        f"Of the {len(sheets)} sheets of {where} only the first, {sheets[0]!r}, is read; save "
        "another one as a file of its own to read that."
    )


def _as_seen(cell):
    """Return the text that stands for the value of a cell, nothing for an error."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return format(value, ".15g")  # as many digits as Excel keeps
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)
