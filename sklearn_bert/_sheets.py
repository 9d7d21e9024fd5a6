"""Columns of Parquet and Excel files, which have types."""

import datetime
import io
import math
import warnings
import zipfile

from ._table_columns import HEADER_HINT, Column, find_columns


def read_parquet(source, where, wanted):
    """Return the columns that are wanted of a Parquet file, as a list of Column."""
    pd = _import_pandas("Parquet")
    try:
        frame = pd.read_parquet(source)
    except ImportError:
        raise ModuleNotFoundError(
            "Parquet is read by pyarrow, which is not installed; pip install pyarrow, or convert "
            "the table to CSV."
        ) from None
    except (ValueError, OSError) as error:  # among them pyarrow's ArrowInvalid
        raise ValueError(
            f"{where} must be a Parquet file, and is none: it is damaged or of another kind; give "
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
    pd = _import_pandas("Excel")
    try:
        import openpyxl  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Excel workbooks are read by openpyxl, which is not installed; pip install openpyxl, "
            "or save the sheet as CSV."
        ) from None
    try:
        with (
            warnings.catch_warnings(),
            pd.ExcelFile(io.BytesIO(data), engine="openpyxl") as book,
        ):
            # Styles and checks that it does not know are nothing to a reader of values.
            warnings.filterwarnings("ignore", module="openpyxl")
            sheets = book.sheet_names
            frame = pd.read_excel(book, header=None, dtype=object, na_filter=False)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        raise ValueError(
            f"{where} must be an Excel workbook (.xlsx), and cannot be read as one; save it again "
            "as .xlsx, or as CSV."
        ) from error
    rows = [[_as_seen(cell) for cell in row] for row in frame.itertuples(index=False, name=None)]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise ValueError(f"{where} must have a table on its first sheet, and that is empty.")
    names = rows.pop(0) if header else None
    n_columns = len(names if header else rows[0])
    places = find_columns(names, wanted, where, n_columns=n_columns, hint=HEADER_HINT)
    columns = [
        Column(column.name, [row[place] for row in rows])
        for place, column in zip(places, wanted, strict=True)
    ]
    return columns, _sheet_note(sheets, where)


def _sheet_note(sheets, where):
    """Return the sentence that says which of several sheets is read."""
    if len(sheets) == 1:
        return None
    return (
        f"Of the {len(sheets)} sheets of {where} only the first, {sheets[0]!r}, is read; save "
        "another one as a file of its own to read that."
    )


def _as_seen(cell):
    """Return the text that stands for the value of a cell."""
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return format(cell, ".15g")  # as many digits as Excel keeps
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return str(cell)


def _import_pandas(what):
    """Return pandas, which only files with types need."""
    try:
        import pandas as pd
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{what} is read by pandas, which is not installed; pip install pandas, or convert the "
            "table to CSV or JSON lines."
        ) from None
    return pd
