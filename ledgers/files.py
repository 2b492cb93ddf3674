"""A table as a file: xlsx, CSV and PDF. The first two are written row by row, so that memory does not grow with them.

No cell ever becomes a formula (OWASP ASVS V1.2.10): in xlsx every string is written as a string, in CSV a cell that a
spreadsheet would evaluate starts with an apostrophe, and a PDF has none.

A `mark` says who took the file out and when. It stands at the foot of every printed page, and callers write it as the
last row, too: a reader that looks for the names of columns in the first row finds them there.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pypdf

from disputes.papers.typeset import font_folders
from ledgers.columns import DATE, INT, MONEY, Column, Value
from ledgers.profiles import HeadCell, head_of

NUMBER_FORMATS = {DATE: "yyyy-mm-dd", MONEY: "#,##0.00", INT: "0"}
FIRST_SPREADSHEET_DAY = dt.date(1900, 1, 1)
#: What a spreadsheet takes for a formula, also behind blanks and in full width, and an apostrophe that was typed.
LIVE = re.compile(r"[\s\ufeff\u200b]*[=+\-@＝＋－＠]|[\t\r\n']")

Rows = Iterable[Sequence[Value]]
Writer = Callable[..., None]
#: The end of a sheet, from its last rows on, is within so many bytes.
TAIL = 1 << 17


def _day(day: dt.date) -> dt.date | str:
    """The day, or its text where the spreadsheet's calendar has not begun."""
    return day.isoformat() if day < FIRST_SPREADSHEET_DAY else day


class Label(str):
    """The name of a column. Two columns of one name, under different merged cells, are two keys of a row."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def names_of(head: Sequence[Sequence[HeadCell]]) -> list[list[str]]:
    """The text of every cell of the head, one list per line; what a merged cell covers is empty."""
    width = sum(cell.colspan for cell in head[0])
    lines = [[""] * width for _ in head]
    if len(head) == 1:
        return [[cell.label for cell in head[0]]]
    at, below = 0, iter(head[1])
    for cell in head[0]:
        lines[0][at] = cell.label
        if cell.rowspan == 1:
            for column in range(at, at + cell.colspan):
                lines[1][column] = next(below).label
        at += cell.colspan
    return lines


def merges_of(head: Sequence[Sequence[HeadCell]]) -> list[tuple[int, int, int, int]]:
    """First line, first column, last line, last column of every merged cell of the head."""
    found, at = [], 0
    for cell in head[0]:
        if cell.colspan > 1 or cell.rowspan > 1:
            found.append((0, at, cell.rowspan - 1, at + cell.colspan - 1))
        at += cell.colspan
    return found


def footer_of(mark: str) -> str:
    """The foot of a printed page in a spreadsheet's own codes, within the 255 characters that it may have."""
    return "&L&8" + mark.replace("&", "&&")[:200] + "&R&8&P / &N"


def write_xlsx(path: Path, columns: Sequence[Column], rows: Rows, *, sheet: str = "台账", mark: str = "") -> None:
    """Head, rows; frozen head and first two columns; texts, phones as text, dates as dates, amounts as numbers."""
    try:
        import rustpy_xlsxwriter as fast  # no wheel for this platform: the slower writer gives the same cells
    except ImportError:
        write_xlsx_plain(path, columns, rows, sheet=sheet, mark=mark)
        return
    plain = fast.Format()
    formats = [
        fast.Format().set_num_format(NUMBER_FORMATS[column.kind]) if column.kind in NUMBER_FORMATS else plain
        for column in columns
    ]
    head = head_of(columns)
    names, merges = names_of(head), merges_of(head)
    labels = [Label(name) for name in names[-1]]
    dates = [label for label, column in zip(labels, columns, strict=True) if column.kind == DATE]
    bold = fast.Format().set_bold().set_align("center").set_align("vertical_center").set_text_wrap()

    def record(row: Sequence[Value]) -> dict[str, Any]:
        """One dict a row is what the writer takes; it knows every type but the days before its calendar."""
        found: dict[str, Any] = dict(zip(labels, row, strict=True))
        for label in dates:
            if isinstance(found[label], dt.date):
                found[label] = _day(found[label])
        return found

    def write(target: Path) -> None:
        fast.write_worksheet(
            map(record, rows),
            target,  # given an open file, it would hold the whole sheet in memory
            sheet_name=sheet,
            freeze_row=len(head),
            freeze_col=2,
            header_row=len(head) - 1,
            header_format=bold,
            column_formats=formats,
            column_widths=[float(column.width) for column in columns],
            # cells that reach down into the last line of the head are no business of this writer
            merge_ranges=[(*merge, names[0][merge[1]], bold) for merge in merges if merge[2] == 0],
            page_setup={
                "landscape": True,
                "paper_size": 9,
                "fit_to_pages": (1, 0),
                "repeat_rows": (0, len(head) - 1),
                "footer": footer_of(mark),
            },
        )

    if not any(merge[2] for merge in merges):
        write(path)
        return
    with scratch() as sheet_only:
        write(sheet_only)
        _merge_down(sheet_only, path, names[0], merges)


#: The part of the file that holds the sheet.
SHEET = "xl/worksheets/sheet1.xml"
PIECE = 1 << 20


