"""A table as a file: xlsx and CSV, written row by row, so that memory does not grow with the ledger.

No cell ever becomes a formula (OWASP ASVS V1.2.10): in xlsx every string is written as a string, in CSV a cell that a
spreadsheet would evaluate starts with an apostrophe.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ledgers.columns import DATE, INT, MONEY, Column, Value

NUMBER_FORMATS = {DATE: "yyyy-mm-dd", MONEY: "#,##0.00", INT: "0"}
FIRST_SPREADSHEET_DAY = dt.date(1900, 1, 1)
#: What a spreadsheet takes for a formula, also behind blanks and in full width, and an apostrophe that was typed.
LIVE = re.compile(r"[\s\ufeff\u200b]*[=+\-@＝＋－＠]|[\t\r\n']")

Rows = Iterable[Sequence[Value]]
Writer = Callable[[Path, Sequence[Column], Rows], None]


def _day(day: dt.date) -> dt.date | str:
    """The day, or its text where the spreadsheet's calendar has not begun."""
    return day.isoformat() if day < FIRST_SPREADSHEET_DAY else day


def write_xlsx(path: Path, columns: Sequence[Column], rows: Rows, *, sheet: str = "台账") -> None:
    """Header, rows; frozen head and first two columns; texts, phones as text, dates as dates, amounts as numbers."""
    try:
        import rustpy_xlsxwriter  # no wheel for this platform: the slower writer gives the same cells
    except ImportError:
        write_xlsx_plain(path, columns, rows, sheet=sheet)
        return
    formats = {
        str(column.label): rustpy_xlsxwriter.Format().set_num_format(NUMBER_FORMATS[column.kind])
        for column in columns
        if column.kind in NUMBER_FORMATS
    }
    labels = [str(column.label) for column in columns]
    dates = [label for label, column in zip(labels, columns, strict=True) if column.kind == DATE]

    def record(row: Sequence[Value]) -> dict[str, Any]:
        """One dict a row is what the writer takes; it knows every type but the days before its calendar."""
        found: dict[str, Any] = dict(zip(labels, row, strict=True))
        for label in dates:
            if isinstance(found[label], dt.date):
                found[label] = _day(found[label])
        return found

    rustpy_xlsxwriter.write_worksheet(
        map(record, rows),
        path,  # given an open file, it would hold the whole sheet in memory
        sheet_name=sheet,
        freeze_row=1,
        freeze_col=2,
        bold_headers=True,
        column_formats=formats,
        column_widths={label: float(column.width) for label, column in zip(labels, columns, strict=True)},
    )


def write_xlsx_plain(path: Path, columns: Sequence[Column], rows: Rows, *, sheet: str = "台账") -> None:
    """The same cells by XlsxWriter, ten times slower, where the fast writer is not installed."""
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(path, {**options, "strings_to_numbers": False, "tmpdir": tempfile.gettempdir()})
    page = book.add_worksheet(sheet)
    formats = {kind: book.add_format({"num_format": code}) for kind, code in NUMBER_FORMATS.items()}
    page.freeze_panes(1, 2)
    for at, column in enumerate(columns):
        page.set_column(at, at, column.width)
        page.write_string(0, at, str(column.label), book.add_format({"bold": True}))
    for line, row in enumerate(rows, 1):
        for at, column in enumerate(columns):
            value = row[at]
            if isinstance(value, dt.date):
                value = _day(value)
            if value is None or value == "":
                continue
            if isinstance(value, str):
                page.write_string(line, at, value, formats.get(column.kind))
            elif isinstance(value, dt.date):
                page.write_datetime(line, at, value, formats[DATE])
            else:
                page.write_number(line, at, float(value), formats.get(column.kind))
    book.close()


def csv_cell(column: Column, value: Value) -> str:
    """The cell's text without thousands separators; one that would come alive in a spreadsheet is quoted by '."""
    if column.kind in (INT, MONEY) and not isinstance(value, str):
        return "" if value is None else str(value)
    text = column.text(value)
    return f"'{text}" if LIVE.match(text) else text


def write_csv(path: Path, columns: Sequence[Column], rows: Rows) -> None:
    """UTF-8 with BOM, as Excel wants it, and CRLF (RFC 4180)."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([str(column.label) for column in columns])
        out.writerows([csv_cell(column, value) for column, value in zip(columns, row, strict=True)] for row in rows)


WRITERS: dict[str, Writer] = {"xlsx": write_xlsx, "csv": write_csv}
CONTENT_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


@contextlib.contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """A file to write that appears under `path` only when it is complete; nobody else can read it meanwhile."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        yield Path(name)
        os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    finally:
        os.close(handle)
