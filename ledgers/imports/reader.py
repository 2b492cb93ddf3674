"""The cells of an old ledger, read where a hostile file can do no harm.

A program of its own, like `disputes.examiner`: `ledgers.imports.reading` starts it with the file on standard input and
believes only its answer. It has no settings, no database, no key and no environment, and bounds on memory and time.

Answer on standard output, a line of JSON each: {"refused": reason}, or for every sheet a head ({"sheet": name, …}) and
then its rows from the first line on. A cell is null, a string, a number, or {"d": day in ISO}.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import resource
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from disputes.examiner import Refused, office, unless

MEMORY, SECONDS = 400 * 2**20, 30  # bytes of address space (the libraries alone map 150 MB), of processor time
MOST_ROWS, MOST_COLUMNS, MOST_SHEETS = 60_000, 200, 200
LONGEST_CELL = 32_767  # what a spreadsheet's cell holds
OLE = b"\xd0\xcf\x11\xe0"
#: Streams of an old container: an encrypted new workbook, macros.
LOCKED, MACROS = "EncryptedPackage".encode("utf-16-le"), "_VBA_PROJECT".encode("utf-16-le")
HIDDEN_ROW = re.compile(rb'<row\b[^>]*\bhidden="(?:1|true)"')
HIDDEN_COLUMN = re.compile(rb'<col\b(?=[^>]*\bhidden="(?:1|true)")(?=[^>]*\bmin="(\d+)")(?=[^>]*\bmax="(\d+)")')
PIECE, OVERLAP = 2**20, 512


def plain(value: Any) -> Any:
    """A cell as JSON holds it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, str):
        unless(len(value) <= LONGEST_CELL, "heavy")
        return value.replace("\0", "\ufffd")  # no database keeps it
    if isinstance(value, int | float):
        return value
    if isinstance(value, dt.datetime):
        return {"d": value.date().isoformat()}
    return {"d": value.isoformat()} if isinstance(value, dt.date) else str(value)


def hidden_in(content: bytes) -> dict[str, tuple[int, list[int]]]:
    """By the part's name: how many rows are hidden, and which columns (from 0)."""
    found: dict[str, tuple[int, list[int]]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/sheet"):
                continue
            columns: list[int] = []
            rows, tail = 0, b""
            with archive.open(name) as part:
                first = True
                while piece := part.read(PIECE):
                    if first:
                        for low, high in HIDDEN_COLUMN.findall(piece):
                            columns += range(int(low) - 1, min(int(high), MOST_COLUMNS))
                        first = False
                    whole = tail + piece
                    rows += sum(1 for hit in HIDDEN_ROW.finditer(whole) if hit.end() > len(tail))
                    tail = whole[-OVERLAP:]
            found[name] = rows, columns
    return found


def workbook(kind: str, content: bytes) -> Iterator[Any]:
    if kind == "xlsx":
        office("xlsx", content)
    else:
        unless(content.startswith(OLE), "type")
        unless(LOCKED not in content, "locked")
        unless(MACROS not in content, "program")
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    except Exception as error:
        raise Refused("locked" if "password" in str(error).lower() else "broken") from None
    sheets = [meta for meta in book.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
    unless(len(sheets) <= MOST_SHEETS, "rows")
    hidden = list(hidden_in(content).values()) if kind == "xlsx" else []
    left = MOST_ROWS
    for at, meta in enumerate(sheets):
        sheet = book.get_sheet_by_name(meta.name)
        end = sheet.end or (-1, -1)
        left -= end[0] + 1
        unless(left >= 0 and end[1] < MOST_COLUMNS, "rows")
        rows, columns = hidden[at] if len(hidden) == len(sheets) else (0, [])
        merges = [[*low, *high] for low, high in sheet.merged_cell_ranges or [] if low[0] <= end[0]]
        yield {
            "sheet": meta.name.replace("\0", "")[:100],
            "hidden": meta.visible != SheetVisibleEnum.Visible,
            "hidden_rows": rows,
            "hidden_columns": columns,
            "merges": merges[:MOST_ROWS],
        }
        if end[0] < 0:
            continue
        for row in sheet.to_python(skip_empty_area=False):
            yield [plain(value) for value in row]


def text(content: bytes) -> Iterator[Any]:
    """CSV in UTF-8, with or without BOM, UTF-16 with BOM, or GB18030; separated by commas, tabs or semicolons."""
    unless(not content.startswith((OLE, b"PK\x03\x04", b"%PDF", b"\x7fELF", b"MZ")), "type")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        unless(b"\0" not in content, "type")
        encodings = ["utf-8-sig", "gb18030"]
    told = None
    for name in encodings:
        try:
            told = content.decode(name)
            break
        except UnicodeDecodeError:
            continue
    unless(told is not None, "encoding")
    assert told is not None
    unless(not re.match(r"\s*<(!doctype|html|\?xml)", told, re.IGNORECASE), "type")
    start = told[:20_000]
    separator = max(",\t;", key=start.count)
    csv.field_size_limit(LONGEST_CELL)
    yield {"sheet": "", "hidden": False, "hidden_rows": 0, "hidden_columns": [], "merges": []}
    try:
        for n, row in enumerate(csv.reader(io.StringIO(told, newline=""), delimiter=separator)):
            unless(n < MOST_ROWS and len(row) <= MOST_COLUMNS, "rows")
            yield [plain(value) for value in row]
    except csv.Error:
        raise Refused("broken") from None


def answers(kind: str, content: bytes) -> Iterator[Any]:
    try:
        yield from text(content) if kind == "csv" else workbook(kind, content)
    except Refused as refused:
        yield {"refused": str(refused)}
    except MemoryError:
        yield {"refused": "heavy"}
    except Exception:
        yield {"refused": "broken"}


def main() -> None:
    warnings.simplefilter("ignore")
    for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_FSIZE, 0),
                       (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_CORE, 0)):  # fmt: skip
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))
    content, out = sys.stdin.buffer.read(), sys.stdout
    for answer in answers(sys.argv[1], content):
        out.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    main()