def _merge_down(source: Path, target: Path, names: Sequence[str], merges: Sequence[tuple[int, int, int, int]]) -> None:
    """The same file with cells of the head merged over both of its lines, which the fast writer cannot do.

    The sheet passes through in pieces: its first line is written anew, and the list of merged cells after the rows.
    """
    down = {left for _top, left, bottom, _right in merges if bottom}
    places = [f"{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}" for top, left, bottom, right in merges]
    listed = "".join(f'<mergeCell ref="{place}"/>' for place in places)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            if name != SHEET:
                new.writestr(name, old.read(name))
                continue
            with old.open(SHEET) as come, new.open(SHEET, "w", force_zip64=True) as go:
                start = come.read(PIECE)  # the whole head is in the first piece
                first = re.search(rb'<sheetData>(?:<row r="1"[^>]*>(.*?)</row>)?(?=<row r="2")', start, re.S)
                second = re.search(rb'<row r="2".*?( s="[0-9]+")', start, re.S)
                assert first is not None and second is not None
                there = re.finditer(r'<c r="([A-Z]+)1".*?(?:/>|</c>)', (first[1] or b"").decode())
                cells = {cell[1]: cell[0] for cell in there}
                style = second[1].decode()
                for at in down:
                    place, text = _letters(at), escape(names[at])
                    cells[place] = f'<c r="{place}1"{style} t="inlineStr"><is><t>{text}</t></is></c>'
                ordered = "".join(cells[place] for place in sorted(cells, key=lambda name: (len(name), name)))
                go.write(start[: first.start()] + f'<sheetData><row r="1">{ordered}</row>'.encode())
                _pass_on(start[first.end() :], come, go, f'<mergeCells count="{len(places)}">{listed}</mergeCells>')


def _pass_on(held: bytes, come: Any, go: Any, merged: str) -> None:
    """The rest of the sheet, with the list of merged cells put where its rows end."""
    while piece := come.read(PIECE):  # what is held was not yet written: the end of the rows is within it
        held += piece
        go.write(held[:-TAIL])
        held = held[-TAIL:]
    end = held.rindex(b"</sheetData>") + len(b"</sheetData>")
    rest = re.sub(rb"<mergeCells.*?</mergeCells>", b"", held[end:], flags=re.S)
    go.write(held[:end] + merged.encode() + rest)


def _letters(column: int) -> str:
    """0 is A, 26 is AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def write_xlsx_plain(path: Path, columns: Sequence[Column], rows: Rows, *, sheet: str = "台账", mark: str = "") -> None:
    """The same cells by XlsxWriter, ten times slower, where the fast writer is not installed."""
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(path, {**options, "strings_to_numbers": False, "tmpdir": tempfile.gettempdir()})
    page = book.add_worksheet(sheet)
    formats = {kind: book.add_format({"num_format": code}) for kind, code in NUMBER_FORMATS.items()}
    bold = book.add_format({"bold": True, "align": "center", "valign": "vcenter", "text_wrap": True})
    head = head_of(columns)
    page.freeze_panes(len(head), 2)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0, len(head) - 1)
    page.set_footer(footer_of(mark))
    for at, column in enumerate(columns):
        page.set_column(at, at, column.width)
    for top, left, bottom, right in merges_of(head):
        page.merge_range(top, left, bottom, right, "", bold)
    covered = {(top, left) for top, left, *_ in merges_of(head)}
    for line, names in enumerate(names_of(head)):
        for at, name in enumerate(names):
            if name or (line, at) in covered:
                page.write_string(line, at, name, bold)
    for line, row in enumerate(rows, len(head)):
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


def write_csv(path: Path, columns: Sequence[Column], rows: Rows, *, sheet: str = "", mark: str = "") -> None:
    """UTF-8 with BOM, as Excel wants it, and CRLF (RFC 4180); one line of names, whatever is merged elsewhere."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([str(column.label) for column in columns])
        out.writerows([csv_cell(column, value) for column, value in zip(columns, row, strict=True)] for row in rows)


LAYOUT = Path(__file__).with_name("ledger.typ")
TYPESETTER = Path(__file__).with_name("typesetter.py")
PIECE_OF_PDF, SECONDS_OF_PDF = 500, 120
#: Kinds that stand right, and in the middle.
PLACES = {INT: "right", MONEY: "right", DATE: "center"}


def write_pdf(path: Path, columns: Sequence[Column], rows: Rows, *, sheet: str = "台账", mark: str = "") -> None:
    """A4 across, the head again on every page, the cells as on the screen; every PIECE_OF_PDF rows begin a page."""
    book, rows = pypdf.PdfWriter(), iter(rows)
    ledger: dict[str, Any] = {
        "title": sheet,
        "mark": mark,
        "widths": [column.width for column in columns],
        "places": [PLACES.get(column.kind, "left") for column in columns],
        "head": [
            [{"label": cell.label, "colspan": cell.colspan, "rowspan": cell.rowspan} for cell in line]
            for line in head_of(columns)
        ],
    }
    while (piece := list(itertools.islice(rows, PIECE_OF_PDF))) or not book.pages:
        ledger["first"] = len(book.pages) + 1
        ledger["rows"] = [[column.text(value) for column, value in zip(columns, row, strict=True)] for row in piece]
        asked = {"layout": str(LAYOUT), "fonts": [str(folder) for folder in font_folders()], "ledger": ledger}
        done = subprocess.run(
            [sys.executable, "-I", str(TYPESETTER)],
            input=json.dumps(asked).encode(), stdout=subprocess.PIPE, check=True, timeout=SECONDS_OF_PDF,
        )  # fmt: skip
        book.append(io.BytesIO(done.stdout))
    with open(path, "wb") as file:
        book.write(file)


WRITERS: dict[str, Writer] = {"xlsx": write_xlsx, "csv": write_csv, "pdf": write_pdf}
CONTENT_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
}


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A file without a name, under a path for this process alone: whatever kills it, nothing stays on the disk."""
    with tempfile.TemporaryFile() as file:
        path = Path(f"/proc/self/fd/{file.fileno()}")
        if path.exists():
            yield path
            return
    with tempfile.NamedTemporaryFile() as file:  # no /proc on this system
        yield Path(file.name)


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
